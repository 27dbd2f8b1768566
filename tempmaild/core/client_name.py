"""What a client may call itself in HELO and EHLO (RFC 5321 §4.1.1.1)."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address

from tempmaild.core.dns_message import LONGEST_NAME

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}\.)+(?![0-9]+\.?\Z){_LABEL}\.?", re.IGNORECASE)


def looks_like_host(name: str) -> bool:
    """Tell whether a name can be that of a host: of letters, digits and hyphens, below another name, no address."""
    return len(name.removesuffix(".")) <= LONGEST_NAME and bool(_HOST.fullmatch(name))


def literal_address(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address literal, such as "[192.0.2.1]" or "[IPv6:2001:db8::1]" (RFC 5321 §4.1.3), or None."""
    content = text.removeprefix("[").removesuffix("]")
    if len(content) != len(text) - 2:
        return None
    try:
        if content[:5].lower() == "ipv6:":
            return IPv6Address(content[5:].replace("%", "no zones"))
        return IPv4Address(content)
    except ValueError:
        return None
