"""`[tool.cudapin]` as frozen values, with every fault of the table reported in one run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from cudapin.core.config_checks import check_default, check_labels, check_lock, check_names, check_waivers
from cudapin.core.cuda import CudaVersion, cuda_of_variant_name
from cudapin.core.fields import Fields, name_list
from cudapin.core.names import normalise
from cudapin.core.spelling import fill
from cudapin.core.values import (
    GUARD_FORM,
    as_archs,
    as_cudas,
    as_date,
    as_driver,
    as_guard,
    as_marker,
    as_markers,
    as_platforms,
    as_requirements,
    as_specifier,
    is_label,
    is_name,
)
from cudapin.errors import Code, ConfigError, Problem

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping

    from cudapin.core.lock import Source

__all__ = ["Config", "Pin", "Variant", "Waiver", "for_environment", "parse_config"]

T = TypeVar("T")
Pin = Literal["exact", "minor", "minimum"]
_PINS: tuple[Pin, ...] = ("exact", "minor", "minimum")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """One accepted problem: `[[tool.cudapin.allow]]`, or a code from `CUDAPIN_ALLOW`."""

    code: Code
    reason: str
    variant: str | None = None
    package: str | None = None
    until: dt.date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One declared variant. `extras` and `groups` are None where the default (its own name) is to be looked up."""

    name: str
    cuda: tuple[CudaVersion, ...] = ()
    extra: tuple[str, ...] | None = None
    group: tuple[str, ...] | None = None
    lock: str | None = None
    index: str | None = None
    dependencies: tuple[str, ...] = ()
    build_requires: tuple[str, ...] = ()
    pin: Mapping[str, Pin] = field(default_factory=dict)
    arch: tuple[str, ...] = ()
    driver: str | None = None
    platforms: tuple[str, ...] = ()
    requires_python: str | None = None
    environments: tuple[str, ...] = ()
    overrides: tuple[tuple[str, Mapping[str, Any]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CudaBound:
    """A package named by the user as tied to a CUDA, with the pattern that finds the CUDA in its version or name."""

    name: str
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole of `[tool.cudapin]`; without the table, a lock gate and no variants."""

    variants: Mapping[str, Variant] = field(default_factory=dict)
    default: tuple[str, ...] = ()
    lock: str | None = None
    has_lock_gate: bool = True
    spelling: Literal["local", "none"] = "local"
    name: str | None = None
    spell_default: bool = False
    extras: Literal["fold", "keep"] = "fold"
    cuda_bound: tuple[CudaBound, ...] = ()
    guard: str | None = None
    sbom: bool = False
    allow: tuple[Waiver, ...] = ()


_TABLE_KEYS = (
    "default",
    "lock",
    "spelling",
    "name",
    "spell-default",
    "extras",
    "pin",
    "build-requires",
    "cuda-bound",
    "guard",
    "sbom",
    "allow",
    "variants",
)
_VARIANT_KEYS = (
    "cuda",
    "extra",
    "group",
    "lock",
    "index",
    "dependencies",
    "build-requires",
    "pin",
    "arch",
    "driver",
    "platforms",
    "requires-python",
    "environments",
)


def parse_config(table: object, source: Source) -> Config:
    """Read the `[tool.cudapin]` table of the `pyproject.toml` in `source`; None reads as an absent table.

    Raises ConfigError with every fault of the table.
    """
    problems: list[Problem] = []
    top = Fields({} if table is None else table, source, ("tool", "cudapin"), problems)
    top.only(_TABLE_KEYS)
    variants = _variants(top)
    name = _name_template(top)
    config = Config(
        variants=variants,
        default=top.texts("default") or _only_default(variants),
        lock=None if top.table.get("lock") is False else top.text("lock"),
        has_lock_gate=top.table.get("lock") is not False,
        spelling=cast("Any", top.choice("spelling", ("local", "none")) or ("none" if name else "local")),
        name=name,
        spell_default=top.flag("spell-default"),
        extras=cast("Any", top.choice("extras", ("fold", "keep")) or "fold"),
        cuda_bound=_cuda_bound(top),
        guard=top.get("guard", GUARD_FORM, as_guard, None),
        sbom=top.flag("sbom"),
        allow=tuple(_waiver(item) for item in top.children("allow")),
    )
    check_default(top, config)
    check_labels(top, config)
    check_lock(top, config)
    check_names(top, config)
    check_waivers(top, config)
    if problems:
        raise ConfigError(*problems)
    return config


def for_environment(variant: Variant, environment: Mapping[str, str]) -> Variant:
    """Apply the variant's overrides whose marker holds in the environment, in order."""
    from packaging.markers import Marker

    for when, changes in variant.overrides:
        if Marker(when).evaluate(dict(environment)):
            variant = replace(variant, **changes)
    return replace(variant, overrides=())


def _only_default(variants: Mapping[str, Variant]) -> tuple[str, ...]:
    if "cpu" in variants:
        return ("cpu",)
    return tuple(variants) if len(variants) == 1 else ()


def _variants(top: Fields) -> dict[str, Variant]:
    shared_pin = _pins(top)
    shared_build = tuple(normalise(name) for name in top.texts("build-requires") or ())
    table = top.child("variants")
    result: dict[str, Variant] = {}
    for name in table.table:
        fields_ = table.child(name)
        fields_.only((*_VARIANT_KEYS, "overrides"))
        if not is_label(name) or name == "auto":
            why = "a variant name is lower-case letters, digits and dots, since it becomes part of a version"
            table.fault(
                Code.CP103,
                name,
                what=f"`{name}` cannot be the name of a variant",
                why="`auto` asks for the best variant of the machine" if name == "auto" else why,
                fix=f"rename `{name}`",
            )
        values = {"cuda": _default_cuda(name), **_variant_values(fields_)}
        values["build_requires"] = _unique((*shared_build, *values.get("build_requires", ())))
        values["pin"] = {**shared_pin, **values.get("pin", {})}
        result[name] = Variant(name=name, overrides=_overrides(fields_, values), **values)
    return result


def _overrides(variant: Fields, base: Mapping[str, Any]) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    result = []
    for item in variant.children("overrides"):
        item.only((*_VARIANT_KEYS, "when"))
        values = _variant_values(item)
        if "build_requires" in values:
            values["build_requires"] = _unique((*base["build_requires"], *values["build_requires"]))
        if "pin" in values:
            values["pin"] = {**base["pin"], **values["pin"]}
        when = item.get("when", "a PEP 508 marker", as_marker, "")
        if when:
            result.append((when, values))
        elif "when" not in item.table:
            item.fault(
                Code.CP103,
                what="an override has no `when`",
                why="`when` is the marker that says where the override counts",
                fix="add `when = \"platform_machine == 'aarch64'\"` or the like",
            )
    return tuple(result)


def _variant_values(item: Fields) -> dict[str, Any]:
    """Return the values of the keys that are present, by attribute name."""
    readers: dict[str, Callable[[], Any]] = {
        "cuda": lambda: item.get("cuda", 'a CUDA version such as `"12.8"` or `"12"`, or a list of them', as_cudas, ()),
        "index": lambda: item.text("index"),
        "lock": lambda: item.text("lock"),
        "pin": lambda: _pins(item),
        "dependencies": lambda: item.get("dependencies", "a list of PEP 508 requirements", as_requirements, ()),
        "build-requires": lambda: item.texts("build-requires"),
        "arch": lambda: item.get(
            "arch", 'a list of compute capabilities such as `"9.0"` or `"12.0+ptx"`', as_archs, ()
        ),
        "driver": lambda: item.get("driver", "a driver version such as `570.86.10`", as_driver, None),
        "platforms": lambda: item.get(
            "platforms", "a list of platform tags such as `manylinux_2_28_x86_64`, or `any` alone", as_platforms, ()
        ),
        "requires-python": lambda: item.get("requires-python", "a PEP 440 specifier", as_specifier, None),
        "environments": lambda: item.get("environments", "a list of PEP 508 markers", as_markers, ()),
    }
    for key in ("extra", "group"):
        readers[key] = lambda key=key: item.texts(key)  # type: ignore[misc]
    values = {key.replace("-", "_"): read() for key, read in readers.items() if key in item.table}
    for key in ("extra", "group", "build_requires"):
        if values.get(key):
            values[key] = tuple(normalise(name) for name in values[key])
    return values


def _pins(item: Fields) -> dict[str, Pin]:
    wanted = f"a list of names, or a table of names with {name_list(_PINS)}"

    def convert(value: object) -> dict[str, Pin] | None:
        if isinstance(value, list) and all(isinstance(name, str) for name in value):
            return {normalise(name): "exact" for name in value}
        if isinstance(value, dict) and all(kind in _PINS for kind in value.values()):
            return {normalise(name): kind for name, kind in value.items()}
        return None

    return item.get("pin", wanted, convert, {})


def _waiver(item: Fields) -> Waiver:
    item.only(("code", "variant", "package", "reason", "until"))
    wanted = "the code of a problem, such as `CP301`"
    code = item.get("code", wanted, lambda value: Code.__members__.get(str(value)), Code.CP900)
    reason, package = item.text("reason"), item.text("package")
    for key in ("code", "reason"):
        if key not in item.table:
            item.fault(
                Code.CP103,
                what=f"a waiver has no `{key}`",
                why="`code` and `reason` are required, and recorded in the wheel",
                fix=f"add `{key}`",
            )
    until = item.get("until", "a date such as `2027-01-31`", as_date, None)
    variant = item.text("variant")
    return Waiver(
        code=code,
        reason=reason or "",
        variant=variant,
        package=normalise(package) if package else None,
        until=until,
    )


def _cuda_bound(top: Fields) -> tuple[CudaBound, ...]:
    import re

    wanted = "a table of package names with a pattern that has the group `major`"

    def convert(value: object) -> tuple[CudaBound, ...] | None:
        if not isinstance(value, dict):
            return None
        result = []
        for name, pattern in value.items():
            try:
                groups = re.compile(pattern).groupindex
            except (re.error, TypeError):
                return None
            if "major" not in groups:
                return None
            result.append(CudaBound(name=normalise(name), pattern=pattern))
        return tuple(result)

    return top.get("cuda-bound", wanted, convert, ())


def _name_template(top: Fields) -> str | None:
    wanted = "a project name, with `{variant}`, `{major}` or `{minor}` in it"

    def convert(value: object) -> str | None:
        if not isinstance(value, str):
            return None
        filled = fill(value, {"variant": "cu128", "major": "12", "minor": "8"})
        return value if filled is not None and filled != value and is_name(filled) else None

    return top.get("name", wanted, convert, "") or None


def _default_cuda(name: str) -> tuple[CudaVersion, ...]:
    cuda = cuda_of_variant_name(name)
    return () if cuda is None else (cuda,)


def _unique(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
