"""`python -m tempmaild.checks` is a process that checks mail, started by the daemon."""

from tempmaild.checks.process import main

if __name__ == "__main__":
    main()
