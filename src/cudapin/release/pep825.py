"""Wheel variants: the formats of PEP 825 (schema 0.2.0 of PEP 850), as released tools read them.

Both are drafts, read by uv 0.13.9 behind its preview flag. Nothing else in cudapin knows their keys; nothing here
reads a file.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from cudapin.core.wheel_name import is_variant_label, parse_label, split_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cudapin.core.cuda import CudaVersion
    from cudapin.release.gpu_properties import GpuProperties

__all__ = [
    "MEMBER",
    "NULL",
    "Described",
    "Properties",
    "describe",
    "find_conflict",
    "is_variant_label",
    "merge",
    "parse_described",
    "parse_label",
    "properties_of",
    "render",
    "split_label",
]

Properties: TypeAlias = "Mapping[str, Mapping[str, tuple[str, ...]]]"
"""The values of each feature, by namespace and feature."""

NULL = "null"
"""The label of the variant without properties: a wheel of no CUDA."""
MEMBER = "variant.json"
"""The file of a labelled wheel, in its `.dist-info` folder."""

_SCHEMA = "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json"
_NAMESPACES = ("priority", "nvidia")
"""What comes first decides first. `priority` is of cudapin: the highest CUDA among those that fit."""
_PROVIDERS: Mapping[str, Any] = {
    # Supported on every machine, so that it only orders; the lists may never change, since providers must be equal.
    "priority": {
        "static-properties": {
            "cuda_major": [str(number) for number in range(29, 10, -1)],
            "cuda_minor": [str(number) for number in range(29, -1, -1)],
        },
        "feature-order": ["cuda_major", "cuda_minor"],
    },
    # uv has this provider built in, and takes exactly this spelling of it.
    "nvidia": {
        "requires": ["nvidia-variant-provider>=0.0.1,<1.0.0"],
        "plugin-api": "nvidia_variant_provider.plugin:NvidiaVariantPlugin",
    },
}
_KEYS = ("$schema", "default-priorities", "providers", "variants")
_NAME, _VALUE = re.compile(r"[a-z0-9_]+"), re.compile(r"[a-z0-9_.]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What `variant.json` or an index's file says: the properties of each label, and what they mean.

    `namespaces` are in their order; `providers` is JSON, since only equality counts.
    """

    schema: str
    namespaces: tuple[str, ...]
    providers: Mapping[str, Any]
    variants: Mapping[str, Properties]


def properties_of(cuda: Sequence[CudaVersion], gpu: GpuProperties) -> Properties:
    """Return the properties of a CUDA variant: what it needs, and its place in the order."""
    highest = max(cuda, key=lambda item: item.sort_key)
    priority: dict[str, tuple[str, ...]] = {"cuda_major": (str(highest.major),)}
    if highest.minor is not None:
        priority["cuda_minor"] = (str(highest.minor),)
    nvidia: dict[str, tuple[str, ...]] = {"cuda_version_lower_bound": (str(gpu.lower_bound),)}
    if gpu.sm_arch:
        nvidia["sm_arch"] = tuple(sorted(gpu.sm_arch))
    return {"nvidia": nvidia, "priority": priority}


def describe(label: str, properties: Properties) -> Described:
    """Return what a wheel says of itself."""
    return Described(schema=_SCHEMA, namespaces=_NAMESPACES, providers=_PROVIDERS, variants={label: properties})


def render(described: Described) -> str:
    """Return the JSON text; equal descriptions give equal bytes."""
    table = {
        "$schema": described.schema,
        "default-priorities": {"namespace": described.namespaces},
        "providers": {name: described.providers[name] for name in described.namespaces},
        "variants": dict(sorted(described.variants.items())),
    }
    return json.dumps(table, indent=2, sort_keys=True) + "\n"


def merge(described: Iterable[Described]) -> Described:
    """Return the union of descriptions that `find_conflict` finds nothing against."""
    every = tuple(described)
    longest = max(every, key=lambda item: len(item.namespaces))
    variants = {label: properties for item in every for label, properties in item.variants.items()}
    return Described(
        schema=longest.schema, namespaces=longest.namespaces, providers=longest.providers, variants=variants
    )


def find_conflict(one: Described, other: Described) -> str | None:
    """Return in what two wheels of one release contradict each other beside their properties, None where they agree.

    The namespaces of one have to be the beginning of the other's, and a namespace has one provider (PEP 825).
    """
    if one.schema != other.schema:
        return f"the schema `{one.schema}` and `{other.schema}`"
    shared = min(len(one.namespaces), len(other.namespaces))
    if one.namespaces[:shared] != other.namespaces[:shared]:
        return f"the order of namespaces {', '.join(one.namespaces)} and {', '.join(other.namespaces)}"
    for name in one.namespaces[:shared]:
        if one.providers[name] != other.providers[name]:
            return f"different providers of namespace `{name}`"
    return None


# Reading


def parse_described(text: str) -> Described:
    """Parse the JSON of a wheel or an index. Raises ValueError, with what was wanted and found, for another form."""
    table = _table(json.loads(text), "the file")
    if sorted(table) != sorted(_KEYS):
        raise ValueError(f"wanted the keys {', '.join(_KEYS)}, found {', '.join(sorted(table)) or 'none'}")
    priorities = _table(table["default-priorities"], "`default-priorities`")
    namespaces = _texts(priorities.get("namespace"), "`default-priorities.namespace`", _NAME)
    providers = _table(table["providers"], "`providers`")
    if len(priorities) != 1 or sorted(providers) != sorted(namespaces):
        raise ValueError(f"wanted one provider for each namespace, found {', '.join(sorted(providers)) or 'none'}")
    variants = {
        label: _properties(label, _table(value, f"`variants.{label}`"), namespaces)
        for label, value in _table(table["variants"], "`variants`").items()
    }
    schema = table["$schema"]
    if not isinstance(schema, str) or not variants or not all(map(is_variant_label, variants)):
        raise ValueError("wanted a schema and at least one label")
    return Described(schema=schema, namespaces=namespaces, providers=providers, variants=variants)


def _properties(
    label: str, table: Mapping[str, Any], namespaces: Sequence[str]
) -> dict[str, dict[str, tuple[str, ...]]]:
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for namespace, features in table.items():
        if namespace not in namespaces:
            raise ValueError(f"`variants.{label}` uses namespace `{namespace}`, which has no place in the order")
        found[namespace] = {}
        for feature, values in _table(features, f"`variants.{label}.{namespace}`").items():
            where = f"`variants.{label}.{namespace}.{feature}`"
            texts = _texts(values, where, _VALUE)
            if list(texts) != sorted(texts) or not _NAME.fullmatch(feature):
                raise ValueError(f"{where}: wanted sorted values, found {', '.join(texts)}")
            found[namespace][feature] = texts
        if not found[namespace]:
            raise ValueError(f"`variants.{label}.{namespace}` is empty")
    if (label == NULL) != (not found):
        raise ValueError(f"wanted no properties for `{NULL}` and some for any other label, found `{label}`")
    return found


def _table(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what}: wanted a JSON object")  # noqa: TRY004 - a fault of the file
    return value


def _texts(value: object, what: str, form: re.Pattern[str]) -> tuple[str, ...]:
    texts = tuple(str(item) for item in value) if isinstance(value, list) else ()
    if not texts or len(set(texts)) != len(texts) or not all(form.fullmatch(text) for text in texts):
        raise ValueError(f"{what}: wanted a list of different names, found `{value}`")
    return texts
