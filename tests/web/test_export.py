"""Taking mail along by the page."""

import io
import zipfile

from tests.support.box import wait_until
from tests.support.mail import submit, wait_for_mail
from tests.web.browser import Reader


def _with_mail(office, name):
    person = office.person(name)
    submit(office, office.account("anna"), [person.address], b"Subject: Plan\r\n\r\nHere.\r\n")
    wait_for_mail(office, person, 1)
    return person


def _inbox(content):
    return zipfile.ZipFile(io.BytesIO(content)).read("Mail/Inbox")


def test_a_person_takes_their_own_mail_along_with_their_password(office):
    person = _with_mail(office, "mover")
    reader = Reader(office)
    reader.log_in(person.address, person.password)
    assert reader.get("/me/mail.zip").says("Ask for it first")
    assert reader.do("/me/export", "my_export", now="wrong").says("Wrong user name or password.")
    asked = reader.do("/me/export", "my_export", now=person.password)
    assert asked.says("1 mail")
    assert asked.says("Fetch it now")
    for _ in range(2):
        assert b"Subject: Plan" in _inbox(reader.get_bytes("/me/mail.zip"))
    assert Reader(office).get("/me/mail.zip").url.endswith("/login?next=/me/mail.zip")


def test_an_owner_takes_somebodys_mail_along_only_after_the_button_and_they_are_told(
    office, owner, helper
):
    person = _with_mail(office, "leaving")
    path = f"/people/{person.address}/export"
    assert helper.get(path).status == 403
    assert owner.get(f"/people/{person.address}/mail.zip").says("Ask for it first")
    assert owner.do(path, "mail_export").says("Press the button on the box within a minute")
    assert not owner.get(path).says("Fetch it now")
    office.cli("sim", "press")
    wait_until(lambda: owner.do(path, "mail_export").says("Fetch it now"), "it was pressed")
    told = wait_for_mail(office, person, 2)
    assert any(b"takes a copy of all your mail" in each for each in told)
    assert b"Subject: Plan" in _inbox(owner.get_bytes(f"/people/{person.address}/mail.zip"))
    assert owner.get("/changes").says("Take all mail of somebody along")
