"""The console in a real browser: a walk through it, and each page as it is seen."""
