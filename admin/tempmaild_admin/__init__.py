"""The operator's console: a Flask application on the same services and database as the daemon.

It talks to the store alone, never to the daemon: what is changed here is known there within a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask
from flask_babel import Babel
from flask_bootstrap import Bootstrap5
from flask_login import LoginManager
from flask_wtf import CSRFProtect

from tempmaild_admin import errors, guard, language, menu, presentation, protection, sessions
from tempmaild_admin.services import Services
from tempmaild_admin.views import BLUEPRINTS

if TYPE_CHECKING:
    from tempmaild.appliance import Appliance
    from tempmaild.settings import Settings


def create_app(settings: Settings, appliance: Appliance, secret_key: bytes) -> Flask:
    """Put the application together.

    Args:
        secret_key: signs cookies; whoever has it can make CSRF tokens, but no session.
    """
    app = Flask("tempmaild_admin")
    app.config.update(
        SECRET_KEY=secret_key,
        BOOTSTRAP_SERVE_LOCAL=True,
        MAX_CONTENT_LENGTH=settings.admin.max_request_bytes,
        PREFERRED_URL_SCHEME="https" if settings.admin.is_secure else "http",
        SESSION_COOKIE_NAME="tempmaild",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.admin.is_secure,
        # A token is good for as long as the session is, which ends at the server.
        WTF_CSRF_TIME_LIMIT=None,
    )
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    Services(settings, appliance).init_app(app)
    Bootstrap5(app)
    CSRFProtect(app)
    Babel(app, locale_selector=language.locale, timezone_selector=language.zone)
    sessions.init_app(app, LoginManager(app))
    protection.init_app(app, settings.admin)
    presentation.init_app(app)
    menu.init_app(app)
    errors.init_app(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    guard.init_app(app)
    return app
