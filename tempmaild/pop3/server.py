"""Builds the POP3 session of each new connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.log import get_log
from tempmaild.pop3.session import Pop3Session, Rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from tempmaild.net.conversation import Peer
    from tempmaild.service.limits import Limiter
    from tempmaild.service.logins import Logins
    from tempmaild.settings import Settings

TURNED_AWAY = b"-ERR [SYS/TEMP] Too many connections; please try again later\r\n"
"""What a client is told for whom there is no session."""


def session_factory(
    settings: Settings, logins: Logins, limiter: Limiter, clock: Callable[[], float]
) -> Callable[[Peer, str], Pop3Session]:
    """Give what makes a session for a client and the session's id."""
    rules = Rules(
        host_name=settings.host.name,
        plaintext=settings.login.plaintext,
        tls_available=settings.tls.certificate is not None,
        login_seconds=settings.pop3.login_seconds,
        idle_seconds=settings.pop3.idle_seconds,
    )
    log = get_log("pop3")

    def make(peer: Peer, session_id: str) -> Pop3Session:
        session_log = log.bind(session=session_id, peer=peer.address)
        return Pop3Session(peer, session_id, session_log, rules, logins, limiter, clock)

    return make
