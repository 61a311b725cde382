"""File names of wheels with and without a variant label (PEP 825, Variant label)."""

from __future__ import annotations

import pytest

from cudapin.core.wheel_name import is_variant_label, parse_label, split_label


@pytest.mark.parametrize(
    ("name", "unlabelled", "label"),
    [
        ("demo-1.0-py3-none-any.whl", "demo-1.0-py3-none-any.whl", None),
        ("demo-1.0-py3-none-any-cu128.whl", "demo-1.0-py3-none-any.whl", "cu128"),
        ("demo-1.0-py3-none-any-null.whl", "demo-1.0-py3-none-any.whl", "null"),
        ("demo-1.0-py3-none-any-0_a.b.whl", "demo-1.0-py3-none-any.whl", "0_a.b"),
        ("demo-1.0-1-py3-none-any.whl", "demo-1.0-1-py3-none-any.whl", None),  # a build tag
        ("demo-1.0-1b-py3-none-any-cu128.whl", "demo-1.0-1b-py3-none-any.whl", "cu128"),
        ("demo-1.0-py3-none-any-CU128.whl", "demo-1.0-py3-none-any-CU128.whl", None),
        ("demo-1.0-py3-none-any-.whl", "demo-1.0-py3-none-any-.whl", None),
        ("demo-1.0-py3-none-any-a-b.whl", "demo-1.0-py3-none-any-a-b.whl", None),
        ("demo-1.0-1-py3-none-any-a-b.whl", "demo-1.0-1-py3-none-any-a-b.whl", None),
        ("demo-1.0-variants.json", "demo-1.0-variants.json", None),
        ("demo-1.0.tar.gz", "demo-1.0.tar.gz", None),
        ("demo.whl", "demo.whl", None),
        ("", "", None),
    ],
)
def test_a_name_and_its_label(name: str, unlabelled: str, label: str | None) -> None:
    assert split_label(name) == (unlabelled, label)
    assert parse_label(name) == label


@pytest.mark.parametrize("text", ["", "cu-128", "CU128", "cu128+x", "cu 128", "cu128\n", "cü"])
def test_what_is_no_label(text: str) -> None:
    assert not is_variant_label(text)
