"""Under hold nothing of an account's mail is deleted for good, wherever a fault or a kill comes."""

from __future__ import annotations

import errno
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from appliance import files
from appliance.errors import PillarboxError, StorageFull
from appliance.store import flags, holding, takeout
from appliance.threads import run_here

from .conftest import ADDRESS, Bench
from .lossy import LossyDisk
from .story import Killed


@pytest.fixture(autouse=True)
def _no_fault_left(monkeypatch):
    monkeypatch.setattr(files, "fault", files.fault)


def messages(bench, name, count):
    """That many in a mailbox; what they say."""
    box = bench.open(name)
    said = [b"Subject: %s %d\r\n\r\nx\r\n" % (name.encode(), number) for number in range(count)]
    for each in said:
        bench.append(box, each)
    return said


def expunge(box, uids):
    run_here(box.store_flags(uids, add=flags.DELETED))
    run_here(box.expunge(uids))


def contents(*folders):
    return {
        path.read_bytes()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name in {"new", "cur"}
    }


def held(bench):
    return contents(bench.mail / "held" / ADDRESS)


@pytest.fixture
def kept(bench):
    """A store whose only account is under hold."""
    bench.store.hold([ADDRESS])
    return bench


def test_what_is_expunged_is_held_with_its_folder_and_the_day(kept):
    run_here(kept.home.create("Projects/2026"))
    (said,) = messages(kept, "Projects/2026", 1)
    expunge(kept.open("Projects/2026"), [1])
    (path,) = (kept.mail / "held" / ADDRESS).rglob("*pillarbox*")
    assert path.read_bytes() == said
    assert path.parent.parent.name == ".Projects.2026"
    assert f",D={int(kept.clock.wall())}" in path.name
    assert kept.files(".Projects.2026") == []
    assert "held" not in {each.name for each in run_here(kept.home.list())[0]}


def test_what_is_moved_and_what_goes_with_its_folder_is_held(kept):
    run_here(kept.home.create("Projects"))
    moved, gone = messages(kept, "INBOX", 1), messages(kept, "Projects", 3)
    run_here(kept.open().move([1], kept.open("Trash")))
    run_here(kept.home.delete("Projects"))
    assert held(kept) == {*moved, *gone}
    folders = {path.parent.parent.name for path in (kept.mail / "held").rglob("*pillarbox*")}
    assert folders == {ADDRESS, ".Projects"}


def test_without_a_hold_nothing_is_held(bench):
    messages(bench, "INBOX", 1)
    expunge(bench.open(), [1])
    assert not (bench.mail / "held").exists()


def test_nothing_is_deleted_when_there_is_no_room_to_hold_it(kept):
    said = messages(kept, "INBOX", 3)
    run_here(kept.open().store_flags([1, 2, 3], add=flags.DELETED))

    def full(act, path):
        if act == "before link" and b"/held/" in bytes(Path(str(path, "utf-8"))):
            raise OSError(errno.ENOSPC, "injected")

    files.fault = full
    with pytest.raises(StorageFull):
        run_here(kept.open().expunge())
    files.fault = files._no_fault
    assert contents(kept.folder()) == set(said)
    assert kept.open().rows.uids.tolist() == [1, 2, 3]
    run_here(kept.open().expunge())
    assert held(kept) == set(said)


def test_a_folder_that_a_kill_left_half_removed_is_held_at_the_next_start(kept):
    run_here(kept.home.create("Projects"))
    said = messages(kept, "Projects", 2)
    (kept.folder(".Projects")).rename(kept.folder() / "tmp" / "deleted.0123456789abcdef.Projects")
    kept.kill()
    kept.store.hold([ADDRESS])
    kept.open()
    assert held(kept) == set(said)
    assert list((kept.folder() / "tmp").iterdir()) == []


def test_an_owner_can_take_it_along_and_it_goes_when_the_hold_has_ended(kept):
    run_here(kept.home.create("Projects"))
    said = messages(kept, "Projects", 2)
    expunge(kept.open("Projects"), [1, 2])
    folder = kept.mail / "held" / ADDRESS
    assert takeout.size_of(folder).messages == 2
    with zipfile.ZipFile(BytesIO(b"".join(takeout.packed(folder, 2e9)))) as archive:
        box = archive.read("Mail/Projects")
    assert all(each in box for each in said)
    assert holding.accounts(kept.mail) == [ADDRESS]
    holding.forget(kept.mail, ADDRESS)
    assert holding.accounts(kept.mail) == []


# --- cut short at every act


def story(bench, fault):
    """Deletes in every way there is, until a fault ends it; what was there before."""
    bench.store.hold([ADDRESS])
    run_here(bench.home.create("Projects"))
    said = {*messages(bench, "INBOX", 3), *messages(bench, "Projects", 2)}
    files.fault = fault
    try:
        expunge(bench.open(), [1])
        run_here(bench.open().move([2], bench.open("Trash")))
        expunge(bench.open("Trash"), [1])
        run_here(bench.home.delete("Projects"))
    except (Killed, PillarboxError, OSError):
        pass
    finally:
        files.fault = files._no_fault
    return said


def check(bench, said):
    bench.kill(power=True)
    bench.store.hold([ADDRESS])
    bench.open()
    assert contents(bench.folder(), bench.mail / "held") >= said
    bench.store.unlock()


def acts(path):
    found = []
    bench = Bench(path / "mail")
    said = story(bench, lambda act, _path: found.append(act))
    assert len(held(bench)) == 4
    check(bench, said)
    return len(found)


def cut_at(folder, place, how, monkeypatch):
    """The story ended at one act."""
    done = 0

    def fault(_act, _path):
        nonlocal done
        done += 1
        if done > place and how != "error":
            raise Killed
        if done == place + 1:
            raise OSError(errno.EIO, "injected")

    bench = Bench(folder / str(place))
    with monkeypatch.context() as patch:
        disk = LossyDisk(folder / f"trash{place}", patch) if how == "power" else None
        said = story(bench, fault)
        if disk is not None:
            disk.cut_power(bench.mail)
    check(bench, said)


@pytest.mark.parametrize(("how", "first"), [("kill", 0), ("power", 1), ("error", 2)])
def test_at_no_act_is_a_message_anywhere_else_than_here_or_held(tmp_path, monkeypatch, how, first):
    for place in range(first, acts(tmp_path), 17):
        cut_at(tmp_path, place, how, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["kill", "power", "error"])
def test_nor_at_any_act_of_all(tmp_path, monkeypatch, how):
    for place in range(acts(tmp_path)):
        cut_at(tmp_path, place, how, monkeypatch)
