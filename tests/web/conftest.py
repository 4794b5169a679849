"""One box with an owner, a helper and two users for the tests of the page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance import control
from tests.backup import quick_restic
from tests.support.box import Box
from tests.web.browser import Reader, make_owner
from tests.web.safe import Safe, fill


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


@pytest.fixture(scope="package")
def safe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Safe]:
    """A second box, whose restic is quick, with a drive on which is one proven version."""
    folder = tmp_path_factory.mktemp("safe")
    programs = quick_restic.install(tmp_path_factory.mktemp("restic"))
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    with Box(folder, PATH=path) as running:
        make_owner(running)
        running.new_person("dora")
        control.ask(running.state, "people_changed")
        fill(running, "anna", "Projects", 3)
        fill(running, "dora", "Secret plans", 2)
        fill(running, "ben", "Secret plans", 2)
        drive = folder / "stick"
        drive.mkdir()
        running.cli("sim", "plug", str(drive))
        running.cli("backup", "target", "add", str(drive))
        running.cli("backup", "now")
        yield Safe(running, drive)


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    return tmp_path
