"""A derived lock file and what its source gives, compared package by package in several environments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cudapin.errors import LockError
from cudapin.locks.derived.cudapin import CudapinDerivation
from cudapin.locks.derived.pins import DerivedFile, Pin, differing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["Difference", "compare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One package that differs: what was wanted and found as messages say it, with the lines of both files."""

    name: str
    wanted: str
    found: str
    line: int | None
    source_line: int | None
    place: str = ""


class _Derivation(Protocol):
    def is_supported(self, environment: Mapping[str, str]) -> bool: ...
    def pins(self, environment: Mapping[str, str]) -> tuple[Pin, ...]: ...


def compare(
    derived: DerivedFile,
    derivation: _Derivation,
    environments: Sequence[Mapping[str, str]],
    *,
    is_hashed: bool,
) -> Iterator[Difference]:
    """Yield the first difference of each package, by the order of the environments.

    Environments for which one of the two files is not made are left out. Raises LockError where none is left.
    """
    seen: set[str] = set()
    refused: LockError | None = None
    is_compared = False
    is_exact = isinstance(derivation, CudapinDerivation)
    for environment in environments:
        try:
            if not derivation.is_supported(environment):
                continue
            wanted = derivation.pins(environment)
            found = derived.pins(environment)
        except LockError as error:
            refused = refused or error
            continue
        is_compared = True
        for difference in _compare_here(wanted, found, environment, is_hashed=is_hashed, is_exact=is_exact):
            if difference.name not in seen:
                seen.add(difference.name)
                yield difference
    if not is_compared and refused is not None:
        raise refused


def _compare_here(
    wanted: Iterable[Pin], found: Iterable[Pin], environment: Mapping[str, str], *, is_hashed: bool, is_exact: bool
) -> Iterator[Difference]:
    place = f" for Python {environment['python_version']} on {environment['sys_platform']}"
    left, right = _by_name(wanted), _by_name(found)
    for name in sorted({*left, *right}):
        pins = left.get(name, []), right.get(name, [])
        if not all(pins):
            pin = (pins[0] or pins[1])[0]
            yield Difference(
                name=name,
                wanted=_shown(pin) if pins[0] else f"no `{name}`",
                found=f"no `{name}`" if pins[0] else _shown(pin),
                line=pins[1][0].line if pins[1] else None,
                source_line=pins[0][0].line if pins[0] else None,
                place=place,
            )
            continue
        for pin, other in _pairs(*pins):
            texts = differing(pin, other, is_hashed=is_hashed)
            if texts is None and is_exact and (pin.address is None) != (other.address is None):
                texts = _shown(pin), _shown(other)
            if texts is not None:
                yield Difference(
                    name=name, wanted=texts[0], found=texts[1], line=other.line, source_line=pin.line, place=place
                )


def _pairs(wanted: list[Pin], found: list[Pin]) -> Iterator[tuple[Pin, Pin]]:
    """Pair the pins of one name: where there are several, those that agree are left out."""
    if len(wanted) == len(found) == 1:
        yield wanted[0], found[0]
        return
    for pin in wanted:
        if not any(differing(pin, other, is_hashed=False) is None for other in found):
            yield pin, found[0]
    for other in found:
        if not any(differing(pin, other, is_hashed=False) is None for pin in wanted):
            yield wanted[0], other


def _by_name(pins: Iterable[Pin]) -> dict[str, list[Pin]]:
    result: dict[str, list[Pin]] = {}
    for pin in pins:
        result.setdefault(pin.name, []).append(pin)
    return result


def _shown(pin: Pin) -> str:
    if pin.version is not None:
        return f"`{pin.name}=={pin.version}`"
    return f"`{pin.name} @ {pin.address.partition('#')[0]}`" if pin.address else f"`{pin.name}`"
