"""Which files beside a project are read for a CUDA that they name, and what `check` says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.adapters.mentions import read_mentions
from cudapin.adapters.project import read_project
from cudapin.cli.main import main
from unit.support import PROJECT, VARIANTS, write

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

IMAGE = "FROM nvidia/cuda:12.6.3-base-ubuntu24.04\n"
CONDA = "dependencies:\n  - cuda-version=12.6\n"
INDEX = "run: pip install -i https://download.pytorch.org/whl/cu126 torch\n"


def test_the_files_that_are_read(tmp_path: Path) -> None:
    named = {
        "Dockerfile": IMAGE,
        "dockerfile.gpu": IMAGE,
        "gpu.Dockerfile": IMAGE,
        "Containerfile": IMAGE,
        ".devcontainer/Dockerfile": IMAGE,
        "docker/Dockerfile.cu126": IMAGE,
        "environment.yml": CONDA,
        "environment-gpu.yaml": CONDA,
        "conda-lock.yml": "- name: cuda-version\n  version: 12.6\n",
        "pixi.toml": '[dependencies]\ncuda-version = "12.6.*"\n',
        ".github/workflows/test.yml": INDEX,
        ".gitlab-ci.yml": INDEX,
    }
    others = {
        "pyproject.toml": '[project]\nname = "a"\n[tool.pixi.dependencies]\ncuda-version = "12.6"\n',
        "Dockerfile.dockerignore": IMAGE,
        "docker/notes.md": IMAGE,
        "dockerfiles/Dockerfile": IMAGE,
        "other.yml": CONDA,
        ".github/other.yml": INDEX,
    }
    write(tmp_path, {**named, **others})
    found = dict(read_mentions(read_project(tmp_path)))
    assert set(found) == {*named, "pyproject.toml"}
    assert {str(mention.cuda) for mentions in found.values() for mention in mentions} == {"12.6"}


def test_what_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "pyproject.toml": "",
            "Dockerfile": b"FROM nvidia/cuda:12.6.3\n\xff",
            "environment.yml": CONDA + "#" * (4 << 20),
            "pixi.toml": "[",
        },
    )
    (tmp_path / "Containerfile").symlink_to(tmp_path / "nowhere")
    assert list(read_mentions(read_project(tmp_path))) == []


def test_check_warns_with_the_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = {"Dockerfile": f"# 12.6\n{IMAGE}", "environment.yml": CONDA, ".github/workflows/test.yml": INDEX}
    write(tmp_path, {**VARIANTS, **files})
    assert main(["check"]) == 0
    assert capsys.readouterr().err == (
        "warning[CP315]: `.github/workflows/test.yml` names PyTorch's index for CUDA 12.6, which no variant is of\n"
        "  --> .github/workflows/test.yml:1\n"
        "  why: the variants are of CUDA 12.8, found `download.pytorch.org/whl/cu126`\n"
        "  fix: name the index of CUDA 12.8, or declare a variant of CUDA 12.6\n"
        "warning[CP313]: `Dockerfile` starts from an image of CUDA 12.6, which no variant is of\n"
        "  --> Dockerfile:2\n"
        "  why: the variants are of CUDA 12.8, found `nvidia/cuda:12.6.3-base-ubuntu24.04`\n"
        "  fix: take an image of CUDA 12.8, or declare a variant of CUDA 12.6\n"
        "warning[CP314]: `environment.yml` pins CUDA 12.6, which no variant is of\n"
        "  --> environment.yml:2\n"
        "  why: the variants are of CUDA 12.8, found `cuda-version=12.6`\n"
        "  fix: pin CUDA 12.8, or declare a variant of CUDA 12.6\n"
    )
    waiver = '[[tool.cudapin.allow]]\ncode = "CP313"\nreason = "only the tools of the image are used"\n'
    write(tmp_path, {"pyproject.toml": PROJECT + waiver})
    assert main(["check"]) == 0
    assert "warning[CP313]" not in capsys.readouterr().err


def test_without_variants_nothing_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {**VARIANTS, "pyproject.toml": PROJECT.split("[tool.cudapin]", maxsplit=1)[0], "Dockerfile": IMAGE})
    main(["check"])
    assert "CP313" not in capsys.readouterr().err
