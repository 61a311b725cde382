"""What `cudapin build --all` saves, beside single builds in the same run: `python tests/benchmarks/bench_build_all.py`.

First four variants of `cudart-probe`, beside four runs of `python -m build --wheel`; then four variants of a project of
one empty module, beside one such run. With `--pip` without uv, as where it is not installed. Targets on two cores: at
most 0.6 times, and at most 1.5 times.
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

REPOSITORY = Path(__file__).parents[2]
VARIANTS = ("cpu", "cu118", "cu126", "cu130")
PURE = """\
[build-system]
requires = ["hatchling", "cudapin"]
build-backend = "hatchling.build"
[project]
name = "demo"
version = "1.0"
[tool.cudapin]
lock = false
[tool.cudapin.variants]
cpu = {}
cu118 = {}
cu126 = {}
cu130 = {}
[tool.hatch.build.hooks.cudapin]
"""
WITHOUT_UV = "import sys; sys.modules['uv'] = None; from cudapin.__main__ import run; sys.exit(run())"


def time_once(command: list[str], project: Path, environ: dict[str, str]) -> float:
    """Return the seconds of one run of a command that must succeed."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=project, env=environ, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{command} failed in {project}:\n{done.stdout}\n{done.stderr}")
    return time.perf_counter() - start


def compare(
    title: str, project: Path, singles: tuple[str, ...], own: list[str], environ: dict[str, str], rounds: int
) -> None:
    """Take turns between single builds and all in one go, and print the median of the ratios of each turn."""
    ratios = []
    for number in range(rounds + 1):
        single = [sys.executable, "-m", "build", "--wheel", "-o", str(project / "single")]
        one_by_one = sum(time_once(single, project, {**environ, "CUDAPIN_VARIANT": name}) for name in singles)
        chosen = [part for name in VARIANTS for part in ("--variant", name)]
        together = time_once([*own, "build", *chosen, "-q", "-o", str(project / "together")], project, environ)
        if number:  # the first round warms caches
            ratios.append(together / one_by_one)
            print(f"  {title}: {together:.2f} s beside {one_by_one:.2f} s: x{ratios[-1]:.2f}", flush=True)
        for wheel in (project / "single").iterdir():
            if wheel.read_bytes() != (project / "together" / wheel.name).read_bytes():
                sys.exit(f"{wheel.name} differs")
    print(f"{title}: x{statistics.median(ratios):.2f} (median of {rounds})", flush=True)


def main() -> None:
    """Run the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pip", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheels = folder / "wheels"
        pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(wheels), str(REPOSITORY)]
        subprocess.run(pip, check=True)
        links = f"{os.environ.get('PIP_FIND_LINKS', '')} {wheels}"
        environ = {
            **os.environ,
            "UV_FIND_LINKS": str(wheels),
            "PIP_FIND_LINKS": links,
            "SOURCE_DATE_EPOCH": "1700000000",
        }
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        own = [sys.executable, "-m", "cudapin"]
        if options.pip:
            environ["UV"] = "no-such-program"
            own = [sys.executable, "-c", WITHOUT_UV]
        probe = folder / "probe"
        shutil.copytree(REPOSITORY / "example-projects" / "cudart-probe", probe)
        compare("four of cudart-probe, beside four single builds", probe, VARIANTS, own, environ, options.rounds)
        pure = folder / "pure"
        (pure / "src" / "demo").mkdir(parents=True)
        (pure / "src" / "demo" / "__init__.py").write_text("")
        (pure / "pyproject.toml").write_text(PURE)
        compare("four without compiled files, beside one", pure, ("cu126",), own, environ, options.rounds)


if __name__ == "__main__":
    main()
