"""The tree of settings: every option with its default, bounds and help, and nothing else; `checks` has more of it.

Numbers in `_seconds` are seconds, those in `_bytes` bytes (octets). The class docstrings and the descriptions are
the comments of `config/tempmaild.toml`, so they speak to the operator.
"""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal

from pydantic import Field

from tempmaild.settings.admin import Admin
from tempmaild.settings.alerts import Alerts
from tempmaild.settings.checks import (
    Arc,
    Attachments,
    Blocklists,
    Checks,
    Clamav,
    Client,
    Dkim,
    Dmarc,
    Dns,
    Spam,
    Spf,
)
from tempmaild.settings.mail_log import MailLog
from tempmaild.settings.metrics import Metrics
from tempmaild.settings.section import AtStart, Section
from tempmaild.settings.values import (
    DAY,
    GIB,
    KIB,
    MIB,
    Addresses,
    Count,
    DatabaseUrl,
    Folder,
    HostName,
    Networks,
    OptionalMailboxAddress,
    OptionalPath,
    RedisUrl,
    Seconds,
    Size,
    TcpAddress,
)

_LISTEN = "Addresses to listen on: HOST:PORT, [IPV6]:PORT or unix:PATH. [::] takes IPv4 connections as well."
_LISTEN_TLS = "Addresses that speak TLS from the first byte (RFC 8314); they need [tls]. Usually {address}."
_LOGIN = "How long a client may take from connecting to logging in."


class Host(Section):
    """This host."""

    name: AtStart[HostName] = Field(
        "localhost",
        description="The full name of this host, as in its MX record. It stands in greetings, in Received lines "
        "and, as the name of who checked the mail, in Authentication-Results.",
    )
    state: AtStart[Folder] = Field(
        Path("/var/lib/tempmaild"),
        description="The folder of everything that has to survive a restart. Seen from the folder of this file; "
        "all other relative paths are seen from here.",
    )


class Log(Section):
    """What is written to standard error, and so to the journal."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least important lines to write: debug, info, warning or error."
    )
    format: AtStart[Literal["text", "json"]] = Field(
        "text", description="text for people, json (one object a line) for machines."
    )


class Store(Section):
    """Where mail is kept."""

    url: AtStart[DatabaseUrl] = Field(
        "",
        repr=False,  # it may hold a password
        description='"" for SQLite in the file tempmaild.db in host.state, or a PostgreSQL URL, which several '
        "hosts can share: postgresql://user:password@host/database.",
    )
    group_messages: AtStart[Count] = Field(
        200,
        ge=1,
        le=10_000,
        description="Messages that wait together are made durable together: at most so many at once.",
    )
    group_bytes: AtStart[Size] = Field(
        8 * MIB, ge=64 * KIB, le=GIB, description="… and, beyond the first message, at most so much at once."
    )
    minimum_free_disk_bytes: Size = Field(
        256 * MIB,
        ge=MIB,
        le=1024 * GIB,
        description="With less free space than this in host.state, senders are asked to come back (452 4.3.1).",
    )
    readers: AtStart[Count] = Field(
        8, ge=1, le=256, description="Threads, each with a connection of its own, that read from PostgreSQL."
    )


class Tls(Section):
    """The certificate for STARTTLS and for all listen_tls addresses. Without one there is no TLS."""

    certificate: OptionalPath = Field(
        None, description="PEM file of the certificate, followed by the certificates of its issuers."
    )
    key: OptionalPath = Field(None, description="PEM file of the private key, without a passphrase.")


class Limits(Section):
    """What clients may use up, over all protocols."""

    connections: Count = Field(10_000, ge=1, le=1_000_000, description="Connections open at once.")
    connections_per_network: Count = Field(
        100, ge=1, le=1_000_000, description="Connections open at once from one network."
    )
    ipv4_prefix: Count = Field(
        32, ge=8, le=32, description="The size of one network in IPv4; 32 is a single address."
    )
    ipv6_prefix: Count = Field(
        64, ge=16, le=128, description="The size of one network in IPv6; 64 is one household or server."
    )
    memory_bytes: Size = Field(
        512 * MIB,
        ge=MIB,
        le=1024 * GIB,
        description="Message data in memory at once; beyond it, senders are asked to come back (452 4.3.1).",
    )
    trusted_networks: Networks = Field(
        (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")),
        description="Networks without limits per network.",
    )
    redis_url: AtStart[RedisUrl] = Field(
        "",
        repr=False,  # it may hold a password
        description='Where several hosts count together what `tempmaild limit` limits: "" for each by itself, or '
        "redis://user:password@host:port/number, rediss:// with TLS, redis+unix:///path. While Redis does not "
        "answer, each counts by itself.",
    )


class Proxy(Section):
    """A load balancer in front, which tells the client's address by the PROXY protocol."""

    trusted: Networks = Field(
        (),
        description="Networks of the balancers. Their connections have to begin with a PROXY header (version 1 "
        "or 2), which is believed; nobody else's is.",
    )


class Smtp(Section):
    """Mail in from other hosts."""

    listen: AtStart[Addresses] = Field((TcpAddress("::", 25),), description=_LISTEN)
    listen_tls: AtStart[Addresses] = Field(
        (), description=_LISTEN_TLS.format(address="none: mail hosts use STARTTLS")
    )
    max_message_bytes: Size = Field(
        25 * MIB,
        ge=64 * KIB,  # RFC 5321 §4.5.3.1.7
        le=GIB,
        description="The largest message that is taken, by SMTP, LMTP or IMAP APPEND.",
    )
    max_recipients: Count = Field(
        100, ge=1, le=10_000, description="Recipients of one message; RFC 5321 asks for 100."
    )
    max_received: Count = Field(
        50, ge=1, le=1000, description="A message with more Received lines than this is going round in circles."
    )
    bare_newline: Literal["normalise", "refuse"] = Field(
        "normalise",
        description="A line that ends in a bare CR or LF is no end of line (RFC 5321 §2.3.8) and can smuggle "
        "mail. normalise makes it data of the message, never its end; refuse refuses the message.",
    )
    max_data_line_bytes: Size = Field(
        64 * KIB,
        ge=1000,  # RFC 5321 §4.5.3.1.6
        le=16 * MIB,
        description="The longest line of a message. RFC 5321 allows 1000; real mail has longer ones.",
    )
    soft_errors: Count = Field(
        10, ge=1, le=1000, description="After so many refused commands, answers to a client are slowed down."
    )
    hard_errors: Count = Field(
        20, ge=1, le=1000, description="After so many refused commands, the client is disconnected (421)."
    )
    idle_seconds: Seconds = Field(
        300, ge=10, le=DAY, description="How long a client may be silent; RFC 5321 §4.5.3.2.7 asks for 300."
    )
    data_seconds: Seconds = Field(600, ge=10, le=DAY, description="How long one message may take to arrive.")
    minimum_data_rate_bytes: Size = Field(
        100, ge=0, le=MIB, description="Bytes a second; a client that sends a message more slowly is disconnected."
    )
    max_messages_per_connection: Count = Field(
        1000, ge=0, le=999_999, description="Messages in one connection (RFC 9422 MAILMAX); 0 is no limit."
    )


class Lmtp(Section):
    """Mail in from a mail host of your own, such as Postfix (RFC 2033). All else is as in [smtp]."""

    listen: AtStart[Addresses] = Field((), description=_LISTEN)
    max_recipients: Count = Field(1000, ge=1, le=10_000, description="Recipients of one message.")
    idle_seconds: Seconds = Field(300, ge=10, le=DAY, description="How long a client may be silent.")


class Imap(Section):
    """Mail out to mail clients that keep it on the server."""

    listen: AtStart[Addresses] = Field((TcpAddress("::", 143),), description=_LISTEN)
    listen_tls: AtStart[Addresses] = Field((), description=_LISTEN_TLS.format(address='["[::]:993"]'))
    idle_seconds: Seconds = Field(
        1800,
        ge=1800,
        le=7 * DAY,
        description="How long a client may be silent; RFC 9051 §5.4 asks for at least 1800.",
    )
    login_seconds: Seconds = Field(60, ge=5, le=3600, description=_LOGIN)
    search_seconds: Seconds = Field(
        10,
        ge=1,
        le=3600,
        description="How long one SEARCH may look into messages; then it is refused (NO [LIMIT]). Sealed mail has no "
        "index: each message is unsealed and read anew.",
    )


class Pop3(Section):
    """Mail out to clients that fetch it."""

    listen: AtStart[Addresses] = Field((TcpAddress("::", 110),), description=_LISTEN)
    listen_tls: AtStart[Addresses] = Field((), description=_LISTEN_TLS.format(address='["[::]:995"]'))
    idle_seconds: Seconds = Field(
        600, ge=600, le=DAY, description="How long a client may be silent; RFC 1939 §3 asks for at least 600."
    )
    login_seconds: Seconds = Field(60, ge=5, le=3600, description=_LOGIN)


class Reading(Section):
    """The processes in which mailboxes are read, by IMAP and POP3."""

    processes: AtStart[Count] = Field(
        2,
        ge=0,
        le=64,
        description="How many there are beside the daemon's own, which then only takes mail; more than processors "
        "are of no use. 0 has the daemon do it all, which saves some 45 MB for each.",
    )


class Login(Section):
    """How clients log in."""

    plaintext: Literal["never", "local", "always"] = Field(
        "local",
        description="Whether a password is taken on a connection without TLS: never, local (when the client is "
        "on this host) or always.",
    )


class Mailbox(Section):
    """Mailboxes, where their domain says nothing else."""

    lifetime_seconds: Seconds = Field(
        DAY, ge=60, le=3650 * DAY, description="How long a new mailbox lives; 86400 is a day."
    )
    quarantine_seconds: Seconds = Field(
        30 * DAY,
        ge=0,
        le=3650 * DAY,
        description="How long the address of a destroyed mailbox stays unused; 2592000 is 30 days.",
    )
    clock_tolerance_seconds: AtStart[Seconds] = Field(
        7 * DAY,
        ge=3600,
        le=3650 * DAY,
        description="A daemon that starts believes the clock of its host only up to this long after any daemon last "
        "ran; otherwise time goes on from then until the operator says `tempmaild clock accept`. So a clock that is "
        "wrong by a year destroys nothing. 604800 is a week.",
    )
    operator: OptionalMailboxAddress = Field(
        "",
        description="The address, on this host, of the mailbox that gets mail to postmaster@, abuse@ and the other "
        "roles of RFC 2142 where their domain names no other. Make it with `tempmaild mailbox create`.",
    )


class Shutdown(Section):
    """The end of the daemon."""

    grace_seconds: Seconds = Field(
        20, ge=0, le=3600, description="How long messages under way may take to finish once it is told to stop."
    )


class Settings(Section):
    """All settings. `load` gives every path in it as an absolute one."""

    host: Host = Host()
    log: Log = Log()
    store: Store = Store()
    tls: Tls = Tls()
    limits: Limits = Limits()
    proxy: Proxy = Proxy()
    smtp: Smtp = Smtp()
    lmtp: Lmtp = Lmtp()
    imap: Imap = Imap()
    pop3: Pop3 = Pop3()
    reading: Reading = Reading()
    login: Login = Login()
    mailbox: Mailbox = Mailbox()
    dns: Dns = Dns()
    checks: Checks = Checks()
    spf: Spf = Spf()
    dkim: Dkim = Dkim()
    arc: Arc = Arc()
    dmarc: Dmarc = Dmarc()
    client: Client = Client()
    blocklists: Blocklists = Blocklists()
    attachments: Attachments = Attachments()
    clamav: Clamav = Clamav()
    spam: Spam = Spam()
    mail_log: MailLog = MailLog()
    admin: Admin = Admin()
    metrics: Metrics = Metrics()
    alerts: Alerts = Alerts()
    shutdown: Shutdown = Shutdown()

    @property
    def sqlite_path(self) -> Path:
        """The database file that is used while `store.url` is empty."""
        return self.host.state / "tempmaild.db"

    @property
    def signing_key_path(self) -> Path:
        """The file of the key that receipts are signed with."""
        return self.host.state / "receipts.key"

    @property
    def admin_key_path(self) -> Path:
        """The file of the key that the console signs its cookies with."""
        return self.host.state / "admin.key"
