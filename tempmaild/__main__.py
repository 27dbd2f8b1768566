"""`python -m tempmaild` is the `tempmaild` command."""

from tempmaild.cli import main

if __name__ == "__main__":
    main()
