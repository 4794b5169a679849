"""Starts that nobody wishes for: each time the box comes up, serves what it can, and says what is
wrong on its lamp, on its page and to `pillarbox status`."""

from __future__ import annotations

import datetime
import imaplib
import os
import smtplib
import subprocess
from pathlib import Path

import pytest

from appliance.hardware.base import Led, Light
from appliance.panel import patterns
from tests.image import board, drives
from tests.image.machine import PILLARBOX, PORTS, Machine, layer, wait_until_it_serves
from tests.image.office import STATE_BEGINS, SecureWays, mounted
from tests.image.page import Page, eventually
from tests.support.box import Person
from tests.support.mail import letter

pytestmark = [pytest.mark.image, pytest.mark.timeout(2400)]
KIM = Person("kim@office.test", "correct horse kim")
OWNER = ("olga", "a few unrelated words")


@pytest.fixture(scope="module")
def office(card: Path, boot: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a box that has an owner, a person and a mail disk with mail: its card
    (card.qcow2) and its mail disk (mail.img)."""
    folder = tmp_path_factory.mktemp("office")
    disk = layer(card, folder / "card.qcow2")
    drives.with_ext4(folder / "mail.img", "MAIL", "512M")
    with _machine(folder, disk, boot) as machine:
        wait_until_it_serves(machine)
        machine.run(f"{PILLARBOX} domain add office.test")
        add = "--password-stdin"
        machine.run(f"echo '{KIM.password}' | {PILLARBOX} account add {KIM.address} {add}")
        machine.run(f"echo '{OWNER[1]}' | {PILLARBOX} owner add {OWNER[0]} {add}")
        drives.plug(machine, "mail", folder / "mail.img")
        machine.run("for i in $(seq 60); do [ -b /dev/sda ] && exit 0; sleep 1; done; exit 1")
        machine.run(f"sleep 3; {PILLARBOX} disk use /dev/sda", seconds=300)
        status = f"{PILLARBOX} disk status"
        eventually(lambda: "on MAIL" in machine.run(status).splitlines()[0], "it is moved", 300)
        _send(machine, "first")
        eventually(lambda: len(_subjects(machine)) == 1, "it is there")
        machine.run("sync")
    return folder


@pytest.fixture
def own(office: Path, tmp_path: Path) -> Path:
    """A copy of that box, to be spoiled."""
    layer_of = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2"]
    subprocess.run([*layer_of, "-b", office / "card.qcow2", tmp_path / "card.qcow2"], check=True)
    subprocess.run(
        ["cp", "--sparse=always", office / "mail.img", tmp_path / "mail.img"], check=True
    )
    return tmp_path


def _machine(
    folder: Path, card: Path, boot: Path, *more: str, ports: tuple[int, ...] | None = PORTS
) -> Machine:
    return board.machine(folder / "run", card, boot, *more, ports=ports).up(serves=False)


def test_the_clock_of_a_new_box_stands_at_1970(card: Path, boot: Path, tmp_path: Path) -> None:
    """Later the system begins with the time that it knew last."""
    disk = layer(card, tmp_path / "card.qcow2")
    with _machine(tmp_path, disk, boot, "-rtc", "base=1970-01-01T00:00:00") as machine:
        wait_until_it_serves(machine)
        now = datetime.datetime.fromtimestamp(int(machine.run("date +%s")), datetime.UTC)
        assert now.year >= 2025, now
        _says(machine, "The clock is wrong", patterns.ATTENTION)
        assert Page(machine).get("/").url.endswith("/setup")


def test_there_is_no_network(own: Path, boot: Path) -> None:
    with _started(own, boot, ports=None) as machine:
        machine.run("sleep 60", seconds=90)
        eventually(lambda: "not connected" in _status(machine), "it says so", 180)
        board.shows(machine, Led.STATUS, patterns.FAULT)


def test_the_mail_disk_is_missing_and_comes(own: Path, boot: Path) -> None:
    with _started(own, boot, disk=False) as machine:
        _says(machine, "Plug the mail disk in", patterns.NO_DISK)
        assert _refusal(machine).startswith("451")
        drives.plug(machine, "mail", own / "mail.img")
        eventually(lambda: _subjects(machine) == ["About first"], "her mail is there")
        board.shows(machine, Led.STATUS, patterns.ALL_WELL)


def test_the_mail_disk_is_full(own: Path, boot: Path) -> None:
    with (
        mounted(own / "mail.img", own / "look", how="rw") as root,
        (root / "other").open("wb") as other,
    ):
        while room := os.statvfs(root).f_bavail:
            os.posix_fallocate(other.fileno(), other.seek(0, os.SEEK_END), room * 4096)
    with _started(own, boot) as machine:
        _says(machine, "The mail disk has only", patterns.FAULT)
        assert _refusal(machine).startswith("452")
        assert _subjects(machine) == ["About first"]
        _delete_all(machine)
        assert _subjects(machine) == []


def test_the_state_partition_is_full(own: Path, boot: Path) -> None:
    with _machine(own, own / "card.qcow2", boot) as machine:
        wait_until_it_serves(machine)
        machine.run(
            "fallocate -l $(($(df --output=avail -B1 /state | tail -1) - 1000000)) /state/other;"
            "runuser -u pillarbox -- dd if=/dev/zero of=/var/lib/pillarbox/other; sync",
            seconds=400,
            accept=(0, 1),
        )
    with _started(own, boot) as machine:
        _says(machine, "The card", patterns.ATTENTION)
        assert _subjects(machine) == ["About first"]
        _send(machine, "second")
        eventually(lambda: len(_subjects(machine)) == 2, "the mail disk has room")


def test_another_boxs_mail_disk_is_left_alone(own: Path, boot: Path) -> None:
    other = drives.with_ext4(own / "other.img", "MAIL", "512M")
    with mounted(other, own / "look", how="rw") as root:
        (root / "pillarbox").mkdir()
        (root / "pillarbox" / "pillarbox-store").write_text("0" * 32 + "\n")
    before = _files(other, own / "look")
    with _started(own, boot, disk=False) as machine:
        drives.plug(machine, "mail", other)
        machine.run("sleep 10")
        _says(machine, "The mail disk", patterns.NO_DISK)
        drives.pull(machine, "mail")
    assert _files(other, own / "look") == before


def test_a_slow_disk_is_slow_and_nothing_else(own: Path, boot: Path) -> None:
    with _started(own, boot, iops_total=25) as machine:
        _send(machine, "second")
        eventually(lambda: len(_subjects(machine)) == 2, "it is there", 300)
        board.shows(machine, Led.STATUS, patterns.ALL_WELL)
        assert machine.run("systemctl show -P NRestarts pillarbox").strip() == "0"


def test_the_state_partition_is_destroyed(own: Path, boot: Path) -> None:
    subprocess.run(
        ["qemu-io", "-f", "qcow2", "-c", f"write -P 0x5a {STATE_BEGINS} 256M", own / "card.qcow2"],
        check=True, capture_output=True,
    )  # fmt: skip
    with _machine(own, own / "card.qcow2", boot) as machine:
        wait_until_it_serves(machine)
        _says(machine, "The card cannot be used", patterns.FAULT)
        assert _refusal(machine).startswith("451")
        assert Page(machine).get("/").says("The card cannot be used")


def _started(
    own: Path, boot: Path, *more: str, disk: bool = True, ports: tuple[int, ...] | None = PORTS,
    **throttle: int,
) -> Machine:  # fmt: skip
    """The box of this folder as it serves, with its mail disk unless it is said otherwise."""
    machine = _machine(own, own / "card.qcow2", boot, *more, ports=ports)
    try:
        if disk:
            drives.plug(machine, "mail", own / "mail.img", **throttle)
        wait_until_it_serves(machine)
        if disk and ports is not None:
            eventually(lambda: len(_subjects(machine)) > 0, "the mail disk is there", 180)
    except BaseException:
        machine.close()
        raise
    return machine


def _says(machine: Machine, words: str, light: Light) -> None:
    """On the lamp and to the command line; on the page to whoever looks after the box."""
    eventually(lambda: words in _status(machine), words, 180)
    board.shows(machine, Led.STATUS, light)
    page = Page(machine)
    if page.log_in(*OWNER).status == 200 and "/setup" not in page.get("/").url:
        assert page.get("/").says(words)


def _status(machine: Machine) -> str:
    return machine.run(f"{PILLARBOX} status", accept=range(256))


def _send(machine: Machine, name: str) -> None:
    with SecureWays(machine.ports).smtp(KIM) as client:
        client.sendmail(KIM.address, [KIM.address], letter(name, KIM.address, KIM.address))


def _subjects(machine: Machine) -> list[str]:
    client = SecureWays(machine.ports).imap()
    try:
        client.login(KIM.address, KIM.password)
        client.select("INBOX", readonly=True)
        found = client.uid("FETCH", "1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
        heads = [each[1].decode() for each in found if isinstance(each, tuple)]
        return [each.partition(":")[2].strip() for each in heads]
    except imaplib.IMAP4.error as error:
        raise OSError(str(error)) from error
    finally:
        client.shutdown()


def _delete_all(machine: Machine) -> None:
    client = SecureWays(machine.ports).imap()
    client.login(KIM.address, KIM.password)
    client.select("INBOX")
    assert client.store("1:*", "+FLAGS", "(\\Deleted)")[0] == "OK"
    assert client.expunge()[0] == "OK"
    client.logout()


def _files(image: Path, place: Path) -> dict[str, tuple[float, bytes]]:
    """What is on a disk: by name, when it was changed last and what is in it."""
    with mounted(image, place, how="rw") as root:
        return {
            str(each.relative_to(root)): (
                each.stat().st_mtime, each.read_bytes() if each.is_file() else b""
            )
            for each in root.rglob("*")
        }  # fmt: skip


def _refusal(machine: Machine) -> str:
    """What a stranger hears who wants to bring mail for her."""
    with smtplib.SMTP("127.0.0.1", machine.ports[25], timeout=60) as client:
        client.ehlo("client.example.net")
        code, said = client.mail("joe@example.net")
        if code == 250:
            code, said = client.rcpt(KIM.address)
        return f"{code} {said.decode()}"
