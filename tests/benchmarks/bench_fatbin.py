"""Architectures of a large library: our reader beside cuobjdump; and of a whole wheel: reading beside inflating.

    python tests/benchmarks/bench_fatbin.py [WHEEL…]

Without a wheel it takes one from the index that the user's own pip is configured for (350 MB); cuobjdump always.
"""

from __future__ import annotations

import argparse
import io
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from cudapin.core.binary import read_binary
from cudapin.core.elf import parse_elf
from cudapin.core.fatbin import FatbinReader
from cudapin.core.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable

WHEEL = "nvidia-nccl-cu12==2.32.3"
CUOBJDUMP = "nvidia-cuda-cuobjdump==13.5.37"
ROUNDS = 5
LARGE = 10_000_000


def best(call: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Return the seconds of the fastest of some runs."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def architectures(path: Path) -> object:
    """Read the device code of its sections, and nothing else: what cuobjdump lists."""
    with path.open("rb", buffering=0) as stream:
        window = Window(stream)
        reader = FatbinReader(window)
        reader.read_spans(parse_elf(window).fatbins or ())
        return reader.codes


def everything(path: Path) -> object:
    """Read all that an audit wants, and search the data for hidden device code and the CUDA runtime."""
    with path.open("rb", buffering=0) as stream:
        return read_binary(stream)


def compare_library(path: Path, cuobjdump: Path) -> None:
    """Print times beside each other, alternating so that all meet the same machine."""
    command = [cuobjdump, "--list-elf", "--list-ptx", path]
    with path.open("rb") as stream:  # into the cache of the system, for all alike
        while stream.read(1 << 20):
            pass
    for _ in range(2):
        ours = best(lambda: architectures(path))
        whole = best(lambda: everything(path))
        theirs = best(lambda: subprocess.run(command, capture_output=True, check=False), 2)
    print(
        f"{path.name[:40]:<40} {path.stat().st_size / 1e6:6.0f} MB  cuobjdump {theirs * 1e3:7.1f} ms  "
        f"architectures {ours * 1e3:5.1f} ms (x{theirs / ours:.0f})  all {whole * 1e3:6.1f} ms (x{theirs / whole:.1f})"
    )


def inflate(archive: Path, folder: Path, *, read: bool) -> None:
    """Inflate each compiled file once into a temporary file; read it there."""
    with zipfile.ZipFile(archive) as members:
        for member in members.infolist():
            if ".so" not in member.filename and not member.filename.endswith((".dll", ".pyd")):
                continue
            with (folder / "spool").open("wb+") as spool, members.open(member) as source:
                shutil.copyfileobj(source, spool, 1 << 20)
                if read:
                    read_binary(io.FileIO(spool.fileno(), closefd=False))


def compare_wheel(archive: Path, folder: Path) -> None:
    """Print what reading adds to inflating."""
    for _ in range(2):
        alone = best(lambda: inflate(archive, folder, read=False), 2)
        both = best(lambda: inflate(archive, folder, read=True), 2)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{archive.name[:40]:<40} inflating {alone:.2f} s, with reading {both:.2f} s (x{both / alone:.2f})", end="")
    print(f", at most {memory:.0f} MB of memory")


def main() -> None:
    """Run the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheels", nargs="*", type=Path)
    wheels: list[Path] = parser.parse_args().wheels
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pip = [sys.executable, "-m", "pip"]
        subprocess.run([*pip, "install", "-q", "--no-deps", "--target", folder / "tools", CUOBJDUMP], check=True)
        (cuobjdump,) = (folder / "tools").glob("nvidia/*/bin/cuobjdump")
        cuobjdump.chmod(0o755)
        if not wheels:
            subprocess.run([*pip, "download", "-q", "--no-deps", "-d", folder / "wheels", WHEEL], check=True)
            wheels = list((folder / "wheels").glob("*.whl"))
        for wheel in wheels:
            compare_wheel(wheel, folder)
            with zipfile.ZipFile(wheel) as members:
                for member in members.infolist():
                    if ".so" in member.filename and member.file_size > LARGE:
                        compare_library(Path(members.extract(member, folder)), cuobjdump)


if __name__ == "__main__":
    main()
