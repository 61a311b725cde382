"""One function per command: values in, problems and data out; nothing here prints or exits."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cudapin.adapters.project import find_members
from cudapin.cli.static import judge_static
from cudapin.core.config import Variant
from cudapin.core.fields import name_list, nearest
from cudapin.core.index import strip_credentials
from cudapin.core.verdict import exit_code
from cudapin.errors import Code, ConfigError, CudapinError, Problem, Where, sort_problems
from cudapin.gate import Gate, open_gate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from cudapin.core.lock import LockVerdict, Selection

__all__ = ["Outcome", "check", "lock_check", "lock_show"]

_WORST = ("missing", "stale", "unknown", "fresh")
_PLATFORM = re.compile(
    r"(?:many|musl)?(?P<system>linux|macosx)(?:\d+|_\d+_\d+)?_(?P<machine>[a-z]\w+)|win_amd64|win_arm64|win32"
)
_MARKERS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    "macosx": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
    "win": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a command found: its problems, its text for stdout, its JSON keys, and notes for `-v`."""

    problems: tuple[Problem, ...]
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def check(root: Path, environ: Mapping[str, str], names: Sequence[str] | None) -> Outcome:
    """Run every static check on the project; at a uv workspace root, on every member."""
    problems: list[Problem] = []
    rows: list[dict[str, Any]] = []
    texts: list[str] = []
    notes: list[str] = []
    members = find_members(root)
    gates: list[tuple[str, Gate]] = []
    for member in members:
        prefix = "" if member == root else f"{_relative(member, root)}/"
        try:
            gates.append((prefix, open_gate(member, environ)))
        except CudapinError as error:
            problems += [_moved(problem, prefix) for problem in error.problems]
    wanted = None if names is None else _declared(names, [gate for _, gate in gates], is_whole=not problems)
    for prefix, gate in gates:
        try:
            found, member_rows, member_notes = _check_project(gate, wanted)
        except CudapinError as error:
            found, member_rows, member_notes = error.problems, [], ()
        problems += [_moved(problem, prefix) for problem in found]
        rows += [{**row, "project": prefix or "."} if len(members) > 1 else row for row in member_rows]
        texts += [f"{prefix}{row['name']}: {row['verdict']}{_listed(row['packages'])}" for row in member_rows]
        if not member_rows:
            texts += [f"{prefix}{path}: {gate.judge_lock(path).freshness}" for path in gate.lock_users()]
        notes += [f"{prefix}{': ' if prefix else ''}{note}" for note in member_notes]
    return Outcome(problems=sort_problems(problems), text="\n".join(texts), data={"variants": rows}, notes=tuple(notes))


def _declared(names: Sequence[str], gates: Sequence[Gate], *, is_whole: bool) -> tuple[str, ...]:
    """Return the names of variants, each of which some project declares; raise ConfigError for others."""
    declared = list(dict.fromkeys(name for gate in gates for name in gate.config.variants))
    unknown = [name for name in names if name not in declared and name != "auto"]
    if unknown and is_whole:
        raise ConfigError(
            *(
                Problem(
                    code=Code.CP104,
                    what=f"no variant `{name}` is declared",
                    why=f"`--variant` asks for `{name}`; `[tool.cudapin.variants]` declares {name_list(declared)}",
                    fix=nearest(name, declared) if declared else f"remove `--variant {name}`",
                )
                for name in unknown
            )
        )
    return tuple(names)


def lock_check(root: Path, environ: Mapping[str, str], file: str | None) -> Outcome:
    """Judge the lock files of the project, or the one that is named."""
    gate = open_gate(root, environ)
    if not gate.config.has_lock_gate and file is None:
        return Outcome(
            problems=(_no_gate(gate),), text="unknown: no lock gate", data={"lock": None, "verdict": "unknown"}
        )
    paths = [_path_in_project(gate, file)] if file else list(gate.lock_users())
    verdicts = {path: gate.judge_lock(path) for path in paths}
    locks = [_lock_object(gate, path, verdict) for path, verdict in verdicts.items()]
    worst = min((lock["verdict"] for lock in locks), key=_WORST.index, default="unknown")
    shown = next((lock for lock in locks if lock["verdict"] == worst), None)
    waived = gate.waive([problem for verdict in verdicts.values() for problem in verdict.problems])
    data: dict[str, Any] = {
        "lock": None if shown is None or "format" not in shown else _without(shown, "verdict"),
        "verdict": worst,
    }
    if len(locks) > 1:
        data["locks"] = locks
    text = "\n".join(f"{path}: {verdict.freshness}" for path, verdict in verdicts.items())
    return Outcome(problems=sort_problems(waived.standing), text=text, data=data, notes=_waiver_notes(waived.accepted))


def lock_show(
    root: Path,
    environ: Mapping[str, str],
    *,
    variant: str | None,
    extras: Sequence[str],
    groups: Sequence[str],
    python: str | None,
    platform: str | None,
) -> Outcome:
    """Show what the lock selects for a variant, or for extras and groups, in one environment."""
    gate = open_gate(root, environ)
    if not gate.project.metadata:
        raise ConfigError(
            _wrong(
                "there is no project here", "`pyproject.toml` has no `[project]`", "name a member with `--project DIR`"
            )
        )
    gate.environment = _environment(gate.environment, python, platform)
    if variant is not None and (extras or groups):
        raise ConfigError(
            _wrong("`--variant` and `--extra`/`--group` exclude each other", "both were given", "leave one out")
        )
    if extras or groups:
        if "{variant}" in (gate.config.lock or ""):
            raise ConfigError(
                _wrong("each variant has a lock file of its own", f"`lock = {gate.config.lock!r}`", "use `--variant`")
            )
        chosen = gate.complete(Variant(name="-", extra=_normalised(extras), group=_normalised(groups)))
    else:
        choice = gate.choose(variant, "`--variant`")
        if choice is None and variant is not None:
            raise ConfigError(
                _wrong(
                    f"there is no variant `{variant}`", "the project declares no variants", "use `--extra` or `--group`"
                )
            )
        chosen = choice.variant if choice else Variant(name="-", extra=(), group=())
    selection = gate.select_all(chosen)
    if selection is None:
        return Outcome(problems=(_no_gate(gate),), data={"packages": []})
    return Outcome(problems=(), text=_table(selection), data={"packages": _packages(selection)})


def _check_project(
    gate: Gate, names: Sequence[str] | None
) -> tuple[tuple[Problem, ...], list[dict[str, Any]], tuple[str, ...]]:
    if names is not None:
        own = [name for name in names if name in gate.config.variants or name == "auto"]
        names = [choice.variant.name for name in own if (choice := gate.choose(name)) is not None]
    problems = list(judge_static(gate))
    if not gate.config.has_lock_gate:
        problems.append(_no_gate(gate))
    for path, users in gate.lock_users().items():
        if names is None or not users or any(user.name in names for user in users):
            problems += gate.judge_lock(path).problems
    rows = []
    for variant in gate.variants():
        if names is None or variant.name in names:
            found, packages = _check_variant(gate, variant)
            problems += found
            rows.append({"name": variant.name, "verdict": _word(gate, variant, found), "packages": packages})
    waived = gate.waive(problems)
    return waived.standing, rows, _waiver_notes(waived.accepted)


def _check_variant(gate: Gate, variant: Variant) -> tuple[tuple[Problem, ...], dict[str, str | None]]:
    path = gate.lock_path(variant)
    if path is None or gate.judge_lock(path).freshness == "missing":
        return (), {}
    try:
        selection = gate.select(variant)
        problems = gate.judge_variant(variant)
    except CudapinError as error:
        return error.problems, {}
    bound = gate.bound(variant, selection) if selection else ()
    return problems, {item.package.name: item.package.version for item in bound}


def _word(gate: Gate, variant: Variant, problems: tuple[Problem, ...]) -> str:
    path = gate.lock_path(variant)
    lock_problems = gate.judge_lock(path).problems if path else ()
    standing = gate.waive((*problems, *lock_problems), variant.name).standing
    return {0: "ok", 3: "unknown"}.get(exit_code(standing), "wrong") if path else "unknown"


def _relative(path: Path, root: Path) -> str:
    return os.path.relpath(path, root).replace(os.sep, "/")


def _listed(packages: Mapping[str, str | None]) -> str:
    return "".join(f"\n  {name} {version or ''}".rstrip() for name, version in packages.items())


def _moved(problem: Problem, prefix: str) -> Problem:
    if not prefix or problem.where is None:
        return problem
    return replace(problem, where=replace(problem.where, path=f"{prefix}{problem.where.path}"))


def _no_gate(gate: Gate) -> Problem:
    return Problem(
        code=Code.CP208,
        level="warning",
        what="this project has no lock gate",
        where=Where(path=gate.project.pyproject.source.path, key="tool.cudapin.lock"),
        why="`lock = false`: what it builds from is not checked",
        fix="remove `lock = false` to have it checked",
    )


def _path_in_project(gate: Gate, file: str) -> str:
    from pathlib import Path

    return gate.project.shown(Path(file).resolve())


def _lock_object(gate: Gate, path: str, verdict: LockVerdict) -> dict[str, Any]:
    if verdict.freshness == "missing" or any(problem.code is Code.CP205 for problem in verdict.problems):
        return {"path": path, "verdict": verdict.freshness}
    try:
        format_ = gate.lock(path).format
    except CudapinError:
        return {"path": path, "verdict": verdict.freshness}
    return {"path": path, "format": format_, "sha256": gate.lock_digest(path), "verdict": verdict.freshness}


def _without(mapping: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name != key}


def _waiver_notes(accepted: Sequence[tuple[Problem, Any]]) -> tuple[str, ...]:
    return tuple(f"waived {problem.code.name}: {problem.what} ({waiver.reason})" for problem, waiver in accepted)


def _environment(running: Mapping[str, str], python: str | None, platform: str | None) -> dict[str, str]:
    environment = dict(running)
    if python is not None:
        if not re.fullmatch(r"3\.\d+(\.\d+)?", python):
            raise ConfigError(
                _wrong(
                    "`--python` is no Python version",
                    f"wanted `3.12` or the like, found `{python}`",
                    "use `--python 3.12`",
                )
            )
        full = python if python.count(".") > 1 else f"{python}.0"
        environment |= {
            "python_version": ".".join(full.split(".")[:2]),
            "python_full_version": full,
            "implementation_version": full,
        }
    if platform is not None:
        match = _PLATFORM.fullmatch(platform)
        if match is None:
            raise ConfigError(
                _wrong(
                    "`--platform` is no platform tag",
                    f"wanted `linux_x86_64` or the like, found `{platform}`",
                    nearest(platform, ("linux_x86_64", "linux_aarch64", "win_amd64", "macosx_arm64")),
                )
            )
        system = match["system"] or "win"
        machine = match["machine"] or {"win_amd64": "AMD64", "win_arm64": "ARM64", "win32": "x86"}[platform]
        environment |= {**_MARKERS[system], "platform_machine": machine, "platform_release": "", "platform_version": ""}
    return environment


def _normalised(names: Sequence[str]) -> tuple[str, ...]:
    from packaging.utils import canonicalize_name

    return tuple(canonicalize_name(name) for name in names)


def _wrong(what: str, why: str, fix: str) -> Problem:
    return Problem(code=Code.CP112, what=what, why=why, fix=fix)


def _packages(selection: Selection) -> list[dict[str, Any]]:
    return [
        {
            "name": package.name,
            "version": package.version,
            "index": strip_credentials(package.index or "") or None,
            "files": [
                {"name": file.name, "url": file.url and strip_credentials(file.url), "hashes": dict(file.hashes)}
                for file in package.files
            ],
            "direct": package.direct,
        }
        for package in selection.packages
    ]


def _table(selection: Selection) -> str:
    width = max((len(package.name) for package in selection.packages), default=0)
    return "\n".join(
        f"{package.name:<{width}}  {package.version or '-'}  {strip_credentials(package.index or '')}".rstrip()
        for package in selection.packages
    )
