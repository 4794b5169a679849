"""Frozen views: whole, whatever goes on meanwhile, and at no cost of room."""

import errno
import os
import random
import threading
from pathlib import Path

import pytest

from appliance import files
from appliance.errors import StorageFull
from appliance.store.flags import DELETED, SEEN
from appliance.store.freezing import Freezing
from appliance.store.mailbox import Mailbox
from appliance.store.store import Store
from appliance.threads import run_here

from .conftest import ADDRESS, MESSAGE, Bench


def freeze(bench: Bench, name: str = "view") -> Path:
    view = bench.mail / "views" / name
    run_here(bench.store.freeze(view))
    return view / ADDRESS


def remove(box: Mailbox, uids: list[int]) -> None:
    run_here(box.store_flags(uids, add=DELETED))
    run_here(box.expunge(uids))


def messages(view: Path) -> dict[str, bytes]:
    """Permanent names in a view, with the text; a message in two mailboxes counts once."""
    found = {}
    for path in view.rglob("*"):
        if path.is_file() and path.parent.name in ("new", "cur"):
            found[path.name.partition(",")[0]] = path.read_bytes()
    return found


def test_a_view_is_a_maildir_of_hard_links_that_later_changes_do_not_touch(bench: Bench) -> None:
    box = bench.open()
    first, second = bench.append(box, flags=SEEN), bench.deliver(box)
    run_here(bench.home.create("Old/2020"))
    view = freeze(bench)
    one, two = bench.path(first), bench.path(second)
    assert os.path.samefile(one, view / "cur" / one.name)
    assert os.path.samefile(two, view / "new" / two.name)
    assert (view / ".Old.2020" / "pillarbox-mailbox").read_bytes() == (
        bench.folder(".Old.2020") / "pillarbox-mailbox"
    ).read_bytes()
    remove(box, [first, second])
    assert bench.files() == []
    assert set(messages(view).values()) == {MESSAGE}
    assert not (view / ".leaving").exists()


def test_flags_that_were_answered_are_in_the_names_of_a_view(bench: Bench) -> None:
    box = bench.open()
    uid = bench.append(box)
    run_here(box.store_flags([uid], add=SEEN))
    view = freeze(bench)
    assert [path.name[-3:] for path in (view / "cur").iterdir()] == ["2,S"]


def test_a_view_can_be_served_as_it_is(bench: Bench, tmp_path: Path) -> None:
    box = bench.open()
    uids = [bench.append(box, MESSAGE + b"%d\r\n" % n) for n in range(5)]
    remove(box, uids[:2])
    view = freeze(bench)
    other = tmp_path / "other" / "people"
    other.mkdir(parents=True)
    view.rename(other / ADDRESS)
    store = Store(other.parent, bench.clock, boot="elsewhere")
    store.start()
    restored = run_here(store.home(ADDRESS).open("INBOX"))[0]
    assert restored.rows.uids.tolist() == uids[2:]
    assert restored.uidvalidity == box.uidvalidity
    assert restored.uidnext > box.rows.uids[-1]
    store.unlock()


def test_what_leaves_before_it_is_listed_is_in_the_view(bench: Bench) -> None:
    """A message hops from a mailbox not yet listed into one listed already."""
    inbox, sent = bench.open(), bench.open("Sent")
    uid = bench.append(sent)
    freezing = Freezing(bench.home._files, bench.mail / "view")
    freezing.begin()
    listed: list[str] = []
    link_folder = freezing._link_folder

    def link_and_hop(folder: bytes) -> None:
        link_folder(folder)
        listed.append(os.fsdecode(folder))
        if folder == b"":  # INBOX is done, Sent is not
            run_here(sent.move([uid], inbox))

    freezing._link_folder = link_and_hop
    assert freezing.link_all() == 1
    freezing.end()
    assert listed[0] == ""
    assert set(messages(bench.mail / "view").values()) == {MESSAGE}


def test_a_mailbox_is_renamed_between_the_beginning_and_the_listing(bench: Bench) -> None:
    """Who waited for it in the account's lane would hold up the view, and the view held it up."""
    sent = bench.open("Sent")
    kept, gone = bench.append(sent, MESSAGE + b"kept\r\n"), bench.append(sent)
    freezing = Freezing(bench.home._files, bench.mail / "view")
    freezing.begin()
    remove(sent, [gone])
    renaming = threading.Thread(target=lambda: run_here(bench.home.rename("Sent", "Posted")))
    renaming.daemon = True
    renaming.start()
    renaming.join(10)
    assert not renaming.is_alive()
    assert freezing.link_all() == 1
    freezing.end()
    assert not (bench.mail / "view" / ".Sent").exists()
    (path,) = (bench.mail / "view" / ".Posted" / "cur").iterdir()
    assert f",U={kept}" in path.name


def test_a_message_that_a_listing_tells_under_both_its_names_is_once_in_the_view(
    bench: Bench,
) -> None:
    """It got a flag, and so another name, while the directory was read."""
    box = bench.open()
    uid = bench.append(box)
    freezing = Freezing(bench.home._files, bench.mail / "view")
    freezing.begin()
    (bench.mail / "view" / "cur").mkdir()
    freezing._link_messages(
        os.fsencode(bench.folder() / "cur"), os.fsencode(bench.mail / "view" / "cur")
    )
    run_here(box.store_flags([uid], add=SEEN))
    run_here(box.settle())
    assert freezing.link_all() == 1
    freezing.end()
    (path,) = (bench.mail / "view" / "cur").iterdir()
    assert path.name.endswith(":2,S")


def test_a_full_disk_spoils_the_view_and_nothing_else(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = bench.open()
    uid = bench.append(box)

    def full(act: str, _path: object) -> None:
        if act == "before link":
            raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(files, "fault", full)
    with pytest.raises(StorageFull):
        run_here(bench.store.freeze(bench.mail / "view"))
    remove(box, [uid])
    assert bench.files() == []
    run_here(bench.home.create("Later"))


def test_nothing_is_missing_while_messages_hop_and_change_without_pause(bench: Bench) -> None:
    home, dice = bench.home._files, random.Random(3)
    boxes = [bench.open(), bench.open("Sent"), bench.open("Archive")]
    for box in boxes:
        for number in range(60):
            bench.append(box, MESSAGE + b"%d\r\n" % number)
    before = messages(bench.folder())
    for round_ in range(12):
        freezing = Freezing(home, bench.mail / f"view{round_}")
        freezing.begin()
        worker = threading.Thread(target=freezing.link_all)
        worker.start()
        while worker.is_alive():
            origin, target = dice.sample(boxes, 2)
            uids = origin.rows.uids.tolist()
            run_here(origin.store_flags(dice.sample(uids, min(9, len(uids))), add=SEEN))
            run_here(origin.settle())
            run_here(origin.move(dice.sample(uids, min(9, len(uids))), target))
        worker.join()
        freezing.end()
        view = messages(bench.mail / f"view{round_}")
        assert view == before
