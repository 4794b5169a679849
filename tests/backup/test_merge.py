"""Mail comes back into mailboxes in use: what is missing, once, as it was."""

from __future__ import annotations

import shutil

import pytest

from appliance.backup import merge
from appliance.backup.merge import Restored, Wanted
from appliance.backup.pace import Pace
from appliance.backup.process import Watch
from appliance.errors import NotFound
from appliance.store.flags import DELETED
from appliance.threads import run_here
from tests.backup.office import ANNA, Office, contents


def bring_back(office: Office, drive, mailbox: str = "", message: str = "") -> Restored:
    engine = office.job.engine(drive)
    wanted = Wanted(engine.versions()[-1].identity, ANNA, mailbox, message)
    with merge.scratch_on(office.mail) as scratch:
        made = merge.plan(engine, office.mail, wanted)
        merge.fetch(engine, scratch, made, Pace(Watch()))
        home = office.store.home(ANNA)
        return run_here(merge.put_back(home, office.mail, scratch, made, Pace(Watch())))[0]


def expunge(office: Office, mailbox: str, uids: list[int]) -> None:
    box = run_here(office.store.home(ANNA).open(mailbox))[0]
    run_here(box.store_flags(uids, add=DELETED))
    run_here(box.expunge(uids))
    run_here(box.settle())
    box.close()


def rows(office: Office, mailbox: str) -> dict[str, tuple]:
    """Permanent name to flags, keywords, date, size."""
    box = run_here(office.store.home(ANNA).open(mailbox))[0]
    found = {}
    for uid in box.rows.uids:
        row = box.row_of(uid)
        keywords = [box.keywords[bit] for bit in range(26) if box.rows.keywords[row] >> bit & 1]
        name = run_here(box.permanent_name(uid))[0]
        found[name] = (box.rows.flags[row], keywords, box.rows.dates[row], box.rows.sizes[row])
    box.close()
    return found


@pytest.fixture
def office(saved_office: Office) -> Office:
    return saved_office


@pytest.fixture
def drive(office: Office):
    return office.known_drive()


def test_expunged_mail_comes_back_with_flags_keywords_and_dates(office: Office, drive) -> None:
    maildir = office.mail / "people" / ANNA
    before, marked = contents(maildir), rows(office, "INBOX")
    expunge(office, "INBOX", [2, 4, 6])
    assert len(contents(maildir)) == len(before) - 3
    assert bring_back(office, drive).sentence == "3 messages were restored; 7 were here already."
    assert contents(maildir) == before
    assert rows(office, "INBOX") == marked


def test_sessions_see_it_under_new_uids(office: Office, drive) -> None:
    expunge(office, "INBOX", [2])
    box = run_here(office.store.home(ANNA).open("INBOX"))[0]
    told: list[bool] = []
    box.open_view(lambda: told.append(True), read_only=True)
    bring_back(office, drive)
    assert told
    assert list(box.rows.uids) == [1, 3, 4, 5, 6, 7]


def test_doing_it_again_changes_nothing(office: Office, drive) -> None:
    expunge(office, "INBOX", [1])
    bring_back(office, drive)
    once = contents(office.mail / "people" / ANNA)
    assert bring_back(office, drive) == Restored(0, 10, 0)
    assert contents(office.mail / "people" / ANNA) == once


def test_one_message_by_uid_by_name_and_by_message_id(office: Office, drive) -> None:
    box = run_here(office.store.home(ANNA).open("INBOX"))[0]
    name = run_here(box.permanent_name(3))[0]
    box.close()
    for message in ("3", name, "<3@office.test>"):
        expunge(office, "INBOX", [max(box.rows.uids) if message != "3" else 3])
        assert bring_back(office, drive, "INBOX", message).restored == 1, message
    assert len(rows(office, "INBOX")) == 6


def test_a_removed_mailbox_is_made_again(office: Office, drive) -> None:
    before = contents(office.mail / "people" / ANNA)
    run_here(office.store.home(ANNA).delete("Projects/2026"))
    assert bring_back(office, drive, "Projects/2026").restored == 4
    assert contents(office.mail / "people" / ANNA) == before


def test_new_mail_stays_and_nothing_is_overwritten(office: Office, drive) -> None:
    expunge(office, "INBOX", [5])
    office.sent(ANNA, "INBOX", 2)
    bring_back(office, drive)
    assert len(rows(office, "INBOX")) == 8


def test_a_message_that_is_here_under_another_name_is_not_doubled(office: Office, drive) -> None:
    """Somebody uploaded it again from a mail program."""
    box = run_here(office.store.home(ANNA).open("INBOX"))[0]
    octets = run_here(box.read(2))[0]
    incoming = box.incoming()
    run_here(incoming.write(octets))
    run_here(box.append(incoming))
    box.close()
    expunge(office, "INBOX", [2])
    assert bring_back(office, drive).restored == 0
    assert len(rows(office, "INBOX")) == 6


def test_names_of_other_programs_come_back_once(office: Office) -> None:
    inbox = office.mail / "people" / ANNA / "cur"
    (inbox / "1600000000.M1P2.laptop:2,S").write_bytes(
        b"From: x\r\n\r\nleft by another program\r\n"
    )
    box = run_here(office.store.home(ANNA).open("INBOX"))[0]
    run_here(box.look())
    box.close()
    run_here(office.store.settle())
    drive = office.known_drive()
    assert office.back_up(drive).is_proven
    (path,) = inbox.glob("*laptop*")
    path.unlink()
    assert bring_back(office, drive).restored == 1
    assert bring_back(office, drive).restored == 0


def test_an_account_or_mailbox_that_is_not_in_the_version_is_told(office: Office, drive) -> None:
    with pytest.raises(NotFound, match="no mail in Nowhere"):
        bring_back(office, drive, "Nowhere")
    engine = office.job.engine(drive)
    wanted = Wanted(engine.versions()[-1].identity, "eve@office.test")
    with pytest.raises(NotFound, match=r"no eve@office\.test in this version"):
        merge.plan(engine, office.mail, wanted)


def test_a_killed_restore_is_done_again_without_doubles(office: Office, drive) -> None:
    before = contents(office.mail / "people" / ANNA)
    expunge(office, "INBOX", [1, 2, 3, 4])
    engine = office.job.engine(drive)
    wanted = Wanted(engine.versions()[-1].identity, ANNA)
    scratch = office.mail / merge.SCRATCH
    scratch.mkdir()
    made = merge.plan(engine, office.mail, wanted)
    merge.fetch(engine, scratch, made, Pace(Watch()))
    steps = merge.put_back(office.store.home(ANNA), office.mail, scratch, made, Pace(Watch()))
    work = next(steps)
    for _ in range(14):  # somewhere in the middle of delivering
        work = steps.send(work.run())
    steps.close()
    office.store.unlock()
    assert bring_back(office, drive).restored < 4
    assert contents(office.mail / "people" / ANNA) == before
    shutil.rmtree(scratch, ignore_errors=True)
