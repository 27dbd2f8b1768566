"""DNS with DMARC records, and what they mean for mail: for the check and for a daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tempmaild.core.author import MOST_AUTHORS
from tests.dns_server import SERVFAIL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.dns_server import Zones


def records(**texts: str) -> dict[str, Mapping[str, Sequence[str]]]:
    """Zones with DMARC records; "_" in a name stands for a dot."""
    return {f"_dmarc.{name.replace('_', '.')}": {"TXT": [f"v=DMARC1; {text}"]} for name, text in texts.items()}


ALIGNMENT: Final = (
    ("example.com", "example.com", "", "pass"),
    ("example.com", "example.com", "aspf=s; adkim=s", "pass"),
    ("example.com", "child.example.com", "", "pass"),
    ("example.com", "child.example.com", "aspf=s; adkim=s", "fail"),
    ("child.example.com", "example.com", "", "pass"),
    ("child.example.com", "example.com", "aspf=s; adkim=s", "fail"),
    ("foo.example.com", "news.example.com", "aspf=r; adkim=r", "pass"),
    ("child.example.com", "example.net", "", "fail"),
    ("EXAMPLE.com", "example.COM", "aspf=s; adkim=s", "pass"),
    ("example.com.", "example.com", "aspf=s; adkim=s", "pass"),
    ("example.com", "notexample.com", "", "fail"),
    ("notexample.com", "example.com", "", "none"),
    ("example.com", "com", "", "fail"),
    ("example.com", "", "", "fail"),
    ("example.com", "[192.0.2.1]", "", "fail"),
)
"""RFC 9989 Appendix B.1: the author, the domain of MAIL FROM or d=, the modes, and the result if that has passed."""

WALKS: Final = (
    ("example.com", "example.com", "signing.example.com", "pass", "pass"),
    ("a.b.c.d.e.f.g.h.i.j.k.example.com", "example.com", "signing.example.com", "pass", "pass"),
    ("giant.bank.example", "mail.giant.bank.example", "mail.mega.bank.example", "pass", "fail"),
)
"""RFC 9989 Appendix B.4: the author, the domain of MAIL FROM, d=, and the results when one of these has passed."""
WALKED: Final[Zones] = records(
    example_com="p=reject",
    signing_example_com="p=none",
    giant_bank_example="p=reject",
    bank_example="p=none; psd=y",
)
"""DNS for these."""

_ORGANIZATION = {"example_com": "p=reject; sp=quarantine; np=none"}
_REPORTS = "rua=mailto:dmarc-feedback@example.com, mailto:tld-test@thirdparty.example.net"
POLICIES: Final[tuple[tuple[str, dict[str, str], str], ...]] = (
    ("example.com", {"example_com": "p=none"}, "fail example.com none (fine)"),
    ("example.com", {"example_com": "rua=mailto:a@example.com"}, "fail example.com none (fine)"),
    ("example.com", {"example_com": "p=quarantine"}, "fail example.com quarantine (bad, junk at most)"),
    ("example.com", {"example_com": "p=reject"}, "fail example.com reject (bad)"),
    # t=y: one step milder
    ("example.com", {"example_com": "p=reject; t=y"}, "fail example.com quarantine (bad, junk at most)"),
    ("example.com", {"example_com": "p=quarantine; t=y"}, "fail example.com none (fine)"),
    ("example.com", {"example_com": "p=none; t=y"}, "fail example.com none (fine)"),
    # RFC 9989 Appendix B.2.4
    ("test.example.com", {"test_example_com": f"p=quarantine; {_REPORTS}; t=y"}, "fail test.example.com none (fine)"),
    ("test.example.com", {"test_example_com": f"p=reject; {_REPORTS}"}, "fail test.example.com reject (bad)"),
    # pct= is gone
    ("example.com", {"example_com": "p=reject; pct=0"}, "fail example.com reject (bad)"),
    # sp= and np= for what is below
    ("example.com", _ORGANIZATION, "fail example.com reject (bad)"),
    ("there.example.com", _ORGANIZATION, "fail there.example.com quarantine (bad, junk at most)"),
    ("missing.example.com", _ORGANIZATION, "fail missing.example.com none (fine)"),
    ("below.missing.example.com", _ORGANIZATION, "fail below.missing.example.com none (fine)"),
    ("there.example.com", {"example_com": "p=none; np=reject"}, "fail there.example.com none (fine)"),
    ("dangling.example.com", {"example_com": "p=none; np=reject"}, "fail dangling.example.com none (fine)"),
    ("missing.example.com", {"example_com": "p=none; np=reject"}, "fail missing.example.com reject (bad)"),
    ("missing.example.com", {"example_com": "p=none; np=reject; t=y"}, "fail missing.example.com quarantine"),
    # its own record comes first, and then that of its organization, not one in the middle
    ("a.b.example.com", {**_ORGANIZATION, "a_b_example_com": "p=none"}, "fail a.b.example.com none (fine)"),
    ("a.b.example.com", {"b_example_com": "p=none", "example_com": "p=reject"}, "fail a.b.example.com reject"),
    (
        "a.b.example.com",
        {"b_example_com": "p=none; psd=n", "example_com": "p=reject"},
        "fail a.b.example.com none",
    ),
    # public suffixes
    ("other.bank.test", {"bank_test": "p=none; sp=reject; psd=y"}, "fail other.bank.test reject"),
    ("other.bank.test", {"bank_test": "sp=reject; psd=y", "test": "psd=y"}, "fail other.bank.test reject"),
    ("missing.bank.test", {"bank_test": "p=none; np=reject; psd=y"}, "fail missing.bank.test reject"),
    ("bank.test", {"bank_test": "p=quarantine; sp=reject; psd=y"}, "fail bank.test quarantine"),
    (
        "other.bank.test",
        {"bank_test": "p=reject; psd=y", "other_bank_test": "p=none"},
        "fail other.bank.test none",
    ),
    # no record
    ("example.com", {}, "none example.com (fine)"),
    ("example.com", {"other_example_com": "p=reject"}, "none example.com (fine)"),
    # records that are none, or broken
    ("example.com", {"example_com": "p=refuse"}, "permerror example.com (fine)"),
    ("a.example.com", {"example_com": "p=reject; sp=refuse"}, "permerror a.example.com (fine)"),
    ("example.com", {"example_com": "p=refuse; rua=mailto:a@example.com"}, "fail example.com none (fine)"),
    ("example.com", {"example_com": "p=reject;" + " " * 60_000}, "permerror example.com (fine)"),
)
"""The author, the records by their domains, and how what is said begins; nothing has authenticated the author."""
THERE: Final[Zones] = {
    "there.example.com": {"A": ["192.0.2.1"]},
    "dangling.example.com": {"CNAME": ["nowhere.example.net"]},
    "x.b.example.com": {"A": ["192.0.2.1"]},
    "other.bank.test": {"MX": ["10 mx.bank.test"]},
}
"""Names that exist beside those with records."""

_SEVERAL = "there are several domains in From"


def _hosts(count: int) -> bytes:
    return b",\r\n ".join(b"a@%d.example" % number for number in range(count))


AUTHORS: Final = (
    (b"From: a@example.com\r\n", "pass example.com reject (fine)", ""),
    (b"from :\r\n\t(a) Name\r\n <a@\r\n example.com>\r\n", "pass example.com reject (fine)", ""),
    (b'From: "x@example.net" <a@example.com>\r\n', "pass example.com reject (fine)", ""),
    (b"From: a@example.com, b@EXAMPLE.com\r\n", "pass example.com reject (fine)", ""),
    (b"From: Group: a@example.com;\r\n", "pass example.com reject (fine)", ""),
    (b"From: root, a@example.com\r\n", "pass example.com reject (fine)", ""),
    (b"X-From: a@example.net\r\nFrom: a@example.com\r\n", "pass example.com reject (fine)", ""),
    (b"X: y\r\n From: a@example.net\r\nFrom: a@example.com\r\n", "pass example.com reject (fine)", ""),
    (b"From a@example.net\r\nFrom: a@example.com\r\n", "pass example.com reject (fine)", ""),
    # no author
    (b"Subject: x\r\n", "permerror (fine)", "there is no From field"),
    (b"", "permerror (fine)", "there is no From field"),
    (b"From:\r\n", "permerror (fine)", "there is no domain in From"),
    (b"From: root\r\n", "permerror (fine)", "there is no domain in From"),
    (b"From: <>\r\n", "permerror (fine)", "there is no domain in From"),
    (b"From: Undisclosed: ;\r\n", "permerror (fine)", "there is no domain in From"),
    (b"From: a@\r\n", "permerror (fine)", "there is no domain in From"),
    (b"From: \xff\xfe@(\r\n", "permerror (fine)", "there is no domain in From"),
    # domains that cannot be
    (b"From: a@[192.0.2.1]\r\n", "permerror (fine)", "the domain in From cannot exist"),
    (b"From: a@example..com\r\n", "permerror (fine)", "the domain in From cannot exist"),
    (b"From: a@\xff.com\r\n", "permerror (fine)", "the domain in From cannot exist"),
    (b"From: a@" + b"a" * 64 + b".com\r\n", "permerror (fine)", "the domain in From cannot exist"),
    (b"From: a@" + b"a." * 200 + b"com\r\n", "permerror (fine)", "the domain in From cannot exist"),
    (b"From: a@example.com, b@example..com\r\n", "permerror (fine)", "the domain in From cannot exist"),
    # what readers differ about: it is never only example.com that may be shown
    (b"From: <a@example.com> b@hard.example\r\n", "fail hard.example reject (bad)", _SEVERAL),
    (b"From: <a@example.com>(x) b c@ hard.example\r\n", "fail hard.example reject (bad)", _SEVERAL),
    (b"From: b@hard.example@example.com\r\n", "fail hard.example reject (bad)", _SEVERAL),
    (b'From: <b@hard.example ""@example.com>\r\n', "fail hard.example reject (bad)", _SEVERAL),
    (b"From: b@hard.example@c, <a@example.com>\r\n", "fail hard.example reject (bad)", _SEVERAL),
    (b"From: <a@example.com> b@hard.example@c <a@example.com>\r\n", "fail hard.example reject (bad)", _SEVERAL),
    (b"From: =?utf-8?q?<b=40hard.example>?=, a@example.com\r\n", "fail hard.example reject (bad)", _SEVERAL),
    (b"From: =?utf-7?q?b=40+2AA-?=, a@example.com\r\n", "permerror (fine)", "the domain in From cannot exist"),
    (b'From: "b@hard.example", a@example.com\r\n', "fail hard.example reject (bad)", _SEVERAL),
    (b"From: b@hard.example\0.example.com\r\n", "fail hard.example reject (bad)", _SEVERAL),
    (
        b"From: a@example.com\r\nFrom\r\n : b@hard.example\r\n",
        "fail hard.example reject (bad)",
        "there are several From fields",
    ),
    (b"From\r\n : a@example.com\r\n", "permerror (fine)", "there is no From field"),
    (b"From: <a@example.com> a@example.com\r\n", "permerror (fine)", "From is malformed"),
    (b"From: =?utf-8?q?a=40example.com?=\r\n", "permerror (fine)", "From is malformed"),
    # what they do not
    (b'From: "<b@hard.example> b@hard.example" <a@example.com>\r\n', "pass example.com reject (fine)", ""),
    (b"From: b@hard.example <a@example.com>\r\n", "pass example.com reject (fine)", ""),
    (b"From: Ann (x) @b@hard.example @c <a@example.com>\r\n", "pass example.com reject (fine)", ""),
    (b"From: =?utf-8?q?b=40hard.example?= <a@example.com>\r\n", "pass example.com reject (fine)", ""),
    (b"From: =?utf-8?q?b=40hard.example?=: a@example.com;\r\n", "pass example.com reject (fine)", ""),
    (b"From: <a@example.com> (or <b@hard.example> b@hard.example)\r\n", "pass example.com reject (fine)", ""),
    (b"From: <@hard.example,@b.example:a@example.com>\r\n", "pass example.com reject (fine)", ""),
    (b'From: "b@hard.example"@example.com\r\n', "pass example.com reject (fine)", ""),
    # several
    (b"From: a@example.com\r\nFrom: a@example.com\r\n", "permerror (fine)", "there are several From fields"),
    (b"From: a@example.com\r\nFROM :\r\n", "permerror (fine)", "there are several From fields"),
    (b"From: a@example.com, b@nobody.example\r\n", "permerror (fine)", _SEVERAL),
    (
        b"From: a@example.com\r\nSubject: x\r\nFrom: b@soft.example\r\n",
        "fail soft.example quarantine (bad, junk at most)",
        "there are several From fields",
    ),
    (b"From: a@soft.example, b@hard.example\r\n", "fail hard.example reject (bad)", _SEVERAL),
    (b"From: b@dead.example, a@example.com\r\n", "temperror dead.example (failed)", "DNS does not tell"),
    (b"From: b@dead.example, a@hard.example\r\n", "fail hard.example reject (bad)", _SEVERAL),
    # too many
    (b"From: " + _hosts(MOST_AUTHORS) + b"\r\n", "permerror (fine)", _SEVERAL),
    (
        b"From: " + _hosts(MOST_AUTHORS + 1) + b"\r\n",
        "permerror (bad, junk at most)",
        "there are too many authors in From",
    ),
    (
        b"From: a@example.com\r\n" * (MOST_AUTHORS + 1),
        "permerror (bad, junk at most)",
        "there are too many authors in From",
    ),
    # too long
    (b"From: " + b"a@example.com, " * 500 + b"\r\n", "pass example.com reject (fine)", ""),
    (b"From: " + b"a@example.com, " * 600 + b"\r\n", "permerror (bad, junk at most)", "From is too long"),
    (b"From: " + _hosts(20_000) + b"\r\n", "permerror (bad, junk at most)", "From is too long"),
)
"""From, what is said of it with a signature of example.com that passes, and the reason."""
AUTHORS_ZONES: Final[Zones] = {
    **records(example_com="p=reject", soft_example="p=quarantine", hard_example="p=reject"),
    "_dmarc.dead.example": SERVFAIL,
}
"""DNS for these."""
