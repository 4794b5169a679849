"""The owner has forgotten the password: the button proves that somebody stands at the box, and nothing
is lost (journey J10 step 6)."""

from __future__ import annotations

import pyotp

from appliance.cli.asking import open_database
from appliance.web import people
from appliance.web.regaining import OPEN_SECONDS, Regaining
from tests.support.box import wait_until
from tests.web.browser import OWNER_PASSWORD, Reader, make_owner

NEW = "quite another password"


def test_it_is_possible_for_a_quarter_of_an_hour_and_once():
    regaining = Regaining()
    assert not regaining.is_open(0.0)
    regaining.open(100.0)
    assert regaining.is_open(100.0 + OPEN_SECONDS - 1)
    assert not regaining.is_open(100.0 + OPEN_SECONDS)
    regaining.close()
    assert not regaining.is_open(101.0)


def test_without_the_button_the_page_says_what_to_do_and_changes_nothing(office):
    stranger = Reader(office)
    shown = stranger.get("/forgotten")
    assert shown.says("Hold the button, put the plug back in")
    assert "olga" not in shown.text
    tried = stranger.post("/forgotten", {"login": "olga", "password": NEW})
    assert tried.says("The time for this is over")
    assert Reader(office).log_in().status == 200


def test_after_a_start_with_the_button_held_an_owner_gets_a_new_password(own_box):
    make_owner(own_box)
    make_owner(own_box, "hanna", "--helper", password="a helper's password")
    before = Reader(own_box)
    assert before.log_in().status == 200
    with open_database(own_box.state) as database:
        people.set_totp(database, "olga", pyotp.random_base32())  # on the phone that is lost too
    own_box.terminate()
    own_box.launch("--hold-button", port_base=own_box.port_base)
    wait_until(lambda: "pillarbox: ready" in own_box.log_of_this_run(), "it starts", seconds=30)
    assert "a new password" in own_box.cli("status")

    stranger = Reader(own_box)
    shown = stranger.get("/forgotten")
    assert shown.says("New password")
    assert "hanna" not in shown.text  # a helper asks an owner
    assert stranger.post("/forgotten", {"login": "hanna", "password": NEW}).says("no owner")
    weak = stranger.post("/forgotten", {"login": "olga", "password": "olga"})
    assert weak.status == 422
    stranger.post("/forgotten", {"login": "olga", "password": NEW})

    assert Reader(own_box).log_in("olga", OWNER_PASSWORD).status == 401
    owner = Reader(own_box)
    assert owner.log_in("olga", NEW).status == 200
    assert "/login" in before.get("/people").url  # whoever was logged in is out
    assert owner.get("/").says("olga has a new password, given after the button was held.")
    assert owner.get("/changes").says("New password, given after the button was held")
    again = Reader(own_box).post("/forgotten", {"login": "olga", "password": OWNER_PASSWORD})
    assert again.says("The time for this is over")
