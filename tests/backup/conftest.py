"""One office for each test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backup import quick_restic
from tests.backup.office import Office


@pytest.fixture(scope="package", autouse=True)
def _quick_restic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Real repositories whose key is not slow, for all that is started in this folder."""
    programs = quick_restic.install(tmp_path_factory.mktemp("restic"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
        yield


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    found = Office(tmp_path)
    yield found
    found.close()


@pytest.fixture(scope="package")
def one_version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an office with one proven version on its drive; taking it costs seconds."""
    folder = tmp_path_factory.mktemp("office")
    office = Office(folder)
    (office.mail / "queue" / "journal").write_bytes(b"a record\n")
    assert office.back_up(office.drive()).is_proven
    office.store.stop()
    office.database.close()
    return folder


@pytest.fixture
def saved_office(one_version: Path, tmp_path: Path) -> Iterator[Office]:
    """A copy of that office for a test of its own."""
    shutil.copytree(one_version, tmp_path, dirs_exist_ok=True)
    found = Office(tmp_path)
    yield found
    found.close()
