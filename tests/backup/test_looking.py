"""Looking into a version before anything is brought back."""

from __future__ import annotations

import pytest

from appliance.backup import looking
from appliance.backup.looking import Look, summary
from appliance.errors import NotFound
from appliance.store.flags import DELETED
from appliance.threads import run_here
from tests.backup.office import ANNA, Office


@pytest.fixture
def look(saved_office: Office) -> Look:
    office = saved_office
    box = run_here(office.store.home(ANNA).open("INBOX"))[0]
    run_here(box.store_flags([2, 3], add=DELETED))
    run_here(box.expunge([2, 3]))
    run_here(box.settle())
    box.close()
    engine = office.job.engine(office.known_drive())
    return Look(engine, engine.versions()[-1].identity, ANNA, office.mail)


def test_the_folders_say_what_is_missing_now(look: Look) -> None:
    said = {each.name: (each.messages, each.missing) for each in look.shelves()}
    assert (said["INBOX"], said["Projects/2026"]) == ((6, 2), (4, 0))


def test_mails_are_told_newest_first_whether_they_are_here_or_gone(look: Look) -> None:
    assert look.sight("INBOX", 0, 25).seen == ()
    look.read("INBOX", 100)
    sight = look.sight("INBOX", 0, 25)
    assert (sight.found, sight.read, sight.total) == (6, 6, 6)
    assert [each.subject for each in sight.seen] == [f"Minutes {n}" for n in (6, 5, 4, 3, 2, 1)]
    assert [each.is_here for each in sight.seen] == [True, True, True, False, False, True]
    assert {each.sender for each in sight.seen} == {"Ben"}
    assert [each.subject for each in look.sight("INBOX", 4, 25).seen] == ["Minutes 2", "Minutes 1"]


def test_who_searches_finds_by_sender_and_subject(look: Look) -> None:
    look.read("INBOX", 100)
    found = look.sight("INBOX", 0, 25, "minutes BEN 3")
    assert [each.subject for each in found.seen] == ["Minutes 3"]
    assert look.sight("INBOX", 0, 25, "elsewhere").found == 0


def test_of_a_large_message_only_the_head_is_fetched(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "_WHOLE_UP_TO", 100)
    look.read("INBOX", 100)
    gone = [each.subject for each in look.sight("INBOX", 0, 25).seen if not each.is_here]
    assert gone == ["Minutes 3", "Minutes 2"]


def test_nothing_is_left_on_the_mail_disk(look: Look, saved_office: Office) -> None:
    look.read("INBOX", 100)
    assert not (saved_office.mail / looking.SCRATCH).exists()


def test_nobody_is_looked_at_who_is_not_in_the_version(saved_office: Office) -> None:
    engine = saved_office.job.engine(saved_office.known_drive())
    with pytest.raises(NotFound):
        Look(engine, engine.versions()[-1].identity, "eve@office.test", saved_office.mail)


def test_heads_of_all_kinds_can_be_read_by_people() -> None:
    encoded = (
        b"From: =?utf-8?q?J=C3=BCrgen?= <j@x.test>\r\nSubject: =?utf-8?b?R3LDvMOfZQ==?=\r\n\r\n"
    )
    assert summary(encoded) == ("Jürgen", "Grüße")
    assert summary(b"From: plain@x.test\r\n\r\n") == ("plain@x.test", "")
    assert summary(b"\xff\xfe no header") == ("", "")
    assert "\x1b" not in summary(b"Subject: a\x1b[31mb\r\n\r\n")[1]
