"""Hashed requirements, as `pip-compile` and `uv pip compile` write them."""
