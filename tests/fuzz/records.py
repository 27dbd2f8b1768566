"""Parsers of header fields, DNS records and answers that checks read, and the writers of fields that quote them."""

from __future__ import annotations

import ipaddress
import json
import re
import struct
from contextlib import suppress
from typing import get_args

from tempmaild.checks.clamd_client import outcome, printable
from tempmaild.checks.dkim_keys import Unverified, parse_key
from tempmaild.checks.signatures import read_coverage, read_place, read_signature, read_tags, unsigned
from tempmaild.checks.signed_message import relaxed_field
from tempmaild.core import dmarc_record, dns_message, listing, spf_record
from tempmaild.core.authentication_results import FIELD, claims, field, without_forged
from tempmaild.core.block_rule import BlockRule, domain_key, helo_key, sender_key
from tempmaild.core.client_name import literal_address, looks_like_host
from tempmaild.core.dmarc_record import MOST_LOOKUPS, Policy
from tempmaild.core.headers import fields, unfold
from tempmaild.core.limit import Ban
from tempmaild.core.list_file import ban_of_line, rule_of_line
from tempmaild.core.received_spf import received_spf
from tempmaild.core.spam_score import BadAnswer, score_of_rspamd, score_of_spamd
from tempmaild.core.verdict import Finding
from tempmaild.errors import InvalidValue
from tests.fuzz.messages import MESSAGES, WORDS
from tests.fuzz.target import Target

HOST = "mx.box.test"
_AFTER = b"From: a@example.org\r\n\r\n"
_NOW = 1_780_000_000


def check_authentication_results(data: bytes) -> None:
    claims(data, HOST)
    cleaned = without_forged(data, HOST)
    assert without_forged(cleaned, HOST) == cleaned
    for each in fields(cleaned, 0, len(cleaned)):
        if each.name.lower() == FIELD.lower().encode():
            assert unfold(each.value).partition(b";")[0].lower().split()[:1] != [HOST.encode()]
    text = data.decode("utf-8", "replace")
    for utf8 in (False, True):
        written = field(HOST, [Finding("spf", "pass", (("smtp.mailfrom", text),), text)] * 2, utf8=utf8)
        _check_field(written, ascii_only=not utf8)
        assert without_forged(written + _AFTER, HOST) == _AFTER


def check_received_spf(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    _check_field(received_spf("pass", text, [("client-ip", "192.0.2.1"), ("envelope-from", text)]), ascii_only=False)


def _check_field(written: bytes, *, ascii_only: bool) -> None:
    """See that this is one header field, whose lines are not too long, and that nothing can come after it."""
    (found,) = fields(written + b"\r\n", 0, len(written) + 2)
    assert found.end == len(written)
    assert written.endswith(b"\r\n")
    lines = written.removesuffix(b"\r\n").split(b"\r\n")
    assert all(line.strip() and len(line) <= 2000 and b"\n" not in line and b"\r" not in line for line in lines)
    assert written.isascii() or not ascii_only


def check_client_name(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    if looks_like_host(text):
        assert text.isascii()
        assert "." in text
    address = literal_address(text)
    if address:
        name = f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"
        assert literal_address(name) == address


def check_block_rules(data: bytes) -> None:
    line = data.decode("utf-8", "replace").strip()
    for usual in (BlockRule("address", "", "refuse"), None):
        with suppress(InvalidValue):
            normal = rule_of_line(line, usual).normalised()
            assert normal.normalised() == normal
    with suppress(InvalidValue):
        ban_of_line(line, Ban("", "", "all", 0))
    sender_key(line)
    domain_key(line)
    assert helo_key(helo_key(line)) == helo_key(line)


def check_dmarc(data: bytes) -> None:
    record = dmarc_record.parse_records([data])
    assert dmarc_record.parse_records([data, b"v=DMARC1;p=reject"]) is None or record is None
    domain = data.decode("latin-1").lower()
    names = dmarc_record.walk(domain)
    assert 1 <= len(names) <= MOST_LOOKUPS
    assert all(domain.endswith(name) for name in names)
    if record:
        found = [(name, record) for name in names]
        assert domain.endswith(dmarc_record.organizational_domain(domain, found))
        applied = dmarc_record.applicable_record(domain, found)
        assert applied is not None
        for below in (False, True):
            assert applied[1].applied(below=below, exists=False) in get_args(Policy)


def check_spf(data: bytes) -> None:
    record = data.decode("latin-1")
    with suppress(spf_record.Malformed):
        tidied = spf_record.tidy(record)
        if tidied is not None:
            assert spf_record.tidy(tidied) == tidied
            for term in tidied.split(" ")[1:]:
                if "=" not in term.partition(":")[0]:
                    found = spf_record.mechanism(term)
                    assert found.prefix4 <= 32
                    assert found.prefix6 <= 128
    for term in record.split():
        with suppress(spf_record.Malformed):
            target = spf_record.mechanism(term).target
            assert len(spf_record.expand_name(target, lambda _: "a.b-c.example.org" * 40)) <= 253
    with suppress(spf_record.Malformed):
        spf_record.expand_explanation(record, lambda letter: letter * 3)


def check_dns(data: bytes) -> None:
    for kind in ("A", "AAAA", "TXT", "MX", "CNAME", "SRV", "CAA"):
        question = dns_message.write_question("example.org", kind)
        assert question is not None
        header = data[:10]
        message = b"\x12\x34" + header + (question if header[2:4] == b"\0\1" else b"") + data[10:]
        try:
            reply = dns_message.read_reply(message, 0x1234, question)
        except dns_message.Malformed:
            continue
        if reply:
            assert 0 <= reply.ttl <= dns_message.LONGEST_TTL
            assert len(reply.values) <= dns_message.MOST_RECORDS
            assert all(map(_CORRECT[kind], reply.values))
            assert reply.alias == reply.alias.lower()


_CORRECT = {
    "A": ipaddress.IPv4Address,
    "AAAA": ipaddress.IPv6Address,
    "TXT": lambda value: isinstance(value, bytes),
    "MX": lambda value: 0 <= value[0] < 65536 and len(value[1]) <= 1024,
    "CNAME": lambda value: isinstance(value, str) and value.isprintable() and value == value.lower(),
    "SRV": lambda value: re.fullmatch(r"\d+ \d+ \d+ [!-~]*\.", value),
    "CAA": lambda value: re.fullmatch(r'\d+ [a-z0-9]+ "[ -~]*"', value),
}


def check_listing(data: bytes) -> None:
    found = listing.domains_to_look_up(data.decode("utf-8", "replace").split())
    assert all(name.isascii() and "." in name and len(name) <= 255 for name in found)
    reason = listing.reason([data])
    assert len(reason) <= 200
    assert reason.isascii()
    assert reason.isprintable()
    answers = [str(ipaddress.IPv4Address(data[start : start + 4])) for start in range(0, len(data) - 3, 4)]
    meaning, answer = listing.meaning(answers, [(0x7F000002, 0x7F0000FF)])
    assert meaning != "listed" or answer.startswith("127.0.0.")


def check_spam_score(data: bytes) -> None:
    for read in (score_of_rspamd, score_of_spamd):
        try:
            score = read(data)
        except BadAnswer:
            continue
        if score:
            assert -10_000 <= score.value <= 10_000
            assert str(score).isascii()
            assert all(name.isascii() and name.isprintable() for name in score.symbols)


def check_clamd_reply(data: bytes) -> None:
    reply = data[:4096].decode("utf-8", "replace")
    found = outcome(reply)
    assert (found.state == "fine") is (reply == "stream: OK")
    assert found.name == printable(found.name)
    assert found.name or found.state != "bad"


def check_key(data: bytes) -> None:
    try:
        key = parse_key(data)
    except Unverified:
        return
    assert not key.verifies(data, data[:32].ljust(32))


def check_signature(data: bytes) -> None:
    relaxed = relaxed_field(data)
    assert relaxed_field(relaxed) == relaxed
    bare = unsigned(data)
    assert unsigned(bare) == bare
    try:
        tags = read_tags(data)
    except Unverified:
        return
    with suppress(Unverified):
        domain, selector = read_place(tags)
        assert (domain + selector).isascii()
        read_signature(tags, (domain, selector), _NOW)
    with suppress(Unverified):
        assert b"from" in read_coverage(tags).names


def _record(kind: int, data: bytes) -> bytes:
    return b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 300, len(data)) + data


def _reply(*answers: bytes) -> bytes:
    """A reply without its number and the question."""
    return struct.pack("!5H", 0x8180, 1, len(answers), 0, 0) + b"".join(answers)


_SIGNATURE = (
    b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=example.org; s=s1;\r\n\tt=1780000000; h=from:to; "
    b"bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n"
)
_KEY = (
    b"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCj"
    b"xOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPD"
    b"dQPNUYckcQ2QIDAQAB"
)
_RSPAMD = json.dumps({"score": 1.5, "is_skipped": False, "symbols": {"A": {"score": 1.0}}}).encode()
_RULE = (
    b'{"kind": "network", "subject": "192.0.2.0/24", "action": "refuse", "domain": "box.test", "until": "2030-01-01"}'
)

TARGETS = (
    Target(
        "authentication-results",
        check_authentication_results,
        (
            b"Authentication-Results: mx.box.test; spf=pass\r\nFrom: a@b\r\n\r\n",
            b'authentication-results : (x)\r\n\t"mx.box" . test 1; none\r\n',
            *MESSAGES[:3],
        ),
        (*WORDS, b"Authentication-Results:", b"mx.box.test", b"mx.box.test.", b"spf=pass", b"; "),
        reads_mail=True,
    ),
    Target(
        "received-spf",
        check_received_spf,
        (b"joe@example.org", "jö(e)\\".encode()),
        (b"(", b")", b"\\", b'"', b"\r\n"),
    ),
    Target(
        "client-name",
        check_client_name,
        (b"mx.example.org", b"[192.0.2.1]", b"[IPv6:2001:db8::1]"),
        (b"[", b"]", b":", b"::", b".", b"IPv6:", b"-", b"%", b"a."),
    ),
    Target(
        "block-rules",
        check_block_rules,
        (_RULE, b"joe@example.org", b"# comment"),
        (b"{", b"}", b'"', b"@", b"*.", b"/24", b"null", b"[", b"1e9"),
    ),
    Target(
        "dmarc-record",
        check_dmarc,
        (b"v=DMARC1; p=reject; sp=none; adkim=s; rua=mailto:a@b; psd=y; t=y",),
        (b";", b"=", b"p=", b"sp=", b"np=", b"v=DMARC1", b" ", b".", b"rua=mailto:a,"),
    ),
    Target(
        "spf-record",
        check_spf,
        (b"v=spf1 a:%{d2r.-}.example.org/24//64 mx ip4:192.0.2.0/24 ip6:2001:db8::/32 include:a.b exp=%{i}.c -all",),
        (
            b" ",
            b"v=spf1 ",
            b"%{",
            b"}",
            b"%{d99r+}",
            b"redirect=",
            b"exp=",
            b"include:",
            b"exists:",
            b"/",
            b"//",
            b"a",
            b".",
        ),
    ),
    Target(
        "dns-message",
        check_dns,
        (
            _reply(_record(1, b"\xc0\0\2\1")),
            _reply(_record(5, b"\3www\xc0\x0c"), b"\3www" + _record(28, bytes(16))),
            _reply(_record(16, b"\6v=spf1\4 -al")),
            _reply(_record(15, b"\0\x0a\2mx\xc0\x0c")),
            struct.pack("!5H", 0x8183, 1, 0, 1, 0) + _record(6, b"\xc0\x0c" * 2 + bytes(20)),
        ),
        (b"\xc0\x0c", b"\0\1\0\1", b"\0\5\0\1", b"\0\x10\0\1", b"\0\0\1\x2c", b"\x3f", b"\0"),
    ),
    Target(
        "listing",
        check_listing,
        (b"www.a.example.org 1.2.3.4", b"\x7f\0\0\2\x7f\xff\xff\xfe"),
        (b".", b" ", b"xn--", b"\x7f\0\0\2"),
    ),
    Target(
        "spam-score",
        check_spam_score,
        (_RSPAMD, b"SPAMD/1.1 0 EX_OK\r\nSpam: True ; 1.5 / 5.0\r\n\r\nA,B\r\n"),
        (b'"symbols":', b"{", b"[", b"1e999", b"NaN", b"null", b"Spam: ", b"\r\n", b",", b"-"),
    ),
    Target(
        "clamd-reply",
        check_clamd_reply,
        (
            b"stream: OK",
            b"stream: Eicar-Test-Signature FOUND",
            b"INSTREAM size limit exceeded. ERROR",
            b"stream: X ERROR",
        ),
        (b"stream: ", b" OK", b" FOUND", b" ERROR", b"limit", b"Heuristics.Limits.Exceeded"),
    ),
    Target(
        "dkim-key",
        check_key,
        (_KEY, b"k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="),
        (b";", b"=", b"p=", b"k=", b"h=sha256", b"s=email", b"t=y:s", b"AAAA"),
    ),
    Target(
        "signature",
        check_signature,
        (_SIGNATURE, _SIGNATURE.replace(b"rsa", b"ed25519")),
        (b";", b"=", b":", b"b=", b"bh=", b"h=from", b"l=", b"\r\n ", b" ", b"d=a.b", b"x=1"),
    ),
)
