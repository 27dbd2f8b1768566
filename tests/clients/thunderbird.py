"""Drives a Thunderbird without a window, in a home of its own, by Marionette: Mozilla's protocol of automation.

https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from tests.needs import needs

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_HOST = "127.0.0.1"
_STARTS_WITHIN = 60.0
_PATIENCE = 30.0
"""Seconds for one script; whatever takes longer hangs."""

_PREFERENCES = """\
user_pref("marionette.port", 0);
user_pref("app.donation.eoy.version.viewed", 999);
user_pref("app.update.enabled", false);
user_pref("browser.cache.disk.enable", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("extensions.update.enabled", false);
user_pref("mail.biff.alert.show_preview", false);
user_pref("mail.biff.play_sound", false);
user_pref("mail.biff.show_alert", false);
user_pref("mail.provider.suppress_dialog_on_startup", true);
user_pref("mail.server.default.autosync_offline_stores", false);
user_pref("mail.server.default.spamLevel", 0);
user_pref("mail.shell.checkDefaultClient", false);
user_pref("mail.spotlight.firstRunDone", true);
user_pref("mail.winsearch.firstRunDone", true);
user_pref("mailnews.confirm.moveFoldersToTrash", false);
user_pref("mailnews.start_page.enabled", false);
user_pref("network.dns.localDomains", "mx.box.test");
user_pref("services.settings.server", "http://127.0.0.1:9/");
user_pref("signon.rememberSignons", false);
"""
"""No window in the way, nothing asked of the outside world, nothing fetched unasked; the daemon is at home."""


class ScriptFailed(AssertionError):
    """What a script threw, or that it came to no end."""


class Thunderbird:
    """A running Thunderbird; leaving the `with` block ends it.

    Args:
        home: a folder for it alone; its output is in `output` there.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._profile = home / "profile"
        self._number = 0

    def __enter__(self) -> Self:
        self._profile.mkdir(parents=True)
        (self._profile / "user.js").write_text(_PREFERENCES)
        with (self._home / "output").open("wb") as output:
            self._process = subprocess.Popen(
                [
                    needs("thunderbird"),
                    *("--headless", "--no-remote", "--profile", str(self._profile)),
                    *("--marionette", "--remote-allow-system-access"),
                ],
                cwd=self._home,
                env={
                    "HOME": str(self._home),
                    "TMPDIR": str(self._home),
                    "PATH": os.environ.get("PATH", os.defpath),
                    "LANG": "C.UTF-8",
                    "MOZ_HEADLESS": "1",
                    "MOZ_CRASHREPORTER_DISABLE": "1",
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            self._connect()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._end()

    def run(self, script: str, *arguments: object) -> Any:
        """Run the body of an asynchronous function with all the rights of Thunderbird's own code.

        Args:
            script: JavaScript; `args` are the arguments, `until(test)` waits for what `test` gives to be true.

        Returns:
            what the script returns, as JSON has it.

        Raises:
            ScriptFailed: it threw, or it waited in vain.
        """
        frame = _FRAME.replace("BODY", script)
        outcome = self._ask("WebDriver:ExecuteAsyncScript", script=frame, args=[arguments])["value"]
        if "error" in outcome:
            raise ScriptFailed(outcome["error"])
        return outcome.get("value")

    def _connect(self) -> None:
        self._socket = socket.create_connection((_HOST, self._port()), timeout=2 * _PATIENCE)
        self._file = self._socket.makefile("rb")
        self._read()  # who it is
        self._ask("WebDriver:NewSession")
        self._ask("WebDriver:SetTimeouts", script=int(_PATIENCE * 1000))
        self._ask("Marionette:SetContext", value="chrome")

    def _port(self) -> int:
        """Wait until Marionette listens, and give the port that it has chosen.

        Raises:
            AssertionError: Thunderbird does not get there; what it wrote is told.
        """
        chosen = self._profile / "MarionetteActivePort"
        deadline = time.monotonic() + _STARTS_WITHIN
        while time.monotonic() < deadline:
            if chosen.exists() and (port := chosen.read_text()):
                return int(port)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)
                break
        said = (self._home / "output").read_text(errors="replace")[-3000:]
        raise AssertionError(f"Thunderbird does not start:\n{said}")

    def _ask(self, command: str, **parameters: object) -> Any:
        self._number += 1
        request = json.dumps([0, self._number, command, parameters]).encode()
        self._socket.sendall(b"%d:%b" % (len(request), request))
        _, number, error, result = self._read()
        assert number == self._number
        if error:
            raise ScriptFailed(f"{error['error']}: {error['message']}")
        return result

    def _read(self) -> Any:
        length = b""
        while (octet := self._file.read(1)) != b":":
            assert octet, "Thunderbird is gone"
            length += octet
        return json.loads(self._file.read(int(length)))

    def _end(self) -> None:
        if hasattr(self, "_socket"):
            self._file.close()
            self._socket.close()
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


_FRAME = """
const [args, done] = arguments;
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const { MailUtils } = ChromeUtils.importESModule("resource:///modules/MailUtils.sys.mjs");
const until = async test => {
  for (;;) {
    const found = await test();
    if (found) {
      return found;
    }
    await new Promise(resolve => setTimeout(resolve, 20));
  }
};
(async () => { BODY })().then(
  value => done({ value }),
  error => done({ error: `${error}\n${error?.stack}` })
);
"""
