"""Real front ends on small projects: each builds with its own isolation, offline, and tells what came out."""

from __future__ import annotations

import base64
import csv
import email
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message

ROOT = Path(__file__).resolve().parents[2]
EPOCH = "1700000000"
FrontendName = Literal["build", "uv", "pip", "hatch"]
FRONTENDS: tuple[FrontendName, ...] = ("build", "uv", "pip", "hatch")
REFUSED = {"build": 1, "uv": 2, "pip": 1, "hatch": 1}
"""What each front end exits with when a build is refused."""

# Everything else is dropped: settings of the caller's packaging tools, compilers, hatch, CUDA and cudapin.
_KEPT = ("PATH", "SYSTEMROOT", "PYENV_ROOT")


@dataclass(frozen=True)
class Place:
    """Where one build takes place: home, temporary folder, hatch's own folders."""

    folder: Path

    def environment(self, **settings: str) -> dict[str, str]:
        """Return a clean environment: nothing of the caller's but the path."""
        home, temporary = self.folder / "home", self.folder / "tmp"
        home.mkdir(parents=True, exist_ok=True)
        temporary.mkdir(exist_ok=True)
        return {
            **{name: os.environ[name] for name in _KEPT if name in os.environ},
            "HOME": str(home),
            "TMPDIR": str(temporary),
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
            "SOURCE_DATE_EPOCH": EPOCH,
            "HATCH_DATA_DIR": str(self.folder / "hatch-data"),
            "HATCH_CACHE_DIR": str(self.folder / "hatch-cache"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            **settings,
        }

    @property
    def left_over(self) -> list[str]:
        """What lies in the temporary folder."""
        return sorted(path.name for path in (self.folder / "tmp").iterdir())


@dataclass(frozen=True)
class Outcome:
    """What a command exited with, printed, and put into the output folder."""

    code: int
    output: str
    artefacts: tuple[Path, ...]

    @property
    def artefact(self) -> Path:
        """The only new file, of a command that succeeded."""
        assert self.code == 0, self.output
        assert len(self.artefacts) == 1, (self.artefacts, self.output)
        return self.artefacts[0]

    @property
    def wheel(self) -> Wheel:
        """The only new file, read as a wheel."""
        return Wheel(self.artefact)

    def says(self, message: str) -> bool:
        """Whether the lines of the message stand in the output, together and equally indented (as pip does).

        A line of the message that ends in `…` may go on.
        """
        wanted, lines = dedent(message).strip().splitlines(), self.output.splitlines()
        for start, line in enumerate(lines):
            indent = line[: len(line) - len(line.lstrip(" "))]
            found = lines[start : start + len(wanted)]
            if len(found) == len(wanted) and all(_is_line(indent + one, two) for one, two in zip(wanted, found)):  # noqa: B905
                return True
        return False


@dataclass(frozen=True)
class Workbench:
    """Folders of wheels that serve all builds, without any network."""

    wheelhouse: Path
    uv_cache: Path
    more: tuple[Path, ...] = ()

    def offline(self) -> dict[str, str]:
        """Return the settings with which installers take the wheelhouse, and nothing else."""
        links = [str(folder) for folder in (self.wheelhouse, *self.more)]
        return {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": " ".join(links),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_CACHE_DIR": "1",
            "UV_NO_INDEX": "1",
            "UV_OFFLINE": "1",
            "UV_FIND_LINKS": ",".join(links),
            "UV_CACHE_DIR": str(self.uv_cache),
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_NO_SYSTEM_CONFIG": "1",
        }

    def run(
        self,
        place: Place,
        *command: str | Path,
        cwd: Path | None = None,
        umask: int = 0o022,
        **settings: str,
    ) -> Outcome:
        """Run a command; settings are further environment variables."""
        environment = place.environment(**{**self.offline(), **settings})
        done = subprocess.run(
            [str(part) for part in command],
            cwd=cwd or place.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            umask=umask,
            timeout=300,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, ())

    def build(
        self,
        frontend: FrontendName,
        place: Place,
        project: Path,
        out: Path,
        variant: str | None = None,
        *,
        target: Literal["wheel", "sdist", "both"] = "wheel",
        umask: int = 0o022,
        options: tuple[str, ...] = (),
        python: str | Path = sys.executable,
        **settings: str,
    ) -> Outcome:
        """Build a project, or for build, pip and uv an sdist file, into the folder `out`.

        `python` is the interpreter that builds (that of hatch stays its own). pip makes
        wheels only; `both` is what a front end does when it is not told (sdist, then wheel).
        """
        commands: dict[str, list[str | Path]] = {
            "build": ["build", *_flag(target), "--outdir", out, *options, project],
            "uv": ["uv", "build", "--python", python, *_flag(target), "--out-dir", out, *options, project],
            "pip": ["pip", "wheel", "--no-deps", "--wheel-dir", out, *options, project],
            "hatch": ["hatch", "build", *([] if target == "both" else ["-t", target]), *options, out],
        }
        if variant is not None:
            settings["CUDAPIN_VARIANT"] = variant
        before = digests(out)
        cwd = project if frontend == "hatch" else None
        own = python if frontend in ("build", "pip") else sys.executable
        done = self.run(place, own, "-m", *commands[frontend], cwd=cwd, umask=umask, **settings)
        after = digests(out)
        changed = sorted(name for name, digest in after.items() if before.get(name) != digest)
        artefacts = tuple(out / name for name in changed if name.endswith((".whl", ".tar.gz")))
        return Outcome(done.code, done.output, artefacts)


def _is_line(wanted: str, found: str) -> bool:
    return found.startswith(wanted[:-1]) if wanted.endswith("…") else found == wanted


def _flag(target: str) -> list[str]:
    return [] if target == "both" else [f"--{target}"]


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below a folder, by relative path; nothing where the folder is missing."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@dataclass(frozen=True)
class Wheel:
    """A wheel file, read back."""

    path: Path
    members: Mapping[str, bytes] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        with zipfile.ZipFile(self.path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        object.__setattr__(self, "members", members)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def in_info(self, name: str) -> bytes:
        """Return a member of the `.dist-info` folder."""
        found = [key for key in self.members if key.endswith(f".dist-info/{name}")]
        assert len(found) == 1, (found, sorted(self.members))
        return self.members[found[0]]

    @property
    def metadata(self) -> Message:
        return email.message_from_bytes(self.in_info("METADATA"))

    @property
    def version(self) -> str:
        return str(self.metadata["Version"])

    @property
    def requires(self) -> list[str]:
        return self.metadata.get_all("Requires-Dist", [])

    @property
    def extras(self) -> list[str]:
        return self.metadata.get_all("Provides-Extra", [])

    @property
    def classifiers(self) -> list[str]:
        return self.metadata.get_all("Classifier", [])

    @property
    def record(self) -> dict[str, Any]:
        """The record of cudapin."""
        record = json.loads(self.in_info("extra_metadata/cudapin.json"))
        assert isinstance(record, dict)
        return record

    @property
    def tags(self) -> list[str]:
        return email.message_from_bytes(self.in_info("WHEEL")).get_all("Tag", [])

    @property
    def is_purelib(self) -> bool:
        return bool(email.message_from_bytes(self.in_info("WHEEL"))["Root-Is-Purelib"] == "true")

    def faults(self) -> list[str]:
        """Return each way in which RECORD does not say what the wheel holds, and names that do not agree."""
        rows = list(csv.reader(io.StringIO(self.in_info("RECORD").decode())))
        recorded = {name: (digest, size) for name, digest, size in rows}
        faults = [f"twice: {name}" for name in recorded if [row[0] for row in rows].count(name) > 1]
        faults += [f"not recorded: {name}" for name in self.members.keys() - recorded.keys()]
        faults += [f"not there: {name}" for name in recorded.keys() - self.members.keys()]
        for name, data in self.members.items():
            digest = "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            wanted = ("", "") if name.endswith(".dist-info/RECORD") else (digest, str(len(data)))
            if recorded.get(name) != wanted:
                faults.append(f"recorded wrongly: {name}")
        name, version, python, abi, platform = self.path.name.removesuffix(".whl").split("-")
        if self.metadata["Name"].replace("-", "_") != name or self.version != version:
            faults.append(f"{self.path.name} is not {self.metadata['Name']} {self.version}")
        tags = {f"{first}-{abi}-{last}" for first in python.split(".") for last in platform.split(".")}
        if tags != set(self.tags):
            faults.append(f"{self.path.name} has the tags {self.tags}")
        infos = {key.split("/", 1)[0] for key in self.members if key.split("/", 1)[0].endswith(".dist-info")}
        if infos != {f"{name}-{version}.dist-info"}:
            faults.append(f"{self.path.name} has {infos}")
        return faults


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    """Write text files, by relative path, and return the folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    return folder


def change_one_character(path: Path, old: str, new: str) -> None:
    """Replace `old`, which must occur once; `new` has one character more, less, or another."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, (path, old, text.count(old))
    assert is_one_character(old, new), (old, new)
    path.write_text(text.replace(old, new), encoding="utf-8")


def is_one_character(old: str, new: str) -> bool:
    """Whether one insertion, deletion or substitution of a character makes one text of the other."""
    short, long = sorted((old, new), key=len)
    if len(short) == len(long):
        return sum(first != second for first, second in zip(short, long)) == 1  # noqa: B905
    return len(long) - len(short) == 1 and any(long[:at] + long[at + 1 :] == short for at in range(len(long)))


def fake_hash(text: str) -> str:
    """Return a SHA-256 that belongs to no file."""
    return hashlib.sha256(text.encode()).hexdigest()


def requirements_lock(group: str, *pins: str, command: str | None = None) -> str:
    """Return a hashed requirements file as `uv pip compile` writes it, for pins such as `torch==2.9.0 # via demo`."""
    path = f"locks/{group}.txt"
    command = command or f"uv pip compile pyproject.toml --group {group} --universal --generate-hashes -o {path}"
    lines = ["# This file was autogenerated by uv via the following command:", f"#    {command}"]
    for pin in pins:
        text, _, via = pin.partition(" # via ")
        lines += [f"{text} \\", f"    --hash=sha256:{fake_hash(text)}"]
        lines += [f"    # via {via or f'demo (pyproject.toml:{group})'}"]
    return "\n".join(lines) + "\n"


UV_LOCK = f"""\
version = 1
revision = 3
requires-python = ">=3.10"

[[package]]
name = "demo"
version = "1.0"
source = {{ editable = "." }}
dependencies = [
    {{ name = "iniconfig" }},
]

[package.metadata]
requires-dist = [{{ name = "iniconfig", specifier = ">=2.0" }}]

[[package]]
name = "iniconfig"
version = "2.3.1"
source = {{ registry = "https://packages.example/simple" }}
wheels = [
    {{ url = "https://packages.example/iniconfig-2.3.1-py3-none-any.whl", hash = "sha256:{fake_hash("a")}", size = 1 }},
]
"""
UV_PYPROJECT = """\
[build-system]
requires = ["hatchling", "cudapin"]
build-backend = "hatchling.build"

[project]
name = "demo"
version = "1.0"
requires-python = ">=3.10"
dependencies = ["iniconfig>=2.0"]

[[tool.uv.index]]
url = "https://packages.example/simple"
default = true

[tool.hatch.build.hooks.cudapin]
"""


def make_wheel(
    folder: Path, name: str, version: str, files: Mapping[str, str] | None = None, tag: str = "py3-none-any"
) -> Path:
    """Write an installable wheel made of text files; the same arguments give the same bytes."""
    base = f"{name.replace('-', '_')}-{version}"
    info = f"{base}.dist-info"
    members = {
        **(files or {}),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: workbench\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = io.StringIO()
    writer = csv.writer(record, lineterminator="\n")
    for path, text in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        writer.writerow((path, f"sha256={digest}", len(text.encode())))
    writer.writerow((f"{info}/RECORD", "", ""))
    members[f"{info}/RECORD"] = record.getvalue()
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{base}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in members.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), text)
    return wheel


def unpack(sdist: Path, target: Path) -> Path:
    """Unpack an sdist into a new folder; return the folder in it."""
    with tarfile.open(sdist) as archive:
        if hasattr(tarfile, "data_filter"):
            archive.extractall(target, filter="data")
        else:
            archive.extractall(target)
    (folder,) = target.iterdir()
    return folder


def copy_example(name: str, target: Path, umask: int = 0o022) -> Path:
    """Copy an example project as a checkout under that umask would look."""
    shutil.copytree(ROOT / "example-projects" / name, target, ignore=shutil.ignore_patterns("__pycache__", "dist"))
    for path in (target, *target.rglob("*")):
        path.chmod((0o777 if path.is_dir() else 0o666) & ~umask)
    return target
