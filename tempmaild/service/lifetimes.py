"""The end of a mailbox that exists: put off, or brought about now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.core.lifetime import FOREVER
from tempmaild.errors import CredentialRefused, MailboxGone, NoSuchMailbox
from tempmaild.service.inbox import OWNER
from tempmaild.store.lifetimes import ExtendMailbox

if TYPE_CHECKING:
    from tempmaild.service.inbox import Inbox
    from tempmaild.service.mailboxes import Mailboxes
    from tempmaild.store.access import Access


class Lifetimes:
    """What is decided about the end of a mailbox, but for an owner who puts it off: that is `Inbox.extend`."""

    def __init__(self, access: Access, mailboxes: Mailboxes) -> None:
        self._access = access
        self._mailboxes = mailboxes

    async def extend(self, address: str, *, by: int = 0, until: int = FOREVER, actor: str = "") -> int:
        """Put off the end of any mailbox; when it expires now, in UTC epoch seconds.

        Args:
            by: seconds after its present end; 0 for what `until` says.
            until: UTC epoch seconds.

        Raises:
            InvalidAddress: it is no address.
            NoSuchMailbox: nobody has it, or its time is over.
            NotExtendable: it does not end before that time.
        """
        mailbox = await self._mailboxes.find(address)
        if by:
            until = min(mailbox.ends_at + by, FOREVER)
        return await self._access.write(ExtendMailbox(mailbox.id, until, bounded=False, actor=actor))

    async def destroy_own(self, inbox: Inbox) -> int:
        """Destroy the mailbox at once; the number of messages it had.

        Raises:
            CredentialRefused: this is not the owner's secret.
            MailboxGone: its time is over.
        """
        if not await inbox.is_owners():
            raise CredentialRefused("only the owner's secret may do this")
        try:
            return await self._mailboxes.destroy(inbox.mailbox, OWNER)
        except NoSuchMailbox:
            raise MailboxGone(inbox.mailbox.address) from None
