"""Every parser of ours for what comes from outside, fed with damaged input: `make fuzz`, and shortly in each run."""
