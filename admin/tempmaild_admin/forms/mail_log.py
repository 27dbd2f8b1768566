"""The form for what is looked for in the mail log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateTimeLocalField, SelectField, StringField
from wtforms.validators import Length, Optional, ValidationError

from tempmaild.core.mail_log import LONGEST_ADDRESS
from tempmaild.service.mail_log import Search
from tempmaild_admin.language import zone
from tempmaild_admin.mail_words import DISPOSITIONS, WHY

_WITHIN: Final = {"hour": 3600, "day": 86_400, "week": 7 * 86_400}
_MINUTE: Final = "%Y-%m-%dT%H:%M"
_SECOND: Final = "%Y-%m-%dT%H:%M:%S"
_LONGEST_NAME: Final = 64


def _reasons() -> list[tuple[str, str]]:
    """Give the reasons in the order of the reader's language."""
    named = [(reason, str(text)) for reason, text in WHY.items()]
    return [("", _("any reason")), *sorted(named, key=lambda choice: choice[1].casefold())]


class SearchForm(FlaskForm):  # type: ignore[misc] # the library has no types
    """What is looked for. It changes nothing, so it needs no token and makes a link that can be kept."""

    class Meta:
        """Of a form that is sent with GET."""

        csrf = False

    within = SelectField(
        _l("Time"),
        choices=[
            ("", _l("any")),
            ("hour", _l("the last hour")),
            ("day", _l("the last 24 hours")),
            ("week", _l("the last 7 days")),
        ],
        default="",
    )
    disposition = SelectField(_l("Outcome"), choices=[("", _l("anything")), *DISPOSITIONS.items()], default="")
    why = SelectField(_l("Why"), choices=_reasons, default="")
    recipient = StringField(_l("Recipient"), [Length(max=LONGEST_ADDRESS)])
    sender = StringField(_l("Sender, or its domain"), [Length(max=LONGEST_ADDRESS)])
    client = StringField(_l("Client or network"), [Length(max=_LONGEST_NAME)])
    queue_id = StringField(_l("Queue id"), [Length(max=_LONGEST_NAME)])
    since = DateTimeLocalField(_l("From"), [Optional()], format=[_MINUTE, _SECOND])
    until = DateTimeLocalField(_l("Until"), [Optional()], format=[_MINUTE, _SECOND])

    def validate_until(self, field: DateTimeLocalField) -> None:
        """See that it comes behind the beginning."""
        if self.since.data and field.data and field.data <= self.since.data:
            raise ValidationError(_("This is not after the beginning."))

    def search(self, now: float) -> Search:
        """Give what is looked for.

        Args:
            now: UTC epoch seconds.
        """
        since = now - _WITHIN[self.within.data] if self.within.data in _WITHIN else 0
        return Search(
            since=int(max(since, _seconds(self.since.data))),
            until=_seconds(self.until.data),
            disposition=self.disposition.data or "",
            decided_by=self.why.data or "",
            client=(self.client.data or "").strip(),
            sender=(self.sender.data or "").strip(),
            recipient=(self.recipient.data or "").strip(),
            queue_id=(self.queue_id.data or "").strip(),
        )

    @property
    def criteria(self) -> dict[str, str]:
        """Give what was chosen, for links."""
        return {field.name: field.raw_data[0] for field in self if field.raw_data and field.raw_data[0]}


def _seconds(moment: datetime | None) -> int:
    """Give a time of the reader's zone in UTC epoch seconds; 0 for none."""
    if moment is None:
        return 0
    try:
        return max(int(moment.replace(tzinfo=ZoneInfo(zone())).astimezone(UTC).timestamp()), 1)
    except OverflowError:  # at the end of all times, a zone may be an hour beyond it
        return 1
