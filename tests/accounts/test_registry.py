"""Who is here: domains, accounts, aliases, passwords, through the database and back."""

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.accounts import migrations
from appliance.accounts.database import AccountsDatabase
from appliance.accounts.registry import Registry
from appliance.errors import AlreadyExists, BadSettings, NotFound, Refused


@pytest.fixture
def database(tmp_path):
    database = AccountsDatabase(tmp_path)
    yield database
    database.close()


@pytest.fixture
def registry(database):
    registry = Registry(database, now=1000.0)
    registry.add_domain("Office.test")
    registry.add_account("Anna@office.test", "correct horse", quota_octets=1000)
    registry.add_account("ben@office.test", "battery staple")
    return registry


def local(directory, address):
    return [(r.address, r.is_local, r.detail) for r in directory.resolve(address)]


def reached(database, address):
    return sorted(each.address for each in database.directory().resolve(address))


def test_an_account_is_found_in_any_letter_case(registry, database):
    assert database.directory().find("ANNA@OFFICE.TEST").quota_octets == 1000
    assert database.directory().find("anna").address == "anna@office.test"
    assert database.directory().find("nobody") is None


def test_sub_addressing_leads_to_the_account_with_its_detail(registry, database):
    assert local(database.directory(), "anna+shop@office.test") == [
        ("anna@office.test", True, "shop")
    ]


def test_an_alias_leads_to_several_and_outside(registry, database):
    registry.add_alias("info@office.test", ["anna@office.test", "ben@office.test", "x@else.test"])
    assert local(database.directory(), "info@office.test") == [
        ("anna@office.test", True, ""),
        ("ben@office.test", True, ""),
        ("x@else.test", False, ""),
    ]


def test_aliases_that_lead_in_a_circle_end(registry, database):
    registry.add_alias("a@office.test", ["b@office.test"])
    registry.add_alias("b@office.test", ["a@office.test", "anna@office.test"])
    assert local(database.directory(), "a@office.test") == [("anna@office.test", True, "")]


def test_catch_all_takes_what_nobody_has(registry, database):
    assert local(database.directory(), "whoever@office.test") == []
    registry.add_alias("@office.test", ["ben@office.test"])
    assert local(database.directory(), "whoever@office.test") == [
        ("ben@office.test", True, "whoever")
    ]
    assert local(database.directory(), "anna@office.test") == [("anna@office.test", True, "")]


def test_of_a_shared_domain_only_what_somebody_has_is_here(registry, database):
    registry.add_domain("provider.test", is_shared=True)
    registry.add_account("anna@provider.test", "a long password")
    registry.add_alias("office@provider.test", ["anna@provider.test"])
    directory = database.directory()
    assert local(directory, "anna+news@provider.test") == [("anna@provider.test", True, "news")]
    assert local(directory, "office@provider.test") == [("anna@provider.test", True, "")]
    for elsewhere in ("stranger@provider.test", "postmaster@provider.test"):
        assert local(directory, elsewhere) == [(elsewhere, False, "")]
    assert not directory.is_our_domain("provider.test")
    assert directory.is_here("anna@provider.test")
    assert not directory.is_here("stranger@provider.test")
    assert directory.may_send_as("anna@provider.test", "office@provider.test")
    assert not directory.may_send_as("anna@provider.test", "stranger@provider.test")
    with pytest.raises(Refused, match="a provider's domain"):
        registry.add_alias("@provider.test", ["anna@provider.test"])


@pytest.mark.parametrize("role", ["postmaster", "abuse"])
def test_role_addresses_exist_by_default_and_go_to_the_owner(registry, database, role):
    assert local(database.directory(), f"{role}@office.test") == [("anna@office.test", True, role)]
    registry.add_alias(f"{role}@office.test", ["ben@office.test"])
    assert local(database.directory(), f"{role}@office.test") == [("ben@office.test", True, "")]


def test_sending_as_is_allowed_exactly_for_what_is_received(registry, database):
    registry.add_alias("info@office.test", ["ben@office.test"])
    people = database.directory()
    assert people.may_send_as("anna@office.test", "Anna+x@office.test")
    assert not people.may_send_as("anna@office.test", "info@office.test")
    assert people.may_send_as("ben@office.test", "info@office.test")
    assert not people.may_send_as("ben@office.test", "ben@else.test")
    assert not people.may_send_as("ben@office.test", "rubbish")


def test_refusals_are_sentences_and_change_nothing(registry, database):
    before = database.directory()
    for act, error in (
        (lambda: registry.add_account("anna@office.test", "another one"), AlreadyExists),
        (lambda: registry.add_account("eve@nowhere.test", "another one"), NotFound),
        (lambda: registry.add_account("eve@office.test", "short"), Refused),
        (lambda: registry.add_account("e ve@office.test", "long enough"), Refused),
        (lambda: registry.add_account("../eve@office.test", "long enough"), Refused),
        (lambda: registry.add_account("a/b@office.test", "long enough"), Refused),
        (lambda: registry.add_alias("anna@office.test", ["ben@office.test"]), AlreadyExists),
        (lambda: registry.add_alias("x@office.test", ["x@office.test"]), Refused),
        (lambda: registry.remove_domain("office.test"), Refused),
        (lambda: registry.remove_alias("nothing@office.test"), NotFound),
        (lambda: registry.remove_account("eve@office.test"), NotFound),
        (lambda: registry.revoke_app_password("anna@office.test", "phone"), NotFound),
        (lambda: registry.add_app_password("anna@office.test", "x", ["telnet"]), Refused),
    ):
        with pytest.raises(error) as refusal:
            act()
        assert str(refusal.value).endswith((".", ")", "office.test", "nowhere.test"))
    assert database.directory() == before


@pytest.mark.parametrize("address", ["no address", "eve@nowhere.test", "ben@office.test"])
def test_of_a_bad_address_and_a_bad_password_the_address_is_told_first(registry, address):
    with pytest.raises((Refused, NotFound, AlreadyExists)) as refusal:
        registry.add_account(address, "short")
    assert "password" not in str(refusal.value)


def test_a_removed_account_is_gone_with_its_app_passwords_and_from_aliases(registry, database):
    registry.add_app_password("ben@office.test", "phone")
    registry.add_alias("info@office.test", ["ben@office.test", "anna@office.test"])
    registry.remove_account("ben@office.test")
    assert "ben@office.test" not in database.directory().accounts
    assert local(database.directory(), "info@office.test") == [("anna@office.test", True, "")]


def test_mail_is_passed_on_with_or_without_a_copy(registry, database):
    registry.set_forward("anna@office.test", "Anna@else.test", keeps_copy=True)
    assert reached(database, "anna+shop@office.test") == ["anna@else.test", "anna@office.test"]
    registry.set_forward("anna@office.test", "ben@office.test", keeps_copy=False)
    assert reached(database, "anna@office.test") == ["ben@office.test"]
    assert reached(database, "postmaster@office.test") == ["ben@office.test"]
    assert not database.directory().may_send_as("ben@office.test", "anna@office.test")
    assert database.directory().may_send_as("anna@office.test", "anna@office.test")
    registry.remove_forward("anna@office.test")
    assert reached(database, "anna@office.test") == ["anna@office.test"]


@pytest.mark.parametrize(
    "target", ["anna@office.test", "anna+me@office.test", "us@office.test", "nobody@office.test"]
)
def test_mail_is_not_passed_on_to_oneself_in_circles_or_to_nobody(registry, database, target):
    registry.add_alias("us@office.test", ["anna@office.test", "ben@office.test"])
    with pytest.raises(Refused):
        registry.set_forward("anna@office.test", target, keeps_copy=True)
    assert database.directory().forwards == {}


def test_two_who_pass_on_to_each_other_are_refused_however_it_came_about(registry, database):
    registry.set_forward("anna@office.test", "out@else.test", keeps_copy=False)
    registry.set_forward("ben@office.test", "anna@office.test", keeps_copy=False)
    with pytest.raises(Refused, match="comes back to anna"):
        registry.set_forward("anna@office.test", "ben@office.test", keeps_copy=False)


def test_it_is_known_whose_mail_is_passed_on_outside(registry, database):
    registry.add_alias("team@office.test", ["out@else.test", "anna@office.test"])
    registry.set_forward("anna@office.test", "anna@else.test", keeps_copy=True)
    registry.set_forward("ben@office.test", "anna@office.test", keeps_copy=False)
    people = database.directory()
    for address in ("anna@office.test", "ben@office.test", "team@office.test"):
        whose = {each.address: each.passed_on_by for each in people.resolve(address)}
        assert whose.pop("anna@else.test") == "anna@office.test"
        assert set(whose.values()) == {""}, "only what goes outside by it"


def test_mail_stays_where_its_target_is_gone(registry, database):
    registry.set_forward("anna@office.test", "ben@office.test", keeps_copy=False)
    registry.remove_account("ben@office.test")
    assert reached(database, "anna@office.test") == ["anna@office.test"]


def test_international_addresses_have_one_spelling(registry, database):
    registry.add_domain("Büro.test")
    registry.add_account("Ännä@büro.test", "long enough")
    assert "ännä@xn--bro-hoa.test" in database.directory().accounts
    assert database.directory().find("A\u0308nna\u0308@XN--BRO-HOA.test") is not None


@pytest.mark.parametrize("version", range(len(migrations.STEPS) + 1))
def test_every_earlier_schema_is_brought_up_with_what_it_holds(tmp_path, version):
    path = tmp_path / "appliance.db"
    old = Database(path)
    migrations.migrate(old, migrations.STEPS[:version])
    if version >= 1:
        old["domains"].insert({"name": "office.test", "created": 1.0})
        old["accounts"].insert({"address": "anna@office.test", "quota": 5, "created": 1.0})
        old["aliases"].insert({"alias": "@office.test", "target": "anna@office.test"})
    if version >= 2:
        row = {"address": "anna@office.test", "name": "phone", "hash": "h", "services": "imap"}
        old["app_passwords"].insert({**row, "created": 1.0, "last_used": 0.0, "last_peer": ""})
    old.close()

    database = AccountsDatabase(tmp_path)
    people = database.directory()
    database.close()
    with sqlite3.connect(path) as fresh:
        assert fresh.execute("PRAGMA user_version").fetchone() == (len(migrations.STEPS),)
    if version >= 1:
        assert people.accounts["anna@office.test"].quota_octets == 5
        assert local(people, "x@office.test") == [("anna@office.test", True, "x")]
    if version >= 2:
        assert people.accounts["anna@office.test"].app_passwords[0].services == {"imap"}


def test_a_newer_schema_is_refused_and_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / "appliance.db") as newer:
        newer.execute("PRAGMA user_version = 99")
    with pytest.raises(BadSettings, match="newer Pillarbox"):
        AccountsDatabase(tmp_path)


def test_a_step_that_fails_leaves_the_schema_before_it(tmp_path):
    def broken(db):
        db["half"].insert({"a": 1})
        raise RuntimeError("power cut")

    db = Database(tmp_path / "x.db")
    with pytest.raises(RuntimeError):
        migrations.migrate(db, (migrations.STEPS[0], broken))
    assert db.conn.execute("PRAGMA user_version").fetchone() == (1,)
    assert "half" not in db.table_names()


def test_the_database_is_readable_by_its_owner_only(database, tmp_path):
    assert (tmp_path / "appliance.db").stat().st_mode & 0o077 == 0


def test_two_programs_that_read_and_then_write_wait_for_each_other(tmp_path: Path) -> None:
    one, other = AccountsDatabase(tmp_path), AccountsDatabase(tmp_path)
    began, written = threading.Event(), threading.Event()

    def write() -> None:
        began.wait(5)
        with other.change() as db:
            db.execute("insert into domains (name, created) values ('b.test', 0)")
        written.set()

    thread = threading.Thread(target=write)
    thread.start()
    with one.change() as db:
        assert not list(db.query("select * from domains"))
        began.set()
        written.wait(0.2)
        db.execute("insert into domains (name, created) values ('a.test', 0)")
    thread.join()
    assert one.directory().domains == {"a.test", "b.test"}
    one.close()
    other.close()


def test_what_is_only_noted_is_there_at_once_and_promises_stay_promises(tmp_path: Path) -> None:
    database = AccountsDatabase(tmp_path)
    with database.note() as db:
        db.execute("insert into domains (name, created) values ('noted.test', 0)")
    assert database.directory().domains == {"noted.test"}
    assert database.db.conn.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL again
    with pytest.raises(ZeroDivisionError), database.note() as db:
        db.execute("insert into domains (name, created) values ('lost.test', 0)")
        raise ZeroDivisionError
    assert database.directory().domains == {"noted.test"}
    assert database.db.conn.execute("PRAGMA synchronous").fetchone()[0] == 2
    database.close()
