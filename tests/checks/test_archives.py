"""Archives listed: what programs write, what contradicts itself, what is broken, what is too much."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import time
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.checks.archives import Listing, is_archive, list_archive
from tempmaild.core.archive import MAX_ENTRIES, MAX_UNPACKED, Budget
from tempmaild.core.archive_7z import MAX_HEADER
from tempmaild.core.file_types import file_types

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = ("a.txt", "dir/evil.exe", "ünï.js")


def listing(data: bytes, budget: Budget | None = None) -> Listing:
    return list_archive(data, file_types(data), frozenset(), budget or Budget())


def zipped(*names: str, content: bytes = b"content", compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), content, compression)  # with no time of now in it
    return file.getvalue()


def gzipped(data: bytes) -> bytes:
    """Compress without the time: the same tests are made from the same data, whenever."""
    return gzip.compress(data, mtime=0)


def tarred(*names: str, content: bytes = b"content", form: int = tarfile.PAX_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def number_7z(number: int) -> bytes:
    return b"\xff" + struct.pack("<Q", number)  # the longest form is always allowed


def seven_zip(header: bytes, packed: bytes = b"") -> bytes:
    start = struct.pack("<QQL", len(packed), len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<L", zlib.crc32(start)) + start + packed + header


def header_7z(*names: str, method: bytes = b"\0") -> bytes:
    """The header of an archive of so many files in one folder."""
    count = number_7z(len(names))
    text = b"\0" + "".join(f"{name}\0" for name in names).encode("utf-16-le")
    folder = b"\x01" + bytes([len(method)]) + method
    return b"".join(
        [
            b"\x01\x04\x06\0\x01\x09\x07\0",  # one stream of 7 octets
            b"\x07\x0b\x01\0" + folder + b"\x0c\x07\0",
            b"\x08\x0d" + count + b"\x09" + b"\x01" * (len(names) - 1) + b"\0\0",
            b"\x05" + count + b"\x11" + number_7z(len(text)) + text + b"\0\0",
        ]
    )


def packed_7z(
    header: bytes, method: bytes = b"\x03\x01\x01", dictionary: int = 1 << 20, size: int | None = None
) -> bytes:
    """An archive whose header is packed."""
    filters = [{"id": lzma.FILTER_LZMA1, "lc": 3, "lp": 0, "pb": 2, "dict_size": 1 << 20}]
    packed = lzma.compress(header, lzma.FORMAT_RAW, filters=filters)
    properties = b"\x5d" + struct.pack("<L", dictionary)
    coder = bytes([0x20 | len(method)]) + method + bytes([len(properties)]) + properties
    return seven_zip(
        b"".join(
            [
                b"\x17\x06\0\x01\x09" + number_7z(len(packed)) + b"\0",
                b"\x07\x0b\x01\0\x01" + coder + b"\x0c" + number_7z(len(header) if size is None else size) + b"\0\0",
            ]
        ),
        packed,
    )


def rar_4(*names: bytes, flags: int = 0, main_flags: int = 0, data: bytes = b"content") -> bytes:
    blocks = [b"Rar!\x1a\x07\0", struct.pack("<HBHH", 0, 0x73, main_flags, 13) + bytes(6)]
    for name in names:
        fields = struct.pack("<2LB2L2BHL", len(data), 7, 0, 0, 0, 20, 0x30, len(name), 0)
        blocks += struct.pack("<HBHH", 0, 0x74, 0x8000 | flags, 32 + len(name)), fields, name, data
    return b"".join([*blocks, struct.pack("<HBHH", 0, 0x7B, 0, 7)])


def block_5(*fields: bytes, data: bytes = b"") -> bytes:
    header = b"".join(fields)
    sized = bytes([len(header)]) + header
    return struct.pack("<L", zlib.crc32(sized)) + sized + data


def rar_5(*names: bytes, extra: bytes = b"", first: bytes = b"") -> bytes:
    blocks = [b"Rar!\x1a\x07\x01\0", first, block_5(b"\x01\0\0")]
    for name in names:
        fields = b"\x02", b"\x03", bytes([len(extra)]), b"\x07", b"\0\x07\0\0\0", bytes([len(name)]), name, extra
        blocks.append(block_5(*fields, data=b"content"))
    return b"".join([*blocks, block_5(b"\x05\0\0")])


def attribute(number: int, value: bytes = b"", level: int = 2) -> bytes:
    return struct.pack("<BLL", level, number, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)


def mapi(number: int, *values: bytes | str, kind: int = 0) -> bytes:
    """A property whose values have sizes: Unicode texts, or octets that are 8-bit texts if nothing else is said."""
    kind = kind or (0x001F if any(isinstance(value, str) for value in values) else 0x001E)
    encoded = [value.encode("utf-16-le") if isinstance(value, str) else value for value in values]
    padded = [struct.pack("<L", len(value)) + value + bytes(-len(value) % 4) for value in encoded]
    return struct.pack("<HHL", kind, number, len(values)) + b"".join(padded)


def properties(*some: bytes) -> bytes:
    return attribute(0x69005, struct.pack("<L", len(some)) + b"".join(some))


RENDERING = attribute(0x69002, bytes(14))
MESSAGE = bytes.fromhex("0703020000000000c000000000000046")


def tnef(*attributes: bytes, code_page: int = 1252) -> bytes:
    first = attribute(0x89006, b"\0\0\1\0", 1) + attribute(0x69007, struct.pack("<LL", code_page, 0), 1)
    return b"".join([b"\x78\x9f\x3e\x22\1\0", first, *attributes])


def tnef_of(*names: str, content: bytes = b"content") -> bytes:
    """As Outlook writes it, with properties of every kind in front of the names."""
    others = (
        struct.pack("<HHL", 0x0003, 0x3705, 1),
        struct.pack("<HHL", 0x000B, 0x7FFE, 0),
        struct.pack("<HHL8x", 0x1002, 0x6801, 2),
        struct.pack("<HHL8x", 0x1014, 0x6802, 1),
        struct.pack("<HH16sLLQ", 0x0040, 0x8000, bytes(16), 0, 0x8501, 0),
        struct.pack("<HH16sLL6s2x", 0x101F, 0x8001, bytes(16), 1, 6, b"a\0b\0\0\0") + mapi(0, "x", "yz")[4:],
    )
    attributes = []
    for name in names:
        listed = properties(*others, mapi(0x3707, name + "\0"), mapi(0x3001, name + "\0"))
        attributes += [RENDERING, attribute(0x6800F, content), listed]
    return tnef(*attributes)


ENCODED = tuple(name.encode() for name in NAMES)
ARCHIVES = {
    "zip": zipped(*NAMES),
    "zip, behind something else": b"GIF89a" * 50 + zipped(*NAMES),
    "zip, deflated": zipped(*NAMES, compression=zipfile.ZIP_DEFLATED),
    "tar": tarred(*NAMES),
    "tar of GNU": tarred(*NAMES, form=tarfile.GNU_FORMAT),
    "tar in gzip": gzipped(tarred(*NAMES)),
    "tar in two members of gzip": gzipped(tarred(*NAMES)[:700]) + gzipped(tarred(*NAMES)[700:]),
    "tar in bzip2": bz2.compress(tarred(*NAMES)),
    "tar in xz": lzma.compress(tarred(*NAMES)),
    "tar in zstandard": zstandard.compress(tarred(*NAMES)),
    "7z": seven_zip(header_7z(*NAMES), b"content"),
    "7z, packed header": packed_7z(header_7z(*NAMES)),
    "7z, a dictionary of 4 GiB": packed_7z(header_7z(*NAMES), dictionary=0xFFFFFFFF),
    "7z, behind something else": b"stub" * 500 + seven_zip(header_7z(*NAMES), b"content"),
    "rar 4": rar_4(*ENCODED),
    "rar 5": rar_5(*ENCODED),
    "rar 5, behind something else": b"stub" * 500 + rar_5(*ENCODED),
    "tnef": tnef_of(*NAMES),
    "tnef, in 8 bits": tnef(*(attribute(0x18010, name.encode("cp1252") + b"\0") for name in NAMES)),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_what_programs_write(name: str) -> None:
    found = listing(ARCHIVES[name])
    assert found == Listing(found.names)
    # A tar archive has a name beside the one in UTF-8 for programs that do not know better.
    assert tuple(one for one in found.names if "?" not in one) == NAMES


@pytest.mark.parametrize("data", [zipped(), tarred(), seven_zip(b""), rar_5(), rar_4(), tnef(), b""])
def test_empty_archives(data: bytes) -> None:
    assert listing(data) == Listing()


def test_long_names_of_tar() -> None:
    long = "directory/" * 30 + "evil.exe"
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        assert long in listing(tarred(long, "a.txt", form=form)).names
    prefixed = "directory/" * 12 + "evil.exe"
    assert listing(tarred(prefixed, form=tarfile.USTAR_FORMAT)).names == (prefixed,)


def test_folders_are_no_files() -> None:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        folder = tarfile.TarInfo("socket.js")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
    assert listing(tar.getvalue()) == Listing()
    assert listing(zipped("socket.js/", content=b"")) == Listing()
    assert listing(zipped("socket.js/", content=b"x")).names == ("socket.js/",)
    assert listing(rar_4(b"socket.js", flags=0xE0, data=b"")) == Listing()
    assert listing(rar_4(b"socket.js", flags=0xE0)).names == ("socket.js",)
    assert listing(rar_5(first=block_5(b"\x02\0\x01\0\0\0\0\x09socket.js"))) == Listing()
    with_data = block_5(b"\x02\x02\x07\x01\x07\0\0\0\x09socket.js", data=b"content")
    assert listing(rar_5(first=with_data)).names == ("socket.js",)
    header = b"\x01\x05\x02\x0e\x01\xc0\x0f\x01\x40\x11\x0d\0a\0.\0j\0\0\0b\0\0\0\0\0"
    assert listing(seven_zip(header)) == Listing(("b",))  # of two empty streams, the second is a file


def test_one_compressed_file() -> None:
    file = io.BytesIO()
    with gzip.GzipFile("evil.exe", "wb", fileobj=file) as member:
        member.write(b"MZ\0\0")
    assert listing(file.getvalue()) == Listing(("evil.exe",), frozenset({"application/x-msdownload"}))
    assert listing(bz2.compress(b"MZ\0\0")) == Listing((), frozenset({"application/x-msdownload"}))


def test_names_of_rar_in_unicode() -> None:
    # "ab" in plain octets; then a letter of a block of its own, "b" of no block, and the rest copied
    packed = b"\x04" + bytes([0b01_00_10_11]) + b"\x30" + b"b" + b"\x31\x04" + b"\x00"
    assert listing(rar_4(b"?b?.exe\0" + packed, flags=0x200)).names == ("\u0430b\u0431.e", "?b?.exe")
    packed = b"\x04" + bytes([0b11_00_00_00]) + b"\x85\x01"
    assert listing(rar_4(b"abcdefg\0" + packed, flags=0x200)).names == (
        "".join(chr(0x400 + c + 1) for c in b"abcdefg"),
        "abcdefg",
    )


def test_octets_behind_the_end_of_a_name_of_rar_are_copied_into_its_unicode_form() -> None:
    # "i" is the high octet, and "l" says: one with it, two of 16 bits, and then a copy from the third octet on.
    name, plain = listing(rar_4(b"e\0il.exe\0\x04E0b", flags=0x200)).names
    assert (name.partition("\0")[0], plain) == ("\u692e\u7865il.exe", "e")


@pytest.mark.parametrize("packed", [b"", b"\x04", b"\x04\0\0", b"\x04\xc0\0"])
def test_a_name_of_rar_whose_unicode_form_is_empty_or_another(packed: bytes) -> None:
    # Of the first two unrar takes the plain name.
    assert "evil.exe" in listing(rar_4(b"evil.exe\0" + packed, flags=0x200)).names


@pytest.mark.parametrize("data", [rar_4(*ENCODED), rar_5(*ENCODED)])
def test_a_rar_whose_end_comes_first(data: bytes) -> None:
    end = rar_5()[-8:] if data[6] else rar_4()[-7:]
    start = data.index(b"\0") + 1
    assert listing(data[:start] + end + data[start:]) == Listing(NAMES)


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (rar_4(*ENCODED, flags=0x04), NAMES),
        (rar_4(main_flags=0x80), ("",)),
        (rar_5(*ENCODED, extra=b"\x02\x01\0"), NAMES),
        (rar_5(first=block_5(b"\x04\0\0\0\x0f")), ("",)),
        (seven_zip(header_7z(*NAMES, method=b"\x06\xf1\x07\x01"), b"content"), NAMES),
        (packed_7z(header_7z(*NAMES), method=b"\x06\xf1\x07\x01"), ("",)),
        (zipped(*NAMES).replace(b"PK\x01\x02\x14\x03\x14\0\0", b"PK\x01\x02\x14\x03\x14\0\x01"), None),
        (zipped(*NAMES).replace(b"PK\x03\x04\x14\0\0", b"PK\x03\x04\x14\0\x01"), None),
    ],
)
def test_encrypted_archives(data: bytes, names: tuple[str, ...] | None) -> None:
    found = listing(data)
    assert found.encrypted
    assert names is None or found.names == names


TWO = zipped("a.txt", "b.txt")
OTHER = zipped("evil.exe")
DIRECTORY = TWO.index(b"PK\x01\x02")
END = TWO.index(b"PK\x05\x06")


def zip_with(data: bytes, start: int, octets: bytes) -> bytes:
    return data[:start] + octets + data[start + len(octets) :]


@pytest.mark.parametrize(
    "data",
    [
        # a local header says another name
        TWO[:30] + b"e.exe" + TWO[35:],
        # a file that the directory does not name: between the files and the directory, in front, in the comment
        TWO[:DIRECTORY]
        + OTHER[: OTHER.index(b"PK\x01\x02")]
        + TWO[DIRECTORY:-6]
        + struct.pack("<LH", DIRECTORY + 45, 0),
        OTHER + TWO,
        TWO[:-2] + struct.pack("<H", len(OTHER)) + OTHER,
        # no directory
        OTHER[: OTHER.index(b"PK\x01\x02")],
        # a directory that ends with what is put in front of it
        zip_with(OTHER, len(OTHER) - 10, b"\0\0\0\0"),
    ],
)
def test_what_a_zip_hides(data: bytes) -> None:
    found = listing(data)
    assert found.names[-1] in {"e.exe", "evil.exe"} or "e.exe" in found.names or "evil.exe" in found.names
    assert found.problem or "e.exe" in found.names


@pytest.mark.parametrize(
    "data",
    [
        zip_with(TWO, DIRECTORY + 20, b"\xff\0\0\0"),  # two sizes of one file
        zip_with(TWO, DIRECTORY + 42, b"\x05\0\0\0"),  # a file where none is
        zip_with(TWO, END + 10, b"\x07\0"),  # more files than there are
        zip_with(TWO, END + 10, b"\x01\0"),  # fewer
        zip_with(TWO, END + 12, b"\x10\0\0\0"),  # a directory that is too small,
        zip_with(TWO, END + 12, b"\xff\xff\xff\xff"),  # or too large
        zip_with(TWO, END + 4, b"\x01\0"),  # the second volume
        TWO[:-1],
        TWO[10:],
        TWO + b"PK\x05\x06" + bytes(18),
    ],
)
def test_what_a_zip_says_wrongly(data: bytes) -> None:
    assert listing(data).problem


def zip64(
    offset: int, small: tuple[int, int, int] = (0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF), mark: int | None = None
) -> bytes:
    """The archive `TWO` with the numbers of its end in a zip64 record."""
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 2, 2, END - DIRECTORY, offset)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, END if mark is None else mark, 1)
    count, size, start = small
    return TWO[:END] + record + locator + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, size, start, 0)


def test_zip64() -> None:
    assert listing(zip64(DIRECTORY)) == Listing(("a.txt", "b.txt"))
    assert listing(zip64(DIRECTORY, (2, END - DIRECTORY, DIRECTORY))) == Listing(("a.txt", "b.txt"))
    assert listing(b"PK\x06\x06" + zip64(DIRECTORY)[END + 56 :]).problem  # there is no room for the record
    for lie in (zip64(2**63), zip64(DIRECTORY + 1), zip64(DIRECTORY, (3, END - DIRECTORY, DIRECTORY))):
        assert listing(lie).problem
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive, archive.open("evil.exe", "w", force_zip64=True) as member:
        member.write(b"content")
    assert listing(file.getvalue()) == Listing(("evil.exe",))


def test_names_in_extra_fields_of_zip() -> None:
    fields = b"".join(struct.pack("<2HBL", 0x7075, 5 + len(name), 1, 0) + name for name in (b"b.txt", b"evil.exe"))
    one = zipped("a.txt")
    start, end = one.index(b"PK\x01\x02"), one.index(b"PK\x05\x06")
    local = one[:28] + struct.pack("<H", len(fields)) + one[30:35] + fields + one[35:start]
    found = listing(local + one[start:end] + zip_with(one[end:], 16, struct.pack("<L", len(local))))
    assert found == Listing(("a.txt", "b.txt", "evil.exe"))
    central = one[start : start + 30] + struct.pack("<H", len(fields)) + one[start + 32 : end] + fields
    found = listing(one[:start] + central + zip_with(one[end:], 12, struct.pack("<L", len(central))))
    assert found == Listing(("a.txt", "b.txt", "evil.exe"))


def test_what_aligns_a_file_in_zip_is_no_extra_field() -> None:
    one = zipped("a.txt")
    start, end = one.index(b"PK\x01\x02"), one.index(b"PK\x05\x06")
    local = one[:28] + struct.pack("<H", 4095) + one[30:35] + bytes(4095) + one[35:start]
    assert listing(local + one[start:end] + zip_with(one[end:], 16, struct.pack("<L", len(local)))) == Listing(
        ("a.txt",)
    )


def test_names_behind_too_many_extra_fields_are_listed() -> None:
    many = bytes(0xF000)
    first = TWO[DIRECTORY : DIRECTORY + 51]
    directory = first[:30] + struct.pack("<H", len(many)) + first[32:] + many + TWO[DIRECTORY + 51 : END]
    end = zip_with(TWO[END:], 12, struct.pack("<L", len(directory)))
    found = listing(TWO[:DIRECTORY] + directory + end)
    assert found == Listing(("a.txt", "b.txt"), problem="a file has too many extra fields")


def test_files_that_overlap() -> None:
    central = TWO[DIRECTORY:END]
    second = central.index(b"PK\x01\x02", 1)
    both_at_the_start = zip_with(TWO, DIRECTORY + second + 42, b"\0\0\0\0")
    assert listing(both_at_the_start).problem


@pytest.mark.parametrize(
    "data",
    [
        seven_zip(b"\x02"),
        seven_zip(b"\x01\x05\x02\0\0"),  # two files without names
        seven_zip(b"\x01\x05\x01\x11\x05\x01\0\0\0\0\0\0"),  # names elsewhere
        seven_zip(b"\x01\x05" + number_7z(MAX_ENTRIES + 1)),
        seven_zip(b"\x01\x05" + number_7z(2**63)),
        seven_zip(b"\x01\x04\x06\0" + number_7z(2**40) + b"\x09"),
        seven_zip(b"\x01\x04\x07\x0b" + number_7z(2**40)),
        seven_zip(b"\x01\x04\x07\x0b\x01\0" + number_7z(2**40)),
        seven_zip(b"\x01\x02" + b"\x01\0" * (MAX_HEADER // 4)),
        seven_zip(b"\x01\x04" + b"\x08\0" * (MAX_HEADER // 4)),
        seven_zip(b"\x01" + bytes(MAX_HEADER + 1)),
        seven_zip(header_7z("a"))[:-1],
        seven_zip(header_7z("a"))[:40],
        seven_zip(header_7z("a"))[:20],
        seven_zip(header_7z("a")).replace(b"\x01\x04\x06", b"\x01\x04\x07"),
        packed_7z(bytes(MAX_HEADER + 1)),
        packed_7z(header_7z("a"), size=2**62),
        packed_7z(header_7z("a"), size=10_000),
        packed_7z(header_7z("a"), method=b"\x03\x04\x01"),
        packed_7z(packed_7z(header_7z("a"))),
        rar_4(b"a.txt")[:-20],
        rar_4(b"a.txt")[:-4],
        rar_4(b"a.txt").replace(b"\x74\0\x80\x25", b"\x74\0\x80\x05"),
        rar_5(b"a.txt")[:-1],
        rar_5(b"a.txt")[:-9],
        rar_5(b"a.txt").replace(b"a.txt", b"b.txt"),
        rar_5(first=block_5(b"\x80" * 20)),
        b"RE~^" + bytes(20),
        b"Rar!\x1a\x07\x02\0",
        tarred("a.txt")[:-9700],
        tarred("a.txt")[:600],
        tarred("a.txt").replace(b"a.txt", b"b.txt"),
        tarred("a.txt").rstrip(b"\0").ljust(10240, b"\0") + tarred("evil.exe"),
        gzipped(tarred("a.txt"))[:-20],
        gzipped(tarred("a.txt"))[:40] + bytes(40),
        bz2.compress(tarred("a.txt"))[:-10],
        lzma.compress(tarred("a.txt"))[:-40],
        lzma.compress(tarred("a.txt"), preset=9 | lzma.PRESET_EXTREME)[:12] + b"\xff" * 50,
        zstandard.compress(tarred("a.txt"))[:-3],
        zstandard.compress(b"a.txt") + b"\x50\x2a\x4d\x18\0\0\0\0" + zstandard.compress(b"hidden"),
        gzipped(b"a.txt") + b"rest",
        b"MSCF\0\0\0\0" + bytes(50),
        bytes(7) + b"**ACE**",
        tnef()[:5],
        tnef() + b"garbage",
        tnef() + b"\3garbage that is long enough",
        tnef(RENDERING)[:-1],
        tnef(attribute(0x6800F, b"content")[:-3]),
        tnef(properties(mapi(0x3707, "a.txt"))[:-20]),
        tnef(properties()[:9] + b"\1\0"),
        tnef(properties(struct.pack("<HH", 0x0001, 0x3707))),
        tnef(properties(struct.pack("<HHL", 0x1003, 0x3707, 2**32 - 1))),
        tnef(properties(mapi(0x3707, "a.txt", "b.txt"))),
        tnef(properties(struct.pack("<HHLL", 0x001F, 0x3707, 1, 2**32 - 1) + b"a.txt")),
        tnef(properties(mapi(0x3701, MESSAGE + b"no message", kind=0x000D))),
        tnef(code_page=2**32 - 1),
        tnef(code_page=1),
        b"no archive",
    ],
)
def test_broken_archives(data: bytes) -> None:
    assert listing(data).problem


@pytest.mark.parametrize("number", [0x3704, 0x3707, 0x3001])
@pytest.mark.parametrize("name", ["evil.exe\0", b"evil.exe\0", b"evil.exe"])
def test_every_name_in_tnef_counts(number: int, name: bytes | str) -> None:
    for listed in (mapi(number, name), mapi(number, name, kind=0x101F if isinstance(name, str) else 0x101E)):
        found = listing(tnef(RENDERING, attribute(0x18010, b"a.txt\0"), properties(mapi(0x3003, "b"), listed)))
        assert found == Listing(("a.txt", "evil.exe"))
    named = struct.pack("<HH16sLL", 0x001F, 0x8000, bytes(16), 0, number) + mapi(0, "evil.exe")[4:]
    assert listing(tnef(properties(named))).names == ("evil.exe",)


def test_an_extension_apart_from_the_name_in_tnef() -> None:
    found = listing(tnef(properties(mapi(0x3703, ".exe\0")), RENDERING, properties(mapi(0x3703, b"js"))))
    assert found == Listing((".exe", ".js"))


@pytest.mark.parametrize(
    ("code_page", "name", "text"),
    [
        (65000, b"evil+AC4-exe", "evil.exe"),
        (500, "evil.exe".encode("cp500"), "evil.exe"),
        (932, "\u60aa.exe".encode("cp932"), "\u60aa.exe"),
        (28595, "\u0437\u043b\u043e.exe".encode("iso8859-5"), "\u0437\u043b\u043e.exe"),
        (0, b"\xfcbel.exe", "übel.exe"),
        (1252, "übel.exe".encode(), "übel.exe"),
    ],
)
def test_code_pages_of_tnef(code_page: int, name: bytes, text: str) -> None:
    found = listing(tnef(attribute(0x18010, name), code_page=code_page))
    assert text in found.names
    assert not found.problem


def test_names_in_a_code_page_of_tnef_that_is_not_known() -> None:
    found = listing(tnef(attribute(0x18010, b"evil.exe"), code_page=20_273))
    assert found == Listing(("evil.exe",), problem="its code page is not known here")


def test_contents_in_tnef() -> None:
    program = frozenset({"application/x-msdownload"})
    assert listing(tnef_of("a.txt", content=b"MZ\0\0")) == Listing(("a.txt",), program)
    for kind in (0x000D, 0x0102):
        content = bytes(16 if kind == 0x000D else 0) + b"MZ\0\0"
        assert listing(tnef(properties(mapi(0x3701, content, kind=kind)))) == Listing((), program)
    assert listing(tnef(properties(mapi(0x370E, "Application/HTA\0")))).types == {"application/hta"}


def test_archives_in_tnef_are_listed() -> None:
    """It is a message rather than an archive, so that one level within it is left."""
    found = listing(tnef_of("a.zip", content=zipped("evil.exe", "b.zip", content=zipped("c.js"))))
    assert found == Listing(("a.zip", "evil.exe", "b.zip"), frozenset({"application/zip"}))
    assert "evil.exe" in listing(tnef_of("a.zip", content=b"GIF89a" + zipped("evil.exe"))).names
    assert listing(tnef_of("a.zip", content=rar_4(b"a.txt", flags=0x04))).encrypted
    assert listing(tnef_of("a.gz", content=gzipped(b"MZ\0\0"))).types >= {"application/x-msdownload"}
    found = listing(tnef_of("a.zip", "evil.exe", content=b"no zip"))
    assert found == Listing(("a.zip", "evil.exe"), problem="its format is not known here")


@pytest.mark.parametrize("kind", [0x000D, 0x0102])
def test_messages_in_tnef(kind: int) -> None:
    data = tnef_of("evil.exe")
    for _ in range(20):
        data = tnef(RENDERING, properties(mapi(0x3701, MESSAGE + data, kind=kind)))
        assert listing(data) == Listing(("evil.exe",))
    assert listing(tnef_of("winmail.dat", content=data)) == Listing(("winmail.dat", "evil.exe"))


def test_the_subject_of_a_message_in_tnef_is_no_name() -> None:
    subject = mapi(0x3001, "See example.com\0")
    assert listing(tnef(properties(subject, mapi(0x3701, MESSAGE + tnef(), kind=0x000D)))) == Listing()
    content = mapi(0x3701, bytes(16) + b"content", kind=0x000D)
    for data in (tnef(properties(subject, content)), tnef(properties(subject), attribute(0x6800F, b"content"))):
        assert listing(data).names == ("See example.com",)


def test_messages_in_tnef_without_end() -> None:
    data = tnef_of("a.bin", content=bytes(MAX_UNPACKED // 16))
    for _ in range(20):
        data = tnef_of("winmail.dat", content=data)
    assert listing(data).problem == "too much to unpack"


def test_what_is_broken_in_tnef_does_not_hide_names() -> None:
    title = attribute(0x18010, b"evil.exe\0")
    assert listing(tnef(title[:-2] + b"\xff\xff")) == Listing(("evil.exe",))  # the checksum
    assert listing(tnef(title) + b"\0\r\n") == Listing(("evil.exe",))
    assert listing(tnef(attribute(0x78010, b"evil.exe"))) == Listing(("evil.exe",))  # another type
    names = properties(mapi(0x3001, "a.txt"), mapi(0x3707, "evil.exe\0"))
    unknown = properties(mapi(0x3707, "b.txt"), struct.pack("<HH", 0x0777, 0))
    for data in (tnef(title[:-2]), tnef(title[:-3]), tnef(attribute(0x18010, b"evil.exe", 3)), tnef(names[:-4])):
        found = listing(data)
        assert "evil.exe" in found.names
        assert found.problem
    assert listing(tnef(unknown, title)) == Listing(("b.txt", "evil.exe"), problem="a property is of an unknown type")


@pytest.mark.parametrize(
    "data",
    [
        tnef(RENDERING * 300_000),
        tnef(properties(*[mapi(0x3707, b"")] * 300_000)),
        tnef(attribute(0x69005, b"\xff" * 4 + struct.pack("<HHL", 0x0003, 0, 0) * 300_000)),
        tnef(properties(mapi(0x3707, *[b""] * 300_000, kind=0x101E))),
        tnef(properties(mapi(0x3707, *[b"a.txt"] * (MAX_ENTRIES + 1), kind=0x101E))),
        tnef(properties(mapi(0x3707, b"a" * 2**23 + b".txt"))),
    ],
)
def test_too_much_in_tnef(data: bytes) -> None:
    started = time.process_time()
    assert listing(data).problem
    assert time.process_time() - started < 5


def test_what_a_tar_has_after_its_end_is_listed() -> None:
    assert listing(tarred("a.txt") + tarred("evil.exe")) == Listing(
        ("a.txt", "evil.exe"), problem="it goes on after its end"
    )


def test_two_sizes_of_one_file_in_tar() -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("a.txt")
        member.pax_headers = {"size": "1024"}
        archive.addfile(member)
    assert listing(file.getvalue()).problem


def with_records(records: bytes) -> bytes:
    """A tar archive with a file, and an extended header before it."""
    header = tarfile.TarInfo("././@PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, len(records)
    return header.tobuf(tarfile.USTAR_FORMAT) + records + bytes(-len(records) % 512) + tarred("a.txt")


@pytest.mark.parametrize("records", [b"0" * 2**20, b"1 path=" * 150_000, b"1 path=a\n2 " * 80_000, b"0 " * 2**19])
def test_records_of_tar_take_linear_time(records: bytes) -> None:
    """Where a record may begin at each of many digits, none is read from each of them."""
    started = time.process_time()
    listing(with_records(records))
    assert time.process_time() - started < 2


def test_a_name_in_tar_of_several_lines() -> None:
    assert listing(with_records(b"21 path=a.txt\n.b.exe\n")).problem == "a record is not as long as it says"
    assert listing(with_records(b"0016 path=b.exe\n")).names == ("a.txt", "b.exe")
    assert listing(with_records(b"15 \tpath=b.exe\n")).names == ("a.txt", "b.exe")


def test_too_many_names_of_one_file_in_tar() -> None:
    assert listing(with_records(b"9 path=a\n" * 30_000)).problem == "it has too many files"


def quick_xz(data: bytes) -> bytes:
    return lzma.compress(data, preset=0)


@pytest.mark.parametrize("compress", [gzipped, bz2.compress, quick_xz, zstandard.compress])
def test_what_is_compressed_beyond_the_limit(compress: Callable[[bytes], bytes]) -> None:
    member = tarfile.TarInfo("a.txt")
    member.size = MAX_UNPACKED
    found = listing(compress(member.tobuf() + bytes(MAX_UNPACKED) + tarred("evil.exe")))
    assert found.problem == "too much to unpack"


def test_members_without_end() -> None:
    assert listing(gzipped(b"") * 20_000).problem == "too much to unpack"


def test_a_hundred_archives_have_one_budget() -> None:
    budget = Budget()
    data = gzipped(bytes(2**20))
    assert not any(listing(data, budget).problem for _ in range(100))  # of one file, only the start is unpacked
    data = gzipped(tarred("a.bin", content=bytes(2**20)))
    assert [bool(listing(data, budget).problem) for _ in range(70)].count(True) > 5


def test_many_files() -> None:
    names = [f"{number}.txt" for number in range(10_000)]
    for data in (zipped(*names, content=b""), tarred(*names, content=b""), packed_7z(header_7z(*names))):
        assert listing(data) == Listing(tuple(names))
    for data in (rar_4(*map(str.encode, names)), rar_5(*map(str.encode, names))):
        assert len(listing(data).names) == 10_000
    names = [f"{number}.txt" for number in range(MAX_ENTRIES + 1)]
    for data in (zipped(*names, content=b""), packed_7z(header_7z(*names)), rar_4(*map(str.encode, names))):
        assert listing(data).problem


def test_archives_in_archives_are_files() -> None:
    data = b"evil"
    for _ in range(18):
        data = zipped("inner.zip", content=data)
    assert listing(data) == Listing(("inner.zip",))


def test_names_in_a_zip_that_are_longer_than_it() -> None:
    """All files of the directory have the same local header, of a name of 64 KiB that is not theirs."""
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 0, 0, 0, 0, 65_535, 0) + b"x" * 65_535
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, *[0] * 14)
    directory = entry * 10_000
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 10_000, 10_000, len(directory), len(local), 0)
    found = listing(local + directory + end)
    assert found.problem == "too many names"


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives_that_are_cut(name: str) -> None:
    data = ARCHIVES[name]
    step = max(len(data) // 50, 1)
    for end in range(1, len(data) - 1, step):
        found = list_archive(data[:end], file_types(data), frozenset(), Budget())
        assert found.problem or name in {"tar", "tar of GNU", "rar 4", "tnef", "tnef, in 8 bits"}, end


@given(st.sampled_from(sorted(ARCHIVES)), st.data())
def test_archives_with_other_octets(name: str, data: st.DataObject) -> None:
    archive = bytearray(ARCHIVES[name])
    for _ in range(data.draw(st.integers(1, 5))):
        archive[data.draw(st.integers(0, len(archive) - 1))] = data.draw(st.integers(0, 255))
    list_archive(bytes(archive), file_types(ARCHIVES[name]), frozenset(), Budget())


STARTS = [b"PK\x03\x04", b"PK\x05\x06", b"Rar!\x1a\x07\0", b"Rar!\x1a\x07\x01\0", b"\x1f\x8b\x08", b"BZh91AY&SY"]


@given(st.sampled_from([*STARTS, b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"]), st.binary())
def test_any_octets(start: bytes, rest: bytes) -> None:
    listing(start + rest)


@given(st.sampled_from([b"", b"\x02\x05\x90\x06\0", properties()[:9]]), st.binary())
def test_any_attributes_of_tnef(start: bytes, rest: bytes) -> None:
    listing(tnef(start + rest))


@given(st.binary())
def test_any_properties_of_tnef(rest: bytes) -> None:
    listing(tnef(attribute(0x69005, b"\xff\0\0\0" + rest)))


@given(st.sampled_from([b"\x01", b"\x17", b"\x01\x04", b"\x01\x05", b"\x01\x04\x07\x0b\x01\0"]), st.binary())
def test_any_header_of_7z(start: bytes, rest: bytes) -> None:
    listing(seven_zip(start + rest))


def test_an_archive_behind_one_of_another_format() -> None:
    data = gzipped(b"text") + zipped("evil.exe")
    assert "evil.exe" not in list_archive(data, file_types(data), frozenset({"gz"}), Budget()).names
    assert "evil.exe" in list_archive(data, file_types(data), frozenset({"zip"}), Budget()).names
    inside = zipped("inner.7z", content=seven_zip(header_7z("evil.exe"), b"content"))
    assert list_archive(inside, file_types(inside), frozenset({"zip"}), Budget()) == Listing(("inner.7z",))


def test_what_is_an_archive() -> None:
    assert is_archive(frozenset({"application/zip"}), frozenset())
    assert is_archive(frozenset(), frozenset({"rar"}))
    assert is_archive(frozenset({"application/x-arj"}), frozenset())
    assert not is_archive(frozenset({"text/plain"}), frozenset({"txt"}))
