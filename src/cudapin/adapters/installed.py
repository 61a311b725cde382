"""What is installed in a Python environment, from its files alone: nothing of it is imported."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cudapin.core.installed import Environment, InstalledPackage, parse_headers, parse_stamp
from cudapin.core.names import normalise
from cudapin.core.stamp import RECORD_NAME
from cudapin.errors import Code, ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cudapin.core.installed import StampRecord

__all__ = ["read_environment", "read_packages"]

_MOST = 1 << 18
_TIMEOUT_S = 20
_MARK = "cudapin-interpreter "
_MARKERS = (
    "implementation_name",
    "implementation_version",
    "os_name",
    "platform_machine",
    "platform_python_implementation",
    "platform_release",
    "platform_system",
    "platform_version",
    "python_full_version",
    "python_version",
    "sys_platform",
)
# What the interpreter itself is asked; any from 3.6 on understands it. `-I` leaves user settings and this folder out.
_QUESTION = (
    "import json,os,platform as p,sys as s;i=s.implementation;v=i.version;n='%d.%d.%d'%v[:3];"
    "n+='' if v.releaselevel=='final' else v.releaselevel[0]+str(v.serial);"
    f"print({_MARK!r}+json.dumps({{'path':s.path,'prefix':s.prefix,'base':s.base_prefix,'executable':s.executable,"
    "'markers':{'implementation_name':i.name,'implementation_version':n,'os_name':os.name,"
    "'platform_machine':p.machine(),'platform_python_implementation':p.python_implementation(),"
    "'platform_release':p.release(),'platform_system':p.system(),'platform_version':p.version(),"
    "'python_full_version':p.python_version(),'python_version':'%d.%d'%s.version_info[:2],"
    "'sys_platform':s.platform}}))"
)
_BUILD_FILES = {"torch": "torch/version.py"}


def read_environment(
    executable: str | None, environ: Mapping[str, str], wants: Callable[[str], bool] = lambda _: True
) -> Environment:
    """Return the environment of an interpreter, of the running one for None; a virtual environment's folder will do.

    `wants` tells of which names more than the version is read. Raises ConfigError (CP112) for what is no Python.
    """
    if executable is None:
        return _running(wants)
    path = _find(executable, environ)
    document = _ask(executable, path, environ)
    markers = {key: str(document["markers"].get(key, "")) for key in _MARKERS}
    return Environment(
        executable=str(path),
        prefix=str(document.get("prefix", "")),
        version=markers["python_full_version"],
        markers=markers,
        packages=read_packages((str(item) for item in document["path"]), wants),
        is_virtual=document.get("prefix") != document.get("base"),
        is_default=False,
    )


def _running(wants: Callable[[str], bool]) -> Environment:
    from cudapin.adapters.interpreter import running_target

    markers = running_target().environment
    here = os.getcwd()  # noqa: PTH109 - `sys.path` holds texts
    own = [path for position, path in enumerate(sys.path) if path and not (position == 0 and path == here)]
    return Environment(
        executable=sys.executable,
        prefix=sys.prefix,
        version=markers["python_full_version"],
        markers=markers,
        packages=read_packages(own, wants),
        is_virtual=sys.prefix != sys.base_prefix,
    )


def _find(executable: str, environ: Mapping[str, str]) -> Path:
    """Return the interpreter that is named: a file, a command on PATH, or the folder of a virtual environment."""
    if "\0" in executable:
        raise _wrong(executable.replace("\0", "?"), "no path holds a NUL")
    try:
        path = Path(executable).expanduser()
        if path.is_dir():
            places = (path / place for place in ("bin/python", "Scripts/python.exe", "python.exe"))
            found = next((place for place in places if place.is_file()), None)
            if found is None:
                raise _wrong(executable, "it is a folder without `bin/python`")
            return Path(os.path.abspath(found))  # noqa: PTH100 - as below
        # Not the text of the path: it would lose a leading `./`, and be looked for on PATH.
        command = shutil.which(os.path.expanduser(executable), path=environ.get("PATH", ""))  # noqa: PTH111
    except (OSError, ValueError, RuntimeError) as error:
        raise _wrong(executable, str(error)) from error
    if command is None:
        raise _wrong(executable, "it is not a program" if path.exists() else "there is no such file, nor on PATH")
    return Path(os.path.abspath(command))  # noqa: PTH100 - a virtual environment's python is a link, and stays one


def _ask(executable: str, path: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    from cudapin.adapters.process import output_of

    output, failure = output_of((str(path), "-I", "-c", _QUESTION), environ, _TIMEOUT_S)
    if failure is not None:
        raise _wrong(executable, f"it does not answer as Python does ({failure})")
    line = next((line for line in output.splitlines() if line.startswith(_MARK)), "")
    try:
        document = json.loads(line.removeprefix(_MARK))
    except (ValueError, RecursionError):
        document = None
    if (
        not isinstance(document, dict)
        or not isinstance(document.get("path"), list)
        or not isinstance(document.get("markers"), dict)
    ):
        raise _wrong(executable, "it does not answer as Python does")
    return document


def read_packages(paths: Iterable[str], wants: Callable[[str], bool] = lambda _: True) -> dict[str, InstalledPackage]:
    """Return what is installed below the folders, by normalised name; the first on the path counts, as for imports.

    The names of the metadata folders tell name and version; more is read only of the names that are wanted.
    """
    found: dict[str, InstalledPackage] = {}
    for folder in dict.fromkeys(paths):
        found |= _in_folder(folder, wants, found)
    return found


def _in_folder(
    folder: str, wants: Callable[[str], bool], known: Mapping[str, InstalledPackage]
) -> dict[str, InstalledPackage]:
    try:
        infos = sorted(os.listdir(folder))  # noqa: PTH208 - hundreds of names
    except (OSError, ValueError):
        return {}
    found: dict[str, InstalledPackage] = {}
    for info in sorted(infos, key=lambda name: name.endswith(".egg-info")):
        name, version = _split(info)
        key = normalise(name)
        if not name or key in known:
            continue
        if key in found:
            if info.endswith(".dist-info") and version:
                found[key] = replace(found[key], others=(*found[key].others, version))
            continue
        package = _read(Path(folder), info, key, version, wants)
        if package.version:
            found[key] = package
    return found


def _split(info: str) -> tuple[str, str]:
    """Return name and version as `x-1.0.dist-info` or `x-1.0-py3.11.egg-info` say them, else ""."""
    if info.endswith(".dist-info"):
        name, _, version = info.removesuffix(".dist-info").rpartition("-")
        return name, version
    if info.endswith(".egg-info"):
        name, version, *_ = (*info.removesuffix(".egg-info").split("-"), "")
        return name, version
    return "", ""


def _read(folder: Path, info: str, name: str, version: str, wants: Callable[[str], bool]) -> InstalledPackage:
    place = folder / info
    stamp = _stamp(place)
    if version and stamp is None and not wants(name):
        return InstalledPackage(name=name, version=version)
    files = ("METADATA",) if info.endswith(".dist-info") else ("PKG-INFO", "")
    text = next(filter(None, (_text(place / file if file else place) for file in files)), "")
    _, told, requires = parse_headers(text)
    build_file = _BUILD_FILES.get(name)
    return InstalledPackage(
        name=name,
        version=told or version,
        requires=requires,
        stamp=stamp,
        build_text=_text(folder / build_file) or None if build_file else None,
        build_file=build_file,
        is_editable=_is_editable(place),
    )


def _stamp(place: Path) -> StampRecord | None:
    text = _text(place / "extra_metadata" / RECORD_NAME)
    try:
        return parse_stamp(json.loads(text)) if text else None
    except (ValueError, RecursionError):
        return None


def _is_editable(place: Path) -> bool:
    """Whether `direct_url.json` (PEP 610) says that the files are elsewhere."""
    try:
        document = json.loads(_text(place / "direct_url.json") or "null")
        return bool(document["dir_info"]["editable"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return False


def _text(path: Path) -> str:
    """Return the beginning of a file, "" where there is none: what is read here lies in front."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - most of these files do not exist
            return file.read(_MOST).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""


def _wrong(executable: str, why: str) -> ConfigError:
    return ConfigError(
        Problem(
            code=Code.CP112,
            what="`--python` names no Python interpreter",
            why=f"wanted an interpreter or a virtual environment, found `{executable}`: {why}",
            fix="cudapin doctor --python .venv/bin/python",
        )
    )
