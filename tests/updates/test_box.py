"""An update of a whole box whose card is files: offered, installed, tried by real mail, kept."""

import json
import smtplib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from appliance import __version__, control
from appliance.errors import Refused
from appliance.helper import switch
from appliance.updates import proof
from appliance.updates.proof import Ways
from tests.support.box import Box
from tests.support.updates import Maker, make_maker, make_update


@pytest.fixture(scope="module")
def updated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with Box(tmp_path_factory.mktemp("updated")) as box:
        yield box


@pytest.fixture(scope="module")
def maker(updated: Box) -> Maker:
    maker = make_maker(updated.folder)
    (updated.state / "simulated").mkdir(exist_ok=True)
    (updated.state / "simulated/update.pem").write_bytes(maker.public.read_bytes())
    return maker


def status(box: Box) -> dict[str, Any]:
    return json.loads(box.cli("update", "status", "--json"))


def conditions(box: Box) -> dict[str, str]:
    told = control.ask(box.state, "status")["conditions"]
    return {each["key"]: each["sentence"] for each in told}


def until(what: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_an_update_is_installed_tried_and_kept(updated: Box, maker: Maker, tmp_path: Path) -> None:
    box, update = updated, make_update(tmp_path, maker, version="9.9.9")
    before = status(box)
    assert (before["version"], before["system"], before["update"]["phase"]) == (
        __version__,
        "A",
        "",
    )
    assert "Version 9.9.9" in box.cli("update", "look", str(update))
    with smtplib.SMTP("127.0.0.1", box.port(25)) as server:
        server.sendmail("x@example.org", box.address("anna"), "Subject: kept\r\n\r\nkept\r\n")
    box.cli("update", "install", str(update))
    box.wait(60)
    assert switch.load(box.state / "simulated/card/1").system == 3
    box.start()
    until(lambda: status(box)["state"] == "kept")
    now = status(box)
    assert (now["version"], now["system"], now["other"]) == ("9.9.9", "B", __version__)
    until(lambda: status(box)["update"]["phase"] == "kept")
    assert "The update to it worked" in box.cli("update", "status")
    # nothing of the proof stays, and the mail of before is there
    assert {each.name for each in (box.mail / "people").iterdir()} <= {
        box.address("anna"), box.address("ben")}  # fmt: skip
    assert "proof" not in box.cli("account", "list")
    assert any(b"kept" in each.read_bytes() for each in box.maildir("anna").rglob("new/*"))
    assert "update" not in conditions(box)


def test_one_that_never_proves_itself_gives_way_and_says_so(
    updated: Box, maker: Maker, tmp_path: Path
) -> None:
    box, update = updated, make_update(tmp_path, maker, version="9.9.10")
    former = status(box)["system"]
    box.cli("update", "install", str(update))
    box.wait(60)
    selector = box.state / "simulated/card/1"
    switch.store(selector, replace(switch.load(selector), starts=switch.MOST_STARTS))
    box.start()
    until(lambda: "update-failed" in conditions(box))
    said = conditions(box)["update-failed"]
    assert "version 9.9.10 did not work: The box did not start with it" in said
    assert (status(box)["system"], status(box)["state"]) == (former, "undone")
    assert "did not work" in box.cli("update", "status")
    control.ask(box.state, "update_read")
    assert "update-failed" not in conditions(box)
    assert status(box)["state"] == "kept"
    assert box.try_cli("update", "back").stderr.startswith("There is no other version")


def test_a_stick_with_an_update_is_noticed_and_a_forged_one_is_refused(
    updated: Box, maker: Maker, tmp_path: Path
) -> None:
    box, stick = updated, tmp_path / "stick"
    stick.mkdir()
    make_update(tmp_path, maker, version="9.9.11").rename(stick / "pillarbox-9.9.11.update")
    make_update(tmp_path, make_maker(tmp_path), name="forged").rename(stick / "forged.update")
    box.cli("sim", "plug", str(stick))
    control.ask(box.state, "drives_ready")
    until(lambda: {"update-found", "update-bad"} <= set(conditions(box)))
    assert conditions(box)["update-found"] == "An update to version 9.9.11 is there."
    assert "not made by the maker of this box" in conditions(box)["update-bad"]
    offers = {Path(each["path"]).name: each for each in status(box)["offers"]}
    assert offers["pillarbox-9.9.11.update"]["notes"]["de"] == "Post ist schneller.\n"
    refused = box.try_cli("update", "install", str(stick / "forged.update"))
    assert (refused.returncode, "not made by the maker" in refused.stderr) == (1, True)
    box.cli("sim", "unplug", str(stick))
    control.ask(box.state, "drives_ready")
    until(lambda: not {"update-found", "update-bad"} & set(conditions(box)))


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ({"smtp": 1}, r"Mail from outside was not taken \("),
        ({"imaps": 1}, r"Mail could not be read by IMAP \("),
    ],
)
def test_what_does_not_work_is_said(updated: Box, broken: dict[str, int], words: str) -> None:
    ways = replace(
        Ways("127.0.0.1", updated.port(25), updated.port(465), updated.port(993)), **broken
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proof, "ADDRESS", updated.address("ben"))
        with pytest.raises(Refused, match=words):
            proof.prove(ways, updated.password("ben"))


def test_sending_that_does_not_work_is_said(updated: Box) -> None:
    ways = Ways("127.0.0.1", updated.port(25), updated.port(995), updated.port(993))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proof, "ADDRESS", updated.address("ben"))
        patch.setattr(proof, "_SECONDS", 1.0)  # the door of POP3 never says what SMTP would
        with pytest.raises(Refused, match=r"Mail could not be sent \("):
            proof.prove(ways, updated.password("ben"))


def test_mail_that_does_not_arrive_is_said(updated: Box) -> None:
    ways = Ways("127.0.0.1", updated.port(25), updated.port(465), updated.port(993))
    slept: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proof, "ADDRESS", updated.address("ben"))
        patch.setattr(proof, "_FIELD", "X-Another")
        patch.setattr(proof, "_arrived", lambda client, token, sleep: slept.append(0) or "")
        with pytest.raises(Refused, match="did not reach the mailbox"):
            proof.prove(ways, updated.password("ben"), slept.append)


def test_a_door_that_says_later_is_asked_again_for_longer(updated: Box) -> None:
    """So a box whose filters greet strangers with "come again" passes its own proof."""
    with smtplib.SMTP("127.0.0.1", updated.port(25)) as server:
        server.ehlo()
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            server.sendmail("x@example.org", "nobody@office.test", "x")
    assert not proof._is_for_later(refused.value)
    assert proof._is_for_later(smtplib.SMTPDataError(451, b"4.7.1 Come again in five minutes"))
    assert not proof._is_for_later(ConnectionRefusedError())
