"""The rules for one wheel of a release. Each is one function, and says nothing where it cannot judge."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from cudapin.core.fields import name_list
from cudapin.core.names import normalise
from cudapin.core.wheel_name import split_label
from cudapin.errors import Code, Problem
from cudapin.release.index_place import judge_file, variant_of_version
from cudapin.release.pep825 import NULL
from cudapin.release.publish import canonical, problem_at, split_requirements

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cudapin.release.publish import Declared, Expected, IndexKind, WheelFacts

__all__ = ["judge_addresses", "judge_size", "judge_waivers", "judge_wheel"]

DEFAULT_LIMIT = 100 << 20
"""The largest file in bytes that the public index takes from a project without a limit of its own."""
_MIB = 1 << 20
_SHOWN = 3


def judge_wheel(
    wheel: WheelFacts, to: IndexKind, declared: Declared | None, expected: Expected | None
) -> Iterable[Problem]:
    """Return everything that is wrong with one wheel; `expected` is None where its project or variant is not known."""
    yield from wheel.audit.problems
    yield from judge_file(wheel.found)
    yield from _judge_record(wheel, declared)
    yield from _judge_tags(wheel, expected)
    yield from _judge_index(wheel, to)
    yield from judge_addresses(wheel.shown, wheel.requires, to)
    if expected is not None:
        yield from _judge_names(wheel, expected)
        yield from _judge_requirements(wheel, expected)
        yield from _judge_lock(wheel, expected)


def _judge_record(wheel: WheelFacts, declared: Declared | None) -> Iterable[Problem]:
    record = wheel.found.record
    if record is None:
        if wheel.found.record_fault is None and (declared is None or declared.names):
            yield problem_at(
                Code.CP726,
                wheel.shown,
                f"`{wheel.found.filename}` has no record",
                "nothing says which variant it is of and what it was built from",
                "build it with the hook of cudapin: `cudapin build`",
            )
        return
    if wheel.variant is not None and declared is not None and wheel.variant not in declared.names:
        yield problem_at(
            Code.CP727,
            wheel.shown,
            f"`{wheel.found.filename}` is of variant `{wheel.variant}`, which is not declared",
            f"`{declared.origin}` declares {name_list(declared.names)}",
            "build it anew from this release",
            variant=wheel.variant,
        )


def _judge_tags(wheel: WheelFacts, expected: Expected | None) -> Iterable[Problem]:
    name = split_label(wheel.found.filename)[0].removesuffix(".whl")
    parts = [part.split(".") for part in name.split("-")[-3:]]
    named = {"-".join(tag) for tag in itertools.product(*parts)}
    if named != set(wheel.tags):
        why = f"the name says {name_list(sorted(named))}, its WHEEL file {name_list(sorted(set(wheel.tags)))}"
        yield _disagreement(wheel, "the tags in its name are not those inside", why)
    cuda = (wheel.found.record or {}).get("cuda")
    if wheel.variant is None:
        return
    if cuda and wheel.is_pure:
        why = f"its record says CUDA {_text(cuda)}, and its WHEEL file `Root-Is-Purelib: true`"
        yield _disagreement(wheel, "it is of a CUDA and says that it is for any platform", why)
    elif cuda and wheel.platforms == ("any",) and expected is not None and not expected.takes_any:
        why = f"its record says CUDA {_text(cuda)}, its name `any`, and its variant does not have `platforms`"
        yield _disagreement(wheel, "it is of a CUDA and says that it is for any platform", why)
    if wheel.label is not None and (wheel.label == NULL) == bool(cuda):
        why = f"its record says CUDA {_text(cuda)}" if cuda else "its record says no CUDA"
        yield _disagreement(wheel, f"`{wheel.label}` is not the label of its CUDA", why)


def _judge_index(wheel: WheelFacts, to: IndexKind) -> Iterable[Problem]:
    if to != "public":
        return
    if wheel.has_local:
        yield problem_at(
            Code.CP721,
            wheel.shown,
            f"a public index refuses version {wheel.found.version}",
            f"`+{wheel.found.version.partition('+')[2]}` is a local version (PEP 440), which only private indexes take",
            "publish the default variant there and this one on an index of your own, with `--to private`; "
            "or name variants by `name`",
            variant=wheel.variant,
        )
    if wheel.local_platforms:
        of = f"$(cudapin export --variant {wheel.variant} --to auditwheel-excludes) " if wheel.variant else ""
        yield problem_at(
            Code.CP721,
            wheel.shown,
            f"a public index refuses the platform tag `{wheel.local_platforms[0]}`",
            "it says nothing of the system libraries that the wheel needs, which `manylinux` and `musllinux` do",
            f"auditwheel repair {of}{wheel.shown}",
            variant=wheel.variant,
        )
    if wheel.label is not None:
        yield problem_at(
            Code.CP721,
            wheel.shown,
            f"a public index refuses the label `{wheel.label}`",
            "labelled wheels (PEP 825) are provisional, and the public index answers them with an error",
            "publish it on an index of your own: `cudapin index`, and `--to private`",
            variant=wheel.variant,
        )


def judge_addresses(shown: str, requires: Iterable[str], to: IndexKind) -> Iterable[Problem]:
    """Return a problem for each requirement that names an address; private indexes take them, and nobody can mirror."""
    from packaging.requirements import InvalidRequirement, Requirement

    for text in requires:
        try:
            url = Requirement(text).url
        except InvalidRequirement:
            yield problem_at(
                Code.CP731, shown, f"`{text}` is no requirement", "wanted PEP 508", "correct the dependencies"
            )
            continue
        if url is not None:
            name = Requirement(text).name
            yield problem_at(
                Code.CP731,
                shown,
                f"it requires `{name}` from an address",
                "public indexes refuse such files"
                if to == "public"
                else "who installs it needs that address, whatever index is used",
                f"require a released version of `{name}`",
                level="error" if to == "public" else "warning",
            )


def _judge_names(wheel: WheelFacts, expected: Expected) -> Iterable[Problem]:
    wanted, found = expected.metadata, wheel.found
    if normalise(wanted.name) != normalise(found.name):
        yield problem_at(
            Code.CP723,
            wheel.shown,
            f"a wheel of variant `{wheel.variant}` is called `{found.name}`",
            f"wanted `{wanted.name}`, by the `name` of `[tool.cudapin]`",
            f"build variant `{wheel.variant}` anew",
            variant=wheel.variant,
        )
    if wheel.label is None and not _is_version(wanted.version, found.version):
        said = variant_of_version(found.version)
        if not wheel.is_spelled and not expected.is_unspelled:
            return  # the rule of the default says it
        why = f"wanted {wanted.version} for variant `{wheel.variant}`, found {found.version}"
        what = "its version is not that of its variant" if said else "its version is not that of its project"
        yield _disagreement(wheel, what, why)


def _is_version(wanted: str, found: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(wanted) == Version(found)
    except InvalidVersion:
        return False


def _judge_requirements(wheel: WheelFacts, expected: Expected) -> Iterable[Problem]:
    from packaging.requirements import InvalidRequirement

    metadata = expected.metadata
    extras = {normalise(name) for name in metadata.optional_dependencies}
    if extras != {normalise(name) for name in wheel.extras}:
        why = f"wanted the extras {name_list(sorted(extras))}, found {name_list(sorted(wheel.extras))}"
        yield _requirement_problem(wheel, why)
        return
    try:
        wanted = canonical({"": metadata.dependencies, **metadata.optional_dependencies})
        found = canonical(split_requirements(wheel.requires))
    except InvalidRequirement:
        return  # the rule of addresses names it
    for extra in sorted({*wanted, *found}):
        one, two = wanted.get(extra, frozenset()), found.get(extra, frozenset())
        if one != two:
            of = f"extra `{extra}`: " if extra else ""
            yield _requirement_problem(wheel, f"{of}{_difference(one, two)}")
            return


def _difference(wanted: frozenset[str], found: frozenset[str]) -> str:
    missing, surplus = sorted(wanted - found), sorted(found - wanted)
    parts = [f"wanted {name_list(missing[:_SHOWN])}"] if missing else []
    parts += [f"found {name_list(surplus[:_SHOWN])}"] if surplus else []
    if missing and surplus:
        return ", ".join(parts)
    return f"{parts[0]}, {'which it lacks' if missing else 'which nothing declares'}"


def _judge_lock(wheel: WheelFacts, expected: Expected) -> Iterable[Problem]:
    """Return a problem where a wheel was built from another lock file than the release has.

    Line ends make another file, too, so that only other packages are a fault. Of a wheel for any platform nothing says
    for which one its lock was asked.
    """
    record = wheel.found.record or {}
    lock, locked = record.get("lock"), record.get("locked")
    sha256 = lock.get("sha256") if isinstance(lock, dict) else None
    if not isinstance(sha256, str) or expected.lock in (None, sha256):
        return
    if isinstance(locked, dict) and expected.locked is not None and "any" not in wheel.platforms:
        other = next(
            (name for name in sorted({*locked, *expected.locked}) if locked.get(name) != expected.locked.get(name)),
            None,
        )
        if other is not None:
            why = f"its record has `{other}` {locked.get(other, 'not at all')}, "
            why += f"the lock of the release {expected.locked.get(other, 'not at all')}"
            yield _disagreement(wheel, "it was built from another lock file", why)
            return
    yield problem_at(
        Code.CP735,
        wheel.shown,
        f"`{wheel.found.filename}` was built from another lock file than the release has",
        f"its record has SHA-256 {sha256[:12]}…, the lock of the release {str(expected.lock)[:12]}…; whether what it "
        "was built with differs is not known",
        f"build variant `{wheel.variant}` anew from this release",
        level="warning",
        variant=wheel.variant,
    )


def _requirement_problem(wheel: WheelFacts, why: str) -> Problem:
    return problem_at(
        Code.CP725,
        wheel.shown,
        f"`{wheel.found.filename}` does not require what variant `{wheel.variant}` does",
        why,
        f"build variant `{wheel.variant}` anew from this release",
        key="Requires-Dist",
        variant=wheel.variant,
    )


def judge_waivers(
    shown: str, record: Mapping[str, object] | None, *, is_waiving: bool
) -> Iterable[tuple[Problem, bool]]:
    """Return each waiver and switch that a record names, as a problem, and whether it was accepted."""
    record = record or {}
    waived, settings = record.get("waived"), record.get("settings")
    texts = [
        (f"{item.get('code')} was waived", f"{item.get('reason') or 'no reason is given'}")
        for item in (waived if isinstance(waived, list) else [])
        if isinstance(item, dict)
    ]
    texts += [
        (f"it was built with {name}={value}", "the switch changes what is checked or written")
        for name, value in sorted((settings if isinstance(settings, dict) else {}).items())
    ]
    for what, why in texts:
        fix = "mend what it is about and build anew, or accept it: `--accept-waivers`"
        yield problem_at(Code.CP732, shown, what, why, fix), is_waiving


def judge_size(shown: str, size: int, limit: int | None, to: IndexKind) -> Iterable[Problem]:
    """Return a problem for a file above the limit; without one, a warning above what the public index takes."""
    if limit is not None and size > limit:
        why = f"it has {_mib(size)}, the limit is {_mib(limit)}"
        fix = "leave out architectures or libraries, or raise `--max-size`"
        yield problem_at(Code.CP734, shown, "it is too large", why, fix)
    elif limit is None and to == "public" and size > DEFAULT_LIMIT:
        why = f"it has {_mib(size)}; the public index takes {_mib(DEFAULT_LIMIT)} unless it grants a project more"
        fix = "ask the index for a higher limit, and name it with `--max-size`"
        yield problem_at(Code.CP734, shown, "it may be too large", why, fix, level="warning")


def _mib(size: int) -> str:
    return f"{size / _MIB:.1f} MiB" if size >= _MIB else f"{size} bytes"


def _text(cuda: object) -> str:
    return ", ".join(map(str, cuda)) if isinstance(cuda, list) else str(cuda)


def _disagreement(wheel: WheelFacts, what: str, why: str) -> Problem:
    return problem_at(
        Code.CP727,
        wheel.shown,
        f"`{wheel.found.filename}`: {what}",
        why,
        f"build variant `{wheel.variant}` anew, and do not rename its wheel",
        variant=wheel.variant,
    )
