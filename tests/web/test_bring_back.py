"""A new box becomes the earlier one from its page alone: drive, words, and everybody goes on (J6.4)."""

from __future__ import annotations

import re
import shutil
import time

from appliance import control
from appliance.backup.newbox import RESTORING
from tests.support.box import wait_until
from tests.support.mail import deliver, letter, stored_messages, submit
from tests.web.browser import Reader, make_owner


def test_drive_and_sheet_make_a_new_box_the_old_one(own_box, tmp_path):
    anna = own_box.person("anna")
    make_owner(own_box)
    deliver(own_box, anna, *(letter(n, "ben@example.org", anna.address) for n in ("one", "two")))
    drive = tmp_path / "stick"
    drive.mkdir()
    own_box.cli("sim", "plug", str(drive))
    own_box.cli("backup", "target", "add", str(drive))
    idle = lambda: not control.ask(own_box.state, "backup_progress")["is_busy"]  # noqa: E731 - one line
    wait_until(idle, "a backup of the night is over", seconds=60)
    own_box.cli("backup", "now")
    words = words_of(own_box.cli("backup", "key", "show"))
    before = sorted(path.name for path in own_box.maildir(anna).rglob("*U=*"))
    own_box.terminate()
    shutil.rmtree(own_box.state)  # the fire
    own_box.state.mkdir(mode=0o700)
    own_box.launch(port_base=own_box.port_base)
    wait_until(lambda: "pillarbox: ready" in own_box.log_of_this_run(), "it starts", seconds=30)

    newcomer = Reader(own_box)
    (own_box.mail / RESTORING).write_text("{}")  # as a power cut in the middle leaves it
    led = newcomer.get("/")
    assert led.url.endswith("/bring-back")
    assert led.says("it was cut off: perhaps the power was away")
    assert newcomer.get("/setup?anew").says("Name to log in with")
    (own_box.mail / RESTORING).unlink()
    first = newcomer.get("/")
    assert first.says("I have a backup drive and the recovery sheet of an earlier box")
    assert newcomer.get("/bring-back").says("This box becomes the earlier one")
    assert newcomer.post("/bring-back", {}).says("The box gets ready for it")
    wait_until(lambda: answers(newcomer, "Plug in the backup drive"), "it asks", seconds=30)
    assert newcomer.post("/", {"words": words}).says("No drive is plugged in")
    own_box.cli("sim", "plug", str(drive))
    assert newcomer.get("/").says("The drive is plugged in: stick")
    wrong = newcomer.post("/", {"words": words.replace(words.split()[0], "wrongword", 1)})
    assert wrong.status == 422
    assert "wrongword" in wrong.text  # what was typed stays
    assert newcomer.get("/people").url.endswith("/")  # nothing else is there
    foreign = newcomer.post("/", {"words": words}, Origin="https://evil.test")
    assert foreign.status == 403
    begun = newcomer.post("/", {"words": words})
    assert not begun.says("Type the twelve words"), begun.text
    wait_until(lambda: answers(newcomer, "is back as it was"), "it is back", seconds=60)
    wait_until(lambda: "pillarbox: ready" in own_box.log_of_this_run().split("recovery:")[-1],
               "it starts as on any day", seconds=30)  # fmt: skip
    assert sorted(path.name for path in own_box.maildir(anna).rglob("*U=*")) == before
    owner = Reader(own_box)
    assert owner.log_in().status == 200
    refused = owner.post("/bring-back", {})
    assert refused.says("This box has accounts already")
    submit(own_box, anna, [anna.address], letter("later", anna.address, anna.address))
    wait_until(lambda: len(stored_messages(own_box, anna)) == 3, "mail goes on")


def words_of(sheet: str) -> str:
    numbered = dict(re.findall(r"\b(\d{1,2})[. ]+([a-z]{3,8})\b", sheet))
    return " ".join(numbered[str(number)] for number in range(1, 13))


def answers(reader: Reader, words: str) -> bool:
    """Whether the page says this; between two processes nobody answers."""
    try:
        return reader.get("/").says(words)
    except OSError:
        time.sleep(0.2)
        return False
