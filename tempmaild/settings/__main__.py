"""`python -m tempmaild.settings > config/tempmaild.toml` writes the sample configuration."""

import sys

from tempmaild.settings import sample

sys.stdout.write(sample())
