"""Domains: what is decided about them, their records in DNS, and their end."""

from __future__ import annotations

import time
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

import msgspec
from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from tempmaild.core.address import WILDCARD, readable
from tempmaild.core.dns_records import below, records, sts_policy
from tempmaild.errors import (
    DomainExists,
    DomainInUse,
    InvalidAddress,
    InvalidValue,
    NoSuchDomain,
)
from tempmaild.service.checking import checking_of
from tempmaild.service.domain_check import check
from tempmaild_admin import self_test
from tempmaild_admin.forms.checks import ChecksForm
from tempmaild_admin.forms.domains import AddForm, DeleteForm, SettingsForm
from tempmaild_admin.forms.problems import show_problem
from tempmaild_admin.guard import needs
from tempmaild_admin.services import appliance, call, services
from tempmaild_admin.stale import is_unchanged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.typing import ResponseReturnValue

    from tempmaild.core.dns_records import Record
    from tempmaild.core.mailbox import Domain
    from tempmaild.store.domain_list import Amount

blueprint = Blueprint("domains", __name__, url_prefix="/domains")

_PAGE = 50
_LISTED, _TOGETHER = 1000, 8
"""Mailboxes that are looked up, and destroyed, in one go; others get at the database in between."""
_PORTION_SECONDS = 1.0
"""How long one request destroys; then the reader sees how far it is, and the browser asks for more."""


@blueprint.get("/")
@needs("viewer")
def index() -> str:
    """List them."""
    part, after = request.args.get("part", "").strip(), request.args.get("after", "")
    rows = call(appliance().domains.page(part, after, _PAGE + 1))
    return render_template(
        "domains/index.html", rows=rows[:_PAGE], more=len(rows) > _PAGE, part=part, after=after, readable=readable
    )


@blueprint.route("/add", methods=["GET", "POST"])
@needs("operator")
def add() -> ResponseReturnValue:
    """Take mail for one more."""
    form = AddForm()
    if form.validate_on_submit():
        wish = ((form.name.data or "").strip(), form.kind.data)
        try:
            domain = call(
                appliance().domains.add(*wish, sealed=form.sealed.data, policy=form.policy, actor=current_user.name)
            )
        except InvalidAddress:
            form.name.errors = [_("This is not the name of a domain.")]
        except DomainExists as error:
            form.name.errors = [_("This domain, or one that looks like it, is there already (%(name)s).", name=error)]
        except InvalidValue as error:
            show_problem(form, error)
        else:
            flash(_("%(name)s is added. Now publish its records.", name=readable(domain.name)), "success")
            return redirect(url_for("domains.dns", name=domain.name))
    return render_template("domains/add.html", form=form)


@blueprint.get("/<name>/")
@needs("viewer")
def show(name: str) -> str:
    """Show one."""
    domain = _find(name)
    mailboxes = call(appliance().domains.count([domain.id])).get(domain.id, 0)
    amount, more = _amount(domain, whole="count" in request.args)
    return render_template(
        "domains/show.html",
        domain=domain,
        shown=readable(domain.name),
        lifetime=appliance().directory.lifetime(domain),
        mailboxes=mailboxes,
        amount=amount,
        more=more,
    )


@blueprint.get("/<name>/dns")
@needs("viewer")
def dns(name: str) -> str:
    """Show the records to publish."""
    domain = _find(name)
    return _show_records(domain, _records(domain))


@blueprint.get("/<name>/dns/check")
@needs("viewer")
def check_dns(name: str) -> ResponseReturnValue:
    """Look for them in DNS, and whether names below the domain lead here that should not."""
    domain = _find(name)
    wanted = _records(domain)
    settings = services().settings
    probes = [] if domain.name.startswith(WILDCARD) or _has_wildcard(domain) else [below(domain.name)]
    with _waiting() as may_wait:
        if not may_wait:
            return redirect(url_for("domains.dns", name=domain.name))
        results = check([*wanted, *probes], settings.host.name, settings.dns)
    return _show_records(domain, wanted, results=results[: len(wanted)], probe=results[len(wanted) :])


@blueprint.post("/<name>/test")
@needs("operator")
def test(name: str) -> ResponseReturnValue:
    """Send a message through all of it."""
    domain = _find(name)
    with _waiting() as may_wait:
        if not may_wait:
            return redirect(url_for("domains.dns", name=domain.name))
        steps = self_test.run(domain, current_user.name)
    return render_template("domains/test.html", domain=domain, shown=readable(domain.name), steps=steps)


@blueprint.route("/<name>/settings", methods=["GET", "POST"])
@needs("operator")
def settings(name: str) -> ResponseReturnValue:
    """Decide otherwise about one."""
    domain = _find(name)
    form = SettingsForm.of(domain, appliance().directory.lifetime(domain))
    if form.validate_on_submit() and is_unchanged(form, domain):
        try:
            call(appliance().domains.change(form.changed(domain), current_user.name))
        except InvalidValue as error:
            form.show_problem(error)
        except DomainInUse:
            form.kind.errors = [_("The domain has mailboxes: what is somebody's would be everybody's, or nobody's.")]
        else:
            return _saved(domain)
    elif request.method == "GET":
        is_unchanged(form, domain)
    return render_template("domains/settings.html", form=form, domain=domain, shown=readable(domain.name))


@blueprint.route("/<name>/checks", methods=["GET", "POST"])
@needs("operator")
def checks(name: str) -> ResponseReturnValue:
    """Decide what is done about mail that the checks find wrong."""
    domain = _find(name)
    form = ChecksForm.of(domain.policy.checks, checking_of(services().settings))
    if form.validate_on_submit() and is_unchanged(form, domain):
        policy = msgspec.structs.replace(domain.policy, checks=form.overrides)
        try:
            call(appliance().domains.change(msgspec.structs.replace(domain, policy=policy), current_user.name))
        except InvalidValue as error:
            show_problem(form, error)
        else:
            return _saved(domain)
    elif request.method == "GET":
        is_unchanged(form, domain)
    return render_template("domains/checks.html", form=form, domain=domain, shown=readable(domain.name))


@blueprint.post("/<name>/enable")
@needs("operator")
def enable(name: str) -> ResponseReturnValue:
    """Take mail for it again."""
    domain = _switch(_find(name), enabled=True)
    flash(_("%(name)s takes mail.", name=readable(domain.name)), "success")
    return redirect(url_for("domains.show", name=domain.name))


@blueprint.post("/<name>/disable")
@needs("operator")
def disable(name: str) -> ResponseReturnValue:
    """Take no mail for it for the time being."""
    domain = _switch(_find(name), enabled=False)
    flash(_("%(name)s takes no mail, and gets no mailboxes.", name=readable(domain.name)), "success")
    return redirect(url_for("domains.show", name=domain.name))


@blueprint.route("/<name>/delete", methods=["GET", "POST"])
@needs("operator")
def delete(name: str) -> ResponseReturnValue:
    """Destroy it with all its mailboxes, in portions: the browser asks again until nothing is left."""
    domain = _find(name)
    form = DeleteForm()
    if form.validate_on_submit():
        if (form.name.data or "").strip() not in {domain.name, readable(domain.name)}:
            form.name.errors = [_("This is another name.")]
        else:
            return _destroy_some(domain, form)
    amount, more = _amount(domain)
    return render_template(
        "domains/delete.html",
        form=form,
        domain=domain,
        shown=readable(domain.name),
        mailboxes=call(appliance().domains.count([domain.id])).get(domain.id, 0),
        amount=amount,
        more=more,
        dependents=call(appliance().domains.dependents(domain)),
    )


def _destroy_some(domain: Domain, form: DeleteForm) -> ResponseReturnValue:
    if domain.enabled:
        # Nothing new comes meanwhile.
        _switch(domain, enabled=False)
    until = time.monotonic() + _PORTION_SECONDS
    doomed = iter(list(islice(call(appliance().mailboxes.list_all(domain.name)), _LISTED)))
    while time.monotonic() < until and (some := list(islice(doomed, _TOGETHER))):
        call(appliance().mailboxes.destroy_all(some, current_user.name))
    try:
        call(appliance().domains.remove(domain.name, current_user.name))
    except DomainInUse:
        left = call(appliance().domains.count([domain.id])).get(domain.id, 0)
        return render_template("domains/deleting.html", form=form, shown=readable(domain.name), left=left)
    except NoSuchDomain:
        pass  # somebody else has done the rest
    flash(_("%(name)s and its mailboxes are destroyed.", name=readable(domain.name)), "success")
    return redirect(url_for("domains.index"))


def _find(name: str) -> Domain:
    try:
        return call(appliance().domains.get(name))
    except (InvalidAddress, NoSuchDomain):
        abort(404)


def _switch(domain: Domain, *, enabled: bool) -> Domain:
    return call(appliance().domains.change(msgspec.structs.replace(domain, enabled=enabled), current_user.name))


def _saved(domain: Domain) -> ResponseReturnValue:
    flash(_("%(name)s is changed.", name=readable(domain.name)), "success")
    return redirect(url_for("domains.show", name=domain.name))


def _amount(domain: Domain, *, whole: bool = False) -> tuple[Amount, bool]:
    """Give how much is in a domain, and whether there is more that was not counted."""
    amount, after = call(appliance().domains.amount(domain))
    while after and whole:
        further, after = call(appliance().domains.amount(domain, after))
        amount += further
    return amount, bool(after)


def _records(domain: Domain) -> list[Record]:
    settings = services().settings
    operator = bool(domain.policy.operator or settings.mailbox.operator)
    return records(domain.name, settings, operator=operator)


def _has_wildcard(domain: Domain) -> bool:
    found = call(appliance().directory.find(f"any.{domain.name}"))
    return found is not None


def _show_records(domain: Domain, wanted: list[Record], **checked: object) -> str:
    secured = any(record.purpose == "mta-sts" for record in wanted)
    return render_template(
        "domains/dns.html",
        domain=domain,
        shown=readable(domain.name),
        records=wanted,
        policy=sts_policy(services().settings) if secured else "",
        host=services().settings.host.name,
        **checked,
    )


@contextmanager
def _waiting() -> Iterator[bool]:
    """Wait for others in the block, if this is possible; else the reader is told."""
    turn = services().waiting
    possible = turn.acquire(blocking=False)
    if not possible:
        flash(_("Others are checking at the moment. Try again in a few seconds."), "warning")
    try:
        yield possible
    finally:
        if possible:
            turn.release()
