"""Expiry schedules, with when they run next and what came of it; and what lifetimes there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from tempmaild.core.address import readable
from tempmaild.core.lifetime import PRESETS
from tempmaild.core.schedule import Report, Schedule
from tempmaild.errors import InvalidAddress, InvalidValue, NameTaken, NoSuchDomain, NoSuchSchedule
from tempmaild_admin.forms import ConfirmForm
from tempmaild_admin.forms.problems import reason_of, show_problem
from tempmaild_admin.forms.schedules import ScheduleForm, timing_of
from tempmaild_admin.guard import needs
from tempmaild_admin.presentation import exact, moment
from tempmaild_admin.services import appliance, call
from tempmaild_admin.stale import is_unchanged

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from tempmaild.core.schedule import Timing

blueprint = Blueprint("schedules", __name__, url_prefix="/schedules")

_NEXT = 5
"""Runs that are shown in advance."""
_DOMAINS = 50
"""Domains on a page about lifetimes."""


@blueprint.get("/")
@needs("viewer")
def index() -> str:
    """List them."""
    now = int(appliance().now())
    schedules = call(appliance().schedules.list_all())
    return render_template(
        "schedules/index.html",
        rows=[(schedule, schedule.next_due(now)) for schedule in schedules],
        readable=readable,
    )


@blueprint.get("/lifetimes")
@needs("viewer")
def lifetimes() -> str:
    """Show the lifetimes that are ready-made, and those of the domains."""
    after = request.args.get("after", "")
    rows = call(appliance().domains.page("", after, _DOMAINS + 1))
    return render_template(
        "schedules/lifetimes.html",
        presets=PRESETS,
        rows=[(row.domain, appliance().directory.lifetime(row.domain)) for row in rows[:_DOMAINS]],
        more=len(rows) > _DOMAINS,
        after=after,
        readable=readable,
    )


@blueprint.get("/next")
@needs("viewer")
def next_runs() -> ResponseReturnValue:
    """Tell a script when something would be done that is being typed."""
    given = request.args
    try:
        timing = timing_of(given.get("trigger", ""), given.get("cron", "")[:200], given.get("every", "")[:200])
        old = call(appliance().schedules.get(given["name"])) if given.get("name") else None
    except InvalidValue as error:
        return {"error": reason_of(error), "runs": []}
    except NoSuchSchedule:
        old = None
    runs = [{"text": exact(at), "away": moment(at).striptags()} for at in _coming(timing, old)]
    return {"error": "", "runs": runs}


@blueprint.route("/add", methods=["GET", "POST"])
@needs("operator")
def add() -> ResponseReturnValue:
    """Have something done again and again."""
    form = ScheduleForm()
    if not _is_preview(form) and form.validate_on_submit():
        try:
            schedule = call(appliance().schedules.add(form.schedule(), current_user.name))
        except NameTaken:
            form.name.errors = [_("There is a schedule of this name.")]
        except (InvalidValue, InvalidAddress, NoSuchDomain) as error:
            _show(form, error)
        else:
            flash(_("%(name)s is kept, and runs when its time comes.", name=schedule.name), "success")
            return redirect(url_for("schedules.show", name=schedule.name))
    return _show_form(form)


@blueprint.get("/named/<name>/")
@needs("viewer")
def show(name: str) -> str:
    """Show one, with its next runs and those that are over."""
    schedule = _find(name)
    return render_template(
        "schedules/show.html",
        schedule=schedule,
        coming=schedule.coming(int(appliance().now()), _NEXT),
        runs=call(appliance().schedules.runs(schedule)),
        readable=readable,
    )


@blueprint.route("/named/<name>/edit", methods=["GET", "POST"])
@needs("operator")
def edit(name: str) -> ResponseReturnValue:
    """Change one."""
    old = _find(name)
    form = ScheduleForm.of(old)
    # Whether it is paused, and how it fared, is not changed here.
    shown = [old.id, old.domain, old.action.name, old.action, old.timing.name, old.timing]
    if request.method == "GET":
        is_unchanged(form, shown)
    elif not _is_preview(form) and form.validate_on_submit() and is_unchanged(form, shown):
        try:
            call(appliance().schedules.change(form.schedule(old), current_user.name))
        except NoSuchSchedule:
            abort(404)
        except (InvalidValue, InvalidAddress, NoSuchDomain) as error:
            _show(form, error)
        else:
            flash(_("%(name)s is changed.", name=name), "success")
            return redirect(url_for("schedules.show", name=name))
    return _show_form(form, old)


@blueprint.route("/named/<name>/run", methods=["GET", "POST"])
@needs("operator")
def run(name: str) -> ResponseReturnValue:
    """Have one run at once."""
    schedule = _find(name)
    form = ConfirmForm()
    if form.validate_on_submit():
        try:
            call(appliance().schedules.run_now(name, current_user.name))
        except NoSuchSchedule:
            abort(404)
        flash(_("%(name)s is run by the daemon now, or as soon as one is there.", name=name), "success")
        return redirect(url_for("schedules.show", name=name))
    return render_template("schedules/run.html", form=form, schedule=schedule, readable=readable)


@blueprint.post("/named/<name>/pause")
@needs("operator")
def pause(name: str) -> ResponseReturnValue:
    """Have one not run for the time being."""
    try:
        call(appliance().schedules.pause(name, current_user.name))
    except NoSuchSchedule:
        abort(404)
    flash(_("%(name)s does not run until it is resumed.", name=name), "success")
    return redirect(url_for("schedules.show", name=name))


@blueprint.post("/named/<name>/resume")
@needs("operator")
def resume(name: str) -> ResponseReturnValue:
    """Have one run again."""
    try:
        call(appliance().schedules.resume(name, current_user.name))
    except NoSuchSchedule:
        abort(404)
    flash(_("%(name)s runs again; what it has missed is not made up.", name=name), "success")
    return redirect(url_for("schedules.show", name=name))


@blueprint.route("/named/<name>/remove", methods=["GET", "POST"])
@needs("operator")
def remove(name: str) -> ResponseReturnValue:
    """Have one no more."""
    _find(name)
    form = ConfirmForm()
    if form.validate_on_submit():
        try:
            call(appliance().schedules.remove(name, current_user.name))
        except NoSuchSchedule:
            abort(404)
        flash(_("%(name)s is removed.", name=name), "success")
        return redirect(url_for("schedules.index"))
    explanation = _("Its history goes with it. What it has done stays done; a run that is under way is finished.")
    title, back = _("Remove %(name)s", name=name), url_for("schedules.show", name=name)
    return render_template("form.html", form=form, title=title, explanation=explanation, back=back)


def _find(name: str) -> Schedule:
    try:
        return call(appliance().schedules.get(name))
    except NoSuchSchedule:
        abort(404)


def _is_preview(form: ScheduleForm) -> bool:
    """Tell whether no more is wanted than to see the next runs."""
    return bool(form.is_submitted() and form.preview.data)


def _show_form(form: ScheduleForm, old: Schedule | None = None) -> str:
    coming: list[int] = []
    if form.is_submitted():
        try:
            coming = _coming(form.timing, old)
        except InvalidValue as error:
            # What is no length of time says so itself.
            if _is_preview(form) and form.every.validate(form):
                show_problem(form, error)
    else:
        coming = _coming(form.timing, old)
    return render_template("schedules/edit.html", form=form, old=old, coming=coming)


def _show(form: ScheduleForm, error: InvalidValue | InvalidAddress | NoSuchDomain) -> None:
    if isinstance(error, InvalidValue):
        show_problem(form, error)
    else:
        form.domain.errors = [_("This is no domain of ours. Leave it empty for all of them.")]


def _coming(timing: Timing, old: Schedule | None) -> list[int]:
    """Give the next times."""
    now = int(appliance().now())
    anchor = old.created_at if old else now
    return Schedule("preview", "", Report(), timing, created_at=anchor).coming(now, _NEXT)
