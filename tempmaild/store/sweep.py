"""Which of several daemons on one database sweeps: one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from tempmaild.store.transaction import Transaction


class ClaimSweep(Struct, frozen=True):
    """Have the sweep to oneself for a while, or for longer.

    Attributes:
        seconds: for how long.
        held: what the last claim gave, 0 for none.
    """

    seconds: int
    held: int = 0

    def apply(self, transaction: Transaction) -> int:
        """Claim it; until when it is ours, in UTC epoch seconds, and 0 while another daemon has it."""
        now = transaction.now
        until = now + self.seconds
        # One that reaches further was made before somebody set the clock back.
        claimed = transaction.db.run(
            "UPDATE counter SET value = ? WHERE name = 'sweep' AND (value = ? OR value <= ? OR value > ?)",
            *(until, self.held, now, until),
        )
        return until if claimed else 0
