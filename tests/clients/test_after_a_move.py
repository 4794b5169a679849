"""A mail program that keeps its own copy notices nothing when the mail moves to another disk."""

from __future__ import annotations

from pathlib import Path

from tests.clients.test_syncing import append, mbsync, on_desk, server
from tests.daemon.test_moving import begin, moved
from tests.support.box import Box, Person
from tests.support.mail import letter


def files(home: Path) -> dict[int, Path]:
    """The messages on the desk, each file that was ever written as one of its own."""
    return {path.stat().st_ino: path for path in (home / "mail").glob("*/[cn]*/*")}


def fetched(box: Box, home: Path, who: Person) -> int:
    """How many messages a run of mbsync brought from the server."""
    before = files(home)
    mbsync(box, home, "tls", who)
    return len(files(home).keys() - before.keys())


def test_mbsync_fetches_nothing_again_after_a_move_and_what_is_new(
    own_box: Box, home: Path, tmp_path: Path
) -> None:
    box, ben = own_box, own_box.account("ben")
    letters = [letter(str(number), "anna@office.test", ben.address) for number in range(20)]
    append(box, ben, *letters)
    append(box, ben, letter("sent", ben.address, "anna@office.test"), folder="Sent")
    assert fetched(box, home, ben) == 21
    desk = {path: path.stat().st_ctime_ns for path in (home / "mail").rglob("cur/*")}
    begin(box, tmp_path / "new")
    moved(box, tmp_path / "new")
    assert fetched(box, home, ben) == 0
    assert {path: path.stat().st_ctime_ns for path in (home / "mail").rglob("cur/*")} == desk
    append(box, ben, letter("after", "anna@office.test", ben.address))
    with server(box, ben) as client:
        client.select("INBOX")
        client.store("3", "+FLAGS", r"(\Flagged)")
    assert fetched(box, home, ben) == 1
    assert len(on_desk(home)) == 21
    assert sorted(on_desk(home).values()).count("F") == 1
