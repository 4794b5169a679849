"""What all tests with mail programs share: their mark, a home folder, a log without tracebacks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.box import Box, Person

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.clients)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder for a mail program."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def anna(box: Box) -> Person:
    return box.account("anna")


@pytest.fixture
def reader(box: Box) -> Person:
    """Somebody new, with an empty mailbox."""
    return box.person("reader")


@pytest.fixture(autouse=True)
def _no_traceback(box: Box) -> Iterator[None]:
    """The daemon wrote no traceback during this test."""
    before = len(box.log())
    yield
    assert "Traceback" not in box.log()[before:], box.log()[before:]
