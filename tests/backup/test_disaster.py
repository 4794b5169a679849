"""The disaster drill: everything burnt, a new box, the drive, the button, the words.

Mail programs that come back with what they knew find nothing to download again.

    ./build.sh test tests/backup/test_disaster.py -m slow -s      # with 20,000 messages
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.backup.office import message
from tests.clients.test_syncing import mbsync
from tests.support import programs
from tests.support.box import PILLARBOX, ROOT, Box, Person, wait_until
from tests.support.mail import letter, submit
from tests.support.sessions import imap, pop3

IN_CI, LONG = 300, 20_000
FOLDERS = ("INBOX", "Sent", "Projects/2026", "Angebote", "Archive")
_PASSING = ("control.sock", "backup.lock", "had-mail-disk", "lock", "log")
_COUNTERS = (".uidvalidity", "pillarbox-mailbox")


def lamp(box: Box, name: str = "backup") -> str:
    meaning: str = json.loads(box.cli("sim", "leds", "--json"))[name]["meaning"]
    return meaning


def fill(box: Box, person: Person, count: int, first: int) -> None:
    """By IMAP, as mail programs upload: flags, keywords, and some of it expunged again."""
    with imap(box, person) as client:
        for name in FOLDERS[2:4]:
            assert client.create(name)[0] == "OK"
            assert client.subscribe(name)[0] == "OK"
        client.unsubscribe("Junk")
        for number in range(count):
            folder = FOLDERS[number % len(FOLDERS)]
            flags = ("", "(\\Seen)", "(\\Seen \\Flagged $Work)")[number % 3]
            assert client.append(folder, flags, "", message(first + number, 900))[0] == "OK"
        client.select("INBOX")
        client.store("2,5", "+FLAGS", "(\\Deleted)")
        client.expunge()


def what_imap_tells(box: Box, person: Person) -> dict[str, Any]:
    """Of each mailbox UIDVALIDITY, HIGHESTMODSEQ, UIDs with their flags; and what is subscribed."""
    found: dict[str, Any] = {}
    with imap(box, person) as client:
        found["subscribed"] = sorted(client.lsub()[1])
        found["listed"] = sorted(client.list()[1])
        for folder in FOLDERS:
            assert client.select(f'"{folder}"', readonly=True)[0] == "OK"
            validity = client.response("UIDVALIDITY")[1][0]
            rows = client.uid("FETCH", "1:*", "(FLAGS RFC822.SIZE INTERNALDATE)")[1]
            told = sorted(re.sub(rb"^\d+ ", b"", row) for row in rows if isinstance(row, bytes))
            found[folder] = (validity, told)
    return found


def modseq_of(box: Box, person: Person, folder: str) -> tuple[int, int]:
    """UIDVALIDITY and HIGHESTMODSEQ, as a program with QRESYNC keeps them."""
    with imap(box, person) as client:
        client.enable("QRESYNC")
        assert client.select(f'"{folder}"')[0] == "OK"
        told = client.response("UIDVALIDITY")[1][0], client.response("HIGHESTMODSEQ")[1][0]
    return int(told[0]), int(told[1])


def resynchronised(box: Box, person: Person, folder: str, known: tuple[int, int]) -> list[bytes]:
    """The untagged lines of SELECT with QRESYNC (RFC 7162 §3.2.5)."""
    with imap(box, person) as client:
        client.enable("QRESYNC")
        client.send(b'q1 SELECT "%b" (QRESYNC (%d %d))\r\n' % (folder.encode(), *known))
        lines: list[bytes] = []
        while not (line := client.readline()).startswith(b"q1 "):
            lines.append(line)
        assert line.startswith(b"q1 OK"), line
    return lines


def uidls(box: Box, person: Person) -> list[bytes]:
    with pop3(box, person) as client:
        return client.uidl()[1]


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder with a digest of what is in it."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def but_counters(files: dict[str, str]) -> dict[str, str]:
    """Without the small files that tell which numbers were given out."""
    return {name: each for name, each in files.items() if Path(name).name not in _COUNTERS}


def counters(people: Path) -> dict[str, tuple[str, int]]:
    """UIDVALIDITY and the highest UID that may have been given out, by mailbox."""
    found = {}
    for path in sorted(people.rglob(".uidvalidity")):
        validity, ceiling = path.read_text().split()
        found[str(path.parent.relative_to(people))] = validity, int(ceiling)
    return found


def check_counters(before: dict[str, tuple[str, int]], after: dict[str, tuple[str, int]]) -> None:
    """Counting goes on far above: what was given out after the backup is not given out again."""
    assert {name: validity for name, (validity, _) in after.items()} == {
        name: validity for name, (validity, _) in before.items()
    }
    assert all(after[name][1] >= before[name][1] + 1_000_000 for name in before)


def messages_of(files: dict[str, str]) -> dict[str, str]:
    """Without the small files, in which a box in use reserves numbers."""
    return {name: digest for name, digest in files.items() if re.search("/(cur|new)/", name)}


def of_the_state(box: Box) -> dict[str, str]:
    """Certificates, keys and settings: every file in STATE but mail and databases."""
    return {
        name: digest
        for name, digest in tree(box.state).items()
        if not name.startswith(("mail/", "backup-cache/")) and ".db" not in name
        if name not in _PASSING and not name.endswith((".log", ".lock"))
    }


def of_the_database(box: Box) -> dict[str, list[tuple[Any, ...]]]:
    """Accounts, passwords, app passwords, aliases, keys for signing, sources to collect from."""
    passing = ("backup", "trace", "sqlite", "login", "throttle", "health")  # goes on by itself
    with closing(sqlite3.connect(f"file:{box.state / 'appliance.db'}?mode=ro", uri=True)) as base:
        names = [
            row[0] for row in base.execute("select name from sqlite_master where type='table'")
        ]
        return {
            name: sorted(base.execute(f"select * from {name}"), key=repr)
            for name in names
            if not name.startswith(passing)
        }


def words_of(box: Box) -> str:
    sheet = box.cli("backup", "key", "show")
    numbered = dict(re.findall(r"\b(\d{1,2})[. ]+([a-z]{3,8})\b", sheet))
    return " ".join(numbered[str(number)] for number in range(1, 13))


def back_up_by_button(box: Box, stick: Path, seconds: float) -> None:
    box.cli("sim", "plug", str(stick))
    wait_until(lambda: "A new drive" in lamp(box), "the drive is seen", seconds=30)
    box.cli("sim", "press")
    wait_until(lambda: "is proven" in lamp(box), "the backup is proven", seconds=seconds)


def destroy_and_restore(box: Box, stick: Path, words: str, seconds: float) -> None:
    """STATE and the mail disk are gone; the button is held while the new box starts."""
    box.terminate()
    shutil.rmtree(box.state)
    box.state.mkdir(mode=0o700)
    box.launch("--hold-button", port_base=box.port_base)
    waiting = "waiting for a backup drive"
    wait_until(lambda: waiting in box.log_of_this_run(), "recovery waits", seconds=20)
    box.cli("sim", "plug", str(stick))
    done = subprocess.run(
        [*PILLARBOX, "--state", str(box.state), "backup", "restore", "--all", "--key-stdin"],
        input=words, capture_output=True, text=True, timeout=seconds, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + box.log_of_this_run()
    assert "is back as it was: 3 mailboxes" in done.stdout
    assert "1 message for other servers may have been sent since" in done.stdout
    wait_until(lambda: "pillarbox: ready" in box.log_of_this_run(), "it starts", seconds=60)


def drill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, seconds: float) -> None:
    monkeypatch.setattr(programs, "_SECONDS", seconds)  # mbsync downloads everything once
    stick, home = tmp_path / "STICK", tmp_path / "home"
    stick.mkdir()
    home.mkdir(mode=0o700)
    with Box(tmp_path / "box", settings='[backup]\nmail = "never"\nhour = 14\n') as box:
        people = [box.account("anna"), box.account("ben"), box.person("eve")]
        anna = people[0]
        set_up(box, anna)
        for number, person in enumerate(people):
            fill(box, person, count // 3, number * count)
        submit(box, anna, ["customer@example.org"], letter("out", anna.address, "customer"))
        mbsync(box, home, "tls", anna)
        mbsync(box, home, "tls", anna)
        saved = tree(home / "mail")
        assert len([name for name in saved if "/cur/" in name or "/new/" in name]) > count // 4
        known = {(p.address, f): modseq_of(box, p, f) for p in people for f in FOLDERS}
        told = {p.address: what_imap_tells(box, p) for p in people}
        maildrops = {p.address: uidls(box, p) for p in people}
        words = words_of(box)
        wait_until(lambda: of_the_database(box)["sent"], "what was sent is counted", seconds=60)
        back_up_by_button(box, stick, seconds)
        state, database = of_the_state(box), of_the_database(box)
        box.cli("sim", "unplug")
        people_folder = box.mail / "people"
        before, given = tree(people_folder), counters(people_folder)

        destroy_and_restore(box, stick, words, seconds)

        assert but_counters(tree(people_folder)) == but_counters(before)
        check_counters(given, counters(people_folder))
        assert of_the_state(box) == state
        assert of_the_database(box) == database
        assert {p.address: what_imap_tells(box, p) for p in people} == told
        assert {p.address: uidls(box, p) for p in people} == maildrops
        for person in people:
            for folder in FOLDERS:
                check_resynchronising(box, person, folder, known[person.address, folder])
        mbsync(box, home, "tls", anna)
        assert tree(home / "mail") == saved
        assert messages_of(tree(people_folder)) == messages_of(before)
        check_the_queue(box)
        check_it_tells_of_no_crash(box)
        print(f"{sum(map(len, maildrops.values())):,} in maildrops, {len(before):,} files compared")


def set_up(box: Box, anna: Person) -> None:
    """What makes a box somebody's own."""
    box.cli("alias", "add", "info@office.test", anna.address, "ben@office.test")
    box.cli("account", "app-password", "add", anna.address, "phone", "--for", "imap,smtp")
    provider = ("provider", "127.0.0.1", "anna.at.provider", "--to", anna.address)
    box.cli("fetch", "add", *provider, "--minutes", "1440", "--password-stdin", stdin="secret")


def check_resynchronising(box: Box, person: Person, folder: str, known: tuple[int, int]) -> None:
    lines = resynchronised(box, person, folder, known)
    assert any(b"[UIDVALIDITY %d]" % known[0] in line for line in lines), lines
    gone = [line for line in lines if b"VANISHED" in line]
    assert not known_uids(box, person, folder) & set().union(*map(uids_in, gone)), gone
    new = modseq_of(box, person, folder)
    assert new[0] == known[0]
    assert new[1] >= known[1]


def known_uids(box: Box, person: Person, folder: str) -> set[int]:
    with imap(box, person) as client:
        client.select(f'"{folder}"', readonly=True)
        return set(map(int, client.uid("SEARCH", "ALL")[1][0].split()))


def uids_in(vanished: bytes) -> set[int]:
    """Those of a VANISHED line; a server may name some that were gone before (RFC 7162 §3.2.10)."""
    found: set[int] = set()
    for first, _, last in (one.partition(b":") for one in vanished.split()[-1].split(b",")):
        found.update(range(int(first), int(last or first) + 1))
    return found


def check_the_queue(box: Box) -> None:
    """What waited for the outside is there, and waits for somebody to say so."""
    (waiting,) = json.loads(box.cli("queue", "list", "--json"))
    assert "the old box may have sent it since" in waiting["reason"]
    box.cli("queue", "retry", waiting["id"])
    shown = json.loads(box.cli("queue", "show", waiting["id"], "--json"))
    assert shown["recipients"][0]["state"] != "held"


def check_it_tells_of_no_crash(box: Box) -> None:
    """The version was made while the old box ran, and that run did not end in the version."""
    facts = json.loads(box.cli("health", "--json"))["facts"]
    assert (facts["crashes"], facts["power_cuts"]) == ([], [])


@pytest.mark.clients
@pytest.mark.timeout(180)
def test_programs_find_nothing_to_download_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drill(tmp_path, monkeypatch, IN_CI, 60.0)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_with_twenty_thousand_messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drill(tmp_path, monkeypatch, LONG, 900.0)
