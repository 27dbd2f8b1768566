"""The test messages and keys that dkimpy's source distribution has: fetching them, and what is to be found out.

`python -m tests.checks.signing_suite` gets them from the package index into the virtual environment, as `make test`
does.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import dkim

if TYPE_CHECKING:
    from tests.dns_server import Zones

FOLDER = Path(sys.prefix) / "share" / "dkimpy"
_IN_ARCHIVE = "dkim/tests/data/"


class Case(NamedTuple):
    """A message of the suite, as it is or signed by dkimpy.

    Attributes:
        results: what is to be found, with the reason, signature by signature.
        selector: where the message is signed with `key`; "" for one that is taken as it is.
    """

    message: str
    results: tuple[tuple[str, str], ...]
    selector: str = ""
    key: str = ""
    algorithm: str = "rsa-sha256"


_PASS = ("pass", "")
_NO_KEY = ("permerror", "there is no key for the signature")
CASES = (
    Case("ed25519test2.msg", (_PASS,)),  # signed by Exim
    Case("rfc6376.signed.msg", (_PASS, _PASS)),
    Case("rfc6376.signed.rsa.msg", (_PASS,)),
    Case("rfc6376.signed.no_t.msg", (("fail", "what is signed has changed"),)),
    Case("test2.message", (_PASS,)),  # signed by Gmail, folded as nobody folds
    Case("test.message.baddomain", (("neutral", "the domain of the signature is malformed"),)),
    Case("message.mbox", (_NO_KEY,)),
    Case("test.message", (("none", ""),)),
    Case("test_nofrom.message", (("none", ""),)),
    Case("test.message", (_PASS,), "test", "test.private"),
    Case("test_extra.message", (_PASS,), "test", "test.private"),
    Case("message.mbox", (_PASS, _NO_KEY), "test", "test.private"),
    Case("rfc6376.w1258.msg", (_PASS,), "test", "test.private"),
    Case("test.message", (_PASS,), "test2", "test.private"),
    Case("test.message", (("permerror", "the kind of the key is unknown"),), "badk", "test.private"),
    Case("test.message", (("permerror", "the version of the key record is unknown"),), "badversion", "test.private"),
    Case("test.message", (("permerror", "the key is malformed"),), "test_bad", "test.private"),
    Case("test.message", (("permerror", "the key is not for mail"),), "test_tlsrpt", "test.private"),
    Case("test.message", (_PASS,), "1024_testkey_wo_markers.pub", "1024_testkey.key"),
    Case("test.message", (_PASS,), "1024_testkey_wo_markers.pub.rsa", "1024_testkey.key"),
    Case("test.message", (_PASS,), "2048_testkey_wo_markers.pub", "2048_testkey.key"),
    Case("test.message", (_PASS,), "2048_testkey_wo_markers.pub.rsa", "2048_testkey.key"),
    Case("test.message", (_PASS,), "2048_testkey_PKCS8.key.pub", "2048_testkey_PKCS8.key"),
    Case("ed25519test.msg", (_PASS,), "ed25519test", "ed25519test.key", "ed25519-sha256"),
)
_BRISBANE = b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="  # RFC 8463 §A.2
_GMAIL = """\
k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA1Kd87/UeJjenpabgbFwh+eBCsSTrqmwIYYvywlbhbqoo2DymndFkbjOVIPIldNs\
/m40KF+yzMn1skyoxcTUGCQs8g3FgD2Ap3ZB5DekAo5wMmk4wimDO+U8QzI3SD07y2+07wlNWwIt8svnxgdxGkVbbhzY8i+RQ9DpSVpPbF7ykQxtKXkv\
/ahW3KjViiAH+ghvvIhkx4xYSIc9oSwVmAl5OctMEeWUwg8Istjqz8BZeTWbf41fbNhte7Y+YqZOwq1Sd0DbvYAD9NOZK9vlfuac0598HY+vtSBczUiK\
ERHv1yRbcaQtZFh5wtiRrN04BLUTD21MycBX5jYchHjPY/wIDAQAB"""


def fetch() -> None:
    """Get the files that belong to the dkimpy that is installed.

    Raises:
        CalledProcessError: pip cannot have them; it has said why.
    """
    requirement = f"dkimpy=={version('dkimpy')}"
    with TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download"]
        subprocess.run([*pip, "--no-binary", ":all:", "--no-deps", "--dest", folder, requirement], check=True)
        (archive,) = Path(folder).iterdir()
        FOLDER.mkdir(parents=True, exist_ok=True)
        with tarfile.open(archive) as packed:
            for member in packed.getmembers():
                if _IN_ARCHIVE in member.name and (file := packed.extractfile(member)):
                    (FOLDER / Path(member.name).name).write_bytes(file.read())


def load() -> dict[str, bytes]:
    """Give the files by their names; none if they are not there."""
    return {path.name: path.read_bytes() for path in FOLDER.glob("*")}


def content(files: dict[str, bytes], case: Case) -> bytes:
    """Give the message of a case, with the signature that it is to have."""
    text = files[case.message].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if not case.selector:
        return text
    how = {"signature_algorithm": case.algorithm.encode()}
    own: bytes = dkim.sign(text, case.selector.encode(), b"example.com", files[case.key], **how)
    return own + text


def zones(files: dict[str, bytes]) -> Zones:
    """Give DNS with the keys of the suite: each of example.com has the name of its file."""
    records = {
        name.rpartition(".")[0]: data.strip() for name, data in files.items() if name.endswith((".txt", ".dns"))
    }
    places = {f"{name.lower()}._domainkey.example.com": data for name, data in records.items()}
    places |= {
        "test._domainkey.football.example.com": records["test"],
        "brisbane._domainkey.football.example.com": _BRISBANE,
        "sed._domainkey.test.ex": records["eximtest"],
        "20120113._domainkey.gmail.com": _GMAIL.encode(),
    }
    return {place: {"TXT": [_strings(data)]} for place, data in places.items()}


def _strings(data: bytes) -> list[bytes]:
    return [data[start : start + 255] for start in range(0, len(data), 255)]


if __name__ == "__main__":
    try:
        fetch()
    except subprocess.CalledProcessError as problem:
        sys.exit(f"the test messages of dkimpy cannot be had; their tests are skipped: {problem}")
