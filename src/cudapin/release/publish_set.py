"""The rules for the wheels of one release together: who stands for the default, what is missing, what differs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cudapin.core.fields import name_list
from cudapin.core.names import normalise
from cudapin.errors import Code, Problem
from cudapin.release.publish import problem_at, split_requirements

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cudapin.release.publish import Declared, Expected, IndexKind, WheelFacts

__all__ = [
    "judge_default",
    "judge_dependencies",
    "judge_files",
    "judge_missing",
    "judge_previous",
    "judge_pythons",
    "unspelled",
]

_LIBC = re.compile(r"(?:many)?linux(?:1|2010|2014|_\d+_\d+)?_(?=[a-z])|(?<=musllinux)_\d+_\d+|(?<=macosx)_\d+_\d+")
_DEVICE_CODE = (".a", ".lib", ".o", ".obj", ".cubin", ".ptx", ".fatbin", ".so", ".pyd", ".dll", ".dylib")
_GUARD = b"# Made by cudapin"
_SHOWN = 3


def unspelled(wheels: Iterable[WheelFacts], name: str) -> tuple[WheelFacts, ...]:
    """Return the wheels that a plain `pip install NAME` may take: the project's name, no local version, no label."""
    return tuple(
        wheel
        for wheel in wheels
        if wheel.label is None and not wheel.is_spelled and normalise(wheel.found.name) == normalise(name)
    )


def judge_default(
    wheels: Sequence[WheelFacts], declared: Declared, expected: Mapping[str, Expected], to: IndexKind
) -> Iterable[Problem]:
    """Return a problem for each wheel of another variant with the name and version that belong to the default.

    `expected` is by path. Without any spelling each variant has an index of its own, which no public one is.
    """
    has_own_index = declared.has_own_indexes(to)
    for wheel in unspelled(wheels, declared.name):
        want = expected.get(wheel.shown)
        if want is None or wheel.variant is None or want.is_unspelled or has_own_index:
            continue
        cuda = (wheel.found.record or {}).get("cuda")
        default = "no variant: `spell-default`" if declared.spell_default else f"the default variant, `{want.default}`"
        yield problem_at(
            Code.CP722,
            wheel.shown,
            f"`{wheel.found.filename}` is of variant `{wheel.variant}` and stands where the default belongs",
            f"a plain `pip install {declared.name}` gets it ({f'CUDA {cuda}' if cuda else 'no CUDA'}); "
            f"wanted {default}",
            f"build it anew: `cudapin build --variant {want.default}`"
            if not declared.spell_default
            else f"build variant `{wheel.variant}` anew",
            variant=wheel.variant,
        )


def judge_missing(
    wheels: Iterable[WheelFacts], declared: Declared, to: IndexKind, where: str
) -> tuple[tuple[Problem, ...], tuple[str, ...]]:
    """Return a problem for declared variants without a wheel, and the variants that a public index cannot have."""
    there = {wheel.variant for wheel in wheels}
    missing = [name for name in declared.names if name not in there]
    spelled = to == "public" and declared.spelling == "local"
    elsewhere = tuple(name for name in missing if spelled and (declared.spell_default or name not in declared.defaults))
    missing = [name for name in missing if name not in elsewhere]
    if spelled and len(set(declared.defaults) & set(missing)) < len(declared.defaults):
        missing = [name for name in missing if name not in declared.defaults]  # one default is there, for its platforms
    if not missing:
        return (), elsewhere
    problem = problem_at(
        Code.CP728,
        where,
        f"there is no wheel of {_variants(missing)}",
        f"`{declared.origin}` declares {name_list(declared.names)}, found {name_list(sorted(filter(None, there)))}",
        f"build it: `cudapin build --variant {' --variant '.join(missing)}`, or name its folder, too",
    )
    return (problem,), elsewhere


def _variants(names: Sequence[str]) -> str:
    return f"variant{'s' if len(names) > 1 else ''} {name_list(names)}"


# What they hold


def judge_files(wheels: Sequence[WheelFacts]) -> Iterable[Problem]:
    """Return a problem for each wheel whose files are not those of another variant for its Python and platform.

    Compiled files, the runtime guard and `.dist-info`, but for the entry points, are what variants differ in.
    """
    for position, wheel in enumerate(wheels):
        other = next((one for one in wheels[:position] if _are_comparable(one, wheel)), None)
        if other is None:
            continue
        ours, theirs = _compared(wheel), _compared(other)
        paths = sorted(path for path in {*ours, *theirs} if ours.get(path) != theirs.get(path))
        paths = [path for path in paths if not (_is_guard(wheel, path, ours) and _is_guard(other, path, theirs))]
        if not paths:
            continue
        first = paths[0]
        if first in ours and first in theirs:
            why = f"`{first}` is another file in each"
        else:
            has, lacks = (wheel, other) if first in ours else (other, wheel)
            why = f"`{has.found.filename}` has `{first}`, `{lacks.found.filename}` has not"
        more = f"; and {len(paths) - 1} more files" if len(paths) > 1 else ""
        yield problem_at(
            Code.CP724,
            wheel.shown,
            f"variants `{other.variant}` and `{wheel.variant}` hold different files",
            f"{why}{more}; compiled files and the guard may differ, nothing else does by the variant",
            "build both anew from one sdist, or remove old files from the build folder",
            key=first,
            variant=wheel.variant,
        )


def judge_pythons(wheels: Sequence[WheelFacts]) -> Iterable[Problem]:
    """Return a problem for the first wheel with another `Requires-Python`: nothing in a variant changes that."""
    for wheel in wheels[1:]:
        first = wheels[0]
        if _specifiers(wheel.found.requires_python) != _specifiers(first.found.requires_python):
            yield problem_at(
                Code.CP725,
                wheel.shown,
                f"variants `{first.variant}` and `{wheel.variant}` are for different Pythons",
                f"its Requires-Python is `{wheel.found.requires_python}`, that of `{first.found.filename}` "
                f"`{first.found.requires_python}`; installers would fall back to the other variant",
                "build both anew from one sdist",
                key="Requires-Python",
                variant=wheel.variant,
            )
            return


def _specifiers(text: str | None) -> frozenset[str]:
    return frozenset(part.strip().replace(" ", "") for part in (text or "").split(",") if part.strip())


def _are_comparable(one: WheelFacts, other: WheelFacts) -> bool:
    families = [{_family(platform) for platform in wheel.platforms} for wheel in (one, other)]
    is_same = bool(families[0] & families[1]) or {"any"} in families
    return is_same and (one.interpreter, one.abi) == (other.interpreter, other.abi)


def _family(platform: str) -> str:
    """Return a platform tag without its age: `manylinux_2_17_x86_64` and `linux_x86_64` are one."""
    return _LIBC.sub("linux_" if "linux" in platform and "musl" not in platform else "", platform)


def _compared(wheel: WheelFacts) -> dict[str, str]:
    compiled = {binary.path for binary in wheel.audit.subject.binaries}
    found = {}
    for path, digest in wheel.files.items():
        top, _, rest = path.partition("/")
        if top.endswith(".dist-info") and rest == "entry_points.txt":
            found["*.dist-info/entry_points.txt"] = digest
            continue
        if top.endswith((".dist-info", ".libs")) or path in compiled or path.endswith(_DEVICE_CODE) or ".so." in path:
            continue
        found[f"*.data/{rest}" if top.endswith(".data") else path] = digest
    return found


def _is_guard(wheel: WheelFacts, path: str, files: Mapping[str, str]) -> bool:
    return path in files and path.endswith(".py") and wheel.starts_with(path, _GUARD)


def judge_dependencies(wheels: Sequence[WheelFacts], known: Mapping[str, Expected]) -> Iterable[Problem]:
    """Warn of names that one variant requires and another does not, where no project says that it is so.

    What an extra of a wheel brings, or the record has as locked, is a variant's own.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    open_ = [wheel for wheel in wheels if wheel.shown not in known and wheel.variant is not None]
    names: dict[str, set[str]] = {}
    explained: set[str] = set()
    for wheel in open_:
        parts = split_requirements(wheel.requires)
        locked = (wheel.found.record or {}).get("locked")
        explained.update(locked if isinstance(locked, dict) else ())
        for extra, texts in parts.items():
            try:
                found = {normalise(Requirement(text).name) for text in texts}
            except InvalidRequirement:
                return
            if extra:
                explained |= found
            else:
                names[wheel.shown] = found
    for wheel in open_[1:]:
        first = open_[0]
        ours, theirs = names.get(wheel.shown, set()), names.get(first.shown, set())
        differing = sorted((ours ^ theirs) - explained)
        if differing and wheel.variant != first.variant:
            yield problem_at(
                Code.CP735,
                wheel.shown,
                f"whether variants `{first.variant}` and `{wheel.variant}` may require different packages is not known",
                f"only one of them requires {name_list(differing[:_SHOWN])}, and no extra or record says why",
                "give the sdist, too, or name the project with `--project`",
                level="warning",
                key="Requires-Dist",
                variant=wheel.variant,
            )


def judge_previous(name: str, wheels: Sequence[WheelFacts], previous: Sequence[WheelFacts]) -> Iterable[Problem]:
    """Return a problem where a plain install gets another variant than from the release before; both unspelled."""
    for wheel in wheels:
        for before in previous:
            comparable = {_family(one) for one in wheel.platforms} & {_family(one) for one in before.platforms}
            if "any" in (*wheel.platforms, *before.platforms):
                comparable.add("any")
            if not comparable or None in (wheel.variant, before.variant) or wheel.variant == before.variant:
                continue
            yield problem_at(
                Code.CP733,
                wheel.shown,
                f"the default variant is `{wheel.variant}` now and was `{before.variant}`",
                f"`pip install -U {name}` moves everybody from `{before.found.filename}` to `{wheel.found.filename}`",
                f'set `default = "{before.variant}"`, or leave `--previous` out to change it',
                variant=wheel.variant,
            )
            return
