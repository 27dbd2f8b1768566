"""What files show themselves to be."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.file_types import file_types

INSTALLER = struct.pack("<L", 0x000C1084) + bytes.fromhex("00000000c000000000000046")


def compound(root_class: bytes, sector: int = 1) -> bytes:
    header = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(22) + struct.pack("<H", 9) + bytes(16) + struct.pack("<L", sector)
    )
    return header.ljust((sector + 1) * 512, b"\0") + bytes(80) + root_class + bytes(32)


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"MZ\x90\0\x03\0\0\0\x04", "application/x-msdownload"),
        (b"ZM\x90\0", "application/x-msdownload"),
        (b"\x7fELF\x02\x01", "application/x-executable"),
        (b"\xcf\xfa\xed\xfe\x07", "application/x-mach-binary"),
        (b"\xca\xfe\xba\xbe\0\0\0\x02", "application/x-mach-binary"),
        (b"\xca\xfe\xba\xbe\0\0\0\x34", "application/java-vm"),
        (b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F", "application/x-ms-shortcut"),
        (b"ITSF\x03\0\0\0", "application/vnd.ms-htmlhelp"),
        (b"MSCF\0\0\0\0", "application/vnd.ms-cab-compressed"),
        (bytes(0x8001) + b"CD001", "application/x-iso9660-image"),
        (bytes(0x8801) + b"NSR02", "application/x-iso9660-image"),
        (b"conectix" + bytes(600), "application/x-vhd"),
        (bytes(5000) + b"conectix" + bytes(504), "application/x-vhd"),
        (b"vhdxfile", "application/x-vhdx"),
        (bytes(5000) + b"koly" + bytes(508), "application/x-apple-diskimage"),
        (compound(INSTALLER), "application/x-ms-installer"),
        (compound(INSTALLER, sector=3000), "application/x-ms-installer"),
        (compound(bytes(16)), "application/x-ole-storage"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ""),
        (b"#@~^DgAAAA==", "text/vbscript.encode"),
        (b"#!/bin/sh\n", "text/x-shellscript"),
        (b"Windows Registry Editor Version 5.00", "text/x-ms-regedit"),
        ("\ufeffWindows Registry Editor Version 5.00".encode("utf-16-le"), "text/x-ms-regedit"),
        (b"\r\nREGEDIT4", "text/x-ms-regedit"),
        (b"PK\x03\x04", "application/zip"),
        (b"Rar!\x1a\x07\x01\0", "application/vnd.rar"),
        (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
        (b"\x1f\x8b\x08", "application/gzip"),
        (b"BZh91AY&SY", "application/x-bzip2"),
        (b"\xfd7zXZ\0", "application/x-xz"),
        (b"\x78\x9f\x3e\x22\1\0", "application/vnd.ms-tnef"),
        (bytes(257) + b"ustar", "application/x-tar"),
        (bytes(7) + b"**ACE**", "application/x-ace-compressed"),
        # texts
        (b"", ""),
        (b"MZ is how a text may begin, and no program does it so", ""),
        (b"BZhello", ""),
        (b"LZIP is a format", ""),
        (b"%PDF-1.7\n\0", ""),
        (b"Hello.\r\n", ""),
    ],
)
def test_one_type(data: bytes, media_type: str) -> None:
    assert file_types(data) == ({media_type} if media_type else set())


def test_a_file_of_two_types() -> None:
    disk = b"PK\x03\x04".ljust(0x8001, b"\0") + b"CD001"
    assert file_types(disk) == {"application/zip", "application/x-iso9660-image"}


@given(
    st.binary(max_size=600), st.sampled_from([b"", b"MZ", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\xca\xfe\xba\xbe"])
)
def test_any_octets(data: bytes, start: bytes) -> None:
    assert len(file_types(start + data)) <= 3
