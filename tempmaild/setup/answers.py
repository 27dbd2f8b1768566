"""What has to be decided for an installation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from psycopg.conninfo import conninfo_to_dict

from tempmaild.core.address import normalise_domain
from tempmaild.errors import InvalidAddress, InvalidValue
from tempmaild.settings.values import (
    parse_alert_url,
    parse_database_url,
    parse_host_name,
    parse_optional_address,
    parse_server,
    parse_web_address,
)

if TYPE_CHECKING:
    from collections.abc import Callable

LIVE = Path("/etc/letsencrypt/live")
"""Where certbot keeps the certificates in force, a folder for each."""


class Answers(NamedTuple):
    """What was decided; each is as text, "" for none.

    Attributes:
        host: the full name of this host.
        domain: the first domain whose mail is taken.
        certificate: its PEM file with those of its issuers.
        key: the PEM file of its private key.
        database: a PostgreSQL URL; "" for SQLite.
        clamd: where clamd listens.
        operator: the mailbox that gets mail for postmaster and the like.
        console: the address under which people open the console.
        alerts: apprise's URLs, with spaces between them, of who is told when something is not well.
    """

    host: str
    domain: str = ""
    certificate: str = ""
    key: str = ""
    database: str = ""
    clamd: str = ""
    operator: str = ""
    console: str = ""
    alerts: str = ""

    @property
    def has_password(self) -> bool:
        """Whether the database's URL is a secret."""
        return bool(self.database) and bool(conninfo_to_dict(self.database).get("password"))


def checked(answers: Answers) -> Answers:
    """Give the answers in their shortest form.

    Raises:
        InvalidValue: one of them is impossible.
    """
    made = {field: check(field, getattr(answers, field)) for field, check in _CHECKS.items()}
    for one, other in (("certificate", "key"), ("key", "certificate")):
        if made[one] and not made[other]:
            raise InvalidValue(other, f"belongs to the {one}, and is not given")
    answers = Answers(**made)
    if answers.operator and not answers.domain:
        raise InvalidValue("operator", "needs a domain that it is in")
    return answers


def certbot_files(host: str, live: Path = LIVE) -> tuple[str, str]:
    """Give certbot's certificate and key for a name, as programs are to name them; "" where there are none."""
    folder = live / host
    names = ("fullchain.pem", "privkey.pem")
    found = all((folder / name).exists() for name in names)
    return (str(LIVE / host / names[0]), str(LIVE / host / names[1])) if found else ("", "")


def _parsed(parse: Callable[[str], object]) -> Callable[[str, str], str]:
    def check(field: str, text: str) -> str:
        try:
            parsed = parse(text)
        except ValueError as error:
            raise InvalidValue(field, str(error)) from None
        return "" if parsed is None else str(parsed)

    return check


def _host(text: str) -> str:
    name = parse_host_name(text)
    if "." not in name:
        raise ValueError(f"{name} is not the full name of a host, such as mx.example.org")
    return name


def _domain(text: str) -> str:
    try:
        return normalise_domain(text) if text else ""
    except InvalidAddress as error:
        raise ValueError(str(error)) from None


def _file(text: str) -> str:
    if text and not Path(text).is_absolute():
        raise ValueError(f"{text} is not a path from the root")
    return text


def _database(text: str) -> str:
    try:
        conninfo_to_dict(parse_database_url(text))
    except ValueError:
        raise
    except Exception:  # psycopg.ProgrammingError, whose text may repeat a password
        raise ValueError("this is not the URL of a PostgreSQL database") from None
    return text


_CHECKS = {
    "host": _parsed(_host),
    "domain": _parsed(_domain),
    "certificate": _parsed(_file),
    "key": _parsed(_file),
    "database": _parsed(_database),
    "clamd": _parsed(parse_server),
    "operator": _parsed(parse_optional_address),
    "console": _parsed(lambda text: parse_web_address(text) if text else ""),
    "alerts": _parsed(lambda text: " ".join(map(parse_alert_url, text.split()))),
}
