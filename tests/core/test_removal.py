"""Parts taken out of a message: what stands in their place, and that nothing else changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.content import decoded_text
from tempmaild.core.mime import Part, parse
from tempmaild.core.removal import removal_of, visible, without_parts
from tempmaild.core.verdict import Removal

from .messages import NAMES, check_offsets, load, message, mutations, walk

NOTE = "An attachment was removed."
MIXED = message(
    b"Subject: two parts",
    b"Content-Type: multipart/mixed; boundary=b",
    b"",
    b"preamble",
    b"--b",
    b"",
    b"text",
    b"--b",
    b"Content-Type: application/x-msdownload; name=a.exe",
    b"Content-Transfer-Encoding: base64",
    b"",
    b"TVqQ",
    b"--b--",
    b"epilogue",
    b"",
)


def whole(part: Part, note: str = NOTE) -> Removal:
    return Removal(part.header, part.end, note)


def shape(part: Part, removed: Part | None = None) -> object:
    """The tree without its offsets, `removed` as the text that takes its place."""
    if part is removed:
        return b"text", b"plain", ()
    return part.media_type, part.subtype, tuple(shape(child, removed) for child in part.children)


def test_a_part_of_a_multipart() -> None:
    root, _ = parse(MIXED)
    part = root.children[1]
    changed = without_parts(MIXED, [removal_of(part, "Programs are not accepted here.")])
    assert (
        changed
        == MIXED[: part.header]
        + message(
            b"Content-Type: text/plain; charset=utf-8",
            b"Content-Transfer-Encoding: 7bit",
            b"Content-Disposition: inline",
            b"",
            b"An attachment was removed from this message.",
            b"Name: a.exe",
            b"Type: application/x-msdownload",
            b"Size: 4 octets, as it was sent",
            b"Reason: Programs are not accepted here.",
        )
        + MIXED[part.end :]
    )


def test_a_message_of_one_part_keeps_its_header_but_for_its_content_fields() -> None:
    raw = message(
        b"From: a@example.org",
        b"CONTENT-TYPE: application/zip;",
        b" name=a.zip",
        b"Subject: one",
        b" part",
        b"content-Disposition: attachment",
        b"",
        b"PK",
        b"",
    )
    assert without_parts(raw, [Removal(0, len(raw), "gone")]) == message(
        b"From: a@example.org",
        b"Subject: one",
        b" part",
        b"MIME-Version: 1.0",
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Transfer-Encoding: 7bit",
        b"Content-Disposition: inline",
        b"",
        b"gone",
        b"",
    )


def test_an_embedded_message_keeps_its_header() -> None:
    raw = message(b"Content-Type: message/rfc822", b"", b"Subject: inner", b"MIME-Version: 1.0", b"", b"body", b"")
    root, _ = parse(raw)
    changed = without_parts(raw, [whole(root.children[0])])
    assert changed.startswith(raw[: raw.index(b"\r\n\r\nbody")])
    assert changed.count(b"MIME-Version") == 1
    assert shape(parse(changed)[0]) == shape(root)
    assert b"body" not in changed


def test_of_removals_within_each_other_the_outer_one_is_made() -> None:
    root, _ = parse(MIXED)
    first, second = root.children
    changed = without_parts(MIXED, [whole(second, "2"), whole(root, "0"), whole(first, "1"), whole(second, "2")])
    replaced, _ = parse(changed)
    assert shape(replaced) == (b"text", b"plain", ())
    assert decoded_text(changed, replaced).split() == ["0", "1", "2"]
    assert changed.startswith(b"Subject: two parts\r\n")


@pytest.mark.parametrize("cut", [(1, 0), (0, -1), (5, -3), (1, 1)])
def test_what_is_no_part_takes_the_smallest_part_around_it(cut: tuple[int, int]) -> None:
    root, _ = parse(MIXED)
    part = root.children[1]
    changed = without_parts(MIXED, [Removal(part.header + cut[0], part.end + cut[1], NOTE)])
    assert b"TVqQ" not in changed
    assert (b"text\r\n--b" in changed) is (cut != (1, 1))


def test_what_is_out_of_bounds_takes_all() -> None:
    assert b"TVqQ" not in without_parts(MIXED, [Removal(-5, 10**9, NOTE)])


def test_nothing_to_remove() -> None:
    assert without_parts(MIXED, []) == MIXED
    assert without_parts(MIXED, [Removal(7, 7, NOTE)]) == MIXED
    assert without_parts(b"", [Removal(0, 0, NOTE)]) == b""


@pytest.mark.parametrize("note", ["--b", "--b--", "x\n--b\ny", "é\n--b--", "x" * 5000, "", "\ud800", "a\0b"])
def test_no_note_can_end_a_part(note: str) -> None:
    root, _ = parse(MIXED)
    changed = without_parts(MIXED, [whole(root.children[1], note)])
    assert shape(parse(changed)[0]) == shape(root, root.children[1])
    assert max(map(len, changed.split(b"\r\n"))) < 100


def test_the_name_in_a_note_is_visible_and_short() -> None:
    header = "Content-Type: a/b; name*=utf-8''%E2%80%AEexe.a" + "x" * 1000
    part, _ = parse(header.encode() + b"\r\n\r\n")
    note = removal_of(part, "why").note
    assert "Name: exe.axxx" in note
    assert len(note) < 400
    assert visible("a\u202e\u200bb\tc") == "abc"


def check_every_removal(raw: bytes) -> None:
    root, _ = parse(raw)
    for part in walk(root):
        if part.header == part.end:
            continue
        changed = without_parts(raw, [whole(part)])
        replaced, _ = parse(changed)
        check_offsets(changed, replaced)
        assert shape(replaced) == shape(root, part)
        assert changed.startswith(raw[: part.header])
        assert changed.endswith(raw[part.end :])


@pytest.mark.parametrize("name", NAMES)
def test_the_tree_stays_but_for_the_part(name: str) -> None:
    check_every_removal(load(name))


@given(st.sampled_from(NAMES), st.data())
def test_the_tree_stays_in_broken_messages(name: str, data: st.DataObject) -> None:
    raw = load(name)
    start = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(start, len(raw)))
    check_every_removal(raw[:start] + raw[end:])


@pytest.mark.parametrize("name", NAMES)
def test_several_removals_at_once(name: str) -> None:
    for raw in mutations(load(name), 5):
        root, _ = parse(raw)
        leaves = [part for part in walk(root) if not part.children and part.header < part.end]
        changed = without_parts(raw, [whole(part) for part in reversed(leaves)])
        assert changed.count(NOTE.encode()) == len(leaves)


@given(st.binary(max_size=300), st.lists(st.builds(Removal, st.integers(), st.integers(), st.text())))
def test_any_octets(raw: bytes, removals: list[Removal]) -> None:
    parse(without_parts(raw, removals))
