"""Faults that only show when all of `[tool.cudapin]` is known: what its keys say of each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.fields import name_list, nearest
from cudapin.core.spelling import spell_name
from cudapin.core.values import is_label
from cudapin.errors import Code

if TYPE_CHECKING:
    from cudapin.core.config import Config
    from cudapin.core.fields import Fields

__all__ = ["check_default", "check_labels", "check_lock", "check_names", "check_waivers"]


def check_default(top: Fields, config: Config) -> None:
    """Record a default that is not declared, or that cannot be told."""
    if not config.variants:
        return
    for name in config.default:
        if name not in config.variants:
            top.fault(
                Code.CP104,
                "default",
                what=f"the default variant `{name}` is not declared",
                why=f"the declared variants are {name_list(config.variants)}",
                fix=nearest(name, config.variants),
            )
    if not config.default and top.table.get("default", []) == []:
        top.fault(
            Code.CP105,
            what="no default variant is named",
            why=f"there is no variant `cpu`, and there are several: {name_list(config.variants)}",
            fix='add `default = "…"` to `[tool.cudapin]`',
        )


def check_labels(top: Fields, config: Config) -> None:
    """Record two variants that a version could not tell apart: PEP 440 writes the label `012` as `12`."""
    if len(config.variants) < 2:  # noqa: PLR2004
        return
    from packaging.version import Version

    seen: dict[str, str] = {}
    for name in config.variants:
        label = str(Version(f"0+{name}").local) if is_label(name) else name
        if other := seen.get(label):
            top.fault(
                Code.CP106,
                *("variants", name),
                what=f"variants `{other}` and `{name}` would both be spelled `+{label}`",
                why="a local version writes numbers without zeros in front (PEP 440)",
                fix=f"rename `{name}`",
            )
        seen.setdefault(label, name)


def check_lock(top: Fields, config: Config) -> None:
    """Record a placeholder that means nothing, and settings that need a lock where there is none."""
    if config.has_lock_gate:
        locks: dict[tuple[str, ...], str | None] = {("lock",): config.lock}
        locks |= {("variants", variant.name, "lock"): variant.lock for variant in config.variants.values()}
        for place, lock in locks.items():
            if lock and "{" in lock.replace("{variant}", ""):
                top.fault(
                    Code.CP103,
                    *place,
                    what=f"`{'.'.join(('tool', 'cudapin', *place))}` has a placeholder that means nothing",
                    why=f"found `{lock}`; the only placeholder is `{{variant}}`",
                    fix="use `{variant}`",
                )
        return
    if config.sbom:
        top.fault(
            Code.CP106,
            "lock",
            what="`lock = false`, and yet `sbom` needs a lock file",
            why="`sbom` lists the packages of the lock file",
            fix="remove `lock = false`, or `sbom`",
        )
    for variant in config.variants.values():
        for key, names in (("pin", variant.pin), ("build-requires", variant.build_requires)):
            if names:
                top.fault(
                    Code.CP106,
                    "lock",
                    what=f"`lock = false`, and yet `{key}` of variant `{variant.name}` needs a lock file",
                    why=f"`{key}` takes the versions of {name_list(names)} from the lock file",
                    fix=f"remove `lock = false`, or `{key}`",
                )


def check_waivers(top: Fields, config: Config) -> None:
    """Record a waiver for a variant that is not declared."""
    for position, waiver in enumerate(config.allow):
        if waiver.variant is not None and waiver.variant not in config.variants:
            top.fault(
                Code.CP104,
                *("allow", str(position), "variant"),
                what=f"a waiver names the variant `{waiver.variant}`, which is not declared",
                why=f"the declared variants are {name_list(config.variants)}",
                fix=nearest(waiver.variant, config.variants),
            )


def check_names(top: Fields, config: Config) -> None:
    """Two variants whose wheels could not be told apart by name are an error."""
    if config.name is None:
        return
    seen: dict[str, str] = {}
    for variant in config.variants.values():
        if variant.name in config.default[:1] and not config.spell_default:
            continue
        spelled = spell_name(config.name, variant)
        if spelled is None:
            top.fault(
                Code.CP106,
                "name",
                what=f"variant `{variant.name}` cannot be spelled by `{config.name}`",
                why=f"variant `{variant.name}` has no single CUDA version to fill in",
                fix="use `{variant}` in `name`",
            )
        elif other := seen.get(spelled):
            top.fault(
                Code.CP106,
                "name",
                what=f"variants `{other}` and `{variant.name}` would both be named `{spelled}`",
                why="two variants of one name could not be told apart",
                fix="use `{variant}` in `name`",
            )
        else:
            seen[spelled] = variant.name
