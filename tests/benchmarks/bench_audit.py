"""What an audit of a wheel costs, beside inflating all of it with zipfile; and how much memory it takes.

    python tests/benchmarks/bench_audit.py [WHEEL…]

Without a wheel it takes some from the index that the user's own pip is configured for (250 MB), and makes one of a
gigabyte for the memory: half of it zeros, half device code that does not compress. Nothing has to be done to inflate
those, so that its hashes alone take longer.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from cudapin.adapters.facts import read_facts
from cudapin.adapters.wheel import read_wheel
from cudapin.core.audit import audit_wheel

sys.path.insert(0, str(Path(__file__).parents[1]))
from elves import Entry, make_elf, make_fatbin
from whl import write_wheel

if TYPE_CHECKING:
    from collections.abc import Callable

WHEELS = ("bitsandbytes==0.50.2", "cupy-cuda12x==14.2.0", "torchvision==0.29.2", "jax-cuda13-plugin==0.10.2")
ROUNDS = 5
MOST_RATIO = 1.3
MOST_MIB = 300
FACTS = read_facts({})


def best(call: Callable[[], object]) -> float:
    """Return the seconds of processor time of the fastest of some runs."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def inflate(path: Path) -> None:
    """Read every file of an archive, as an installer does before it writes them."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            with archive.open(member) as stream:
                while stream.read(1 << 20):
                    pass


def audit(path: Path) -> object:
    """Do what `cudapin audit` does with one wheel."""
    return audit_wheel(read_wheel(path), FACTS)


def gigabyte(folder: Path) -> Path:
    """Write a wheel of four libraries of 256 MiB: of zeros, and of device code that does not compress."""
    code = make_fatbin(*(Entry(arch=90, payload=os.urandom(8 << 20)) for _ in range(16)))
    content = make_elf(needed=("libcudart.so.12",), data=bytes(128 << 20), fatbins={".nv_fatbin": code})
    return write_wheel(
        folder, {f"demo/_{number}.so": content for number in range(4)}, name="demo_cu12-1-py3-none-any.whl"
    )


def main() -> int:
    """Print one line a wheel; return 1 where a ratio or the memory is not what it should be."""
    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheels = [Path(argument) for argument in sys.argv[1:]]
        if not wheels:
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", name]
            tags = ["--python-version=3.11", "--platform=manylinux_2_28_x86_64", "--platform=manylinux2014_x86_64"]
            tags += ["--platform=manylinux_2_27_x86_64", "--platform=manylinux_2_24_x86_64"]
            subprocess.run([*command, *tags, *WHEELS], check=True)
            made = folder / "made"
            made.mkdir()
            script = f"import sys; sys.path[:0] = {sys.path!r}; import bench_audit, pathlib"
            call = f"bench_audit.gigabyte(pathlib.Path({str(made)!r}))"  # in another process: it takes memory
            subprocess.run([sys.executable, "-c", f"{script}; {call}"], check=True, cwd=Path(__file__).parent)
            wheels = [*sorted(folder.glob("*.whl")), *made.glob("*.whl")]
        for wheel in wheels:
            inflating, auditing = best(lambda wheel=wheel: inflate(wheel)), best(lambda wheel=wheel: audit(wheel))
            ratio = auditing / inflating
            failed |= ratio > MOST_RATIO and wheel.parent.name != "made"
            print(f"{wheel.name[:44]:44} {inflating:7.3f} s inflated, {auditing:7.3f} s audited: {ratio:.2f}")
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"most memory: {mib} MiB")
    return int(failed or mib > MOST_MIB)


if __name__ == "__main__":
    raise SystemExit(main())
