"""The office's time zone: at once for letters and commands, refused in words where there is none."""

import email

from appliance import control
from tests.support.box import Box, wait_until
from tests.support.sessions import imap


def _date_of_a_letter(box, person):
    with imap(box, person) as client:
        before = int(client.select("INBOX")[1][0])
        box.cli("settings", "apply")
        _send_a_test(box, person)
        wait_until(lambda: int(client.select("INBOX")[1][0]) > before, "it is there")
        _, found = client.fetch(str(before + 1), "(BODY[HEADER])")
        return str(email.message_from_bytes(found[0][1])["Date"])


def _send_a_test(box, person):
    control.ask(box.state, "mail_test", to=person.address)


def test_what_the_settings_say_holds_at_the_start_and_at_once(tmp_path):
    settings = '[office]\ntime_zone = "Asia/Kathmandu"\n'
    with Box(tmp_path / "box", settings=settings) as box:
        anna = box.account("anna")
        assert _date_of_a_letter(box, anna).endswith("+0545")
        box.cli("settings", "set", "office.time_zone", "Pacific/Kiritimati")
        assert _date_of_a_letter(box, anna).endswith("+1400")
        wrong = box.try_cli("settings", "set", "office.time_zone", "Mars/Base")
        assert wrong.returncode != 0
        assert wrong.stderr == "There is no such time zone; it is named like Europe/Berlin.\n"
        told = box.cli("settings", "history")
        box.write_settings("[office\n")  # somebody broke it by hand
        assert box.cli("settings", "history") == told, "commands go on telling the office's time"


def test_a_zone_that_is_gone_does_not_keep_the_box_from_starting(tmp_path):
    with Box(tmp_path / "box", settings='[office]\ntime_zone = "Mars/Base"\n') as box:
        assert "office.time_zone: There is no such time zone" in box.log()
