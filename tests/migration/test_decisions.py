"""Which folder becomes which, how long to wait, and what a list says."""

from __future__ import annotations

import pytest

from appliance.errors import Refused
from appliance.fetch.remote import Trouble
from appliance.migration import lists, pace
from appliance.migration.folders import How, Theirs, mapped
from appliance.migration.pace import Meta, Throttle
from appliance.store import names

SPECIAL = {f"\\{name}": name for name in ("Sent", "Drafts", "Trash", "Junk", "Archive")}


def there(separator: str, *names_and_marks: str) -> list[Theirs]:
    """Folders, each as "name" or "name \\Mark"."""
    found = []
    for each in names_and_marks:
        name, _, mark = each.partition(" \\")
        marks = frozenset((f"\\{mark}".lower(),) if mark else ())
        found.append(Theirs(name.encode(), name, separator, marks))
    return found


def here(found: list[Theirs], known: dict[str, str] | None = None) -> dict[str, str]:
    return {each.theirs.name: each.ours for each in mapped(found, SPECIAL, known or {})}


def test_the_prefix_of_cyrus_and_courier_goes() -> None:
    assert here(there(".", "INBOX", "INBOX.Sent", "INBOX.Projects.2024")) == {
        "INBOX": "INBOX", "INBOX.Sent": "Sent", "INBOX.Projects.2024": "Projects/2024",
    }  # fmt: skip
    assert here(there("/", "INBOX", "INBOX/Sub", "Other"))["INBOX/Sub"] == "INBOX/Sub"


def test_what_the_server_says_of_a_folder_goes_before_what_it_is_called() -> None:
    found = here(
        there("/", "INBOX", "Sent", "Post-Ausgang \\Sent", "Papierkorb", "Gelöschte Objekte")
    )
    assert found["Post-Ausgang"] == "Sent"
    assert found["Sent"] == "Sent (2)"
    assert found["Gelöschte Objekte"] == "Trash"
    assert found["Papierkorb"] == "Papierkorb"


@pytest.mark.parametrize(
    ("theirs", "separator", "ours"),
    [
        ("Köln/2024", ".", "Köln-2024"),
        ("a//b", "/", "a/b"),
        ("a.b", "", "a.b"),
        ("inbox/x", "/", "INBOX/x"),
        ("Backups/2024-01-02", "/", "Old Backups/2024-01-02"),
        ("[Gmail]/Eigenes", "/", "Eigenes"),
        (" \x07 ", "/", "Folder"),
    ],
)
def test_a_name_that_our_store_does_not_take_is_changed(theirs, separator, ours) -> None:
    other = Theirs(b"other", "other", separator, frozenset())
    assert here([other, Theirs(b"x", theirs, separator, frozenset())])[theirs] == ours


@pytest.mark.parametrize("theirs", ["x" * 400, "/".join("ab" * 40), "/".join(["東京" * 30] * 9)])
def test_a_name_that_is_too_long_becomes_one_that_is_not(theirs: str) -> None:
    ours = here(there("/", "INBOX", theirs))[theirs]
    assert names.directory_name(names.canonical(ours))
    assert here(there("/", "INBOX", theirs, theirs[:-1] + "y"))[theirs[:-1] + "y"] != ours


def test_what_was_decided_before_stays() -> None:
    first = here(there("/", "INBOX", "Sent Items"))
    assert first["Sent Items"] == "Sent"
    later = there("/", "INBOX", "Sent", "Sent Items")
    assert here(later, first) == {"INBOX": "INBOX", "Sent Items": "Sent", "Sent": "Sent (2)"}


def test_folders_that_show_mail_of_others_come_last_or_not_at_all() -> None:
    found = there("/", "All \\All", "INBOX", "Stars \\Flagged", "Work", "Group \\Noselect")
    assert [(each.theirs.name, each.how) for each in mapped(found, SPECIAL, {})] == [
        ("INBOX", How.COPY), ("Work", How.COPY), ("All", How.REST), ("Stars", How.VIEW),
    ]  # fmt: skip


def test_pauses_grow_and_follow_what_the_server_asks_for() -> None:
    broken, login = Trouble("The connection broke."), Trouble("no", is_login=True)
    assert [pace.pause(broken, n) for n in (1, 2, 3, 99)] == [15, 30, 60, 1800]
    assert pace.pause(login, 1) == 3600
    assert pace.pause(Trouble("x answered: [THROTTLED] slow down"), 1) == 600
    assert pace.pause(Trouble("* BYE Account exceeded bandwidth limits."), 2) == 1200
    assert pace.pause(Trouble("Suggested Backoff Time: 90000 milliseconds"), 5) == 90


def test_small_messages_are_fetched_together_and_large_ones_alone() -> None:
    sizes = [10, 20, 2 << 20, 30, 1 << 19, 1 << 19]
    metas = [Meta(uid, size, 0.0) for uid, size in enumerate(sizes)]
    assert [[each.uid for each in some] for some in pace.portions(metas)] == [
        [0, 1],
        [2],
        [3, 4],
        [5],
    ]
    assert [len(some) for some in pace.portions([Meta(n, 1, 0.0) for n in range(120)])] == [
        50,
        50,
        20,
    ]


def test_all_moves_together_are_as_fast_as_the_setting_says() -> None:
    throttle = Throttle()
    assert throttle.take(1000, 500.0, now=10.0) == 2.0
    assert throttle.take(500, 500.0, now=11.0) == 2.0
    assert throttle.take(500, 500.0, now=60.0) == 1.0
    assert throttle.take(500, 0.0, now=60.0) == 0.0


def test_a_list_is_read_as_spreadsheets_write_it() -> None:
    text = "sep\nx"
    with pytest.raises(Refused, match="must name the columns"):
        lists.rows_of(text)
    (row,) = lists.rows_of('Adresse;Server;Passwort;Port\r\na@b.test;imap.x.test;"p;w ";143\r\n')
    assert (row.account, row.host, row.user, row.password, row.port) == (
        "a@b.test", "imap.x.test", "a@b.test", "p;w ", 143,
    )  # fmt: skip
    assert "p;w" not in repr(row)
    with pytest.raises(Refused, match="nobody"):
        lists.rows_of("address,server,password\n")
