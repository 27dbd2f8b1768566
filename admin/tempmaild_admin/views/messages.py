"""What is in mailboxes that are not sealed. Each look at it is in the audit log."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    send_file,
    url_for,
)
from flask_babel import gettext as _
from flask_login import current_user

from tempmaild.core.address import readable
from tempmaild.errors import CredentialRefused, MailboxGone, MessageDamaged, NoSuchFolder, NoSuchMailbox
from tempmaild_admin import mail_words, reader
from tempmaild_admin.guard import needs
from tempmaild_admin.protection import POLICY
from tempmaild_admin.services import appliance, call, services
from tempmaild_admin.views.mailboxes import domain_of, find, number_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.typing import ResponseReturnValue

    from tempmaild.core.mailbox import Folder, Mailbox
    from tempmaild.service.open_mail import Opened

blueprint = Blueprint("messages", __name__, url_prefix="/mailboxes/<int:mailbox_id>/<int:folder_id>")

_PAGE = 50
_SEALED_OFF: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox"
"""The policy of what was in a message: of no origin, so that it gets at nothing of the console's."""
_LISTING: Final = 0
"""Stands in the audit log for the UID of no message: senders and subjects of several were looked at."""


@blueprint.errorhandler(CredentialRefused)
@blueprint.errorhandler(MailboxGone)
def turn_back(_error: Exception) -> ResponseReturnValue:
    """Have the page of the mailbox say why there is nothing to be read."""
    flash(_("The mail of this mailbox cannot be read here."), "warning")
    return redirect(url_for("mailboxes.show", mailbox_id=(request.view_args or {})["mailbox_id"]))


@blueprint.get("/")
@needs("operator")
def index(mailbox_id: int, folder_id: int) -> ResponseReturnValue:
    """List the messages of a folder."""
    mailbox, folder = _place(mailbox_id, folder_id)
    before = number_of(request.args.get("before"))
    rows = call(appliance().open_mail.page(mailbox, folder, before, _PAGE + 1))
    if rows:
        _note(mailbox, folder, _LISTING, "list")
    return render_template(
        "mailboxes/messages.html",
        mailbox=mailbox,
        domain=domain_of(mailbox),
        shown=readable(mailbox.address),
        folder=folder,
        rows=rows[:_PAGE],
        more=len(rows) > _PAGE,
        before=before,
        reader=reader,
    )


@blueprint.get("/<int:uid>/")
@needs("operator")
def show(mailbox_id: int, folder_id: int, uid: int) -> ResponseReturnValue:
    """Show a message; its HTML comes from `html`, in a frame."""
    mailbox, folder = _place(mailbox_id, folder_id)
    opened = _open(mailbox, folder, uid, "text")
    page = render_template(
        "mailboxes/message.html",
        mailbox=mailbox,
        domain=domain_of(mailbox),
        shown=readable(mailbox.address),
        folder=folder,
        uid=uid,
        summary=opened.summary,
        reading=reader.read(opened),
        size=len(opened.content),
        reader=reader,
        words=mail_words,
    )
    answer = make_response(page)
    answer.headers["Content-Security-Policy"] = f"{POLICY}; frame-src 'self'"
    return answer


@blueprint.get("/<int:uid>/html")
@needs("operator")
def html(mailbox_id: int, folder_id: int, uid: int) -> ResponseReturnValue:
    """Give the message's HTML, cleaned, as a page of no origin."""
    mailbox, folder = _place(mailbox_id, folder_id)
    opened = _open(mailbox, folder, uid, "html")
    cleaned: str | None = ""
    problem = _("Others are reading at the moment. Try again in a few seconds.")
    with _turn() as has_turn:
        if has_turn:
            try:
                cleaned, problem = reader.cleaned_html(opened), ""
            except reader.TooHard:
                problem = _("This HTML is too large or too tangled to be shown safely. The source has it.")
    if cleaned is None:
        abort(404)
    page = render_template("mailboxes/frame.html", cleaned=cleaned, problem=problem)
    # Its own colours and sizes are all that it may bring: nothing can be loaded, and nothing can run.
    return _of_message(make_response(page), f"{_SEALED_OFF}; style-src 'unsafe-inline'")


@blueprint.get("/<int:uid>/source")
@needs("operator")
def source(mailbox_id: int, folder_id: int, uid: int) -> ResponseReturnValue:
    """Give the message as it arrived."""
    mailbox, folder = _place(mailbox_id, folder_id)
    opened = _open(mailbox, folder, uid, "source")
    return _of_message(Response(opened.content, content_type="text/plain; charset=utf-8"))


@blueprint.get("/<int:uid>/parts/<int:number>")
@needs("operator")
def part(mailbox_id: int, folder_id: int, uid: int, number: int) -> ResponseReturnValue:
    """Give a part to be saved, as what it is not: no browser is to open it."""
    mailbox, folder = _place(mailbox_id, folder_id)
    opened = _open(mailbox, folder, uid, f"part {number}")
    found = reader.attached(opened, number)
    if found is None:
        abort(404)
    name, octets = found
    file = io.BytesIO(octets)
    return _of_message(send_file(file, mimetype="application/octet-stream", as_attachment=True, download_name=name))


def _place(mailbox_id: int, folder_id: int) -> tuple[Mailbox, Folder]:
    mailbox = find(mailbox_id)
    try:
        folders = call(appliance().mailboxes.describe(mailbox.address)).folders
    except NoSuchMailbox:
        abort(404)
    folder = next((folder for folder in folders if folder.id == folder_id), None)
    if folder is None:
        abort(404)
    return mailbox, folder


def _open(mailbox: Mailbox, folder: Folder, uid: int, what: str) -> Opened:
    """Give a message, and have the audit log say that it was looked at; there is no such page without it.

    Raises:
        CredentialRefused: it is sealed.
        MailboxGone: the mailbox is over.
    """
    try:
        opened = call(appliance().open_mail.open(mailbox, folder, uid))
    except (MessageDamaged, NoSuchFolder):
        opened = None
    if opened is None:
        abort(404)
    _note(mailbox, folder, uid, what)
    return opened


def _note(mailbox: Mailbox, folder: Folder, uid: int, what: str) -> None:
    call(appliance().open_mail.note(mailbox, folder, uid, what, current_user.name))


def _of_message(answer: Response, policy: str = _SEALED_OFF) -> Response:
    answer.headers["Content-Security-Policy"] = policy
    answer.headers["X-Frame-Options"] = "SAMEORIGIN"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


@contextmanager
def _turn() -> Iterator[bool]:
    """Take one of the few turns of those that may keep a thread for seconds, if there is one."""
    turn = services().waiting
    has_turn = turn.acquire(blocking=False)
    try:
        yield has_turn
    finally:
        if has_turn:
            turn.release()
