"""Pages as a reader sees them: their text, and their forms with what they are filled with."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

_VOID = {"br", "hr", "img", "input", "link", "meta"}
_UNSEEN = {"script", "style", "title", "head"}


@dataclass
class Form:
    """A form: where it goes, how, and its fields with their values."""

    action: str
    method: str
    fields: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class _Select:
    name: str
    multiple: bool
    values: list[str] = field(default_factory=list)
    first: str | None = None

    def chosen(self) -> list[str]:
        if self.values or self.multiple or self.first is None:
            return self.values
        return [self.first]


class Page(HTMLParser):
    """A page that was parsed.

    Attributes:
        url: its path.
        text: what is read, with single spaces.
        errors: the texts beside fields that say what is wrong with them, by the name of the field.
        links: where the links lead.
        headings: the elements of its headings, in their order.
        unclosed: elements that are open at the end, or were closed by another's end tag.
    """

    def __init__(self, html: str, url: str = "/") -> None:
        super().__init__()
        self.url = url.partition("?")[0]
        self._base = url
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.errors: dict[str, str] = {}
        self.unclosed: list[str] = []
        self.headings: list[str] = []
        self._words: list[str] = []
        self._open: list[tuple[str, dict[str, str]]] = []
        self._form: Form | None = None
        self._select: _Select | None = None
        self._area: str | None = None
        self._last_field = ""
        self.feed(html)
        self.close()
        self.unclosed += [tag for tag, _ in self._open]
        self.text = " ".join(" ".join(self._words).split())

    def form(self, action: str = "") -> Form:
        """Give the form that goes to a path; without one, the form that goes to the page itself."""
        wanted = action or self.url
        for form in self.forms:
            if form.method == "post" and form.action.partition("?")[0] == wanted:
                return form
        raise AssertionError(f"no form goes to {wanted}, only to {[form.action for form in self.forms]}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag not in _VOID:
            self._open.append((tag, given))
        if tag == "form":
            self._form = Form(urljoin(self._base, given.get("action", "")), given.get("method", "get").lower())
            self.forms.append(self._form)
        elif tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in {"h1", "h2", "h3", "h4"}:
            self.headings.append(tag)
        elif tag in {"input", "select", "textarea"}:
            self._field(tag, given)
        elif tag == "option" and self._select is not None:
            value = given.get("value", "")
            self._select.first = value if self._select.first is None else self._select.first
            if "selected" in given:
                self._select.values.append(value)

    def handle_endtag(self, tag: str) -> None:
        while self._open:
            last, _ = self._open.pop()
            if last == tag:
                break
            self.unclosed.append(last)
        if tag == "form":
            self._form = None
        elif tag == "textarea":
            self._area = None
        elif tag == "select" and self._select is not None and self._form is not None:
            self._form.fields.setdefault(self._select.name, []).extend(self._select.chosen())
            self._select = None

    def handle_data(self, data: str) -> None:
        if self._area is not None and self._form is not None:
            # HTML leaves out a line break that comes first.
            self._form.fields[self._area] = [data.removeprefix("\r").removeprefix("\n")]
        if any(tag in _UNSEEN for tag, _ in self._open):
            return
        self._words.append(data)
        if self._open and "invalid-feedback" in self._open[-1][1].get("class", ""):
            self.errors[self._last_field] = f"{self.errors.get(self._last_field, '')} {data}".strip()

    def _field(self, tag: str, given: dict[str, str]) -> None:
        name, kind = given.get("name", ""), given.get("type", "text")
        if not name or "disabled" in given or self._form is None:
            return
        self._last_field = name
        if tag == "select":
            self._select = _Select(name, "multiple" in given)
        elif tag == "textarea":
            self._area = name
            self._form.fields[name] = [""]
        elif kind in {"checkbox", "radio"}:
            values = self._form.fields.setdefault(name, [])
            if "checked" in given:
                values.append(given.get("value", "on"))
        elif kind not in {"submit", "button", "file"}:
            self._form.fields.setdefault(name, []).append(given.get("value", ""))


def page_of(response: Any) -> Page:
    """Give the page of an answer."""
    return Page(response.text, response.request.full_path.rstrip("?"))
