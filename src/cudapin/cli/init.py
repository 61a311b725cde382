"""The command `init`: what a project lacks to use cudapin, shown as a diff, and written where that is asked for."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cudapin.adapters.project import parse_toml, read_text
from cudapin.adapters.rewrite import rewrite
from cudapin.cli.additions import Wishes, add_all
from cudapin.cli.check_project import check_project
from cudapin.cli.commands import Outcome
from cudapin.cli.request import require_project, wrong
from cudapin.core.config import parse_config
from cudapin.core.lock import Pyproject
from cudapin.core.proposal import find_variants
from cudapin.core.toml_draft import Draft, Unwritable
from cudapin.core.verdict import problem_object
from cudapin.errors import Code, ConfigError, CudapinError
from cudapin.gate import Gate, open_gate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from cudapin.errors import Problem

__all__ = ["init"]

_NAME = "pyproject.toml"


def init(root: Path, environ: Mapping[str, str], *, default: str | None, lock: str | None, is_written: bool) -> Outcome:
    """Propose what the project lacks; write it into its `pyproject.toml` where `is_written`.

    Raises ConfigError where something has to be decided first, or cannot be added to the file as it is; nothing is
    written then.
    """
    gate = open_gate(root, environ)
    require_project(gate)
    raw = (root / _NAME).read_bytes().decode()
    mark = "\ufeff" if raw.startswith("\ufeff") else ""
    raw = raw.removeprefix(mark)
    found = find_variants(gate.project.pyproject.table, gate.facts)
    hatch = _hatch_file(root)
    wishes = Wishes(found=found, default=default, lock=lock, hatch=hatch)
    try:
        draft = Draft(raw)
        notes = [*found.notes, *add_all(draft, gate, wishes)]
        text = draft.text if draft.is_changed else raw
    except Unwritable as error:
        raise ConfigError(_unwritable(error)) from error
    if not draft.is_changed:
        return Outcome(
            problems=(), text="nothing to add: the project is configured", data=_data("", (), ()), notes=tuple(notes)
        )
    then = _after(gate, text)
    if is_written:
        _write(root / _NAME, (mark + text).encode(), (mark + raw).encode())
        notes.append(f"{_NAME}: written")
    else:
        notes.append("nothing is written without `--write`")
    notes += [
        f"`cudapin check` then says {item.level}[{item.code.name}]: {item.what}; fix: {item.fix}" for item in then
    ]
    diff = _diff(raw, text)
    names = list(draft.wanted.get("tool", {}).get("cudapin", {}).get("variants", {}))
    return Outcome(problems=(), text=diff, data=_data(diff, names, then, is_written=is_written), notes=tuple(notes))


def _data(diff: str, names: Iterable[str], then: Iterable[Problem], *, is_written: bool = False) -> dict[str, Any]:
    return {
        "file": _NAME,
        "written": is_written,
        "diff": diff,
        "variants": [*names],
        "check": [problem_object(problem) for problem in then],
    }


def _diff(old: str, new: str) -> str:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), f"a/{_NAME}", f"b/{_NAME}", lineterm="", n=2)
    return "\n".join(lines)


def _hatch_file(root: Path) -> Mapping[str, Any] | None:
    file = root / "hatch.toml"
    if not file.is_file():
        return None
    return parse_toml(read_text(file, "hatch.toml", ConfigError, Code.CP101), "hatch.toml", ConfigError)


def _after(gate: Gate, text: str) -> tuple[Problem, ...]:
    """Return what `cudapin check` will say of the project with the new text. Raises ConfigError for a bad request."""
    plain = text.replace("\r\n", "\n")
    source = replace(gate.project.pyproject.source, text=plain)
    table = parse_toml(plain, _NAME, ConfigError)
    project = replace(gate.project, pyproject=Pyproject(source=source, table=table, directory="."))
    config = parse_config(table.get("tool", {}).get("cudapin"), source)
    proposed = Gate(project, config, gate.environ)
    proposed.all_variants()
    try:
        return check_project(proposed, None)[0]
    except CudapinError as error:
        return error.problems


def _unwritable(error: Unwritable) -> Problem:
    return wrong(
        f"`{_NAME}` is written in a form that `init` cannot add to",
        f"wanted tables with headers of their own, found another form at {error}",
        "write the tables as `[tool.hatch.build.hooks]` and the like, then run `cudapin init` again",
    )


def _write(file: Path, new: bytes, old: bytes) -> None:
    try:
        if file.read_bytes() != old:
            raise ConfigError(wrong(f"`{_NAME}` changed meanwhile", "another program wrote it", "run `init` again"))
        rewrite(file, new)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ConfigError(wrong(f"`{_NAME}` cannot be written", why, "make it a file that you may write")) from error
