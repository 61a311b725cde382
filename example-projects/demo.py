#!/usr/bin/env python3
"""Builds, installs and asks every variant of an example project, then shows that a stale lock is refused.

Needs Linux, Python 3.10 or newer with its headers, pip, a C compiler and the package index that pip uses; neither
GPU nor CUDA toolkit. Works in a temporary folder and removes it. Exits 1 when anything is not as it should be.
"""

from __future__ import annotations

import argparse
import email
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

EXAMPLES = Path(__file__).resolve().parent
# Settings of the caller that would change what is built or imported.
FOREIGN_SETTINGS = re.compile(
    r"CUDAPIN.*|HATCH_BUILD_.*|CUDA_HOME|CUDA_PATH|CUDACXX|CUDAToolkit_ROOT|PYTHON(PATH|HOME)"
)


class DemoError(Exception):
    """Something is not as it should be."""


@dataclass(frozen=True)
class Workshop:
    """The temporary folder, the Python that has `build` and `virtualenv`, and the environment of all commands."""

    folder: Path
    python: Path
    environment: dict[str, str]

    def run(self, *command: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the temporary folder, with more environment variables; never raises for its exit status."""
        return subprocess.run(
            [str(part) for part in command],
            cwd=self.folder,
            env=self.environment | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def must_run(self, *command: str | Path, **settings: str) -> str:
        """Run a command and return what it printed; raise `DemoError` with the end of it when it fails."""
        done = self.run(*command, **settings)
        if done.returncode != 0:
            end = "\n".join(done.stdout.splitlines()[-40:])
            message = f"exit status {done.returncode} from: {' '.join(map(str, command))}\n{end}"
            raise DemoError(message)
        return done.stdout


@dataclass(frozen=True)
class Answer:
    """What one built and installed variant says of itself."""

    variant: str
    wheel: str
    version: str
    headers: str | None
    runtime: str | None
    library: str | None
    requires: tuple[str, ...]

    def faults(self) -> Iterable[str]:
        """Yield each way in which the wheel is not what its variant promises."""
        cuda = cuda_of(self.variant)
        if self.headers != cuda:
            yield f"{self.variant}: compiled with headers of CUDA {self.headers}, not {cuda}"
        if self.runtime not in {cuda, None}:
            yield f"{self.variant}: runs on CUDA {self.runtime}, not {cuda}"
        major = cuda and cuda.partition(".")[0]
        if (self.library and self.library.split(".")[2]) != major:
            yield f"{self.variant}: loaded {self.library}, which is not of CUDA {major}"
        if bool(self.requires) != bool(cuda):
            yield f"{self.variant}: Requires-Dist is {', '.join(self.requires) or 'empty'}"
        if cuda and not self.version.endswith(f"+{self.variant}"):
            yield f"{self.variant}: the wheel's version is {self.version}"


def cuda_of(variant: str) -> str | None:
    """Return "12.6" for "cu126", None for "cpu"."""
    found = re.fullmatch(r"cu(\d+)(\d)", variant)
    return f"{found[1]}.{found[2]}" if found else None


def say(text: str) -> None:
    """Show progress at once, also when the output goes into a pipe."""
    print(text, flush=True)


def check_machine() -> None:
    """Raise `DemoError` where this machine cannot compile for this Python, with what it lacks."""
    if sys.platform != "linux":
        message = "this demonstration needs Linux: NVIDIA publishes no CUDA wheels for the rest"
        raise DemoError(message)
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        message = "Python.h is missing: install the headers of this Python (python3-dev, python3-devel)"
        raise DemoError(message)
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    if shutil.which(compiler.split()[0]) is None:
        message = f"no C compiler: {compiler} is not on PATH (gcc, build-essential)"
        raise DemoError(message)


def set_up(folder: Path) -> Workshop:
    """Make an environment with `build` and `virtualenv`, and a wheel of this checkout's cudapin for isolated builds."""
    say("installing build and virtualenv, building cudapin itself")
    home, links = folder / "tools", folder / "links"
    links.mkdir()
    has_ensurepip = importlib.util.find_spec("ensurepip") is not None  # Debian ships it apart, as python3-venv
    venv.create(home, with_pip=has_ensurepip, symlinks=True)
    python = home / "bin" / "python"
    pip = [str(python), "-m", "pip"] if has_ensurepip else [sys.executable, "-m", "pip", "--python", str(python)]
    kept = {name: value for name, value in os.environ.items() if not FOREIGN_SETTINGS.fullmatch(name)}
    # Isolated builds find cudapin here; what the caller has set already goes on counting.
    kept["PIP_FIND_LINKS"] = " ".join(filter(None, [kept.get("PIP_FIND_LINKS"), links.as_uri()]))
    workshop = Workshop(folder, python, kept)
    workshop.must_run(*pip, "install", "build", "virtualenv")
    workshop.must_run(python, "-m", "build", "--wheel", "--outdir", links, EXAMPLES.parent)
    # ... and take that wheel even if the index has a newer cudapin.
    constraints = folder / "constraints.txt"
    constraints.write_text(f"cudapin @ {only_wheel(links).as_uri()}\n", encoding="utf-8")
    kept["PIP_CONSTRAINT"] = " ".join(filter(None, [kept.get("PIP_CONSTRAINT"), constraints.as_uri()]))
    return workshop


def only_wheel(folder: Path) -> Path:
    """Return the one wheel in `folder`."""
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        message = f"expected one wheel in {folder}, found {len(wheels)}"
        raise DemoError(message)
    return wheels[0]


def declared_variants(project: Path) -> list[str]:
    """Return the names of the variants in a pyproject.toml, in their order."""
    text = (project / "pyproject.toml").read_text(encoding="utf-8")
    variants = re.findall(r"^\[tool\.cudapin\.variants\.([\w-]+)\]", text, re.MULTILINE)
    if not variants:
        message = f"{project / 'pyproject.toml'} declares no variant"
        raise DemoError(message)
    return variants


def build_and_ask(workshop: Workshop, project: Path, variant: str) -> Answer:
    """Build the wheel of one variant, install it into an environment of its own and ask it."""
    started = time.monotonic()
    dist, home = workshop.folder / "dist" / variant, workshop.folder / "installed" / variant
    workshop.must_run(workshop.python, "-m", "build", "--wheel", "--outdir", dist, project, CUDAPIN_VARIANT=variant)
    wheel = only_wheel(dist)
    workshop.must_run(workshop.python, "-m", "virtualenv", home)
    workshop.must_run(home / "bin" / "python", "-m", "pip", "install", wheel)
    info = json.loads(workshop.must_run(home / "bin" / "python", "-I", "-m", "cudart_probe"))
    say(f"{variant}: built, installed and imported in {time.monotonic() - started:.0f} s")
    return Answer(
        variant=variant,
        wheel=wheel.name,
        version=info["version"],
        headers=info["headers"],
        runtime=info["runtime"],
        library=info["library"],
        requires=requires_of(wheel),
    )


def requires_of(wheel: Path) -> tuple[str, ...]:
    """Return the Requires-Dist lines of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
    return tuple(metadata.get_all("Requires-Dist", []))


def show_table(answers: Sequence[Answer]) -> None:
    """Print one line for each variant, in aligned columns."""
    rows = [("variant", "wheel", "headers", "runtime", "Requires-Dist")]
    for answer in answers:
        # The runtime of CUDA 11 tells its version only beside a driver; the file that was loaded tells the major.
        runtime = answer.runtime or answer.library or "-"
        requires = ", ".join(answer.requires) or "-"
        rows.append((answer.variant, answer.wheel, answer.headers or "-", runtime, requires))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    say("")
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def make_stale(project: Path) -> str:
    """Change one digit in the requirement of a CUDA variant and return the variant's name."""
    path = project / "pyproject.toml"
    text = path.read_text(encoding="utf-8")
    found = re.search(r'^(cu\d+) = \[.*?"([\w.-]+==\d+\.)(\d)\.\*', text, re.MULTILINE)
    if found is None:
        message = f'{path} has no dependency group such as cu126 = ["name==12.6.*"]'
        raise DemoError(message)
    variant, before, digit = found.groups()
    other = str((int(digit) + 1) % 10)
    path.write_text(text[: found.start(3)] + other + text[found.end(3) :], encoding="utf-8")
    say(f"\nin a copy, `{before}{digit}.*` becomes `{before}{other}.*`, and the lock stays as it was:\n")
    return variant


def show_refusal(workshop: Workshop, project: Path) -> None:
    """Build a copy whose lock is stale; raise `DemoError` unless that is refused and leaves nothing."""
    copy, dist = workshop.folder / "stale", workshop.folder / "dist" / "stale"
    shutil.copytree(project, copy)
    variant = make_stale(copy)
    done = workshop.run(workshop.python, "-m", "build", "--wheel", "--outdir", dist, copy, CUDAPIN_VARIANT=variant)
    refusal = re.search(r"^error\[CP2\d\d\].*(\n[ \t]+.*)*", done.stdout, re.MULTILINE)
    if done.returncode == 0 or refusal is None:
        message = f"a stale lock was not refused; exit status {done.returncode}\n{done.stdout}"
        raise DemoError(message)
    if dist.exists() and any(dist.iterdir()):
        message = f"the refused build left {[path.name for path in dist.iterdir()]}"
        raise DemoError(message)
    say(refusal[0])
    say(f"\nexit status {done.returncode}, no wheel")


def demonstrate(folder: Path, project: Path) -> None:
    """Do it all in `folder`; raise `DemoError` for whatever is not as it should be."""
    check_machine()
    workshop = set_up(folder)
    answers = [build_and_ask(workshop, project, variant) for variant in declared_variants(project)]
    show_table(answers)
    faults = [fault for answer in answers for fault in answer.faults()]
    if faults:
        raise DemoError("\n".join(faults))
    show_refusal(workshop, project)


def main() -> int:
    """Read the command line and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--project",
        type=Path,
        metavar="DIR",
        default=EXAMPLES / "cudart-probe",
        help="cudart-probe or a copy of it",
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="work in this new folder and keep it")
    options = parser.parse_args()
    try:
        if options.keep:
            options.keep.mkdir(parents=True)
            demonstrate(options.keep.resolve(), options.project.resolve())
        else:
            with tempfile.TemporaryDirectory(prefix="cudapin-demo-") as folder:
                demonstrate(Path(folder).resolve(), options.project.resolve())
    except (DemoError, OSError) as error:
        print(f"demo.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
