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
    """One way to ask for a release: the command, and the wheels that it may bring."""

    command: str
    wheels: tuple[WheelFacts, ...]

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants that it brings."""
        return tuple(dict.fromkeys(wheel.variant or "no variant" for wheel in self.wheels))

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files."""
        return tuple(wheel.found.filename for wheel in self.wheels)


def find_ways(name: str, version: str, wheels: Sequence[WheelFacts], to: IndexKind) -> tuple[Way, ...]:
    """Return who gets what. `URL` in a command stands for the index; a variant's tree is that of `cudapin index`.

    What a public index refuses nobody gets.
    """
    wheels = [wheel for wheel in wheels if not _is_refused(wheel, to)]
    index = "" if to == "public" else " --index-url URL/whl"
    ways = []
    plain = unspelled(wheels, name)
    for variant in dict.fromkeys(wheel.variant if index else None for wheel in plain):
        suffix = f"/{variant}" if variant else ""
        found = [wheel for wheel in plain if not index or wheel.variant == variant]
        ways.append(Way(command=f'pip install{index}{suffix} "{name}=={version}"', wheels=tuple(found)))
    spelled: dict[tuple[str, str | None], list[WheelFacts]] = {}
    shown = {wheel.shown for wheel in plain}
    for wheel in wheels:
        if wheel.label is None and wheel.shown not in shown:
            spelled.setdefault((wheel.found.name, wheel.variant), []).append(wheel)
    for (own, variant), found in sorted(spelled.items(), key=lambda item: (item[0][0], item[0][1] or "")):
        suffix = f"/{variant}" if index and variant else ""
        ways.append(Way(command=f'pip install{index}{suffix} "{own}=={version}"', wheels=tuple(found)))
    if labelled := [wheel for wheel in wheels if wheel.label is not None]:
        command = "uv pip install --preview-features wheel-variants --index-url URL/whl/variant"
        ways.append(Way(command=f'{command} "{name}=={version}"', wheels=tuple(labelled)))
    return tuple(ways)


def refused(wheels: Iterable[WheelFacts], to: IndexKind) -> tuple[WheelFacts, ...]:
    """Return the wheels that an index of a kind does not take."""
    return tuple(wheel for wheel in wheels if _is_refused(wheel, to))


def _is_refused(wheel: WheelFacts, to: IndexKind) -> bool:
    return to == "public" and bool(wheel.has_local or wheel.label is not None or wheel.local_platforms)


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
