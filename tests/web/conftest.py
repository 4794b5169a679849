"""One box with an owner, a helper and two users for the tests of the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.box import Box
from tests.web.browser import Reader, make_owner


@pytest.fixture(scope="package")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with Box(tmp_path_factory.mktemp("office")) as running:
        make_owner(running)
        make_owner(running, "hanna", "--helper", password="a helper's password")
        yield running


@pytest.fixture
def owner(office: Box) -> Reader:
    reader = Reader(office)
    assert reader.log_in().status == 200
    return reader


@pytest.fixture
def helper(office: Box) -> Reader:
    reader = Reader(office)
    assert reader.log_in("hanna", "a helper's password").status == 200
    return reader


@pytest.fixture
def user(office: Box) -> Reader:
    reader = Reader(office)
    assert reader.log_in("ben@office.test", office.password("ben")).status == 200
    return reader


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    return tmp_path
