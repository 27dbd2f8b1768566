"""Mailboxes: found, made, put off, destroyed. What is in those that are not sealed is in `views.messages`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import segno
from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from msgspec import Struct
from msgspec.structs import replace

from tempmaild.core.address import readable
from tempmaild.core.client_config import imap_url, incoming, mobileconfig
from tempmaild.core.lifetime import FOREVER
from tempmaild.errors import (
    AddressReserved,
    AddressTaken,
    DomainDisabled,
    InvalidAddress,
    InvalidValue,
    NoSuchDomain,
    NoSuchMailbox,
    NotExtendable,
)
from tempmaild.service.mailbox_list import Search
from tempmaild.store.mailbox_list import ORDERS
from tempmaild_admin.forms import ConfirmForm
from tempmaild_admin.forms.mailboxes import OWN, CreateForm, DestroyForm, ExtendForm, SearchForm
from tempmaild_admin.forms.problems import reason_of, show_problem
from tempmaild_admin.guard import needs
from tempmaild_admin.services import appliance, call, services
from tempmaild_admin.stale import is_unchanged

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from tempmaild.core.mailbox import Domain, Mailbox
    from tempmaild.service.mailboxes import NewMailbox
    from tempmaild.store.mailbox_list import Order

blueprint = Blueprint("mailboxes", __name__, url_prefix="/mailboxes")

_PAGE = 50
_SAMPLE: Final = 10
"""Addresses that are named before they are destroyed, so that a wrong search is seen."""
_COUNTED: Final = 1000
"""Mailboxes whose messages are counted before they are destroyed; 1,000 take about 10 ms."""
_TOGETHER: Final = 20
"""Mailboxes that are destroyed in one go; others get at the database in between."""
_PORTION_SECONDS = 1.0
"""How long one request destroys; then the reader sees how far it is, and the browser asks for more."""
_CRITERIA: Final = ("part", "where", "domain", "life", "sealed")
_LARGEST: Final = 2**63 - 1


class Life(Struct, frozen=True):
    """How much of a mailbox's life is left.

    Attributes:
        left: seconds; None for ever, 0 or less when it is over.
        whole: seconds from the creation to the end.
    """

    left: int | None
    whole: int


@blueprint.get("/")
@needs("viewer")
def index() -> str:
    """List those that are looked for."""
    form = SearchForm(request.args)
    search = _search(form) if form.validate() else Search(ids=(-1,))
    after = request.args.get("after", "")
    order: Order = form.order.data if form.order.data in ORDERS else "newest"
    page = call(appliance().mailbox_list.page(search, order, after, _PAGE))
    criteria = {name: form[name].data for name in _CRITERIA if form[name].data}
    return render_template(
        "mailboxes/index.html",
        form=form,
        page=page,
        count=call(appliance().mailbox_list.count(search)),
        criteria=criteria,
        order=order,
        after=after,
        readable=readable,
        life=life,
        domain_of=domain_of,
    )


@blueprint.route("/create", methods=["GET", "POST"])
@needs("operator")
def create() -> ResponseReturnValue:
    """Make one; its secret is in the answer, and nowhere else."""
    form = CreateForm(address=request.args.get("domain", ""))
    if form.validate_on_submit():
        wish = ((form.address.data or "").strip(), form.wish)
        try:
            new = call(appliance().mailbox_list.create(*wish, role=form.role.data, actor=current_user.name))
        except InvalidValue as error:
            if form.lifetime.data == OWN:
                show_problem(form, error)
            else:
                form.lifetime.errors = [*form.lifetime.errors, reason_of(error)]
        except (AddressReserved, AddressTaken, DomainDisabled, InvalidAddress, NoSuchDomain) as error:
            form.address.errors = [*form.address.errors, _refusal(error, wish[0])]
        else:
            return _show_new(new)
    return render_template("mailboxes/create.html", form=form)


@blueprint.get("/<int:mailbox_id>/")
@needs("viewer")
def show(mailbox_id: int) -> str:
    """Show one."""
    mailbox = find(mailbox_id)
    try:
        description = call(appliance().mailboxes.describe(mailbox.address))
    except NoSuchMailbox:
        abort(404)
    return render_template(
        "mailboxes/show.html",
        mailbox=mailbox,
        shown=readable(mailbox.address),
        folders=description.folders,
        domain=domain_of(mailbox),
        life=life(mailbox),
        FOREVER=FOREVER,
    )


@blueprint.get("/<int:mailbox_id>/profile.mobileconfig")
@needs("viewer")
def profile(mailbox_id: int) -> ResponseReturnValue:
    """Give the configuration profile for Apple's systems; there is no secret in it."""
    mailbox = find(mailbox_id)
    try:
        data = mobileconfig(mailbox.address, services().settings)
    except InvalidValue:
        abort(404)
    answer = Response(data, mimetype="application/x-apple-aspen-config")
    answer.headers.set("Content-Disposition", "attachment", filename="mailbox.mobileconfig")
    return answer


@blueprint.route("/<int:mailbox_id>/extend", methods=["GET", "POST"])
@needs("operator")
def extend(mailbox_id: int) -> ResponseReturnValue:
    """Put off the end of one."""
    mailbox = find(mailbox_id)
    form = ExtendForm()
    if form.validate_on_submit() and is_unchanged(form, mailbox.ends_at):
        try:
            call(appliance().lifetimes.extend(mailbox.address, by=form.by.data, actor=current_user.name))
        except NoSuchMailbox:
            flash(_("Its time is over: nothing brings it back."), "warning")
        except NotExtendable:
            form.by.errors = [_("It does not end before that time.")]
            return _show_extend(form, mailbox)
        else:
            flash(_("%(address)s lives longer.", address=readable(mailbox.address)), "success")
        return redirect(url_for("mailboxes.show", mailbox_id=mailbox_id))
    if request.method == "GET":
        is_unchanged(form, mailbox.ends_at)
    return _show_extend(form, mailbox)


@blueprint.route("/<int:mailbox_id>/destroy", methods=["GET", "POST"])
@needs("operator")
def destroy(mailbox_id: int) -> ResponseReturnValue:
    """Destroy one, and show the proof of it."""
    mailbox = find(mailbox_id)
    form = ConfirmForm()
    shown = readable(mailbox.address)
    if form.validate_on_submit():
        try:
            destruction = call(appliance().mailbox_list.destroy(mailbox, current_user.name))
        except NoSuchMailbox:
            abort(404)
        return render_template("mailboxes/destroyed.html", destruction=destruction, shown=shown)
    return render_template(
        "mailboxes/destroy.html",
        form=form,
        mailbox=mailbox,
        shown=shown,
        amount=call(appliance().mailbox_list.amounts([mailbox])),
    )


@blueprint.route("/destroy", methods=["GET", "POST"])
@needs("operator")
def destroy_many() -> ResponseReturnValue:
    """Destroy those that were ticked, or all that are looked for, in portions: the browser asks for the next ones."""
    searched = SearchForm(request.args)
    if not searched.validate():
        abort(400)
    if "ticked" in request.args and "id" not in request.args:
        # Otherwise it would be all of them.
        flash(_("Tick the mailboxes first that are to be destroyed."), "info")
        return redirect(url_for("mailboxes.index"))
    # What is no id is that of no mailbox, rather than nothing that has to hold.
    ids = tuple(number_of(text) or -1 for text in request.args.getlist("id")[:_PAGE])
    search = _search(searched, ids)
    form = DestroyForm()
    if request.method == "POST":
        shown = [number_of(field.data) for field in (form.count, form.up_to, form.at)]
        if not all(shown):
            abort(400)
        count, up_to, at = shown
        search = replace(search, up_to=up_to, at=at)
        left = call(appliance().mailbox_list.count(search))
        if form.validate_on_submit():
            if form.number.data != count:
                form.number.errors = [_("There are %(count)s.", count=left)]
            elif left > count:
                flash(_("There are more now. Look at it again; nothing was destroyed."), "warning")
            else:
                return _destroy_some(search, form, count)
    else:
        search = replace(search, up_to=call(appliance().mailbox_list.newest()), at=int(appliance().now()))
        left = call(appliance().mailbox_list.count(search)) if search.up_to else 0
    form.count.data, form.up_to.data, form.at.data = str(left), str(search.up_to), str(search.at)
    return _show_doomed(form, search, left)


def find(mailbox_id: int) -> Mailbox:
    """Give a mailbox; there is no such page without it."""
    try:
        return call(appliance().mailbox_list.get(mailbox_id))
    except NoSuchMailbox:
        abort(404)


def domain_of(mailbox: Mailbox) -> Domain | None:
    """Give the domain of a mailbox; None when it was removed this very moment."""
    return call(appliance().directory.by_id(mailbox.domain_id))


def life(mailbox: Mailbox) -> Life:
    """Tell how much of its life a mailbox has left."""
    whole = max(mailbox.expires_at - mailbox.created_at, 1)
    left = None if mailbox.expires_at >= FOREVER else mailbox.expires_at - int(appliance().now())
    return Life(left, whole)


def number_of(text: str | None) -> int:
    """Read a positive number that the database can have; 0 for anything else."""
    if not text or not text.isascii() or not text.isdecimal() or len(text) > 19:
        return 0
    return int(text) if int(text) <= _LARGEST else 0


def _search(form: SearchForm, ids: tuple[int, ...] = ()) -> Search:
    return Search(
        (form.part.data or "").strip(),
        form.where.data == "start",
        (form.domain.data or "").strip(),
        form.life.data,
        sealed={"yes": True, "no": False}.get(form.sealed.data),
        ids=ids,
    )


def _refusal(error: Exception, address: str) -> str:
    text = _("A mailbox has this address, or one that looks like it, or had it not long ago.")
    if isinstance(error, NoSuchDomain):
        text = _("This domain is not ours.")
    elif isinstance(error, DomainDisabled):
        text = _("This domain gets no mailboxes at the moment.")
    elif isinstance(error, AddressReserved):
        text = _("This name is reserved. Say so below if it is meant.")
    elif isinstance(error, InvalidAddress):
        text = _("No mailbox can have this address.")
    elif "@" not in address:
        text = _("No free name was found in this domain.")
    return str(text)


def _show_new(new: NewMailbox) -> str:
    settings = services().settings
    try:
        server, url = incoming(settings)[0], imap_url(new.mailbox.address, settings)
    except InvalidValue:
        server, url = None, ""
    return render_template(
        "mailboxes/created.html",
        new=new,
        mailbox=new.mailbox,
        shown=readable(new.mailbox.address),
        domain=domain_of(new.mailbox),
        life=life(new.mailbox),
        server=server,
        url=url,
        url_picture=_picture(url) if url else "",
        secret_picture=_picture(new.secret),
    )


def _picture(text: str) -> str:
    """Give the QR code of a text, as a URL that holds the whole picture."""
    # Readers want dark on light, whatever colours the page has.
    picture: str = segno.make(text, error="m", micro=False).svg_data_uri(light="white", scale=5)
    return picture


def _show_extend(form: ExtendForm, mailbox: Mailbox) -> str:
    return render_template(
        "mailboxes/extend.html", form=form, mailbox=mailbox, shown=readable(mailbox.address), life=life(mailbox)
    )


def _show_doomed(form: DestroyForm, search: Search, count: int) -> str:
    doomed = call(appliance().mailbox_list.first(search, _COUNTED)) if count else []
    return render_template(
        "mailboxes/destroy_many.html",
        form=form,
        count=count,
        addresses=[readable(mailbox.address) for mailbox in doomed[:_SAMPLE]],
        amount=call(appliance().mailbox_list.amounts(doomed)),
        more=count > len(doomed),
    )


def _destroy_some(search: Search, form: DestroyForm, count: int) -> ResponseReturnValue:
    until = time.monotonic() + _PORTION_SECONDS
    while time.monotonic() < until and (some := call(appliance().mailbox_list.first(search, _TOGETHER))):
        call(appliance().mailboxes.destroy_all(some, current_user.name))
    left = call(appliance().mailbox_list.count(search))
    if left:
        return render_template("mailboxes/destroying.html", form=form, left=left, count=count)
    flash(ngettext("%(num)s mailbox is destroyed.", "%(num)s mailboxes are destroyed.", count), "success")
    return redirect(url_for("mailboxes.index"))
