"""One function per command: values in, problems and data out; nothing here prints or exits."""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cudapin.cli.variables import check_variables
from cudapin.core.fields import name_list, nearest
from cudapin.core.index import strip_credentials
from cudapin.errors import Code, ConfigError, CudapinError, Problem, sort_problems
from cudapin.gate import Gate, open_gate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from cudapin.core.lock import LockVerdict, Selection

__all__ = ["Outcome", "check", "lock_check", "lock_show"]

_WORST = ("missing", "stale", "unknown", "fresh")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a command found: its problems, its text for stdout, its JSON keys, and notes for `-v`.

    `code` is the exit code where no problem gives one.
    """

    problems: tuple[Problem, ...]
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    code: int = 0


def check(
    root: Path,
    environ: Mapping[str, str],
    names: Sequence[str] | None,
    python: str | None = None,
    platform: str | None = None,
) -> Outcome:
    """Run every static check on the project, for one Python and platform; at a uv workspace root, on every member."""
    from cudapin.adapters.workspace import find_members
    from cudapin.cli.check_project import check_project
    from cudapin.cli.places import moved
    from cudapin.cli.request import retarget

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
            problems += [moved(problem, prefix) for problem in error.problems]
    if not problems:
        check_variables([gate for _, gate in gates], environ, is_named=names is not None)
    for _, gate in gates:
        retarget(gate, python, platform)
    wanted = None if names is None else _declared(names, [gate for _, gate in gates], is_whole=not problems)
    for prefix, gate in gates:
        try:
            found, member_rows, member_notes = check_project(gate, wanted)
        except CudapinError as error:
            found, member_rows, member_notes = error.problems, [], ()
        problems += [moved(problem, prefix) for problem in found]
        rows += [{**row, "project": prefix or "."} if len(members) > 1 else row for row in member_rows]
        texts += [f"{prefix}{row['name']}: {row['verdict']}{_listed(row['packages'])}" for row in member_rows]
        if not member_rows:
            texts += [
                f"{posixpath.normpath(prefix + path)}: {gate.judge_lock(path).freshness}" for path in gate.lock_users()
            ]
        notes += [f"{prefix}{': ' if prefix else ''}{note}" for note in member_notes]
    return Outcome(
        problems=_once(problems), text="\n".join(dict.fromkeys(texts)), data={"variants": rows}, notes=tuple(notes)
    )


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


def lock_check(root: Path, environ: Mapping[str, str], file: str | None, *, is_digest_wanted: bool = True) -> Outcome:
    """Judge the lock files of the project, or the one that is named; the digests are for programs alone."""
    gate = open_gate(root, environ)
    check_variables([gate], environ)
    if not gate.config.has_lock_gate and file is None:
        from cudapin.cli.check_project import no_gate

        return Outcome(
            problems=(no_gate(gate),), text="unknown: no lock gate", data={"lock": None, "verdict": "unknown"}
        )
    paths = [_path_in_project(gate, file)] if file else list(gate.lock_users())
    if file:
        gate = _settled(gate, paths[0])
    verdicts = {path: gate.judge_lock(path) for path in paths}
    locks = [_lock_object(gate, path, verdict, is_digest_wanted) for path, verdict in verdicts.items()]
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
    notes: tuple[str, ...] = ()
    if waived.accepted:
        from cudapin.cli.check_project import waiver_notes

        notes = waiver_notes(waived.accepted)
    return Outcome(problems=_once(waived.standing), text=text, data=data, notes=notes)


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
    from cudapin.cli.request import choose, require_project, retarget

    gate = open_gate(root, environ)
    require_project(gate)
    check_variables([gate], environ, is_named=bool(variant or extras or groups))
    retarget(gate, python, platform)
    chosen, _ = choose(gate, variant, extras, groups)
    selection = gate.select_all(chosen)
    if selection is None:
        from cudapin.cli.check_project import no_gate

        return Outcome(problems=(no_gate(gate),), data={"packages": []})
    return Outcome(problems=(), text=_table(selection), data={"packages": _packages(selection)})


def _once(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Order problems, each told once, for whichever variant or lock file it was found."""
    return sort_problems(replace(problem, variant=None, package=None) for problem in problems)


def _relative(path: Path, root: Path) -> str:
    return os.path.relpath(path, root).replace(os.sep, "/")


def _listed(packages: Mapping[str, str | None]) -> str:
    return "".join(f"\n  {name} {version or ''}".rstrip() for name, version in packages.items())


def _settled(gate: Gate, path: str) -> Gate:
    """Let the lock file that is named on the command line be the project's, where several compete to be it."""
    try:
        gate.lock_users()
    except ConfigError as error:
        if any(problem.code is not Code.CP114 for problem in error.problems):
            raise
        return Gate(gate.project, replace(gate.config, lock=path), gate.environ)
    return gate


def _path_in_project(gate: Gate, file: str) -> str:
    from pathlib import Path

    return gate.project.shown(Path(file).resolve())


def _lock_object(gate: Gate, path: str, verdict: LockVerdict, is_digest_wanted: bool) -> dict[str, Any]:  # noqa: FBT001
    if verdict.freshness == "missing" or any(problem.code is Code.CP205 for problem in verdict.problems):
        return {"path": path, "verdict": verdict.freshness}
    try:
        format_ = gate.lock(path).format
    except CudapinError:
        return {"path": path, "verdict": verdict.freshness}
    digest = gate.lock_digest(path) if is_digest_wanted else None
    return {"path": path, "format": format_, "sha256": digest, "verdict": verdict.freshness}


def _without(mapping: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name != key}


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
