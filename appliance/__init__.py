"""Pillarbox: an office's own mail server."""

__version__ = "0.1.0"
