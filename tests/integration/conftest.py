"""Fixtures that several files of this folder share."""

from __future__ import annotations

from integration.releases import release
from integration.torch_app import app, cache, index, url

__all__ = ["app", "cache", "index", "release", "url"]
