"""Who is signed in: a token in the cookie stands for a session that is kept, and ended, at the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import flash, redirect, request, session, url_for
from flask_babel import gettext as _
from flask_login import AnonymousUserMixin, UserMixin, current_user

from tempmaild.service.sign_ins import Client
from tempmaild_admin.services import appliance, call

if TYPE_CHECKING:
    from flask import Flask
    from flask.typing import ResponseReturnValue
    from flask_login import LoginManager

    from tempmaild.core.person import Person, Role
    from tempmaild.store.sign_ins import Visitor

TOKEN: Final = "token"  # noqa: S105 - a name
"""What the cookie has the session's token under."""
_WITHOUT_TOTP: Final = frozenset({"profile.totp", "profile.totp_picture", "sign_in.sign_out"})
"""Endpoints for those who have to set up a second factor first."""
_OF_ITSELF: Final = frozenset({"overview.live"})
"""Endpoints that pages ask by themselves: nobody stays signed in by them."""


class User(UserMixin):  # type: ignore[misc] # the library has no types
    """Who is signed in, as Flask-Login wants it, and as templates and the guard need it."""

    def __init__(self, visitor: Visitor) -> None:
        self.person: Person = visitor.person
        self.session = visitor.session

    def get_id(self) -> str:
        """Give what Flask-Login keeps: nothing of its own, as the token says it all."""
        return str(self.person.id)

    @property
    def name(self) -> str:
        """The name that the audit log has."""
        return self.person.name

    @property
    def role(self) -> Role:
        """What they may do."""
        return self.person.role

    @property
    def language(self) -> str:
        """Of their pages, "" for the browser's."""
        return self.person.language

    @property
    def zone(self) -> str:
        """Of their times."""
        return self.person.zone

    @property
    def theme(self) -> str:
        """ "light", "dark", or "" for the browser's."""
        return self.person.theme


class Nobody(AnonymousUserMixin):  # type: ignore[misc]
    """Who is not signed in."""

    language = ""
    zone = "UTC"
    theme = ""


def begin(token: str) -> None:
    """Have this browser be signed in from now on; what it had in its cookie before is gone."""
    session.clear()
    session[TOKEN] = token


def end() -> None:
    """Have this browser be signed in no more."""
    if found := token():
        call(appliance().sign_ins.sign_out(found))
    session.clear()


def token() -> str:
    """Give the token of this request, "" without one."""
    return str(session.get(TOKEN, ""))


def client() -> Client:
    """Give whence this request comes."""
    return Client(request.remote_addr or "", request.user_agent.string)


def init_app(app: Flask, manager: LoginManager) -> None:
    """Look at the cookie of each request."""
    manager.anonymous_user = Nobody
    # The library believes a cookie of this name before it asks us; other applications on this host may set theirs.
    app.config["REMEMBER_COOKIE_NAME"] = "tempmaild-nothing"

    @manager.request_loader  # type: ignore[untyped-decorator]
    def load(_request: object) -> User | None:
        is_there = request.endpoint not in _OF_ITSELF
        visitor = call(appliance().sign_ins.visitor(token(), is_there=is_there)) if token() else None
        return User(visitor) if visitor else None

    @manager.unauthorized_handler  # type: ignore[untyped-decorator]
    def turn_away() -> ResponseReturnValue:
        flash(_("Please sign in."), "info")
        return redirect(
            url_for("sign_in.sign_in", next=request.full_path.rstrip("?") if request.method == "GET" else None)
        )

    @app.before_request
    def ask_for_totp() -> ResponseReturnValue | None:
        if request.endpoint is None or request.endpoint in _WITHOUT_TOTP or request.endpoint.endswith("static"):
            return None
        if not current_user.is_authenticated or not appliance().sign_ins.lacks_totp(current_user.person):
            return None
        return redirect(url_for("profile.totp"))
