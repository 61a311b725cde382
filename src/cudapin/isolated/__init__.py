"""Isolated builds of a project's sdist and of the wheels of its variants, side by side."""
