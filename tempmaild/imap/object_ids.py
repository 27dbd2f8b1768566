"""Identifiers that stay with a message or a folder whatever becomes of it (RFC 8474).

A letter tells what kind of thing it is, so that no two things have the same one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tempmaild.core.mailbox import Entry, Folder


def email_id(entry: Entry) -> bytes:
    """Give the EMAILID of a message: copies share the content, and so have the same one (RFC 8474 §5.1)."""
    return b"M%d" % entry.content_id


def mailbox_id(folder: Folder) -> bytes:
    """Give the MAILBOXID of a folder, which it keeps when it is renamed (RFC 8474 §4)."""
    return b"F%d" % folder.id
