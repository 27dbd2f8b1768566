"""How block lists and spam filters are written in the settings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.settings.filters import BlockList, SpamFilter, parse_block_list, parse_optional_spam_filter
from tempmaild.settings.values import TcpAddress

CODE = 0x7F000000
"""127.0.0.0."""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ZEN.Example.org", BlockList("zen.example.org")),
        ("a.example codes=127.0.0.2", BlockList("a.example", ((CODE + 2, CODE + 2),))),
        ("a.example codes=127.0.0.2-11", BlockList("a.example", ((CODE + 2, CODE + 11),))),
        ("a.example codes=127.0.0.2-127.0.1.255", BlockList("a.example", ((CODE + 2, CODE + 511),))),
        (
            "a.example  seconds=0.5 codes=127.0.0.4 action=junk codes=127.0.0.2",
            BlockList("a.example", ((CODE + 4, CODE + 4), (CODE + 2, CODE + 2)), "junk", 0.5),
        ),
    ],
)
def test_lists_are_read(text: str, expected: BlockList) -> None:
    assert parse_block_list(text) == expected
    assert parse_block_list(str(expected)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a.example codes=127.0.0.2-256",
        "a.example codes=127.0.0.2-",
        "a.example codes=-127.0.0.2",
        "a.example codes=127.0.0.2-128.0.0.1",
        "a.example codes=126.0.0.2-127.0.0.9",
        "a.example codes=127.0.0.2-٣",
        "a.example seconds=0",
        "a.example seconds=nan",
        "a.example seconds=-1",
        "a.example seconds=",
        "a.example action=",
        "a.example codes",
        f"{'a.' * 75}example",
    ],
)
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no range|is nothing to say|is too long"):
        parse_block_list(text)


@pytest.mark.parametrize(
    "text",
    ["rspamd:127.0.0.1:11333", "spamd:[::1]:783", "spamd:unix:/run/spamd.sock", "rspamd:unix:/run/rspamd.sock"],
)
def test_spam_filters_are_read(text: str) -> None:
    found = parse_optional_spam_filter(text)
    assert found is not None
    assert str(found) == text
    assert parse_optional_spam_filter("") is None
    assert parse_optional_spam_filter("spamd:127.0.0.1:783") == SpamFilter("spamd", TcpAddress("127.0.0.1", 783))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("127.0.0.1:783", "is no spam filter"),
        ("http://127.0.0.1:11333", "is no spam filter"),
        ("spamd", "is no spam filter|is not an address"),
        ("spamd:localhost:783", "no IP address"),
        ("spamd:127.0.0.1:0", "has no port"),
        ("spamd:unix:spamd.sock", "has no whole path"),
    ],
)
def test_what_is_no_spam_filter_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_optional_spam_filter(text)


@given(st.text(alphabet="a.e=-127codsrut 0:[]/x\x00", max_size=60))
def test_anything_is_read_or_refused(text: str) -> None:
    for parse in (parse_block_list, parse_optional_spam_filter):
        try:
            found = parse(text)
        except ValueError:
            continue
        assert found is None or parse(str(found)) == found
