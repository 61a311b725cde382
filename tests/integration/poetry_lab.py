"""Real Poetry on projects of the lab: locks, exports, and its verdict on many projects in one process."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from integration.lab import document, edits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from integration.lab import Table

__all__ = ["all_edits", "judge_many", "run_poetry", "write_text"]

_JUDGE = """
import json, sys
from pathlib import Path
from poetry.factory import Factory

place = Path(sys.argv[1])
verdicts = []
for text in json.load(sys.stdin):
    (place / "pyproject.toml").write_text(text, encoding="utf-8")
    try:
        locker = Factory().create_poetry(place, disable_plugins=True).locker
        verdicts.append("fresh" if locker.is_fresh() else "stale")
    except Exception as error:
        verdicts.append(f"refused: {type(error).__name__}: {error}")
print(json.dumps(verdicts))
"""
"""What `poetry check --lock` asks, without a process for each project."""


def _environment(directory: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("POETRY_", "PIP_", "VIRTUAL_ENV"))}
    own = {name: str(directory.parent / f"poetry-{name.lower()}") for name in ("CACHE_DIR", "CONFIG_DIR", "DATA_DIR")}
    return {
        **kept,
        **{f"POETRY_{name}": path for name, path in own.items()},
        "POETRY_VIRTUALENVS_CREATE": "false",
        "POETRY_KEYRING_ENABLED": "false",
        "NO_COLOR": "1",
        "TZ": "UTC",
    }


def run_poetry(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Poetry in a directory, with no configuration but the project's own."""
    command = [sys.executable, "-m", "poetry", "--no-interaction", *arguments]
    environment = _environment(directory)
    return subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def judge_many(directory: Path, texts: Sequence[str]) -> list[str]:
    """Return Poetry's verdict on the lock in the directory for each text of `pyproject.toml`."""
    done = subprocess.run(
        [sys.executable, "-c", _JUDGE, str(directory)],
        input=json.dumps(texts),
        env=_environment(directory),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    verdicts: list[str] = json.loads(done.stdout)
    return verdicts


def write_text(directory: Path, text: str) -> None:
    """Write the project's `pyproject.toml`."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "pyproject.toml").write_text(text, encoding="utf-8")


def all_edits(table: Table) -> Iterator[tuple[str, str]]:
    """Yield a label and the text of `pyproject.toml` after each edit: of a value, of what is added, of the layout."""
    for label, edited in edits(table):
        yield label, document(edited)
    for path, value in _ADDITIONS:
        edited = copy.deepcopy(table)
        *parents, key = path
        inner: Any = edited
        for parent in parents:
            inner = inner.setdefault(parent, {})
        if isinstance(inner, dict) and key not in inner:
            inner[key] = value
            yield f"{'.'.join(path)}: added", document(edited)
    yield "all keys: reversed", document(_reversed(table))
    text = document(table)
    yield "layout: comments", text.replace("\n", "  # a comment\n")
    yield "layout: spaces", text.replace(" = ", "=").replace(", ", " , ")
    yield "layout: lines", text.replace("\n", "\r\n")


_ADDITIONS: tuple[tuple[tuple[str, ...], Any], ...] = (
    (("project", "name"), "demo"),
    (("project", "description"), "A project"),
    (("project", "requires-python"), ">=3.10"),
    (("project", "dependencies"), []),
    (("project", "dependencies"), ["alpha"]),
    (("project", "optional-dependencies"), {}),
    (("project", "optional-dependencies", "more"), ["alpha"]),
    (("project", "scripts"), {"demo": "demo:main"}),
    (("project", "keywords"), ["a"]),
    (("dependency-groups",), {}),
    (("dependency-groups", "more"), []),
    (("dependency-groups", "more"), ["alpha"]),
    (("tool", "other"), {"dependencies": {"alpha": "1"}}),
    (("tool", "poetry", "package-mode"), False),
    (("tool", "poetry", "packages"), [{"include": "demo"}]),
    (("tool", "poetry", "dependencies"), {}),
    (("tool", "poetry", "dependencies", "alpha"), "^1.0"),
    (("tool", "poetry", "dependencies", "python"), "^3.11"),
    (("tool", "poetry", "dev-dependencies"), {}),
    (("tool", "poetry", "dev-dependencies", "alpha"), "*"),
    (("tool", "poetry", "group"), {}),
    (("tool", "poetry", "group", "more"), {"optional": True, "dependencies": {}}),
    (("tool", "poetry", "group", "dev"), {"dependencies": {"alpha": "*"}}),
    (("tool", "poetry", "extras"), {}),
    (("tool", "poetry", "extras", "more"), ["alpha"]),
    (("tool", "poetry", "source"), []),
    (("tool", "poetry", "requires-poetry"), ">=2"),
    (("tool", "poetry", "build-constraints"), {"alpha": {"beta": "1"}}),
    (("build-system",), {"requires": ["hatchling"], "build-backend": "hatchling.build"}),
)


def _reversed(value: Mapping[str, Any]) -> dict[str, Any]:
    items = reversed(value.items())
    return {key: _reversed(item) if isinstance(item, dict) else item for key, item in items}
