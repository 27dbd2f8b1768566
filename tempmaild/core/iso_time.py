"""Times as people and programs exchange them (ISO 8601)."""

from __future__ import annotations

from datetime import UTC, datetime


def iso(seconds: int) -> str:
    """Write UTC epoch seconds, such as 2030-01-31T12:00:00Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_iso(text: str) -> int:
    """Read what `iso` writes, or another form of ISO 8601; without a zone it is UTC. UTC epoch seconds.

    Raises:
        ValueError: it is none.
    """
    try:
        value = datetime.fromisoformat(text)
        return int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a time such as 2030-01-31T12:00:00Z") from None
