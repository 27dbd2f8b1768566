"""The settings of the console."""

from urllib.parse import urlsplit

from pydantic import Field

from tempmaild.settings.section import Section
from tempmaild.settings.values import DAY, KIB, MIB, Count, Seconds, Size, TcpAddress, TcpOnly, WebAddress


class Admin(Section):
    """The operators' console, a process of its own: `tempmaild-admin`, which needs a restart for all of it."""

    listen: TcpOnly = Field(
        TcpAddress("127.0.0.1", 8025),
        description="The address to listen on, HTTP without TLS: a web server stands in front (config/nginx.conf).",
    )
    url: WebAddress = Field(
        "http://127.0.0.1:8025",
        description="The address under which people open it. Requests for any other name are refused; with https, "
        "cookies are sent over TLS alone.",
    )
    behind_proxy: bool = Field(
        False, description="Whether a web server stands in front of it, which tells the client in X-Forwarded-For."
    )
    threads: Count = Field(4, ge=1, le=64, description="Requests that are served at the same time.")
    max_request_bytes: Size = Field(
        8 * MIB, ge=64 * KIB, le=256 * MIB, description="The largest request, such as a list that is imported."
    )
    session_idle_seconds: Seconds = Field(
        3600, ge=60, le=30 * DAY, description="How long somebody who does nothing stays signed in."
    )
    session_seconds: Seconds = Field(DAY, ge=60, le=90 * DAY, description="How long anybody stays signed in.")
    require_totp: bool = Field(
        False, description="Whether people can do nothing before they have set up a second factor (RFC 6238)."
    )

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names, with ports, that requests may be for."""
        return (urlsplit(self.url).netloc,)

    @property
    def is_secure(self) -> bool:
        """Whether people come over TLS."""
        return self.url.startswith("https:")
