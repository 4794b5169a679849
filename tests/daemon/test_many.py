"""Lists of people, passing on and taking along, by the command line."""

import imaplib
import io
import subprocess
import zipfile

from tests.support.box import PILLARBOX, ROOT, Box
from tests.support.mail import submit, wait_for_mail


def test_a_list_makes_accounts_that_can_log_in_at_once(box: Box) -> None:
    refused = box.run_program(
        "account", "import", stdin="lea@office.test;Lea\nnobody@else.test;N\n"
    )
    assert refused.returncode == 1
    assert "row 2" in refused.stdout
    assert "Nothing was made." in refused.stderr
    made = box.run_program(
        "account", "import", "--skip-wrong", stdin="lea@office.test;Lea\nnobody@else.test;N\n"
    )
    address, password = made.stdout.splitlines()[-1].split()
    assert address == "lea@office.test"
    with imaplib.IMAP4_SSL("localhost", box.port(993), ssl_context=box.tls()) as client:
        assert client.login(address, password)[0] == "OK"


def test_mail_is_passed_on_and_no_more(box: Box) -> None:
    leaver, heir = box.person("leaver"), box.person("heir")
    box.cli("account", "forward", leaver.address, heir.address, "--no-copy")
    submit(box, box.account("ben"), [leaver.address], b"Subject: Plan\r\n\r\nHere.\r\n")
    wait_for_mail(box, heir, 1)
    assert "comes back" in box.try_cli("account", "forward", heir.address, leaver.address).stderr
    box.cli("account", "forward", leaver.address)
    submit(box, box.account("ben"), [leaver.address], b"Subject: Plan\r\n\r\nHere.\r\n")
    (one,) = wait_for_mail(box, leaver, 1)
    assert b"Plan" in one


def test_all_mail_is_taken_along(box: Box) -> None:
    mover = box.person("mover")
    submit(box, box.account("ben"), [mover.address], b"Subject: Plan\r\n\r\nHere.\r\n")
    wait_for_mail(box, mover, 1)
    words = [*PILLARBOX, "--state", str(box.state), "account", "export", mover.address]
    made = subprocess.run(words, cwd=ROOT, capture_output=True, check=True).stdout
    assert b"Subject: Plan" in zipfile.ZipFile(io.BytesIO(made)).read("Mail/Inbox")
