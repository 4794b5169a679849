"""The box as somebody uses it who touches it: drives, lamps, the button, recovery."""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.box import PILLARBOX, ROOT, Box, wait_until
from tests.support.mail import letter, stored_messages, submit

pytestmark = pytest.mark.timeout(300)


def lamp(box: Box, name: str = "backup") -> str:
    return json.loads(box.cli("sim", "leds", "--json"))[name]["meaning"]


def condition(box: Box, key: str) -> str:
    found = {each["key"]: each for each in json.loads(box.cli("status", "--json"))["conditions"]}
    return found[key]["sentence"] if key in found else ""


def until(box: Box, meaning: str, *, seconds: float = 60.0) -> None:
    wait_until(lambda: meaning in lamp(box), f"the lamp tells: {meaning}", seconds=seconds)


@pytest.fixture
def box(tmp_path: Path):
    """A box that tells nobody by mail, so that no mailbox changes by itself."""
    with Box(tmp_path / "box", settings='[backup]\nmail = "never"\nhour = 14\n') as box:
        yield box


@pytest.fixture
def telling_box(tmp_path: Path):
    with Box(tmp_path / "box") as box:
        yield box


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "STICK"
    folder.mkdir()
    (folder / "holiday.jpg").write_bytes(b"somebody's picture")
    return folder


def test_plug_press_watch_pull(telling_box: Box, stick: Path) -> None:
    box = telling_box
    anna = box.account("anna")
    submit(box, anna, [anna.address], letter("first", anna.address, anna.address))
    wait_until(lambda: stored_messages(box, anna), "it is there")
    box.cli("sim", "plug", str(stick))
    until(box, "A new drive: press the button")
    assert condition(box, "backup-drive-new") == "A new drive is plugged in: STICK."
    assert [path.name for path in stick.iterdir()] == ["holiday.jpg"]  # nothing unasked

    box.cli("sim", "press")
    until(box, "A backup runs")
    assert "A backup runs to" in condition(box, "backup")
    until(box, "The backup is proven: the drive can be pulled.")
    assert lamp(box, "status") == "All is well."
    assert (stick / "holiday.jpg").read_bytes() == b"somebody's picture"

    box.cli("sim", "unplug")
    until(box, "No backup runs")
    wait_until(lambda: len(stored_messages(box, anna)) == 2, "she is told by mail")
    (told,) = [each for each in stored_messages(box, anna) if b"is proven" in each]
    assert b"What was checked:" in told
    assert b"- 1 messages, among them the newest of everyone" in told


def test_what_a_drive_holds_as_damaged_stands_on_the_board_until_it_is_let_go_of(
    box: Box, stick: Path
) -> None:
    box.cli("backup", "target", "add", str(stick))
    (stick / "pillarbox-backup" / "damaged").mkdir()
    (stick / "pillarbox-backup" / "damaged" / "data-ab-cd").write_bytes(bytes(700))
    box.cli("sim", "plug", str(stick))
    until(box, "No backup runs")
    box.cli("sim", "press")
    until(box, "The backup is proven")
    wait_until(lambda: condition(box, "backup-damaged"), "it is said")
    assert "did not give back 1 file (700 octets) as written" in condition(box, "backup-damaged")
    assert "target discard" in box.cli("backup", "target", "list")
    said = box.cli("backup", "target", "discard", "drive A")
    assert said == "Nothing is set aside on drive A any more; it was 1 file (700 octets).\n"
    wait_until(lambda: not condition(box, "backup-damaged"), "the board is clear", seconds=10)


def test_pressing_without_a_drive_says_what_to_do(box: Box) -> None:
    box.cli("sim", "press")
    wait_until(lambda: condition(box, "backup-drive-none"), "it is said")
    assert "no backup drive is plugged in" in condition(box, "backup-drive-none")


def test_holding_three_seconds_ejects(box: Box, stick: Path) -> None:
    box.cli("sim", "plug", str(stick))
    until(box, "A new drive")
    box.cli("sim", "press", "--seconds", "3.1")
    until(box, "The drive can be pulled; no new backup was made.")


def test_holding_ten_seconds_ends_the_box_in_order(box: Box) -> None:
    box.try_cli("sim", "press", "--seconds", "10.2")
    assert box.wait() == 0


def test_a_drive_that_is_pulled_in_the_middle_leaves_earlier_versions_and_a_sentence(
    box: Box, tmp_path: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount images")
    image = tmp_path / "stick.img"
    image.touch()
    os.truncate(image, 200 << 20)
    subprocess.run(["mkfs.exfat", str(image)], check=True, capture_output=True)
    box.cli("sim", "plug", str(image))
    until(box, "A new drive")
    box.cli("sim", "press")
    until(box, "The backup is proven")
    anna = box.account("anna")
    for number in range(20):
        noise = os.urandom(200_000).hex().encode()
        text = b"\r\n".join(noise[at : at + 76] for at in range(0, len(noise), 76))
        submit(box, anna, [anna.address], letter(f"n{number}", anna.address, "you") + text)
    box.cli("sim", "press")
    until(box, "A backup runs")
    box.cli("sim", "unplug", str(image))
    wait_until(lambda: condition(box, "backup-failed"), "the failure is said", seconds=40)
    assert "pulled" in condition(box, "backup-failed")
    assert "The last backup failed" in lamp(box)

    box.cli("sim", "plug", str(image))
    wait_until(lambda: "img" not in condition(box, "backup-drive-bad"), "it is recognised")
    box.cli("sim", "press")
    until(box, "The backup is proven", seconds=90)
    assert condition(box, "backup-failed") == ""
    proven = [each["proven"] for each in json.loads(box.cli("backup", "list", "--json"))]
    # the run that was cut off may have written its version, but not proven it
    assert proven in ([True, True], [True, False, True])
    assert "in use" in box.cli("drive", "list")
    box.cli("drive", "eject")
    assert "can be pulled" in box.cli("drive", "list")


def test_a_new_box_with_the_drive_the_button_and_the_words_is_the_old_one(
    box: Box, stick: Path, tmp_path: Path
) -> None:
    anna = box.account("anna")
    for number in range(3):
        submit(box, anna, [anna.address], letter(f"m{number}", anna.address, anna.address))
    wait_until(lambda: len(stored_messages(box, anna)) == 3, "they are there")
    box.cli("sim", "plug", str(stick))
    until(box, "A new drive")
    box.cli("sim", "press")
    until(box, "The backup is proven")
    sheet = box.cli("backup", "key", "show")
    numbered = dict(re.findall(r"\b(\d{1,2})[. ]+([a-z]{3,8})\b", sheet))
    words = " ".join(numbered[str(number)] for number in range(1, 13))
    before = sorted(path.name for path in (box.maildir(anna) / "cur").parent.rglob("*U=*"))
    certificate = (box.state / "tls" / "server.pem").read_bytes()
    box.terminate()
    shutil.rmtree(box.state)
    box.state.mkdir(mode=0o700)

    box.launch("--hold-button", port_base=box.port_base)
    wait_until(lambda: "waiting for a backup drive" in box.log_of_this_run(), "recovery")
    assert "Recovery" in box.cli("status")
    box.cli("sim", "plug", str(stick))
    done = subprocess.run(
        [*PILLARBOX, "--state", str(box.state), "backup", "restore", "--all", "--key-stdin"],
        input=words, capture_output=True, text=True, timeout=120, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + box.log_of_this_run()
    assert "is back as it was" in done.stdout
    wait_until(lambda: "pillarbox: ready" in box.log_of_this_run(), "it starts", seconds=30)
    after = sorted(path.name for path in (box.maildir(anna) / "cur").parent.rglob("*U=*"))
    assert after == before
    assert (box.state / "tls" / "server.pem").read_bytes() == certificate
    assert "new password" not in box.cli("status")  # that is for a box that was not lost
    submit(box, anna, [anna.address], letter("later", anna.address, anna.address))
    wait_until(lambda: len(stored_messages(box, anna)) == 4, "mail goes on")
    time.sleep(0.1)
