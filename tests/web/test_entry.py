"""Who gets in, who does not, and how long it lasts."""

import time

import pyotp
import pytest

from appliance.web.entry import matching_step
from tests.support.mail import wait_for_mail
from tests.web.browser import OWNER_PASSWORD, Reader, make_owner


def test_without_a_login_every_page_leads_to_the_door(office):
    stranger = Reader(office)
    for path in ("/", "/people", "/backups", "/me", "/simulator"):
        assert "/login" in stranger.get(path).url


def test_the_owner_logs_in_and_sees_how_the_box_is(owner):
    home = owner.get("/")
    assert home.says("The lamps on the box now")
    assert home.says("Mail flows; nothing is waiting.")


def test_a_wrong_password_says_neither_that_the_name_is_wrong_nor_that_it_is_right(office):
    known = Reader(office).log_in("hanna", "wrong")
    unknown = Reader(office).log_in("nobody", "wrong")
    assert known.status == unknown.status == 401
    assert known.says("Wrong user name or password.")
    assert unknown.says("Wrong user name or password.")


def test_logging_out_ends_the_session_also_for_a_stolen_cookie(office):
    reader, thief = Reader(office), Reader(office)
    reader.log_in()
    thief.jar = reader.jar
    thief.__post_init__()
    assert thief.get("/people").says("anna@office.test")
    stolen = next(iter(reader.jar))
    reader.post("/logout", {})
    thief.jar.set_cookie(stolen)
    assert "/login" in thief.get("/people").url


def test_a_user_sees_nothing_of_the_box_and_of_others(user):
    assert user.get("/").says("Set up a mail program")
    for path in ("/people", "/queue", "/trace", "/backups", "/health", "/changes", "/simulator"):
        refused = user.get(path)
        assert refused.status == 403, path
        assert refused.says("You may not see this page.")


def test_a_helper_may_not_do_what_only_an_owner_may(helper):
    assert helper.get("/people").status == 200
    assert helper.get("/changes").status == 403
    done = helper.do("/people", "domain_add", domain="evil.test")
    assert done.says("You may not do this; ask the owner of the box.")


def test_a_helper_cannot_become_owner_by_an_owners_password(office, owner, helper):
    chief = office.person("chief").address
    make_owner(office, chief, password="the chief's own")
    changed = helper.do(f"/people/{chief}", "password_set", password="mine from now on")
    assert changed.says("Only an owner may change an owner's account.")


def test_a_helper_gets_no_password_to_anybodys_mail_without_a_word_to_them(office, helper):
    person = office.person("quiet")
    refused = helper.do(f"/people/{person.address}", "app_password_add", name="mine")
    assert refused.says("You may not do this; ask the owner of the box.")
    helper.do(f"/people/{person.address}", "password_set", password="known to the helper")
    (told,) = wait_for_mail(office, person, 1)
    assert b"hanna has set a new password" in told
    again = helper.do(f"/people/{person.address}", "password_set", password="once more for it")
    assert again.says("This person has mail; only an owner may set the password.")


def test_where_codes_are_asked_for_a_password_alone_does_not_do(office):
    make_owner(office, "carla")
    reader = Reader(office)
    reader.log_in("carla")
    secret = pyotp.random_base32()
    on = reader.do("/me", "my_code_on", secret=secret, code=pyotp.TOTP(secret).now())
    assert on.says("Done.")
    second = Reader(office)
    asked = second.log_in("carla")
    assert asked.status == 401
    assert asked.says("Type the code that your app shows.")
    assert second.log_in("carla", code="000000").status == 401
    code = pyotp.TOTP(secret).at(time.time() + 30)
    assert second.log_in("carla", code=code).status == 200
    assert Reader(office).log_in("carla", code=code).status == 401, "a code is good once"


def test_a_new_password_ends_the_other_sessions(office):
    make_owner(office, "dora")
    here, there = Reader(office), Reader(office)
    here.log_in("dora")
    there.log_in("dora")
    done = here.do("/me", "my_password", now="wrong", password="another one entirely")
    assert done.says("Wrong user name or password.")
    here.do("/me", "my_password", now=OWNER_PASSWORD, password="another one entirely")
    assert "/login" in there.get("/people").url
    assert Reader(office).log_in("dora", "another one entirely").status == 200


@pytest.mark.parametrize(("late", "good"), [(0, True), (30, True), (-30, True), (95, False)])
def test_a_clock_may_be_half_a_minute_wrong(late, good):
    secret, now = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", 1_800_000_000.0
    code = pyotp.TOTP(secret).at(now + late)
    assert (matching_step(secret, code, now) is not None) is good


def test_a_secret_that_no_app_can_have_is_refused(office):
    make_owner(office, "emil")
    reader = Reader(office)
    reader.log_in("emil")
    for secret in ("x", "!!!!", "JBSWY3DP"):
        said = reader.do("/me", "my_code_on", secret=secret, code="123456")
        assert said.says("This is not the code of now."), secret
