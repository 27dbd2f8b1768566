"""What keeps browsers from doing others' will: headers of every answer, and whose name a request may use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import abort, request
from werkzeug.middleware.proxy_fix import ProxyFix

from tempmaild.core.timespan import DAY

if TYPE_CHECKING:
    from flask import Flask, Response

    from tempmaild.settings.admin import Admin

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""What pages of ours may load, and from where. A view may give its own, which stands then."""
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_YEAR: Final = 365 * DAY


def init_app(app: Flask, settings: Admin) -> None:
    """Protect all answers of this application."""
    if settings.behind_proxy:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=0)  # type: ignore[method-assign]

    @app.before_request
    def check_host() -> None:
        # Another name that leads here is another site to a browser, and this one's cookies are not for it.
        if request.host not in settings.hosts:
            abort(400)

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if settings.is_secure:
            response.headers["Strict-Transport-Security"] = f"max-age={_YEAR}"
        if request.endpoint not in {"static", "bootstrap.static"}:
            response.headers["Cache-Control"] = "no-store"
        return response
