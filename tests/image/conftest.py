"""One box in QEMU for all tests of this folder, started from the card that ./build.sh image made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.machine import PORTS, ROOT, Machine, boot_files, layer
from tests.image.working import Working, make


@pytest.fixture(scope="session")
def card() -> Path:
    found = sorted((ROOT / "dist").glob("pillarbox-*.img"))
    assert found, "There is no image: ./build.sh image makes it."
    return found[-1]


@pytest.fixture(scope="session")
def boot(card: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return boot_files(card, tmp_path_factory.mktemp("boot"))


@pytest.fixture(scope="session")
def box(card: Path, boot: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("box")
    machine = Machine(folder, layer(card, folder / "card.qcow2"), boot, ports=PORTS)
    with machine.up(serves=False):
        yield machine


@pytest.fixture(scope="session")
def working(card: Path, boot: Path, tmp_path_factory: pytest.TempPathFactory) -> Working:
    """A box at work that can be gone back to."""
    return make(card, boot, tmp_path_factory.mktemp("working"))
