"""RFC 7208 §4.6.1, §7, §12: the grammar of SPF records, and macros."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.dns_message import LONGEST_NAME
from tempmaild.core.spf_record import (
    LONGEST_RECORD,
    Malformed,
    Mechanism,
    expand_explanation,
    expand_name,
    mechanism,
    tidy,
)

# The examples of §7.4.
MACROS = {
    "s": "strong-bad@email.example.com",
    "l": "strong-bad",
    "o": "email.example.com",
    "d": "email.example.com",
    "i": "192.0.2.3",
    "p": "mx.example.org",
    "v": "in-addr",
    "h": "mx.example.org",
    "c": "192.0.2.3",
    "r": "mx.box.test",
    "t": "1780000000",
}


@pytest.mark.parametrize(
    ("record", "tidied"),
    [
        ("v=spf1", "v=spf1"),
        ("V=SPF1  +mx   -ALL  ", "v=spf1 +mx -ALL"),
        ("v=spf1 REDIRECT=a.example mx", "v=spf1 mx redirect=a.example"),
        ("v=spf1 redirect=a.example ?all", "v=spf1 ?all"),  # §6.1
        ("v=spf1 Exp=a.example -all", "v=spf1 -all exp=a.example"),
        ("v=spf1 x=1 a x=%{l}2 x=", "v=spf1 a"),  # §6: unknown modifiers, however often
        ("v=spf10 a", None),
        ("v=spf1\ta", None),
        ("v=spf1\n", None),
        ("", None),
        ("spf2.0/pra a", None),
    ],
)
def test_what_means_something_is_kept(record: str, tidied: str | None) -> None:
    assert tidy(record) == tidied


@pytest.mark.parametrize(
    "term",
    [
        "moo",
        "prt",
        "-",
        "++a",
        "=a",
        "1up=a",
        "a.",
        "a,",
        "ab",
        "a:",
        "a:com",
        "a:com.",
        "a:a.123",
        "a:a.-com",
        "a:a.com-",
        "a:a.com:8080",
        "a:a.com\0",
        "a:a.com\r",
        "a:a.com\n",
        "a:a.cöm",
        "a/33",
        "a/024",
        "a//129",
        "a/24/64",
        "a//",
        "mx:/24",
        "ptr/0",
        "ptr:",
        "all:a.example",
        "all/8",
        "include",
        "include:",
        "include:a.example/24",
        "exists",
        "exists:a.example//64",
        "ip4",
        "ip4:1.2.3",
        "ip4:1.2.3.4/33",
        "ip4:1.2.3.4//32",
        "ip4:1.2.03.4",
        "ip4:1.2.3.256",
        "ip4:%{i}",
        "ip6:1.2.3.4",
        "ip6:::1%eth0",
        "ip6:::1/129",
        "ip6:1:2:3:4:5:6:7:8:9",
        "redirect:a.example",
        "redirect=",
        "redirect=a.example/24",
        "exp=",
        "exp=-all",
        "exp=%{r}.example",
        "a:%{c}",
        "a:%{x}.example",
        "a:%{}.example",
        "a:%{d0}.example",
        "a:%{d00}.example",
        "a:%{dx}.example",
        "a:%{rd}.example",
        "a:%{d2r3}.example",
        "a:%{d!}.example",
        "a:%{d.example",
        "a:%{%{d}}.example",
        "a:%d.example",
        "a:a.example%",
        "x=%",
        "x=%{y}",
        "x=ä",
    ],
)
def test_errors_anywhere_are_found(term: str) -> None:
    for record in (f"v=spf1 {term} -all", f"v=spf1 +all {term}"):
        with pytest.raises(Malformed):
            tidy(record)


def test_modifiers_are_there_once() -> None:
    for name in ("redirect", "exp"):
        with pytest.raises(Malformed, match="twice"):
            tidy(f"v=spf1 {name}=a.example {name.upper()}=b.example")


def test_records_are_bounded() -> None:
    terms = " a" * ((LONGEST_RECORD - 6) // 2)
    assert tidy(f"v=spf1{terms}")
    with pytest.raises(Malformed, match="too long"):
        tidy(f"v=spf1{terms} a")


@pytest.mark.parametrize(
    ("term", "read"),
    [
        ("all", Mechanism("all", "", 32, 128, "pass")),
        ("-ALL", Mechanism("all", "", 32, 128, "fail")),
        ("~mx", Mechanism("mx", "", 32, 128, "softfail")),
        ("?a/0//0", Mechanism("a", "", 0, 0, "neutral")),
        ("a/24", Mechanism("a", "", 24, 128, "pass")),
        ("A//64", Mechanism("a", "", 32, 64, "pass")),
        ("mx:%%%_/.Clara.de/27", Mechanism("mx", "%%%_/.Clara.de", 27, 128, "pass")),
        ("a:foo:bar/baz.example.com", Mechanism("a", "foo:bar/baz.example.com", 32, 128, "pass")),
        ("a:a.xn--zckzah", Mechanism("a", "a.xn--zckzah", 32, 128, "pass")),
        (
            "exists:%{i}.%{s1}.100/86400.rate.%{d}",
            Mechanism("exists", "%{i}.%{s1}.100/86400.rate.%{d}", 32, 128, "pass"),
        ),
        ("include:a.example.", Mechanism("include", "a.example.", 32, 128, "pass")),
        ("ptr", Mechanism("ptr", "", 32, 128, "pass")),
        ("ip4:192.0.2.0/24", Mechanism("ip4", "192.0.2.0", 24, 128, "pass")),
        ("+ip6:2001:DB8::/0", Mechanism("ip6", "2001:DB8::", 32, 0, "pass")),
        ("ip6:::1.1.1.1", Mechanism("ip6", "::1.1.1.1", 32, 128, "pass")),
    ],
)
def test_mechanisms(term: str, read: Mechanism) -> None:
    assert mechanism(term) == read


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("%{s}", "strong-bad@email.example.com"),
        ("%{o}", "email.example.com"),
        ("%{d}", "email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d3}", "email.example.com"),
        ("%{d2}", "example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"),
        ("%{lr}", "strong-bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
        ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
        ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
        ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
        ("%{S}", "strong-bad%40email.example.com"),
        ("%%{d}%_%-.example.", "%{d} %20.example"),
        ("%{l1-}.%{d007}", "bad.email.example.com"),
        ("%{d99999999999999999999}", "email.example.com"),
    ],
)
def test_macros(text: str, expanded: str) -> None:
    assert expand_name(text, MACROS.__getitem__) == expanded


def test_names_lose_labels_on_the_left() -> None:
    value = {"d": "a" * 62 + ".bb"}.__getitem__
    assert expand_name("%{d}" + ".%{d}" * 3, value) == f"bb.{'.'.join([value('d')] * 3)}"
    assert len(expand_name("%{d}.%{d}.%{d}.%{d}", lambda _: "a" * 62)) == 62 * 4 + 3
    assert expand_name("x.%{d}", lambda _: "a." * 126 + "b") == "a." * 126 + "b"
    assert len("a." * 126 + "b") == LONGEST_NAME
    assert expand_name("%{d}", lambda _: "a" * 300) == ""


def test_explanations() -> None:
    assert expand_explanation("%{c} at %{t}: see %{S}, says %{r}.", MACROS.__getitem__) == (
        "192.0.2.3 at 1780000000: see strong-bad%40email.example.com, says mx.box.test."
    )


@pytest.mark.parametrize("text", ["%{x}", "100 %", "a\nb", "tab\t", "ä", "\x7f", "a" * (LONGEST_RECORD + 1)])
def test_explanations_may_be_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        expand_explanation(text, MACROS.__getitem__)


PIECES = st.sampled_from(
    [
        *"+-~?%{}:/.=@ ,0129adilmpxrs",
        "a:",
        "ip4:",
        "1.2.3.4",
        "ip6:",
        "::1",
        "redirect=",
        "exp=",
        "include:",
        "%{d2r}",
        "com",
    ]
)
RECORDS = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=40).map("".join)).map("v=spf1 ".__add__)


@given(RECORDS)
def test_any_text_is_a_record_or_malformed(record: str) -> None:
    try:
        tidied = tidy(record)
    except Malformed:
        return
    assert tidied is not None
    assert tidy(tidied) == tidied
    for term in tidied.split(" ")[1:]:
        if "=" not in term:
            read = mechanism(term)
            assert read.prefix4 <= 32
            assert read.prefix6 <= 128
            expanded = expand_name(read.target, MACROS.__getitem__)
            assert len(expanded) <= LONGEST_NAME


@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=40).map("".join)))
def test_any_text_is_an_explanation_or_malformed(text: str) -> None:
    try:
        expanded = expand_explanation(text, MACROS.__getitem__)
    except Malformed:
        return
    assert expanded.isascii()
    assert expanded.isprintable()


@pytest.mark.parametrize(
    "unit", ["%", "%{", "a/", "a:", ".", "a.", "%{d}", "%{d99999999}", "a ", "x=", "-", "1.", "::", "//", "%%", "{}"]
)
def test_long_records_take_linear_time(unit: str) -> None:
    record = "v=spf1 a:" + unit * ((LONGEST_RECORD - 16) // len(unit))
    started = time.process_time()
    try:
        tidied = tidy(record)
        if tidied:
            for term in tidied.split(" ")[1:]:
                expand_name(mechanism(term).target, lambda _: "a." * 120)
    except Malformed:
        pass
    assert time.process_time() - started < 0.1
