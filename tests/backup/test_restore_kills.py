"""A restore that is killed, again and again, gets done; what is half there is never seen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from appliance.backup import key, merge
from appliance.errors import Refused
from tests.backup.office import ANNA, BEN, Office, contents

ROOT = Path(__file__).parents[2]


def program(state: Path, *words: str, seconds: float = 0.0, stdin: str = "") -> tuple[int, str]:
    """Run a command of backup, killed after some seconds; status and complaint."""
    whole = (sys.executable, "-m", "appliance", "--state", str(state), "backup", *words)
    with subprocess.Popen(
        whole, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as running:
        assert running.stdin is not None
        running.stdin.write(stdin.encode())
        running.stdin.close()
        running.stdin = None
        if seconds:
            time.sleep(seconds)
            os.kill(running.pid, signal.SIGKILL)
        _, complaint = running.communicate(timeout=60)
    return running.returncode, complaint.decode()


def test_a_whole_box_comes_back_over_many_kills(office: Office, tmp_path: Path) -> None:
    office.sent(BEN, "INBOX", 20, size=300_000)
    drive = office.drive()
    assert office.back_up(drive).is_proven
    words = " ".join(key.load(office.state).words)
    new = tmp_path / "new"
    restore = ("restore", "--all", "--from", drive.location, "--key-stdin")
    for seconds in (0.6, 0.9, 1.3):
        program(new, *restore, seconds=seconds, stdin=words)
        for who in (ANNA, BEN):  # all of somebody's mail, or none
            here = new / "mail" / "people" / who
            found = contents(here) if here.exists() else {}
            assert found in ({}, contents(office.mail / "people" / who))
    status, complaint = program(new, *restore, stdin=words)
    assert status == 0 or "has accounts already" in complaint, complaint  # done before the kill
    for who in (ANNA, BEN):
        assert contents(new / "mail" / "people" / who) == contents(office.mail / "people" / who)
    for name in ("settings.toml", "backup.key", "tls/server.pem"):
        assert (new / name).read_bytes() == (office.state / name).read_bytes()


def test_mail_comes_back_once_over_many_kills(office: Office) -> None:
    office.sent(ANNA, "INBOX", 40, size=100_000)
    drive = office.drive()
    assert office.back_up(drive).is_proven
    maildir = office.mail / "people" / ANNA
    before = contents(maildir)
    office.store.stop()
    for path in (maildir / "cur").iterdir():
        path.unlink()
    for seconds in (0.8, 1.2):
        program(office.state, "restore", "--account", ANNA, seconds=seconds)
        assert contents(maildir).items() <= before.items()
    status, complaint = program(office.state, "restore", "--account", ANNA)
    assert status == 0, complaint
    assert contents(maildir) == before


def test_room_is_looked_at_first(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="delete something or use a larger disk"):
        merge.need_room(tmp_path, 1 << 60)
