"""The command `audit`: wheels of anyone against what they say of themselves, or against a variant of the project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cudapin.adapters.facts import read_facts
from cudapin.cli.commands import Outcome
from cudapin.core.audit import audit_wheel
from cudapin.core.compiled import binary_objects, uses_cuda
from cudapin.core.judge_binaries import wanted_of_variant, wanted_text
from cudapin.core.verdict import problem_object, visible
from cudapin.errors import Code, ConfigError, LockError, Problem, sort_problems

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from cudapin.core.audit import Audit
    from cudapin.core.compiled import Binary
    from cudapin.core.facts import Facts
    from cudapin.core.judge_binaries import Wanted

__all__ = ["audit"]

_SHOWN = 12


def audit(start: Path, environ: Mapping[str, str], wheels: Sequence[str], variant: str | None) -> Outcome:
    """Judge each wheel; without a variant no project is needed. Raises ConfigError for a variant that is none."""
    from pathlib import Path

    from cudapin.adapters.wheel import read_wheel

    wanted = None if variant is None else _wanted(start, environ, variant)
    facts = read_facts(environ)
    problems: list[Problem] = []
    rows: list[dict[str, Any]] = []
    texts: list[str] = []
    for name in dict.fromkeys(wheels):
        try:
            found = audit_wheel(read_wheel(Path(name), name), facts, wanted)
        except LockError as error:
            problems += error.problems
            rows.append(_row(name, variant, "unknown", [], error.problems))
            texts.append(visible(f"{name}: unknown"))
            continue
        problems += found.problems
        rows.append(
            {
                **_row(name, found.variant, found.verdict, _binaries(found, facts), found.problems),
                "cuda": [str(item) for item in found.wanted.cuda] if found.wanted else None,
                "evidence": found.wanted.says if found.wanted else None,
            }
        )
        texts.append(_text(found, facts))
    return Outcome(problems=sort_problems(problems), text="\n".join(texts), data={"wheels": rows})


def _wanted(start: Path, environ: Mapping[str, str], name: str) -> Wanted:
    from cudapin.adapters.project import find_root
    from cudapin.gate import open_gate

    choice = open_gate(find_root(start), environ).choose(name, "`--variant`")
    if choice is None:
        raise ConfigError(
            Problem(
                code=Code.CP112,
                what=f"there is no variant `{name}`",
                why="the project declares no variants",
                fix="leave `--variant` out",
            )
        )
    return wanted_of_variant(choice.variant)


def _row(
    path: str, variant: str | None, verdict: str, binaries: list[dict[str, Any]], problems: Sequence[Problem]
) -> dict[str, Any]:
    return {
        "path": path,
        "variant": variant,
        "verdict": verdict,
        "binaries": binaries,
        "problems": [problem_object(problem) for problem in problems],
        "cuda": None,
        "evidence": None,
    }


def _binaries(found: Audit, facts: Facts) -> list[dict[str, Any]]:
    by_path = {binary.path: binary for binary in found.subject.binaries}
    rows = []
    for row in binary_objects(found.subject.binaries):
        binary = by_path[row["path"]]
        torch = binary.info.torch
        rows.append(
            {
                **row,
                "uses_cuda": uses_cuda(binary, facts),
                "static_cudart": binary.info.static_cudart,
                "torch": {"stable": torch.stable, "std_string": torch.std_string} if torch else None,
            }
        )
    return rows


def _text(found: Audit, facts: Facts) -> str:
    of = f" ({wanted_text(found.wanted.cuda)}: {found.wanted.says})" if found.wanted else ""
    lines = [f"{found.subject.path}: {found.verdict}{of}"]
    using = [binary for binary in found.subject.binaries if uses_cuda(binary, facts) or binary.info.torch]
    lines += [f"  {_line(binary)}" for binary in using[:_SHOWN]]
    if len(using) > _SHOWN:
        lines.append(f"  and {len(using) - _SHOWN} more")
    return "\n".join(visible(line) for line in lines)


def _line(binary: Binary) -> str:
    parts = [binary.path, *binary.info.arch]
    if binary.info.static_cudart:
        parts.append("static cudart")
    torch = binary.info.torch
    if torch is not None:
        string = f", {torch.std_string} std::string" if torch.std_string else ""
        how = {True: " (stable ABI only)", False: f" (C++ symbols{string})", None: ""}
        parts.append(f"torch{how[torch.stable]}")
    return "  ".join(parts)
