"""What a daemon that runs goes by once its settings were read again."""

from typing import Any

from tempmaild.settings.options import OPTIONS
from tempmaild.settings.tree import Settings


def reloaded(running: Settings, wanted: Settings) -> tuple[Settings, tuple[str, ...]]:
    """Give what a daemon goes by from now on, and the keys of the options that wait for a restart.

    These keep their values in it: what is old in one place and new in another would be neither.

    Args:
        running: what it goes by.
        wanted: what was read.
    """
    options = [option for option in OPTIONS.values() if option.needs_restart]
    waiting = [option for option in options if option.of(running) != option.of(wanted)]
    kept: dict[str, dict[str, Any]] = {}
    for option in waiting:
        kept.setdefault(option.section, {})[option.name] = option.of(running)
    sections = {name: getattr(wanted, name).model_copy(update=values) for name, values in kept.items()}
    return wanted.model_copy(update=sections), tuple(option.key for option in waiting)
