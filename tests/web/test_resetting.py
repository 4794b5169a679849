"""The box as it was delivered, with its mail or without (journey J10 step 7)."""

from __future__ import annotations

import pytest

from appliance import files
from appliance.accounts.database import DATABASE
from appliance.errors import Refused
from appliance.hardware.simulated_drives import SimulatedDrives
from appliance.upkeep import resetting
from appliance.web.regaining import HOLD_SECONDS, OPEN_SECONDS, Regaining
from tests.support.box import wait_until
from tests.support.mail import letter, submit, wait_for_mail
from tests.web.browser import OWNER_PASSWORD, Reader, make_owner


def _lived_in(state, mail="mail"):
    """What a box has after a while."""
    for name in (DATABASE, "backup.key", "settings.toml", "updates/restore/accounts.db",
                 "tls/ca.pem", f"{mail}/people/anna/cur/1", "simulated/network"):  # fmt: skip
        path = state / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    (state / "had-mail-disk").write_text("x")


def _names(state):
    return sorted(each.name for each in state.iterdir())


def _perform(state):
    wanted = resetting.asked(state)
    assert wanted is not None
    resetting.perform(state, wanted, SimulatedDrives(), pause=lambda _seconds: None)


def test_keeping_the_mail_keeps_the_mail_and_nothing_else(tmp_path):
    _lived_in(tmp_path)
    resetting.ask(tmp_path, "keep")
    _perform(tmp_path)
    assert _names(tmp_path) == ["had-mail-disk", "mail", "simulated", "was-reset"]
    assert (tmp_path / "mail/people/anna/cur/1").exists()


def test_a_power_cut_at_any_moment_of_it_is_gone_on_from(tmp_path, monkeypatch):
    cut_at, done = 0, False
    while not done:
        state = tmp_path / str(cut_at)
        state.mkdir()
        _lived_in(state)
        resetting.ask(state, "erase")
        left = cut_at

        def fault(act, _path):
            nonlocal left
            left -= act.startswith("before")
            if left < 0:
                raise KeyboardInterrupt

        monkeypatch.setattr(files, "fault", fault)
        try:
            _perform(state)
            done = True
        except KeyboardInterrupt:
            monkeypatch.undo()
            if resetting.asked(state) is not None:
                _perform(state)
        monkeypatch.undo()
        assert _names(state) == ["simulated", "was-reset"], cut_at
        cut_at += 1
    assert cut_at > 10


def test_mail_at_a_place_of_the_owners_own_is_found_again_or_emptied(tmp_path):
    state, own = tmp_path / "state", tmp_path / "own"
    _lived_in(state)
    (own / "people").mkdir(parents=True)
    resetting.ask(state, "keep", str(own))
    _perform(state)
    assert str(own) in (state / "settings.toml").read_text()
    resetting.ask(state, "erase", str(own))
    _perform(state)
    assert not own.exists()
    assert _names(state) == ["simulated", "was-reset"]


def test_a_wish_that_cannot_be_read_never_deletes_mail(tmp_path):
    _lived_in(tmp_path)
    (tmp_path / "reset").write_text("{")
    _perform(tmp_path)
    assert (tmp_path / "mail").is_dir()
    with pytest.raises(Refused):
        resetting.ask(tmp_path, "perhaps")


def test_a_mail_disk_that_is_missing_is_named_and_the_rest_is_done(tmp_path):
    _lived_in(tmp_path)
    (tmp_path / "mail-disk").write_text(
        '{"uuid": "1", "file_system": "ext4", "name": "Blue disk", "root": "/nowhere"}'
    )
    resetting.ask(tmp_path, "erase")
    _perform(tmp_path)
    assert "Blue disk" in (tmp_path / "was-reset").read_text()


def test_the_button_counts_while_the_page_waits_for_it_and_once():
    regaining = Regaining()
    with pytest.raises(Refused):
        regaining.ask_reset(10.0)
    regaining.open(100.0)
    assert not regaining.take_reset(101.0)
    regaining.ask_reset(102.0)
    assert not regaining.take_reset(102.0 + HOLD_SECONDS)
    regaining.ask_reset(103.0)
    assert regaining.take_reset(104.0)
    assert not regaining.take_reset(105.0)
    regaining.ask_reset(99.0 + OPEN_SECONDS)
    assert not regaining.take_reset(100.0 + OPEN_SECONDS)


def _starts_anew(box):
    wait_until(lambda: box.log_of_this_run().count("pillarbox: ready") == 2, "it starts anew",
               seconds=40)  # fmt: skip


def test_an_owner_resets_the_box_with_password_name_and_button(own_box):
    make_owner(own_box)
    owner = Reader(own_box)
    owner.log_in()
    host = own_box.cli("status").split(" on ")[1].split()[0]
    typed = {"mail": "erase", "name": "another box", "now": "wrong"}
    assert owner.do("/reset", "reset", **typed).says("Press the button")
    own_box.cli("sim", "press")
    assert owner.do("/reset", "reset", **typed).says("This is not the name of the box.")
    typed["name"] = host
    owner.do("/reset", "reset", **typed)
    own_box.cli("sim", "press")
    assert owner.do("/reset", "reset", **typed).says("Wrong user name or password.")
    assert (own_box.state / DATABASE).exists()
    typed["now"] = OWNER_PASSWORD
    owner.do("/reset", "reset", **typed)
    own_box.cli("sim", "press")
    assert owner.do("/reset", "reset", **typed).says("begins with the first steps")
    _starts_anew(own_box)
    assert "/setup" in Reader(own_box).get("/").url
    assert "anna" not in own_box.cli("account", "list")
    assert not (own_box.mail / "people" / "anna@office.test").exists()
    assert "was reset" not in own_box.cli("status")


@pytest.mark.slow  # the button is held for ten seconds
def test_who_holds_the_button_resets_the_box_and_the_mail_stays(own_box):
    make_owner(own_box)
    anna, ben = own_box.account("anna"), own_box.account("ben")
    submit(own_box, ben, [anna.address], letter("kept", ben.address, anna.address))
    wait_for_mail(own_box, anna, 1)
    assert Reader(own_box).post("/forgotten/reset", {}).says("The time for this is over")
    own_box.terminate()
    own_box.launch("--hold-button", port_base=own_box.port_base)
    wait_until(lambda: "pillarbox: ready" in own_box.log_of_this_run(), "it starts", seconds=40)
    own_box.cli("sim", "press")  # lets go of it
    stranger = Reader(own_box)
    assert stranger.get("/forgotten").says("Reset the box instead")
    assert stranger.post("/forgotten/reset", {}).says("hold the button on the box for ten seconds")
    own_box.cli("sim", "press", "--seconds", "10.1")
    _starts_anew(own_box)
    assert "/setup" in Reader(own_box).get("/").url
    assert "the mail was kept" in own_box.cli("status")
    own_box.cli("domain", "add", "office.test")
    own_box.cli("account", "add", anna.address, "--password-stdin", stdin=f"{anna.password}\n")
    assert b"About kept" in wait_for_mail(own_box, anna, 1)[0]


def test_the_command_line_resets_a_box_that_does_not_run(own_box):
    own_box.terminate()
    refused = own_box.try_cli("reset", "--keep-mail")
    assert "--yes" in refused.stderr
    assert "when it starts" in own_box.cli("reset", "--erase-mail", "--yes")
    own_box.start()
    assert "anna" not in own_box.cli("account", "list")
