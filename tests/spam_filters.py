"""rspamd and SpamAssassin's spamd, with rules of the tests' own and without network.

Both know four rules, about HELO, the client's address, the sender and the body, and the recipient for rspamd.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from tempmaild.settings.filters import SpamFilter
from tempmaild.settings.values import UnixAddress
from tests.needs import needs

if TYPE_CHECKING:
    from collections.abc import Iterator

_READY_WITHIN = 60
"""Seconds; a machine that is busy with other tests needs a few."""

GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
"""What every spam filter takes for spam."""

_RSPAMD_RULES = """
local function rule(name, score, callback)
  rspamd_config:register_symbol{name = name, score = score, callback = callback}
end
rule('EVIL_HELO', 2.5, function(task) return task:get_helo() == 'evil.example' end)
rule('EVIL_CLIENT', 1.5, function(task)
  local ip = task:get_from_ip()
  return ip and ip:is_valid() and ip:to_string() == '192.0.2.66'
end)
rule('EVIL_SENDER', 3.0, function(task)
  local from = task:get_from('smtp')
  return from and from[1] and from[1].addr == 'spammer@evil.example'
end)
rule('TRAP', 4.0, function(task)
  for _, recipient in ipairs(task:get_recipients('smtp') or {}) do
    if recipient.addr == 'trap@box.test' then return true end
  end
  return false
end)
"""
_RSPAMD = """
options {{
    filters = "";
    dns {{ nameserver = ["127.0.0.1:1:1"]; timeout = 0.1s; retransmits = 1; }}
    control_socket = "{folder}/control.sock mode=0600";
    temp_dir = "{folder}";
    url_tld = "/usr/share/rspamd/effective_tld_names.dat";
    gtube_patterns = "all";
}}
logging {{ type = "console"; level = "info"; }}
lua = "{folder}/rules.lua";
actions {{ reject = 15; add_header = 6; }}
worker "normal" {{ bind_socket = "{folder}/rspamd.sock mode=0600"; count = 1; }}
"""
_SPAMD_RULES = """
header EVIL_HELO X-Spam-Relays-Untrusted =~ /helo=evil\\.example/
score EVIL_HELO 2.5
header EVIL_CLIENT X-Spam-Relays-Untrusted =~ /ip=192\\.0\\.2\\.66/
score EVIL_CLIENT 1.5
header EVIL_SENDER EnvelopeFrom =~ /spammer/
score EVIL_SENDER 3
body GTUBE /GTUBE-STANDARD/
score GTUBE 1000
"""


@contextmanager
def rspamd() -> Iterator[SpamFilter]:
    """Run rspamd; give where it is."""
    program = needs("rspamd")
    with _folder() as folder:
        (folder / "rules.lua").write_text(_RSPAMD_RULES)
        config = folder / "rspamd.conf"
        config.write_text(_RSPAMD.format(folder=folder))
        as_root = ["-i", "-u", "root", "-g", "root"] if os.geteuid() == 0 else []
        with _running([program, "-f", *as_root, "-c", str(config)], folder, "starting normal process"):
            yield SpamFilter("rspamd", UnixAddress(folder / "rspamd.sock"))


@contextmanager
def spamd() -> Iterator[SpamFilter]:
    """Run spamd; give where it is."""
    program = needs("spamd")
    with _folder() as folder:
        rules, site, socket = folder / "rules", folder / "site", folder / "spamd.sock"
        rules.mkdir()
        (rules / "tests.cf").write_text(_SPAMD_RULES)
        site.mkdir()
        (site / "init.pre").write_text("loadplugin Mail::SpamAssassin::Plugin::Check\n")
        (site / "local.cf").touch()
        as_root = ["-u", "nobody"] if os.geteuid() == 0 else []
        files = ["-C", str(rules), "--siteconfigpath", str(site), f"--socketpath={socket}"]
        command = [program, "-L", "-x", "-s", "stderr", "-m", "1", "--min-children=1", *files, *as_root]
        with _running(command, folder, "successfully spawned child process"):
            yield SpamFilter("spamd", UnixAddress(socket))


@contextmanager
def _folder() -> Iterator[Path]:
    """Give a folder that others can use, too: spamd does not work as root."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


@contextmanager
def _running(command: list[str], folder: Path, ready: str) -> Iterator[None]:
    """Run a program that says `ready` when it is."""
    process = subprocess.Popen(
        command,
        env={**os.environ, "TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout
    said: list[str] = []
    known = Event()

    def listen() -> None:
        for line in process.stdout or ():
            said.append(line)
            if ready in line:
                known.set()
        known.set()

    listener = Thread(target=listen)
    listener.start()
    try:
        assert known.wait(_READY_WITHIN), "".join(said)
        assert process.poll() is None, "".join(said)
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        listener.join()
        process.stdout.close()
