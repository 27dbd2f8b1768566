"""The operator's rules about senders and clients."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from flask import Blueprint, Response, abort, flash, redirect, render_template, request, stream_with_context, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from tempmaild.core import address as addresses
from tempmaild.core.list_file import line_of_rule, rule_of_line
from tempmaild.errors import InvalidAddress, InvalidValue, NoSuchBlockRule
from tempmaild.store.block_rules import Wanted
from tempmaild_admin.forms.block_rules import ACTIONS, KINDS, ChangeForm, ImportForm, RuleForm, TryForm
from tempmaild_admin.forms.problems import show_problem
from tempmaild_admin.guard import needs
from tempmaild_admin.services import appliance, call
from tempmaild_admin.stale import is_unchanged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.typing import ResponseReturnValue

    from tempmaild.core.block_rule import BlockRule
    from tempmaild.store.block_rules import Key

blueprint = Blueprint("block_rules", __name__, url_prefix="/block-rules")

_PAGE = 50
_EXPORTED = 1000
"""Rules that are read at once for an export, so that other requests get their turn."""
_WORDS = {"KINDS": KINDS, "ACTIONS": ACTIONS}


@blueprint.get("/")
@needs("viewer")
def index() -> str:
    """List them."""
    kind, action = _given("kind"), _given("action")
    wanted = Wanted(kind if kind in KINDS else "", action if action in ACTIONS else "", _given("part"))
    after = (_given("after_kind"), _given("after"), _given("after_domain"))
    rules = call(appliance().block_rules.page(wanted, after if after[0] else None, _PAGE + 1))
    return render_template(
        "block_rules/index.html",
        rules=rules[:_PAGE],
        more=len(rules) > _PAGE,
        wanted=wanted,
        is_first=not after[0],
        count=call(appliance().block_rules.count()),
        **_WORDS,
    )


@blueprint.route("/add", methods=["GET", "POST"])
@needs("operator")
def add() -> ResponseReturnValue:
    """Have one more."""
    form = RuleForm(data={name: request.args[name] for name in ("kind", "subject") if name in request.args})
    if form.validate_on_submit():
        try:
            (rule,) = call(appliance().block_rules.add([form.rule(int(appliance().now()))], current_user.name))
        except InvalidValue as error:
            _show(form, error)
        else:
            flash(_("The rule about %(subject)s holds from now on.", subject=rule.subject), "success")
            return redirect(url_for("block_rules.index", part=rule.subject))
    explanation = _("A rule about the same, and for mail to the same, gives way to it.")
    title, back = _("Add a rule"), url_for("block_rules.index")
    return render_template("form.html", form=form, title=title, explanation=explanation, back=back)


@blueprint.route("/edit", methods=["GET", "POST"])
@needs("operator")
def edit() -> ResponseReturnValue:
    """Change one."""
    old = _find()
    form = ChangeForm(obj=old)
    if request.method == "GET":
        is_unchanged(form, old)
    elif form.validate_on_submit() and is_unchanged(form, old):
        if form.ending.data == "after" and not form.seconds.data:
            form.seconds.errors = [_("After which time?")]
        elif _change(form, old):
            flash(_("The rule about %(subject)s is changed.", subject=old.subject), "success")
            return redirect(url_for("block_rules.index", part=old.subject))
    return render_template("block_rules/edit.html", form=form, rule=old, **_WORDS)


@blueprint.post("/remove")
@needs("operator")
def remove() -> ResponseReturnValue:
    """Have one no more."""
    rule = _find()
    try:
        call(appliance().block_rules.remove(rule.kind, rule.subject, rule.domain, current_user.name))
    except NoSuchBlockRule:
        abort(404)
    flash(_("The rule about %(subject)s is removed.", subject=rule.subject), "success")
    return redirect(url_for("block_rules.index"))


@blueprint.get("/try")
@needs("viewer")
def try_out() -> str:
    """Tell what would happen to a sender."""
    form = TryForm(request.args) if request.args else TryForm(formdata=None)
    tried = bool(request.args) and form.validate()
    holding, about = None, list["BlockRule"]()
    if tried:
        try:
            holding, about = call(appliance().block_rules.foresee(*_tried(form)))
        except InvalidValue as error:
            _show(form, error)
            tried = False
    return render_template("block_rules/try.html", form=form, tried=tried, holding=holding, about=about, **_WORDS)


@blueprint.route("/import", methods=["GET", "POST"])
@needs("operator")
def import_list() -> ResponseReturnValue:
    """Have all rules of a list, or none."""
    form = ImportForm()
    if form.validate_on_submit() and form.is_given():
        try:
            rules = form.entries(partial(rule_of_line, usual=form.usual))
            kept = call(appliance().block_rules.add(rules, current_user.name))
        except InvalidValue as error:
            show_problem(form, error)
        else:
            flash(ngettext("%(num)s rule is imported.", "%(num)s rules are imported.", len(kept)), "success")
            return redirect(url_for("block_rules.index"))
    explanation = _(
        "One a line; empty lines and those that begin with # are passed over. A list that is wrong "
        "somewhere is not imported at all. Rules about the same give way."
    )
    title, back = _("Import rules"), url_for("block_rules.index")
    return render_template("form.html", form=form, title=title, explanation=explanation, back=back)


@blueprint.get("/export")
@needs("viewer")
def export() -> ResponseReturnValue:
    """Give all of them, as `tempmaild block export` does."""
    headers = {"Content-Disposition": 'attachment; filename="block-rules.jsonl"'}
    return Response(stream_with_context(_lines()), mimetype="text/plain", headers=headers)


def _lines() -> Iterator[str]:
    after: Key | None = None
    while rules := call(appliance().block_rules.page(Wanted(), after, _EXPORTED)):
        yield "".join(line_of_rule(rule) + "\n" for rule in rules)
        after = (rules[-1].kind, rules[-1].subject, rules[-1].domain)


def _show(form: RuleForm | ChangeForm | TryForm, error: InvalidValue) -> None:
    """Put what is wrong beside its field, which has another name here."""
    fields = {"network": "subject", "until": "seconds", "address": "client"}
    show_problem(form, error.about(fields.get(error.field, error.field)))


def _given(name: str) -> str:
    """Give what the address of the page says; no database takes NUL."""
    return request.args.get(name, "").replace("\0", "")


def _find() -> BlockRule:
    """Give the rule that the address of the page names."""
    kind: Any = _given("kind")  # the service looks what it is
    try:
        return call(appliance().block_rules.get(kind, _given("subject"), _given("domain")))
    except (InvalidValue, NoSuchBlockRule):
        abort(404)


def _change(form: ChangeForm, old: BlockRule) -> bool:
    until = form.until(old, int(appliance().now()))
    note = (form.note.data or "").strip()
    new = msgspec.structs.replace(old, action=form.action.data, note=note, until=until)
    try:
        call(appliance().block_rules.add([new], current_user.name))
    except InvalidValue as error:
        _show(form, error)
        return False
    return True


def _tried(form: TryForm) -> tuple[str, str, str, str]:
    """Give what `BlockRules.foresee` takes."""
    client, helo, sender, domain = (
        (form[name].data or "").strip() for name in ("client", "helo", "sender", "domain")
    )
    if sender and ("@" not in sender or not sender.isprintable()):
        raise InvalidValue("sender", _("This is no address of a sender."))
    if not helo.isprintable():
        raise InvalidValue("helo", _("This is nothing that a client can call itself."))
    try:
        return client, helo, sender, addresses.normalise_domain(domain) if domain else ""
    except InvalidAddress:
        raise InvalidValue("domain", _("This is not the name of a domain.")) from None
