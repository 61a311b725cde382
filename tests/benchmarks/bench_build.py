"""What cudapin costs a build, beside plain hatchling in the same run: `python tests/benchmarks/bench_build.py`.

First `cudart-probe`, variant cu126, beside the same project without cudapin: its CUDA wheels named by hand in hatch's
own `dependencies` of the compiling hook, the toolkit put together before. Then a project of one empty module, as plain
hatchling builds it, with cudapin and a small uv.lock, and with one of 1.5 MB; this is the least that a build can be.
Targets: at most 1.15 times plain with the small lock, and at most 60 ms more with the large one.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
INDEX = "https://index.example/simple"
DIRECT = 20


def wheel_line(name: str, python: int, platform: str) -> str:
    """Return one wheel entry in the form that uv writes."""
    file = f"{name.replace('-', '_')}-1.2.3-cp3{python}-cp3{python}-{platform}.whl"
    digest = hashlib.sha256(file.encode()).hexdigest()
    return (
        f'    {{ url = "https://index.example/files/{digest[:2]}/{digest[2:4]}/{digest}/{file}", '
        f'hash = "sha256:{digest}", size = 1234567, upload-time = "2025-01-01T00:00:00Z" }},\n'
    )


def lock_text(packages: int, wheels: int) -> str:
    """Return a uv.lock of a project with `DIRECT` dependencies, each the head of a chain of others."""
    names = [f"package-{number:04}" for number in range(packages)]
    direct = "".join(f'    {{ name = "{name}" }},\n' for name in names[:DIRECT])
    required = "".join(
        f'    {{ name = "{name}", specifier = ">=1.0", index = "{INDEX}" }},\n' for name in names[:DIRECT]
    )
    parts = [
        'version = 1\nrevision = 3\nrequires-python = ">=3.10"\n',
        f'[[package]]\nname = "demo"\nversion = "1.0"\nsource = {{ editable = "." }}\ndependencies = [\n{direct}]\n\n'
        f"[package.metadata]\nrequires-dist = [\n{required}]\n",
    ]
    for number, name in enumerate(names):
        follower = names[number + DIRECT : number + DIRECT + 1]
        marker = "marker = \"sys_platform == 'linux'\""
        edges = "".join(f'    {{ name = "{other}", {marker} }},\n' for other in follower)
        lines = "".join(wheel_line(name, 10 + wheel % 5, f"manylinux_2_{17 + wheel}_x86_64") for wheel in range(wheels))
        parts.append(
            f'[[package]]\nname = "{name}"\nversion = "1.2.3"\nsource = {{ registry = "{INDEX}" }}\n'
            + (f"dependencies = [\n{edges}]\n" if edges else "")
            + f"wheels = [\n{lines}]\n"
        )
    return "\n".join(parts)


def make_project(root: Path, *, packages: int = 0, wheels: int = 0) -> Path:
    """Write a pure-Python project; with packages, gated by a lock of that many."""
    (root / "src" / "demo").mkdir(parents=True)
    (root / "src" / "demo" / "__init__.py").write_text("")
    names = ", ".join(f'"package-{number:04}>=1.0"' for number in range(DIRECT))
    gated = packages > 0
    requires = '"hatchling", "cudapin"' if gated else '"hatchling"'
    (root / "pyproject.toml").write_text(
        f"[build-system]\nrequires = [{requires}]\n"
        f'build-backend = "hatchling.build"\n[project]\nname = "demo"\nversion = "1.0"\nrequires-python = ">=3.10"\n'
        f"dependencies = [{names}]\n"
        f'[[tool.uv.index]]\nname = "own"\nurl = "{INDEX}"\nexplicit = true\n[tool.uv.sources]\n'
        + "".join(f'package-{number:04} = {{ index = "own" }}\n' for number in range(DIRECT))
        + ("[tool.hatch.build.hooks.cudapin]\n" if gated else "")
    )
    if gated:
        (root / "uv.lock").write_text(lock_text(packages, wheels))
    return root


def time_once(command: list[str], directory: Path, environ: dict[str, str]) -> float:
    """Return the seconds of one run of a command that must succeed."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=directory, env=environ, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{command} failed in {directory}:\n{done.stdout}\n{done.stderr}")
    return time.perf_counter() - start


def compare(
    title: str,
    command: list[str],
    projects: dict[str, Path],
    environ: dict[str, str],
    rounds: int,
    more: dict[str, dict[str, str]] | None = None,
) -> None:
    """Build each project in turn, `rounds` times, and print medians and ratios to the first.

    `more` are further environment variables of one project.
    """
    seconds: dict[str, list[float]] = {name: [] for name in projects}
    for number in range(rounds + 1):
        for name, project in projects.items():
            taken = time_once(command, project, {**environ, **(more or {}).get(name, {})})
            if number:  # the first round warms caches
                seconds[name].append(taken)
    print(f"\n{title} ({rounds} rounds, medians)")
    base = statistics.median(next(iter(seconds.values())))
    for name, values in seconds.items():
        median = statistics.median(values)
        print(f"  {name:<18} {median * 1000:8.1f} ms   x{median / base:.3f}   {(median - base) * 1000:+7.1f} ms")


def make_probes(folder: Path, environ: dict[str, str]) -> tuple[dict[str, Path], Path]:
    """Copy `cudart-probe` with and without cudapin; also return a toolkit for the latter."""
    probe = REPOSITORY / "example-projects" / "cudart-probe"
    gated, plain, parts, toolkit = (folder / name for name in ("gated", "by-hand", "parts", "toolkit"))
    shutil.copytree(probe, gated)
    shutil.copytree(probe, plain)
    locked = re.findall(r"^(\S+==\S+)", (probe / "locks" / "cu126.txt").read_text(), re.MULTILINE)
    names = ", ".join(f'"{name}"' for name in locked)
    text = (plain / "pyproject.toml").read_text().replace('"cudapin", ', "")
    text = re.sub(
        r"^(\[tool\.hatch\.build\.hooks\.custom\]).*$", rf"\1\ndependencies = [{names}]", text, flags=re.MULTILINE
    )
    text = re.sub(r"^\[tool\.hatch\.\w+\.hooks\.cudapin\].*$", "", text, flags=re.MULTILINE)
    (plain / "pyproject.toml").write_text(text)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(parts), *locked]
    subprocess.run(pip, check=True, env=environ)
    for part in (parts / "nvidia").iterdir():
        if part.is_dir():
            shutil.copytree(part, toolkit, dirs_exist_ok=True)
    return {"plain hatchling": plain, "cudapin": gated}, toolkit


def main() -> None:
    """Run the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheels = folder / "wheels"
        pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(wheels), str(REPOSITORY)]
        subprocess.run(pip, check=True)
        links = f"{os.environ.get('PIP_FIND_LINKS', '')} {wheels}"
        environ = {**os.environ, "UV_FIND_LINKS": str(wheels), "PIP_FIND_LINKS": links, "CUDAPIN_VARIANT": "cu126"}
        probes, toolkit = make_probes(folder, environ)
        by_hand = {"CUDA_HOME": str(toolkit), "CUDAPIN_CUDA_VERSION": "12.6"}
        for tool, short in ((["uv", "build", "-o", "dist"], "uv build"), (["build"], "python -m build")):
            command = [sys.executable, "-m", *tool, "--wheel"]
            title = f"cudart-probe cu126, {short} --wheel, isolated"
            compare(title, command, probes, environ, max(3, rounds // 2), {"plain hatchling": by_hand})
        projects = {
            "plain hatchling": make_project(folder / "plain"),
            "small lock": make_project(folder / "small", packages=25, wheels=4),
            "1.5 MB lock": make_project(folder / "large", packages=330, wheels=16),
        }
        size = (projects["1.5 MB lock"] / "uv.lock").stat().st_size / 1e6
        print(f"large lock: {size:.2f} MB")
        backend = "import hatchling.build as b, tempfile; b.build_wheel(tempfile.mkdtemp(dir='.'))"
        uv = [sys.executable, "-m", "uv", "build", "--wheel", "-q", "-o", "dist"]
        compare("uv build --wheel, isolated", uv, projects, environ, rounds)
        compare(
            "python -m build --wheel, isolated",
            [sys.executable, "-m", "build", "--wheel"],
            projects,
            environ,
            max(3, rounds // 3),
        )
        compare("the backend alone", [sys.executable, "-c", backend], projects, environ, rounds)


if __name__ == "__main__":
    main()
