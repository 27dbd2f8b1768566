"""One message in the view of a session: what FETCH shows of it and SEARCH asks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.imap.texts import Texts

if TYPE_CHECKING:
    from tempmaild.core.mailbox import Entry
    from tempmaild.core.summary import Summary


class Message:
    """A message with as much of it as was asked from the store so far.

    Attributes:
        number: message sequence number in the session's view.
        recent: whether this session was the first to be told of it (RFC 3501 §2.3.2).
        summary: None before it is needed.
        content: the octets as they arrived; None before they are needed.
        decoded: what the parts that are wanted without their transfer encoding stand for, by path; None for no part.
            Not there before they are needed.
    """

    __slots__ = ("_texts", "content", "decoded", "entry", "number", "recent", "summary")

    decoded: dict[tuple[int, ...], bytes | None]

    def __init__(
        self,
        number: int,
        entry: Entry,
        recent: bool = False,
        summary: Summary | None = None,
        content: bytes | None = None,
    ) -> None:
        self.number = number
        self.entry = entry
        self.recent = recent
        self.summary = summary
        self.content = content
        self._texts: Texts | None = None

    def drop_content(self) -> None:
        """Have its memory free for the next message."""
        self.content = None
        self.decoded = {}

    def texts(self) -> Texts | None:
        """Give what the message says, for SEARCH; None before summary and content are there."""
        if self._texts is None and self.summary is not None and self.content is not None:
            self._texts = Texts(self.content, self.summary.structure)
        return self._texts
