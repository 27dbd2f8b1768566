"""tempmaild: a disposable-mail appliance."""

__version__ = "0.1.0"
