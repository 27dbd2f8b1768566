"""The forms for domains: added, decided about, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField, SelectField, StringField, SubmitField, TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange, Optional, ValidationError

from tempmaild.core.lifetime import PRESETS, Lifetime
from tempmaild.core.policy import Policy
from tempmaild.settings.values import parse_size, size_text
from tempmaild_admin.forms import EditForm
from tempmaild_admin.forms.fields import SpanField
from tempmaild_admin.forms.problems import reason_of, show_problem

if TYPE_CHECKING:
    from tempmaild.core.mailbox import Domain
    from tempmaild.core.policy import Kind
    from tempmaild.errors import InvalidValue

AS_SET, OWN = "", "own"
"""What is chosen in the place of a preset: what the settings say, and what the fields beside it say."""

_KINDS = [
    ("claimed", _l("claimed: only addresses that somebody has made take mail, and each is read with its own secret")),
    ("catch-all", _l("catch-all: the same, and one mailbox takes what is for all other names")),
    ("open", _l("open: mail to any name makes its mailbox, and whoever knows the name reads it, without a secret")),
]
_NAMES = [
    ("words", _l("words that are easy to say and to type, such as tavomifu482")),
    ("short", _l("eight letters and digits, such as 9f3c01ab")),
]
_LIFETIME_FIELDS = Lifetime.__struct_fields__


class SizeField(StringField):
    """A size such as 10 MiB, or a number of octets; its data are octets, None where nothing was typed."""

    data: Any

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return size_text(self.data) if self.data else ""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read what was typed."""
        text = valuelist[0].strip() if valuelist else ""
        self.data = None
        if text:
            try:
                self.data = parse_size(f"{text} B" if text.isdecimal() else text)
            except ValueError:
                raise ValidationError(_("This is not a size such as 10 MiB.")) from None


class _SpanOrAtOnceField(SpanField):
    """A length of time, or 0 for none at all."""

    data: Any

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read what was typed."""
        if valuelist and valuelist[0].strip() == "0":
            self.data = 0
        else:
            super().process_formdata(valuelist)


def _lifetime_choices() -> list[tuple[str, Any]]:
    return [
        (AS_SET, _l("As in the settings of this host")),
        ("ten-minutes", _l("Ten minutes; the owner may put off the end up to an hour")),
        ("verification", _l("Verification: one hour; up to a day")),
        ("file-share", _l("File share: one day; up to 7 days")),
        ("support", _l("Support: 7 days; up to 30 days, and no message is lost while there is room")),
    ]


class AddForm(FlaskForm):  # type: ignore[misc]
    """What is decided when a domain is added; all else has a good default."""

    name = StringField(
        _l("Name"),
        [InputRequired(), Length(max=1000)],
        description=_l("Such as box.example.org; *.example.org stands for all names below that one."),
    )
    kind = SelectField(
        _l("Who takes mail"),
        choices=_KINDS,
        description=_l(
            "An open domain is public: choose it for tests only. It cannot be changed to another kind later."
        ),
    )
    catch_all = StringField(
        _l("Mailbox for all other names"),
        [Length(max=400)],
        description=_l("For a catch-all domain alone: an address of this host. The mailbox may be made later."),
        render_kw={"data-shown-when": "kind=catch-all"},
    )
    lifetime = SelectField(
        _l("How long mailboxes live"),
        choices=_lifetime_choices(),
        description=_l("Where their maker wants nothing else. All of it can be decided in detail afterwards."),
    )
    sealed = BooleanField(
        _l("Seal mail"),
        default=True,
        description=_l(
            "Mail is encrypted to its mailbox as it arrives: nobody but its owner reads it, not even you."
        ),
    )
    submit = SubmitField(_l("Add, and go on to its DNS records"))

    @property
    def policy(self) -> Policy:
        """What was decided."""
        return Policy(lifetime=PRESETS.get(self.lifetime.data), catch_all=_catch_all(self))


class SettingsForm(EditForm):
    """All that is decided about a domain, but for the checks of its mail."""

    kind = SelectField(
        _l("Who takes mail"),
        choices=_KINDS,
        description=_l(
            "A domain with mailboxes cannot become open, or stop being open: what is somebody's would be everybody's."
        ),
    )
    catch_all = StringField(
        _l("Mailbox for all other names"),
        [Length(max=400)],
        description=_l(
            "For a catch-all domain alone: an address of this host. While it has no mailbox, such mail is refused."
        ),
        render_kw={"data-shown-when": "kind=catch-all"},
    )
    sealed = BooleanField(
        _l("Seal mail"),
        description=_l(
            "Mail to new mailboxes is encrypted to their owners' secrets. An open domain is never sealed."
        ),
    )
    passwords = BooleanField(
        _l("Owners may choose passwords"),
        description=_l("Beside the secrets that are made for them. Each wrong password then costs time and memory."),
    )
    names = SelectField(
        _l("Names that are made up"),
        choices=_NAMES,
        description=_l("Where somebody wants any address of this domain."),
    )
    reserved = TextAreaField(
        _l("Reserved names"),
        [Length(max=100_000)],
        description=_l("No owner gets these, nor the roles such as postmaster. One to a line, without the domain."),
    )
    operator = StringField(
        _l("The operator's mailbox"),
        [Length(max=400)],
        description=_l(
            "Takes mail to postmaster and the other reserved names. Empty: as in the settings of this host."
        ),
    )
    largest_message = SizeField(
        _l("Largest message"),
        [Optional()],
        description=_l(
            "From 64 KiB, such as 10 MiB. Empty: as in the settings of this host, which is never exceeded."
        ),
    )
    longest = SpanField(
        _l("Longest life"),
        [Optional()],
        description=_l("No owner gets a longer one, such as 7d. Empty: as long as they want."),
    )
    lifetime = SelectField(
        _l("How long mailboxes live"),
        choices=[*_lifetime_choices(), (OWN, _l("As decided here in detail"))],
        description=_l("Where their maker wants nothing else. Mailboxes that are there keep theirs."),
    )
    seconds = SpanField(
        _l("Time to live"),
        [Optional()],
        description=_l("From the creation to the end, such as 24h. Empty: for ever."),
    )
    idle = SpanField(
        _l("Idle time"),
        [Optional()],
        description=_l(
            "The mailbox ends sooner when nobody has read it for so long. Mail that arrives is no use of it."
        ),
    )
    extend = SpanField(
        _l("Extendable to"),
        [Optional()],
        description=_l("Up to how long after the creation the owner may put off the end. Empty: not at all."),
    )
    messages = IntegerField(
        _l("Messages in a folder"),
        [Optional(), NumberRange(min=0)],
        description=_l("How many there may be. Empty or 0: any number."),
    )
    when_full = SelectField(
        _l("When it is full"),
        choices=[("oldest", _l("the oldest message goes")), ("refuse", _l("no further message is taken"))],
    )
    retention = SpanField(
        _l("Time for each message"),
        [Optional()],
        description=_l("From its arrival to its end. Empty: as long as the mailbox."),
    )
    after_reading = _SpanOrAtOnceField(
        _l("Time after reading"),
        [Optional()],
        description=_l("From the first reading of a message to its end; 0 for at once. Empty: reading ends nothing."),
    )
    submit = SubmitField(_l("Save"))

    @classmethod
    def of(cls, domain: Domain, usual: Lifetime) -> SettingsForm:
        """Make the form of a domain.

        Args:
            usual: the lifetime of its mailboxes as the settings have it.
        """
        policy = domain.policy
        preset = next((name for name, lifetime in PRESETS.items() if lifetime == policy.lifetime), OWN)
        lifetime = policy.lifetime or usual
        fields = {name: getattr(lifetime, name) or None for name in _LIFETIME_FIELDS}
        return cls(
            kind=domain.kind,
            sealed=domain.sealed,
            catch_all=policy.catch_all,
            passwords=policy.passwords,
            names=policy.names,
            reserved="\n".join(policy.reserved),
            operator=policy.operator,
            largest_message=policy.largest_message or None,
            longest=policy.longest or None,
            lifetime=preset if policy.lifetime else AS_SET,
            **fields | {"after_reading": lifetime.after_reading},
        )

    def changed(self, domain: Domain) -> Domain:
        """Give the domain as the form has it."""
        kind: Kind = self.kind.data
        policy = msgspec.structs.replace(
            domain.policy,
            lifetime=self._own_lifetime() if self.lifetime.data == OWN else PRESETS.get(self.lifetime.data),
            longest=self.longest.data or 0,
            largest_message=self.largest_message.data or 0,
            names=self.names.data,
            passwords=self.passwords.data,
            catch_all=_catch_all(self),
            operator=(self.operator.data or "").strip(),
            reserved=tuple((self.reserved.data or "").split()),
        )
        return msgspec.structs.replace(domain, kind=kind, sealed=self.sealed.data, policy=policy)

    def show_problem(self, error: InvalidValue) -> None:
        """Put what is wrong beside its field; that of a preset beside the choice."""
        if error.field in _LIFETIME_FIELDS and self.lifetime.data != OWN:
            self.lifetime.errors = [*self.lifetime.errors, reason_of(error)]
        else:
            show_problem(self, error)

    def _own_lifetime(self) -> Lifetime:
        values: dict[str, Any] = {name: self[name].data or 0 for name in _LIFETIME_FIELDS}
        return Lifetime(**values | {"when_full": self.when_full.data, "after_reading": self.after_reading.data})


def _catch_all(form: AddForm | SettingsForm) -> str:
    """Give the mailbox for all other names; what was typed for another kind of domain counts for nothing."""
    return (form.catch_all.data or "").strip() if form.kind.data == "catch-all" else ""


class DeleteForm(FlaskForm):  # type: ignore[misc]
    """The name of the domain, typed again."""

    name = StringField(_l("Type the name of the domain"), [InputRequired()], render_kw={"autocomplete": "off"})
    submit = SubmitField(_l("Destroy all of it"), render_kw={"class": "btn-danger"})
