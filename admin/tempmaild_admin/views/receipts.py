"""Receipts of destroyed mailboxes: listed, shown, given out, verified."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from flask import Blueprint, Response, abort, render_template, request, url_for
from flask_babel import gettext as _

from tempmaild.core import address as addresses
from tempmaild.core import receipt as receipts
from tempmaild.errors import InvalidAddress, InvalidValue, NoSuchReceipt
from tempmaild_admin.forms.days import DaysForm
from tempmaild_admin.forms.problems import reason_of
from tempmaild_admin.forms.receipts import VerifyForm
from tempmaild_admin.guard import needs
from tempmaild_admin.services import appliance, call

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from tempmaild.core.receipt import Receipt
    from tempmaild.service.receipts import Issued

blueprint = Blueprint("receipts", __name__, url_prefix="/receipts")

_PAGE: Final = 50


class Finding(NamedTuple):
    """Something that was looked at; `problem` is "" where it is as it should be."""

    text: str
    problem: str


@blueprint.get("/")
@needs("viewer")
def index() -> str:
    """List them, the latest first."""
    form = DaysForm(request.args)
    after = request.args.get("after", "")
    page = call(appliance().receipts.page(*form.times, after, _PAGE)) if form.validate() else None
    return render_template(
        "receipts/index.html",
        form=form,
        rows=page.rows if page else [],
        next=page.after if page else "",
        after=after,
        criteria=form.criteria,
    )


@blueprint.get("/<lookup>")
@needs("viewer")
def show(lookup: str) -> str:
    """Show one, and whether it holds."""
    issued = _issued(lookup)
    findings = _findings(issued.receipt) if issued.receipt else []
    return render_template("receipts/show.html", issued=issued, receipt=issued.receipt, findings=findings)


@blueprint.get("/<lookup>/receipt.json")
@needs("viewer")
def download(lookup: str) -> ResponseReturnValue:
    """Give one as its owner gets it."""
    issued = _issued(lookup)
    answer = Response(f"{issued.text}\n", mimetype="application/json")
    answer.headers.set("Content-Disposition", "attachment", filename="receipt.json")
    return answer


@blueprint.route("/verify", methods=["GET", "POST"])
@needs("operator")
def verify() -> str:
    """Look at one that somebody has sent."""
    form, receipt, findings = VerifyForm(), None, list[Finding]()
    if form.validate_on_submit() and form.is_complete():
        try:
            receipt = receipts.from_text(form.octets)
        except InvalidValue as error:
            field = form.file if form.file.data else form.text
            field.errors = [*field.errors, reason_of(error)]
        else:
            findings = _findings(receipt)
            if form.receipt_id.data and form.address.data:
                findings.append(_about(receipt, form.receipt_id.data, form.address.data.strip()))
    back = url_for("receipts.index")
    return render_template("receipts/verify.html", form=form, receipt=receipt, findings=findings, back=back)


def _issued(lookup: str) -> Issued:
    try:
        return call(appliance().receipts.issued(lookup))
    except NoSuchReceipt:
        abort(404)


def _findings(receipt: Receipt) -> list[Finding]:
    """See whether a receipt's signature is good, and whether the log says the same."""
    try:
        receipts.check(receipt)
    except InvalidValue as error:
        # What the log says of something that nobody has signed is of no interest.
        return [Finding(_("Signature"), reason_of(error))]
    found = [Finding(_("Signature"), "")]
    try:
        call(appliance().audit.confirm(receipt))
    except InvalidValue as error:
        return [*found, Finding(_("Audit log of this host"), reason_of(error))]
    return [*found, Finding(_("Audit log of this host"), "")]


def _about(receipt: Receipt, receipt_id: str, address: str) -> Finding:
    text = _("Mailbox of this id and address")
    try:
        receipts.check_subject(receipt, receipt_id, addresses.normalise(address))
    except InvalidAddress:
        return Finding(text, _("No mailbox can have this address."))
    except InvalidValue as error:
        return Finding(text, reason_of(error))
    return Finding(text, "")
