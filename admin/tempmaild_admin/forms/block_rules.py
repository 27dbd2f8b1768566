"""The forms for block rules: added, changed, imported, tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField, SubmitField
from wtforms.validators import InputRequired, Length, Optional

from tempmaild.core.block_rule import LONGEST_NOTE, BlockRule
from tempmaild_admin.forms import EditForm
from tempmaild_admin.forms.fields import SpanField
from tempmaild_admin.forms.lists import ListForm

if TYPE_CHECKING:
    from tempmaild.core.block_rule import Action, Kind

KINDS: dict[str, Any] = {
    "address": _l("address of a sender"),
    "domain": _l("domain of senders, and all below it"),
    "network": _l("network of clients"),
    "helo": _l("name in HELO, and all below it"),
}
ACTIONS: dict[str, Any] = {
    "refuse": _l("refuse: do not take it"),
    "junk": _l("junk: deliver it into Junk"),
    "allow": _l("allow: pass over block lists and spam filters"),
}
_FOR_DOMAIN = _l("box.example.org, or *.example.org for all below it; empty for all of ours.")


class RuleForm(FlaskForm):  # type: ignore[misc] # the library has no types
    """All that is decided about a rule."""

    kind = SelectField(_l("What it is about"), choices=list(KINDS.items()))
    subject = StringField(
        _l("Which"),
        [InputRequired(), Length(max=320)],
        description=_l("Such as joe@spam.example, spam.example, 203.0.113.0/24, or ylmf-pc."),
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )
    action = SelectField(_l("What is done with its mail"), choices=list(ACTIONS.items()))
    domain = StringField(_l("Only for mail to"), [Length(max=255)], description=_FOR_DOMAIN)
    seconds = SpanField(_l("For"), [Optional()], description=_l("Such as 12h or 30d; empty for ever."))
    note = StringField(_l("Note"), [Length(max=LONGEST_NOTE)], description=_l("For the people who read this list."))
    submit = SubmitField(_l("Save"))

    def rule(self, now: int) -> BlockRule:
        """Give the rule as the form has it, which nobody has looked at yet."""
        until = now + self.seconds.data if self.seconds.data else 0
        domain, note = (self.domain.data or "").strip(), (self.note.data or "").strip()
        return BlockRule(self.kind.data, (self.subject.data or "").strip(), self.action.data, domain, note, until)


class ChangeForm(EditForm):
    """What can be decided otherwise about a rule that there is."""

    action = SelectField(_l("What is done with its mail"), choices=list(ACTIONS.items()))
    ending = SelectField(
        _l("It ends"),
        choices=[("keep", _l("as it did")), ("never", _l("never")), ("after", _l("after a time, from now on"))],
    )
    seconds = SpanField(
        _l("After"),
        [Optional()],
        description=_l("Such as 12h or 30d."),
        render_kw={"data-shown-when": "ending=after"},
    )
    note = StringField(_l("Note"), [Length(max=LONGEST_NOTE)], description=_l("For the people who read this list."))
    submit = SubmitField(_l("Save"))

    def until(self, old: BlockRule, now: int) -> int:
        """Give when it is to end, 0 for never."""
        if self.ending.data == "keep":
            return old.until
        return now + self.seconds.data if self.ending.data == "after" else 0


class ImportForm(ListForm):
    """A list of rules, or of plain subjects with what holds for all of them."""

    kind = SelectField(
        _l("What the lines are"),
        choices=[("", _l("rules, as an export has them")), *((kind, text) for kind, text in KINDS.items())],
    )
    action = SelectField(_l("What is done with their mail, if they are no rules"), choices=list(ACTIONS.items()))
    domain = StringField(_l("Only for mail to"), [Length(max=255)], description=_FOR_DOMAIN)
    submit = SubmitField(_l("Import"))

    @property
    def usual(self) -> BlockRule | None:
        """What a line has but its subject; None where all lines have to be rules."""
        kind: Kind | None = self.kind.data or None
        action: Action = self.action.data
        return BlockRule(kind, "", action, (self.domain.data or "").strip()) if kind else None


class TryForm(FlaskForm):  # type: ignore[misc]
    """A client, a sender and a recipient."""

    class Meta:
        """It changes nothing."""

        csrf = False

    sender = StringField(_l("Address of the sender"), [Length(max=320)], description=_l("Of MAIL FROM."))
    client = StringField(_l("IP address of the client"), [Length(max=64)])
    helo = StringField(_l("Its name in HELO"), [Length(max=255)])
    domain = StringField(
        _l("Domain of the recipient"),
        [Length(max=255)],
        description=_l("One of ours; empty leaves out rules for one."),
    )
