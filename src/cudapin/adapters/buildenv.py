"""The environment that a build runs in: installed packages, their files, the toolkit and the compiler."""

from __future__ import annotations

import atexit
import base64
import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from email.parser import HeaderParser
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path
from typing import TYPE_CHECKING

from cudapin.core.judge_env import Installed
from cudapin.core.names import normalise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "Found",
    "compiler_version",
    "find_changed_file",
    "find_distributions",
    "is_joined",
    "join_toolkit",
    "nvcc_version",
    "read_installed",
]

_CHUNK = 1 << 20
_PARTS = ("include", "lib", "lib64", "bin", "nvvm")

_joined: dict[tuple[tuple[str, ...], ...], Path] = {}
"""The directories of links that this process made, by the packages that they were made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An installed distribution and its version, as the name of its `.dist-info` or `.egg-info` says it."""

    version: str
    distribution: Distribution


def find_distributions() -> dict[str, Found]:
    """Return what is installed for the running interpreter, by normalised name; the first on the path counts.

    The names of the folders tell; to read the metadata of everything would cost more than all other checks.
    """
    found: dict[str, Found] = {}
    for folder in map(Path, dict.fromkeys(sys.path)):
        try:
            names = sorted(os.listdir(folder or "."))  # noqa: PTH208
        except OSError:
            continue
        for info in sorted(names, key=lambda name: name.endswith(".egg-info")):
            name, version = _split_info(info)
            if not name or normalise(name) in found:
                continue
            distribution = Distribution.at(folder / info)
            version = version or read_installed(distribution).version
            if version:
                found[normalise(name)] = Found(version=version, distribution=distribution)
    return found


def _split_info(folder: str) -> tuple[str, str]:
    """Return name and version as `x-1.0.dist-info`, `x-1.0-py3.11.egg-info` or `x.egg-info` say them, else ""."""
    if folder.endswith(".dist-info"):
        name, _, version = folder.removesuffix(".dist-info").rpartition("-")
    elif folder.endswith(".egg-info"):
        name, version, *_ = (*folder.removesuffix(".egg-info").split("-"), "")
    else:
        name = version = ""
    return name, version


def read_installed(distribution: Distribution) -> Installed:
    """Return the name, version and origin of an installed distribution."""
    url, url_hash = _direct_url(distribution)
    name, version = _name_and_version(distribution)
    return Installed(name=normalise(name), version=version, url=url, url_hash=url_hash)


def _name_and_version(distribution: Distribution) -> tuple[str, str]:
    """Read both from the metadata; what is not there is told by the folder's name."""
    texts = map(distribution.read_text, ("METADATA", "PKG-INFO", ""))  # an `.egg-info` may be a file itself
    headers = HeaderParser().parsestr(next(filter(None, texts), ""))
    folder = Path(str(distribution._path)).name if isinstance(distribution, PathDistribution) else ""  # noqa: SLF001
    name, version = _split_info(folder)
    return headers["Name"] or name, headers["Version"] or version


def _direct_url(distribution: Distribution) -> tuple[str | None, str | None]:
    """Read `direct_url.json` (PEP 610)."""
    try:
        document = json.loads(distribution.read_text("direct_url.json") or "{}")
        archive = document.get("archive_info") or {}
        hashes = archive.get("hashes") or {}
        legacy = str(archive.get("hash") or "").partition("=")
        digest = hashes.get("sha256") or (legacy[2] if legacy[0] == "sha256" else None)
        return document.get("url"), digest
    except (ValueError, AttributeError):
        return None, None


def find_changed_file(distribution: Distribution) -> str | None:
    """Return the first file that is missing or not as RECORD says, or None where all are."""
    record = distribution.read_text("RECORD")
    if record is None:
        return "RECORD"
    try:
        rows = list(csv.reader(record.splitlines()))
    except csv.Error:
        return "RECORD"
    for row in rows:
        algorithm, _, wanted = row[1].partition("=") if len(row) > 1 else ("", "", "")
        if not algorithm:
            continue
        path = Path(str(distribution.locate_file(row[0])))
        if not path.is_file() or _record_digest(path, algorithm) != wanted:
            return row[0]
    return None


def _record_digest(path: Path, algorithm: str) -> str | None:
    if algorithm not in hashlib.algorithms_guaranteed or algorithm.startswith("shake"):
        return None
    digest = hashlib.new(algorithm)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()


def join_toolkit(packages: Iterable[Distribution]) -> Path | None:
    """Return a CUDA root made of the NVIDIA wheels among the packages, or None where they hold no headers.

    CUDA 13 wheels share `nvidia/cu13`, which is used as it is. Those of CUDA 11 and 12 spread over `nvidia/<part>`
    and are joined by links in a private directory, one for all calls with the same packages, removed at exit.
    Raises OSError where links cannot be made.
    """
    packages = tuple(packages)
    roots: dict[Path, list[str]] = {}
    for package in packages:
        site = Path(str(package.locate_file("")))
        for path in _recorded(package):
            top, _, rest = path.partition("/")
            part, _, inside = rest.partition("/")
            if top == "nvidia" and inside.partition("/")[0] in _PARTS and "/" in inside:
                roots.setdefault(site / top / part, []).append(inside)
    if not any(path.startswith("include/") for paths in roots.values() for path in paths):
        return None
    if len(roots) == 1 and next(iter(roots)).name.startswith("cu1"):
        return next(iter(roots))
    key = tuple(_identity(package) for package in packages)
    if key not in _joined or not _joined[key].is_dir():
        _joined[key] = _link(roots)
    return _joined[key]


def is_joined(path: Path) -> bool:
    """Tell whether a toolkit, or a compiler in one, is made of packages of this environment (see `join_toolkit`)."""
    parents = {path, *path.parents}
    if any(joined in parents for joined in _joined.values()):
        return True
    return any(Path(folder, "nvidia") in parents for folder in sys.path if folder)


def _identity(package: Distribution) -> tuple[str, ...]:
    record = hashlib.sha256((package.read_text("RECORD") or "").encode()).hexdigest()
    return (str(package.locate_file("")), *_name_and_version(package), record)


def _link(roots: Mapping[Path, list[str]]) -> Path:
    joined = tempfile.mkdtemp(prefix="cudapin-toolkit-")
    atexit.register(shutil.rmtree, joined, ignore_errors=True)
    targets: dict[str, str] = {}
    for root in sorted(roots):
        for path in roots[root]:
            targets.setdefault(path, f"{root}/{path}")
    try:
        for directory in sorted({path.rpartition("/")[0] for path in targets}):
            os.makedirs(f"{joined}/{directory}", exist_ok=True)  # noqa: PTH103  # os is 10 times faster than pathlib
        for path, target in targets.items():
            os.symlink(target, f"{joined}/{path}")  # noqa: PTH211
    except OSError:
        shutil.rmtree(joined, ignore_errors=True)
        raise
    return Path(joined)


def _recorded(package: Distribution) -> list[str]:
    record = package.read_text("RECORD") or ""
    try:
        paths = [row[0] for row in csv.reader(record.splitlines()) if row]
    except csv.Error:
        return []
    return [path for path in paths if ".." not in path.split("/") and not path.startswith("/")]


def compiler_version(environ: Mapping[str, str]) -> str | None:
    """Return the first line that the C compiler prints for `--version`, without its path; None where there is none."""
    import sysconfig

    command = (environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()
    executable = shutil.which(command[0], path=environ.get("PATH")) if command else None
    return _first_line(executable, environ) if executable else None


def nvcc_version(compiler: str, environ: Mapping[str, str]) -> str | None:
    """Return the release that an `nvcc` names, as `major.minor`; None where it gives none."""
    executable = shutil.which(compiler, path=environ.get("PATH"))
    if executable is None:
        return None
    found = re.search(r"release (\d+\.\d+)", _run(executable, environ) or "")
    return found[1] if found else None


def _first_line(executable: str, environ: Mapping[str, str]) -> str | None:
    output = _run(executable, environ)
    line = output.splitlines()[0] if output else ""
    return line.replace(executable, Path(executable).name) or None


def _run(executable: str, environ: Mapping[str, str]) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603
            [executable, "--version"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            env={**environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None
