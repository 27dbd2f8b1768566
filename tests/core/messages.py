"""The messages in tests/messages, and what the tests of the MIME modules share."""

import random
from collections.abc import Iterator
from pathlib import Path

from tempmaild.core.mime import Part

FOLDER = Path(__file__).parent.parent / "messages"
NAMES = sorted(path.stem for path in FOLDER.glob("*.eml"))


def load(name: str) -> bytes:
    return (FOLDER / f"{name}.eml").read_bytes()


def message(*lines: bytes) -> bytes:
    return b"\r\n".join(lines)


def walk(part: Part) -> Iterator[Part]:
    yield part
    for child in part.children:
        yield from walk(child)


def outline(part: Part) -> str:
    """The tree in short: octets and lines of a leaf, the parts of a multipart or a message in parentheses."""
    name = f"{part.media_type.decode('latin-1')}/{part.subtype.decode('latin-1')}"
    if part.children:
        return f"{name}({', '.join(map(outline, part.children))})"
    return f"{name} {part.end - part.body}/{part.lines}"


def check_offsets(raw: bytes, root: Part) -> None:
    """What holds for the tree of any octets: parts are in bounds, in order, inside each other, and well formed."""
    assert root.header == 0
    assert root.end == len(raw)
    for part in walk(root):
        assert 0 <= part.header <= part.body <= part.end <= len(raw)
        assert part.lines in {raw.count(line_end, part.body, part.end) for line_end in (b"\r\n", b"\n")}
        assert bool(part.children) is (part.is_multipart or part.is_message)
        position = part.body
        for child in part.children:
            assert position <= child.header
            assert child.end <= part.end
            position = child.end


def mutations(raw: bytes, count: int) -> Iterator[bytes]:
    """The message cut, with octets changed, and with pieces moved; the same ones in every run."""
    dice = random.Random(len(raw))
    for _ in range(count):
        start, end = sorted(dice.choices(range(len(raw) + 1), k=2))
        yield raw[:start]
        yield raw[start:]
        yield raw[:start] + raw[end:]
        yield raw[:end] + raw[start:]
        yield raw[:start] + dice.choice((b"\0", b"\r", b"\n", b"\xff", b"--", b'"', b"(")) + raw[start + 1 :]
        yield raw.replace(*dice.choice(((b"\r\n", b"\n"), (b"\r\n", b"\r"), (b"--", b"-"), (b":", b""))))
