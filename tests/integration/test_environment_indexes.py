"""Where the packages of an environment come from: their own index only, whatever others have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration.torch_app import PYTHON

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration.torch_app import App
    from integration.torch_index import TorchIndex

pytestmark = pytest.mark.integration

CELL = f"hatch-test.py{PYTHON}-cu126"
CU126 = ("test", "-i", "cuda=cu126")
WANTED = ("2.9.0+cu126", "whl/cu126", "1.1", "3.0")


def _uv(app: App) -> None:
    app.lock()


def _requirements(app: App) -> None:
    for name in ("cpu", "cu126", "cu128"):
        done = app.run(
            *("uv", "pip", "compile", "pyproject.toml", "--extra", name, "--generate-hashes", "--emit-index-url"),
            *("--emit-index-annotation", "-o", f"requirements-{name}.txt", "-q"),
        )
        assert done.code == 0, done.output
    (app.root / "uv.lock").unlink(missing_ok=True)
    app.more = "".join(
        f'[tool.cudapin.variants.{name}]\nlock = "requirements-{name}.txt"\nindex = "{app.url}/whl/{name}"\n'
        for name in ("cpu", "cu126", "cu128")
    )


def _pylock(app: App) -> None:
    for name in ("cpu", "cu126", "cu128"):
        done = app.run(
            *("uv", "pip", "compile", "pyproject.toml", "--extra", name, "--format", "pylock.toml"),
            *("-o", f"pylock.{name}.toml", "-q"),
        )
        assert done.code == 0, done.output
    (app.root / "uv.lock").unlink(missing_ok=True)
    app.more = "".join(
        f'[tool.cudapin.variants.{name}]\nlock = "pylock.{name}.toml"\n' for name in ("cpu", "cu126", "cu128")
    )


def _write_without_plain_tables(app: App) -> None:
    plain = "[tool.cudapin.variants.cpu]\n[tool.cudapin.variants.cu126]\n[tool.cudapin.variants.cu128]\n"
    app.write(**({plain: ""} if app.more else {}))


def _add_look_alikes(index: TorchIndex) -> None:
    """The same names on the wrong indexes: with higher versions, and with the locked one but other content."""
    index.add("simple", "torch", "99.0")
    index.add("simple", "torch", "2.9.0+cu126", text="raise SystemExit('wrong')")
    index.add("whl/cu128", "torch", "99.0+cu128")
    index.add("whl/cu126", "torch", "99.0+cu126")
    for name in ("whl/cpu", "whl/cu126", "whl/cu128"):
        index.add(name, "helper", "99.0")
        index.add(name, "base", "99.0")
        index.add(name, "tool", "99.0")


@pytest.mark.parametrize(
    ("lock", "installer"), [(_uv, "uv"), (_requirements, "uv"), (_pylock, "uv"), (_uv, "pip"), (_requirements, "pip")]
)
def test_the_same_name_on_another_index_is_never_taken(
    app: App, index: TorchIndex, lock: Callable[[App], None], installer: str
) -> None:
    lock(app)
    app.installer = installer
    _write_without_plain_tables(app)
    _add_look_alikes(index)
    index.add("whl/any", "torch", "2.9.0+cu126", text="raise SystemExit('wrong')")
    index.add("whl/any", "helper", "1.1", text="raise SystemExit('wrong')")
    wrong = dict.fromkeys(("UV_INDEX", "UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL"), f"{app.url}/whl/any")
    settings = {**wrong, "UV_CACHE_DIR": str(app.root.parent / "cache"), "UV_INDEX_STRATEGY": "unsafe-best-match"}
    (found,) = app.passes(*CU126, **settings)
    assert (found["torch"], found["origin"], found["helper"], found["base"]) == WANTED
    assert found["tool"] == "5.0"
    assert found["built"] == "cu126"
    index.asked.clear()
    app.passes(*CU126)
    assert index.asked == []


POETRY = """
[[tool.poetry.source]]
name = "lab"
url = "{url}/simple"
priority = "primary"
[[tool.poetry.source]]
name = "torch-cu126"
url = "{url}/whl/cu126"
priority = "explicit"
[tool.poetry.dependencies]
torch = [{{ version = ">=2.9", source = "torch-cu126", markers = "extra == 'cu126'" }}]
"""
PDM = """
[[tool.pdm.source]]
name = "pypi"
url = "{url}/simple"
[[tool.pdm.source]]
name = "torch-cu126"
url = "{url}/whl/cu126"
include_packages = ["torch"]
"""


@pytest.mark.parametrize(
    ("tool", "settings", "command"),
    [
        ("poetry", POETRY, ("lock",)),
        ("pdm", PDM, ("lock", "-q", "-G:all")),
        ("pdm", PDM, ("lock", "-q", "-G:all", "-S", "static_urls")),
    ],
)
def test_locks_of_poetry_and_pdm(
    app: App, index: TorchIndex, tool: str, settings: str, command: tuple[str, ...]
) -> None:
    (app.root / "uv.lock").unlink()
    text = (app.root / "pyproject.toml").read_text(encoding="utf-8")
    start, end = text.index("[tool.uv]"), text.index("[tool.hatch.metadata")
    text = f"{text[:start]}{settings.format(url=app.url)}\n{text[end:]}"
    more = f'[tool.cudapin.variants.cu126]\nindex = "{app.url}/whl/cu126"\n' if tool == "pdm" else ""
    for old, new in (
        ('cpu = ["torch>=2.9"]\n', 'cpu = ["base"]\n'),
        ('cu128 = ["torch>=2.9"]\n', ""),
        ("[tool.cudapin.variants.cu128]\n", ""),
        ("[tool.cudapin.variants.cu126]\n", more or "[tool.cudapin.variants.cu126]\n"),
    ):
        text = text.replace(old, new)
    (app.root / "pyproject.toml").write_text(text, encoding="utf-8")
    done = app.run(tool, *command)
    assert done.code == 0, done.output
    _add_look_alikes(index)
    (found,) = app.passes(*CU126, UV_CACHE_DIR=str(app.root.parent / "cache"))
    assert (found["torch"], found["origin"], found["helper"], found["base"]) == WANTED


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_an_index_that_does_not_answer_ends_with_a_readable_line(app: App, installer: str) -> None:
    app.installer = installer
    text = (app.root / "uv.lock").read_text(encoding="utf-8")
    app.url = "http://127.0.0.1:9"
    old = text.partition('"http://127.0.0.1:')[2].partition("/")[0]
    (app.root / "uv.lock").write_text(text.replace(f"127.0.0.1:{old}", "127.0.0.1:9"), encoding="utf-8")
    app.write()
    settings = {"UV_CACHE_DIR": str(app.root.parent / "cache"), "UV_HTTP_RETRIES": "0", "PIP_RETRIES": "0"}
    done = app.hatch(*CU126, **settings, PIP_NO_CACHE_DIR="1")
    assert done.code == 1, done.output
    tool = "uv pip install`, which should install" if installer == "uv" else "python -m pip wheel`, which should fetch"
    assert (
        f"error[CP601]: `{CELL}` cannot be filled\n  why: `{tool} the locked packages, failed with exit code "
    ) in done.output, done.output
    assert "  fix: make sure that the index answers and has what is locked, else lock again\n" in done.output
    assert app.cells == []
