"""What is happening, and how the parts are."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from tempmaild.core.health import worst
from tempmaild_admin import health_words, overview
from tempmaild_admin.guard import needs
from tempmaild_admin.periods import PERIODS

blueprint = Blueprint("overview", __name__)
for _filter in (overview.duration, health_words.part, health_words.told, health_words.advised):
    blueprint.add_app_template_filter(_filter)


@blueprint.get("/")
@needs("viewer")
def show() -> str:
    """Show it."""
    return _page("overview/index.html")


@blueprint.get("/overview/live")
@needs("viewer")
def live() -> str:
    """Give what changes of it, for a page that is open."""
    return _page("overview/live.html")


def _page(template: str) -> str:
    wanted = request.args.get("period", "")
    found = overview.gather(wanted if wanted in PERIODS else next(iter(PERIODS)))
    return render_template(template, overview=found, periods=PERIODS, state=worst(found.findings))
