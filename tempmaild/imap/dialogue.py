"""What all commands of an IMAP session share: its state, its answers, and the news of the selected folder."""

from __future__ import annotations

import enum
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from tempmaild.core.mailbox import Changes
from tempmaild.errors import NoSuchFolder
from tempmaild.net.conversation import Drain, Line, Session, TimedOut

if TYPE_CHECKING:
    from tempmaild.core.mailbox import Entry
    from tempmaild.imap.grammar import Parser
    from tempmaild.imap.reading import Incoming
    from tempmaild.imap.view import View
    from tempmaild.log import Log
    from tempmaild.net.conversation import Input, Memory, Peer
    from tempmaild.service.inbox import Inbox
    from tempmaild.service.limits import Limiter
    from tempmaild.service.logins import Logins

LONGEST_LINE: Final = 65_536
"""Octets; RFC 7162 §4 asks for 8192, and the UIDs of a large folder take more."""

LONGEST_LINE_BEFORE_LOGIN: Final = 8_192

NEWS: Final = b"\n"
"""Stands for news among lines; no line has this in it."""

_UNDRAINED = 1 << 18
_SLICE = 1 << 16


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
        longest_message: octets that APPEND takes.
        login_seconds: how long a client may take from connecting to logging in.
        idle_seconds: how long a client that has logged in may be silent.
        search_seconds: how long one SEARCH may look into messages.
    """

    plaintext: Literal["never", "local", "always"]
    tls_available: bool
    longest_message: int
    login_seconds: float
    idle_seconds: float
    search_seconds: float


@dataclass(frozen=True, slots=True)
class Shared:
    """What all IMAP sessions of the daemon have in common.

    Attributes:
        logins: opens mailboxes.
        limiter: looks who may try to log in.
        memory: what messages on their way in take.
        clock: tells the UTC epoch seconds.
    """

    rules: Rules
    logins: Logins
    limiter: Limiter
    memory: Memory
    clock: Callable[[], float]


class LineOrNews(Line):
    """A line, or `NEWS` as soon as there is something to tell of the selected folder."""

    __slots__ = ("_view",)

    def __init__(self, limit: int, patience: float, view: View) -> None:
        super().__init__(limit, patience)
        self._view = view

    def take(self, source: Input) -> bytes | None:
        """Take a line; the client's wish to go on comes before any news."""
        line = super().take(source)
        return NEWS if line is None and self._view.news else line


class Dialogue(Session):
    """One client's dialogue, as far as it is the same for all commands.

    Attributes:
        tag: of the command that is being carried out.
        incoming: that command, when there are literals in it.
        inbox: the mailbox, once somebody has logged in.
        view: the folder that is selected, if any.
        over: whether the dialogue ends after this command.
        fetched: how many messages were sent, for the log.
        enabled: extensions, in upper case, that the client has asked for in so many words or by using them.
    """

    # Set by the login; the table lets no command at it before.
    inbox: Inbox

    def __init__(self, peer: Peer, session_id: str, log: Log, shared: Shared) -> None:
        super().__init__(peer, session_id, log)
        self.shared = shared
        self.state = State.NOT_AUTHENTICATED
        self.tag = b"*"
        self.incoming: Incoming | None = None
        self.view: View | None = None
        self.over = False
        self.failed_logins = 0
        self.fetched = 0
        self.enabled: set[bytes] = set()
        self.login_deadline = shared.clock() + shared.rules.login_seconds
        self._undrained = 0

    @abstractmethod
    def capabilities(self) -> bytes:
        """Write what this client can use now."""

    @property
    def logged_in(self) -> bool:
        """Whether there is a mailbox."""
        return self.state is not State.NOT_AUTHENTICATED

    @property
    def longest_line(self) -> int:
        """Octets that the client's next line may have."""
        return LONGEST_LINE if self.logged_in else LONGEST_LINE_BEFORE_LOGIN

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
        """Wait for a line; with `or_news` also for `NEWS` of the selected folder.

        The client of a mailbox whose time is over learns so that very moment, and not with its next command.

        Raises:
            MailboxGone: its time is over.
        """
        while True:
            silence = self.patience
            left = self.inbox.expires_at - self.shared.clock() if self.logged_in else silence
            patience = min(silence, max(0.0, left))
            try:
                if or_news and self.view is not None:
                    return await LineOrNews(self.longest_line, patience, self.view)
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

    async def drain(self) -> None:
        """Go on when the client has taken most of what was said, if that was much."""
        if self._undrained > _UNDRAINED:
            self._undrained = 0
            await Drain()

    # -- the selected folder

    def selected(self) -> View:
        """Give the folder that is selected; the table sees to it that there is one."""
        assert self.view is not None, "only commands of the selected state may ask"
        return self.view

    def open_view(self, view: View) -> None:
        """Enter the selected state."""
        self.view = view
        self.state = State.SELECTED

    def close_view(self) -> None:
        """Leave the selected state, if this is it."""
        if self.view is not None:
            self.inbox.watch(0, self.notice)
            self.view = None
            self.state = State.AUTHENTICATED

    def notice(self) -> None:
        """Hear that something in the selected folder may have changed."""
        if self.view is not None:
            self.view.news = True
            self.wake()

    async def entries(self, uids: Sequence[int]) -> dict[int, Entry]:
        """Give entries of the selected folder by UID: those with these UIDs that are still there, and maybe more."""
        view = self.selected()
        inbox = self.inbox
        if not view.remembers(uids):
            # What has changed meanwhile is told first, so that the entries are what the client knows.
            await self.tell_news(expunges=False)
            folder = msgspec.structs.replace(view.folder, highest_modseq=view.modseq)
            view.remember(await inbox.entries(folder))
        entries = view.entries
        if inbox.messages_end:
            return {uid: entries[uid] for uid in uids if uid in entries and not inbox.has_ended(entries[uid])}
        return entries

    async def catch_up(self) -> None:
        """Tell the news before what is there is looked at, for what came just now belongs to it.

        Not before a set of messages to be changed is read: `*` is what the client knew when it wrote that.
        """
        if self.selected().news:
            await self.tell_news(expunges=False)

    async def tell_news(self, *, expunges: bool) -> None:
        """Tell what has happened in the selected folder; of messages that are gone only if the client may be told."""
        view = self.selected()
        view.news = False
        try:
            changes = await self.inbox.changes(view.folder.id, view.modseq)
        except NoSuchFolder:
            # RFC 2180 §3: to this client, a folder that another one has deleted has become empty.
            changes = Changes((), tuple(view.uids), view.modseq)
        except BaseException:
            view.news = True
            raise
        known = len(view.uids)
        for line in view.learn(changes):
            await self.send(line)
        if len(view.uids) > known:
            self.claim_recent(view)
            self.say(b"* %d RECENT\r\n" % view.recent)
        if expunges:
            for line in view.expunged():
                await self.send(line)
        view.news = view.news or view.has_expunged

    def claim_recent(self, view: View) -> None:
        r"""Have the messages that no session was told of be \Recent in this one; looking only is no claim."""
        if not view.read_only:
            folder = msgspec.structs.replace(view.folder, uid_next=view.uid_next)
            view.claim(self.inbox.claim_recent(folder))


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
