"""Figures of the card in the README, written by the tests that measured them."""

from __future__ import annotations

import re

from tests.image.machine import ROOT

_README = ROOT / "README.md"


def record(what: str, figure: str) -> None:
    """Write a figure into its row. Raises AssertionError: there is no such row."""
    text = _README.read_text()
    changed, rows = re.subn(rf"(?m)^\| {re.escape(what)} \| .* \|$", f"| {what} | {figure} |", text)
    assert rows == 1, what
    if changed != text:
        _README.write_text(changed)
