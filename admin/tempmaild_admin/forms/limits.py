"""The forms for limits: decided about, and tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import IntegerField, SelectField, StringField, SubmitField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from tempmaild.core.limit import Limit
from tempmaild_admin.forms import EditForm
from tempmaild_admin.forms.fields import SpanField

if TYPE_CHECKING:
    from typing import Any

EVENTS: dict[str, Any] = {
    "connection": _l("connections, of all protocols"),
    "message": _l("messages (MAIL)"),
    "recipient": _l("recipients (RCPT)"),
    "bytes": _l("octets of messages"),
    "new-address": _l("new addresses"),
    "api-call": _l("calls of the API"),
    "failed-login": _l("logins with wrong credentials"),
}
SUBJECTS: dict[str, Any] = {
    "network": _l("each network of clients"),
    "sender-domain": _l("each domain of senders"),
    "mailbox": _l("each mailbox"),
    "api-key": _l("each API key"),
}
ACTIONS: dict[str, Any] = {
    "refuse": _l("ask it to come again later"),
    "delay": _l("let it wait for up to 10 seconds"),
    "ban": _l("turn its network away"),
}
_STRATEGIES = [
    ("sliding-window-counter", _l("sliding window: nearly exact, and small")),
    ("fixed-window", _l("fixed window: begins with the first, and ends all at once")),
    ("moving-window", _l("moving window: exact; remembers each single one, at most 1,000")),
]


class LimitForm(EditForm):
    """All that is decided about a limit."""

    name = StringField(
        _l("Name"), [InputRequired(), Length(max=63)], description=_l("Lower case, digits, hyphens; it stays.")
    )
    event = SelectField(_l("What is counted"), choices=list(EVENTS.items()))
    subject = SelectField(
        _l("For"),
        choices=list(SUBJECTS.items()),
        description=_l(
            "Domains of senders: messages, recipients, octets. Mailboxes: recipients. API keys: new addresses, calls."
        ),
    )
    amount = IntegerField(_l("How much there may be"), [InputRequired()], description=_l("In the time below."))
    window = SpanField(_l("In"), [InputRequired()], default=3600, description=_l("Such as 60, 10m, 24h or 7d."))
    action = SelectField(_l("Beyond that"), choices=list(ACTIONS.items()))
    ban_seconds = SpanField(
        _l("Turned away for"),
        [Optional()],
        description=_l("Such as 1h or 7d."),
        render_kw={"data-shown-when": "action=ban"},
    )
    domain = StringField(
        _l("Only for this domain of ours"),
        [Length(max=255)],
        description=_l("Recipients and new addresses alone; box.example.org, or *.example.org for all below it."),
    )
    ipv4_prefix = IntegerField(
        _l("Bits of an IPv4 network"),
        [InputRequired()],
        default=32,
        description=_l("32 is one address, 24 are 256 of them."),
        render_kw={"data-shown-when": "subject=network"},
    )
    ipv6_prefix = IntegerField(
        _l("Bits of an IPv6 network"),
        [InputRequired()],
        default=64,
        description=_l("64 is one household or server, 48 one site."),
        render_kw={"data-shown-when": "subject=network"},
    )
    strategy = SelectField(_l("How it is counted"), choices=_STRATEGIES)
    submit = SubmitField(_l("Save"))

    @classmethod
    def of(cls, limit: Limit) -> LimitForm:
        """Make the form of a limit that there is; its name stays."""
        form = cls(data=msgspec.structs.asdict(limit) | {"ban_seconds": limit.ban_seconds or None})
        del form.name
        return form

    def limit(self, old: Limit | None = None) -> Limit:
        """Give the limit as the form has it, which nobody has looked at yet.

        Args:
            old: as it is now, if it is there.
        """
        names = [name for name in Limit.__struct_fields__ if name in self and name != "name"]
        values: dict[str, Any] = {name: self[name].data for name in names}
        values["domain"] = (values["domain"] or "").strip()
        # It means nothing elsewhere, and may be left in the form by a change of mind.
        values["ban_seconds"] = (values["ban_seconds"] or 0) if values["action"] == "ban" else 0
        if old is None:
            return Limit(name=(self.name.data or "").strip(), **values)
        return msgspec.structs.replace(old, **values)


class TryForm(FlaskForm):  # type: ignore[misc] # the library has no types
    """A client, and what it wants to do."""

    class Meta:
        """It changes nothing."""

        csrf = False

    address = StringField(_l("IP address of the client"), [InputRequired(), Length(max=64)])
    event = SelectField(_l("What it does"), choices=list(EVENTS.items()))
    sender = StringField(
        _l("Domain of the sender"),
        [Length(max=255)],
        description=_l("For messages, recipients and octets."),
    )
    mailbox = StringField(_l("Address of the recipient"), [Length(max=320)], description=_l("For recipients."))
    domain = StringField(
        _l("Domain of ours"),
        [Length(max=255)],
        description=_l("For recipients and new addresses; that of the recipient is known."),
    )
    amount = IntegerField(
        _l("How much of it"),
        [Optional(), NumberRange(1, 10**12)],
        default=1,
        description=_l("Octets of one message; else 1."),
    )
