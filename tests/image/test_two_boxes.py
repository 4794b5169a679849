"""Two boxes from one card have nothing secret in common: each made its own at its first start."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.image.machine import PILLARBOX, Machine, layer
from tests.image.office import state_of

pytestmark = [pytest.mark.image, pytest.mark.timeout(1800)]
ALIKE = {
    "var/upper/lib/systemd/catalog/database",  # what messages of systemd mean
    "var/upper/lib/unbound/root.key",  # public: what everybody proves the DNS with
    "var/upper/cache/ldconfig/aux-cache",
    "pillarbox/ballast",  # nothing but zeros
    "pillarbox/mail/index/ballast",
    "etc/upper/ld.so.cache",
    "etc/upper/.updated",
    "var/upper/.updated",
    "pillarbox/mail/lock",  # a process number
    "pillarbox/backup.lock",
    "pillarbox/appliance.db",  # looked at secret by secret; its newest part is in appliance.db-wal
    "pillarbox/appliance.db-shm",
}
"""Files that may be the same on all boxes, none of them secret."""
MADE = {
    "etc/upper/machine-id",
    "var/upper/lib/systemd/random-seed",
    "pillarbox/tls/ca.key",
    "pillarbox/tls/ca.pem",
    "pillarbox/tls/server.pem",
    "pillarbox/backup.key",
    "pillarbox/mail/pillarbox-store",
}
"""What a first start makes, and the first look at the recovery sheet."""


@pytest.fixture(scope="module")
def states(card: Path, boot: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The files on the state partitions of two boxes after their first start; each has a domain."""
    found, folder = [], tmp_path_factory.mktemp("two")
    for name in ("one", "other"):
        place = folder / name
        place.mkdir()
        disk = layer(card, place / "card.qcow2")
        with Machine(place, disk, boot).up() as machine:
            machine.run(
                f"{PILLARBOX} domain add office.test; {PILLARBOX} domain dkim office.test rotate",
                seconds=600,
            )
            machine.run(f"{PILLARBOX} backup key show >/run/sheet; sync")  # made when it is needed
        with state_of(disk, place) as root:
            sockets = shutil.ignore_patterns("*.sock")
            shutil.copytree(root, place / "files", symlinks=True, ignore=sockets)
        found.append(place / "files")
    return found


def test_what_a_first_start_makes_is_there(states: list[Path]) -> None:
    for root in states:
        assert {each for each in MADE if not (root / each).is_file()} == set()


def test_no_file_is_the_same_on_both(states: list[Path]) -> None:
    one, other = states
    same = {
        str(path.relative_to(one))
        for path in one.rglob("*")
        if path.is_file()
        and not path.is_symlink()
        and (content := path.read_bytes())
        and (twin := other / path.relative_to(one)).is_file()
        and twin.read_bytes() == content
    }
    assert same - ALIKE == set()


def test_no_secret_of_the_database_is_the_same_on_both(states: list[Path]) -> None:
    one, other = (_secrets(root / "pillarbox/appliance.db") for root in states)
    assert one.keys() == other.keys()
    assert len(one) >= 3, one.keys()
    assert [name for name in one if one[name] == other[name]] == []


def _secrets(database: Path) -> dict[str, bytes]:
    """Every secret and every key for signatures, by its name."""
    with sqlite3.connect(database) as connection:
        found = dict(connection.execute("SELECT name, value FROM secrets").fetchall())
        keys = connection.execute("SELECT * FROM dkim_keys").fetchall()
    return found | {f"key {number}": repr(key).encode() for number, key in enumerate(keys)}
