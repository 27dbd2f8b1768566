"""`python -m tempmaild.store` is the writer process, started by the daemon."""

from tempmaild.store.writer import main

if __name__ == "__main__":
    main()
