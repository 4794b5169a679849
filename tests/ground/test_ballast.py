"""A little of a disk is kept from use, and given back on the day on which the disk is full."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from appliance import files
from appliance.ballast import SIZE, Ballast

MIB = 1 << 20


@pytest.fixture
def ballast(tmp_path: Path) -> Ballast:
    return Ballast(tmp_path / "ballast")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A disk with so much room."""
    disk = SimpleNamespace(f_frsize=MIB, f_bavail=1000)
    monkeypatch.setattr(os, "statvfs", lambda _: disk)
    return disk


def aboard(tmp_path: Path) -> int:
    try:
        return (tmp_path / "ballast").stat().st_blocks * 512
    except FileNotFoundError:
        return 0


def test_it_comes_aboard_where_there_is_plenty(ballast, disk, tmp_path):
    ballast.balance()
    assert aboard(tmp_path) >= SIZE


def test_it_does_not_where_room_is_short(ballast, disk, tmp_path):
    disk.f_bavail = 20
    ballast.balance()
    assert aboard(tmp_path) == 0


def test_it_stays_as_long_as_there_is_a_little_room(ballast, disk, tmp_path):
    ballast.balance()
    disk.f_bavail = 2
    ballast.balance()
    assert aboard(tmp_path) >= SIZE


def test_it_is_thrown_away_on_a_full_disk_and_comes_again(ballast, disk, tmp_path):
    ballast.balance()
    disk.f_bavail = 0
    ballast.balance()
    assert aboard(tmp_path) == 0
    disk.f_bavail = 1000
    ballast.balance()
    assert aboard(tmp_path) >= SIZE


def test_what_a_power_cut_left_of_it_is_filled_up(ballast, disk, tmp_path):
    (tmp_path / "ballast").write_bytes(b"")
    ballast.balance()
    assert aboard(tmp_path) >= SIZE


def test_it_is_not_taken_by_half(ballast, disk, tmp_path, monkeypatch):
    def no_room(act: str, path: object) -> None:
        if act == "after allocate":
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "fault", no_room)
    ballast.balance()
    assert not (tmp_path / "ballast").exists()
