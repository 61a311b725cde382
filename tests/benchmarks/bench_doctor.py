"""What `cudapin doctor` costs without a GPU, beside `python -c "import pynvml"`, in one run.

    python tests/benchmarks/bench_doctor.py [--rounds 15]

The environment is made up: 400 packages, among them a framework with its CUDA libraries. Once nobody's directory,
once a project with a lock of 1.7 MB. Target: under 300 ms.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_build import make_project
from bench_lock import clean_environment

PACKAGES = 400
TARGET_MS = 300


def make_environment(folder: Path) -> Path:
    """Write a virtual environment with the metadata of many packages, and return its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    names = {f"package-{number}": "1.2.3" for number in range(PACKAGES - 2)}
    for name, version in {**names, "torch": "2.9.0+cu128", "nvidia-cuda-runtime-cu12": "12.8.90"}.items():
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        requires = "".join(f"Requires-Dist: package-{number}\n" for number in range(20))
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}\n")
    (site / "torch").mkdir()
    (site / "torch" / "version.py").write_text("cuda: Optional[str] = '12.8'\n")
    return folder / "bin" / "python"


def run(command: list[str], directory: Path, environ: dict[str, str]) -> float:
    """Return the milliseconds of a command that must not fail."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=directory, env=environ, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{command} failed:\n{done.stdout}\n{done.stderr}")
    return (time.perf_counter() - start) * 1000


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environ = clean_environment(folder)
        python = make_environment(folder / "environment")
        project = make_project(folder / "project", packages=375, wheels=16)
        doctor = [sys.executable, "-m", "cudapin", "doctor"]
        commands = {
            'python -c "import pynvml"': ([sys.executable, "-c", "import pynvml"], folder),
            "doctor, no project": (doctor, folder),
            "doctor --python, no project": ([*doctor, "--python", str(python)], folder),
            "doctor --python, project": ([*doctor, "--python", str(python)], project),
        }
        taken: dict[str, list[float]] = {title: [] for title in commands}
        for number in range(options.rounds + 1):
            for title, (command, directory) in commands.items():
                milliseconds = run(command, directory, environ)
                if number:  # the first round warms caches
                    taken[title].append(milliseconds)
        medians = {title: statistics.median(values) for title, values in taken.items()}
        first = next(iter(medians.values()))
        print(f"{options.rounds} rounds, medians; target: under {TARGET_MS} ms")
        for title, median in medians.items():
            print(f"  {title:<28} {median:7.1f} ms   x{median / first:.2f}")


if __name__ == "__main__":
    main()
