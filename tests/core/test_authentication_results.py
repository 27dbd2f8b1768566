"""RFC 8601: writing Authentication-Results, and taking out those that others wrote in our name."""

from __future__ import annotations

import email
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tempmaild.core.authentication_results import (
    LONGEST_VALUE,
    MOST_FIELDS,
    claims,
    field,
    without_forged,
)
from tempmaild.core.lines import with_crlf
from tempmaild.core.verdict import Finding
from tests.core.claims import CLAIMS, OURS
from tests.core.results_reader import read, told


# RFC 8601 Appendix B, as written by us
@pytest.mark.parametrize(
    ("name", "findings", "example"),
    [
        ("example.org", (), b"Authentication-Results: example.org; none\r\n"),  # B.2
        (
            "example.com",
            (Finding("spf", "pass", (("smtp.mailfrom", "example.net"),)),),
            b"Authentication-Results: example.com;\r\n\tspf=pass smtp.mailfrom=example.net\r\n",  # B.3
        ),
        (
            "example.com",
            (
                Finding("auth", "pass", (("smtp.auth", "sender@example.net"),)),
                Finding("spf", "pass", (("smtp.mailfrom", "example.net"),)),
            ),
            (
                b"Authentication-Results: example.com;\r\n\tauth=pass smtp.auth=sender@example.net;\r\n"
                b"\tspf=pass smtp.mailfrom=example.net\r\n"
            ),  # B.4
        ),
        (
            "example.com",
            (Finding("iprev", "pass", (("policy.iprev", "192.0.2.200"),)),),
            b"Authentication-Results: example.com;\r\n\tiprev=pass policy.iprev=192.0.2.200\r\n",  # B.4
        ),
        (
            "example.com",
            (
                Finding("dkim", "pass", (("header.i", "@mail-router.example.net"),), "good signature"),
                Finding("dkim", "fail", (("header.i", "@newyork.example.com"),), "bad signature"),
            ),
            (
                b"Authentication-Results: example.com;\r\n"
                b'\tdkim=pass reason="good signature" header.i=@mail-router.example.net;\r\n'
                b'\tdkim=fail reason="bad signature" header.i=@newyork.example.com\r\n'
            ),  # B.6
        ),
    ],
)
def test_examples(name: str, findings: tuple[Finding, ...], example: bytes) -> None:
    assert field(name, findings) == example
    header = read(example)
    assert header.authserv_id == name
    if findings:
        assert told(header) == [(each.method, each.result, each.reason, dict(each.properties)) for each in findings]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("example.org", "example.org"),
        ("2024-key_1", "2024-key_1"),
        ("a.b+c=d@example.org", "a.b+c=d@example.org"),
        ("@example.org", "@example.org"),
        ("2001:db8::1", '"2001:db8::1"'),
        ("dzdVyO/f", '"dzdVyO/f"'),
        ("AbC+1w==", '"AbC+1w=="'),
        ("[192.0.2.1]", '"[192.0.2.1]"'),
        ('"a b"@example.org', r'"\"a b\"@example.org"'),
        ("back\\slash", r'"back\\slash"'),
        ("a; dkim=pass header.d=bank.example", '"a; dkim=pass header.d=bank.example"'),
        ("a (comment", '"a (comment"'),
        ("a@b@example.org", '"a@b@example.org"'),
        ("a..b@example.org", '"a..b@example.org"'),
        ("a@-example.org", '"a@-example.org"'),
        ("a@", '"a@"'),
        ("x" * LONGEST_VALUE, "x" * LONGEST_VALUE),
        ("münchen.example", "xn--mnchen-3ya.example"),
        ("a@münchen.example", "a@xn--mnchen-3ya.example"),
    ],
)
def test_values(value: str, written: str) -> None:
    line = field(OURS, [Finding("x-test", "pass", (("policy.x", value),))])
    assert line == (
        f"Authentication-Results: {OURS};\r\n\tx-test=pass policy.x={written}\r\n".encode()
        if len(written) < 50
        else f"Authentication-Results: {OURS};\r\n\tx-test=pass\r\n policy.x={written}\r\n".encode()
    )
    if value.isascii() and value:
        assert told(read(line)) == [("x-test", "pass", "", {"policy.x": value})]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "a\r\nX-Forged: yes",
        "a\rb",
        "a\nb",
        "a\0b",
        "a\tb",
        "a\x7fb",
        "a\x85b",
        "a\u2028b",
        "\ud800",
        "x" * (LONGEST_VALUE + 1),
        "/" * (LONGEST_VALUE - 1),
        "ü@example.org",
        "\u202eexample.org",
    ],
)
def test_what_cannot_be_told_as_it_is_is_left_out(value: str) -> None:
    properties = (("policy.x", value), ("policy.y", "told"))
    assert field(OURS, [Finding("x-test", "pass", properties)]).endswith(b";\r\n\tx-test=pass policy.y=told\r\n")


def test_utf8_where_the_message_may_have_it() -> None:
    # RFC 8616 §2
    properties = (("smtp.mailfrom", "ü@münchen.example"), ("header.d", "münchen.example"), ("policy.x", "ü ü"))
    finding = Finding("x-test", "pass", properties, "für Leute")
    assert field("mx.münchen.example", [finding], utf8=True).decode() == (
        "Authentication-Results: mx.münchen.example;\r\n"
        '\tx-test=pass reason="für Leute" smtp.mailfrom=ü@münchen.example\r\n'
        ' header.d=münchen.example policy.x="ü ü"\r\n'
    )
    assert field("mx.münchen.example", [finding]).decode() == (
        "Authentication-Results: mx.xn--mnchen-3ya.example;\r\n"
        '\tx-test=pass reason="f?r Leute" header.d=xn--mnchen-3ya.example\r\n'
    )


def test_long_lines_are_folded() -> None:
    properties = tuple((f"policy.p{number}", "x" * 20) for number in range(6))
    reason = 'a reason with "quotes" that is so long that it has to be folded,   with\r\nblanks\0and other things'
    written = field(OURS, [Finding("x-test", "fail", properties, reason)] * 2)
    assert 70 < max(map(len, written.split(b"\r\n"))) <= 78
    _, _, read_reason, read_properties = told(read(written))[1]
    assert (
        read_reason == 'a reason with "quotes" that is so long that it has to be folded, with blanks and other things'
    )
    assert read_properties == dict(properties)


@pytest.mark.parametrize(("length", "lines"), [(3, [78]), (4, [69, 10])])
def test_a_line_has_78_octets_at_most(length: int, lines: list[int]) -> None:
    finding = Finding("x", "y", (("a.b", "c" * 60), ("d.e", "f" * length)))
    written = field(OURS, [finding, finding]).split(b"\r\n")
    assert [len(line) for line in written[1 : 1 + len(lines)]] == lines
    assert written[len(lines)].endswith(b";")


TEXT = st.text(max_size=30) | st.text('ab"\\ ;()@.=,\r\n\0\té\ud800', max_size=400)
KEYWORD = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z0-9]", fullmatch=True)
FINDINGS = st.lists(
    st.builds(
        Finding,
        KEYWORD,
        KEYWORD,
        st.lists(st.tuples(st.tuples(KEYWORD, KEYWORD).map(".".join), TEXT), max_size=4).map(tuple),
        TEXT,
    ),
    max_size=4,
)


@given(FINDINGS, st.booleans())
def test_whatever_is_found_it_is_one_field(findings: list[Finding], utf8: bool) -> None:
    written = field(OURS, findings, utf8=utf8)
    text = written.decode("utf-8" if utf8 else "ascii")
    lines = text.split("\r\n")
    assert lines.pop() == ""
    assert all(line.startswith((" ", "\t")) and line.strip() for line in lines[1:])
    assert all(len(line.encode()) <= 998 for line in lines)
    assert all(len(line.encode()) <= 78 for line in lines if line.count(" ", 1) > 0 and '="' not in line)
    assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text.replace("\r\n", ""))


# What authres reads of what RFC 8601 allows: a value in quotes has to be the last one.
DOMAIN = st.from_regex(r"([a-z0-9]{1,9}\.){1,3}[a-z]{2,9}", fullmatch=True)
NAMES = st.lists(st.sampled_from(["header.d", "header.i", "smtp.mailfrom", "policy.x"]), unique=True, max_size=4)
ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=60).map(str.strip)


@st.composite
def readable_findings(draw: st.DrawFn) -> Finding:
    values = DOMAIN | DOMAIN.map("@".__add__) | DOMAIN.map("a+b.c@".__add__) | KEYWORD
    properties = [(name, draw(values)) for name in draw(NAMES)]
    last = draw(ASCII.map("x {}.".format))
    return Finding(draw(KEYWORD), draw(KEYWORD), (*properties, ("body.last", last)), " ".join(draw(ASCII).split()))


@settings(max_examples=50)
@given(st.lists(readable_findings(), min_size=1, max_size=3))
def test_others_read_what_was_written(findings: list[Finding]) -> None:
    wanted = [(each.method, each.result, each.reason, dict(each.properties)) for each in findings]
    assert told(read(field(OURS, findings))) == wanted


@pytest.mark.parametrize(("value", "claimed"), CLAIMS)
def test_claims(value: bytes, claimed: bool) -> None:
    assert claims(value, OURS) is claimed
    message = b"A: b\r\nAuthentication-Results:" + value + b"\r\nC: d\r\n\r\nbody\r\n"
    assert without_forged(message, OURS) == (b"A: b\r\nC: d\r\n\r\nbody\r\n" if claimed else message)


@pytest.mark.parametrize("name", ["mx.münchen.example", "mx.xn--mnchen-3ya.example", "MX.XN--MNCHEN-3YA.example."])
@pytest.mark.parametrize("ours", ["mx.münchen.example", "mx.xn--mnchen-3ya.example"])
def test_both_forms_of_a_name_are_ours(ours: str, name: str) -> None:
    assert claims(f" {name}; none".encode(), ours)
    assert claims(f' (x) "{name}" 1; none'.encode(), ours)
    assert not claims(b" mx.munchen.example; none", ours)


FORGED = b"Authentication-Results: mx.box.example;\r\n\tdkim=pass (forged) header.d=bank.example\r\n"
REST = b"Received: from a\r\n\tby b\r\nFrom: c\r\n"
BODY = b"\r\n" + FORGED + b"text\r\n"


@pytest.mark.parametrize(
    ("content", "left"),
    [
        (FORGED + REST + BODY, REST + BODY),
        (REST + FORGED + BODY, REST + BODY),
        (REST + FORGED * 3 + REST + FORGED + BODY, REST + REST + BODY),
        (FORGED, b""),
        (FORGED.rstrip(), b""),
        (REST + FORGED.rstrip(), REST),
        (FORGED + BODY, BODY),
        (REST + FORGED.upper() + FORGED.lower() + BODY, REST + BODY),
        (REST + FORGED.replace(b":", b" \t :", 1) + BODY, REST + BODY),
        (FORGED + b"a line that is no field\r\n" + FORGED + BODY, b"a line that is no field\r\n" + BODY),
        (FORGED + b"Authentication-Results: other.example; none\r\n" + BODY,
         b"Authentication-Results: other.example; none\r\n" + BODY),
        (FORGED.replace(b"\r\n", b"\n") + b"A: b\n\n" + FORGED, b"A: b\n\n" + FORGED),
        (FORGED.replace(b"\r\n", b"\n") + b"A: b\n\n" + FORGED + BODY, b"A: b\n\n" + FORGED + BODY),
    ],
)  # fmt: skip
def test_forged_fields_are_taken_out(content: bytes, left: bytes) -> None:
    assert without_forged(content, OURS) == left


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\n",
        BODY,
        b"\n" + FORGED,
        REST + BODY,
        REST + b" " + FORGED + BODY,
        b"X-" + FORGED + BODY,
        b"ARC-" + FORGED + BODY,
        b"Received-SPF: pass (mx.box.example: forged)\r\n" + BODY,
        b"Authentication-Results-Old: mx.box.example; none\r\n" + BODY,
        b"Authentication-Results: other.example; none\r\n" + BODY,
        b"Authentication-Results\r\n: mx.box.example; none\r\n" + BODY,
    ],
)
def test_what_has_none_stays_the_same_object(content: bytes) -> None:
    assert without_forged(content, OURS) is content


def test_fields_of_other_names() -> None:
    own = b"X-Spam-Score: 0\r\nx-box-verdict :\r\n fine\r\n"
    kept = b"X-Spam-Score-Old: 9\r\nSubject: X-Spam-Score: 0\r\n"
    names = ("X-Spam-Score", "X-Box-Verdict")
    assert without_forged(own + kept + FORGED + own + BODY, OURS, names) == kept + BODY
    assert without_forged(own + kept + BODY, OURS) == own + kept + BODY
    # A name is no pattern.
    assert without_forged(b"XYZ: a\r\nX.Z: b\r\n" + BODY, OURS, ["x.z"]) == b"XYZ: a\r\n" + BODY


def test_where_there_are_too_many_all_go() -> None:
    other = b"Authentication-Results: other.example; none\r\n"
    assert without_forged(other * MOST_FIELDS + BODY, OURS) == other * MOST_FIELDS + BODY
    assert without_forged(other * (MOST_FIELDS + 1) + REST + BODY, OURS) == REST + BODY


NAMES_AND_VALUES = (b"\r\nauthentication-results:", b"authentication-results", b" mx.box.example;", b"mx.box.example")
PIECES = st.sampled_from(
    [FORGED, *NAMES_AND_VALUES, b"\r\n", b"\n", b" ", b":", b";", b"(", b")", b'"', b"\\", b"=?"]
)
LINE = re.compile(rb"[^\n]*\n|[^\n]+")


@given(st.lists(PIECES | st.binary(max_size=3), max_size=30).map(b"".join))
def test_garbage_is_read_and_nothing_else_is_lost(content: bytes) -> None:
    left = without_forged(content, OURS)
    # What is left are lines of what was there, in their order.
    lines = iter(LINE.findall(content))
    assert all(line in lines for line in LINE.findall(left))
    assert without_forged(left, OURS) == left


@given(st.lists(PIECES | st.binary(max_size=3), max_size=30).map(b"".join))
def test_other_programs_find_nothing_of_ours(content: bytes) -> None:
    # Messages are kept with CRLF only.
    message = email.message_from_bytes(without_forged(with_crlf(content), OURS))
    for value in message.get_all("Authentication-Results", []):
        assert not re.match(r"[\s(\"]*mx\.box\.example(?![\w.:=-])", str(value), re.IGNORECASE)


@given(st.lists(st.sampled_from([value for value, claimed in CLAIMS if claimed]), min_size=1, max_size=4), st.data())
def test_nothing_of_forged_fields_is_left(values: list[bytes], data: st.DataObject) -> None:
    names = data.draw(
        st.lists(
            st.sampled_from([b"Authentication-Results:", b"AUTHENTICATION-results \t:"]),
            min_size=len(values),
            max_size=len(values),
        )
    )
    others = data.draw(st.lists(st.sampled_from([b"A: b\r\n", b"C: d\r\n e\r\n", b"no field\r\n"]), max_size=4))
    forged = [name + value + b"; forged\r\n" for name, value in zip(names, values, strict=True)]
    header = data.draw(st.permutations([*forged, *others]))
    left = without_forged(b"".join(header) + BODY, OURS)
    assert left == b"".join(line for line in header if line in others) + BODY


@pytest.mark.parametrize(
    "header",
    [
        b"Authentication-Results: other.example;\r\n" * 50_000,
        b"Authentication-Results: " + b"(" * 2_000_000,
        b"Authentication-Results: " + b'"\\' * 1_000_000,
        b"Authentication-Results:" + b"\r\n\t" * 700_000,
        b"Authentication-Results " + b" " * 2_000_000,
        b"Authentication-Results: " + b"a." * 1_000_000,
        b"\r\nauthentication-results" * 80_000,
        b"X: " + b" y" * 1_000_000,
    ],
)
def test_large_headers_take_linear_time(header: bytes) -> None:
    started = time.process_time()
    without_forged(b"A: b\r\n" + header + b"\r\n\r\nbody\r\n", OURS)
    assert time.process_time() - started < 2
