"""The form for a schedule: what is done to mailboxes, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from flask_babel import lazy_gettext as _l
from wtforms import SelectField, StringField, SubmitField
from wtforms.validators import InputRequired, Length, Optional

from tempmaild.core.schedule import Cron, Every, Schedule, make_action
from tempmaild.errors import InvalidValue
from tempmaild_admin.forms import EditForm
from tempmaild_admin.forms.fields import SpanField

if TYPE_CHECKING:
    from tempmaild.core.schedule import Action, Timing

ACTIONS = {
    "purge": _l("purge: destroy mailboxes"),
    "shorten": _l("shorten: have mailboxes end sooner"),
    "report": _l("report: count mailboxes and messages"),
}
_TIMINGS = [("cron", _l("at the times of a cron line")), ("interval", _l("every so often"))]


class TimingForm(EditForm):
    """When something is done."""

    trigger = SelectField(_l("When"), choices=_TIMINGS, default=Cron.name)
    cron = StringField(
        _l("Cron line"),
        [Length(max=200)],
        default="0 4 * * *",
        description=_l(
            "In UTC: minute, hour, day of the month, month, day of the week. 0 4 * * sun is each Sunday at four."
        ),
        render_kw={"autocomplete": "off", "spellcheck": "false", "data-shown-when": "trigger=cron"},
    )
    every = SpanField(
        _l("Every"),
        [Optional()],
        description=_l("Such as 10m, 24h or 7d, counted from when the schedule is made."),
        render_kw={"data-shown-when": "trigger=interval"},
    )

    @property
    def timing(self) -> Timing:
        """When it is to be done.

        Raises:
            InvalidValue: it is impossible.
        """
        timing = Cron(self.cron.data or "") if self.trigger.data == Cron.name else Every(self.every.data or 0)
        timing.check()
        return timing


class ScheduleForm(TimingForm):
    """All that is decided about a schedule."""

    name = StringField(
        _l("Name"), [InputRequired(), Length(max=64)], description=_l("Letters, digits, dots, hyphens; it stays.")
    )
    domain = StringField(
        _l("Domain"), [Length(max=255)], description=_l("Of the mailboxes, such as box.example.org; empty for all.")
    )
    action = SelectField(_l("What is done"), choices=list(ACTIONS.items()))
    older_than = SpanField(
        _l("To mailboxes that were made at least so long before"),
        [Optional()],
        description=_l("Such as 12h or 7d. Empty: all mailboxes are destroyed, however young they are."),
        render_kw={"data-shown-when": "action=purge"},
    )
    to = SpanField(
        _l("They live no longer than"),
        [Optional()],
        description=_l("Such as 24h, from the time of the run. Those that end sooner stay as they are."),
        render_kw={"data-shown-when": "action=shorten"},
    )
    preview = SubmitField(_l("Show the next runs"), render_kw={"class": "btn-outline-secondary"})
    submit = SubmitField(_l("Save"))

    @classmethod
    def of(cls, schedule: Schedule) -> ScheduleForm:
        """Make the form of a schedule that there is; its name stays."""
        timing = schedule.timing
        arguments = {name: value for name, value in msgspec.structs.asdict(schedule.action).items() if value}
        form = cls(
            data={
                "domain": schedule.domain,
                "action": schedule.action.name,
                "trigger": timing.name,
                **({"cron": timing.line} if isinstance(timing, Cron) else {"every": timing.seconds}),
                **arguments,
            }
        )
        del form.name
        return form

    def schedule(self, old: Schedule | None = None) -> Schedule:
        """Give the schedule as the form has it.

        Args:
            old: as it is now, if it is there.

        Raises:
            InvalidValue: it is impossible.
        """
        domain, action, timing = (self.domain.data or "").strip(), self._action(), self.timing
        if old is None:
            return Schedule((self.name.data or "").strip(), domain, action, timing)
        return msgspec.structs.replace(old, domain=domain, action=action, timing=timing)

    def _action(self) -> Action:
        argument = {"purge": "older_than", "shorten": "to"}.get(self.action.data)
        value = self[argument].data if argument else None
        return make_action(self.action.data, {argument: value} if argument and value is not None else {})


def timing_of(trigger: str, cron: str, every: str) -> Timing:
    """Read when something is to be done, as somebody is typing it.

    Raises:
        InvalidValue: it is impossible, or not yet possible.
    """
    form = TimingForm(formdata=None, data={}, meta={"csrf": False})
    form.trigger.data, form.cron.data = trigger, cron
    try:
        form.every.process_formdata([every])
    except ValueError as error:
        if trigger != Cron.name:
            raise InvalidValue("every", str(error)) from None
    return form.timing
