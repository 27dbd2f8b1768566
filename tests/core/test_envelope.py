"""RFC 5322 §3.4 and Appendix A, RFC 9051 §7.5.2: addresses and the envelope."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.envelope import Address, Envelope, make_envelope, parse_addresses
from tempmaild.core.headers import first_values

GROUP_END = Address(None, None, None, None)


def address(mailbox: bytes, host: bytes, name: bytes | None = None, route: bytes | None = None) -> Address:
    return Address(name, route, mailbox, host)


def group(name: bytes, *members: Address) -> list[Address]:
    return [Address(None, None, name, None), *members, GROUP_END]


JDOE = address(b"jdoe", b"one.test", b"John")


@pytest.mark.parametrize(
    ("value", "addresses"),
    [
        # RFC 5322 A.1.2
        (
            b'"Joe Q. Public" <john.q.public@example.com>',
            [address(b"john.q.public", b"example.com", b"Joe Q. Public")],
        ),
        (
            b"Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
            [
                address(b"mary", b"x.test", b"Mary Smith"),
                address(b"jdoe", b"example.org"),
                address(b"one", b"y.test", b"Who?"),
            ],
        ),
        (
            rb'<boss@nil.test>, "Giant; \"Big\" Box" <sysservices@example.net>',
            [address(b"boss", b"nil.test"), address(b"sysservices", b"example.net", b'Giant; "Big" Box')],
        ),
        # RFC 5322 A.1.3
        (
            b"A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
            group(b"A Group", address(b"c", b"a.test", b"Ed Jones"), address(b"joe", b"where.test"), JDOE),
        ),
        (b"Undisclosed recipients:;", group(b"Undisclosed recipients")),
        # RFC 5322 A.5
        (
            rb"Pete(A nice \) chap) <pete(his account)@silly.test(his host)>",
            [address(b"pete", b"silly.test", b"Pete")],
        ),
        (
            (
                b"A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n"
                b"         joe@example.org,\r\n  John <jdoe@one.test> (my dear friend); (the end of the group)\r\n"
            ),
            group(
                b"A Group", address(b"c", b"public.example", b"Chris Jones"), address(b"joe", b"example.org"), JDOE
            ),
        ),
        (
            b"(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;",
            group(b"Hidden recipients"),
        ),
        # RFC 5322 A.6.1
        (b"Joe Q. Public <john.q.public@example.com>", [address(b"john.q.public", b"example.com", b"Joe Q. Public")]),
        (
            b"Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
            [address(b"mary", b"example.net", b"Mary Smith", b"@node.test"), address(b"jdoe", b"test.example")],
        ),
        (b"<@a.test,@b.test:c@d.test>", [address(b"c", b"d.test", route=b"@a.test,@b.test")]),
        (b"john . doe @ x", [address(b"john.doe", b"x")]),
        # RFC 5322 §3.4.1
        (
            b"u@[192.0.2.1], v@[IPv6:2001:db8::1]",
            [address(b"u", b"[192.0.2.1]"), address(b"v", b"[IPv6:2001:db8::1]")],
        ),
        (rb'"a \"b\" @c"@d', [address(b'a "b" @c', b"d")]),
        (b'"" <a@b>', [address(b"a", b"b")]),
        # RFC 822: the comment names the person
        (b"a@b (Ann (the first) Bee)", [address(b"a", b"b", b"Ann (the first) Bee")]),
        # RFC 2047 §5 and RFC 6532 are left for the reader to decode
        (b"=?utf-8?q?=C3=A9?=\r\n =?utf-8?q?x?= <a@b>", [address(b"a", b"b", b"=?utf-8?q?=C3=A9?= =?utf-8?q?x?=")]),
        (b"J\xc3\xa9r\xe9 <\xc3\xa9@\xc3\xa9>", [address(b"\xc3\xa9", b"\xc3\xa9", b"J\xc3\xa9r\xe9")]),
    ],
)
def test_addresses(value: bytes, addresses: list[Address]) -> None:
    assert parse_addresses(value) == tuple(addresses)


@pytest.mark.parametrize(
    ("value", "addresses"),
    [
        (b"", []),
        (b" , ,", []),
        (b"<>", []),
        (b"(nobody)", []),
        (b"Whomever", [address(b"Whomever", b"")]),
        (b"<postmaster>", [address(b"postmaster", b"")]),
        (b"Ann Bee <>", [address(b"", b"", b"Ann Bee")]),
        (b"a@", [address(b"a", b"")]),
        (b"@b", [address(b"", b"b")]),
        (b"<<a@b>>", [address(b"a", b"b")]),
        (b"a@b <c@d>", [address(b"c", b"d", b"a@b")]),
        (b"Ann a@b <c@d>", [address(b"c", b"d", b"Ann a@b")]),
        (b"Ann Bee a@b", [address(b"a", b"b", b"Ann Bee")]),
        (b"a@b c@d", [address(b"a", b"b"), address(b"c", b"d")]),
        (b"<a@b> <c@d>", [address(b"a", b"b"), address(b"c", b"d")]),
        (b"a@b; c@d", [address(b"a", b"b"), address(b"c", b"d")]),
        (b"Ann <a@b, c@d", [address(b"a", b"b", b"Ann"), address(b"c", b"d")]),
        (b"a@b@c", [address(b"a@b", b"c")]),
        (b"<a@b@c> ignored @ this", [address(b"a@b", b"c")]),
        (b'"Ann <a@b>', [address(b"Ann <a@b>", b"")]),
        (b"Ann (never closed <a@b>", [address(b"Ann", b"", b"never closed <a@b>")]),
        (b"Friends: a@b", group(b"Friends", address(b"a", b"b"))),
        (b"One: a@b; Two: ;", [*group(b"One", address(b"a", b"b")), *group(b"Two")]),
        (b"a@b: c@d", [address(b"a", b"b"), address(b"c", b"d")]),
        (rb"a\@b ]>)", [address(b"a", b"b")]),
    ],
)
def test_broken_addresses_give_what_can_be_made_of_them(value: bytes, addresses: list[Address]) -> None:
    assert parse_addresses(value) == tuple(addresses)


@given(
    st.lists(st.sampled_from([b"a", b" ", b"@", b"<", b">", b",", b":", b";", b'"', b"(", b")", b"\\", b"[", b"."]))
)
def test_any_specials_give_well_formed_groups(pieces: list[bytes]) -> None:
    depth = 0
    for one in parse_addresses(b"".join(pieces)):
        if one.host is None:
            depth += 1 if one.mailbox is not None else -1
        else:
            assert one.mailbox is not None
        assert depth in {0, 1}
    assert depth == 0


@pytest.mark.parametrize(
    "piece", [b"(", b"()", b"a@", b"a@b ", b"<", b'"', b"\\", b",", b"a:", b"[", b"<@a,", b"(\\"]
)
def test_repetition_is_read_to_its_end(piece: bytes) -> None:
    parse_addresses(piece * 20_000)


def read(header: bytes) -> Envelope:
    return make_envelope(first_values(header, 0, len(header)))


@pytest.mark.parametrize(
    "odd", [b'"J \\"D\\"" <x@y>', b"<@r,@s:u@v>", b"x@y (Name)", b"G: x@y, <z@w> (z);", b"only words"]
)
def test_one_odd_address_changes_no_other(odd: bytes) -> None:
    plain = b"a@b, N <c@d>, "
    assert parse_addresses(plain + odd + b", " + plain) == (
        *parse_addresses(plain),
        *parse_addresses(odd),
        *parse_addresses(plain),
    )


def test_envelope() -> None:
    assert read(
        b"Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nSubject: A\r\n folded =?utf-8?q?one?=\r\n"
        b"From: a@x\r\nSender: b@x\r\nReply-To: c@x\r\nTo: d@x\r\nCc: e@x\r\n"
        b"Bcc: f@x\r\nIn-Reply-To: <1@x>\r\nMessage-ID: <2@x>\r\n"
    ) == Envelope(
        b"Fri, 20 Nov 2026 10:00:00 +0000",
        b"A folded =?utf-8?q?one?=",
        (address(b"a", b"x"),),
        (address(b"b", b"x"),),
        (address(b"c", b"x"),),
        (address(b"d", b"x"),),
        (address(b"e", b"x"),),
        (address(b"f", b"x"),),
        in_reply_to=b"<1@x>",
        message_id=b"<2@x>",
    )


@pytest.mark.parametrize("others", [b"", b"Sender:\r\nReply-To: (nobody)\r\n", b"Sender: ,\r\n"])
def test_sender_and_reply_to_default_to_from(others: bytes) -> None:  # RFC 9051 §7.5.2
    envelope = read(b"From: a@x\r\n" + others)
    assert envelope.from_ == envelope.sender == envelope.reply_to == (address(b"a", b"x"),)


def test_absent_is_none_and_empty_is_empty() -> None:
    assert read(b"") == Envelope()
    assert read(b"Subject:\r\n").subject == b""


def test_first_field_counts() -> None:
    envelope = read(b"Subject: one\r\nSubject: two\r\nFrom: a@x\r\nFrom: b@x\r\n")
    assert (envelope.subject, envelope.from_) == (b"one", (address(b"a", b"x"),))
