"""What a verdict on a `uv.lock` costs, beside `uv lock --check --offline` on the same project, in one run.

    python tests/benchmarks/bench_lock.py [--rounds 15] [--project DIR]

Needs uv in the running environment and no network. The project is made up, or a real one given by `--project`
(its `uv.lock` must be fresh, or uv would try to resolve). Each tool runs in turn, round by round, so that what else
the machine does meets both alike; the ratios are those of the medians.

Targets: the verdict in process at most 1.0 times, the process `cudapin lock check` at most 3 times, the whole of
`uv lock --check --offline` on a lock of 1.7 MB; and a cost that is linear in the size of the lock up to 20 MB.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_build import make_project

from cudapin.gate import open_gate

MEGABYTE = 1_000_000
SIZES = {"1.7 MB": 375, "5 MB": 1100, "10 MB": 2200, "20 MB": 4400}
WHEELS = 16


def clean_environment(folder: Path) -> dict[str, str]:
    """Return an environment in which only the project's own settings count, and byte code is kept as usual."""
    left_out = ("UV_", "PIP_", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(left_out)}
    return {
        **kept,
        "UV_CACHE_DIR": str(folder / "uv-cache"),
        "UV_NO_SYSTEM_CONFIG": "1",
        "XDG_CONFIG_HOME": str(folder / "no-config"),
        "UV_PYTHON": sys.executable,
        "UV_PYTHON_DOWNLOADS": "never",
        "PYTHONPYCACHEPREFIX": str(folder / "pycache"),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }


def find_uv() -> str:
    """Return the program itself: starting it through Python would be counted against it."""
    from uv import find_uv_bin

    return str(find_uv_bin())


def run(command: list[str], directory: Path, environ: dict[str, str]) -> float:
    """Return the milliseconds of a command that must succeed."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=directory, env=environ, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{command} failed in {directory}:\n{done.stdout}\n{done.stderr}")
    return (time.perf_counter() - start) * 1000


def judge(directory: Path) -> float:
    """Return the milliseconds of a verdict in this process: project files, lock and all."""
    start = time.perf_counter()
    verdict = open_gate(directory, {}).judge_lock("uv.lock")
    taken = (time.perf_counter() - start) * 1000
    if verdict.freshness != "fresh":
        sys.exit(f"the lock in {directory} is {verdict.freshness}")
    return taken


def compare(title: str, directory: Path, environ: dict[str, str], rounds: int) -> float:
    """Print medians and ratios to uv, and return the milliseconds of the verdict in process."""
    commands = {
        "uv lock --check --offline": [find_uv(), "lock", "--check", "--offline"],
        "cudapin lock check": [sys.executable, "-m", "cudapin", "lock", "check"],
    }
    taken: dict[str, list[float]] = {name: [] for name in (*commands, "verdict in process")}
    for number in range(rounds + 1):
        found = {name: run(command, directory, environ) for name, command in commands.items()}
        found["verdict in process"] = judge(directory)
        for name, milliseconds in found.items() if number else ():  # the first round warms caches
            taken[name].append(milliseconds)
    size = (directory / "uv.lock").stat().st_size / MEGABYTE
    print(f"\n{title}: {size:.2f} MB ({rounds} rounds, medians)")
    medians = {name: statistics.median(values) for name, values in taken.items()}
    for name, median in medians.items():
        print(f"  {name:<26} {median:8.1f} ms   x{median / next(iter(medians.values())):.2f}")
    return medians["verdict in process"] / size


def main() -> None:
    """Run the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--project", type=Path, help="measure this project instead of made-up ones")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environ = clean_environment(folder)
        if options.project is not None:
            compare(str(options.project), options.project.resolve(), environ, options.rounds)
            return
        per_megabyte = []
        for title, packages in SIZES.items():
            project = make_project(folder / title.replace(" ", ""), packages=packages, wheels=WHEELS)
            rounds = options.rounds if title == "1.7 MB" else max(3, options.rounds // 3)
            per_megabyte.append(compare(title, project, environ, rounds))
        print(f"\nmilliseconds for one MB: {', '.join(f'{value:.1f}' for value in per_megabyte)}")


if __name__ == "__main__":
    main()
