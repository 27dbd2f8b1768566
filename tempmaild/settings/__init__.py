"""The settings: one typed tree, read from a TOML file and the environment; every problem is reported at once.

    settings = load(Path("/etc/tempmaild/tempmaild.toml"), os.environ)
    settings.smtp.max_recipients

`tree` holds every option with its default, bounds and help; `values` reads the kinds of text an option can
hold; `options` is the tree as a flat table; `conflicts` compares options with each other; `document` reads the file;
`loader` puts these together; `reloading` says what of them needs a restart; `sample` writes `config/tempmaild.toml`.
"""

from tempmaild.settings.loader import SettingsError, load
from tempmaild.settings.reloading import reloaded
from tempmaild.settings.sample import sample
from tempmaild.settings.tree import Settings
from tempmaild.settings.values import Address, Network, TcpAddress, UnixAddress, is_among

__all__ = [
    "Address",
    "Network",
    "Settings",
    "SettingsError",
    "TcpAddress",
    "UnixAddress",
    "is_among",
    "load",
    "reloaded",
    "sample",
]
