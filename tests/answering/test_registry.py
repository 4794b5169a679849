"""Who was answered is written down before anything is sent."""

import pytest

from appliance.accounts.database import AccountsDatabase
from appliance.accounts.registry import Registry as People
from appliance.answering.answer import Answer
from appliance.answering.decision import MOST_AN_HOUR, REPEAT_SECONDS
from appliance.answering.registry import Registry
from appliance.errors import NotFound, Refused

ANNA, EVE, NOW = "anna@office.test", "eve@example.net", 1_795_000_000.0
AWAY = Answer(is_on=True, begin="2027-03-01", text="away")


@pytest.fixture
def database(tmp_path):
    made = AccountsDatabase(tmp_path)
    people = People(made, NOW)
    people.add_domain("office.test")
    people.add_account(ANNA, "correct horse anna")
    yield made
    made.close()


def test_what_was_set_is_there_after_a_restart(database):
    Registry(database).set("Anna@Office.test", AWAY)
    assert Registry(database).all_of_them() == {ANNA: AWAY}
    assert Registry(database).of(ANNA) == AWAY


def test_nobody_has_one_until_it_is_set(database):
    assert not Registry(database).of(ANNA).is_on


def test_only_accounts_have_one(database):
    with pytest.raises(NotFound):
        Registry(database).set("eve@office.test", AWAY)
    with pytest.raises(Refused):
        Registry(database).set(ANNA, Answer(is_on=True))


def test_an_account_made_anew_does_not_inherit_the_answer_of_another_person(database):
    Registry(database).set(ANNA, AWAY)
    People(database, NOW).remove_account(ANNA)
    People(database, NOW + 60).add_account(ANNA, "another horse anna")
    assert not Registry(database).of(ANNA).is_on


def test_a_sender_is_taken_once_a_week_and_again_for_other_words(database):
    registry = Registry(database)
    assert registry.take(ANNA, EVE, "first", NOW) == ""
    assert Registry(database).take(ANNA, EVE, "first", NOW + 1)
    assert registry.take(ANNA, EVE, "second", NOW + 1) == ""
    assert registry.take("ben@office.test", EVE, "first", NOW + 1) == ""
    assert registry.take(ANNA, EVE, "first", NOW + REPEAT_SECONDS + 1) == ""


def test_a_flood_of_senders_is_answered_so_often_an_hour(database):
    registry = Registry(database)
    for number in range(MOST_AN_HOUR):
        assert registry.take(ANNA, f"{number}@example.net", "x", NOW) == ""
    assert registry.take(ANNA, EVE, "x", NOW + 10)
    assert registry.take("ben@office.test", EVE, "x", NOW + 10) == ""
    assert registry.take(ANNA, EVE, "x", NOW + 3601) == ""
