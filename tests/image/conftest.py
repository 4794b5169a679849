"""One box in QEMU for all tests of this folder, started from the card that ./build.sh image made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.machine import PILLARBOX, ROOT, Machine, boot_files, layer, wait_until_it_serves
from tests.image.office import PEOPLE, SecureWays

PORTS = (25, 80, 110, 143, 443, 465, 587, 993, 995)


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
    try:
        machine.wait_for_agent()
        yield machine
    finally:
        machine.close()


@pytest.fixture(scope="session")
def snapshot(card: Path, boot: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A card with a snapshot, "working": the box serves, three people have logged in."""
    folder = tmp_path_factory.mktemp("snapshot")
    disk = layer(card, folder / "card.qcow2")
    with Machine(folder, disk, boot, ports=PORTS) as machine:
        machine.wait_for_agent()
        wait_until_it_serves(machine)
        machine.run(f"{PILLARBOX} domain add office.test")
        for person in PEOPLE:
            machine.run(
                f"echo '{person.password}' | {PILLARBOX} account add {person.address} --password-stdin"
            )
        ways = SecureWays(machine.ports)
        for person in PEOPLE:
            ways.smtp(person).quit()
            client = ways.imap()
            client.login(person.address, person.password)
            client.create("Archive")
            client.logout()
        machine.run("sync")
        assert machine.monitor("human-monitor-command", **{"command-line": "savevm working"}) == ""
    return disk
