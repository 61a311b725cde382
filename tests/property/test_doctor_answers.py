"""No answer of a driver, a tool or an environment is too strange for `doctor`."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cudapin.adapters.facts import read_facts
from cudapin.adapters.installed import read_packages
from cudapin.adapters.machine import read_machine
from cudapin.adapters.machine_toolkits import find_cudnn, find_toolkits
from cudapin.adapters.nvml import Reading
from cudapin.adapters.smi import parse_answer, parse_banner
from cudapin.adapters.surroundings import read_surroundings
from cudapin.core.doctor import EnvironmentReport, MachineReport, Report, report_object
from cudapin.core.doctor_text import redact, render_report
from cudapin.core.installed import Environment, cuda_packages, parse_headers, parse_version_file
from cudapin.core.judge_installed import judge_mixture
from cudapin.core.judge_machine import hints, judge_machine
from unit.support import LINUX, write

pytestmark = pytest.mark.property
LIMITS = settings(max_examples=150, deadline=None)
FACTS = read_facts({})
NOTHING = Reading(gaps=("NVML: no",))
WORDS = (
    "NVRM version: ",
    "570.86.10",
    "Driver Version: ",
    "CUDA UMD Version: 13.3",
    "cuda: Optional[str] = ",
    "'12.8'",
)
WORDS += ("Name: torch\n", "Version: 2.9.0+cu128\n", "Requires-Dist: ", "\n\n", "CUDA_VERSION 13000", "[N/A]", ", ")
PIECES = st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=8)), max_size=12).map("".join)
BYTES = st.one_of(st.binary(max_size=200), PIECES.map(lambda text: text.encode("utf-8", "surrogatepass")))
SEEN = re.compile(r"[\x20-\x7e\n\x80-\U0010ffff]*")


@given(BYTES, BYTES)
@LIMITS
def test_any_bytes_as_driver_files(tmp_path_factory: pytest.TempPathFactory, one: bytes, two: bytes) -> None:
    root = write(
        tmp_path_factory.mktemp("root"),
        {
            "sys/module/nvidia/version": one,
            "proc/driver/nvidia/version": two,
            "proc/1/cgroup": one,
            "proc/sys/kernel/osrelease": two,
            "usr/local/cuda/version.json": one,
            "usr/local/cuda/include/cuda.h": two,
            "usr/include/cudnn_version.h": one,
        },
    )
    machine = read_machine({}, root, lambda: NOTHING)
    around = read_surroundings({}, root, "linux")
    toolkits = find_toolkits({}, root)
    report = Report(
        cudapin="1",
        machine=MachineReport(
            machine=machine,
            around=around,
            cuda=FACTS.driver_cuda(machine.driver) if machine.driver else None,
            cuda_source="x",
            toolkits=toolkits,
            cudnn=find_cudnn(toolkits, root),
            hints=tuple(hints(machine, around)),
        ),
        environment=EnvironmentReport(
            environment=Environment(executable="x", prefix="/", version="3", markers=LINUX), packages=()
        ),
    )
    judge_machine(machine, around)
    assert report_object(report)["machine"]["driver"] == machine.driver
    assert SEEN.fullmatch(render_report(report, lambda line: redact(line, "/home/me")))


@given(BYTES)
@LIMITS
def test_any_bytes_as_an_answer_of_nvidia_smi(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    assert all(re.fullmatch(r"\d{1,2}\.\d", gpu.arch) for gpu in parse_answer(text).gpus)
    driver, _ = parse_banner(text)
    assert driver is None or driver in text


@given(BYTES, BYTES, st.text(max_size=10))
@LIMITS
def test_any_bytes_as_metadata(
    tmp_path_factory: pytest.TempPathFactory, metadata: bytes, build: bytes, version: str
) -> None:
    shown = re.sub(r"[/\0\ud800-\udfff]", "_", version) or "1"
    info = f"torch-{shown}.dist-info"
    root = write(
        tmp_path_factory.mktemp("site"),
        {
            f"{info}/METADATA": metadata,
            f"{info}/extra_metadata/cudapin.json": build,
            f"{info}/direct_url.json": metadata,
            "torch/version.py": build,
            "torchvision-0.1.dist-info/METADATA": build,
        },
    )
    packages = read_packages([str(root)])
    found = Environment(executable="x", prefix="/", version="3", markers=LINUX, packages=packages)
    judge_mixture(cuda_packages(found, FACTS, "linux"), found, FACTS)
    assert "torchvision" in packages


@pytest.mark.parametrize(
    "unit", ["cuda:", "cuda = ", "Name: ", "\n", "Requires-Dist: a; ", "Driver Version  ", " ", "\r\n \r"]
)
def test_long_texts_take_linear_time(unit: str) -> None:
    import time

    text = unit * (300_000 // len(unit))
    start = time.perf_counter()
    parse_headers(text)
    parse_version_file(text)
    parse_banner(text)
    parse_answer(text)
    redact(text, "/home/me", "me")
    assert time.perf_counter() - start < 3
