"""The tree of settings: every option with its default, bounds and help, and nothing else.

Numbers in `_seconds` are seconds, those in `_bytes` bytes (octets). The class docstrings and the descriptions are
the comments of `config/tempmaild.toml`, so they speak to the operator.
"""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tempmaild.settings.filters import BlockLists, OptionalSpamFilter
from tempmaild.settings.values import (
    Addresses,
    Count,
    DatabaseUrl,
    DnsServers,
    Extensions,
    Folder,
    HostName,
    MediaTypes,
    Networks,
    Number,
    OptionalAddress,
    OptionalMailboxAddress,
    OptionalPath,
    RedisUrl,
    Seconds,
    Size,
    TcpAddress,
)

_KIB = 2**10
_MIB = 2**20
_GIB = 2**30
_DAY = 86_400

_LISTEN = "Addresses to listen on: HOST:PORT, [IPV6]:PORT or unix:PATH. [::] takes IPv4 connections as well."
_LISTEN_TLS = "Addresses that speak TLS from the first byte (RFC 8314); they need [tls]. Usually {address}."
_LOGIN = "How long a client may take from connecting to logging in."

_EXTENSIONS = (
    # What Gmail blocks,
    "ade adp apk appx appxbundle bat cab chm cmd com cpl diagcab diagcfg diagpkg dll dmg ex ex_ exe hta img ins iso "
    "isp jar jnlp js jse lib lnk mde mjs msc msi msix msixbundle msp mst nsh pif ps1 scr sct shb sys vb vbe vbs vhd "
    "vxd wsc wsf wsh xll "
    # what Outlook blocks beyond that, as far as opening it runs or mounts it,
    "appcontent-ms appref-ms application bas clsid crx gadget hlp inf its library-ms mcf msh msh1 msh2 msu ps1xml "
    "ps2 psc1 psc2 psd1 psm1 reg scf search-ms settingcontent-ms shs theme url vhdx vsmacros ws xbap "
    # and what runs or hides programs in the same way.
    "ace cdxml class daa desktop ocx pyz pyzw udf vmdk wim"
)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Host(_Section):
    """This host."""

    name: HostName = Field(
        "localhost",
        description="The full name of this host, as in its MX record. It stands in greetings, in Received lines "
        "and, as the name of who checked the mail, in Authentication-Results.",
    )
    state: Folder = Field(
        Path("/var/lib/tempmaild"),
        description="The folder of everything that has to survive a restart. Seen from the folder of this file; "
        "all other relative paths are seen from here.",
    )


class Log(_Section):
    """What is written to standard error, and so to the journal."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least important lines to write: debug, info, warning or error."
    )
    format: Literal["text", "json"] = Field(
        "text", description="text for people, json (one object a line) for machines."
    )


class Store(_Section):
    """Where mail is kept."""

    url: DatabaseUrl = Field(
        "",
        repr=False,  # it may hold a password
        description='"" for SQLite in the file tempmaild.db in host.state, or a PostgreSQL URL, which several '
        "hosts can share: postgresql://user:password@host/database.",
    )
    group_messages: Count = Field(
        200,
        ge=1,
        le=10_000,
        description="Messages that wait together are made durable together: at most so many at once.",
    )
    group_bytes: Size = Field(
        8 * _MIB, ge=64 * _KIB, le=_GIB, description="… and, beyond the first message, at most so much at once."
    )
    minimum_free_disk_bytes: Size = Field(
        256 * _MIB,
        ge=_MIB,
        le=1024 * _GIB,
        description="With less free space than this in host.state, senders are asked to come back (452 4.3.1).",
    )
    readers: Count = Field(
        8, ge=1, le=256, description="Threads, each with a connection of its own, that read from PostgreSQL."
    )


class Tls(_Section):
    """The certificate for STARTTLS and for all listen_tls addresses. Without one there is no TLS."""

    certificate: OptionalPath = Field(
        None, description="PEM file of the certificate, followed by the certificates of its issuers."
    )
    key: OptionalPath = Field(None, description="PEM file of the private key, without a passphrase.")


class Limits(_Section):
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
        512 * _MIB,
        ge=_MIB,
        le=1024 * _GIB,
        description="Message data in memory at once; beyond it, senders are asked to come back (452 4.3.1).",
    )
    trusted_networks: Networks = Field(
        (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")),
        description="Networks without limits per network.",
    )
    redis_url: RedisUrl = Field(
        "",
        repr=False,  # it may hold a password
        description='Where several hosts count together what `tempmaild limit` limits: "" for each by itself, or '
        "redis://user:password@host:port/number, rediss:// with TLS, redis+unix:///path. While Redis does not "
        "answer, each counts by itself.",
    )


class Proxy(_Section):
    """A load balancer in front, which tells the client's address by the PROXY protocol."""

    trusted: Networks = Field(
        (),
        description="Networks of the balancers. Their connections have to begin with a PROXY header (version 1 "
        "or 2), which is believed; nobody else's is.",
    )


class Smtp(_Section):
    """Mail in from other hosts."""

    listen: Addresses = Field((TcpAddress("::", 25),), description=_LISTEN)
    listen_tls: Addresses = Field((), description=_LISTEN_TLS.format(address="none: mail hosts use STARTTLS"))
    max_message_bytes: Size = Field(
        25 * _MIB,
        ge=64 * _KIB,  # RFC 5321 §4.5.3.1.7
        le=_GIB,
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
        64 * _KIB,
        ge=1000,  # RFC 5321 §4.5.3.1.6
        le=16 * _MIB,
        description="The longest line of a message. RFC 5321 allows 1000; real mail has longer ones.",
    )
    soft_errors: Count = Field(
        10, ge=1, le=1000, description="After so many refused commands, answers to a client are slowed down."
    )
    hard_errors: Count = Field(
        20, ge=1, le=1000, description="After so many refused commands, the client is disconnected (421)."
    )
    idle_seconds: Seconds = Field(
        300, ge=10, le=_DAY, description="How long a client may be silent; RFC 5321 §4.5.3.2.7 asks for 300."
    )
    data_seconds: Seconds = Field(600, ge=10, le=_DAY, description="How long one message may take to arrive.")
    minimum_data_rate_bytes: Size = Field(
        100, ge=0, le=_MIB, description="Bytes a second; a client that sends a message more slowly is disconnected."
    )
    max_messages_per_connection: Count = Field(
        1000, ge=0, le=999_999, description="Messages in one connection (RFC 9422 MAILMAX); 0 is no limit."
    )


class Lmtp(_Section):
    """Mail in from a mail host of your own, such as Postfix (RFC 2033). All else is as in [smtp]."""

    listen: Addresses = Field((), description=_LISTEN)
    max_recipients: Count = Field(1000, ge=1, le=10_000, description="Recipients of one message.")
    idle_seconds: Seconds = Field(300, ge=10, le=_DAY, description="How long a client may be silent.")


class Imap(_Section):
    """Mail out to mail clients that keep it on the server."""

    listen: Addresses = Field((TcpAddress("::", 143),), description=_LISTEN)
    listen_tls: Addresses = Field((), description=_LISTEN_TLS.format(address='["[::]:993"]'))
    idle_seconds: Seconds = Field(
        1800,
        ge=1800,
        le=7 * _DAY,
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


class Pop3(_Section):
    """Mail out to clients that fetch it."""

    listen: Addresses = Field((TcpAddress("::", 110),), description=_LISTEN)
    listen_tls: Addresses = Field((), description=_LISTEN_TLS.format(address='["[::]:995"]'))
    idle_seconds: Seconds = Field(
        600, ge=600, le=_DAY, description="How long a client may be silent; RFC 1939 §3 asks for at least 600."
    )
    login_seconds: Seconds = Field(60, ge=5, le=3600, description=_LOGIN)


class Login(_Section):
    """How clients log in."""

    plaintext: Literal["never", "local", "always"] = Field(
        "local",
        description="Whether a password is taken on a connection without TLS: never, local (when the client is "
        "on this host) or always.",
    )


class Mailbox(_Section):
    """Mailboxes, where their domain says nothing else."""

    lifetime_seconds: Seconds = Field(
        _DAY, ge=60, le=3650 * _DAY, description="How long a new mailbox lives; 86400 is a day."
    )
    quarantine_seconds: Seconds = Field(
        30 * _DAY,
        ge=0,
        le=3650 * _DAY,
        description="How long the address of a destroyed mailbox stays unused; 2592000 is 30 days.",
    )
    clock_tolerance_seconds: Seconds = Field(
        7 * _DAY,
        ge=3600,
        le=3650 * _DAY,
        description="A daemon that starts believes the clock of its host only up to this long after any daemon last "
        "ran; otherwise time goes on from then until the operator says `tempmaild clock accept`. So a clock that is "
        "wrong by a year destroys nothing. 604800 is a week.",
    )
    operator: OptionalMailboxAddress = Field(
        "",
        description="The address, on this host, of the mailbox that gets mail to postmaster@, abuse@ and the other "
        "roles of RFC 2142 where their domain names no other. Make it with `tempmaild mailbox create`.",
    )


class Checks(_Section):
    """What is found out about mail that arrives. Each check has a section of its own; a domain may want otherwise."""

    enabled: bool = Field(True, description="Whether mail is checked at all.")
    processes: Count = Field(
        2, ge=1, le=64, description="Processes that check; a message that keeps one busy holds up no other then."
    )
    seconds: Seconds = Field(
        10,
        ge=1,
        le=300,
        description="How long everything that is found out about one message may take; then it is taken as if every "
        "check that has not ended had failed.",
    )
    relays: Networks = Field(
        (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")),
        description="Networks of hosts of your own that pass mail on to this one: their addresses and names say "
        "nothing of its senders. What comes by a Unix socket is passed on, too.",
    )


class Attachments(_Section):
    """Attachments that are not wanted, by their names and contents, also within zip, 7z, rar and tar archives."""

    enabled: bool = Field(True, description="Whether attachments are looked at.")
    action: Literal["mark", "junk", "strip", "refuse"] = Field(
        "refuse",
        description="What is done with mail that has one: mark (headers and keywords tell), junk (it goes to Junk), "
        "strip (a note takes its place) or refuse (550).",
    )
    failing: Literal["mark", "junk", "later"] = Field(
        "junk", description="What is done when it cannot be found out: mark, junk or later (451, try again)."
    )
    seconds: Seconds = Field(5, ge=1, le=300, description="How long the attachments of one message may take.")
    extensions: Extensions = Field(
        tuple(_EXTENSIONS.split()),
        description="Extensions of names, without the dot. clsid stands for a class id in braces, by which Windows "
        "finds a program, too. Names within archives count as well.",
    )
    types: MediaTypes = Field(
        (
            "application/hta",
            "application/java-archive",
            "application/java-vm",
            "application/vnd.ms-cab-compressed",
            "application/vnd.ms-htmlhelp",
            "application/x-apple-diskimage",
            "application/x-iso9660-image",
            "application/x-ms-installer",
            "application/x-ms-shortcut",
            "application/x-msdownload",
            "application/x-vhd",
            "application/x-vhdx",
            "text/vbscript.encode",
            "text/x-ms-regedit",
        ),
        description="Types of content, whatever the name. What the content itself shows: application/x-msdownload "
        "(programs for Windows and DOS), application/x-executable (for Linux), application/x-mach-binary "
        "(for macOS), application/x-ms-installer, application/x-ms-shortcut, application/java-vm, "
        "application/vnd.ms-htmlhelp, application/vnd.ms-cab-compressed, application/x-iso9660-image, "
        "application/x-vhd, application/x-vhdx, application/x-apple-diskimage, text/vbscript.encode, "
        "text/x-ms-regedit, text/x-shellscript. Any other type counts where the header of the part names "
        "it.",
    )
    encrypted: Literal["mark", "junk", "strip", "refuse"] = Field(
        "mark", description="What is done about archives that are encrypted, broken, or too large to be listed."
    )


class Client(_Section):
    """The names of clients: the one in HELO, and the one that DNS has for the address, which must lead back to it."""

    enabled: bool = Field(True, description="Whether the names of clients are looked up.")
    action: Literal["mark", "junk", "refuse"] = Field(
        "mark",
        description="What is done with mail of a client that has none: mark (headers and keywords tell), junk (it "
        "goes to Junk) or refuse (550). Hosts of honest people have wrong names, too.",
    )
    failing: Literal["mark", "junk", "later"] = Field(
        "mark", description="What is done when it cannot be found out: mark, junk or later (451, try again)."
    )
    seconds: Seconds = Field(5, ge=1, le=300, description="How long it may take.")


class Blocklists(_Section):
    """Lists of others in DNS that name clients and domains (RFC 5782). Mind their terms of use."""

    enabled: bool = Field(True, description="Whether lists are asked.")
    action: Literal["mark", "junk", "refuse"] = Field(
        "refuse",
        description="What is done with mail of whom a list names: mark (headers and keywords tell), junk (it goes to "
        "Junk) or refuse (550).",
    )
    failing: Literal["mark", "junk", "later"] = Field(
        "mark", description="What is done when a list does not answer: mark, junk or later (451, try again)."
    )
    seconds: Seconds = Field(5, ge=1, le=300, description="How long all lists together may take.")
    dnsbl: BlockLists = Field(
        (),
        description="Lists of IP addresses. Each is a zone, followed by what is not usual: "
        '"zen.example.org codes=127.0.0.2-11 codes=127.0.0.20 action=junk seconds=2". codes are the answers that '
        "count; without any, all but those by which a list refuses to answer. action is the most that is done about "
        "what the list names (usually refuse), seconds (usually 3) how long it may take.",
    )
    domains: BlockLists = Field(
        (),
        description="Lists of domains, written likewise. The domains of the sender, in HELO, of the address's own "
        "name, and in From are looked up.",
    )


class Spam(_Section):
    """A spam filter of your own, rspamd or SpamAssassin's spamd."""

    enabled: bool = Field(True, description="Whether the filter is asked, where there is one.")
    action: Literal["mark", "junk", "refuse"] = Field(
        "junk",
        description="What is done with mail whose score reaches the threshold: mark (headers and keywords tell), "
        "junk (it goes to Junk) or refuse (550).",
    )
    failing: Literal["mark", "junk", "later"] = Field(
        "mark", description="What is done when the filter does not answer: mark, junk or later (451, try again)."
    )
    seconds: Seconds = Field(8, ge=1, le=300, description="How long the filter may take for a message.")
    address: OptionalSpamFilter = Field(
        None,
        description='"" for none, rspamd:127.0.0.1:11333 (its normal worker), spamd:127.0.0.1:783, or '
        "spamd:unix:/run/spamd.sock.",
    )
    threshold: Number = Field(
        15.0,
        ge=-1000,
        le=1000,
        allow_inf_nan=False,
        description="The score from which on mail is spam. By themselves, SpamAssassin marks from 5 on; rspamd marks "
        "from 6 on and refuses from 15 on.",
    )
    max_message_bytes: Size = Field(
        2 * _MIB, ge=64 * _KIB, le=_GIB, description="Larger messages are not shown to the filter: they take it long."
    )


class Clamav(_Section):
    """Malware, as ClamAV knows it. config/clamd.conf has the settings that clamd needs for it."""

    enabled: bool = Field(True, description="Whether mail is scanned, where there is a clamd.")
    action: Literal["mark", "junk", "strip", "refuse"] = Field(
        "refuse",
        description="What is done with mail that carries malware: mark (headers and keywords tell), junk (it goes to "
        "Junk), strip (a note takes the place of what is infected) or refuse (550).",
    )
    failing: Literal["mark", "junk", "later"] = Field(
        "later", description="What is done when clamd does not answer: mark, junk or later (451, try again)."
    )
    unscannable: Literal["mark", "junk", "strip", "refuse"] = Field(
        "junk",
        description="What is done with mail that clamd cannot look into: encrypted archives, and what exceeds its "
        "limits.",
    )
    seconds: Seconds = Field(8, ge=1, le=300, description="How long the scan of one message may take.")
    address: OptionalAddress = Field(
        None, description='Where clamd listens: "" for none, unix:/run/clamav/clamd.ctl, HOST:PORT or [IPV6]:PORT.'
    )
    connections: Count = Field(
        5,
        ge=1,
        le=1000,
        description="Connections of each checking process to clamd, and so messages that it scans at once; more than "
        "clamd's MaxThreads wait there.",
    )
    max_signature_age_days: Count = Field(
        7,
        ge=0,
        le=3650,
        description="The log warns when clamd's signatures are older than this; 0 is never.",
    )


class Dns(_Section):
    """How checks ask DNS. Recursive servers are asked, best one on this host or in its network."""

    servers: DnsServers = Field(
        (),
        description='IP addresses of the servers, best first; with a port as in "127.0.0.1:5353". None means those '
        "of /etc/resolv.conf, also when it changes.",
    )
    query_seconds: Seconds = Field(
        2,
        ge=1,
        le=4,  # a server that has come back is noticed after twice this time
        description="How long a server may take; then the next one is asked. Each is asked up to twice.",
    )
    seconds: Seconds = Field(5, ge=1, le=60, description="How long one question may take in all.")
    max_queries: Count = Field(
        400, ge=1, le=10_000, description="Questions that the servers are asked at once, by each process that checks."
    )
    cache_bytes: Size = Field(
        16 * _MIB,
        ge=_MIB,
        le=_GIB,
        description="Answers that are kept for as long as they hold, in each process that checks.",
    )


class Dmarc(_Section):
    """Whether the domain in From stands behind a message, by SPF or DKIM, and what its owner wants otherwise."""

    enabled: bool = Field(True, description="Whether DMARC is evaluated, from what [spf] and [dkim] find out.")
    action: Literal["mark", "junk", "refuse"] = Field(
        "junk",
        description="The most that is done with mail whose domain wants it rejected: mark (headers and keywords "
        "tell), junk (it goes to Junk) or refuse (550). What a domain wants quarantined goes to Junk at most.",
    )
    failing: Literal["mark", "junk", "later"] = Field(
        "mark", description="What is done when it cannot be found out: mark, junk or later (451, try again)."
    )
    seconds: Seconds = Field(5, ge=1, le=300, description="How long the policy of a domain may be looked for.")


class Spf(_Section):
    """Whether the client may send for the domains of MAIL FROM and HELO, as their owners say in DNS (RFC 7208)."""

    enabled: bool = Field(True, description="Whether SPF is checked.")
    action: Literal["mark", "junk", "refuse"] = Field(
        "mark",
        description="What is done with mail of a client that may not (fail): mark (headers and keywords tell), junk "
        "(it goes to Junk) or refuse (550). Forwarded mail fails, too, unless the forwarder rewrites the sender.",
    )
    failing: Literal["mark", "junk", "later"] = Field(
        "mark", description="What is done when DNS does not tell: mark, junk or later (451, try again)."
    )
    seconds: Seconds = Field(
        8, ge=1, le=300, description="How long it may take. RFC 7208 thinks of 20, but senders wait meanwhile."
    )


class Dkim(_Section):
    """Whether domains have signed a message, and whether it is still what they signed (RFC 6376)."""

    enabled: bool = Field(True, description="Whether DKIM signatures are verified.")
    action: Literal["mark", "junk", "refuse"] = Field(
        "mark",
        description="What is done with mail of which a signature fails and none passes: mark (headers and keywords "
        "tell), junk (it goes to Junk) or refuse (550). Mailing lists change what was signed, too.",
    )
    failing: Literal["mark", "junk", "later"] = Field(
        "mark",
        description="What is done when no signature passes and a key cannot be looked up: mark, junk or later "
        "(451, try again).",
    )
    seconds: Seconds = Field(8, ge=1, le=300, description="How long the signatures of one message may take.")


class Arc(_Section):
    """Whether what hosts on the way say that they found out is to be believed to be theirs (RFC 8617)."""

    enabled: bool = Field(True, description="Whether ARC chains are validated.")
    action: Literal["mark", "junk", "refuse"] = Field(
        "mark",
        description="What is done with mail whose chain fails: mark (headers and keywords tell), junk (it goes to "
        "Junk) or refuse (550). RFC 8617 wants such mail treated as if it had none.",
    )
    failing: Literal["mark", "junk", "later"] = Field(
        "mark", description="What is done when a key cannot be looked up: mark, junk or later (451, try again)."
    )
    seconds: Seconds = Field(8, ge=1, le=300, description="How long one chain may take.")


class Shutdown(_Section):
    """The end of the daemon."""

    grace_seconds: Seconds = Field(
        20, ge=0, le=3600, description="How long messages under way may take to finish once it is told to stop."
    )


class Settings(_Section):
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
    login: Login = Login()
    mailbox: Mailbox = Mailbox()
    checks: Checks = Checks()
    dns: Dns = Dns()
    attachments: Attachments = Attachments()
    client: Client = Client()
    blocklists: Blocklists = Blocklists()
    spam: Spam = Spam()
    clamav: Clamav = Clamav()
    dmarc: Dmarc = Dmarc()
    spf: Spf = Spf()
    dkim: Dkim = Dkim()
    arc: Arc = Arc()
    shutdown: Shutdown = Shutdown()

    @property
    def sqlite_path(self) -> Path:
        """The database file that is used while `store.url` is empty."""
        return self.host.state / "tempmaild.db"

    @property
    def signing_key_path(self) -> Path:
        """The file of the key that receipts are signed with."""
        return self.host.state / "receipts.key"
