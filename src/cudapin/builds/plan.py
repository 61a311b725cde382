"""How a wheel is stamped: its metadata, platform tags and record."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cudapin import __version__
from cudapin.builds.guard import plan_guard
from cudapin.builds.judgement import is_readable, locked_build_requirements
from cudapin.core.locate import find_line
from cudapin.core.machine import lowest_driver
from cudapin.core.stamp import default_platforms, stamp_metadata
from cudapin.errors import Code, ConfigError, Problem, Where
from cudapin.run_variables import settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cudapin.builds.judgement import Judgement
    from cudapin.core.config import Variant
    from cudapin.core.lock import Selection
    from cudapin.core.select import Choice
    from cudapin.core.stamp import Metadata
    from cudapin.gate import Gate

__all__ = ["WheelPlan", "empty_record", "plan_metadata", "plan_wheel"]


_SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelPlan:
    """How a wheel is stamped: its metadata, its platform tags (None: as the build made them), its record.

    `guard` is the text of the runtime guard, None where the project wants none.
    """

    metadata: Metadata
    platforms: tuple[str, ...] | None
    record: Mapping[str, Any]
    guard: str | None = None


def plan_wheel(
    gate: Gate, choice: Choice, metadata: Metadata, judgement: Judgement, *, compiled: bool, hatchling: str
) -> WheelPlan:
    """Return the stamp of a wheel that was judged and not refused."""
    record = _record(gate, choice.variant, judgement, compiled=compiled, hatchling=hatchling)
    stamped = plan_metadata(gate, choice.variant, metadata)
    return WheelPlan(
        metadata=stamped,
        platforms=_platforms(gate, choice.variant, compiled=compiled),
        record=record,
        guard=plan_guard(gate, choice.variant, stamped, record["locked"]) if gate.config.guard else None,
    )


def plan_metadata(gate: Gate, variant: Variant, metadata: Metadata) -> Metadata:
    """Return the metadata that the variant's wheel will have."""
    classifiers = [text for cuda in variant.cuda for text in gate.facts.classifiers(cuda)]
    return stamp_metadata(
        metadata, gate.config, variant, _selection(gate, variant), default=gate.default, classifiers=classifiers
    )


def plan_locked(gate: Gate, variant: Variant) -> dict[str, str | None] | None:
    """Return the CUDA-bound packages that the variant locks, with their versions; None where no lock tells."""
    selection = _selection(gate, variant)
    return None if selection is None else _locked(gate, variant, selection)


def _locked(gate: Gate, variant: Variant, selection: Selection) -> dict[str, str | None]:
    return {item.package.name: item.package.version for item in gate.bound(variant, selection)}


def _selection(gate: Gate, variant: Variant) -> Selection | None:
    path = gate.lock_path(variant)
    return gate.select(variant) if path is not None and is_readable(gate.judge_lock(path)) else None


def _platforms(gate: Gate, variant: Variant, *, compiled: bool) -> tuple[str, ...] | None:
    if compiled:
        if "any" in variant.platforms:
            raise ConfigError(_any_with_binaries(gate, variant))
        return variant.platforms or None
    found = default_platforms(variant, gate.environment["sys_platform"], gate.environment["platform_machine"])
    if found is None:
        raise ConfigError(
            Problem(
                code=Code.CP106,
                what=f"the platform of variant `{variant.name}` must be said here",
                why=f"on {gate.environment['sys_platform']} no platform follows from CUDA {variant.cuda[0]}",
                fix=f'add `platforms = ["…"]` to `[tool.cudapin.variants.{variant.name}]`',
            )
        )
    return None if found == ("any",) else found


def _any_with_binaries(gate: Gate, variant: Variant) -> Problem:
    source = gate.project.pyproject.source
    key = ("tool", "cudapin", "variants", variant.name, "platforms")
    return Problem(
        code=Code.CP106,
        what=f"`platforms` of variant `{variant.name}` is `any`, and the wheel has compiled files",
        where=Where(path=source.path, line=find_line(source.text, *key), key=".".join(key)),
        why="compiled files run on one platform only; another build hook says that there are some",
        fix=f"remove `platforms` from `[tool.cudapin.variants.{variant.name}]`",
        variant=variant.name,
    )


def _record(
    gate: Gate,
    variant: Variant,
    judgement: Judgement,
    *,
    compiled: bool,
    hatchling: str,
) -> dict[str, Any]:
    selection = _selection(gate, variant)
    build: dict[str, Any] = {
        "python": platform.python_version(),
        "hatchling": hatchling,
        "requires": {
            item.package.name: {"version": item.package.version, "hashed": item.is_hashed}
            for item in locked_build_requirements(gate, variant)
        },
    }
    if compiled:
        from cudapin.adapters.buildenv import compiler_version
        from cudapin.adapters.toolchain import find_nvcc

        build["cc"] = compiler_version(gate.environ)
        build.update(find_nvcc(os.environ, gate.project.root))
    cuda = [str(item) for item in variant.cuda]
    return {
        **empty_record(),
        "variant": variant.name,
        "cuda": cuda[0] if len(cuda) == 1 else cuda or None,
        "driver": variant.driver or lowest_driver(gate.facts, variant.cuda, gate.platform),
        "arch": list(variant.arch),
        "spelling": gate.config.spelling,
        "lock": _lock_record(gate, variant, judgement),
        "locked": {} if selection is None else _locked(gate, variant, selection),
        "build": build,
        "settings": settings(gate.environ),
        "waived": _waived_record(judgement),
    }


def empty_record() -> dict[str, Any]:
    """Return the record of a wheel that belongs to no variant."""
    return {
        "schema": _SCHEMA,
        "cudapin": __version__,
        "variant": None,
        "cuda": None,
        "driver": None,
        "arch": [],
        "spelling": None,
        "lock": None,
        "locked": {},
        "build": None,
        "binaries": None,
        "settings": {},
        "waived": [],
    }


def _lock_record(gate: Gate, variant: Variant, judgement: Judgement) -> dict[str, str] | None:
    path = gate.lock_path(variant)
    if path is None or path not in judgement.verdicts:
        return None
    verdict = judgement.verdicts[path]
    if not is_readable(verdict):
        return None
    return {
        "path": path,
        "format": gate.lock(path).format,
        "sha256": gate.lock_digest(path),
        "verdict": verdict.freshness,
    }


def _waived_record(judgement: Judgement) -> list[dict[str, str]]:
    pairs = {(problem.code.name, waiver.reason) for problem, waiver in judgement.accepted}
    return [{"code": code, "reason": reason} for code, reason in sorted(pairs)]
