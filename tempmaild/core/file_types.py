"""What the octets of a file show it to be, as far as rules for attachments care: programs, images of disks, archives.

A table of our own and no libmagic: that one knows thousands of types by rules for which hostile files have been
written time and again, and needs a C library; what is asked here are some fixed signatures, found in a microsecond or
two by code that cannot crash.
"""

from __future__ import annotations

import re
import struct

_FOOTER = 512  # octets at the end of a disk image
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_REGISTRY = re.compile(rb"(?:\xef\xbb\xbf)?\s*+(?:Windows Registry Editor Version|REGEDIT4)", re.IGNORECASE)
_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\x7fELF", "application/x-executable"),
    (b"\xfe\xed\xfa\xce", "application/x-mach-binary"),
    (b"\xfe\xed\xfa\xcf", "application/x-mach-binary"),
    (b"\xce\xfa\xed\xfe", "application/x-mach-binary"),
    (b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F", "application/x-ms-shortcut"),
    (b"ITSF\x02\0\0\0", "application/vnd.ms-htmlhelp"),
    (b"ITSF\x03\0\0\0", "application/vnd.ms-htmlhelp"),
    (b"MSCF\0\0\0\0", "application/vnd.ms-cab-compressed"),
    (b"conectix", "application/x-vhd"),
    (b"vhdxfile", "application/x-vhdx"),
    (b"#@~^", "text/vbscript.encode"),  # VBE and JSE alike
    (b"#!", "text/x-shellscript"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),  # an empty one
    (b"PK00PK\x03\x04", "application/zip"),  # of several volumes that turned out to be one
    (b"PK\x07\x08PK\x03\x04", "application/zip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"RE~^", "application/vnd.rar"),  # before version 1.5
    (b"\x1f\x8b\x08", "application/gzip"),
    *(
        (b"BZh%d" % level + block, "application/x-bzip2")
        for level in range(1, 10)
        for block in (b"1AY&SY", b"\x17rE8P\x90")
    ),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"\x1f\x9d", "application/x-compress"),
    (b"\x1f\xa0", "application/x-compress"),
    (b"LZIP\x01", "application/x-lzip"),
    (b"\x60\xea", "application/x-arj"),
    (b"\x78\x9f\x3e\x22", "application/vnd.ms-tnef"),
)
_BY_FIRST_OCTET: dict[int, tuple[tuple[bytes, str], ...]] = {
    octet: tuple(entry for entry in _STARTS if entry[0][0] == octet) for octet in {start[0] for start, _ in _STARTS}
}
_OPTICAL_DISK = tuple(  # ISO 9660, ECMA-167: descriptors from sector 16 on
    (offset, mark) for offset in (0x8001, 0x8801, 0x9001) for mark in (b"CD001", b"BEA01", b"NSR02", b"NSR03")
)
_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # [MS-CFB] §2.2
_INSTALLERS = tuple(
    first.to_bytes(4, "little") + bytes.fromhex("00000000c000000000000046")
    for first in (0x000C1082, 0x000C1084, 0x000C1086)  # .mst, .msi, .msp
)


def file_types(data: bytes) -> frozenset[str]:
    """The MIME types that a file shows. It can show several: some formats leave room for others in front of them."""
    return frozenset(filter(None, (_by_start(data), _by_middle(data), _by_end(data))))


def _by_start(data: bytes) -> str:
    if not data:
        return ""
    for start, media_type in _BY_FIRST_OCTET.get(data[0], ()):
        if data.startswith(start):
            return media_type
    if data.startswith((b"MZ", b"ZM")):
        return "application/x-msdownload" if _NOT_TEXT.search(data, 0, 64) else ""
    if data.startswith(b"\xca\xfe\xba\xbe"):
        return _java_or_macos(data)
    if data.startswith(_COMPOUND):
        return _compound(data)
    return "text/x-ms-regedit" if _is_registry(data) else ""


def _by_middle(data: bytes) -> str:
    if data.startswith(b"ustar", 257):
        return "application/x-tar"
    if data.startswith(b"**ACE**", 7):
        return "application/x-ace-compressed"
    if len(data) > 0x8001 and any(data.startswith(mark, offset) for offset, mark in _OPTICAL_DISK):
        return "application/x-iso9660-image"
    return ""


def _by_end(data: bytes) -> str:
    footer = data[-_FOOTER:]
    if footer.startswith(b"koly"):
        return "application/x-apple-diskimage"
    return "application/x-vhd" if b"conectix" in footer[:9] else ""


def _java_or_macos(data: bytes) -> str:
    """Both begin alike: then comes the version of a Java class, at least 45, or the number of architectures."""
    return "application/x-mach-binary" if int.from_bytes(data[4:8], "big") < 45 else "application/java-vm"


def _compound(data: bytes) -> str:
    """Files of Office and of Windows Installer are told apart by the class of their root, [MS-CFB] §2.6."""
    if len(data) < 80:
        return ""
    (shift,), (sector,) = struct.unpack_from("<H", data, 30), struct.unpack_from("<L", data, 48)
    root = (sector + 1) << min(shift, 16)
    return "application/x-ms-installer" if data[root + 80 : root + 96] in _INSTALLERS else "application/x-ole-storage"


def _is_registry(data: bytes) -> bool:
    start = data[:128]
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        start = start[2:].replace(b"\0", b"")
    return _REGISTRY.match(start) is not None
