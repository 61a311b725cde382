"""The text of the runtime guard and of its stub: what is replaced, and what a stub in a tree is."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from cudapin.adapters.guard import read_template
from cudapin.core.cuda import parse_cuda
from cudapin.core.guard import STUB_FORMAT, GuardFacts, judge_stub_text, render_guard, render_stub
from cudapin.guard import run, stub_text
from unit.support import config_of, faults

TEMPLATE = read_template()
STUB = stub_text()


def rendered(cuda: tuple[str, ...] = ("12.8",), **changes: Any) -> str:
    facts: dict[str, Any] = {
        "name": "demo",
        "version": "1.2+cu128",
        "variant": "cu128",
        "cuda": tuple(parse_cuda(text) for text in cuda),
        "driver": "525.60.13",
        "driver_cuda": parse_cuda("12.0"),
        "arch": ("9.0", "12.0+ptx"),
        "system": "linux",
        "locked": {},
        "cudapin": "0.1.0",
    }
    return render_guard(TEMPLATE, GuardFacts(**{**facts, **changes}))


def constants(text: str) -> dict[str, Any]:
    names = ("VARIANT", "CUDA", "DRIVER", "ARCH", "_PACKAGE", "_SYSTEM", "_DRIVER_CUDA", "_FIX")
    found: dict[str, Any] = {}
    exec(compile(text, "guard.py", "exec"), found)
    return {name: found[name] for name in names}


def test_the_constants_of_a_variant() -> None:
    found = constants(rendered())
    assert found.pop("_FIX").keys() == {"torch", "torchaudio", "torchvision", "cupy", "jax", "nvidia"}
    assert found == {
        "VARIANT": "cu128",
        "CUDA": "12.8",
        "DRIVER": "525.60.13",
        "ARCH": ("9.0", "12.0+ptx"),
        "_PACKAGE": "demo 1.2+cu128",
        "_SYSTEM": "linux",
        "_DRIVER_CUDA": (12, 0),
    }


def test_the_constants_of_other_variants() -> None:
    none = constants(rendered((), variant="cpu", driver=None, driver_cuda=None, arch=()))
    assert (none["CUDA"], none["DRIVER"], none["ARCH"], none["_DRIVER_CUDA"], none["_FIX"]) == (
        None,
        None,
        (),
        (0, 0),
        {},
    )
    assert constants(rendered(("11", "12.4", "13.0")))["CUDA"] == ("11", "12.4", "13.0")
    assert constants(rendered(("13",), driver_cuda=None))["_DRIVER_CUDA"] == (13, 0)


def test_the_commands_are_those_of_the_lock() -> None:
    locked = {
        "torch": "2.9.0+cu128",
        "torchvision": "0.24.0",
        "cupy-cuda12x": "13.4.0",
        "nvidia-cuda-runtime-cu12": "12.8.90",
        "torchaudio": None,
    }
    assert constants(rendered(locked=locked))["_FIX"] == {
        "torch": 'python -m pip install "torch==2.9.0+cu128" --index-url https://download.pytorch.org/whl/cu128',
        "torchaudio": "python -m pip install --force-reinstall torchaudio"
        " --index-url https://download.pytorch.org/whl/cu128",
        "torchvision": "python -m pip install --force-reinstall torchvision"
        " --index-url https://download.pytorch.org/whl/cu128",
        "cupy": 'python -m pip install --force-reinstall "cupy-cuda12x==13.4.0"',
        "jax": 'python -m pip install "jax[cuda12]"',
        "nvidia": 'python -m pip install "nvidia-cuda-runtime-cu12==12.8.90"',
    }


def test_the_commands_without_a_lock() -> None:
    assert constants(rendered(("13",)))["_FIX"] == {
        "torch": "install a build of torch for CUDA 13",
        "torchaudio": "install a build of torchaudio for CUDA 13",
        "torchvision": "install a build of torchvision for CUDA 13",
        "cupy": "python -m pip install --force-reinstall cupy-cuda13x",
        "jax": 'python -m pip install "jax[cuda13]"',
        "nvidia": 'python -m pip install "nvidia-cuda-runtime==13.*"',
    }


@pytest.mark.parametrize("version", ['2.9"; rm -rf /; "+cu128', "2.9`id`+cu128", "2.9 +cu128", "2.9\n+cu128", "2.9é"])
def test_what_a_lock_says_becomes_no_command(version: str) -> None:
    text = rendered(locked={"torch": version, "cupy-cuda12x": version, "nvidia-cuda-runtime-cu12": version})
    assert constants(text)["_FIX"] == constants(rendered())["_FIX"]


@pytest.mark.parametrize("text", ["a'b", 'a"""b', "a\nVARIANT = 1", "é\u2028", "\\", "# --- end of constants\n"])
def test_any_text_stays_a_text(text: str) -> None:
    assert constants(rendered(name="demo", driver=text, arch=(text,)))["DRIVER"] == text


def test_the_same_input_gives_the_same_text() -> None:
    assert rendered() == rendered()
    assert rendered().startswith("# Made by cudapin 0.1.0 for demo 1.2+cu128. Do not edit.\n# fmt: off\n")
    assert rendered().isascii()
    assert STUB.isascii()
    assert "\r" not in rendered()


def test_both_are_the_template_with_other_constants() -> None:
    """Nothing of the template's own first lines is left, and nothing of what it does is lost."""
    bodies = [text[text.index('"""') :] for text in (TEMPLATE, STUB, rendered())]
    parts = [(body.partition("# --- constants\n")[0], body.partition("# --- end of constants\n")[2]) for body in bodies]
    assert parts[0] == parts[1] == parts[2]
    assert len(parts[0][1]) > 5000


@pytest.mark.parametrize("text", [STUB, rendered()])
def test_the_syntax_is_that_of_python_3_8_and_nothing_but_the_standard_library_is_imported(text: str) -> None:
    tree = ast.parse(text, feature_version=(3, 8))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {"os", "sys", "warnings", "ctypes"}
    assert {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)} == {"__future__"}


def test_the_stub_knows_no_variant(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    found = constants(STUB)
    assert (found["VARIANT"], found["CUDA"], found["DRIVER"], found["ARCH"]) == (None, None, None, ())
    assert run() == 0
    assert capsysbinary.readouterr().out == STUB.encode()


def test_what_a_stub_is() -> None:
    assert judge_stub_text(STUB, STUB) == "ours"
    assert judge_stub_text(STUB.replace("\n", "\r\n"), STUB) == "ours"
    assert judge_stub_text("\ufeff" + STUB, STUB) == "ours"
    assert judge_stub_text(STUB + "\n", STUB) == "edited"
    assert judge_stub_text(STUB.replace("VARIANT: str", "VARIANT : str", 1), STUB) == "edited"
    assert judge_stub_text(STUB.replace(f": {STUB_FORMAT} ", ": 99999999999 ", 1), STUB) == "edited"
    assert judge_stub_text(rendered(), STUB) == "edited"
    for text in ("", "\n", "VARIANT = None\n", "\0" * 100, '"""docstring"""\n' + STUB):
        assert judge_stub_text(text, STUB) == "foreign"


def test_an_intact_stub_of_another_cudapin_is_known_by_its_number() -> None:
    other = render_stub(TEMPLATE.replace("about a millisecond", "no time"))
    assert judge_stub_text(other, STUB) == "older"
    assert judge_stub_text(other.replace(f": {STUB_FORMAT} ", f": {STUB_FORMAT + 1} ", 1), STUB) == "newer"


def test_the_key() -> None:
    for path in ("src/pkg/_cudapin.py", "_cudapin.py", "a.b/ü/_x1.py"):
        assert config_of(f'[tool.cudapin]\nguard = "{path}"').guard == path
    assert config_of("[tool.cudapin]").guard is None


@pytest.mark.parametrize(
    "value",
    [
        '"/src/_cudapin.py"',
        '"../_cudapin.py"',
        '"src/../_cudapin.py"',
        '"./_cudapin.py"',
        '"src//_cudapin.py"',
        '"C:/_cudapin.py"',
        "'src\\_cudapin.py'",
        '"src/pkg/__init__.py"',
        '"src/pkg/class.py"',
        '"src/pkg/1a.py"',
        '"src/pkg/.py"',
        '"src/pkg/_cudapin"',
        '"src/pkg/_cudapin.pyi"',
        '"src/p\\u0000kg/_cudapin.py"',
        '""',
        "true",
        "1",
        '["src/pkg/_cudapin.py"]',
        "{}",
    ],
)
def test_what_is_no_path_of_a_module(value: str) -> None:
    text = f"[tool.cudapin]\nguard = {value}"
    assert faults(lambda: config_of(text)).startswith(
        "error[CP103]: `tool.cudapin.guard` is not a relative path of a module inside the project,"
        " such as `src/pkg/_cudapin.py`\n"
        "  --> pyproject.toml:2 (tool.cudapin.guard)\n"
        "  why: wanted a relative path of a module inside the project, such as `src/pkg/_cudapin.py`, found `"
    )
