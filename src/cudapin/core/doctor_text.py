"""What `doctor` found, as the text that one pastes into a bug report: no user, no host, no time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cudapin.core.fields import name_list
from cudapin.core.surroundings import shown_setting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cudapin.core.doctor import EnvironmentReport, MachineReport, ProjectReport, Report
    from cudapin.core.installed import CudaPackage

__all__ = ["redact", "render_report", "short_home"]

_WIDTH = 9
_SHOWN = 20
_HOMES = re.compile(r"(?i)((?:/home|/Users|[A-Z]:\\Users)[/\\])[^/\\\s`'\"]+")
_AT_HOST = re.compile(r"\b[\w.-]{1,64}@[\w.-]{1,253}")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def redact(text: str, home: str, user: str = "") -> str:
    """Leave home, user and host out of a line, and whatever a terminal would not show as it is.

    >>> redact("/home/me/venv/bin/python", "/home/me")
    '~/venv/bin/python'
    """
    text = _tilde(text, home)
    if user not in ("", "root"):
        text = re.sub(rf"(?<=[/\\]){re.escape(user)}(?=[/\\]|$)", "…", text)
    return _UNSEEN.sub("?", _AT_HOST.sub("…@…", _HOMES.sub(r"\1…", text)))


def short_home(command: str, home: str) -> str:
    """Write `~` for the user's home in a command, unless it stands in quotes, where a shell does not read it so."""
    return command if "'" in command else _tilde(command, home)


def _tilde(text: str, home: str) -> str:
    if len(home) < 2:  # noqa: PLR2004 - `/` is nobody's own
        return text
    return re.sub(rf"{re.escape(home)}(?![^/\\\s`'\"),:;])", "~", text)


def render_report(report: Report, hide: Callable[[str], str]) -> str:
    """Return the sections machine, environment and project; each line passes `hide`."""
    lines = [
        f"cudapin {report.cudapin}",
        "machine",
        *_rows(_machine_rows(report.machine)),
        "environment",
        *_rows(_environment_rows(report.environment)),
        "project",
        *_rows(_project_rows(report.project)),
    ]
    return "\n".join(map(hide, lines))


def _rows(rows: Iterable[tuple[str, str]]) -> list[str]:
    rows = list(rows)
    width = max([_WIDTH, *(len(name) for name, _ in rows if len(name) < 2 * _WIDTH)])
    return [f"  {name:<{width}}  {text}".rstrip() for name, text in rows]


def _machine_rows(found: MachineReport) -> Iterable[tuple[str, str]]:
    machine, around = found.machine, found.around
    places = [around.system]
    places += [f"{around.container} ({around.container_source})"] if around.container else []
    places += [f"WSL ({around.wsl_source})"] if around.wsl_source else []
    yield "system", ", ".join(places)
    yield "driver", f"{machine.driver} ({machine.read_from.driver})" if machine.driver else _none(found, "driver")
    if machine.driver:
        yield "CUDA", f"{found.cuda} ({found.cuda_source})" if found.cuda else "not known of this driver"
    yield from _gpu_rows(found)
    yield from _toolkit_rows(found)
    yield from (("variable", f"{name}={shown_setting(value)}") for name, value in around.settings)
    yield from (("hint", hint) for hint in found.hints)
    if machine.driver is None or not machine.gpus or machine.read_from.gpus == "NVML":  # it answered, but for these
        yield from (("not read", gap) for gap in machine.gaps)


def _gpu_rows(found: MachineReport) -> Iterable[tuple[str, str]]:
    source = found.machine.read_from.gpus
    for number, gpu in enumerate(found.machine.gpus):
        memory = "" if gpu.memory_mib is None else f", {gpu.memory_mib} MiB"
        mode = "" if gpu.mig is None else ", MIG mode"
        yield f"GPU {number}", f"{gpu.name}, compute capability {gpu.arch}{memory}{mode} ({source})"
        for part in gpu.mig or ():
            yield "", f"- {part.name}{'' if part.memory_mib is None else f', {part.memory_mib} MiB'}"
    if not found.machine.gpus:
        yield "GPU", _none(found, "gpus")


def _toolkit_rows(found: MachineReport) -> Iterable[tuple[str, str]]:
    for toolkit in found.toolkits:
        version = f"CUDA {toolkit.version}" if toolkit.version else "of unknown version"
        yield "toolkit", f"{version}, {toolkit.path} ({toolkit.source})"
    if not found.toolkits:
        yield "toolkit", "none was found"
    yield from (("compiler", f"{compiler} ({compiler.source})") for compiler in found.compilers)
    yield "cuDNN", f"{found.cudnn.version} ({found.cudnn.path})" if found.cudnn else "none outside of Python"


def _none(found: MachineReport, part: str) -> str:
    """An empty variable stands for none."""
    source = getattr(found.machine.read_from, part)
    return f"none ({source})" if source else "none was found"


def _environment_rows(found: EnvironmentReport) -> Iterable[tuple[str, str]]:
    environment = found.environment
    kind = environment.markers.get("platform_python_implementation") or "Python"
    named = "" if not environment.is_default else ", which runs this"
    yield "Python", f"{environment.version} ({kind}), {environment.executable}{named}"
    of_cuda = f"{len(found.packages)} of them tied to CUDA" if found.packages else "none of them tied to CUDA"
    yield "packages", f"{len(environment.packages)} installed, {of_cuda}"
    yield from (("", line) for line in _package_lines(found.packages))
    if found.variant is not None:
        yield "variant", f"{_verdict(found)} (asked for by {found.asked_by})"
        for difference in found.differences[:_SHOWN]:
            yield "", str(difference)
        if len(found.differences) > _SHOWN:
            yield "", f"and {len(found.differences) - _SHOWN} more"
    elif found.matches:
        yield "variant", f"it is {name_list(found.matches)}"
    elif found.compared:
        yield "variant", f"it is none of {name_list(found.compared)}"


def _package_lines(packages: Sequence[CudaPackage]) -> Iterable[str]:
    names = max((len(item.name) for item in packages), default=0)
    versions = max((len(item.version) for item in packages), default=0)
    for item in packages:
        stamp = item.stamp.variant if item.stamp else None
        mark = "" if item.stamp is None else f", stamped `{stamp}`" if stamp else ", stamped as of no variant"
        head = f"{item.name:<{names}}  {item.version:<{versions}}"
        yield f"{head}  {item.text} ({item.belonging.evidence}){mark}"


def _verdict(found: EnvironmentReport) -> str:
    if found.is_variant is None:
        return f"whether it is `{found.variant}` cannot be told"
    if found.is_variant:
        return f"it is `{found.variant}`: {found.total} of {found.total} locked packages are as locked"
    return f"it is not `{found.variant}`: {len(found.differences)} differences"


def _project_rows(found: ProjectReport) -> Iterable[tuple[str, str]]:
    yield "name", found.name or "none"
    if found.failure is not None:
        yield "not read", found.failure
    for path, verdict in found.locks:
        yield "lock", f"{path}: {verdict}"
    for item in found.variants:
        yield from _fit_rows(item.name, item.reasons, is_fit=item.fits)


def _fit_rows(name: str, reasons: Sequence[str], *, is_fit: bool) -> Iterable[tuple[str, str]]:
    head = f"{name}: fits" if is_fit else f"{name}: does not fit"
    yield "variant", f"{head}: {reasons[0]}" if len(reasons) == 1 else head
    for reason in reasons if len(reasons) > 1 else ():
        yield "", f"- {reason}"
