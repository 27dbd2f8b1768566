"""Who may do what: every view says which role it needs, and no view without that is served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from flask import abort, current_app, request
from flask_login import current_user

from tempmaild.core.person import ROLES, Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.typing import ResponseReturnValue

View = TypeVar("View", bound="Callable[..., ResponseReturnValue]")

_ATTRIBUTE: Final = "needs_role"
_EVERYBODY: Final = "everybody"
_OF_LIBRARIES: Final = frozenset({"static", "bootstrap.static"})
"""Endpoints that are not ours, with nothing but stylesheets and the like."""


def needs(role: Role) -> Callable[[View], View]:
    """Have a view be for people who have this role, or a higher one."""

    def mark(view: View) -> View:
        setattr(view, _ATTRIBUTE, role)
        return view

    return mark


def everybody(view: View) -> View:
    """Have a view be for people who are not signed in, too."""
    setattr(view, _ATTRIBUTE, _EVERYBODY)
    return view


def role_of(endpoint: str, app: Flask) -> str:
    """Give the role that a view needs, or "everybody"."""
    if endpoint in _OF_LIBRARIES:
        return _EVERYBODY
    role: str = getattr(app.view_functions[endpoint], _ATTRIBUTE)
    return role


def may(role: Role) -> bool:
    """Tell whether who is signed in has this role or a higher one; for templates."""
    return current_user.is_authenticated and ROLES.index(current_user.role) >= ROLES.index(role)


def init_app(app: Flask) -> None:
    """Look at each request, once all views are there."""
    for endpoint in app.view_functions:
        role_of(endpoint, app)
    app.before_request(_check)
    app.jinja_env.globals["may"] = may


def _check() -> ResponseReturnValue | None:
    if request.endpoint is None:
        return None  # 404 and 405 come by themselves
    role = role_of(request.endpoint, current_app)
    if role == _EVERYBODY:
        return None
    if not current_user.is_authenticated:
        return current_app.login_manager.unauthorized()  # type: ignore[attr-defined, no-any-return]
    if not may(role):  # type: ignore[arg-type]
        abort(403)
    return None
