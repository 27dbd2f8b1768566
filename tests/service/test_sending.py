"""Messages go out by apprise, to a real HTTP server on loopback; what fails says why, without the secrets."""

from __future__ import annotations

import builtins
import socket
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.service import sending
from tempmaild.service.sending import NotSent, send
from tests.http_target import HttpTarget

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tempmaild.service.sending import Kind


@pytest.fixture
def target() -> Iterator[HttpTarget]:
    with HttpTarget() as target:
        yield target


@pytest.mark.parametrize("kind", ["failure", "warning", "success", "info"])
def test_it_arrives(target: HttpTarget, kind: Kind) -> None:
    send(
        target.url("/a/secret?x=y"),
        "tempmaild on mx: 1 problem",
        "Problem: <b>clamd</b>: 100 %\n\nWhat: {it} *is*",
        kind,
    )
    ((path, message),) = target.posted
    assert path == "/a/secret"
    assert message["title"] == "tempmaild on mx: 1 problem"
    assert message["message"] == "Problem: <b>clamd</b>: 100 %\n\nWhat: {it} *is*"
    assert message["type"] == kind


@pytest.mark.parametrize("status", [400, 401, 404, 500, 503])
def test_who_does_not_take_it_has_not_got_it(target: HttpTarget, status: int) -> None:
    target.status = status
    with pytest.raises(NotSent) as caught:
        send(target.url("/secret"), "subject", "body", "info")
    assert "secret" not in str(caught.value)
    assert str(caught.value)


def test_one_that_is_away_says_so() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(NotSent, match=r"127\.0\.0\.1") as caught:
            send(f"json://user:hunter2@127.0.0.1:{port}/secret", "subject", "body", "failure")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["nosuch://hunter2", "json://", "slack://hunter2", "mailto://", "x:" * 1000])
def test_what_is_no_url_of_apprise(url: str) -> None:
    with pytest.raises(NotSent, match="apprise does not know such a URL") as caught:
        send(url, "subject", "body", "info")
    assert "hunter2" not in str(caught.value)


def test_without_apprise_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "apprise":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(NotSent, match=r"pip install 'tempmaild\[alerts\]'"):
        send("json://127.0.0.1", "subject", "body", "info")


def test_it_is_installed_for_the_tests() -> None:
    assert sending.is_possible()
