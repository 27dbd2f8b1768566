"""The settings of what is found out about mail, as `tree` has the others."""

from ipaddress import IPv4Network, IPv6Network
from typing import Literal

from pydantic import Field

from tempmaild.settings.filters import BlockLists, OptionalSpamFilter
from tempmaild.settings.section import AtStart, Section
from tempmaild.settings.values import (
    GIB,
    KIB,
    MIB,
    Count,
    DnsServers,
    Extensions,
    MediaTypes,
    Networks,
    Number,
    OptionalAddress,
    Seconds,
    Size,
)

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


class Dns(Section):
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
        16 * MIB,
        ge=MIB,
        le=GIB,
        description="Answers that are kept for as long as they hold, in each process that checks.",
    )


class Checks(Section):
    """What is found out about mail that arrives. Each check has a section of its own; a domain may want otherwise."""

    enabled: AtStart[bool] = Field(True, description="Whether mail is checked at all.")
    processes: AtStart[Count] = Field(
        0,
        ge=0,
        le=64,
        description="Processes that check; 0 for one to every two processors, and no less than 2. A message that "
        "keeps one busy holds up none in the others.",
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


class Spf(Section):
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


class Dkim(Section):
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


class Arc(Section):
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


class Dmarc(Section):
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


class Client(Section):
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


class Blocklists(Section):
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


class Attachments(Section):
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


class Clamav(Section):
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
        10,
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


class Spam(Section):
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
        2 * MIB, ge=64 * KIB, le=GIB, description="Larger messages are not shown to the filter: they take it long."
    )
