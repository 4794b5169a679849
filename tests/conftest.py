"""Fixtures for tests against a running box."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.box import Box


@pytest.fixture(scope="session")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """One box for many tests; each takes accounts of its own with `box.person("name")`."""
    with Box(tmp_path_factory.mktemp("box")) as running:
        yield running


@pytest.fixture
def own_box(tmp_path: Path) -> Iterator[Box]:
    """A box for one test alone, to be stopped, killed and spoiled."""
    with Box(tmp_path / "box") as running:
        yield running
