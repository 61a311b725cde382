"""What other files of a project say about a CUDA: only what is literal, and never what is commented out."""

from __future__ import annotations

import pytest
import tomli

from cudapin.core.dockerfile import find_images, read_instructions
from cudapin.core.mentions import MentionKind, find_mentions, find_pixi_pins, judge_mentions
from cudapin.core.verdict import render_problems
from unit.support import config_of


@pytest.mark.parametrize(
    ("text", "images"),
    [
        ("FROM nvidia/cuda:12.6.3-devel-ubuntu24.04\n", [(1, "nvidia/cuda:12.6.3-devel-ubuntu24.04")]),
        ("# syntax=docker/dockerfile:1\n\nfrom  --platform=$BUILDPLATFORM a:1 as x\nFROM x\n", [(3, "a:1"), (4, "x")]),
        ("ARG V=12.6\nARG T=${V}.3-base\nFROM nvidia/cuda:$T\n", [(3, "nvidia/cuda:12.6.3-base")]),
        ("ARG V='12.6' W=\"x\"\nFROM a:${V}-$W\n", [(2, "a:12.6-x")]),
        ("ARG V\nFROM a:$V\n", []),
        ("FROM a:${V:-12.6}\n", []),
        ("ARG V=12.6\nFROM a:${V:-1}\nFROM a:${V%.*}\n", []),
        ("FROM a\nARG V=12.6\nFROM b:$V\n", [(1, "a")]),  # an ARG of a stage is not known to the next FROM
        ("ARG V=$(date)\nFROM a:$V\n", []),
        ("# FROM a\nFROM \\\n  # why\n\n  b AS c\n", [(2, "b")]),
        ("# escape=`\nFROM `\n b\n", [(2, "b")]),
        ("FROM a\nRUN <<EOF\nFROM b\nEOF\nFROM c\n", [(1, "a"), (5, "c")]),
        ("FROM a\nRUN <<-'X' cat\n\tFROM b\n\tX\nFROM c\n", [(1, "a"), (5, "c")]),
        ("FROM a\nRUN <<EOF\nFROM b\n", [(1, "a")]),
        ("FROM a\nRUN cat <<<EOF\nFROM b\n", [(1, "a"), (3, "b")]),
        ("FROM\nHEALTHCHECK\nFROM --platform=x\n", []),
        ("", []),
    ],
)
def test_the_images_of_a_dockerfile(text: str, images: list[tuple[int, str]]) -> None:
    assert list(find_images(text)) == images


def test_lines_of_one_instruction_are_joined() -> None:
    text = "RUN pip install \\\n    # the index\n    torch \\\n    numpy\nENV A=b"
    found = [(item.name, item.text.split(), item.line) for item in read_instructions(text)]
    assert found == [("RUN", ["pip", "install", "torch", "numpy"], 1), ("ENV", ["A=b"], 5)]


@pytest.mark.parametrize(
    ("kind", "text", "found"),
    [
        ("dockerfile", "FROM nvcr.io/nvidia/cuda:12.6.3-base", ["CP313:1 12.6"]),
        ("dockerfile", "FROM nvidia/cuda:12.6", ["CP313:1 12.6"]),
        ("dockerfile", "FROM nvidia/cuda:12.6.3@sha256:00", ["CP313:1 12.6"]),
        ("dockerfile", "FROM pytorch/pytorch:2.4.0-cuda12.4-cudnn9-runtime", ["CP313:1 12.4"]),
        ("dockerfile", "FROM nvidia/cuda:latest\nFROM nvidia/cudagl:12.6\nFROM not-nvidia/cuda:12.6", []),
        ("dockerfile", "FROM nvidia/cuda:12.6rc1\nFROM nvidia/cuda@sha256:00\nFROM nvidia/cuda:12", []),
        ("dockerfile", "RUN pip install -i https://download.pytorch.org/whl/cu124 torch", ["CP315:1 12.4"]),
        ("dockerfile", "LABEL a=https://download.pytorch.org/whl/cu124", []),
        ("conda", "dependencies:\n  - cuda-version=12.6  # why", ["CP314:2 12.6"]),
        ("conda", '- "nvidia::pytorch-cuda==12.4.1"', ["CP314:1 12.4"]),
        ("conda", "- conda-forge/label/x::cudatoolkit=11.8=hdb19cb5_10", ["CP314:1 11.8"]),
        (
            "conda",
            "- cuda-version 12.6.*\n- cuda-version=12.*\n- cudatoolkit 11",
            ["CP314:1 12.6", "CP314:2 12", "CP314:3 11"],
        ),
        ("conda", "- cuda-version>=12.6\n- cuda-version=12.6|12.8\n- cuda-version=12.6,<13\n- cuda-version", []),
        ("conda", "# - cuda-version=12.6\n- my-cuda-version=12.6\n- cuda-version-x=12.6\ncuda-version=12.6", []),
        ("conda", "about: |\n  - cuda-version=12.6\n\n  - cuda-version=12.7\n- cuda-version=12.8", ["CP314:5 12.8"]),
        ("conda-lock", "- name: cuda-version\n  version: '12.6'\n  manager: conda", ["CP314:2 12.6"]),
        (
            "conda-lock",
            "package:\n  - name: cudatoolkit\n    manager: conda\n    version: 11.8.0\n"
            "  - name: cudatoolkit\n    version: 11.8.0\n  - name: other\n    version: 12.6\n",
            ["CP314:4 11.8"],
        ),
        ("conda-lock", "- name: cuda-version\n  dependencies:\n    version: 12.6\n- name: b", []),
        ("ci", "env:\n  A: https://download.pytorch.org/whl/cu126\n", ["CP315:2 12.6"]),
        ("ci", "run: |\n  pip install -i https://download.pytorch.org/whl/nightly/cu126/ torch", ["CP315:2 12.6"]),
        ("ci", "# https://download.pytorch.org/whl/cu126\na: b # https://download.pytorch.org/whl/cu126", []),
        ("ci", "a: https://download.pytorch.org/whl/cu${{ matrix.cuda }}", []),
        (
            "ci",
            "a: https://download.pytorch.org/whl/cu12${{ matrix.minor }}\nb: https://download.pytorch.org/whl/cu126-x",
            [],
        ),
        ("ci", "a: https://download.pytorch.org/whl/cpu\nb: https://download.pytorch.org/whl/cu999", []),
        ("ci", "image: nvidia/cuda:12.6.3-devel", ["CP313:1 12.6"]),
        ("ci", "  container: 'nvidia/cuda:12.6.3-devel' # why", ["CP313:1 12.6"]),
        ("ci", "image: nvidia/cuda:12.6.$PATCH\nname: nvidia/cuda:12.6.3\nrun: |\n  image: nvidia/cuda:12.6.3", []),
    ],
)
def test_what_a_file_names(kind: MentionKind, text: str, found: list[str]) -> None:
    assert [f"{item.code.name}:{item.line} {item.cuda}" for item in find_mentions(kind, text)] == found


def test_pins_of_pixi() -> None:
    text = """\
[workspace]
name = "demo"
[system-requirements]
cuda = "12.6"
[dependencies]
cuda-version = "12.6.*"
cudatoolkit = ">=11"
python = "3.12"
[feature.old.target.linux-64.dependencies]
cuda-version = { version = "==12.4", channel = "x" }
pytorch-cuda = "*"
[feature.old.tasks]
cuda-version = "12.1"
"""
    found = [(item.line, str(item.cuda), item.found) for item in find_pixi_pins(tomli.loads(text), text)]
    assert found == [(6, "12.6", 'cuda-version = "12.6.*"'), (10, "12.4", 'cuda-version = "==12.4"')]


def test_what_no_variant_is_of_is_said() -> None:
    variants = config_of("[tool.cudapin.variants.cpu]\n[tool.cudapin.variants.cu128]\n[tool.cudapin.variants.cu118]")
    text = "FROM nvidia/cuda:12.6.3-base\nFROM nvidia/cuda:12.8.1-base\nFROM nvidia/cuda:11.8.0-base\n"
    found = judge_mentions("Dockerfile", find_mentions("dockerfile", text), variants.variants.values())
    assert render_problems(found) == (
        "warning[CP313]: `Dockerfile` starts from an image of CUDA 12.6, which no variant is of\n"
        "  --> Dockerfile:1\n"
        "  why: the variants are of CUDA 11.8 or 12.8, found `nvidia/cuda:12.6.3-base`\n"
        "  fix: take an image of CUDA 11.8 or 12.8, or declare a variant of CUDA 12.6"
    )


@pytest.mark.parametrize(
    "table",
    [
        "[tool.cudapin.variants.cpu]",  # nothing of a CUDA is declared
        "[tool.cudapin.variants.cu12]",
        "[tool.cudapin.variants.cu128]\n[[tool.cudapin.variants.cu128.overrides]]\nwhen = \"os_name == 'nt'\"\n"
        'cuda = "12.6"',
    ],
)
def test_what_some_variant_is_of_anywhere_is_not(table: str) -> None:
    variants = config_of(table + '\n[tool.cudapin]\ndefault = "cpu"' if "cpu" in table else table)
    found = find_mentions("dockerfile", "FROM nvidia/cuda:12.6.3-base")
    assert list(judge_mentions("Dockerfile", found, variants.variants.values())) == []
