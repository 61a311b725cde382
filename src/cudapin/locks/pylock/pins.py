"""A `pylock.toml` seen as the pins of a compile command, and where it was made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cudapin.core.index import strip_credentials
from cudapin.locks.pylock.select import file_name
from cudapin.locks.requirements.pins import Entry, Pins, find_left_out

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.pylock import Package
    from packaging.tags import Tag

    from cudapin.locks.pylock.lock import Pylock

__all__ = ["find_foreign_wheel", "is_compiled", "read_pins"]

_SETS = ("extras", "dependency_groups")
_SYSTEMS = {"linux": "linux", "manylinux": "linux", "musllinux": "linux", "macosx": "darwin", "win": "win32"}


def is_compiled(lock: Pylock) -> bool:
    """Tell whether `uv pip compile` made it: extras and groups are then resolved away, and no marker asks for any."""
    if lock.document.created_by != "uv":
        return False
    return not any(name in str(package.marker) for package in lock.document.packages for name in _SETS)


def read_pins(lock: Pylock, project: str | None) -> Pins:
    """Return the pins; without a recorded command they are those of `uv pip compile pyproject.toml`."""
    entries = (
        Entry(
            name=package.name,
            version=None if _address(package) is not None or package.version is None else str(package.version),
            url=_address(package),
            marker=None if package.marker is None else str(package.marker),
            hashes=(),
            via=(),
            line=lock.line(position) or 1,
        )
        for position, package in enumerate(lock.document.packages)
        if not lock.is_project(package, project)
    )
    return Pins(
        source=lock.source,
        header=lock.header,
        inputs=lock.inputs if lock.header else replace(lock.inputs, is_uv=True),
        entries=tuple(entries),
        remake=lock.remake,
        left_out=find_left_out(lock.source.text),
    )


def _address(package: Package) -> str | None:
    """Return where a package comes from as a requirement writes it; "" for what is on this machine."""
    if package.vcs is not None:
        return (
            f"{package.vcs.type}+{strip_credentials(package.vcs.url)}@{package.vcs.commit_id}"
            if package.vcs.url
            else ""
        )
    if package.directory is not None:
        return ""
    if package.archive is not None:
        return strip_credentials(package.archive.url or "")
    return None


def find_foreign_wheel(lock: Pylock, names: frozenset[str], environment: Mapping[str, str]) -> str | None:
    """Return a wheel that shows that the lock was made for another Python or platform than this one.

    It is of a selected package (`names`) of which the lock has nothing that could be installed here.
    """
    from packaging.utils import parse_wheel_filename

    for package in lock.document.packages:
        if package.name not in names or package.sdist is not None or not package.wheels:
            continue
        wheels = [file_name(wheel) for wheel in package.wheels]
        if not any(_could_run(tag, environment) for name in wheels for tag in parse_wheel_filename(name)[3]):
            return wheels[0]
    return None


def _could_run(tag: Tag, environment: Mapping[str, str]) -> bool:
    """Tell whether an environment could be one that the tag is for, as far as its markers tell."""
    head = tag.platform.partition("_")[0].rstrip("0123456789")
    if head in _SYSTEMS and _SYSTEMS[head] != environment["sys_platform"]:
        return False
    machine = environment["platform_machine"].lower()
    if head.endswith("linux") and machine and not tag.platform.endswith(f"_{machine}"):
        return False
    python = "".join(environment["python_version"].split(".")[:2])
    is_cpython = tag.interpreter.startswith("cp") and environment["implementation_name"] == "cpython"
    is_of_one = is_cpython and tag.abi.rstrip("t") == tag.interpreter
    return not is_of_one or tag.interpreter == f"cp{python}"
