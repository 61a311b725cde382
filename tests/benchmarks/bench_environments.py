"""What an environment of type `cudapin` costs, in one run: `python tests/benchmarks/bench_environments.py WHEELHOUSE`.

`WHEELHOUSE` is a folder with a wheel of cudapin, for isolated builds; what else is needed comes from the user's own
index, once, before anything is measured. `--hatch` names a hatch with cudapin beside it, installed as pip installs it:
with compiled bytecode.

First, variant cu126 of `cudart-probe` is materialised, beside `uv venv`, `uv pip sync` of the same packages (the
environment's own among them), `uv build` of the same wheel, and its installation (target: at most 1.25 times). Then
`hatch run` in it with no change, beside the same environment of type `virtual` (target: at most 1.1 times); once more
beside it in a project that names any plugin of hatch, whose loading by hatch takes most of the difference.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLE = Path(__file__).parents[2] / "example-projects" / "cudart-probe"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
CELL = f"hatch-test.py{PYTHON}-cu126"
ENVIRONMENT = f"""
[tool.hatch.envs.hatch-test]
installer = "uv"
dependencies = ["pytest"]
[[tool.hatch.envs.hatch-test.matrix]]
python = ["{PYTHON}"]
"""
VIRTUAL = 'cuda = ["cu126"]\n'


class Bench:
    """Copies of the example in a temporary folder, and the commands that are measured."""

    def __init__(self, folder: Path, hatch: str, wheelhouse: Path) -> None:
        self.folder = folder
        self.hatch = hatch
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("CUDAPIN", "HATCH_"))},
            "HATCH_DATA_DIR": str(folder / "data"),
            "UV_CACHE_DIR": str(folder / "cache"),
            "UV_FIND_LINKS": str(wheelhouse),
            "NO_COLOR": "1",
        }

    def project(self, name: str, collector: str, more: str = "") -> Path:
        """Return a copy of the example with such environments."""
        root = self.folder / name
        shutil.copytree(EXAMPLE, root)
        text = (root / "pyproject.toml").read_text(encoding="utf-8")
        lines = text.splitlines(keepends=True)
        start = next((number for number, line in enumerate(lines) if line.startswith("[tool.hatch.env")), len(lines))
        kept = "".join(lines[:start])
        (root / "pyproject.toml").write_text(f"{kept}\n{collector}{ENVIRONMENT}{more}", encoding="utf-8")
        return root

    def run(self, *command: str | Path, cwd: Path, **settings: str) -> None:
        """Run a command, which has to succeed."""
        done = subprocess.run(
            list(map(str, command)),
            cwd=cwd,
            env={**self.environ, **settings},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{command} failed:\n{done.stdout}{done.stderr}")

    def materialise(self, project: Path) -> None:
        """Fill a cell that is not there."""
        self.run(self.hatch, "env", "create", CELL, cwd=project)

    def by_hand(self, project: Path, wanted: Path) -> None:
        """Do with uv alone what fills a cell."""
        place, out = self.folder / "by-hand", self.folder / "out"
        uv = (sys.executable, "-m", "uv")
        python = place / "bin" / "python"
        self.run(*uv, "venv", "--python", PYTHON, place, cwd=project)
        self.run(*uv, "pip", "sync", "--python", python, wanted, cwd=project)
        self.run(*uv, "build", "--wheel", "--python", python, "-o", out, project, cwd=project, CUDAPIN_VARIANT="cu126")
        self.run(*uv, "pip", "install", "--python", python, "--no-deps", *out.glob("*.whl"), cwd=project)

    def remove(self, project: Path) -> None:
        """Remove what both have made."""
        self.run(self.hatch, "env", "remove", CELL, cwd=project)
        for name in ("by-hand", "out"):
            shutil.rmtree(self.folder / name, ignore_errors=True)


def measure(repeats: int, before: Callable[[], None], **what: Callable[[], None]) -> dict[str, float]:
    """Return the median time of each, one after the other in each round; the first round is not counted."""
    times: dict[str, list[float]] = {name: [] for name in what}
    for number in range(repeats + 1):
        before()
        for name, action in what.items():
            start = time.perf_counter()
            action()
            if number:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    """Measure, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheelhouse", type=Path)
    parser.add_argument("--hatch", default=str(Path(sys.executable).parent / "hatch"))
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), options.hatch, options.wheelhouse.resolve())
        ours = bench.project("ours", "[tool.hatch.env.collectors.cudapin]\n")
        virtual = bench.project("virtual", "", VIRTUAL)
        plugin = bench.project("plugin", "[tool.hatch.env.collectors.cudapin]\nenvs = []\n", VIRTUAL)
        bench.materialise(ours)
        for project in (virtual, plugin):
            bench.run(bench.hatch, "env", "create", CELL, cwd=project, CUDAPIN_VARIANT="cu126")
        freeze = Path(name) / "wanted.txt"
        lock = (ours / "locks" / "cu126.txt").read_text(encoding="utf-8")
        own = subprocess.run(
            [sys.executable, "-m", "uv", "pip", "compile", "-q", "--generate-hashes", "-"],
            input="pytest\n",
            env=bench.environ,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        freeze.write_text(f"{lock}\n{own}", encoding="utf-8")
        found = measure(
            options.repeats,
            lambda: bench.remove(ours),
            hatch=lambda: bench.materialise(ours),
            uv=lambda: bench.by_hand(ours, freeze),
        )
        ratio = found["hatch"] / found["uv"]
        print(f"materialise cu126: {found['hatch']:.2f} s, by hand {found['uv']:.2f} s: {ratio:.2f}")
        bench.materialise(ours)

        def run(project: Path) -> Callable[[], None]:
            return lambda: bench.run(bench.hatch, "run", f"{CELL}:true", cwd=project)

        found = measure(5 * options.repeats, lambda: None, ours=run(ours), virtual=run(virtual), plugin=run(plugin))
        for other, words in (("virtual", "of type `virtual`"), ("plugin", "of type `virtual` with a plugin of hatch")):
            ratio = found["ours"] / found[other]
            print(f"no change: {found['ours'] * 1000:.0f} ms, {words} {found[other] * 1000:.0f} ms: {ratio:.2f}")


if __name__ == "__main__":
    main()
