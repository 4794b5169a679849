"""What the running appliance does for the command line and the page, one thing at a time."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from pathlib import Path

import pytest

from appliance.backup import view
from appliance.copies.backuping import BackupRequests, Means
from appliance.errors import NotFound, Refused, StorageOffline
from appliance.store.flags import DELETED
from appliance.threads import Threads, run_here
from tests.backup.office import ANNA, BEN, Office, contents


async def nobody(_subject: str, _text: str) -> None:
    raise AssertionError("nobody is told")


def requests(office: Office, threads: Threads, freeze=None) -> BackupRequests:
    return BackupRequests(
        Means(
            office.job,
            office.clock,
            office.store,
            threads,
            freeze or view.freeze_stopped(office.mail),
            lambda address: address in {ANNA, BEN},
            lambda: "never",
            lambda: False,
            nobody,
        )
    )


async def begin(asked: BackupRequests, to: str = "") -> None:
    """A run, as somebody asks for it."""
    asked.begin_run(await asked.find(to))


async def done(asked: BackupRequests) -> dict:
    async with asyncio.timeout(60):
        while (told := await asked.progress())["is_busy"]:
            await asyncio.sleep(0.05)
    return told


def carry(office: Office, story, freeze=None):
    """Run a story with the requests of an appliance."""

    async def run():
        threads = Threads(2)
        try:
            return await story(requests(office, threads, freeze))
        finally:
            threads.close()

    return asyncio.run(run())


def test_a_run_and_a_restore_while_sessions_look_on(office: Office) -> None:
    drive = office.drive()
    before = contents(office.mail / "people" / ANNA)
    told_session: list[bool] = []

    async def story(asked: BackupRequests) -> None:
        await begin(asked)
        with pytest.raises(Refused, match="under way"):
            await begin(asked)
        assert (await done(asked))["outcome"] == "proven"
        box = run_here(office.store.home(ANNA).open("INBOX"))[0]
        run_here(box.store_flags([1, 2], add=DELETED))
        run_here(box.expunge([1, 2]))
        box.open_view(lambda: told_session.append(True), read_only=True)
        await asked.restore({"account": ANNA})
        told = await done(asked)
        assert told["sentence"] == "2 messages were restored; 8 were here already."
        assert (told["step"], told["fraction"]) == ("putting back", 1.0)
        assert {"seconds_left", "left"} <= told.keys()
        await asked.restore({})
        assert (await done(asked))["sentence"].startswith("0 messages were restored; 13 were")
        await asked.verify(drive.label)
        assert (await done(asked))["outcome"] == "proven"
        await asked.seal()

    carry(office, story)
    assert told_session
    assert contents(office.mail / "people" / ANNA) == before
    assert (office.mail / "box" / "config").exists()


def test_the_state_is_not_copied_to_what_is_not_the_mail_disk(office: Office) -> None:
    """Nor is anything made where the mail disk belongs while it is away."""
    away = office.mail.with_name("away")

    async def story(asked: BackupRequests) -> None:
        office.mail.rename(away)
        with pytest.raises(StorageOffline, match="missing"):
            await asked.seal()
        assert not office.mail.exists()
        office.mail.mkdir()
        (office.mail / "pillarbox-store").write_bytes(b"f" * 32 + b"\n")
        with pytest.raises(StorageOffline):
            await asked.seal()
        assert [each.name for each in office.mail.iterdir()] == ["pillarbox-store"]
        shutil.rmtree(office.mail)
        away.rename(office.mail)

    carry(office, story)


def test_what_cannot_be_is_told_at_once_or_at_the_end(office: Office) -> None:
    office.drive()

    async def story(asked: BackupRequests) -> None:
        with pytest.raises(NotFound, match="There is no account eve"):
            await asked.restore({"account": "eve@office.test"})
        with pytest.raises(Refused, match="12 words; 10 are missing"):
            await asked.restore({"account": ANNA}, words="legal winner")
        with pytest.raises(NotFound, match="add it first"):
            await begin(asked, "/nonexistent")
        await asked.restore({"account": ANNA})
        told = await done(asked)
        assert (told["outcome"], told["sentence"]) == ("failed", "There is no backup on drive A.")

    carry(office, story)


def test_stopping_the_appliance_ends_a_run(office: Office) -> None:
    office.drive()
    begun = threading.Event()

    def slow(viewed: Path) -> None:
        view.freeze_stopped(office.mail)(viewed)
        begun.set()

    async def story(asked: BackupRequests) -> dict:
        await begin(asked)
        await asyncio.to_thread(begun.wait, 30)
        await asked.stop()
        return await done(asked)

    told = carry(office, story, slow)
    assert told["outcome"] == "cancelled"
    assert not office.box.view.exists()


def test_some_messages_come_back_and_no_others(office: Office) -> None:
    drive = office.drive()

    async def story(asked: BackupRequests) -> None:
        await begin(asked)
        await done(asked)
        box = run_here(office.store.home(ANNA).open("INBOX"))[0]
        name = run_here(box.permanent_name(2))[0]
        run_here(box.store_flags([1, 2, 3], add=DELETED))
        run_here(box.expunge([1, 2, 3]))
        await asked.restore({"account": ANNA, "mailbox": "INBOX", "several": [os.fsdecode(name)]})
        told = await done(asked)
        assert told["sentence"] == "1 message was restored; 0 were here already."
        assert told["account"] == ANNA
        await asked.restore({"account": ANNA, "mailbox": "INBOX", "several": ["nobody's"]})
        assert (await done(asked))["outcome"] == "failed"

    carry(office, story)
    assert drive.label == "A"


def test_a_restore_goes_on_after_the_box_was_stopped(office: Office) -> None:
    drive = office.drive()
    before = contents(office.mail / "people" / ANNA)

    async def stopped(asked: BackupRequests) -> None:
        await begin(asked)
        await done(asked)
        box = run_here(office.store.home(ANNA).open("INBOX"))[0]
        run_here(box.store_flags([1, 2], add=DELETED))
        run_here(box.expunge([1, 2]))
        await asked.restore({"account": ANNA}, source=drive.identity)
        await asked.stop()
        await done(asked)

    async def begun_anew(asked: BackupRequests) -> None:
        await asked.resume()
        told = await done(asked)
        assert (told["outcome"], told["account"]) == ("restored", ANNA)
        await asked.resume()
        assert not (await asked.progress())["is_busy"]

    carry(office, stopped)
    carry(office, begun_anew)
    assert contents(office.mail / "people" / ANNA) == before
