"""The settings of the mail log."""

from typing import Literal

from pydantic import Field

from tempmaild.settings.section import Section
from tempmaild.settings.values import DAY, Count, Seconds


class MailLog(Section):
    """What is kept of the mail that came, so that the console and `tempmaild log` can tell what became of it: nothing
    of its content. What came in the last second before a crash may be missing, for nobody waits for it."""

    keep_seconds: Seconds = Field(
        14 * DAY, ge=0, le=400 * DAY, description="How long; 0 is no mail log at all. 1209600 is 14 days."
    )
    addresses: Literal["shown", "hashed", "hidden"] = Field(
        "hashed",
        description="shown: senders and recipients as they are. hashed: only what finds them when one knows them, by "
        "a key that is not in the database; of mail that was delivered, clients as well. Whoever steals the database "
        "would otherwise know who writes to a sealed mailbox. hidden: nothing of them.",
    )
    refusals_an_hour: Count = Field(
        5000, ge=0, le=10_000_000, description="Refusals that are logged in an hour; more of them are only counted."
    )
    max_rows: Count = Field(
        2_000_000,
        ge=1000,
        le=1_000_000_000,
        description="Rows, one for each recipient of a message; beyond it the oldest go. A million take 600 MiB.",
    )
