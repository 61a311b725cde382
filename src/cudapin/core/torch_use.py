"""How a compiled file uses torch: which of its libraries, and by which interface."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cudapin.core.libraries import original_name

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["TorchUse", "torch_libraries", "torch_use"]

_TORCH = re.compile(r"(?:lib)?(?:torch(?:_\w+)?|c10(?:_\w+)?)\.(?:so|dll)")

_TORCH_CPP = re.compile(
    rb"_Z(?:T[VTIS]|GV|T[hv]n?\d+_(?:n?\d+_)?)?N[rVK]*[RO]?(?:3c10|2at|6caffe2|5torch(?!6stable|10headeronly))"
)
"""The name of something in a namespace of torch; what torch calls stable is compiled into the user itself."""
_MANGLED = re.compile(rb"L[a-z]n?\d+E|S[0-9A-Z]*_|T\d*_|A\d+_|(?P<old>Ss)|(?P<length>\d+)|.", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchUse:
    """How a file uses torch: the libraries of it that it needs, and by which interface.

    `stable` is False for one that needs torch's C++ symbols, and so the very torch it was built against; `std_string`
    tells the C++ ABI of `std::string` among those symbols. None: not to be told.
    """

    libraries: tuple[str, ...]
    stable: bool | None = None
    std_string: Literal["new", "old", "both"] | None = None


def torch_libraries(needed: Iterable[str]) -> tuple[str, ...]:
    """Return those of the needed libraries that are torch's."""
    return tuple(name for name in needed if _TORCH.fullmatch(original_name(name)))


def torch_use(libraries: tuple[str, ...], undefined: Iterable[bytes]) -> TorchUse:
    """Tell the interface from the symbols that other libraries must define."""
    names = [name for name in undefined if _TORCH_CPP.match(name)]
    is_new = any(b"__cxx11" in name for name in names)
    is_old = any(_has_old_string(name) for name in names)
    string: Literal["new", "old", "both"] | None = None
    if is_new or is_old:
        string = "both" if is_new and is_old else "new" if is_new else "old"
    return TorchUse(libraries=libraries, stable=not names, std_string=string)


def _has_old_string(name: bytes) -> bool:
    """Return whether a mangled name speaks of `std::string` in its form before C++11, which is written `Ss`.

    Identifiers are written with their length before them and are stepped over, whatever they spell.
    """
    position = 2
    while match := _MANGLED.match(name, position):
        if match["old"]:
            return True
        position = match.end()
        if match["length"]:
            position += int(match["length"][:6])
    return False
