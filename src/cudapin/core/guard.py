"""The text of the runtime guard: the module of a wheel, and the stub that stands for it in a source tree.

Both are made from one template, whose constants and first lines are replaced. The same input gives the same bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cudapin.core.names import normalise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cudapin.core.cuda import CudaVersion

__all__ = ["STUB_FORMAT", "GuardFacts", "StubState", "judge_stub_text", "render_guard", "render_stub"]

STUB_FORMAT = 1
"""Counts up whenever the stub's text changes, so that an older cudapin leaves a newer stub in peace."""

StubState = Literal["ours", "older", "newer", "edited", "foreign"]

_START, _END = "# --- constants\n", "# --- end of constants\n"
_FIRST, _MARK = "# Made by cudapin", "# cudapin-guard:"
# Formatters and linters of the project that the file becomes a part of have nothing to say about it.
_LEAVE_ALONE = (
    "# fmt: off\n# isort: skip_file\n# mypy: ignore-errors\n# pylint: skip-file\n# ruff: noqa\n# flake8: noqa\n"
)
_PYTORCH = "https://download.pytorch.org/whl/"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardFacts:
    """What the guard of one wheel knows: the wheel's own name and version, its variant, and what it was locked with.

    `driver_cuda` is the CUDA that the lowest driver serves; `locked` are versions by name; `system` is `sys.platform`.
    """

    name: str
    version: str
    variant: str
    cuda: tuple[CudaVersion, ...]
    driver: str | None
    driver_cuda: CudaVersion | None
    arch: tuple[str, ...]
    system: str
    locked: Mapping[str, str | None]
    cudapin: str


def render_guard(template: str, facts: GuardFacts) -> str:
    """Return the module that a wheel carries."""
    cuda = [str(item) for item in facts.cuda]
    least = facts.driver_cuda or (facts.cuda[0] if facts.cuda else None)
    fix = _commands(facts) if facts.cuda else {}
    constants = (
        f"VARIANT: str | None = {facts.variant!a}\n"
        f"CUDA: str | tuple[str, ...] | None = {(cuda[0] if len(cuda) == 1 else tuple(cuda) or None)!a}\n"
        f"DRIVER: str | None = {facts.driver!a}\n"
        f"ARCH: tuple[str, ...] = {tuple(facts.arch)!a}\n"
        f"_PACKAGE = {f'{facts.name} {facts.version}'!a}\n"
        f"_SYSTEM = {facts.system!a}\n"
        f"_DRIVER_CUDA = {(least.major, least.minor or 0) if least else (0, 0)!a}\n"
        "_FIX: dict[str, str] = {\n" + "".join(f"    {kind!a}: {fix[kind]!a},\n" for kind in fix) + "}\n"
    )
    first = f"{_FIRST} {facts.cudapin} for {facts.name} {facts.version}. Do not edit.\n"
    return first + _LEAVE_ALONE + _body(template, constants)


def render_stub(template: str) -> str:
    """Return the stub for a source tree: it knows no variant. Its second line tells whether it was edited."""
    _, start, rest = template.partition(_START)
    body = _LEAVE_ALONE + _body(template, rest.partition(_END)[0])
    assert start, "the template has lost its constants"  # noqa: S101
    first = f"{_FIRST}: the stub of the runtime guard, which each wheel replaces. Do not edit.\n"
    return f"{first}{_MARK} {STUB_FORMAT} {_digest(body)}\n{body}"


def judge_stub_text(text: str, wanted: str) -> StubState:
    """Tell what the file of a source tree is: the stub `wanted`, another cudapin's, an edited one, or no stub."""
    lines = text.replace("\r\n", "\n").removeprefix("\ufeff").split("\n", 2)
    if "\n".join(lines) == wanted:
        return "ours"
    if len(lines) < 3 or not lines[1].startswith(_MARK):  # noqa: PLR2004
        return "edited" if lines[0].startswith(_FIRST) else "foreign"
    number, _, digest = lines[1].removeprefix(_MARK).strip().partition(" ")
    if digest != _digest(lines[2]) or not (number.isdecimal() and number.isascii() and len(number) < 5):  # noqa: PLR2004
        return "edited"
    return "newer" if int(number) > STUB_FORMAT else "older"


def _body(template: str, constants: str) -> str:
    """Return the template from its docstring on, with other constants."""
    _, quotes, text = template.partition('"""')
    before, start, rest = text.partition(_START)
    _, end, after = rest.partition(_END)
    return f"{quotes}{before}{start}{constants}{end}{after}"


def _digest(body: str) -> str:
    return f"sha256:{hashlib.sha256(body.encode()).hexdigest()}"


def _commands(facts: GuardFacts) -> dict[str, str]:
    """Return what installs each kind of package as the variant was locked with it, or else for its CUDA."""
    cuda = facts.cuda[0]
    suffix = f"-cu{cuda.major}" if cuda.major < 13 else ""  # noqa: PLR2004  # from CUDA 13 on without suffix
    commands = {name: _torch(name, facts.locked.get(name), cuda) for name in ("torch", "torchaudio", "torchvision")}
    commands["cupy"] = f"python -m pip install --force-reinstall {_pinned(f'cupy-cuda{cuda.major}x', facts.locked)}"
    commands["jax"] = f'python -m pip install "jax[cuda{cuda.major}]"'
    runtime = f"nvidia-cuda-runtime{suffix}"
    pinned = _pinned(runtime, facts.locked)
    commands["nvidia"] = f"python -m pip install {pinned if suffix or pinned != runtime else _of_major(runtime, cuda)}"
    return commands


def _torch(name: str, locked: str | None, cuda: CudaVersion) -> str:
    label = (locked or "").partition("+")[2]
    if locked and _is_plain(locked) and label.startswith("cu") and label[2:].isdecimal():
        return f'python -m pip install "{name}=={locked}" --index-url {_PYTORCH}{label}'
    if cuda.minor is None:
        return f"install a build of {name} for CUDA {cuda.major}"
    return f"python -m pip install --force-reinstall {name} --index-url {_PYTORCH}cu{cuda.major}{cuda.minor}"


def _pinned(name: str, locked: Mapping[str, str | None]) -> str:
    version = locked.get(normalise(name))
    return f'"{name}=={version}"' if version and _is_plain(version) else name


def _of_major(name: str, cuda: CudaVersion) -> str:
    return f'"{name}=={cuda.major}.*"'


def _is_plain(version: str) -> bool:
    """Tell whether a version may stand in a command: what a lock says is not ours."""
    return version.isascii() and all(character.isalnum() or character in ".+!-_" for character in version)
