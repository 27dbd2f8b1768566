"""SMTP and LMTP sessions for new clients, as the settings want them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tempmaild.smtp.dialogue import Rules
from tempmaild.smtp.session import SmtpSession

if TYPE_CHECKING:
    from collections.abc import Callable

    from tempmaild.log import Log
    from tempmaild.net.conversation import Memory, Peer
    from tempmaild.settings import Settings
    from tempmaild.smtp.dialogue import Services

TURNED_AWAY = b"421 4.7.0 Too many connections; please try again later\r\n"
"""What a client is told for whom there is no session (RFC 5321 §3.1)."""


def session_factory(
    settings: Settings,
    services: Services,
    memory: Memory,
    clock: Callable[[], float],
    log: Log,
    *,
    lmtp: bool = False,
) -> Callable[[Peer, str], SmtpSession]:
    """Give what makes the session for a new client."""
    rules = rules_of(settings, lmtp=lmtp)
    return partial(SmtpSession, log=log, rules=rules, services=services, memory=memory, clock=clock)


def rules_of(settings: Settings, *, lmtp: bool) -> Rules:
    """Read the rules of a session from the settings."""
    smtp = settings.smtp
    return Rules(
        host=settings.host.name,
        lmtp=lmtp,
        offers_tls=settings.tls.certificate is not None,
        largest_message=smtp.max_message_bytes,
        most_recipients=settings.lmtp.max_recipients if lmtp else smtp.max_recipients,
        most_messages=smtp.max_messages_per_connection,
        most_received=smtp.max_received,
        longest_data_line=smtp.max_data_line_bytes,
        refuses_bare_newlines=smtp.bare_newline == "refuse",
        soft_errors=smtp.soft_errors,
        hard_errors=smtp.hard_errors,
        patience=settings.lmtp.idle_seconds if lmtp else smtp.idle_seconds,
        data_patience=smtp.data_seconds,
        minimum_rate=smtp.minimum_data_rate_bytes,
    )
