"""In which language and zone a page is: what its reader has chosen, or the browser."""

from __future__ import annotations

from typing import Final

from flask import request
from flask_login import current_user

LANGUAGES: Final = {"en": "English", "de": "Deutsch"}


def locale() -> str:
    """Give the language of this request."""
    chosen = current_user.language if current_user.is_authenticated else ""
    return chosen or request.accept_languages.best_match(LANGUAGES) or "en"


def zone() -> str:
    """Give the time zone of this request."""
    return current_user.zone if current_user.is_authenticated else "UTC"
