"""Many at once, on a real event loop with real threads."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from appliance import files
from appliance.clock import SystemClock
from appliance.errors import AlreadyExists, NotFound
from appliance.store.flags import DELETED, FLAGGED, SEEN
from appliance.store.mailbox import Mailbox
from appliance.store.store import Store
from appliance.threads import Threads, flushed

from .conftest import ADDRESS, MESSAGE


class House:
    """A store on a running loop."""

    def __init__(self, mail: Path) -> None:
        self.store = Store(mail, SystemClock())
        self.store.start()
        self.threads = Threads(6)
        self.mail = mail
        self.home = self.store.home(ADDRESS)

    async def do(self, steps) -> Any:
        return await self.threads.carry_out(steps)

    async def append(self, box: Mailbox, message: bytes = MESSAGE) -> int:
        incoming = box.incoming()
        await self.do(incoming.write(message))
        return await self.do(box.append(incoming))

    async def deliver(self, box: Mailbox, number: int) -> int:
        source = self.mail / f"spool-{number}"
        source.write_bytes(MESSAGE)
        uid = await self.do(box.deliver(source, f"Q{number}R1", size=len(MESSAGE), date=1.0))
        await self.do(flushed(box.directory_flush))
        return uid


def together(tmp_path: Path, story) -> None:
    async def run() -> None:
        house = House(tmp_path / "mail")
        try:
            await story(house)
        finally:
            house.threads.close()
            house.store.unlock()

    asyncio.run(run())


async def gathered(*work: Coroutine[Any, Any, Any]) -> list[Any]:
    return list(await asyncio.gather(*work))


def test_uids_become_visible_in_ascending_order_whoever_stores(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        box = await house.do(house.home.open("INBOX"))
        told: list[int] = []

        def hear() -> None:
            news = view.sync()
            if news.count is not None:
                told.extend(view.uids()[len(told) : news.count])

        view = box.open_view(hear, read_only=False)
        work = [house.append(box) for _ in range(40)]
        work += [house.deliver(box, number) for number in range(40)]
        given = await gathered(*work)
        hear()
        assert told == sorted(given) == box.rows.uids.tolist() == list(range(1, 81))
        assert sorted(set(box.rows.modseqs)) == sorted(box.rows.modseqs)

    together(tmp_path, story)


def test_ten_sessions_opening_at_once_share_one_mailbox(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boxes = await gathered(*(house.do(house.home.open("INBOX")) for _ in range(10)))
        assert len({id(box) for box in boxes}) == 1
        assert boxes[0].users == 10
        lists = await gathered(*(house.do(house.home.list()) for _ in range(5)))
        assert all(one == lists[0] for one in lists)

    together(tmp_path, story)


def test_appends_at_the_same_time_share_flushes_of_the_directory(
    tmp_path: Path, monkeypatch
) -> None:
    async def story(house: House) -> None:
        box = await house.do(house.home.open("INBOX"))
        await house.append(box)
        acts: list[str] = []
        monkeypatch.setattr(files, "fault", lambda act, _path: acts.append(act))
        await gathered(*(house.append(box) for _ in range(30)))
        assert acts.count("before flush") == 30
        assert 1 <= acts.count("before flush directory") < 30

    together(tmp_path, story)


def test_no_flag_is_lost_when_two_sessions_flag_the_same_messages(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        box = await house.do(house.home.open("INBOX"))
        uids = await gathered(*(house.append(box) for _ in range(20)))
        await gathered(
            *(house.do(box.store_flags([uid], add=SEEN)) for uid in uids),
            *(house.do(box.store_flags([uid], add=FLAGGED)) for uid in uids),
            *(house.do(box.store_flags([uid], keywords_add=[b"k%d" % (uid % 5)])) for uid in uids),
            house.do(box.settle()),
        )
        await house.do(box.settle())
        assert set(box.rows.flags) == {SEEN | FLAGGED}
        assert sorted(box.keywords) == [b"k0", b"k1", b"k2", b"k3", b"k4"]
        names = os.listdir(tmp_path / "mail" / "people" / ADDRESS / "cur")
        assert all(":2,FS" in name and name[-1] in "abcde" for name in names)

    together(tmp_path, story)


async def something(house: House, box: Mailbox, sent: Mailbox, view, luck: random.Random) -> None:
    """One command of a session."""
    uids = [view.uid(number) for number in range(1, view.count + 1)]
    chosen = luck.sample(uids, min(len(uids), 3))
    acts = [
        lambda: house.append(box),
        lambda: house.do(box.store_flags(chosen, add=luck.choice([SEEN, DELETED]), origin=view)),
        lambda: house.do(box.expunge(chosen, origin=view)),
        lambda: house.do(box.copy(chosen, sent)),
        lambda: house.do(box.move(chosen[:1], sent)),
        lambda: house.do(box.search_headers(b"from", "ben")),
        lambda: house.do(box.wire(0, len(box.rows))),
        lambda: house.do(box.read_many(chosen)),
    ]
    await luck.choice(acts)()


async def session(house: House, seed: int) -> None:
    luck = random.Random(seed)
    box = await house.do(house.home.open("INBOX"))
    sent = await house.do(house.home.open("Sent"))
    view = box.open_view(lambda: None, read_only=False)
    for _ in range(25):
        view.sync(expunge=luck.random() < 0.5)
        with contextlib.suppress(NotFound):
            await something(house, box, sent, view, luck)
    view.close()
    box.close()
    sent.close()


async def ticking(house: House) -> None:
    while True:
        await house.do(house.store.tick())
        await asyncio.sleep(0)


async def agrees_with_its_files(house: House, name: str, folder: Path) -> None:
    box = await house.do(house.home.open(name))
    await house.do(box.settle())
    before = box.rows.uids.tolist(), bytes(box.rows.flags)
    assert len(os.listdir(folder / "new") + os.listdir(folder / "cur")) == len(box.rows)
    await house.do(box.look())
    assert (box.rows.uids.tolist(), bytes(box.rows.flags)) == before
    for uid in box.rows.uids:
        assert await house.do(box.read(uid)) == MESSAGE


def test_sessions_fetch_flag_copy_move_and_expunge_without_harm(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        chores = asyncio.create_task(ticking(house))
        await gathered(*(session(house, seed) for seed in range(6)))
        chores.cancel()
        (ended,) = await asyncio.gather(chores, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError)
        home = tmp_path / "mail" / "people" / ADDRESS
        await agrees_with_its_files(house, "INBOX", home)
        await agrees_with_its_files(house, "Sent", home / ".Sent")

    together(tmp_path, story)


@pytest.mark.parametrize("delay", range(6))
def test_a_session_cut_off_in_the_middle_leaves_nothing_half_known(
    tmp_path: Path, delay: int
) -> None:
    async def story(house: House) -> None:
        box = await house.do(house.home.open("INBOX"))
        for _ in range(3):
            await house.append(box)
        task = asyncio.create_task(house.append(box))
        other = asyncio.create_task(house.do(box.store_flags([1], add=DELETED)))
        for _ in range(delay):
            await asyncio.sleep(0.0005)
        task.cancel()
        other.cancel()
        await asyncio.gather(task, other, return_exceptions=True)
        await asyncio.sleep(0.02)
        await house.do(house.store.tick())
        names = os.listdir(tmp_path / "mail" / "people" / ADDRESS / "cur")
        assert len(names) == len(box.rows)
        assert await house.append(box) == box.rows.uids[-1]
        assert len(set(box.rows.uids)) == len(box.rows)

    together(tmp_path, story)


def test_everything_is_settled_and_quickly_gone_at_the_end(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        box = await house.do(house.home.open("INBOX"))
        await gathered(*(house.append(box) for _ in range(10)))
        await house.do(box.store_flags(box.rows.uids.tolist(), add=SEEN))
        await house.do(house.store.settle())
        assert not box.has_unkept()
        house.store.stop()
        again = Store(house.mail, SystemClock())
        again.start()
        box = await house.do(again.home(ADDRESS).open("INBOX"))
        assert (len(box.rows), box.uidnext) == (10, 11)
        again.unlock()

    together(tmp_path, story)


@pytest.mark.parametrize("clash", ["one name each", "the same name", "the parent and the child"])
def test_of_two_renames_at_once_one_comes_late_and_nobody_is_cut_off(
    tmp_path: Path, clash: str
) -> None:
    async def story(house: House) -> None:
        for name in ("Old", "Old/Sub", "Other"):
            await house.do(house.home.create(name))
        boxes = [await house.do(house.home.open(name)) for name in ("Old", "Old/Sub", "Other")]
        views = [box.open_view(lambda: None, read_only=False) for box in boxes]
        await house.append(boxes[0])
        first, second = {
            "one name each": (("Old", "New"), ("Old", "Newer")),
            "the same name": (("Old", "New"), ("Other", "New")),
            "the parent and the child": (("Old", "New"), ("Old/Sub", "Newer")),
        }[clash]
        renames = (house.do(house.home.rename(*first)), house.do(house.home.rename(*second)))
        ends = await asyncio.gather(*renames, return_exceptions=True)
        late = [end for end in ends if end is not None]
        assert all(isinstance(end, NotFound | AlreadyExists) for end in late), late
        # one that is late may still find a child that has not followed yet, and takes it
        assert len(late) == 1 if clash == "the same name" else len(late) <= 1
        assert not any(view.gone for view in views)
        for box in boxes:
            await house.append(box)
            await house.do(box.settle())
            assert await house.do(house.home.open(box.name)) is box
            path = tmp_path / "mail" / "people" / ADDRESS / f".{box.name.replace('/', '.')}"
            assert len(os.listdir(path / "cur") + os.listdir(path / "new")) == len(box.rows)

    together(tmp_path, story)
