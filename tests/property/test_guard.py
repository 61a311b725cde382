"""The runtime guard among metadata of any bytes: nothing but its own error, and never slow."""

from __future__ import annotations

import os
import sys
import tempfile
import types
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from unit.core.test_guard import STUB, rendered

pytestmark = pytest.mark.property
LIMITS = settings(max_examples=400, deadline=None)

NAMES = st.sampled_from(
    (
        "torch",
        "torch-",
        "torchvision",
        "cupy",
        "cupy_",
        "cupy_cuda",
        "cupy_cuda12x",
        "jax_cuda__plugin",
        "jax_cuda13_plugin",
        "nvidia_",
        "nvidia_cublas_cu",
        "nvidia_cuda_cupti",
        "nvidia_cuda_runtime",
        "nvidia_cuda_runtime_cu12",
        "-",
    )
)
PART = st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), max_size=20)
VERSIONS = st.one_of(
    PART, st.from_regex(r"[0-9]{1,3}(\.[0-9]{0,4}){0,3}(\+(cu|cpu|rocm)[0-9a-z.]{0,8})?", fullmatch=True)
)
ENDS = st.sampled_from((".dist-info", ".egg-info", "-info", ".dist-info-info"))
SEEDS = (
    b"cuda: Optional[str] = '12.8'\n",
    b"cuda = None\n",
    b"Requires-Dist: cuda-toolkit[cudart]==13.0.2; platform_system == 'Linux'\n",
    b"Requires-Dist: nvidia-cuda-runtime-cu12 (==12.1.105)\n\n",
    b"NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat\n",
)
BYTES = st.one_of(
    st.binary(max_size=300), st.lists(st.sampled_from((*SEEDS, b"=", b":", b"\n", b"\xff"))).map(b"".join)
)


def load(text: str) -> Any:
    module: Any = types.ModuleType("cudapin_guard_in_a_test")
    exec(compile(text, "_cudapin.py", "exec"), module.__dict__)
    return module


GUARDS = [load(text) for text in (STUB, rendered(), rendered(("11", "13.0")), rendered((), variant="cpu", driver=None))]


@LIMITS
@given(
    packages=st.lists(st.tuples(NAMES, VERSIONS, ENDS, BYTES), max_size=6),
    version_file=BYTES,
    kernel=BYTES,
    served=st.one_of(st.none(), st.tuples(st.integers(0, 99), st.integers(0, 99))),
)
@example(
    packages=[("torch", "2.9.0", ".dist-info", b"")], version_file=b"cuda = '" + b"9" * 9999, kernel=b"", served=None
)
@example(packages=[("torch", "2.9.0+cu\u00b2\u00b2", ".dist-info", b"")], version_file=b"", kernel=b"", served=None)
@example(packages=[], version_file=b"", kernel="\u0661\u0662\u0663.\u0661".encode(), served=(1, 1))
def test_nothing_but_its_own_error(
    packages: list[tuple[str, str, str, bytes]], version_file: bytes, kernel: bytes, served: tuple[int, int] | None
) -> None:
    """Not even inside: what catches everything in `check` is for what nobody thought of."""
    before = list(sys.path)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "torch").mkdir()
        (folder / "torch" / "version.py").write_bytes(version_file)
        for first, version, end, content in packages:
            info = folder / f"{first}-{version}{end}"
            try:
                info.mkdir()
                (info / "METADATA").write_bytes(content)
            except OSError:  # there is one already, or no file may be called so
                continue
        try:
            sys.path[:] = [name]
            for guard in GUARDS:
                read = guard._read
                guard.__dict__["_driver_library_cuda"] = lambda: served
                guard.__dict__["_read"] = lambda path, read=read: (
                    kernel.decode("utf-8", "replace") if path.startswith(("/sys", "/proc")) else read(path)
                )
                try:
                    error = guard._find_mismatch()
                finally:
                    guard.__dict__["_read"] = read
                assert error is None or isinstance(error, guard.CudaMismatchError)
                assert error is None or guard.VARIANT != "cpu"
        finally:
            sys.path[:] = before


@settings(max_examples=100, deadline=None)
@given(path=st.lists(st.one_of(st.text(max_size=30), st.none(), st.integers(), st.binary(max_size=9))), mode=st.text())
def test_any_path_and_any_setting(path: list[Any], mode: str) -> None:
    before, kept = list(sys.path), dict(os.environ)
    try:
        os.environ["CUDAPIN_DRIVER_VERSION"] = mode.replace("\0", "").encode("utf-8", "replace").decode()
        sys.path[:] = path
        for guard in GUARDS:
            guard.__dict__["_warn"] = lambda *_: None
            guard._find_mismatch()
            with suppress(guard.CudaMismatchError):
                guard.check()
    finally:
        sys.path[:] = before
        os.environ.clear()
        os.environ.update(kept)


def test_the_work_is_linear_in_the_entries_of_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each folder is listed once, and each name in it asked for as often as in any other; named again it is nothing."""
    asked: list[str] = []

    def count_calls(name: str, module: Any) -> None:
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given: asked.append(name) or real(*given))

    def calls(count: int, again: int) -> int:
        folders = []
        for number in range(count):
            folder = tmp_path / f"{count}" / f"{number}"
            for name in ("torch-2.9.0+cu128", "nvidia_cuda_runtime_cu12-12.8.90", "jax_cuda12_plugin-1"):
                (folder / f"{name}.dist-info").mkdir(parents=True, exist_ok=True)
                (folder / f"{name}.dist-info" / "METADATA").touch()
            folders.append(str(folder))
        monkeypatch.setattr(sys, "path", folders * again)
        asked.clear()
        GUARDS[1].check()
        return len(asked)

    for name, module in (("listdir", os), ("isfile", os.path), ("exists", os.path)):
        count_calls(name, module)
    few, many, repeated = calls(3, 1), calls(30, 1), calls(30, 50)
    assert few > 3
    assert many <= few * 10
    assert repeated == many
