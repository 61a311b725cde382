"""What a static index of 5,000 wheels costs, beside dumb-pypi's pages from a finished list and hashing all wheels.

    python tests/benchmarks/bench_index.py [WHEELS]

dumb-pypi neither reads nor copies a wheel: it is given names and hashes. The yardstick of `cudapin index` is what no
index can leave out: read each wheel, hash it, and take its metadata. Both ratios are of one run. It is installed from
the index that the user's own pip is configured for; without it only the yardstick counts.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))
from whl import write_wheel

if TYPE_CHECKING:
    from collections.abc import Callable

WHEELS = 5000
VARIANTS = ("cpu", "cu126", "cu128", "cu130")
PROJECTS = 100
MOST_S, MOST_AGAIN_S = 10.0, 1.0
MOST_GROWTH = 1.5
"""How much more a wheel may cost among four times as many."""


def make(folder: Path, number: int) -> Path:
    """Write wheels of 20 kB: four variants of a hundred projects in as many versions as are needed."""
    folder.mkdir()
    for count in range(number):
        variant, project = VARIANTS[count % 4], f"pkg{count // 4 % PROJECTS}"
        version = f"1.{count // 4 // PROJECTS}" + ("" if variant == "cpu" else f"+{variant}")
        write_wheel(
            folder,
            {f"{project}/__init__.py": b"", f"{project}/data.bin": bytes(20_000)},
            name=f"{project}-{version}-py3-none-any.whl",
            record=json.dumps({"schema": 1, "variant": variant, "cuda": None}),
            method=zipfile.ZIP_STORED,
        )
    return folder


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def index(dist: Path, site: Path) -> float:
    """Run `cudapin index` in a process of its own."""
    command = [sys.executable, "-m", "cudapin", "-q", "index", str(dist), "-o", str(site)]
    return seconds(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))


def read_all(dist: Path, out: Path) -> list[dict[str, str]]:
    """Hash and copy every wheel and take its metadata out, in the plainest way."""
    out.mkdir()
    rows = []
    for path in sorted(dist.iterdir()):
        content = path.read_bytes()
        with zipfile.ZipFile(path) as archive:
            name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            (out / f"{path.name}.metadata").write_bytes(archive.read(name))
        shutil.copy2(path, out)
        rows.append({"filename": path.name, "hash": f"sha256={hashlib.sha256(content).hexdigest()}"})
    return rows


def dumb_pypi(folder: Path, rows: list[dict[str, str]]) -> float | None:
    """Return the seconds of dumb-pypi on a finished list; None where it cannot be installed."""
    target = folder / "peer"
    install = [sys.executable, "-m", "pip", "install", "-q", "--target", str(target), "dumb-pypi"]
    if subprocess.run(install, check=False, capture_output=True).returncode:
        return None
    listed = folder / "list.json"
    listed.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    script = f"import sys; sys.path.insert(0, {str(target)!r}); from dumb_pypi.main import main; main()"
    options = [
        "--package-list-json",
        str(listed),
        "--packages-url",
        "../../pool/",
        "--output-dir",
        str(folder / "dumb"),
    ]
    return seconds(lambda: subprocess.run([sys.executable, "-c", script, *options], check=True, capture_output=True))


def main() -> int:
    """Print what each costs; return 1 where a limit is passed."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else WHEELS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few, many = make(folder / "few", number // 4), make(folder / "many", number)
        index(few, folder / "warm")
        first, whole = index(few, folder / "site-few"), index(many, folder / "site")
        again = index(many, folder / "site")
        rows: list[dict[str, str]] = []
        plain = seconds(lambda: rows.extend(read_all(many, folder / "plain")))
        peer = dumb_pypi(folder, rows)
    growth = whole / number / (first / (number // 4))
    print(f"{number} wheels: {whole:.2f} s, {whole / number * 1000:.2f} ms each; {growth:.2f} times that of a quarter")
    print(f"nothing new: {again:.2f} s")
    print(f"hash, copy and metadata alone: {plain:.2f} s; index: {whole / plain:.2f} times")
    if peer is not None:
        print(f"dumb-pypi, from a list with hashes: {peer:.2f} s; nothing new here: {again / peer:.2f} times")
    is_slow = number <= WHEELS and (whole > MOST_S or again > MOST_AGAIN_S)
    return int(is_slow or growth > MOST_GROWTH)


if __name__ == "__main__":
    raise SystemExit(main())
