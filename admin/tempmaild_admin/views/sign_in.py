"""Getting in and out: name and password, the second factor, and the links of invitations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from tempmaild import log
from tempmaild.errors import (
    Banned,
    InvalidValue,
    NoSuchInvitation,
    NoSuchSession,
    PersonExists,
    TooFast,
    TooManyLogins,
    WrongCredentials,
)
from tempmaild_admin import sessions
from tempmaild_admin.forms.problems import show_problem
from tempmaild_admin.forms.sign_in import AcceptForm, CodeForm, PasswordForm, SignInForm
from tempmaild_admin.guard import everybody
from tempmaild_admin.services import appliance, call

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from tempmaild.errors import TempmaildError

blueprint = Blueprint("sign_in", __name__)

REFUSALS = (Banned, TooFast, TooManyLogins)
"""What is told to those who may not even try at the moment."""


@blueprint.route("/sign-in", methods=["GET", "POST"])
@everybody
def sign_in() -> ResponseReturnValue:
    """Ask for name and password."""
    if current_user.is_authenticated:
        return redirect(_next())
    form = SignInForm()
    if form.validate_on_submit():
        given = form.data
        try:
            signed_in = call(appliance().sign_ins.sign_in(given["name"], given["password"], sessions.client()))
        except WrongCredentials:
            _note_failure()
            form.password.errors = [_("Name and password do not belong together.")]
        except REFUSALS as error:
            return refused(error)
        else:
            sessions.begin(signed_in.token)
            if signed_in.needs_code:
                return redirect(url_for("sign_in.give_code", next=request.args.get("next")))
            return redirect(_next())
    nobody = not call(appliance().people.list_all())
    return render_template("sign_in/sign_in.html", form=form, nobody=nobody)


@blueprint.route("/sign-in/code", methods=["GET", "POST"])
@everybody
def give_code() -> ResponseReturnValue:
    """Ask for the second factor."""
    if current_user.is_authenticated:
        return redirect(_next())
    form = CodeForm()
    token = sessions.token()
    if not token or not call(appliance().sign_ins.needs_code(token)):
        return _from_the_beginning()
    if form.validate_on_submit():
        try:
            token = call(appliance().sign_ins.give_code(token, form.data["code"], sessions.client()))
        except WrongCredentials:
            _note_failure()
            if not call(appliance().sign_ins.needs_code(token)):
                return _from_the_beginning()
            form.code.errors = [_("This code is wrong, or was used already.")]
        except NoSuchSession:
            return _from_the_beginning()
        except REFUSALS as error:
            return refused(error)
        else:
            sessions.begin(token)
            return redirect(_next())
    return render_template("sign_in/code.html", form=form)


@blueprint.post("/sign-out")
@everybody
def sign_out() -> ResponseReturnValue:
    """End the session."""
    sessions.end()
    flash(_("You are signed out."), "success")
    return redirect(url_for("sign_in.sign_in"))


@blueprint.route("/invitation/<token>", methods=["GET", "POST"])
@everybody
def accept(token: str) -> ResponseReturnValue:
    """Let somebody in who has the link."""
    try:
        invitation = call(appliance().people.invitation(token))
        form = PasswordForm() if invitation.name else AcceptForm()
        if form.validate_on_submit():
            given = form.data
            name = invitation.name or given["name"]
            person = call(appliance().people.accept(token, name, given["password"]))
            sessions.end()
            sessions.begin(call(appliance().sign_ins.begin(person, sessions.client())))
            flash(_("Welcome, %(name)s. Set up a second factor now.", name=person.name), "success")
            return redirect(url_for("profile.totp"))
    except NoSuchInvitation:
        return render_template("sign_in/no_invitation.html"), 404
    except PersonExists:
        form.name.errors = [_("Somebody has this name.")]
    except InvalidValue as error:
        show_problem(form, error)
    return render_template("sign_in/accept.html", form=form, invitation=invitation)


def refused(error: TempmaildError) -> ResponseReturnValue:
    """Say when somebody may try again who failed, or others of whose network did."""
    advice = _("Too many have failed to sign in from your network. It is turned away for a while.")
    headers = {}
    if isinstance(error, TooFast):
        seconds = int(str(error))
        advice = ngettext("Please wait for a second.", "Please wait for %(num)s seconds.", seconds)
        headers["Retry-After"] = str(seconds)
    elif isinstance(error, TooManyLogins):
        advice = _("Please wait for a few seconds.")
    title = _("Too many attempts")
    return render_template("error.html", code=429, title=title, advice=advice), 429, headers


def _next() -> str:
    """Give where to go once one is in: the page that was asked for, if it is one of ours."""
    wanted = request.args.get("next", "")
    # Browsers take a backslash for a slash, and leave out what cannot be printed: "//" and "/\" are other sites.
    is_ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if is_ours else url_for("overview.show")


def _from_the_beginning() -> ResponseReturnValue:
    flash(_("Please sign in again."), "info")
    return redirect(url_for("sign_in.sign_in", next=request.args.get("next")))


def _note_failure() -> None:
    log.get_log("admin").info("login-failed", peer=request.remote_addr)
