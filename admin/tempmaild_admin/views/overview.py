"""What is happening."""

from __future__ import annotations

from flask import Blueprint, render_template

from tempmaild_admin.guard import needs

blueprint = Blueprint("overview", __name__)


@blueprint.get("/")
@needs("viewer")
def show() -> str:
    """Show it."""
    return render_template("overview.html")
