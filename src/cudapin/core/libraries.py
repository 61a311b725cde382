"""What the name of a library tells: its name before a wheel was repaired, and the CUDA it belongs to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["majors_of_library", "original_name"]

_REPAIRED = re.compile(r"(?P<stem>lib.+)[-.][0-9a-f]{8}(?P<version>\.so(?:\.\d+)*)|(?P<name>.+)-[0-9a-f]{32}\.dll")
_SONAME = re.compile(r"(?P<stem>lib.+?)\.so(?:\.(?P<version>\d+(?:\.\d+)*))?")
_DLL = re.compile(r"(?P<stem>.+?)_(?P<version>\d+(?:_\d+)?)\.dll")


def original_name(library: str) -> str:
    """Return the name that a library had before a wheel was repaired, or the name itself.

    >>> original_name("libcudart.e8e8b82a.so.12")
    'libcudart.so.12'
    """
    match = _REPAIRED.fullmatch(library)
    if match is None:
        return library
    return f"{match['name']}.dll" if match["name"] else match["stem"] + match["version"]


def majors_of_library(library: str, table: Mapping[str, Mapping[str, Iterable[int]]]) -> tuple[int, ...]:
    """Return the CUDA majors that a library may belong to, after the table of names; none where it does not tell.

    The table has the CUDA majors of each version, or beginning of one, in a name; the longest that fits counts:
    `{"libcusolver": {"11": [11, 12], "12": [13]}, "nvrtc64": {"112": [11]}}`.
    """
    name = original_name(library)
    match = _SONAME.fullmatch(name) or _DLL.fullmatch(name.lower())
    if match is None:
        return ()
    rows = table.get(match["stem"], {})
    parts = (match["version"] or "").replace("_", ".").split(".")
    known = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((tuple(rows[version]) for version in known if version in rows), ())
