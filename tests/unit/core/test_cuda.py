"""CUDA versions, the names that carry one, and of which CUDA a package is."""

from __future__ import annotations

import pytest

from cudapin.adapters.facts import read_facts
from cudapin.core.cuda import (
    Belonging,
    CudaVersion,
    belongs,
    cuda_of_digits,
    cuda_of_variant_name,
    parse_cuda,
    parse_platform,
)

FACTS = read_facts({})
PYTORCH = "https://download.pytorch.org/whl/"


def of(name: str, version: str | None = None, index: str | None = None, platform: str = "linux") -> str | None:
    """Return the belonging in short: `12.8`, a kind, or None for a package that is not bound."""
    found = belongs(name, version, index, FACTS, platform=platform)
    if found is None:
        return None
    assert found.evidence
    assert (found.cuda is not None) == (found.kind == "cuda")
    return str(found.cuda) if found.cuda else found.kind


@pytest.mark.parametrize("text", ["12", "12.8", "13.0", "11.10"])
def test_a_version_round_trips(text: str) -> None:
    assert str(parse_cuda(text)) == text


@pytest.mark.parametrize("text", ["", "12.", ".8", "12.8.1", "cu128", "12 .8", "12.8\n", "twelve", "-12"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a CUDA version such as `12\.8` or `12`"):
        parse_cuda(text)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("12", "12.8", True), ("12.8", "12", True), ("12.8", "12.8", True), ("12.6", "12.8", False), ("12", "13", False)],
)
def test_versions_match_where_both_speak(one: str, other: str, *, expected: bool) -> None:
    assert parse_cuda(one).matches(parse_cuda(other)) is expected


def test_a_version_without_minor_sorts_first() -> None:
    versions = [parse_cuda(text) for text in ("12.10", "13", "12", "12.9")]
    assert [str(cuda) for cuda in sorted(versions, key=lambda cuda: cuda.sort_key)] == ["12", "12.9", "12.10", "13"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cu118", "11.8"),
        ("cu128", "12.8"),
        ("CU128", "12.8"),
        ("cu130", "13.0"),
        ("cu1210", "12.10"),
        ("cu92", "9.2"),
        ("cu12", "12"),
        ("cu12x", "12"),
        ("cuda12", "12"),
        ("cuda12x", "12"),
        ("cuda12.8", "12.8"),
        ("cu12.8", "12.8"),
        ("cuda117", "11.7"),
        ("cpu", None),
        ("rocm6.4", None),
        ("cuda", None),
        ("cu", None),
        ("cu1", None),
        ("cu012", None),
        ("cu12801", None),
        ("cu128x", None),
        ("gpu-cu128", None),
    ],
)
def test_variant_names(name: str, expected: str | None) -> None:
    assert cuda_of_variant_name(name) == (parse_cuda(expected) if expected else None)


def test_digits_that_mean_nothing() -> None:
    assert cuda_of_digits("1") is None
    assert cuda_of_digits("0128") is None


@pytest.mark.parametrize(
    ("system", "machine", "expected"),
    [
        ("linux", "", "linux"),
        ("linux", "x86_64", "linux"),
        ("linux", "aarch64", "linux-aarch64"),
        ("linux-aarch64", "", "linux-aarch64"),
        ("win32", "AMD64", "windows"),
        ("windows", "", "windows"),
        ("darwin", "arm64", "macos"),
        ("macos", "", "macos"),
    ],
)
def test_platforms(system: str, machine: str, expected: str) -> None:
    assert parse_platform(system, machine) == expected


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        ("torch", "2.9.0+cu128", "12.8"),
        ("torch", "2.15.0+cu132", "13.2"),
        ("torch", "2.9.0+cpu", "cpu"),
        ("torch", "2.9.0+cpu.cxx11.abi", "cpu"),
        ("torch", "2.9.0+rocm6.4", "other-accelerator"),
        ("torch", "2.9.0+xpu", "other-accelerator"),
        ("vllm", "0.20.0+cu129", "12.9"),
        ("flash-attn", "2.8.3+cu12torch2.8cxx11abiTRUE", "12"),
        ("natten", "0.21.0+torch280cu128", "12.8"),
        ("torch-scatter", "2.1.2+pt28cu128", "12.8"),
        ("anything", "1.0+cu.12.8.torch.2.11", "12.8"),
        ("jaxlib", "0.4.13+cuda12.cudnn89", "12"),
        ("anything", "1.0+cu128.gabc", "12.8"),
        ("numpy", "2.0+cpu", None),
        ("numpy", "2.0+g12acu1", None),
        ("numpy", "2.0+accu128", None),
        ("numpy", "2.0+cu0128", None),
    ],
)
def test_the_local_version_label_tells(name: str, version: str, expected: str | None) -> None:
    assert of(name, version) == expected


def test_the_label_outweighs_index_and_name() -> None:
    assert of("torch", "2.9.0+cu126", PYTORCH + "cu128") == "12.6"
    assert of("thing-cu12", "1.0+cu126") == "12.6"


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        ("cupy-cuda12x", "14.2.0", "12"),
        ("cupy-cuda117", "10.6.0", "11.7"),
        ("cudf-cu13", "26.10.2", "13"),
        ("jax-cuda12-plugin", "0.12.0.1", "12"),
        ("jax-cuda13-pjrt", "0.12.0.1", "13"),
        ("nvfuser-cu128-torch28", "0.2", "12.8"),
        ("tensorrt-cu13-libs", "11.4", "13"),
        ("nvidia-cuda-runtime-cu12", "12.6.77", "12.6"),
        ("nvidia-cuda-runtime-cu12", None, "12"),
        ("nvidia-cuda-runtime-cu13", "0.0.1", "13"),
        ("nvidia-cuda-nvrtc-cu11", "11.7.99", "11.7"),
        ("nvidia-cublas-cu12", "12.6.4.1", "12"),
        ("nvidia-cudnn-cu13", "9.28.0.42", "13"),
        ("nvidia-nvjitlink-cu12", "12.9.86", "12"),
        ("nvidia-dali-cuda120", "2.4.0", "12"),
        ("nvidia-dali-nightly-cuda130", "2.4.0", "13"),
        ("cu12", "1.0", None),
        ("my-cube3", "1.0", None),
        ("acu128", "1.0", None),
        ("thing-cu1", "1.0", None),
        ("tree-sitter-cuda37", "1.0", None),
    ],
)
def test_the_name_tells(name: str, version: str | None, expected: str | None) -> None:
    assert of(name, version) == expected


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        ("cuda-toolkit", "13.0.2", "13.0"),
        ("cuda-toolkit", "13.0.3.0", "13.0"),
        ("nvidia-cuda-runtime", "13.5.37", "13.5"),
        ("nvidia-cuda-nvcc", "13", "13"),
        ("nvidia-nvtx", "13.2.86", "13.2"),
        ("nvidia-cublas", "13.1.0.3", "13"),
        ("nvidia-cufft", "12.0.0.61", "13"),
        ("nvidia-cufft", "13.0.0.1", "unknown"),
        ("nvidia-cufft", None, "unknown"),
        ("nvidia-cuda-runtime", None, "unknown"),
        ("nvidia-nvjitlink", "13.5.37", "13"),
        ("cuda-bindings", "12.9.4", "12"),
        ("cuda-python", "12.6.2.post1", "12"),
        ("cuda-core", "1.2.2", None),
        ("cuda-pathfinder", "1.9.0", None),
        ("nvidia-ml-py", "13.615.71", None),
        ("pynvml", "13.0.1", None),
        ("nvidia-dali", "1.0", None),
        ("numpy", "2.0", None),
        ("numpy", None, None),
        ("triton", "3.9.0", None),
    ],
)
def test_the_facts_tell(name: str, version: str | None, expected: str | None) -> None:
    assert of(name, version) == expected


@pytest.mark.parametrize(
    ("version", "index", "platform", "expected"),
    [
        ("2.9.0", PYTORCH + "cu128", "linux", "12.8"),
        ("2.9.0", PYTORCH + "nightly/cu130/", "linux", "13.0"),
        ("2.9.0", PYTORCH + "cpu", "macos", "cpu"),
        ("2.9.0", PYTORCH + "rocm6.4", "linux", "other-accelerator"),
        ("2.9.0", "https://wheels.example/whl/torch-2.8.0%2Bcu128.html", "linux", "12.8"),
        ("2.9.0", "https://mirror.example/cu0128/simple", "linux", "unknown"),
        ("2.9.0", "https://mirror.example/simple", "linux", "unknown"),
        ("2.9.0", "", "linux", "unknown"),
        ("2.9.0", "https://[mirror/whl/cu128", "linux", "12.8"),
        ("2.9.0", "https://cu128", "linux", "unknown"),
        ("2.9.0", "https://cu128/simple?x=/cu126#/cpu", "linux", "unknown"),
        ("2.9.0", "file:///srv/cu128/", "linux", "12.8"),
        ("2.9.0", "../wheels/cu128", "linux", "12.8"),
        ("2.9.0", "://", "linux", "unknown"),
        ("2.9.0", None, "linux", "12.8"),
        ("2.10.0", None, "linux-aarch64", "cpu"),
        ("2.9.0", None, "linux-aarch64", "cpu"),
        ("2.13.1", None, "linux-aarch64", "13.0"),
        ("2.7.0", None, "linux-aarch64", "unknown"),
        ("2.99.0", None, "macos", "cpu"),
        ("2.9.0", PYTORCH + "cu128", "macos", "cpu"),
        ("2.9.0", "https://mirror.example/simple", "darwin", "cpu"),
        ("2.9.0", "", "macos", "cpu"),
        ("2.9.0", None, "win32", "cpu"),
        ("2.9.0", None, "darwin", "cpu"),
        ("2.11.0", None, "linux", "13.0"),
        ("2.99.0", None, "linux", "unknown"),
        (None, None, "linux", "unknown"),
    ],
)
def test_the_origin_of_torch_tells(version: str | None, index: str | None, platform: str, expected: str) -> None:
    assert of("torch", version, index, platform) == expected


@pytest.mark.parametrize(
    ("name", "version", "platform", "expected"),
    [
        ("torchvision", "0.29.2", "linux", "13"),
        ("torchvision", "0.24.0", "linux", "12"),
        ("torchvision", "0.24.0", "linux-aarch64", "cpu"),
        ("torchvision", "0.24.0", "win32", "cpu"),
        ("torchvision", "0.22.0", "linux-aarch64", "unknown"),
        ("torchvision", "0.99.0", "linux", "unknown"),
        ("torchvision", "0.99.0", "macos", "cpu"),
        ("torchaudio", "2.11.0", "linux", "13"),
        ("torchaudio", "2.1.2", "linux", "12"),
        ("torchaudio", "2.0.2", "linux", "11"),
        ("xformers", "0.0.35", "linux", "12"),
        ("xformers", "0.0.33.post2", "linux", "12"),
        ("xformers", "0.0.36", "linux", "unknown"),
        ("xformers", None, "linux", "unknown"),
        ("onnxruntime-gpu", "1.26.0", "linux", "12"),
        ("onnxruntime-gpu", "1.27.0", "linux", "13"),
        ("onnxruntime-gpu", "1.20.1", "linux", "unknown"),
        ("vllm", "0.33.0", "linux", "13"),
        ("vllm", "0.33.1", "linux", "unknown"),
        ("flash-attn", "2.8.3", "linux", "unknown"),
    ],
)
def test_frameworks_of_the_default_index_that_were_measured(
    name: str, version: str | None, platform: str, expected: str
) -> None:
    assert of(name, version, None, platform) == expected


def test_an_index_speaks_for_frameworks_only() -> None:
    assert of("torchvision", "0.29.2", PYTORCH + "cu132") == "13.2"
    assert of("numpy", "2.0", PYTORCH + "cu132") is None
    assert of("bitsandbytes", "0.50.2") is None
    assert of("tensorflow", "2.20.0") is None


TORCH_2_13 = {
    "cuda-bindings": "13.5.0",
    "cuda-pathfinder": "1.9.0",
    "cuda-toolkit": "13.0.3.0",
    "nvidia-cublas": "13.1.1.3",
    "nvidia-cuda-cupti": "13.0.85",
    "nvidia-cuda-nvrtc": "13.0.88",
    "nvidia-cuda-runtime": "13.0.96",
    "nvidia-cudnn-cu13": "9.20.0.48",
    "nvidia-cufft": "12.0.0.61",
    "nvidia-cufile": "1.15.1.6",
    "nvidia-curand": "10.4.0.35",
    "nvidia-cusolver": "12.0.4.66",
    "nvidia-cusparse": "12.6.3.3",
    "nvidia-nccl-cu13": "2.29.7",
    "nvidia-nvjitlink": "13.5.37",
    "nvidia-nvtx": "13.0.85",
    "torch": "2.13.0",
    "triton": "3.7.1",
}
TORCH_2_10 = {
    "cuda-bindings": "12.9.4",
    "nvidia-cublas-cu12": "12.8.4.1",
    "nvidia-cuda-nvrtc-cu12": "12.8.93",
    "nvidia-cuda-runtime-cu12": "12.8.90",
    "nvidia-cudnn-cu12": "9.10.2.21",
    "nvidia-cusparse-cu12": "12.5.8.93",
    "nvidia-nvjitlink-cu12": "12.8.93",
    "torch": "2.10.0",
}
TORCH_2_4 = {
    "nvidia-cuda-runtime-cu12": "12.1.105",
    "nvidia-nvjitlink-cu12": "12.9.86",
    "torch": "2.4.1",
}


@pytest.mark.parametrize(
    ("closure", "cuda"), [(TORCH_2_13, "13.0"), (TORCH_2_10, "12.8"), (TORCH_2_4, "12.1")], ids=["2.13", "2.10", "2.4"]
)
def test_what_torch_itself_locks_agrees_with_torch(closure: dict[str, str], cuda: str) -> None:
    """Resolved from the public index for x86_64 Linux, 2026-11-22: parts of a newer minor are no contradiction."""
    found = [belongs(name, version, None, FACTS, platform="linux") for name, version in closure.items()]
    assert all(each.cuda is not None and each.cuda.matches(parse_cuda(cuda)) for each in found if each is not None)


def test_toolkit_parts_are_told_from_frameworks() -> None:
    parts = {"nvidia-cuda-runtime": "13.0.96", "nvidia-cudnn-cu13": "9.20", "cuda-bindings": "13.5.0"}
    frameworks = {"torch": "2.13.0", "cupy-cuda13x": "14.2.0", "nvidia-dali-cuda130": "2.4.0"}
    for name, version in (parts | frameworks).items():
        found = belongs(name, version, None, FACTS, platform="linux")
        assert found is not None
        assert found.is_toolkit_part is (name in parts)


def test_a_rule_of_the_project_comes_first_and_is_final() -> None:
    rules = (("torch", r"cuda(?P<major>\d+)_(?P<minor>\d+)"), ("inhouse-kernels-c12", r"-c(?P<major>\d+)$"))
    by_version = belongs("torch", "2.9.0+cuda12_8", None, FACTS, platform="linux", extra_rules=rules)
    assert by_version == Belonging(
        cuda=CudaVersion(major=12, minor=8),
        kind="cuda",
        evidence=r"the `cuda-bound` pattern `cuda(?P<major>\d+)_(?P<minor>\d+)` in `2.9.0+cuda12_8`",
    )
    by_name = belongs("inhouse-kernels-c12", None, None, FACTS, platform="linux", extra_rules=rules)
    assert by_name is not None
    assert by_name.cuda == CudaVersion(major=12)
    neither = belongs("torch", "2.9.0+cu128", None, FACTS, platform="linux", extra_rules=rules)
    assert neither == Belonging(
        cuda=None, kind="unknown", evidence="no `cuda-bound` pattern of `torch` matches `2.9.0+cu128`"
    )


@pytest.mark.parametrize(
    ("name", "version", "index", "evidence"),
    [
        ("torch", "2.9.0+cu128", None, "the local version label `+cu128`"),
        ("cupy-cuda12x", "14.2.0", None, "`cuda12x` in the name"),
        (
            "nvidia-cuda-runtime-cu12",
            "12.6.77",
            None,
            "`cu12` in the name and version `12.6.77`, which is the toolkit's",
        ),
        ("nvidia-cufft", "12.0.0.61", None, "`nvidia-cufft` 12.* is part of CUDA 13"),
        ("cuda-bindings", "12.9.4", None, "version `12.9.4`, whose first number is the CUDA major"),
        ("torch", "2.9.0", None, "`torch` 2.9.0 of the default index is built for CUDA 12.8 on linux"),
        ("torch", "2.9.0", PYTORCH + "cu128", "`cu128` in the address of its index"),
        ("vllm", "0.32.0", None, "version `0.32.0` names no CUDA, and it comes from the default index"),
        ("vllm", "0.33.0", None, "`vllm` 0.33.0 of the default index is built for CUDA 13 on linux"),
        ("vllm", "0.33.0", "", "version `0.33.0` names no CUDA, and the lock records no index"),
        ("vllm", "1", "https://a.example/x", "version `1` names no CUDA, and the address of its index names none"),
    ],
)
def test_the_evidence_is_a_clause_for_a_message(name: str, version: str, index: str | None, evidence: str) -> None:
    found = belongs(name, version, index, FACTS, platform="linux")
    assert found is not None
    assert found.evidence == evidence
