"""When somebody leaves: what each day brings, what may not be removed, and who gets in."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from appliance.accounts.database import AccountsDatabase
from appliance.accounts.directory import Directory, Parting
from appliance.accounts.handovers import HandOver, HandOvers
from appliance.accounts.login import Ending, Gate, Service, may_stay
from appliance.accounts.parting import Due, Partings, due, removal_refusal
from appliance.accounts.registry import Registry
from appliance.accounts.sasl import Exchange
from appliance.clock import SetClock
from appliance.errors import AuthenticationFailed, NotFound, Refused
from appliance.threads import run_here
from tests.accounts.test_login import ANNA, APP, PASSWORD, client_final

NOW = 1_795_000_000.0
TODAY = datetime.fromtimestamp(NOW).date()  # noqa: DTZ006 - the office's own day
LAST = date(2027, 3, 31)


def until(**more):
    return Parting(is_locked=True, keep_until=LAST.isoformat(), **more)


@pytest.mark.parametrize(
    ("parting", "days", "expected"),
    [
        (Parting(is_locked=True), 100, Due.NOTHING),
        (until(), -30, Due.NOTHING),
        (until(), 0, Due.NOTHING),  # the whole last day
        (until(), 1, Due.REMIND),
        (until(told="remind"), 9, Due.NOTHING),
        (until(removes=True), -8, Due.NOTHING),
        (until(removes=True), -7, Due.WARN),
        (until(removes=True, told="warn"), -6, Due.NOTHING),
        (until(removes=True, told="warn"), 0, Due.NOTHING),
        (until(removes=True, told="warn"), 1, Due.REMOVE),
        (until(removes=True, told="warn", is_held=True), 1, Due.REMIND),
        (Parting(keep_until=LAST.isoformat(), removes=True), -1, Due.NOTHING),  # not locked
        (Parting(keep_until=LAST.isoformat(), removes=True), 1, Due.REMIND),
        (until(removes=True, is_held=True), -1, Due.NOTHING),
    ],
)
def test_what_a_day_brings(parting, days, expected):
    assert due(parting, LAST + timedelta(days=days)) is expected


def test_what_is_kept_or_held_is_not_removed():
    assert removal_refusal(Parting(), LAST) == ""
    assert "2027-03-31" in removal_refusal(until(), LAST)
    assert removal_refusal(until(), LAST + timedelta(days=1)) == ""
    assert "hold" in removal_refusal(Parting(is_held=True), LAST)


@pytest.fixture
def database(tmp_path):
    made = AccountsDatabase(tmp_path)
    people = Registry(made, NOW)
    people.add_domain("office.test")
    for number, name in enumerate(("anna", "ben")):
        Registry(made, NOW + number).add_account(f"{name}@office.test", f"correct horse {name}")
    yield made
    made.close()


def test_each_act_stands_alone_and_is_undone(database):
    partings = Partings(database, NOW)
    partings.lock("Anna@office.test", refuses_mail=True)
    partings.keep("anna@office.test", "2099-12-31", removes=True)
    partings.hold("anna@office.test")
    expected = Parting(
        is_locked=True, refuses_mail=True, keep_until="2099-12-31", removes=True, is_held=True
    )
    assert database.directory().parting("anna@office.test") == expected
    partings.unlock("anna@office.test")
    partings.keep("anna@office.test", "")
    partings.end_hold("anna@office.test")
    assert database.directory().parting("anna@office.test") == Parting()
    with pytest.raises(NotFound):
        partings.lock("eve@office.test")


def test_an_account_that_is_kept_is_removed_by_nobody(database):
    Partings(database, NOW).keep("anna@office.test", TODAY.isoformat())
    with pytest.raises(Refused, match="cannot be removed"):
        Registry(database, NOW).remove_account("anna@office.test")
    tomorrow = NOW + 86_400
    Registry(database, tomorrow).remove_account("anna@office.test")
    Registry(database, tomorrow).add_account("anna@office.test", "another horse anna")
    assert database.directory().parting("anna@office.test") == Parting()


@pytest.mark.parametrize("day", ["soon", "2020-01-01", "2027-02-30"])
def test_a_day_that_is_none_or_over_is_refused(database, day):
    with pytest.raises(Refused):
        Partings(database, NOW).keep("anna@office.test", day)


def test_only_a_locked_account_is_removed_by_itself(database):
    partings = Partings(database, NOW)
    with pytest.raises(Refused, match="Lock the account first"):
        partings.keep("anna@office.test", "2099-12-31", removes=True)
    partings.lock("anna@office.test")
    partings.keep("anna@office.test", "2099-12-31", removes=True)
    partings.unlock("anna@office.test")
    expected = Parting(keep_until="2099-12-31")
    assert database.directory().parting("anna@office.test") == expected


def test_the_office_s_letters_go_to_somebody_who_is_still_here(database):
    assert database.directory().owner() == "anna@office.test"
    Partings(database, NOW).lock("anna@office.test")
    assert database.directory().owner() == "ben@office.test"
    Partings(database, NOW).lock("ben@office.test")
    assert database.directory().owner() == "anna@office.test"


def test_a_hand_over_is_known_after_a_restart(database):
    wanted = HandOver("anna@office.test", "ben@office.test", ("Projects",), "Olga")
    HandOvers(database).begin(wanted, NOW)
    HandOvers(database).note(wanted, "Projects", 17, 4)
    HandOvers(database).note(wanted, "Projects", 17, 9)
    assert HandOvers(database).all_of_them() == [wanted]
    assert list(HandOvers(database).places(wanted)) == [("Projects", 17, 9)]
    HandOvers(database).end(wanted)
    assert HandOvers(database).all_of_them()[0].is_done
    assert list(HandOvers(database).places(wanted)) == [("Projects", 17, 9)]


LOCKED = Directory(
    frozenset({"office.test"}),
    {ANNA.address: ANNA},
    partings={ANNA.address: Parting(is_locked=True)},
)


@pytest.fixture
def gate():
    made = Gate(LOCKED, SetClock())
    made.attempts = []
    made.on_attempt = made.attempts.append
    return made


@pytest.mark.parametrize("password", [PASSWORD, APP, "wrong"])
@pytest.mark.parametrize("service", Service)
def test_a_locked_account_hears_what_a_stranger_hears(gate, password, service):
    with pytest.raises(AuthenticationFailed, match=r"^Wrong user name or password\.$"):
        run_here(gate.password("anna@office.test", password, service, "192.0.2.1"))
    assert [each.ending for each in gate.attempts] == [Ending.LOCKED]


def test_nor_does_it_get_in_by_scram(gate):
    talk = Exchange(b"SCRAM-SHA-256", gate, Service.IMAP, "192.0.2.1")
    bare = b"n=anna@office.test,r=abc"
    server_first = run_here(talk.respond(b"n,," + bare))[0]
    final, _ = client_final(PASSWORD.encode(), bare, server_first)
    with pytest.raises(AuthenticationFailed):
        run_here(talk.respond(final))


def test_who_is_locked_while_the_password_is_checked_does_not_get_in():
    gate = Gate(Directory(LOCKED.domains, LOCKED.accounts), SetClock())
    steps = gate.password("anna@office.test", PASSWORD, Service.IMAP, "192.0.2.1")
    work = next(steps)
    gate.change(LOCKED)
    with pytest.raises(AuthenticationFailed):
        steps.send(work.run())


@pytest.mark.parametrize(
    ("password", "changes"),
    [
        (PASSWORD, {"argon2": "another"}),
        (APP, {"app_passwords": ()}),
    ],
)
def test_a_password_that_is_changed_while_it_is_checked_opens_nothing(password, changes):
    gate = Gate(Directory(LOCKED.domains, LOCKED.accounts), SetClock())
    steps = gate.password("anna@office.test", password, Service.IMAP, "192.0.2.1")
    work = next(steps)
    gate.change(Directory(LOCKED.domains, {ANNA.address: replace(ANNA, **changes)}))
    with pytest.raises(AuthenticationFailed):
        steps.send(work.run())


def test_who_is_inside_may_stay_as_long_as_what_opened_opens():
    people = Directory(LOCKED.domains, LOCKED.accounts)
    app = ANNA.app_passwords[0].hash
    assert all(may_stay(people, ANNA.address, by) for by in ("", ANNA.argon2, app))
    assert not may_stay(people, ANNA.address, "another")
    assert not may_stay(people, "nobody@office.test", "")
    assert not may_stay(LOCKED, ANNA.address, ANNA.argon2)
    changed = replace(ANNA, argon2="another")
    assert may_stay(Directory(LOCKED.domains, {ANNA.address: changed}), ANNA.address, app)
