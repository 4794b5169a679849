"""Copying the mail to another disk: whole, once, resumable, whatever is done to it meanwhile."""

from __future__ import annotations

import itertools
import os
import random
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance import files
from appliance.errors import StorageFull, StorageOffline
from appliance.store import arriving
from appliance.store.copying import NewDiskTrouble, OldDiskTrouble
from appliance.store.moving import Copy
from appliance.threads import run_here
from tests.store.conftest import Bench


class Cut(BaseException):
    """The power goes."""


@pytest.fixture
def mail(tmp_path: Path) -> Path:
    """Some mail with a view of a day, put away in order."""
    bench = Bench(tmp_path / "mail")
    box = bench.open()
    for number in range(12):
        bench.append(box, b"Subject: %d\r\n\r\n%s\r\n" % (number, b"x" * 300 * number))
    run_here(box.store_flags([1, 2], add=1))
    run_here(bench.store.past.keep("2026-11-24"))
    run_here(bench.store.settle())
    bench.store.stop()
    (bench.mail / "view").mkdir()
    (bench.mail / "view" / "of a backup").write_bytes(b"passing")
    return bench.mail


@pytest.fixture
def whole() -> Iterator[None]:
    yield
    files.fault = lambda _act, _path: None


def tree(mail: Path) -> dict[str, object]:
    """All that must be the same: names, content, modes, times, and which names are one file."""
    found: dict[str, object] = {}
    inodes: dict[int, str] = {}
    for path in sorted(mail.rglob("*")):
        name = str(path.relative_to(mail))
        if name.split("/", maxsplit=1)[0] in {"lock", "view"}:
            continue
        status = path.lstat()
        first = inodes.setdefault(status.st_ino, name)
        content = path.read_bytes() if path.is_file() else b""
        found[name] = (stat.S_IMODE(status.st_mode), status.st_mtime_ns, first, content)
    return found


def copied(mail: Path, disk: Path) -> Copy:
    disk.mkdir(exist_ok=True)
    copy = Copy(mail, disk / arriving.ARRIVING)
    copy.begin("identity")
    copy.make_pass(is_last=True)
    return copy


def test_a_copy_is_equal_in_everything_and_links_stay_links(mail: Path, tmp_path: Path) -> None:
    copy = copied(mail, tmp_path / "disk")
    assert tree(copy.copied_mail) == tree(mail)
    assert not (copy.copied_mail / "view").exists()
    size = arriving.survey(mail)
    regular = [path.lstat() for path in mail.rglob("*") if path.is_file()]
    inodes = {each.st_ino for each in regular}
    assert size.files < len(regular)
    assert abs(size.files - len(inodes)) <= 2  # the lock, and what is of a backup
    assert arriving.kept_octets(copy.arriving) >= size.octets * 0.9


def test_a_second_pass_copies_nothing_and_a_flag_costs_only_a_name(
    mail: Path, tmp_path: Path
) -> None:
    copy = copied(mail, tmp_path / "disk")
    assert copy.make_pass().copied == 0
    (cur,) = mail.glob("people/*/cur")
    one = sorted(cur.iterdir())[0]
    one.rename(cur / (one.name + "T"))
    done = copy.make_pass(is_last=True)
    assert done.copied == 0
    assert tree(copy.copied_mail) == tree(mail)


def test_what_changed_in_place_is_copied_anew_even_if_size_and_time_are_the_same(
    mail: Path, tmp_path: Path
) -> None:
    copy = copied(mail, tmp_path / "disk")
    (counter,) = mail.glob("people/*/pillarbox-uidvalidity")
    before, status = counter.read_bytes(), counter.stat()
    counter.write_bytes(bytes(reversed(before)) if before != before[::-1] else b"9" * len(before))
    os.utime(counter, ns=(status.st_atime_ns, status.st_mtime_ns))
    copy.make_pass(is_last=True)
    assert tree(copy.copied_mail) == tree(mail)


def test_what_comes_goes_and_is_renamed_during_the_passes_is_right_in_the_end(
    mail: Path, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    fate = random.Random(7)
    (cur,) = mail.glob("people/*/cur")
    count = itertools.count()

    def disturb(_pass: object) -> None:
        if next(count) % 5:
            return
        there = sorted(cur.iterdir())
        what = fate.choice(("rename", "remove", "add", "append"))
        if what == "rename" and there:
            one = fate.choice(there)
            one.rename(cur / (one.name + "S"))
        elif what == "remove" and len(there) > 3:
            fate.choice(there).unlink()
        elif what == "add":
            (cur / f"{next(count)}.new:2,").write_bytes(b"a new one\r\n")
        else:
            with (mail / "queue-like").open("ab") as file:
                file.write(b"a record\n")

    copy = Copy(mail, disk / arriving.ARRIVING, disturb)
    copy.begin("identity")
    for _ in range(4):
        copy.make_pass()
    copy.noticed = lambda _pass: None
    copy.make_pass(is_last=True)
    assert tree(copy.copied_mail) == tree(mail)


def test_a_disk_that_forgets_what_was_written_is_found_out(
    mail: Path, tmp_path: Path, whole: None
) -> None:
    def forget(act: str, path: files.PathLike) -> None:
        if act == "after flush" and str(path).endswith(".part"):
            data = bytearray(Path(os.fsdecode(path)).read_bytes())
            if data:
                data[len(data) // 2] ^= 1
                Path(os.fsdecode(path)).write_bytes(data)

    files.fault = forget
    with pytest.raises(NewDiskTrouble, match="broken"):
        copied(mail, tmp_path / "disk")


@pytest.mark.parametrize(
    ("error", "words"), [(StorageFull("x"), "is full"), (StorageOffline("x"), "gone, or fails")]
)
def test_trouble_of_the_new_disk_is_said_of_the_new_disk(
    mail: Path, tmp_path: Path, whole: None, error: Exception, words: str
) -> None:
    def fail(act: str, path: files.PathLike) -> None:
        if act == "before write" and str(path).endswith(".part"):
            raise error

    before = tree(mail)
    files.fault = fail
    with pytest.raises(NewDiskTrouble, match=words):
        copied(mail, tmp_path / "disk")
    files.fault = lambda _act, _path: None
    assert tree(mail) == before
    assert tree(copied(mail, tmp_path / "disk").copied_mail) == before


def cut_everywhere(mail: Path, tmp_path: Path, *, most: int) -> None:
    acts = []
    files.fault = lambda act, _path: acts.append(act)
    copied(mail, tmp_path / "rehearsal")
    fate = random.Random(3)
    chosen = range(len(acts)) if most == 0 else sorted(fate.sample(range(len(acts)), most))
    before = tree(mail)
    for number in chosen:
        disk = tmp_path / f"disk{number}"
        left = itertools.count()

        def cut(_act: str, _path: files.PathLike, left=left, at=number) -> None:
            if next(left) == at:
                raise Cut

        files.fault = cut
        with pytest.raises(Cut):
            copied(mail, disk)
        files.fault = lambda _act, _path: None
        assert not (disk / "mail").exists()
        assert tree(copied(mail, disk).copied_mail) == before


def test_cut_before_or_after_an_act_it_goes_on_and_gets_whole(
    mail: Path, tmp_path: Path, whole: None
) -> None:
    cut_everywhere(mail, tmp_path, most=40)


@pytest.mark.slow
def test_cut_before_or_after_any_act_it_goes_on_and_gets_whole(
    mail: Path, tmp_path: Path, whole: None
) -> None:
    cut_everywhere(mail, tmp_path, most=0)


def test_a_disk_that_went_away_is_not_taken_for_one_without_mail(
    mail: Path, tmp_path: Path
) -> None:
    copy = copied(mail, tmp_path / "disk")
    away = mail.rename(tmp_path / "away")
    mail.mkdir()
    with pytest.raises(OldDiskTrouble, match="went away"):
        copy.make_pass(is_last=True)
    mail.rmdir()

    def pull(_pass: object) -> None:
        if not away.exists():
            mail.rename(away)
            mail.mkdir()

    away.rename(mail)
    copy.noticed = pull
    with pytest.raises(OldDiskTrouble, match="went away"):
        copy.make_pass(is_last=True)
    mail.rmdir()
    away.rename(mail)
    copy.noticed = lambda _pass: None
    assert copy.make_pass(is_last=True).copied == 0
    assert tree(copy.copied_mail) == tree(mail)


def test_mail_that_was_moved_away_is_not_the_mail_any_more(mail: Path, tmp_path: Path) -> None:
    identity = arriving.identity_of(mail)
    assert identity
    for _ in range(2):
        arriving.put_away(mail, tmp_path / "mail.moved-2026-11-24")
    assert not mail.exists()
    away = tmp_path / "mail.moved-2026-11-24"
    assert arriving.identity_of(away) == identity
    assert not (away / "pillarbox-store").exists()
