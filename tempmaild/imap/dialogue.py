"""What all commands of an IMAP session share: its state, its answers, and the news of the selected folder."""

from __future__ import annotations

import enum
from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from tempmaild.core.mailbox import Changes
from tempmaild.errors import MailboxGone, NoSuchFolder
from tempmaild.net.conversation import Drain, Interruption, Line, Pause, Session, TimedOut

if TYPE_CHECKING:
    from tempmaild.core.mailbox import Entry
    from tempmaild.imap.grammar import Parser
    from tempmaild.imap.keywords import ToldKeywords
    from tempmaild.imap.notifying import Notifying
    from tempmaild.imap.reading import Incoming
    from tempmaild.imap.view import View
    from tempmaild.log import Log
    from tempmaild.net.conversation import Input, Memory, Peer
    from tempmaild.service.inbox import Inbox
    from tempmaild.service.lifetimes import Lifetimes
    from tempmaild.service.limits import Limiter
    from tempmaild.service.logins import Logins

LONGEST_LINE: Final = 65_536
"""Octets; RFC 7162 §4 asks for 8192, and the UIDs of a large folder take more."""

LONGEST_LINE_BEFORE_LOGIN: Final = 32_768
"""Octets; the largest ID that RFC 2971 §3.3 allows takes 31,800."""

NEWS: Final = b"\n"
"""Stands for news among lines; no line has this in it."""

_UTF8_NAMES: Final = frozenset({b"IMAP4REV2", b"UTF8=ACCEPT"})
_MANY_LINES = 500
"""A few milliseconds of writing."""

_UNDRAINED = 1 << 18
"""Octets that may be said before the client has to have taken most of them."""
_SLICE = 1 << 16
"""Octets that are said at once; what is more goes in slices."""


class State(enum.Enum):
    """The states of RFC 9051 §3; LOGOUT is the end of the coroutine."""

    NOT_AUTHENTICATED = enum.auto()
    AUTHENTICATED = enum.auto()
    SELECTED = enum.auto()


ANY = (State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED)
NOT_LOGGED_IN = (State.NOT_AUTHENTICATED,)
LOGGED_IN = (State.AUTHENTICATED, State.SELECTED)
IN_FOLDER = (State.SELECTED,)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator decided.

    Attributes:
        plaintext: whether a password is taken without TLS; "local" means from this host only.
        tls_available: whether there is a certificate, so that STARTTLS is possible.
        login_seconds: how long a client may take from connecting to logging in.
        idle_seconds: how long a client that has logged in may be silent.
        search_seconds: how long one SEARCH may look into messages.
    """

    plaintext: Literal["never", "local", "always"]
    tls_available: bool
    login_seconds: float
    idle_seconds: float
    search_seconds: float


@dataclass(frozen=True, slots=True)
class Shared:
    """What all IMAP sessions of the daemon have in common.

    Attributes:
        logins: opens mailboxes.
        lifetimes: ends them.
        limiter: looks who may try to log in.
        memory: what messages on their way in take.
        clock: tells the UTC epoch seconds.
        keywords: of which clients have been told.
    """

    rules: Rules
    logins: Logins
    lifetimes: Lifetimes
    limiter: Limiter
    memory: Memory
    clock: Callable[[], float]
    keywords: ToldKeywords


class LineOrNews(Line):
    """A line, or `NEWS` as soon as there is something to tell."""

    __slots__ = ("_dialogue",)

    def __init__(self, limit: int, patience: float, dialogue: Dialogue) -> None:
        super().__init__(limit, patience)
        self._dialogue = dialogue

    def take(self, source: Input) -> bytes | None:
        """Take a line; the client's wish to go on comes before any news."""
        line = super().take(source)
        return NEWS if line is None and self._dialogue.has_news else line


class Dialogue(Session):
    """One client's dialogue, as far as it is the same for all commands.

    Attributes:
        tag: of the command that is being carried out.
        incoming: that command, when there are literals in it.
        logged_in: whether somebody has.
        inbox: the mailbox, once somebody has logged in.
        view: the folder that is selected, if any.
        over: whether the dialogue ends after this command.
        fetched: how many messages were sent, for the log.
        warned: whether the client has been told that the mailbox is about to end.
        enabled: extensions, in upper case, that the client has asked for in so many words or by using them.
        notifying: what the client has chosen to be told; None for what all are told.
        longest_line: octets that the client's next line may have.
    """

    # Set by the login; the table lets no command at it before.
    inbox: Inbox

    def __init__(self, peer: Peer, session_id: str, log: Log, shared: Shared) -> None:
        super().__init__(peer, session_id, log)
        self.shared = shared
        self.logged_in = False
        self.tag = b"*"
        self.incoming: Incoming | None = None
        self.view: View | None = None
        self.over = False
        self.failed_logins = 0
        self.fetched = 0
        self.warned = False
        self.enabled: set[bytes] = set()
        self.notifying: Notifying | None = None
        self.login_deadline = shared.clock() + shared.rules.login_seconds
        self._undrained = 0
        self.longest_line = LONGEST_LINE_BEFORE_LOGIN

    @abstractmethod
    def capabilities(self) -> bytes:
        """Write what this client can use now."""

    @property
    def state(self) -> State:
        """The state that the dialogue is in."""
        if self.view is not None:
            return State.SELECTED
        return State.AUTHENTICATED if self.logged_in else State.NOT_AUTHENTICATED

    @property
    def utf8(self) -> bool:
        """Whether names of folders go in and out as UTF-8 (RFC 6855 §3, RFC 9051 §5.1)."""
        return not self.enabled.isdisjoint(_UTF8_NAMES)

    @property
    def patience(self) -> float:
        """Seconds that the client has for its next line."""
        if self.logged_in:
            return self.shared.rules.idle_seconds
        return max(0.0, self.login_deadline - self.shared.clock())

    @property
    def takes_passwords(self) -> bool:
        """Whether a password may come over this connection."""
        rule = self.shared.rules.plaintext
        return bool(self.peer.tls) or rule == "always" or (rule == "local" and self.peer.on_this_host)

    async def next_line(self, *, or_news: bool = False) -> bytes:
        """Wait for a line; with `or_news` also for `NEWS`.

        The client of a mailbox whose time is over learns so that very moment, and not with its next command.

        Raises:
            MailboxGone: its time is over.
        """
        while True:
            silence = self.patience
            left = self.inbox.expires_at - self.shared.clock() if self.logged_in else silence
            patience = silence if left >= silence else max(0.0, left)
            try:
                if or_news:
                    return await LineOrNews(self.longest_line, patience, self)
                return await Line(self.longest_line, patience)
            except TimedOut:
                if left >= silence:
                    raise
                # The end may have been put off; then the client is waited for once more.
                await self.inbox.check_alive()

    def say(self, data: bytes) -> None:
        """Send `data`, and remember how much the client has to take."""
        self._undrained += len(data)
        self.output.append(data)

    async def send(self, piece: bytes) -> None:
        """Say what may be much: in slices, and no more of them than the client is ready to take."""
        if len(piece) > _SLICE:
            for start in range(0, len(piece), _SLICE):
                await self.send(piece[start : start + _SLICE])
            return
        self.say(piece)
        await self.drain()

    async def send_lines(self, lines: Iterable[bytes]) -> None:
        """Send lines, with others having their turn between many of them."""
        for count, line in enumerate(lines, 1):
            await self.send(line)
            if count % _MANY_LINES == 0:
                await Pause(0)

    async def drain(self) -> None:
        """Go on when the client has taken most of what was said, if that was much."""
        if self._undrained > _UNDRAINED:
            self._undrained = 0
            await Drain()

    def enable_condstore(self) -> None:
        """Tell modification sequences from now on: the client has used them (RFC 7162 §3.1)."""
        if b"CONDSTORE" in self.enabled:
            return
        self.enabled.add(b"CONDSTORE")
        if self.view is not None:
            self.say_highest_modseq()

    def open_mailbox(self, inbox: Inbox) -> None:
        """Enter the authenticated state, for good."""
        self.inbox = inbox
        self.logged_in = True
        self.longest_line = LONGEST_LINE

    # -- the selected folder

    def selected(self) -> View:
        """Give the folder that is selected; the table sees to it that there is one."""
        assert self.view is not None, "only commands of the selected state may ask"
        return self.view

    def close_view(self) -> None:
        """Leave the selected state, if this is it."""
        if self.view is not None:
            self.inbox.watcher.watch(0, self.notice)
            self.view = None

    @property
    def has_news(self) -> bool:
        """Whether there may be something to tell a client that waits for it."""
        if self.notifying is not None:
            return self.notifying.has_news
        return self.view is not None and self.view.news

    def notice(self) -> None:
        """Hear that something in the selected folder may have changed."""
        if self.view is not None:
            self.view.news = True
            if self.notifying is not None:
                self.notifying.pending = True
            self.wake()

    async def entries(self, uids: Sequence[int]) -> dict[int, Entry]:
        """Give entries of the selected folder by UID: those with these UIDs that are still there, and maybe more."""
        view = self.selected()
        inbox = self.inbox
        if not view.remembers(uids):
            # What has changed meanwhile is told first, so that the entries are what the client knows.
            await self.tell_changes()
            folder = msgspec.structs.replace(view.folder, highest_modseq=view.modseq)
            view.remember(await inbox.listing(folder))
        entries = view.entries
        if inbox.messages_end:
            return {uid: entries[uid] for uid in uids if uid in entries and not inbox.has_ended(entries[uid])}
        return entries

    async def catch_up(self) -> None:
        """Tell the news before what is there is looked at, for what came just now belongs to it.

        Not before a set of messages to be changed is read: `*` is what the client knew when it wrote that.
        """
        if self.selected().news:
            await self.tell_changes()

    async def tell_news(self, *, expunges: bool) -> None:
        """Tell what has happened in the selected folder; of messages that are gone only if the client may be told."""
        view = self.selected()
        await self.tell_changes(expunges=expunges and (self.notifying is None or self.notifying.wants_messages))
        if view.has_expunged and b"QRESYNC" in self.enabled:
            # RFC 7162 §3.2: whose connection breaks now has to ask for the expunges that were held back.
            self.say_highest_modseq()
        view.news = view.news or view.has_expunged
        if self.notifying is not None:
            self.notifying.has_answered()

    async def try_to_tell_news(self, *, expunges: bool) -> bool:
        """Tell the news at the end of a command; if that fails, the next command will."""
        try:
            await self.tell_news(expunges=expunges)
        except (Interruption, MailboxGone):
            raise
        except Exception as error:  # the command was carried out and has to be answered
            self.log.failure("news-failed", error)
            return False
        return True

    async def removed(self, any_gone: bool, text: bytes) -> bytes:
        """Give the completion of a command that removes messages of the selected folder (RFC 7162 §3.2.7)."""
        view = self.selected()
        view.news = True
        if self.notifying is not None:
            self.notifying.ask()
        if any_gone and b"QRESYNC" in self.enabled and await self.try_to_tell_news(expunges=True):
            return b"OK [HIGHESTMODSEQ %d] %b" % (view.told_modseq, text)
        return b"OK " + text

    async def tell_changes(self, *, expunges: bool = False) -> None:
        """Tell what has happened in the selected folder; of messages that are gone only if `expunges`."""
        view = self.selected()
        view.news = False
        notifying = self.notifying
        known = len(view.uids) if notifying is None else notifying.known(view)
        contexts = view.contexts if notifying is None or notifying.wants_messages else None
        try:
            changes = await self._changes(view)
        except NoSuchFolder:
            # RFC 2180 §3: to this client, a folder that another one has deleted has become empty.
            changes = Changes((), tuple(view.uids), view.modseq)
        except BaseException:
            view.news = True
            raise
        if contexts is not None:
            await contexts.tell_gone(changes.gone)
        if expunges:
            # Before what is new, so that no number goes beyond what there is, as when messages move within a folder.
            last_known = view.uids[known - 1] if known else 0
            view.learn_gone(changes.gone)
            await self.send_lines(view.expunged())
            known = bisect_right(view.uids, last_known)
        await self.send_lines(view.learn(changes) if notifying is None else notifying.learn(view, changes))
        if len(view.uids) > known and (notifying is None or notifying.wants_messages):
            self.claim_recent(view)
            self.say(view.recent_line())
            if notifying is not None:
                await notifying.describe(view, known)
        if contexts is not None:
            await contexts.tell_changed(changes.changed, known)
        view.news = view.news or view.has_expunged

    async def _changes(self, view: View) -> Changes:
        changes = await self.inbox.changes(view.folder.id, view.modseq)
        if not changes.forgotten:
            return changes
        folder = msgspec.structs.replace(view.folder, highest_modseq=changes.highest_modseq)
        there = {entry.uid for entry in await self.inbox.entries(folder)}
        return msgspec.structs.replace(changes, gone=tuple(uid for uid in view.uids if uid not in there))

    def say_highest_modseq(self) -> None:
        """Say up to which change of the selected folder the client has been told all (RFC 7162 §3.1.2.1)."""
        self.say(b"* OK [HIGHESTMODSEQ %d] The latest change\r\n" % self.selected().told_modseq)

    def claim_recent(self, view: View) -> None:
        r"""Have the messages that no session was told of be \Recent in this one; who only looks leaves them so.

        To a client of IMAP4rev2 none is.
        """
        if b"IMAP4REV2" in self.enabled:
            return
        folder = msgspec.structs.replace(view.folder, uid_next=view.uid_next)
        view.claim(self.inbox.first_recent(folder) if view.read_only else self.inbox.claim_recent(folder))


Handler = Callable[[Dialogue, "Parser"], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Command:
    """A row of the table of commands.

    Attributes:
        states: in which it is allowed.
        handler: carries it out; gives the completion that follows the tag, b"" when it has said that itself.
        rfc: where it is described.
        capability: that tells clients of it, b"" for what all servers have.
        private: whether there is a password in it.
        expunges: whether the client may be told of messages that are gone while it waits for the answer.
        takes_literals: whether the handler asks for the literals itself.
        uses: whether to give it means to use the mailbox, which has to be there.
    """

    name: bytes
    states: tuple[State, ...]
    handler: Handler
    rfc: str
    capability: bytes = b""
    private: bool = False
    expunges: bool = True
    takes_literals: bool = False
    uses: bool = True
