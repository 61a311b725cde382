"""What the runtime guard costs: `check()` beside `importlib.metadata.version("torch")`, its import beside `json`'s.

    python tests/benchmarks/bench_guard.py [--rounds 40] [--packages 300]

Needs nothing but the standard library and cudapin. The environment is made up: as many packages as told, among them
torch and its seventeen NVIDIA packages. Each round is a new Python, in which both are done once, so that nothing is
warm that is not warm for a user: the folders are in the page cache, the modules are byte code.

Targets: `check()` under 1.5 ms, the import under 1 ms.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from cudapin.adapters.guard import read_template
from cudapin.core.cuda import CudaVersion
from cudapin.core.guard import GuardFacts, render_guard

NVIDIA = (
    *("cublas", "cuda_cccl", "cuda_cupti", "cuda_nvcc", "cuda_nvrtc", "cuda_runtime", "cudnn", "cufft", "cufile"),
    *("curand", "cusolver", "cusparse", "cusparselt", "nccl", "nvjitlink", "nvshmem", "nvtx"),
)
MEASURE = """
import sys, time
clock = time.perf_counter
sys.path[:0] = [{app!r}]
sys.path.append({site!r})
start = clock(); import json; json_import = clock() - start
start = clock(); import guard; guard_import = clock() - start
start = clock(); guard.check(); check = clock() - start
start = clock(); guard.check(); again = clock() - start
start = clock(); import importlib.metadata as metadata; metadata_import = clock() - start
start = clock(); metadata.version("torch"); version = clock() - start
print(json_import, guard_import, check, again, metadata_import, version)
"""
TITLES = ("import json", "import guard", "check()", "check() again", "import importlib.metadata", 'version("torch")')


def make_environment(folder: Path, packages: int) -> tuple[Path, Path]:
    """Return a folder with the guard, and one with installed packages and their files."""
    app, site = folder / "app", folder / "site-packages"
    app.mkdir()
    facts = GuardFacts(
        name="demo",
        version="1.0+cu128",
        variant="cu128",
        cuda=(CudaVersion(major=12, minor=8),),
        driver="525.60.13",
        driver_cuda=CudaVersion(major=12, minor=0),
        arch=(),
        system=sys.platform,
        locked={},
        cudapin="0",
    )
    (app / "guard.py").write_text(render_guard(read_template(), facts), encoding="utf-8")
    names = ["torch-2.9.0", *(f"nvidia_{name}_cu12-12.8.90" for name in NVIDIA)]
    names += [f"package_{number}-1.{number}" for number in range(packages - len(names))]
    for name in names:
        info = site / f"{name}.dist-info"
        info.mkdir(parents=True)
        distribution, _, version = name.partition("-")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (site / distribution).mkdir()
    (site / "torch" / "version.py").write_text("cuda: Optional[str] = '12.8'\n")
    return app, site


def main() -> None:
    """Measure and print medians, ratios and the targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--packages", type=int, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        app, site = make_environment(Path(name), options.packages)
        code = MEASURE.format(app=str(app), site=str(site))
        rows = []
        for number in range(options.rounds + 1):
            done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
            if number:  # the first round writes byte code
                rows.append([float(value) * 1000 for value in done.stdout.split()])
    medians = dict(zip(TITLES, map(statistics.median, zip(*rows, strict=True)), strict=True))
    print(f"Python {sys.version.split()[0]}, {options.packages} packages, medians of {options.rounds} processes")
    for title, value in medians.items():
        print(f"  {title:<26} {value:7.3f} ms")
    print(f"  import guard / import json                  {medians['import guard'] / medians['import json']:.2f}")
    print(f'  check() / version("torch")                  {medians["check()"] / medians[TITLES[5]]:.2f}')
    both = medians[TITLES[4]] + medians[TITLES[5]]
    print(f'  check() / version("torch") with its import  {medians["check()"] / both:.3f}')
    print(f"targets: check() {medians['check()']:.2f} < 1.5 ms, import {medians['import guard']:.2f} < 1 ms")


if __name__ == "__main__":
    main()
