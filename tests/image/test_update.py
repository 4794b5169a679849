"""Updates of the very card: a good one ends on the other system with everything there, one whose IMAP
is broken goes back by itself and says why, and the plug is pulled in each phase."""

from __future__ import annotations

import json
import re
import shutil
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from appliance import __version__
from tests.image import firmware
from tests.image.machine import PILLARBOX, PORTS, ROOT, Machine, layer, wait_until_it_serves
from tests.image.office import SecureWays
from tests.support.box import Person
from tests.support.updates import make_maker

pytestmark = [pytest.mark.image, pytest.mark.timeout(7200)]
ANNA = Person("anna@office.test", "correct horse anna")
BROKEN = "appliance/imap/commands/fetch.py"


@dataclass
class Story:
    """One box over many starts: its disk stays, and each start takes what the disk then names."""

    folder: Path
    disk: Path
    stick: Path
    starts: int = 0
    machine: Machine | None = None
    figures: list[str] = field(default_factory=list)

    def start(self, *more: str) -> Machine:
        """Power on, without waiting for more than the kernel."""
        self.cut()
        self.starts += 1
        place = self.folder / f"start{self.starts}"
        boot = firmware.boot_files(self.disk, place)
        usb = f"if=none,id=stick,format=raw,readonly=on,file={self.stick}"
        self.machine = Machine(
            place, self.disk, boot, ports=PORTS,
            more=("-drive", usb, "-device", "usb-storage,bus=usb.0,drive=stick,removable=on", *more),
        )  # fmt: skip
        return self.machine

    def serve(self) -> Machine:
        """Power on, and wait until the daemon is ready."""
        chosen, machine = self.chosen, self.start()
        machine.wait_for_agent()
        took = wait_until_it_serves(machine)
        self.figures.append(f"start {self.starts} on system {chosen}: {took:.0f} s")
        return machine

    def keep_as(self, name: str) -> None:
        """Keep a picture of the machine and its disk, to go on from."""
        assert self.machine is not None
        self.machine.run("sync")
        said = self.machine.monitor("human-monitor-command", **{"command-line": f"savevm {name}"})
        assert said == ""
        self.cut()

    def go_on_from(self, name: str) -> Machine:
        return self.start("-loadvm", name)

    def cut(self) -> None:
        """Pull the plug."""
        if self.machine is not None:
            self.machine.cut_power()
            self.machine = None

    def restarts(self, seconds: float = 600) -> float:
        """Seconds until the box restarts by itself."""
        assert self.machine is not None
        began = time.monotonic()
        self.machine.wait_until_off(seconds)
        self.cut()
        return time.monotonic() - began

    @property
    def switch(self) -> str:
        return firmware.switch_of(self.disk, self.folder)

    @property
    def chosen(self) -> str:
        return "AB"[int(self.switch.partition("boot_partition=")[2][0]) - 2]

    def asked(self, command: str) -> Any:
        assert self.machine is not None
        return json.loads(self.machine.run(f"{PILLARBOX} {command} --json", seconds=300))

    def path(self, name: str) -> str:
        """Where the box sees a file of the stick."""
        assert self.machine is not None
        return self.machine.run(
            f"for i in $(seq 150); do ls /run/pillarbox/drives/*/{name} 2>/dev/null && exit 0;"
            " sleep 1; done; exit 1", seconds=200,
        ).strip()  # fmt: skip

    def until(self, words: str, seconds: float = 600) -> str:
        """Until `update status` says these words."""
        assert self.machine is not None
        return self.machine.run(
            f"for i in $(seq {seconds / 2:.0f}); do {PILLARBOX} update status 2>&1 | tee /tmp/said;"
            f" grep -q '{words}' /tmp/said && exit 0; sleep 2; done; {PILLARBOX} update status;"
            " journalctl -u pillarbox -n 30 --no-pager; exit 1", seconds=seconds * 3,
        )  # fmt: skip


@pytest.fixture(scope="module")
def bundles(card: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stick with the update beside the card, one with a broken IMAP, and one of a stranger."""
    folder = tmp_path_factory.mktemp("bundles")
    good = card.with_suffix(".update")
    key = Path(subprocess.run([ROOT / "image/key.sh"], capture_output=True, text=True, check=True)
               .stdout.strip())  # fmt: skip
    parts = {each: _partition(card, each, folder) for each in (2, 5)}
    stranger = make_maker(folder, "stranger")
    shutil.copy(good, folder / "good.update")
    broken = _broken(parts[5], folder)
    for name, root, signed_by in (
        ("broken", broken, key), ("forged", parts[5], stranger.private),
    ):  # fmt: skip
        subprocess.run(
            [sys.executable, ROOT / "image/pack.py", __version__, parts[2], root,
             ROOT / "image/notes", signed_by, folder / f"{name}.update"], check=True, cwd=ROOT,
        )  # fmt: skip
    names = ("good", "broken", "forged")
    return firmware.stick(folder, *(folder / f"{name}.update" for name in names))


def _partition(card: Path, number: int, folder: Path) -> Path:
    begins, size = firmware.PLACES[number]
    with card.open("rb") as source, (folder / f"partition{number}").open("wb") as target:
        source.seek(begins << 20)
        for _ in range(size):
            target.write(source.read(1 << 20))
    return folder / f"partition{number}"


def _broken(root: Path, folder: Path) -> Path:
    """The same system, but its IMAP answers no FETCH."""
    tree, image = folder / "root", folder / "broken.erofs"
    subprocess.run(["fsck.erofs", "--preserve", f"--extract={tree}", root], check=True,
                   capture_output=True)  # fmt: skip
    (module,) = tree.glob(f"opt/pillarbox/lib/python*/site-packages/{BROKEN}")
    text, line = module.read_text(), "complete = yield from _send(about, plan, where)"
    assert line in text
    module.write_text(text.replace(line, "raise RuntimeError('broken on purpose')"))
    for compiled in (module.parent / "__pycache__").glob(f"{module.stem}.*"):
        compiled.unlink()
    subprocess.run(["mkfs.erofs", "-zlz4", "-C65536", image, tree], check=True, capture_output=True)
    shutil.rmtree(tree)
    return image


@pytest.fixture(scope="module")
def story(card: Path, bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("updates")
    told = Story(folder, layer(card, folder / "card.qcow2"), bundles)
    try:
        yield told
    finally:
        told.cut()
        print("\n" + "\n".join(told.figures))


def _receive(machine: Machine, subject: str) -> None:
    with smtplib.SMTP("127.0.0.1", machine.ports[25], timeout=60) as server:
        server.sendmail("x@example.org", ANNA.address, f"Subject: {subject}\r\n\r\n{subject}\r\n")


def _has(machine: Machine, *subjects: str) -> bool:
    client = SecureWays(machine.ports).imap()
    client.login(ANNA.address, ANNA.password)
    client.select("INBOX")
    found = [client.search(None, "SUBJECT", f'"{each}"')[1][0] for each in subjects]
    client.logout()
    return all(found)


def test_a_forged_update_is_refused_in_plain_words(story: Story) -> None:
    machine = story.serve()
    machine.run(f"{PILLARBOX} domain add office.test")
    machine.run(f"echo '{ANNA.password}' | {PILLARBOX} account add {ANNA.address} --password-stdin")
    _receive(machine, "before")
    said = machine.run(
        f"{PILLARBOX} update install {story.path('forged.update')} 2>&1", accept=(1,)
    )
    assert "not made by the maker of this box" in said
    story.until("not made by the maker")
    assert "update-bad" in {each["key"] for each in story.asked("status")["conditions"]}
    assert story.asked("update status")["other"] == ""
    story.keep_as("ready")


def test_the_plug_is_pulled_while_it_is_written(story: Story) -> None:
    machine = story.go_on_from("ready")
    machine.run(f"{PILLARBOX} update install {story.path('good.update')}")
    story.until("[1-9][0-9] % are written", 300)
    story.cut()
    assert story.chosen == "A"
    assert "other=- " in story.switch
    story.serve()
    assert "while it was written" in story.until("did not work")


def test_a_broken_update_goes_back_by_itself_and_says_why(story: Story) -> None:
    machine = story.go_on_from("ready")
    began = time.monotonic()
    machine.run(f"{PILLARBOX} update install {story.path('broken.update')}")
    story.restarts()
    story.figures.append(f"from install to the restart: {time.monotonic() - began:.0f} s")
    assert story.chosen == "B"
    began = time.monotonic()
    story.start()
    story.restarts(1500)
    story.figures.append(f"until the broken one gave way: {time.monotonic() - began:.0f} s")
    assert (story.chosen, "state=undone" in story.switch) == ("A", True)
    machine = story.serve()
    said = story.until("did not work")
    assert "IMAP" in said or "did not reach the mailbox" in said
    assert "update-failed" in {each["key"] for each in story.asked("status")["conditions"]}
    assert _has(machine, "before")
    _receive(machine, "after the broken one")
    assert _has(machine, "after the broken one")


def _wait_for(machine: Machine, words: str, seconds: float = 300) -> None:
    """Until the console says something of what comes after the initramfs has counted."""
    end = time.monotonic() + seconds
    while not re.search(words, machine.serial.read_text("utf-8", "replace")):
        assert time.monotonic() < end
        time.sleep(0.5)
    time.sleep(15)


def test_the_plug_is_pulled_at_every_start_of_a_trial_and_it_gives_way(story: Story) -> None:
    """A system that never gets as far as saying so, cut three times while it starts."""
    machine = story.go_on_from("ready")
    machine.run(f"{PILLARBOX} update install {story.path('good.update')}")
    story.restarts()
    for count in (1, 2, 3):
        assert story.chosen == "B"
        machine = story.start()
        if count == 3:
            machine.wait_for_agent()  # the trial is counted long before
        else:
            _wait_for(machine, "Welcome to|Reached target")
        story.cut()
        assert f"state=trial starts={count} " in story.switch
    story.start()
    story.restarts(300)
    assert (story.chosen, "state=undone" in story.switch) == ("A", True)


def test_a_system_whose_daemon_never_speaks_is_undone_by_the_watch(story: Story) -> None:
    machine = story.go_on_from("ready")
    machine.run(f"{PILLARBOX} update install {story.path('good.update')}")
    story.restarts()
    machine = story.start()
    machine.wait_for_agent()
    machine.run("systemctl stop pillarbox; systemctl is-active pillarbox-trial")
    # the same script, without its quarter of an hour
    machine.run("(sed 's/sleep 900/sleep 1/' /usr/lib/pillarbox/trial | sh) >/dev/null 2>&1 &")
    story.restarts(300)
    assert (story.chosen, "state=undone" in story.switch) == ("A", True)


def test_a_good_update_is_kept_although_the_plug_is_pulled_once_before(story: Story) -> None:
    machine = story.go_on_from("ready")
    machine.run(f"{PILLARBOX} update install {story.path('good.update')}")
    story.restarts()
    story.start().wait_for_agent()
    story.cut()  # after the switch, before it was found good
    assert "state=trial starts=1 " in story.switch
    began = time.monotonic()
    machine = story.serve()
    story.until("The update to it worked", 900)
    story.figures.append(f"from power on until it was kept: {time.monotonic() - began:.0f} s")
    found = story.asked("update status")
    assert (found["system"], found["state"], found["other"]) == ("B", "kept", __version__)
    assert _has(machine, "before")
    _receive(machine, "on the new system")
    assert _has(machine, "on the new system")
    assert machine.run("systemctl --failed --no-legend --plain").strip() == ""
    assert not machine.run("ls /state/pillarbox/mail/people | grep invalid || true").strip()
    story.cut()
    assert (story.chosen, "state=kept" in story.switch) == ("B", True)
