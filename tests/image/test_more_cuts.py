"""The plug is pulled in other moments: in the first start, while settings are written, while a backup
runs, and with a disk that forgets what it was not told to flush."""

from __future__ import annotations

import contextlib
import os
import random
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance import lastgood
from tests.image.machine import PILLARBOX, PORTS, Machine, layer, wait_until_it_serves
from tests.image.office import PEOPLE, SecureWays, look_at, state_of
from tests.image.page import eventually
from tests.image.test_power import Table, work_until_the_cut
from tests.image.working import Working, back_up_meanwhile, proven
from tests.support.mail import letter

pytestmark = [pytest.mark.image, pytest.mark.timeout(7200)]
FIRST = int(os.environ.get("PILLARBOX_FIRST_CUTS", "10"))
SETTINGS = int(os.environ.get("PILLARBOX_SETTINGS_CUTS", "20"))
BACKUPS = int(os.environ.get("PILLARBOX_BACKUP_CUTS", "3"))
FLUSHES = int(os.environ.get("PILLARBOX_FLUSH_CUTS", "50"))
_KEYS = "/var/lib/pillarbox/tls"
_WRITER = """
import itertools, sys
from appliance.cli import main
for number in itertools.cycle(range(20, 60)):
    print(number, flush=True)
    main(["--state", "/var/lib/pillarbox", "settings", "set", "smtp.largest_message_mib", str(number)])
"""


def test_a_first_start_that_is_cut_again_and_again_ends_well(
    card: Path, boot: Path, tmp_path: Path
) -> None:
    """Each cut comes at another moment of the first 60 seconds; then the box is let start."""
    moments, disk = random.Random(8), layer(card, tmp_path / "card.qcow2")
    for number in range(FIRST):
        with Machine(tmp_path / f"cut{number}", disk, boot):
            time.sleep(moments.uniform(1.0, 60.0))
    with Machine(tmp_path / "last", disk, boot, ports=PORTS) as machine:
        machine.wait_for_agent()
        print(f"\nserves after {FIRST} cuts: {wait_until_it_serves(machine):.0f} s")
        assert machine.run("systemctl --failed --no-legend --plain") == ""
        assert re.fullmatch("[0-9a-f]{32}", machine.run("cat /etc/machine-id").strip())
        machine.run("test -s /var/lib/systemd/random-seed")
        certificate = machine.run(f"cat {_KEYS}/server.pem")
        assert certificate.count("BEGIN CERTIFICATE") >= 1
        assert "PRIVATE KEY" in certificate + machine.run(f"cat {_KEYS}/*.key")
        assert SecureWays(machine.ports).imap().noop()[0] == "OK"
        machine.run(f"{PILLARBOX} domain add office.test")
        machine.run("for i in $(seq 60); do [ -e /state/grown ] && exit 0; sleep 1; done; exit 1")
    assert look_at(disk, tmp_path).clean


def test_settings_that_are_written_are_the_old_or_the_new_ones(
    working: Working, tmp_path: Path
) -> None:
    moments, found = random.Random(9), set()
    for number in range(SETTINGS):
        with working.resumed(tmp_path / f"cut{number}") as machine:
            machine.run(
                f"cat >/tmp/writer.py <<'END'{_WRITER}END\n"
                "runuser -u pillarbox -- /opt/pillarbox/bin/python /tmp/writer.py >/tmp/said 2>&1 &"
                "for i in $(seq 400); do grep -q 2[1-9] /tmp/said && exit 0; sleep 0.2; done; exit 1",
                seconds=300,
            )
            time.sleep(moments.uniform(0.0, 3.0))
        with state_of(working.card, tmp_path) as root:
            text = (root / "pillarbox/settings.toml").read_text()
            lastgood.checked(text)
            value = re.fullmatch(r"\[smtp\]\nlargest_message_mib = (\d+)\n", text)
            assert value is not None, text
            found.add(int(value[1]))
    print(f"\nsettings after {SETTINGS} cuts: {sorted(found)}")
    assert found <= set(range(20, 60))
    assert len(found) > 1 or SETTINGS < 3


def test_a_backup_that_is_cut_leaves_the_earlier_ones_and_the_next_succeeds(
    working: Working, tmp_path: Path
) -> None:
    moments, own = random.Random(10), working.copied(tmp_path)
    machine = own.resumed(tmp_path / "first")
    versions = proven(machine)
    for number in range(BACKUPS):
        with machine:
            _fill(machine, number)
            back_up_meanwhile(machine)
            time.sleep(moments.uniform(5.0, 40.0))
        machine = own.started(tmp_path / f"after{number}")
        _wait_for(versions, machine)
        machine.run(f"{PILLARBOX} backup now", seconds=900)
        assert proven(machine) > versions
        versions = proven(machine)
        machine.run(f"{PILLARBOX} backup verify", seconds=900)
    machine.close()
    print(f"\nbackups cut: {BACKUPS}, proven at the end: {versions}")


def test_the_forgetful_disk_forgets(working: Working, tmp_path: Path) -> None:
    """What was written past the page cache and never flushed is gone, what was flushed is there."""
    own = working.copied(tmp_path)
    with _forgetful(own.card, tmp_path) as words, own.resumed(tmp_path / "cut", words) as machine:
        machine.run("systemctl stop pillarbox")  # which flushes
        machine.run("printf %4096s kept >/state/probe; sync")
        machine.run("printf %4096s gone | dd of=/state/probe bs=4k oflag=direct conv=notrunc")
    with state_of(own.card, tmp_path) as root:
        assert (root / "probe").read_text().strip() == "kept"


def test_a_disk_that_forgets_what_was_not_flushed_loses_nothing_acknowledged(
    working: Working, tmp_path: Path
) -> None:
    """As a disk with a cache of its own does when its power is cut."""
    moments, table = random.Random(11), Table()
    for number in range(FLUSHES):
        own = working.copied(tmp_path)
        with _forgetful(own.card, tmp_path) as words:
            with own.resumed(tmp_path / f"cut{number}", words) as machine:
                ledger = work_until_the_cut(machine, moments.uniform(4.0, 12.0))
        table.add(ledger, look_at(own.card, tmp_path))
    print(f"\n{table}")
    assert (table.missing, table.doubled, table.uids, table.unclean) == ([], [], [], [])
    assert table.acknowledged > FLUSHES


@contextlib.contextmanager
def _forgetful(card: Path, folder: Path) -> Iterator[str]:
    """QEMU's words for a disk that keeps in its cache what it was not told to flush; the cache is
    lost when this is left."""
    socket = folder / "nbd"
    socket.unlink(missing_ok=True)
    os.truncate(card, card.stat().st_size + (1 << 30))  # nbdkit never makes a file longer
    server = subprocess.Popen(
        ["nbdkit", "--foreground", "--exit-with-parent", "--unix", socket, "--filter=cache",
         "file", f"file={card}", "cache=writeback"],
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        eventually(socket.exists, "nbdkit is there", 10)
        yield f"driver=qcow2,file.driver=nbd,file.server.type=unix,file.server.path={socket}"
    finally:
        server.kill()
        server.wait()


def _wait_for(versions: int, machine: Machine) -> None:
    """Until the stick is there with the earlier ones."""
    eventually(lambda: proven(machine) >= versions, f"{versions} proven backups", 120)


def _fill(machine: Machine, number: int) -> None:
    """Something for a backup to do."""
    kim = PEOPLE[0]
    with SecureWays(machine.ports).smtp(kim) as client:
        for each in range(30):
            body = os.urandom(20_000).hex() + "\r\n"
            text = re.sub("(.{70})", "\\1\r\n", body)
            message = letter(f"r{number}n{each}", kim.address, kim.address, text)
            client.sendmail(kim.address, [kim.address], message)
