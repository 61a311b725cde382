"""What users will get of a release, by how they ask for it, and what cannot be installed from source. Reads nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cudapin.core.fields import name_list
from cudapin.core.names import normalise
from cudapin.release.publish_set import unspelled

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cudapin.release.publish import IndexKind, WheelFacts

__all__ = ["Way", "find_ways", "from_source", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to ask for a release: the command, which variant it brings, and by which files."""

    command: str
    variants: tuple[str, ...]
    files: tuple[str, ...]


def find_ways(name: str, version: str, wheels: Sequence[WheelFacts], to: IndexKind) -> tuple[Way, ...]:
    """Return who gets what. `URL` in a command stands for the index; a variant's tree is that of `cudapin index`.

    What a public index refuses nobody gets.
    """
    wheels = [wheel for wheel in wheels if wheel not in refused(wheels, to)]
    index = "" if to == "public" else " --index-url URL/whl"
    ways = []
    if plain := unspelled(wheels, name):
        suffix = f"/{plain[0].variant}" if index and plain[0].variant else ""
        ways.append(_way(f'pip install{index}{suffix} "{name}=={version}"', plain))
    spelled: dict[tuple[str, str | None], list[WheelFacts]] = {}
    for wheel in wheels:
        if wheel.label is None and wheel not in plain:
            spelled.setdefault((wheel.found.name, wheel.variant), []).append(wheel)
    for (own, variant), found in sorted(spelled.items(), key=lambda item: (item[0][0], item[0][1] or "")):
        suffix = f"/{variant}" if index and variant else ""
        ways.append(_way(f'pip install{index}{suffix} "{own}=={version}"', found))
    if labelled := [wheel for wheel in wheels if wheel.label is not None]:
        where = " --index-url URL/whl/variant"
        ways.append(_way(f'uv pip install --preview-features wheel-variants{where} "{name}=={version}"', labelled))
    return tuple(ways)


def refused(wheels: Iterable[WheelFacts], to: IndexKind) -> tuple[WheelFacts, ...]:
    """Return the wheels that an index of a kind does not take."""
    return tuple(wheel for wheel in wheels if to == "public" and (wheel.has_local or wheel.label is not None))


def _way(command: str, wheels: Iterable[WheelFacts]) -> Way:
    wheels = list(wheels)
    return Way(
        command=command,
        variants=tuple(dict.fromkeys(wheel.variant or "no variant" for wheel in wheels)),
        files=tuple(wheel.found.filename for wheel in wheels),
    )


def from_source(name: str, version: str, wheels: Iterable[WheelFacts], *, has_sdist: bool) -> tuple[str, ...]:
    """Return what cannot be installed by its name where no wheel fits."""
    if not has_sdist:
        return ("nothing: there is no sdist among the files",)
    found = []
    wheels = [wheel for wheel in wheels if wheel.label is None]
    spelled = sorted({wheel.found.version for wheel in wheels if wheel.is_spelled})
    renamed = sorted({wheel.found.name for wheel in wheels if normalise(wheel.found.name) != normalise(name)})
    if any(wheel.variant for wheel in wheels):
        found.append(f"`{name}=={version}` builds the default variant, or the one that `CUDAPIN_VARIANT` names")
    else:
        found.append(f"`{name}=={version}`")
    if spelled:
        found.append(
            f"{name_list(spelled)}: not by pip, which refuses a build whose version is not that of the sdist; "
            "uv takes it"
        )
    if renamed:
        found.append(f"{name_list(renamed)}: not at all, since no sdist has that name")
    return tuple(found)
