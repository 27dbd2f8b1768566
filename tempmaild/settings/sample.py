"""Writes the sample configuration, `config/tempmaild.toml`, from the tree."""

import inspect
import textwrap

from tempmaild.settings.options import OPTIONS, SECTIONS, Option

_WIDTH = 100
_INTRODUCTION = """\
# Settings of tempmaild. Every option stands here with its default: take away its # to change it.
# Sizes are bytes as a number, or text such as "10 MiB"; times are seconds.
# An environment variable such as TEMPMAILD_SMTP_MAX_RECIPIENTS=50 overrides this file.
# `tempmaild check-config` tells everything that is wrong.
#
# `systemctl reload tempmaild` has changes in force for whoever comes from then on. What "needs a
# restart" stays as it is until `systemctl restart tempmaild`; the log (restart-needed) and
# `tempmaild alert show` name it. The console reads the settings only when it starts, so that any
# change needs `systemctl restart tempmaild-admin`.
"""


def sample() -> str:
    """Give the text of a configuration file that explains every option and changes none."""
    return "\n".join([_INTRODUCTION, *map(_section, SECTIONS)])


def _section(name: str) -> str:
    options = [_option(option) for option in OPTIONS.values() if option.section == name]
    return "\n".join([f"{_comment(inspect.getdoc(SECTIONS[name]) or '')}[{name}]\n", *options])


def _option(option: Option) -> str:
    notes = [f"Allowed: {option.allowed}."] if option.allowed else []
    if option.needs_restart:
        notes.append("Needs a restart.")
    default = f"{option.name} = {option.toml(option.field.default)}"
    if len(default) >= _WIDTH:
        default = _in_lines(default)
    return _comment(option.field.description or "") + _comment(" ".join(notes)) + textwrap.indent(default, "#") + "\n"


def _in_lines(default: str) -> str:
    """Write a long list in several lines; no item of a default has a space in it."""
    start, items = default.removesuffix("]").split("[", 1)
    lines = textwrap.fill(items, _WIDTH - 6, break_long_words=False, break_on_hyphens=False)
    return f"{start}[\n{textwrap.indent(lines, '    ')}\n]"


def _comment(text: str) -> str:
    return textwrap.indent(textwrap.fill(text, _WIDTH - 2, break_on_hyphens=False) + "\n" if text else "", "# ")
