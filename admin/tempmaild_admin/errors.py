"""Pages for what goes wrong, in the same design as all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import render_template
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, InternalServerError

from tempmaild import log
from tempmaild.errors import StoreFailed

if TYPE_CHECKING:
    from flask import Flask

    Page = tuple[str, int]


def init_app(app: Flask) -> None:
    """Show them in this application."""

    @app.errorhandler(HTTPException)
    def failed(error: HTTPException) -> Page:
        code = error.code or 500
        return render_template("error.html", code=code, title=_title(code), advice=_advice(code)), code

    @app.errorhandler(CSRFError)
    def forged(_error: CSRFError) -> Page:
        advice = _("The form was too old, or did not come from this page. Please open the page again and repeat it.")
        return render_template("error.html", code=400, title=_title(400), advice=advice), 400

    @app.errorhandler(StoreFailed)
    def unreachable(error: StoreFailed) -> Page:
        log.get_log("admin").error("store-failed", problem=error)
        advice = _("The database does not answer. The log has the cause.")
        return render_template("error.html", code=503, title=_title(503), advice=advice), 503

    @app.errorhandler(Exception)
    def defect(error: Exception) -> Page:
        log.get_log("admin").failure("request-failed", error)
        return failed(InternalServerError())


def _title(code: int) -> str:
    titles = {
        400: _("This request makes no sense"),
        403: _("This is not for your role"),
        404: _("There is no such page"),
        405: _("This cannot be done here"),
        413: _("This is too much at once"),
        429: _("Too many attempts"),
        503: _("Something is not there at the moment"),
    }
    return str(titles.get(code, _("Something went wrong here")))


def _advice(code: int) -> str:
    advice = {
        403: _("Ask an owner of this host for a role that may do this."),
        404: _("It may have been removed meanwhile."),
        413: _("Send it in smaller pieces, or use the command on the host."),
        429: _("Please wait a few minutes."),
    }
    return str(advice.get(code, _("Go back and try again. If it stays so, the log has the cause.")))
