"""config/nginx.conf, as nginx reads it."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

from tempmaild.trial import make_certificate
from tests.needs import needs

SAMPLE = Path(__file__).parents[2] / "config/nginx.conf"


def test_nginx_finds_nothing_wrong(tmp_path: Path) -> None:
    nginx = needs("nginx")
    make_certificate(tmp_path / "fullchain.pem", tmp_path / "privkey.pem", datetime.now(UTC))
    text = SAMPLE.read_text().replace("/etc/letsencrypt/live/console.example.org", str(tmp_path))
    # nginx looks whether it could open them.
    for number, address in enumerate(("80", "[::]:80", "443", "[::]:443")):
        text = text.replace(f"listen {address}", f"listen unix:{tmp_path}/{number}")
    whole = tmp_path / "nginx.conf"
    whole.write_text(f"error_log stderr;\npid {tmp_path}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n{text}\n}}\n")
    done = subprocess.run(
        [nginx, "-t", "-q", "-c", str(whole)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_console_is_told_what_only_nginx_has_seen() -> None:
    text = SAMPLE.read_text()
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in text
    # What a client says of itself is not passed on.
    assert "proxy_add_x_forwarded_for" not in text
