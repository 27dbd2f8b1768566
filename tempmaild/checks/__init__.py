"""What is found out about mail that arrives, in a process of its own: `python -m tempmaild.checks`."""
