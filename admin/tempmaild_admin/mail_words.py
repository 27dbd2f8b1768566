"""Mail in words: what became of a message, why, and what the checks have found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tempmaild.core.mail_log import HASHED, HIDDEN
from tempmaild_admin.overview import METHODS, REASONS

if TYPE_CHECKING:
    from tempmaild.core.mail_log import Noted
    from tempmaild.core.verdict import Finding

DISPOSITIONS: Final[dict[str, Any]] = {
    "accept": _l("accepted"),
    "junk": _l("accepted as junk"),
    "refuse": _l("refused"),
    "later": _l("put off"),
}
"""What became of a message."""
COLOURS: Final = {"accept": "success", "junk": "warning", "refuse": "danger", "later": "secondary"}
STAGES: Final[dict[str, Any]] = {
    "mail": _l("when the sender was named (MAIL)"),
    "rcpt": _l("when the recipient was named (RCPT)"),
    "data": _l("when the message was there (DATA)"),
}
WHY: Final[dict[str, Any]] = REASONS | {
    "other-rules": _l("Recipients with different rules"),
    "too-many-recipients": _l("Too many recipients"),
}
"""The check that has decided, or another reason."""

_FOUND: Final[dict[tuple[str, str], Any]] = {
    ("spf", "pass"): _l("The sender's domain lets this client send its mail."),
    ("spf", "fail"): _l("The sender's domain does not let this client send its mail."),
    ("spf", "softfail"): _l("The sender's domain probably does not let this client send its mail."),
    ("spf", "neutral"): _l("The sender's domain does not say whether this client may send its mail."),
    ("spf", "none"): _l("The sender's domain does not say who may send its mail."),
    ("spf", "temperror"): _l("What the sender's domain says could not be found out."),
    ("spf", "permerror"): _l("What the sender's domain says about who may send its mail makes no sense."),
    ("dkim", "pass"): _l("A signature is good: the message is as its signer has sent it."),
    ("dkim", "fail"): _l("A signature is wrong: the message was changed, or the signature is forged."),
    ("dkim", "none"): _l("The message is not signed."),
    ("dkim", "neutral"): _l("A signature cannot be read."),
    ("dkim", "policy"): _l("A signature is of a kind that is not accepted here, such as one with a short key."),
    ("dkim", "temperror"): _l("Whether a signature is good could not be found out."),
    ("dkim", "permerror"): _l("A signature has no key that it could be verified with."),
    ("dmarc", "pass"): _l("The domain that the message names as its author's has been authenticated."),
    ("dmarc", "fail"): _l("The domain that the message names as its author's has not been authenticated."),
    ("dmarc", "none"): _l("The domain of the author has no policy."),
    ("dmarc", "temperror"): _l("Whether the domain of the author stands behind the message could not be found out."),
    ("dmarc", "permerror"): _l("The message has no single author, or the policy of the domain makes no sense."),
    ("arc", "pass"): _l("Those who have passed the message on vouch for what they found."),
    ("arc", "fail"): _l("What those say who have passed the message on does not hold together."),
    ("arc", "none"): _l("Nobody who has passed the message on says what was found."),
    ("iprev", "pass"): _l("The client's address has a name that leads back to it."),
    ("iprev", "fail"): _l("The client's address has a name that leads elsewhere."),
    ("iprev", "permerror"): _l("The client's address has no name that leads back to it."),
    ("iprev", "temperror"): _l("The name of the client's address could not be found out."),
    ("x-helo", "pass"): _l("The name that the client gives itself leads to its address."),
    ("x-helo", "neutral"): _l("The name that the client gives itself leads elsewhere."),
    ("x-helo", "fail"): _l("The name that the client gives itself is not its own."),
    ("x-helo", "permerror"): _l("The name that the client gives itself is no name of a host."),
    ("x-helo", "temperror"): _l("Where the name that the client gives itself leads could not be found out."),
    ("x-dnsbl", "none"): _l("No block list names the client or a domain of the message."),
    ("x-dnsbl", "fail"): _l("A block list names the client or a domain of the message."),
    ("x-dnsbl", "temperror"): _l("A block list did not answer."),
    ("x-spam", "pass"): _l("The spam filter takes it for wanted mail."),
    ("x-spam", "fail"): _l("The spam filter takes it for spam."),
    ("x-spam", "none"): _l("The spam filter has not looked at it."),
    ("x-spam", "temperror"): _l("The spam filter did not answer."),
    ("x-attachments", "none"): _l("It has no attachments."),
    ("x-attachments", "pass"): _l("It has attachments, and all are of kinds that are accepted."),
    ("x-attachments", "fail"): _l("It has an attachment of a kind that is not accepted."),
    ("x-attachments", "unscannable"): _l("It has an attachment into which nobody can look."),
    ("x-attachments", "temperror"): _l("Its attachments could not be looked at."),
    ("x-clamav", "pass"): _l("The virus scanner has found nothing."),
    ("x-clamav", "fail"): _l("The virus scanner has found malware."),
    ("x-clamav", "unscannable"): _l("The virus scanner could not look into all of it."),
    ("x-clamav", "temperror"): _l("The virus scanner did not answer."),
}


def method(noted: Noted | Finding) -> str:
    """Give what a check is called; what is not known by its own name."""
    return str(METHODS.get(noted.method, noted.method))


def found(noted: Noted | Finding) -> str:
    """Say what a check has found."""
    known = _FOUND.get((noted.method, noted.result))
    return str(known) if known else _("The result is “%(result)s”.", result=noted.result)


def why(decided_by: str) -> str:
    """Say what has decided."""
    return str(WHY.get(decided_by, decided_by))


def is_plain(text: str) -> bool:
    """Tell whether an address, domain or client is kept as it was."""
    return text != HIDDEN and not text.startswith(HASHED)
