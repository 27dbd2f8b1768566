"""Builds the IMAP session of each new connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.imap.dialogue import Rules, Shared
from tempmaild.imap.keywords import ToldKeywords
from tempmaild.imap.session import ImapSession
from tempmaild.log import get_log

if TYPE_CHECKING:
    from collections.abc import Callable

    from tempmaild.net.conversation import Memory, Peer
    from tempmaild.service.lifetimes import Lifetimes
    from tempmaild.service.limits import Limiter
    from tempmaild.service.logins import Logins
    from tempmaild.settings import Settings

TURNED_AWAY = b"* BYE [UNAVAILABLE] Too many connections; please try again later\r\n"
"""What a client is told for whom there is no session."""


def session_factory(
    settings: Settings,
    logins: Logins,
    lifetimes: Lifetimes,
    limiter: Limiter,
    memory: Memory,
    clock: Callable[[], float],
) -> Callable[[Peer, str], ImapSession]:
    """Give what makes a session for a client and the session's id."""
    rules = Rules(
        plaintext=settings.login.plaintext,
        tls_available=settings.tls.certificate is not None,
        login_seconds=settings.imap.login_seconds,
        idle_seconds=settings.imap.idle_seconds,
        search_seconds=settings.imap.search_seconds,
    )
    shared = Shared(rules, logins, lifetimes, limiter, memory, clock, ToldKeywords())
    log = get_log("imap")

    def make(peer: Peer, session_id: str) -> ImapSession:
        return ImapSession(peer, session_id, log.bind(session=session_id, peer=peer.address), shared)

    return make
