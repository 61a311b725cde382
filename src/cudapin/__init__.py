"""Build one wheel per CUDA variant, and refuse the ones that would lie.

Importing this package loads nothing but the standard library.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
