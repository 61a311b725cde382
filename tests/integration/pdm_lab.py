"""pdm in a tiny world: the command, and its own check driven over many edits in one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_CHECKER = """
import json, sys
from pdm.cli.actions import check_lockfile
from pdm.core import Core

core = Core()
core.init_parser()
core.load_plugins()
for line in sys.stdin:
    try:
        project = core.create_project(json.loads(line))
        answer = "fresh" if check_lockfile(project, False) is None else "stale"
    except Exception as error:
        answer = f"error: {type(error).__name__}: {error}"
    print("answer " + json.dumps(answer), flush=True)
"""


_SELECTOR = """
import json, sys
from pdm.cli.actions import resolve_from_lockfile
from pdm.core import Core
from pdm.models.markers import EnvSpec

core = Core()
core.init_parser()
core.load_plugins()
for line in sys.stdin:
    path, groups, python, platform = json.loads(line)
    try:
        project = core.create_project(path)
        known = project._resolve_dependencies(list(groups))
        wanted = [item for group in groups for item in project.get_dependencies(group, known)]
        spec = EnvSpec.from_spec(f"=={python}", platform, "cpython")
        found = {p.candidate.identify(): p.candidate for p in resolve_from_lockfile(project, wanted, groups, spec)}
        answer = sorted({f"{c.name}=={c.version.removeprefix('==')}" for c in found.values()})
    except Exception as error:
        answer = [f"error: {type(error).__name__}: {error}"]
    print("answer " + json.dumps(answer), flush=True)
"""


def environment_of(directory: Path) -> dict[str, str]:
    """Return an environment in which pdm knows no configuration but the project's own."""
    kept = {key: os.environ[key] for key in ("PATH", "LANG", "SYSTEMROOT") if key in os.environ}
    home = directory.parent / "home"
    return {
        **kept,
        "HOME": str(home),
        "PDM_CONFIG_FILE": str(home / "none.toml"),
        "PDM_CACHE_DIR": str(home / "cache"),
        "PDM_PYTHON": sys.executable,
        "PDM_CHECK_UPDATE": "0",
        "NO_COLOR": "1",
    }


def run_pdm(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pdm in a directory."""
    return subprocess.run(
        [sys.executable, "-m", "pdm", *arguments],
        cwd=directory,
        env=environment_of(directory),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@contextmanager
def checker(directory: Path) -> Iterator[Callable[[Path], str]]:
    """Yield what `pdm lock --check` finds of the project in a directory: `fresh`, `stale` or `error: …`."""
    with _talk(_CHECKER, directory) as ask:
        yield lambda project: ask(str(project))


@contextmanager
def selector(directory: Path) -> Iterator[Callable[..., list[str]]]:
    """Yield what `pdm install` would take: ask with directory, groups, version of Python and platform of a target."""
    with _talk(_SELECTOR, directory) as ask:
        yield lambda project, *rest: ask([str(project), *rest])


@contextmanager
def _talk(script: str, directory: Path) -> Iterator[Callable[[object], Any]]:
    """Run a script that answers each line of JSON with a line `answer …` in JSON."""
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=directory,
        env=environment_of(directory),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        sender, receiver = process.stdin, process.stdout
        assert sender is not None
        assert receiver is not None

        def ask(question: object) -> Any:
            sender.write(json.dumps(question) + "\n")
            sender.flush()
            line = next(line for line in receiver if line.startswith("answer "))
            return json.loads(line.removeprefix("answer "))

        yield ask
        sender.close()
