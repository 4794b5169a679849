"""Whose mail goes where: passing on, further addresses, and that a helper gains nobody's mail."""

import pytest

from tests.support.box import wait_until
from tests.support.mail import submit, wait_for_mail
from tests.web.browser import Reader

_OWNERS = "only an owner may change it"


def _as(office, person):
    reader = Reader(office)
    assert reader.log_in(person.address, person.password).status == 200
    return reader


def _send(office, to):
    submit(office, office.account("ben"), [to], b"Subject: Plan\r\n\r\nHere.\r\n")


def test_who_passes_mail_on_is_told_and_keeps_a_copy_or_not(office, owner):
    from_, to = office.person("leaver"), office.person("heir")
    reader = _as(office, from_)
    wrong = reader.do("/me", "my_forward_set", to=to.address, keep="on", now="not my password")
    assert wrong.says("Wrong user name or password.")
    done = reader.do("/me", "my_forward_set", to=to.address, now=from_.password)
    assert done.says(f"It is passed on to {to.address}. No copy stays here.")
    assert owner.get("/people").says(f"passed on to {to.address}")
    _send(office, from_.address)
    assert b"Plan" in wait_for_mail(office, to, 1)[0]
    (told,) = wait_for_mail(office, from_, 1)
    assert b"is passed on to" in told, "the word of it stays in the mailbox itself"
    assert owner.do(f"/people/{from_.address}", "forward_end").says("Done.")
    assert reader.get("/me").says("My mail stays here and goes nowhere else.")


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("{me}", "comes back to"),
        ("{me_plus}", "comes back to"),
        ("nobody@office.test", "Nobody here has the address"),
        ("no address", "is not a mail address"),
    ],
)
def test_mail_is_not_passed_on_to_oneself_or_to_nobody(office, to, why):
    person = office.person("circle")
    named = {"me": person.address, "me_plus": person.address.replace("@", "+x@")}
    asked = _as(office, person).do(
        "/me", "my_forward_set", to=to.format(**named), now=person.password
    )
    assert asked.says(why)
    assert asked.says("Please look at the marked fields.")


def test_a_helper_makes_new_addresses_but_takes_nobodys_mail(office, owner, helper):
    person, spy = office.person("target"), office.person("spy")
    add = {"targets": spy.address}
    assert owner.do("/people", "alias_add", alias="info@office.test", targets=person.address).says(
        "Done."
    )
    assert helper.do("/people", "alias_add", alias="fresh@office.test", **add).says("Done.")
    plus = person.address.replace("@", "+shop@")
    for alias in ("info@office.test", plus, "postmaster@office.test", "@office.test"):
        assert helper.do("/people", "alias_add", alias=alias, **add).says(_OWNERS), alias
    made = helper.do("/people", "account_add", address=plus, password="long enough for us")
    assert made.says(_OWNERS)
    removed = helper.do("/people", "alias_remove", alias="info@office.test")
    assert removed.says("You may not do this")


def test_a_helper_cannot_take_over_the_mail_of_an_account_by_making_it_anew(office, owner, helper):
    person = office.person("gone")
    _send(office, person.address)
    wait_for_mail(office, person, 1)
    helper.do(f"/people/{person.address}", "account_remove", _then="/people")
    again = {"address": person.address, "password": "known to the helper"}
    assert helper.do("/people", "account_add", **again).says(_OWNERS)
    taken = helper.do("/people", "alias_add", alias=person.address, targets="ben@office.test")
    assert taken.says(_OWNERS)
    assert owner.do("/people", "account_add", **again).says("Done.")


def test_whose_mail_an_owner_has_copied_is_told(office, owner):
    person, other = office.person("copied"), office.person("reader")
    owner.do("/people", "alias_add", alias="sales@office.test", targets=person.address)
    owner.do("/people", "alias_add", alias="sales@office.test", targets=other.address)
    (told,) = wait_for_mail(office, person, 1)
    assert b"sales@office.test" in told
    assert other.address.encode() in told.replace(b"=\r\n", b"")
    wait_until(lambda: owner.get("/changes").says("sales@office.test"), "it is written down")


def test_everybody_sees_how_much_they_keep(office, owner):
    person = office.person("keeper", quota=1 << 20)
    _send(office, person.address)
    wait_for_mail(office, person, 1)
    reader = _as(office, person)
    assert reader.get("/").says("of 1.0 MB")
    assert reader.api("GET", "/me/usage").json["messages"] == 1
    assert owner.get(f"/people/{person.address}").says("of 1.0 MB")
    assert owner.get("/people").says("of 1.0 MB")
