"""What the number of stored messages costs: daemons that are alike but for how much they hold."""

from __future__ import annotations

import itertools
import secrets as randomness
import statistics
import time
from collections import deque
from contextlib import closing
from typing import TYPE_CHECKING, Any

from nacl.signing import SigningKey

from tempmaild.appliance import open_appliance
from tempmaild.core import secret as secrets
from tempmaild.core.lifetime import Lifetime
from tempmaild.core.sealing import new_key_pair, wrap
from tempmaild.store.arriving import Deliver
from tempmaild.store.mailboxes import CreateMailbox, NewCredential
from tempmaild.store.vault import Vault
from tempmaild.store.writer import commit
from tests.bench.measure import Measurement, Sample, mebibytes
from tests.bench.servers import Role, Server, Tempmaild
from tests.daemon import DOMAIN, LIFETIME
from tests.support import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tempmaild.appliance import Appliance
    from tempmaild.core.mailbox import Mailbox
    from tempmaild.store.transaction import Change

_MESSAGES = 40
"""Messages of one mailbox."""
_GROUP = 2_000
"""Changes in one transaction while the store is filled."""
_MOST_ACCOUNTS = 1_000
"""Accounts of a role, chosen evenly over the whole store."""
_DESTROYED = 6
"""Mailboxes that are destroyed for one sample."""


class FilledTempmaild(Tempmaild):
    """tempmaild with many messages, each mailbox's among those of all others, as they come in life.

    Args:
        stored: messages.
        message: the one that is stored so many times.
    """

    def __init__(self, folder: Path, stored: int, message: Path) -> None:
        self._stored = stored
        self._message = message.read_bytes()
        self._names = itertools.count()
        self._doomed: deque[Mailbox] = deque()
        super().__init__(folder)

    def make_accounts(self) -> None:
        """Fill the store; a third of its mailboxes are to be destroyed, a third is for each role."""
        appliance = open_appliance(self.daemon.settings)
        with closing(appliance.handle):
            accounts = self._fill(appliance, self._stored // _MESSAGES)
        self._doomed.extend(mailbox for mailbox, _ in accounts[::3])
        for number, role in enumerate(Role, 1):
            third = accounts[number::3]
            chosen = third[:: max(1, len(third) // _MOST_ACCOUNTS)]
            self.write_accounts(role, [(mailbox.address, secret) for mailbox, secret in chosen])

    def destroy_some(self) -> list[float]:
        """Destroy some of the oldest mailboxes, and put new ones in their place; the seconds that each has taken."""
        appliance = open_appliance(self.daemon.settings)
        with closing(appliance.handle):
            taken = [self._destroy(appliance, self._doomed.popleft()) for _ in range(_DESTROYED)]
            self._doomed.extend(mailbox for mailbox, _ in self._fill(appliance, _DESTROYED))
        return taken

    def _destroy(self, appliance: Appliance, mailbox: Mailbox) -> float:
        begun = time.perf_counter()
        run(appliance.mailboxes.destroy(mailbox))
        return time.perf_counter() - begun

    def _fill(self, appliance: Appliance, count: int) -> list[tuple[Mailbox, str]]:
        """Make so many mailboxes, with their messages."""
        domain = next(domain for domain in run(appliance.domains.list_all()) if domain.name == DOMAIN)
        keys = [secrets.generate(randomness.token_bytes) for _ in range(count)]
        creations = [creation(domain.id, f"stored{next(self._names)}@{DOMAIN}", key) for key in keys]
        mailboxes: list[Mailbox] = commit_all(appliance, creations)
        recipients = [run(appliance.deliveries.recipient(*mailbox.address.split("@"))) for mailbox in mailboxes]
        deliveries = [Deliver(self._message, (recipient,)) for recipient in recipients]
        for _ in range(_MESSAGES):
            commit_all(appliance, deliveries)
        return list(zip(mailboxes, keys, strict=True))


class Destruction(Measurement):
    """How long it takes to destroy one mailbox with all its messages, for good."""

    unit = "ms"

    def take(self, server: Server) -> Sample:
        assert isinstance(server, FilledTempmaild)
        return Sample(statistics.median(server.destroy_some()) * 1e3, mebibytes(server))


def creation(domain_id: int, address: str, secret: str) -> CreateMailbox:
    """Give the making of a sealed mailbox."""
    keys, pair = secrets.keys_of_code(secret), new_key_pair(randomness.token_bytes)
    credential = NewCredential(keys.verifier, wrapped=wrap(pair.private, keys.wrapping_key, pair.public))
    return CreateMailbox(domain_id, address, Lifetime(LIFETIME), credential, public_key=pair.public)


def commit_all(appliance: Appliance, changes: Sequence[Change[Any]]) -> list[Any]:
    """Have changes committed in large groups; their results."""
    results: list[Any] = []
    vault = Vault("mx.box.test", SigningKey.generate())
    now = int(time.time())
    for start in range(0, len(changes), _GROUP):
        answers, _ = commit(appliance.handle, vault, list(changes[start : start + _GROUP]), now)
        results += answers
    failures = [result for result in results if isinstance(result, Exception)]
    assert not failures, failures[0]
    return results
