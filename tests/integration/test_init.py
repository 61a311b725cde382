"""`init` and `matrix` on a project in PyTorch's pattern that uv locks, and the commands of an example's Dockerfile."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import tomli

from cudapin.core.dockerfile import find_images, read_instructions
from integration.torch_app import PYTHON, VARIANTS
from integration.workbench import Wheel, copy_example, make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from cudapin.core.dockerfile import Instruction
    from integration.torch_app import App
    from integration.torch_index import TorchIndex
    from integration.workbench import Place, Workbench

pytestmark = pytest.mark.integration

_CUDAPIN = re.compile(
    r'^\[tool\.(?:hatch\.(?:metadata|build\.hooks\.cudapin|env\.coll)|cudapin).*\n|(?:, "cudapin")', re.MULTILINE
)


@pytest.fixture
def bare(app: App) -> App:
    """The project as it was before anybody thought of cudapin, locked by uv."""
    text = _CUDAPIN.sub("", (app.root / "pyproject.toml").read_text(encoding="utf-8"))
    assert "cudapin" not in text
    (app.root / "pyproject.toml").write_text(text, encoding="utf-8")
    assert app.run("uv", "lock", "--check").code == 0
    return app


def test_a_project_of_uv_is_configured_in_one_step(bare: App) -> None:
    """After `init --write` the check passes, uv finds its lock fresh, and both build tools make the variant's wheel."""
    file = bare.root / "pyproject.toml"
    before = file.read_bytes()
    shown = bare.run("cudapin", "init")
    assert shown.code == 0, shown.output
    assert file.read_bytes() == before
    written = bare.run("cudapin", "init", "--write")
    assert written.code == 0, written.output
    added = [line[1:] for line in written.output.splitlines() if re.match(r"\+(?!\+\+ )", line)]
    removed = [line[1:] for line in written.output.splitlines() if re.match(r"-(?!-- )", line)]
    assert removed == ['requires = ["hatchling"]']
    assert added == [
        'requires = ["hatchling", "cudapin"]',
        "cache-keys = ["
        '{ file = "pyproject.toml" }, { dir = "src" }, { file = "uv.lock" }, { env = "CUDAPIN_VARIANT" }]',
        "",
        "[tool.cudapin]",
        'pin = ["torch"]',
        "",
        "[tool.cudapin.variants.cpu]",
        "[tool.cudapin.variants.cu126]",
        "[tool.cudapin.variants.cu128]",
        "[tool.hatch.metadata.hooks.cudapin]",
        "[tool.hatch.build.hooks.cudapin]",
        "",
        "[tool.hatch.env]",
        'requires = ["cudapin[hatch]"]',
        "",
        "[tool.hatch.env.collectors.cudapin]",
    ]
    table = tomli.loads(file.read_text(encoding="utf-8"))
    assert list(table["tool"]["hatch"]["build"]["hooks"]) == ["custom", "cudapin"]

    check = bare.run("cudapin", "check")
    assert (check.code, check.output) == (
        0,
        "".join(f"{name}: ok\n  torch 2.9.0+{name}\n" for name in VARIANTS),
    )
    assert bare.run("uv", "lock", "--check").code == 0
    again = bare.run("cudapin", "init", "--write")
    assert (again.code, again.output) == (0, "nothing to add: the project is configured\n")

    for name, version in (("cpu", "1.0"), ("cu128", "1.0+cu128")):
        done = bare.run("uv", "build", "--wheel", "-o", f"dist/{name}", CUDAPIN_VARIANT=name)
        assert done.code == 0, done.output
        wheel = Wheel(next((bare.root / "dist" / name).glob("*.whl")))
        assert wheel.version == version
        assert wheel.record["variant"] == name
        assert any(item.startswith("torch==2.9.0") for item in wheel.requires), wheel.requires

    # uv sees another variant, since the key for it was written: this is what `cache-keys` is for.
    for name in ("cu126", "cu128"):
        done = bare.run("uv", "sync", "--no-editable", "--extra", name, CUDAPIN_VARIANT=name)
        assert done.code == 0, done.output
        (info,) = (bare.root / ".venv").glob("lib/python*/site-packages/app-*.dist-info")
        assert info.name == f"app-1.0+{name}.dist-info"


def test_the_matrix_is_that_of_the_wheels(index: TorchIndex, app: App) -> None:
    """Wheels for some Pythons and platforms are what uv locks, and what the matrix has; GitHub's form can be parsed."""
    for name, tags in {
        "cpu": ("cp311-cp311-manylinux_2_28_x86_64", "cp312-cp312-manylinux_2_28_x86_64", "cp312-cp312-win_amd64"),
        "cu126": ("cp311-cp311-manylinux_2_28_x86_64", "cp312-cp312-manylinux_2_28_x86_64"),
        "cu128": ("cp312-cp312-manylinux_2_28_x86_64", "cp312-cp312-manylinux_2_28_aarch64"),
    }.items():
        del index.files[f"whl/{name}"]["torch"]
        for tag in tags:
            index.add(f"whl/{name}", "torch", f"2.9.1+{name}", ("base",), tag=tag)
    done = app.run("uv", "lock", "--upgrade", "--refresh")
    assert done.code == 0, done.output
    machine = {"CUDAPIN_DRIVER_VERSION": "560.35.05", "CUDAPIN_GPU_ARCH": "9.0"}
    found = app.run("cudapin", "matrix", "-q", "--to", "github", **machine)
    assert found.code == 0, found.output
    (line,) = found.output.splitlines()
    include = json.loads(line)["include"]
    assert [(cell["variant"], cell["python"], cell["os"], cell["cuda"]) for cell in include] == [
        ("cpu", "3.11", "ubuntu-latest", ""),
        ("cpu", "3.12", "ubuntu-latest", ""),
        ("cpu", "3.12", "windows-latest", ""),
        ("cu126", "3.11", "ubuntu-latest", "12.6"),
        ("cu126", "3.12", "ubuntu-latest", "12.6"),
        ("cu128", "3.12", "ubuntu-latest", "12.8"),
        ("cu128", "3.12", "ubuntu-24.04-arm", "12.8"),
    ]
    assert app.run("cudapin", "matrix", "-q", "--to", "github", **machine).output == found.output

    # Each cell is one that export has files for, and hatch test the same ones for this machine's platform.
    for cell in include:
        options = ("--variant", cell["variant"], "--python", cell["python"], "--platform", cell["platform"])
        exported = app.run("cudapin", "export", *options, "--to", "requirements")
        assert exported.code == 0, exported.output
        assert f"torch-2.9.1%2B{cell['variant']}-" in exported.output
    environments = app.hatch("env", "show", "-i", "--json")
    names = {name for name in json.loads(environments.output) if name.startswith("hatch-test.")}
    here = {cell["variant"] for cell in include if cell["python"] == PYTHON and cell["platform"] == "linux_x86_64"}
    if sys.platform == "linux":
        assert {f"hatch-test.py{PYTHON}-{name}" for name in here} <= names


def test_the_dockerfile_of_the_cupy_app_works(workbench: Workbench, place: Place, tmp_path: Path) -> None:
    """There is no container engine here: its commands run one after the other, with folders in the place of images."""
    project = copy_example("cupy-app", tmp_path / "project")
    links = tmp_path / "links"
    for lock in sorted((project / "requirements").glob("*.txt")):
        lock.write_text(_with_own_wheels(lock.read_text(encoding="utf-8"), links), encoding="utf-8")
    text = (project / "Dockerfile").read_text(encoding="utf-8")
    assert [image for _, image in find_images(text)][-1] == "nvidia/cuda:12.8.1-runtime-ubuntu24.04"
    check = workbench.run(place, sys.executable, "-m", "cudapin", "check", cwd=project)
    assert (check.code, "CP31" in check.output) == (0, False), check.output

    venv, out = tmp_path / "venv", tmp_path / "out"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True, timeout=120)
    found = f"{workbench.offline()['PIP_FIND_LINKS']} {links}"
    commands = [_on_this_machine(item, project, out, venv) for item in read_instructions(text)]
    for command in filter(None, commands):
        done = workbench.run(place, "sh", "-c", command, cwd=project, VARIANT="cu12", PIP_FIND_LINKS=found)
        assert done.code == 0, (command, done.output)
    assert len(list(filter(None, commands))) == 6
    done = workbench.run(place, venv / "bin" / "python", "-m", "pip", "list")
    assert re.search(r"cupy-app +1\.0\.0\+cu12\b", done.output)
    assert re.search(r"cupy-cuda12x +14\.2\.0\b", done.output)


def _on_this_machine(instruction: Instruction, project: Path, out: Path, venv: Path) -> str:
    """Return what an instruction of the Dockerfile does; nothing for one that only makes an image ready."""
    text = " ".join(instruction.text.split())
    if instruction.name == "COPY" and text.startswith("--from"):
        source = text.split()[1].replace("/project/", f"{project}/").replace("/out/", f"{out}/")
        return f"mkdir -p {out} && for file in {source}; do [ $file -ef {out}/${{file##*/}} ] || cp $file {out}; done"
    if instruction.name != "RUN" or text.startswith(("apt-get", "pip install --no-cache-dir build", "python3 -m venv")):
        return ""
    text = text.replace("/out", str(out)).replace("--python 3.12", f"--python {PYTHON}")
    if "pip install" in text:
        return text.replace("pip ", f"{venv}/bin/python -m pip ")
    text = text.replace("cudapin export", f"{sys.executable} -m cudapin export")
    return text.replace("python -m build", f"{sys.executable} -m build")


def _with_own_wheels(lock: str, links: Path) -> str:
    """Replace the hashes of a lock by those of empty wheels of the same names and versions."""

    def own(found: re.Match[str]) -> str:
        wheel = make_wheel(links, found[1], found[2])
        return (
            f"{found[1]}=={found[2]}{found[3]} \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
        )

    return re.sub(r"^([\w-]+)==(\S+)((?: ;[^\n\\]*)?) \\\n(?:    --hash=\S+(?: \\)?\n)+", own, lock, flags=re.MULTILINE)
