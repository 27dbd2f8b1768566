"""RFC 1035 §4: questions written and answers read, held against dnspython."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.dns_message import (
    KINDS,
    LARGEST_DATAGRAM,
    LONGEST_CHAIN,
    MOST_RECORDS,
    Malformed,
    Reply,
    Value,
    read_reply,
    root_question,
    write_query,
    write_question,
)

NUMBER = 0x1234
SOA = "ns.invalid. host.invalid. 1 3600 600 86400 60"
LABELS = st.text("abcxyzABC0189-_ \\@", min_size=1, max_size=63)
NAMES = st.lists(LABELS, min_size=1, max_size=5).map(".".join).filter(lambda name: len(name) <= 253)


def written(name: str, kind: str) -> bytes:
    question = write_question(name, kind)
    assert question is not None
    return question


def rrset(owner: str, ttl: int, kind: str, text: str) -> dns.rrset.RRset:
    return dns.rrset.from_text(f"{owner}.", ttl, "IN", kind, text)


def response(
    name: str, kind: str, *records: tuple[str, int, str, str], authority: tuple[str, int, str, str] | None = None
) -> dns.message.Message:
    message = dns.message.make_response(dns.message.make_query(name, kind, id=NUMBER), recursion_available=True)
    message.answer += [rrset(*record) for record in records]
    message.authority += [rrset(*authority)] if authority else []
    return message


def read(message: dns.message.Message) -> Reply | None:
    question = message.question[0]
    name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
    return read_reply(message.to_wire(max_size=65535), NUMBER, written(name, kind))


class TestQuestion:
    @given(NAMES, st.sampled_from(sorted(KINDS)))
    def test_it_is_read_by_others(self, name: str, kind: str) -> None:
        query = dns.message.from_wire(write_query(NUMBER, written(name, kind), edns=True))
        assert query.id == NUMBER
        assert query.flags == dns.flags.RD
        assert query.payload == LARGEST_DATAGRAM
        (question,) = query.question
        assert [label.decode() for label in question.name.labels] == [*name.split("."), ""]
        assert dns.rdatatype.to_text(question.rdtype) == kind

    def test_without_edns(self) -> None:
        assert dns.message.from_wire(write_query(NUMBER, written("a", "A"), edns=False)).edns == -1

    def test_for_the_root(self) -> None:
        (question,) = dns.message.from_wire(write_query(NUMBER, root_question(), edns=True)).question
        assert (question.name, question.rdtype) == (dns.name.root, dns.rdatatype.NS)

    @pytest.mark.parametrize(
        "name",
        ["", ".", ".a", "a..b", "a.", "a" * 64, "a." * 127 + "a", "bücher.example", "a\u212a", "\udc80"],
    )
    def test_names_that_cannot_be(self, name: str) -> None:
        assert write_question(name, "A") is None

    @pytest.mark.parametrize("name", ["a" * 63, "a." * 126 + "a", "_spf.a b.\\.@"])
    def test_names_that_can(self, name: str) -> None:
        assert write_question(name, "A") is not None


@pytest.mark.parametrize(
    ("kind", "texts", "values"),
    [
        ("A", ["192.0.2.1", "192.0.2.255"], ("192.0.2.1", "192.0.2.255")),
        ("AAAA", ["2001:DB8:0::1"], ("2001:db8::1",)),
        ("AAAA", ["::ffff:192.0.2.1"], ("::ffff:c000:201",)),
        ("NS", ["NS.Example.org."], ("ns.example.org",)),
        ("CNAME", ["example.org."], ("example.org",)),
        ("PTR", [r"a\.b.x\032y.\200."], (r"a\046b.x\032y.\200",)),
        ("PTR", ["."], ("",)),
        ("MX", ["10 mx.example.org.", "0 ."], ((10, "mx.example.org"), (0, ""))),
        ("TXT", ['"v=spf1 " "-all"', '""', r'"\000\255"'], (b"v=spf1 -all", b"", b"\0\xff")),
    ],
)
def test_values(kind: str, texts: list[str], values: tuple[Value, ...]) -> None:
    message = response("example.org", kind, *[("Example.ORG", 300, kind, text) for text in texts])
    assert read(message) == Reply(known=True, values=values, ttl=300)


class TestChains:
    def test_values_stand_at_the_end(self) -> None:
        message = response(
            "a.x",
            "A",
            ("c.x", 30, "A", "192.0.2.3"),
            ("b.x", 20, "CNAME", "C.x."),
            ("a.x", 40, "CNAME", "b.x."),
            ("other.x", 1, "A", "192.0.2.66"),
        )
        assert read(message) == Reply(known=True, values=("192.0.2.3",), ttl=20)

    def test_a_cname_that_was_asked_for_is_not_followed(self) -> None:
        message = response("a.x", "CNAME", ("a.x", 40, "CNAME", "b.x."), ("b.x", 30, "CNAME", "c.x."))
        assert read(message) == Reply(known=True, values=("b.x",), ttl=40)

    def test_the_server_may_leave_the_rest_to_us(self) -> None:
        message = response("a.x", "A", ("a.x", 40, "CNAME", "b.x."), ("b.x", 30, "CNAME", "c.x."))
        assert read(message) == Reply(known=True, alias="c.x", ttl=30)

    def test_nothing_at_the_end(self) -> None:
        message = response("a.x", "A", ("a.x", 40, "CNAME", "b.x."), authority=("x", 50, "SOA", SOA))
        assert read(message) == Reply(known=True, ttl=40)

    def test_the_end_does_not_exist(self) -> None:
        message = response("a.x", "A", ("a.x", 400, "CNAME", "b.x."), authority=("x", 500, "SOA", SOA))
        message.set_rcode(dns.rcode.NXDOMAIN)
        assert read(message) == Reply(known=True, exists=False, ttl=60)

    @pytest.mark.parametrize("length", [1, 2, 5, LONGEST_CHAIN + 1])
    def test_a_chain_without_end(self, length: int) -> None:
        records = [(f"n{i}.x", 30, "CNAME", f"n{(i + 1) % length}.x.") for i in range(length)]
        with pytest.raises(Malformed):
            read(response("n0.x", "A", *records))

    def test_the_longest_chain(self) -> None:
        records = [(f"n{i}.x", 30, "CNAME", f"n{i + 1}.x.") for i in range(LONGEST_CHAIN)]
        message = response("n0.x", "A", *records, (f"n{LONGEST_CHAIN}.x", 30, "A", "192.0.2.1"))
        assert read(message) == Reply(known=True, values=("192.0.2.1",), ttl=30)


class TestNothing:
    @pytest.mark.parametrize(("ttl", "kept"), [(600, 60), (30, 30), (0, 0), (2**31, 0)])
    def test_how_long_it_is_kept(self, ttl: int, kept: int) -> None:
        # RFC 2308 §5, RFC 2181 §8
        message = response("a.x", "A", authority=("x", 0, "SOA", SOA))
        wire = message.to_wire()
        at = wire.index(b"\0\x06\0\x01") + 4
        wire = wire[:at] + ttl.to_bytes(4, "big") + wire[at + 4 :]
        assert read_reply(wire, NUMBER, written("a.x", "A")) == Reply(known=True, ttl=kept)

    def test_without_soa_nobody_knows_for_how_long(self) -> None:
        message = response("a.x", "A")
        assert read(message) == Reply(known=True)
        message.set_rcode(dns.rcode.NXDOMAIN)
        assert read(message) == Reply(known=True, exists=False)

    def test_a_referral_is_no_answer(self) -> None:
        # RFC 2308 §2.2
        with pytest.raises(Malformed):
            read(response("a.x", "A", authority=("x", 60, "NS", "ns.x.")))

    def test_values_of_a_name_that_does_not_exist_do_not_count(self) -> None:
        message = response("a.x", "A", ("a.x", 60, "A", "192.0.2.1"))
        message.set_rcode(dns.rcode.NXDOMAIN)
        assert read(message) == Reply(known=True, exists=False)

    @pytest.mark.parametrize("rcode", [2, 4, 5, 9, 15])
    def test_other_codes(self, rcode: int) -> None:
        message = response("a.x", "A", ("a.x", 60, "A", "192.0.2.1"))
        message.set_rcode(dns.rcode.Rcode(rcode))
        assert read(message) == Reply(known=False)


class TestAstray:
    WIRE = response("a.x", "A", ("a.x", 60, "A", "192.0.2.1")).to_wire()
    QUESTION = written("a.x", "A")

    def test_small_and_capital_letters(self) -> None:
        assert read_reply(self.WIRE, NUMBER, written("A.X", "A")) == Reply(known=True, values=("192.0.2.1",), ttl=60)

    @pytest.mark.parametrize(
        ("at", "octet"),
        [(0, 0x13), (1, 0x35), (2, 0x01), (2, 0x91), (5, 0), (5, 2), (13, ord("b")), (18, 2), (20, 3)],
        ids=["id", "id", "query", "opcode", "no question", "two questions", "name", "type", "class"],
    )
    def test_what_is_no_answer_to_this_question(self, at: int, octet: int) -> None:
        assert read_reply(self.WIRE[:at] + bytes([octet]) + self.WIRE[at + 1 :], NUMBER, self.QUESTION) is None

    @pytest.mark.parametrize("length", range(12 + len(QUESTION)))
    def test_what_is_too_short_to_tell(self, length: int) -> None:
        assert read_reply(self.WIRE[:length], NUMBER, self.QUESTION) is None

    def test_truncated(self) -> None:
        wire = self.WIRE[:2] + bytes([self.WIRE[2] | 0x02]) + self.WIRE[3:]
        assert read_reply(wire, NUMBER, self.QUESTION) == Reply(known=True, truncated=True)

    def test_a_server_that_knows_no_edns(self) -> None:
        header = self.WIRE[:3] + b"\x81" + b"\0" * 8
        assert read_reply(header, NUMBER, self.QUESTION) == Reply(known=False, format_error=True)


def record(owner: bytes, kind: int, data: bytes, class_: int = 1) -> bytes:
    return (
        owner
        + kind.to_bytes(2, "big")
        + class_.to_bytes(2, "big")
        + (60).to_bytes(4, "big")
        + len(data).to_bytes(2, "big")
        + data
    )


def read_raw(kind: str, *records: bytes) -> Reply | None:
    question = written("a.x", kind)
    header = NUMBER.to_bytes(2, "big") + b"\x81\x80\0\x01" + len(records).to_bytes(2, "big") + b"\0\0\0\0"
    return read_reply(header + question + b"".join(records), NUMBER, question)


A = b"\xc0\x0c"
"""A pointer to the name in the question."""


@pytest.mark.parametrize(
    ("kind", "records"),
    [
        ("A", [record(A, 1, b"\1\2\3")]),
        ("A", [record(A, 1, b"\1\2\3\4\5")]),
        ("AAAA", [record(A, 28, b"\1\2\3\4")]),
        ("A", [record(A, 1, b"\1\2\3\4")[:-1]]),
        ("TXT", [record(A, 16, b"")]),
        ("TXT", [record(A, 16, b"\5abc")]),
        ("TXT", [record(A, 16, b"\3abcd")]),
        ("MX", [record(A, 15, b"\0")]),
        ("MX", [record(A, 15, b"\0\1" + A + b"\0")]),
        ("SRV", [record(A, 33, b"\0\1\0\2\0")]),
        ("SRV", [record(A, 33, b"\0\1\0\2\0\3\1b")]),
        ("CAA", [record(A, 257, b"")]),
        ("CAA", [record(A, 257, b"\0\0ca")]),
        ("CAA", [record(A, 257, b"\0\5issu")]),
        ("CAA", [record(A, 257, b"\0\5is-ue;")]),
        ("PTR", [record(A, 12, b"\1b")]),
        ("PTR", [record(A, 12, b"\1b\0\0")]),
        ("PTR", [record(A, 12, b"\x41b\0")]),
        ("PTR", [record(A, 12, b"\x81b\0")]),
        ("PTR", [record(A, 12, b"\xc0")]),
        ("PTR", [record(A, 12, b"\xff\xff")]),
        ("PTR", [record(A, 12, (b"\x3f" + b"b" * 63) * 4 + b"\0")]),
        # Pointers to themselves, to each other and forward
        ("PTR", [record(A, 12, b"\xc0\x21")]),
        ("PTR", [record(b"\xc0\x15", 12, b"\0")]),
        ("PTR", [record(A, 12, b"\1b\xc0\x21")]),
        ("A", [record(A, 5, b"\1b\0\0")]),
        ("A", [record(A, 1, b"\1\2\3\4")] * (MOST_RECORDS + 1)),
    ],
)
def test_malformed(kind: str, records: list[bytes]) -> None:
    with pytest.raises(Malformed):
        read_raw(kind, *records)


def test_records_of_other_classes_and_types_are_passed_over() -> None:
    records = [record(A, 1, b"\1\2\3\4", class_=3), record(A, 46, b"\xff"), record(A, 1, b"\1\2\3\5")]
    assert read_raw("A", *records) == Reply(known=True, values=("1.2.3.5",), ttl=60)


def test_the_most_records() -> None:
    reply = read_raw("A", *[record(A, 1, i.to_bytes(4, "big")) for i in range(MOST_RECORDS)])
    assert reply is not None
    assert len(reply.values) == MOST_RECORDS


@given(st.sampled_from(sorted(KINDS)), st.binary(max_size=80), st.integers(0, 3), st.integers(0, 3))
def test_garbage_is_malformed_or_read(kind: str, garbage: bytes, answers: int, authorities: int) -> None:
    question = written("a.x", kind)
    header = NUMBER.to_bytes(2, "big") + b"\x81\x80\0\x01" + bytes([0, answers, 0, authorities, 0, 0])
    try:
        reply = read_reply(header + question + garbage, NUMBER, question)
    except Malformed:
        return
    assert reply is not None


WHOLE = response(
    "a.x", "MX", ("a.x", 9, "CNAME", "b.x."), ("b.x", 60, "MX", "1 mx.b.x."), ("b.x", 60, "MX", "2 mx2.b.x.")
).to_wire()


@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=3))
def test_damage_is_malformed_or_read(at: int, octets: bytes) -> None:
    wire = WHOLE[:at] + octets + WHOLE[at + len(octets) :]
    try:
        read_reply(wire, NUMBER, written("a.x", "MX"))
    except Malformed:
        return


@pytest.mark.parametrize("length", range(12 + len(written("a.x", "MX")), len(WHOLE)))
def test_what_is_cut_is_malformed(length: int) -> None:
    with pytest.raises(Malformed):
        read_reply(WHOLE[:length], NUMBER, written("a.x", "MX"))


@given(NAMES, st.lists(st.tuples(st.integers(0, 65535), NAMES), min_size=1, max_size=6, unique_by=str))
def test_what_others_write_is_read(name: str, exchanges: list[tuple[int, str]]) -> None:
    def absolute(text: str) -> dns.name.Name:
        return dns.name.Name([*(label.encode() for label in text.split(".")), b""])

    message = dns.message.make_response(dns.message.make_query(absolute(name), "MX", id=NUMBER))
    rdatas = [
        dns.rdata.from_wire(1, 15, wire, 0, len(wire))  # type: ignore[arg-type]
        for wire in (number.to_bytes(2, "big") + (absolute(host).to_wire() or b"") for number, host in exchanges)
    ]
    message.answer.append(dns.rrset.from_rdata_list(absolute(name), 60, rdatas))
    reply = read_reply(message.to_wire(max_size=65535), NUMBER, written(name, "MX"))
    assert reply is not None
    shown = {(rdata.preference, absolute_text(rdata.exchange)) for rdata in rdatas}  # type: ignore[attr-defined]
    assert set(reply.values) == shown


def absolute_text(name: dns.name.Name) -> str:
    """As zone files have it, with the octets that have a meaning there written as numbers, in small letters."""
    labels = [label.decode().replace("\\", "\\092").replace(" ", "\\032") for label in name.labels[:-1]]
    return ".".join(labels).lower()


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("SRV", "10 5 993 Mail.X.", "10 5 993 mail.x."),
        ("SRV", "0 0 0 .", "0 0 0 ."),
        ("CAA", '0 issue "ca.x; account=1"', '0 issue "ca.x; account=1"'),
        ("CAA", '128 ISSUEwild ";"', '128 issuewild ";"'),
        ("CAA", '0 issue ""', '0 issue ""'),
        ("CAA", '0 iodef "a\\"b\\\\\\255"', '0 iodef "a\\034b\\092\\255"'),
    ],
)
def test_services_and_authorities(kind: str, text: str, value: str) -> None:
    assert read(response("a.x", kind, ("a.x", 60, kind, text))) == Reply(known=True, values=(value,), ttl=60)
