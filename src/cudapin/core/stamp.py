"""What a variant changes in the metadata of its wheel, and the record that says what was built from what."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cudapin.core.names import normalise
from cudapin.core.spelling import spell_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from packaging.requirements import Requirement

    from cudapin.core.config import Config, Pin, Variant
    from cudapin.core.lock import Fork, Selection

__all__ = ["RECORD_NAME", "Metadata", "default_platforms", "is_unspelled", "render_record", "stamp_metadata"]

RECORD_NAME = "cudapin.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """The fields of a project's metadata that a stamp may change; requirements as PEP 508 text."""

    name: str
    version: str
    dependencies: tuple[str, ...]
    optional_dependencies: Mapping[str, tuple[str, ...]]
    classifiers: tuple[str, ...]


def is_unspelled(config: Config, variant: Variant, default: str) -> bool:
    """Tell whether a variant's wheel keeps the project's name, version and extras: the default, unless said."""
    return variant.name == default and not config.spell_default


def stamp_metadata(
    metadata: Metadata,
    config: Config,
    variant: Variant,
    selection: Selection | None,
    *,
    default: str,
    classifiers: Iterable[str],
) -> Metadata:
    """Return the metadata of the variant's wheel. Stamping twice changes nothing more.

    `selection` is what the variant selects from its lock (None without a lock); `classifiers` are those of its CUDA.
    """
    unspelled = is_unspelled(config, variant, default)
    dependencies: Sequence[str] = metadata.dependencies
    extras = dict(metadata.optional_dependencies)
    if config.extras == "fold" and not unspelled:
        own = set(variant.extra or ())
        others = {extra for other in config.variants.values() for extra in _extras_of(other)} - own
        names = {name: normalise(name) for name in extras}
        folded = [text for name in sorted(extras) if names[name] in own for text in extras[name]]
        dependencies = _unique((*dependencies, *folded))
        extras = {
            name: () if names[name] in own else items for name, items in extras.items() if names[name] not in others
        }
    dependencies = _unique((*dependencies, *variant.dependencies))
    if selection is not None:
        own = set(variant.extra or ())
        kept = {
            name: _pinned(items, variant.pin, selection) for name, items in extras.items() if normalise(name) in own
        }
        extras |= kept
        standing = (*dependencies, *(text for items in kept.values() for text in items))
        dependencies = _pinned(dependencies, variant.pin, selection)
        dependencies = _unique((*dependencies, *_added_pins(standing, variant.pin, selection)))
    return Metadata(
        name=metadata.name if unspelled or config.name is None else spell_name(config.name, variant) or metadata.name,
        version=metadata.version if unspelled or config.spelling == "none" else _local(metadata.version, variant.name),
        dependencies=tuple(dependencies),
        optional_dependencies=extras,
        classifiers=_unique((*metadata.classifiers, *classifiers)),
    )


def default_platforms(variant: Variant, platform: str, machine: str) -> tuple[str, ...] | None:
    """Return the platform tags of a variant's wheel without compiled files; None where they must be declared.

    A wheel of no CUDA runs anywhere; one of a CUDA only where that CUDA's libraries do.
    """
    if variant.platforms:
        return variant.platforms
    if not variant.cuda:
        return ("any",)
    if platform == "linux":
        return (f"manylinux_2_17_{machine}",)
    if platform == "win32":
        return (f"win_{machine.lower()}",)
    return None


def render_record(record: Mapping[str, Any]) -> str:
    """Return the JSON text of a record; equal records give equal bytes."""
    return json.dumps(record, indent=1, sort_keys=True) + "\n"


def _extras_of(variant: Variant) -> tuple[str, ...]:
    if variant.extra is not None:
        return variant.extra
    return (normalise(variant.name),) if variant.group is None else ()


def _local(version: str, label: str) -> str:
    """Put the label first in the version's local part (PEP 440): `1.2.dev3+gabc` becomes `1.2.dev3+cu128.gabc`."""
    from packaging.version import Version

    parsed = Version(version)
    if parsed.local is None:
        return f"{version}+{label}"
    label = str(Version(f"0+{label}").local)  # as PEP 440 writes it: a numeric part loses its zeros in front
    if parsed.local == label or parsed.local.startswith(f"{label}."):
        return version
    return f"{parsed.public}+{label}.{parsed.local}"


def _pinned(dependencies: Iterable[str], pins: Mapping[str, Pin], selection: Selection) -> tuple[str, ...]:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    result: list[str] = []
    for text in dependencies:
        requirement = Requirement(text)
        name: str = canonicalize_name(requirement.name)
        if name in pins and _forks(selection, name) and requirement.url is None:
            result.extend(_pin(requirement, pins[name], _forks(selection, name)))
        else:
            result.append(text)
    return _unique(result)


def _added_pins(standing: Iterable[str], pins: Mapping[str, Pin], selection: Selection) -> list[str]:
    """Return a pin for each selected name that no requirement of the wheel asks for yet (a dependency group did)."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    names = {str(canonicalize_name(Requirement(text).name)) for text in standing}
    return [
        text
        for name, pin in sorted(pins.items())
        if name not in names and _forks(selection, name)
        for text in _pin(Requirement(name), pin, _forks(selection, name))
    ]


def _forks(selection: Selection, name: str) -> tuple[Fork, ...]:
    from cudapin.core.lock import Fork

    if forks := selection.forks.get(name):
        return forks
    package = selection.find(name)
    version = package.version if package else None
    return (Fork(version=version, marker=None),) if version else ()


def _pin(requirement: Requirement, pin: Pin, forks: tuple[Fork, ...]) -> list[str]:
    """Return the requirement with its specifier replaced, once per version that the lock gives it."""
    from packaging.markers import Marker
    from packaging.specifiers import SpecifierSet

    if any(_is_pinned(requirement, pin, fork) for fork in forks):
        return [str(requirement)]
    result = []
    for fork in forks:
        pinned = _copy(requirement)
        pinned.specifier = SpecifierSet(_specifier(pin, fork.version))
        if fork.marker is not None and (len(forks) > 1 or requirement.marker is None):
            both = fork.marker if requirement.marker is None else f"({requirement.marker}) and ({fork.marker})"
            pinned.marker = Marker(both)
        result.append(str(pinned))
    return result or [str(requirement)]


def _is_pinned(requirement: Requirement, pin: Pin, fork: Fork) -> bool:
    """Tell whether a requirement is already what this fork makes of it."""
    from packaging.markers import Marker

    if str(requirement.specifier) != _specifier(pin, fork.version):
        return False
    return fork.marker is None or str(Marker(fork.marker)) in str(requirement.marker or "")


def _copy(requirement: Requirement) -> Requirement:
    return type(requirement)(str(requirement))


def _specifier(pin: Pin, version: str) -> str:
    """Write a pin with the public version: a local one would bind users to one index."""
    from packaging.version import Version

    parsed = Version(version)
    if pin == "exact":
        return f"=={parsed.public}"
    if pin == "minor":
        epoch = f"{parsed.epoch}!" if parsed.epoch else ""
        return f"=={epoch}{parsed.major}.{parsed.minor}.*"
    return f">={parsed.public}"


def _unique(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
