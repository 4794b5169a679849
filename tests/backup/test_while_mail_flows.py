"""A backup while everybody works: what was acknowledged before it began is in it, octet by octet.

./build.sh test tests/backup/test_while_mail_flows.py -m slow -s      # 50 times
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from appliance.accounts.database import AccountsDatabase
from appliance.backup import view
from appliance.copies.backupjob import open_job, target_of
from tests.support.box import Box, wait_until
from tests.support.busy import TOKEN, BusyOffice
from tests.support.mail import TRACE

IN_CI, LONG = 3, 50


def restored(box: Box, drive: Path, into: Path) -> dict[str, set[bytes]]:
    """The newest version from the drive: contents by token. No UID is there twice."""
    with closing(AccountsDatabase(box.state)) as database:
        job = open_job(box.state, database)
        engine = job.engine(target_of(job, str(drive)))
        engine.restore(engine.versions()[-1].identity, into, ["/people"])
    found: dict[str, set[bytes]] = {}
    for account in (into / "people").iterdir():
        uids: Counter[tuple[str, str]] = Counter()
        for path, _size in view.messages_of(account):
            content = (account / path).read_bytes()
            token = TOKEN.search(content)
            assert token, path
            found.setdefault(token[1].decode(), set()).add(content)
            uid = re.search(r",U=(\d+)", path)
            if uid:
                uids[path.rpartition("/")[0].rpartition("/")[0], uid[1]] += 1
        assert not [each for each, count in uids.items() if count > 1]
    shutil.rmtree(into)
    return found


def as_it_was_given(contents: set[bytes]) -> set[bytes]:
    """Without what delivery writes above a message."""
    traces = ((TRACE.match(each), each) for each in contents)
    return {each[trace.end() :] if trace else each for trace, each in traces}


def take_and_compare(box: Box, office: BusyOffice, drive: Path, into: Path) -> str:
    before, expected = office.ledger.done.copy(), office.ledger.must_be_there()
    sentence = box.cli("backup", "now", "--to", str(drive))
    assert " are safe on drive A; " in sentence
    meanwhile = office.ledger.done - before
    found = restored(box, drive, into)
    missing = [token for token in expected if token not in found]
    assert not missing, f"{len(missing)} of {len(expected)} acknowledged messages are not in it"
    for token, content in expected.items():
        assert as_it_was_given(found[token]) == {content}, token
    told = ", ".join(f"{count} {act}" for act, count in sorted(meanwhile.items()))
    return f"{len(expected):,} acknowledged before are in it byte for byte; meanwhile {told}"


def repeat(tmp_path: Path, times: int) -> None:
    drive = tmp_path / "drive"
    drive.mkdir()
    with Box(tmp_path / "box", settings='[backup]\nmail = "never"\nhour = 14\n') as box:
        box.cli("backup", "target", "add", str(drive))
        with BusyOffice(box, box.account("anna"), box.account("ben")) as office:
            for act in ("appended", "expunged", "moved", "renamed", "sent"):
                wait_until(
                    lambda act=act: office.ledger.done[act] > 40, f"much is {act}", seconds=30
                )
            for number in range(1, times + 1):
                told = take_and_compare(box, office, drive, tmp_path / "restored")
                print(f"{number:3}: {told}", flush=True)
        assert min(office.ledger.done[each] for each in ("flagged", "copied", "moved")) > 0


@pytest.mark.timeout(180)
def test_what_was_acknowledged_before_is_in_the_version(tmp_path: Path) -> None:
    repeat(tmp_path, IN_CI)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_fifty_times(tmp_path: Path) -> None:
    repeat(tmp_path, LONG)
