"""Addresses in the one form under which they are kept and compared."""

# ruff: noqa: RUF001 - letters that look like others are what is tested

from __future__ import annotations

import json
import unicodedata
from importlib import resources

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tempmaild.core.address import (
    are_twins,
    check_new_local_part,
    covers,
    normalise,
    normalise_domain,
    normalise_local_part,
    normalise_pattern,
    readable,
    skeleton,
)
from tempmaild.errors import InvalidAddress


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("Box.Test", "box.test"),
        ("box.test.", "box.test"),
        ("a", "a"),
        ("1-2.3", "1-2.3"),
        # RFC 5891 §4: A-labels
        ("Bücher.example", "xn--bcher-kva.example"),
        ("bu\N{COMBINING DIAERESIS}cher.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("ＢＯＸ。test", "box.test"),
        (f"{'a' * 63}.test", f"{'a' * 63}.test"),
    ],
)
def test_domains(name: str, normal: str) -> None:
    assert normalise_domain(name) == normal


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "a..b", ".a", "a..", "-a.test", "a-.test", "a_b.test", "a b", "a\n", "[127.0.0.1]", "a@b"),
        *("\N{FULLWIDTH FULL STOP}", "\udc80.test", "a\0.test", f"{'a' * 64}.test", f"{'ü' * 60}.test"),
        ".".join(["a" * 60] * 5),
        # No label is spelled in two ways: these are no A-labels, or not the ones of their U-labels.
        *("xn--a.test", "xn--bcher-kv.test", "xn--BOX-.test", "ü" * 2000 + ".test"),
    ],
)
def test_what_is_no_domain(name: str) -> None:
    with pytest.raises(InvalidAddress):
        normalise_domain(name)


@pytest.mark.parametrize(
    ("local_part", "normal"),
    [
        ("Joe", "joe"),
        ("a.b+c=d{e}", "a.b+c=d{e}"),
        ("ÉCOLE", "école"),
        ("e\N{COMBINING ACUTE ACCENT}", "é"),
        ("x" * 64, "x" * 64),
        ("é" * 32, "é" * 32),
        # RFC 8265 §3.3: width does not count, nor do other compatibility characters, nor letter case.
        ("ｊｏｅ．ｂ", "joe.b"),
        ("ﬁn²", "fin2"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),
        ("Σίσυφος", "σίσυφοσ"),
        ("한국", "한국"),
        ("שלום", "שלום"),
        ("हिन्दी", "हिन्दी"),
    ],
)
def test_local_parts(local_part: str, normal: str) -> None:
    assert normalise_local_part(local_part) == normal


@pytest.mark.parametrize(
    "local_part",
    [
        *("", ".a", "a.", "a..b", "a b", '"a"', "a@b", "a\r", "a\0", "a,b", "\x7f", "\ud800", "x" * 65, "é" * 33),
        # What cannot be seen: zero-width space, joiners, soft hyphen, variation selector, tag, Hangul filler
        *("a\u200b", "a\u200c", "a\u200d", "a\u00ad", "a\ufe0f", "a\U000e0061", "a\u3164", "a\u034f", "\u202ea"),
        # A mark with nothing to stand on, and what is neither letter nor digit
        *("\u0301a", "a.\u0301", "a+\u0301", "a\N{NO-BREAK SPACE}b", "☺", "a＠b", "a．", "\ue000", "\u0378", "½"),
        # Right to left and left to right: which part comes first cannot be seen (RFC 5893 §2).
        *("אa", "aא", "1א", "ü" * 5000),
    ],
)
def test_what_names_no_mailbox(local_part: str) -> None:
    with pytest.raises(InvalidAddress):
        normalise_local_part(local_part)


@pytest.mark.parametrize("address", ["", "joe", "@box.test", "joe@", "a@b@", "joe@box..test"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(InvalidAddress):
        normalise(address)


def test_the_last_at_sign_counts() -> None:
    assert normalise("Joe@Box.Test") == "joe@box.test"
    with pytest.raises(InvalidAddress):
        normalise("a@b@box.test")


_LOCAL_PARTS = st.text(max_size=20) | st.text(
    st.sampled_from("aeo.+0ßſİıǰΐﬁｅÅéèüёйοσςаеорсукхѕіјԁһ\u0301\u0307\u0345\u200d한\u1112\u1161א"), max_size=8
)
_DOMAINS = (
    st.text(max_size=30)
    | st.from_regex(r"[a-z]{1,5}\.test", fullmatch=True)
    | st.from_regex(r"xn--[a-z0-9-]{1,8}\.test", fullmatch=True)
)


@given(_LOCAL_PARTS, _DOMAINS)
def test_normalising_twice_is_normalising_once(local_part: str, domain: str) -> None:
    try:
        once = normalise(f"{local_part}@{domain}")
    except InvalidAddress:
        return
    assert normalise(once) == once
    assert skeleton(once) == skeleton(readable(once))
    once.encode()


def _respelled(text: str) -> list[str]:
    """Other ways to write the same."""
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" and c != "@" else c for c in text)
    forms = [unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD")]
    return [text, wide, *forms, *(form.upper() for form in (text, *forms)), *(form.title() for form in forms)]


@given(_LOCAL_PARTS)
@example("ǰ")
@example("ŉ")
@example("ᾳ\u0301")
def test_every_way_to_write_a_local_part_is_one(local_part: str) -> None:
    try:
        normal = normalise_local_part(local_part)
    except InvalidAddress:
        return
    for form in _respelled(normal):
        try:
            found = normalise_local_part(form)
        except InvalidAddress:
            # Upper case may need more letters, or marks that stand alone.
            assert form not in (normal, unicodedata.normalize("NFD", normal))
        else:
            # The dotless i has no upper case of its own; it looks like the one with a dot.
            assert found == normal or skeleton(found) == skeleton(normal)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("joe", "jоe"), ("paypal", "раураl"), ("ceo", "сео"), ("alpha", "αlpha"), ("omo", "οmο"), ("info", "ınfo")),
        *(("modern", "mоdem"), ("l0", "1о"), ("coop", "сoор"), ("ꮯ", "c"), ("ø", "o\u0338"), ("бat", "6at")),
    ],
)
def test_what_looks_alike_has_one_skeleton(one: str, other: str) -> None:
    one, other = normalise(f"{one}@box.test"), normalise(f"{other}@box.test")
    assert skeleton(one) == skeleton(other)
    assert are_twins(one, other)


def test_what_looks_different_has_another_skeleton() -> None:
    names = ["joe", "jöe", "joé", "ioe", "jo", "joel", "иван", "ivan", "太郎", "大郎", "yoe"]
    assert len({skeleton(f"{name}@box.test") for name in names}) == len(names)


def test_two_that_are_ascii_are_no_twins() -> None:
    assert skeleton("modern@box.test") == skeleton("modem@box.test")
    assert not are_twins("modern@box.test", "modem@box.test")
    assert are_twins("modern@box.test", "modem@xn--bcher-kva.test")


def test_names_of_domains_look_alike_too() -> None:
    assert skeleton(normalise_domain("ехаmрlе.test")) == skeleton("example.test")
    assert skeleton(f"joe@{normalise_domain('а.box.test')}") == skeleton("joe@a.box.test")
    assert are_twins(normalise_domain("а.box.test"), "a.box.test")
    assert readable("*.xn--bcher-kva.test") == "*.bücher.test"
    assert readable("joe@xn--bcher-kva.test") == "joe@bücher.test"


def test_every_confusable_has_the_skeleton_of_its_prototype() -> None:
    data = json.loads((resources.files("confusable_homoglyphs") / "confusables.json").read_text("utf-8"))
    pairs = [(glyph.strip("\u200e"), other["c"].strip("\u200e")) for glyph in data for other in data[glyph]]
    # A few letters exist only in pieces: what normalising leaves of them is not in the data.
    pairs = [pair for pair in pairs if all(text == unicodedata.normalize("NFC", text) for text in pair)]
    assert len(pairs) > 10_000
    assert [pair for pair in pairs if skeleton(pair[0]) != skeleton(pair[1])] == []


@given(st.text(max_size=20))
def test_a_skeleton_is_its_own(text: str) -> None:
    assume("@" not in text and "xn--" not in text)
    assert skeleton(skeleton(text)) == skeleton(text)


@pytest.mark.parametrize("local_part", ["joe", "jürgen", "日本ひらカナ", "nhk日本", "한국tv", "иван_1"])
def test_scripts_that_are_written_together(local_part: str) -> None:
    check_new_local_part(normalise_local_part(local_part))


@pytest.mark.parametrize("local_part", ["jоe", "иван.petrov", "αlpha", "ひら한국", "ивan", "иваν"])
def test_scripts_that_are_not(local_part: str) -> None:
    with pytest.raises(InvalidAddress, match="several scripts"):
        check_new_local_part(normalise_local_part(local_part))


@pytest.mark.parametrize(
    ("pattern", "name", "whether"),
    [
        *(("box.test", "box.test", True), ("box.test", "a.box.test", False), ("*.box.test", "box.test", False)),
        *(("*.box.test", "a.box.test", True), ("*.box.test", "a.b.box.test", True)),
        *(("*.box.test", "abox.test", False), ("*.box.test", "*.box.test", True)),
    ],
)
def test_what_a_domain_covers(pattern: str, name: str, whether: bool) -> None:
    assert covers(pattern, name) == whether


@pytest.mark.parametrize("name", ["*", "*.", "a.*.test", "*.*.test", "*a.test", "**.test"])
def test_what_is_no_wildcard(name: str) -> None:
    with pytest.raises(InvalidAddress):
        normalise_pattern(name)
    assert normalise_pattern("*.Bücher.test.") == "*.xn--bcher-kva.test"
