"""The pages, without scripts: forms do what they say, and say what is wrong."""

import imaplib
import re
import ssl

from tests.support.box import wait_until
from tests.support.mail import submit
from tests.web.browser import Reader


def _imap(box, address, password):
    context = ssl.create_default_context(cafile=str(box.state / "tls" / "ca.pem"))
    client = imaplib.IMAP4_SSL("localhost", box.port(993), ssl_context=context)
    try:
        client.login(address, password)
        return True
    except imaplib.IMAP4.error:
        return False
    finally:
        client.shutdown()


def test_an_account_made_on_the_page_reads_mail_at_once(office, owner):
    made = owner.do(
        "/people", "account_add", address="Eva@office.test", name="Eva Éclair",
        password="a password of Eva", quota="2G",
    )  # fmt: skip
    assert made.says("Done.")
    assert made.says("eva@office.test")
    assert _imap(office, "eva@office.test", "a password of Eva")


def test_what_is_wrong_stands_beside_the_field_and_what_was_typed_stays(owner):
    bad = owner.do("/people", "account_add", address="", name="Kurt", password="x", quota="much")
    assert bad.says("Please look at the marked fields.")
    assert bad.says("Please fill this in.")
    assert bad.says("This must be a size such as 500M or 2G; 0 means no limit.")
    assert re.search(r'name="name"[^>]*value="Kurt"', bad.text)
    assert not re.search(r'type="password"[^>]*value="x"', bad.text)
    short = owner.do("/people", "account_add", address="kurt@office.test", password="short")
    assert short.says("A password needs at least 8 characters.")
    elsewhere = owner.do(
        "/people", "account_add", address="kurt@elsewhere.test", password="long enough for us"
    )
    assert elsewhere.says("The domain elsewhere.test is not one of this box.")


def test_the_password_of_a_device_is_shown_once_and_can_be_ended(office, owner):
    fay = office.person("fay").address
    page = owner.do(f"/people/{fay}", "app_password_add", name="Fay's phone")
    password = re.search(r'class="secret">([a-z0-9-]+)<', page.text)[1]
    assert _imap(office, fay, password)
    assert password not in owner.get(f"/people/{fay}").text
    owner.do(f"/people/{fay}", "app_password_revoke", name="Fay's phone")
    assert not _imap(office, fay, password)


def test_names_are_shown_and_never_run(owner):
    owner.do("/people", "account_add", address="mal@office.test",
             name="<script>alert(1)</script>", password="long enough for us")  # fmt: skip
    text = owner.get("/people").text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


def test_a_user_makes_a_password_for_a_phone_and_revokes_it(office, user):
    page = user.do("/me", "my_device_add", name="phone", services="imap")
    password = re.search(r'class="secret">([a-z0-9-]+)<', page.text)[1]
    assert _imap(office, "ben@office.test", password)
    user.do("/me", "my_device_revoke", name="phone")
    assert not _imap(office, "ben@office.test", password)


def test_new_owners_wait_for_the_button(office, owner):
    person = office.person("gina")
    path = f"/people/{person.address}"
    asked = owner.do(path, "role_set", role="owner")
    assert asked.says("Press the button on the box within a minute, then go on.")
    again = owner.do(path, "role_set", role="owner")
    assert again.says("Press the button on the box within a minute, then go on.")
    office.cli("sim", "press")
    assert owner.do(path, "role_set", role="owner").says("Done.")
    gina = Reader(office)
    gina.log_in(person.address, person.password)
    assert gina.get("/changes").status == 200


def test_what_somebody_did_is_written_down_without_secrets(office, owner):
    owner.do("/people", "account_add", address="ida@office.test", password="not to be seen here")
    page = owner.get("/changes")
    assert page.says("Make an account")
    assert page.says("address: ida@office.test")
    assert "not to be seen here" not in page.text


def test_a_message_is_found_by_who_sent_it(office, owner):
    submit(office, office.account("anna"), ["ben@office.test"], b"Subject: x\r\n\r\nHere.\r\n")
    wait_until(lambda: owner.get("/trace?recipient=ben").says("delivered"), "it is told")
    found = owner.get("/trace?sender=anna&recipient=ben&hours=24")
    assert found.says("delivered")
    assert owner.get("/trace?recipient=nobody-at-all&hours=1").says("Nothing that fits")


def test_a_drive_is_plugged_adopted_and_backed_up_by_the_page(office, owner, tmp_path):
    drive = tmp_path / "stick"
    drive.mkdir()
    assert owner.do("/simulator", "sim_plug", path=str(drive)).says("Done.")
    wait_until(lambda: owner.get("/backups").says("A new drive."), "the drive is seen")
    page = owner.get("/backups").text
    path = re.search(r'name="path" value="([^"]+)"', page)[1]
    assert owner.do("/backups", "backup_adopt", path=path).says("Done.")
    target = re.search(r'name="to" value="([^"]+)"', owner.get("/backups").text)[1]
    assert owner.do("/backups", "backup_now", to=target).says("Done.")
    wait_until(lambda: owner.get("/backups").says("are safe on drive"), "it is proven", seconds=60)
    assert owner.get("/backups").says("was read back in the last run")
    wait_until(lambda: owner.get("/backups").says("It can be pulled now."), "it is let go of")
    assert owner.get("/backups").says("The drive can be pulled now; if it stays")
    _lose_and_get_back(office, owner, target)
    owner.do("/backups", "backup_eject")
    wait_until(lambda: owner.get("/backups").says("It can be pulled now."), "it is let go of")
    owner.do("/simulator", "sim_unplug", path=str(drive))


def _lose_and_get_back(office, owner, target):
    """A user deletes everything; the owner gets it back by the page."""
    with imaplib.IMAP4_SSL("localhost", office.port(993), ssl_context=office.tls()) as client:
        client.login("ben@office.test", office.password("ben"))
        _, (there,) = client.select("INBOX")
        assert int(there) > 0
        client.store("1:*", "+FLAGS", "\\Deleted")
        client.expunge()
    where = "/people/ben@office.test/restore"
    wait_until(lambda: owner.get(where).says("proven"), "the versions are listed")
    version = re.search(rf'/restore/{target}/([0-9a-f]{{64}})"', owner.get(where).text)[1]
    path = f"/people/ben@office.test/restore/{target}/{version}"
    assert not owner.get(path).says("INBOX")
    assert owner.do(path, "mail_restore").says("Done.")
    told = {}

    def is_over():
        told.update(owner.api("GET", "/backups/progress").json)
        return not told["is_busy"]

    wait_until(is_over, "it is over", seconds=60)
    assert told["outcome"] == "restored", told
    with imaplib.IMAP4_SSL("localhost", office.port(993), ssl_context=office.tls()) as client:
        client.login("ben@office.test", office.password("ben"))
        and_a_word = str(int(there) + 1).encode()  # ben is told that it was done
        again = lambda: client.select("INBOX")[1][0] == and_a_word  # noqa: E731 - one line
        wait_until(again, "all is there again", seconds=30)


def test_the_way_to_the_page_explains_itself_and_leads_on(office):
    import urllib.request

    with urllib.request.urlopen(f"http://localhost:{office.port(80)}/") as answer:
        text = answer.read().decode()
    assert f'href="https://localhost:{office.port(443)}/"' in text
    with urllib.request.urlopen(f"http://localhost:{office.port(80)}/pillarbox-ca.crt") as answer:
        assert answer.read() == (office.state / "tls" / "ca.pem").read_bytes()
