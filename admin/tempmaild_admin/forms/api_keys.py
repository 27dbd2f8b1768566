"""The forms for API keys."""

from __future__ import annotations

from typing import Any, Final

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectMultipleField, StringField, SubmitField, TextAreaField
from wtforms.validators import InputRequired, Length
from wtforms.widgets import CheckboxInput

from tempmaild.core.api_key import GRACE_SECONDS, KEY_SECONDS, MOST_NETWORKS, SCOPES
from tempmaild_admin.forms import EditForm
from tempmaild_admin.forms.fields import SpanField

WORDS: Final[dict[str, Any]] = {
    "mailboxes:create": _l("make mailboxes"),
    "mailboxes:read": _l("see which mailboxes there are, and how long they live"),
    "mailboxes:extend": _l("put off the end of mailboxes"),
    "mailboxes:destroy": _l("destroy mailboxes"),
    "messages:read": _l("read mail that is not sealed"),
    "messages:delete": _l("delete mail that is not sealed"),
    "domains:read": _l("see which domains there are"),
}
"""What each scope lets a program do."""
_LONGEST_NETWORKS: Final = MOST_NETWORKS * 50
"""Characters; the longest network has 43."""


class ScopeField(SelectMultipleField):
    """Boxes to tick, one for each scope."""

    option_widget = CheckboxInput()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(_l("It may"), choices=[(scope, WORDS[scope]) for scope in SCOPES], **kwargs)


class NetworksField(TextAreaField):
    """Networks, each on a line of its own or separated by spaces or commas."""

    def __init__(self, **kwargs: Any) -> None:
        text = _l("Addresses or networks such as 192.0.2.0/24, one on each line; empty for anywhere.")
        super().__init__(
            _l("It may come from"),
            [Length(max=_LONGEST_NETWORKS)],
            description=text,
            render_kw={"rows": 3, "spellcheck": "false"},
            **kwargs,
        )

    @property
    def networks(self) -> list[str]:
        """What was written, which nobody has looked at yet."""
        return (self.data or "").replace(",", " ").split()


class AddForm(FlaskForm):  # type: ignore[misc] # the library has no types
    """What a program may do, whence, and for how long."""

    name = StringField(
        _l("Name"),
        [InputRequired(), Length(max=63)],
        description=_l("Of the program, such as shop-tests; it stands in the audit log."),
        render_kw={"autocapitalize": "off", "autocomplete": "off", "spellcheck": "false"},
    )
    scopes = ScopeField()
    networks = NetworksField()
    seconds = SpanField(
        _l("It is good for"),
        [InputRequired()],
        default=KEY_SECONDS,
        description=_l("Such as 12h or 90d. In time its secret is changed for another."),
    )
    submit = SubmitField(_l("Make the key"))


class ChangeForm(EditForm):
    """What can be decided otherwise about a key that there is."""

    scopes = ScopeField()
    networks = NetworksField()
    submit = SubmitField(_l("Save"))


class RotateForm(EditForm):
    """For how long the new secret is good, and the present one beside it."""

    seconds = SpanField(
        _l("The new one is good for"), [InputRequired()], default=KEY_SECONDS, description=_l("Such as 12h or 90d.")
    )
    grace = SpanField(
        _l("The present one is good for"),
        default=GRACE_SECONDS,
        description=_l(
            "Time to give the new one to the program. Leave it empty when others know the present one: "
            "then it ends at once."
        ),
    )
    submit = SubmitField(_l("Make another secret"))
