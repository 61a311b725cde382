"""Which format a compiled file has, by its first bytes: all that a build has to ask of most files."""

from __future__ import annotations

from typing import Literal

__all__ = ["CONTAINER_MAGIC", "ELF_MAGIC", "PE_MAGIC", "BinaryFormat", "binary_format", "is_compiled"]

BinaryFormat = Literal["elf", "pe", "fatbin", "mach-o", "archive", "other"]

ELF_MAGIC = b"\x7fELF"
PE_MAGIC = b"MZ"
CONTAINER_MAGIC = b"\x50\xed\x55\xba\x01\x00\x10\x00"
"""How a fatbin begins: 0xBA55ED50, version 1, and the length of its header, 16 bytes."""
_MACH_O = (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf")
_ARCHIVE = b"!<arch>\n"
_COMPILED = ("elf", "pe", "fatbin", "mach-o")


def binary_format(start: bytes) -> BinaryFormat:
    """Return the format of a file that begins with these bytes, of which 8 are enough."""
    magics: dict[bytes, BinaryFormat] = {ELF_MAGIC: "elf", CONTAINER_MAGIC: "fatbin", _ARCHIVE: "archive"}
    magics |= dict.fromkeys(_MACH_O, "mach-o")
    for magic, found in magics.items():
        if start.startswith(magic):
            return found
    return "pe" if start.startswith(PE_MAGIC) else "other"


def is_compiled(start: bytes) -> bool:
    """Tell whether a file that begins with these 8 bytes may be one that is read: no static library, no text."""
    return binary_format(start) in _COMPILED
