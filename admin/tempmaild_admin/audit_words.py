"""The audit log in words: what its actions are called, what its details are about, what can be wrong with a row."""

from __future__ import annotations

from typing import Any, Final

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

_ACTIONS: Final[dict[str, Any]] = {
    "api-key-add": _l("API key made"),
    "api-key-change": _l("API key changed"),
    "api-key-remove": _l("API key removed"),
    "api-key-rotate": _l("API key got another secret"),
    "audit-verify": _l("audit log verified"),
    "backup": _l("backup made"),
    "ban-add": _l("network banned"),
    "ban-import": _l("list of bans imported"),
    "ban-remove": _l("ban lifted"),
    "block-add": _l("block rule set"),
    "block-import": _l("list of block rules imported"),
    "block-remove": _l("block rule removed"),
    "clock-accept": _l("clock accepted"),
    "code-wrong": _l("wrong code of the second factor"),
    "credential-add": _l("credential added"),
    "credential-revoke": _l("credential revoked"),
    "domain-add": _l("domain added"),
    "domain-change": _l("domain changed"),
    "domain-remove": _l("domain removed"),
    "invitation-withdraw": _l("invitation withdrawn"),
    "limit-add": _l("limit added"),
    "limit-change": _l("limit changed"),
    "limit-remove": _l("limit removed"),
    "mailbox-destroy": _l("mailbox destroyed"),
    "mailbox-extend": _l("end of a mailbox put off"),
    "mailboxes-shorten": _l("mailboxes end sooner"),
    "message-read": _l("mail read by an operator"),
    "password-change": _l("password changed"),
    "password-reset": _l("password chosen anew"),
    "person-add": _l("person added"),
    "person-change": _l("person changed"),
    "person-invite": _l("person invited"),
    "person-remove": _l("person removed"),
    "person-reset": _l("link for another password made"),
    "recovery-code-use": _l("recovery code used"),
    "recovery-codes": _l("recovery codes made"),
    "restore": _l("backup restored"),
    "schedule-add": _l("schedule added"),
    "schedule-change": _l("schedule changed"),
    "schedule-remove": _l("schedule removed"),
    "schedule-request": _l("schedule run by hand"),
    "session-end": _l("session ended by somebody else"),
    "sign-in": _l("signed in"),
    "sign-in-failed": _l("sign-in failed"),
    "sign-out": _l("signed out"),
    "signing-key": _l("key for receipts introduced"),
    "totp-remove": _l("second factor removed"),
    "totp-set": _l("second factor set up"),
}
_PROBLEMS: Final[dict[str, Any]] = {
    "it does not follow the row before it": _l("it does not follow the row before it"),
    "it has values of a wrong type": _l("it has values of a wrong type"),
    "its digest is not of its content": _l("its digest is not of its content"),
    "the row before it is missing": _l("the row before it is missing"),
}


def said(action: object) -> str:
    """Say what was done; as the log has it where there are no words for it."""
    return str(_ACTIONS.get(str(action), action))


def wrong(problem: str) -> str:
    """Say what is wrong with a row."""
    return str(_PROBLEMS.get(problem) or (_("it is missing") if problem.startswith("it is missing") else problem))
