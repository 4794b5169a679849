"""A backup that the end of the box cuts off begins again by itself, and not for ever."""

from __future__ import annotations

import imaplib
import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance import control
from appliance.backup import asked, key
from appliance.backup.asked import MOST_TRIES, Asked, Next
from appliance.backup.engine import Engine, Repository
from appliance.backup.history import Target
from appliance.backup.process import within
from appliance.backup.source import answers
from tests.support.box import PILLARBOX, ROOT, Box, wait_until

SLOWLY = """#!/bin/sh
if [ "$1" = backup ] && [ -e {slowly} ]; then exec {restic} --limit-upload 300 "$@"; fi
exec {restic} "$@"
"""


class Slow:
    """A box whose real restic copies slowly while it is told to, and a folder for backups."""

    def __init__(self, folder: Path) -> None:
        self.stick = folder / "STICK"
        self.stick.mkdir(parents=True)
        self._slowly = folder / "slowly"
        restic = shutil.which("restic")
        program = folder / "bin" / "restic"
        program.parent.mkdir()
        program.write_text(SLOWLY.format(slowly=self._slowly, restic=restic))
        program.chmod(0o755)
        path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
        self.box = Box(folder / "box", settings='[backup]\nmail = "never"\nhour = 14\n', PATH=path)

    def write(self, octets: int = 4 << 20) -> None:
        """Mail that no backup has yet."""
        box, text = self.box, random.randbytes(octets // 2).hex()
        with imaplib.IMAP4_SSL("localhost", box.port(993), ssl_context=box.tls()) as client:
            client.login(box.address("anna"), box.password("anna"))
            client.append("INBOX", "", "", f"Subject: large\r\n\r\n{text}\r\n".encode())

    def slow_down(self, *, really: bool) -> None:
        self._slowly.touch() if really else self._slowly.unlink(missing_ok=True)

    def progress(self) -> dict[str, Any]:
        found: dict[str, Any] = control.ask(self.box.state, "backup_progress")
        return found

    def until_it_copies(self) -> None:
        def copies() -> bool:
            told = self.progress()
            return told["is_busy"] and told["octets"] > 0

        wait_until(copies, "it copies", seconds=30)

    def is_in_attempt(self, number: int) -> bool:
        noted = asked.kept(self.box.state)
        return noted is not None and noted.tries == number

    def until_it_is_over(self) -> dict[str, Any]:
        wait_until(lambda: not self.progress()["is_busy"], "it is over", seconds=60)
        return self.progress()

    def condition(self, key: str) -> str:
        standing = control.ask(self.box.state, "status")["conditions"]
        return next((each["sentence"] for each in standing if each["key"] == key), "")


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slow]:
    made = Slow(tmp_path_factory.mktemp("slow"))
    with made.box:
        made.box.cli("backup", "target", "add", str(made.stick))
        yield made


@pytest.fixture(autouse=True)
def _new_mail(request: pytest.FixtureRequest) -> None:
    if "slow" in request.fixturenames:
        slow: Slow = request.getfixturevalue("slow")
        slow.write()
        slow.slow_down(really=True)


def test_killed_in_the_middle_it_begins_again_when_its_drive_is_there(slow: Slow) -> None:
    box = slow.box
    box.cli("sim", "plug", str(slow.stick))
    box.cli("sim", "press")
    slow.until_it_copies()
    box.kill()
    kept = shutil.move(slow.stick, slow.stick.with_name("pulled"))
    slow.slow_down(really=False)
    box.start()
    wait_until(lambda: slow.condition(asked.CUT_OFF), "it is said")
    assert slow.condition(asked.CUT_OFF) == "A restart cut the backup on drive A off."
    assert not slow.progress()["is_busy"]
    shutil.move(kept, slow.stick)
    box.cli("sim", "plug", str(slow.stick))
    wait_until(lambda: slow.progress()["is_again"], "it begins again", seconds=20)
    assert slow.condition(asked.CUT_OFF) == ""
    told = slow.until_it_is_over()
    assert told["outcome"] == "proven", told
    wait_until(lambda: "can be pulled" in box.cli("drive", "list"), "it is let go of")
    assert slow.condition("backup-failed") == ""
    box.cli("sim", "unplug")


def test_whoever_waits_for_it_at_the_command_line_sees_it_end_over_a_restart(slow: Slow) -> None:
    box = slow.box
    words = [*PILLARBOX, "--state", str(box.state), "backup", "now", "--to", str(slow.stick)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as now:
        slow.until_it_copies()
        assert box.terminate() == 0
        noted = asked.kept(box.state)
        assert noted is not None
        assert noted.tries == 0, "that the box was stopped in order is no failed try"
        slow.slow_down(really=False)
        box.start()
        said, complaint = now.communicate(timeout=60)
    assert (now.returncode, complaint) == (0, b"")
    assert b"are safe on drive A" in said
    assert asked.kept(box.state) is None


def test_a_box_that_dies_of_each_attempt_says_so_and_tries_no_more(slow: Slow) -> None:
    box = slow.box
    control.ask(box.state, "backup_now", to=str(slow.stick))
    for attempt in range(1, MOST_TRIES + 1):
        wait_until(lambda: slow.is_in_attempt(attempt), "it begins", seconds=30)  # noqa: B023 - it is called here
        box.kill()
        box.start()
    wait_until(lambda: slow.condition(asked.CUT_OFF), "it is said", seconds=20)
    said = f"The box stopped in each of {MOST_TRIES} attempts at the backup on drive A."
    assert slow.condition(asked.CUT_OFF) == said
    assert not slow.progress()["is_busy"]
    slow.slow_down(really=False)
    control.ask(box.state, "backup_now", to=str(slow.stick))
    assert slow.condition(asked.CUT_OFF) == ""
    assert slow.until_it_is_over()["outcome"] == "proven"
    assert asked.kept(box.state) is None


def test_a_run_that_somebody_stops_does_not_begin_again(slow: Slow) -> None:
    control.ask(slow.box.state, "backup_now", to=str(slow.stick))
    slow.until_it_copies()
    control.ask(slow.box.state, "backup_cancel")
    assert slow.until_it_is_over()["outcome"] == "cancelled"
    assert asked.kept(slow.box.state) is None


def test_a_run_whose_target_was_removed_meanwhile_is_forgotten(slow: Slow) -> None:
    box = slow.box
    box.terminate()
    asked.keep(box.state, Asked("gone", was_asked=True, tries=1, began=100.0))
    box.start()
    wait_until(lambda: asked.kept(box.state) is None, "it is forgotten")
    wait_until(lambda: not slow.progress()["is_busy"], "nothing is under way")


def test_what_is_next_for_a_run_that_was_cut_off() -> None:
    run = Asked("a1", was_asked=True, tries=1, began=100.0)
    assert asked.next_step(run, is_there=True) is Next.BEGIN
    assert asked.next_step(run, is_there=False) is Next.WAIT
    assert asked.next_step(run.again().again(), is_there=True) is Next.LEAVE
    assert run.again().put_off() == run
    assert asked.night_of(run) == 0.0
    assert asked.night_of(Asked("a1", was_asked=False, tries=1, began=100.0)) == 100.0


def test_behind_a_network_it_waits_until_the_network_is_there(tmp_path: Path) -> None:
    address = "rest:http://127.0.0.1:9/"  # nobody listens there
    where = Target("a1", "office", address)
    said = asked.condition(Next.WAIT, where, 1, 0.0)
    assert said.remedy == "The backup begins again by itself when it can be reached."
    repository = Repository("office", address, {}, tmp_path / "cache")
    began = time.monotonic()
    assert not answers(Engine(repository, key.load_or_make(tmp_path), watch=within(3.0)))
    assert time.monotonic() - began < 15


def test_a_note_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    for content in (b"", b"{", b"[]", b'{"target": "a"}'):
        (tmp_path / asked.NAME).write_bytes(content)
        assert asked.kept(tmp_path) is None
    run = Asked("a1", was_asked=False, tries=2, began=100.5)
    asked.keep(tmp_path, run)
    assert asked.kept(tmp_path) == run
    asked.forget(tmp_path)
    asked.forget(tmp_path)
    assert asked.kept(tmp_path) is None
