"""Settings by the page: what is typed holds, is kept as it was written, and can be taken back."""

import imaplib
import json
import re
import smtplib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance import settings
from appliance.settings import Settings
from appliance.web import settings_checks, settings_file
from appliance.web.operations.settings import SECTIONS, fields_of
from appliance.web.settings_words import ELSEWHERE, LABELS, WRITE_ONLY
from tests.support.box import Box
from tests.web.browser import Reader, make_owner

FILE = """# Written by hand; this stays.
[smtp] # for letters
largest_message_mib = 20 # no films
# about it

# the telephones of the office
[imap]
connections = 300
"""


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    with Box(tmp_path_factory.mktemp("tuned"), settings=FILE) as running:
        make_owner(running)
        yield running


@pytest.fixture
def chief(tuned):
    reader = Reader(tuned)
    assert reader.log_in().status == 200
    return reader


def _form(reader, section, **changed):
    """What a browser would send: the form as it stands, with some fields changed."""
    page = reader.get(f"/settings/{section}").text
    form = dict(re.findall(r'<input id="[^"]+" name="(\w+)"[^>]*? value="([^"]*)"', page))
    for name, options in re.findall(
        r'<select id="[^"]+" name="(\w+)".*?>(.*?)</select>', page, re.S
    ):
        form[name] = re.search(r'value="([^"]*)" selected', options)[1]
    form |= dict.fromkeys(re.findall(r'name="(\w+)" value="on" checked', page), "on")
    return {name: value for name, value in (form | changed).items() if value is not None}


def _save(reader, section, **changed):
    return reader.do(
        f"/settings/{section}", f"settings_{section}", **_form(reader, section, **changed)
    )


def _largest(box):
    with smtplib.SMTP("localhost", box.port(25), timeout=20) as client:
        client.ehlo()
        return int(client.esmtp_features["size"])


def test_a_setting_holds_at_once_and_the_file_keeps_its_comments(tuned, chief):
    assert _largest(tuned) == 20 << 20
    assert _save(chief, "smtp", largest_message_mib="12", most_recipients="200").says("Done.")
    assert _largest(tuned) == 12 << 20
    assert (tuned.state / "settings.toml").read_text() == FILE.replace(
        "= 20 # no films\n# about it\n", "= 12 # no films\n# about it\nmost_recipients = 200\n"
    )


def test_greeting_and_judge_go_by_it_at_once(tuned, chief):
    def seconds():
        began = time.monotonic()
        with smtplib.SMTP("localhost", tuned.port(25), timeout=20):
            return time.monotonic() - began

    assert _save(chief, "smtp", greeting_delay_ms="1200").says("Done.")
    assert seconds() > 1.1
    assert _save(chief, "smtp", greeting_delay_ms="0").says("Done.")
    assert seconds() < 1.1
    assert _save(chief, "filters", greylist=None, block_lists="list.test").says("Done.")
    assert not chief.get("/settings").says("This holds after a restart")


def test_one_click_brings_the_earlier_state_back(tuned, chief):
    before = (tuned.state / "settings.toml").read_text()
    _save(chief, "imap", connections="7")
    page = chief.get("/settings")
    assert page.says("Connections in all: 300 → is now 7")
    assert page.says("olga")
    number = re.search(r'name="number" value="(\d+)"', page.text)[1]
    assert chief.do("/settings", "settings_back", number=number).says("Done.")
    assert (tuned.state / "settings.toml").read_text() == before
    assert chief.get("/settings").says("Connections in all: 7 → is now 300")


def test_what_somebody_changed_by_hand_is_kept_as_a_state_too(tuned, chief):
    _save(chief, "trace", days="20")
    path = tuned.state / "settings.toml"
    path.write_text(path.read_text().replace("days = 20", "days = 40"))
    _save(chief, "trace", days="50")
    page = chief.get("/settings")
    assert page.says("by hand, in the file")
    assert page.says("Days: 20 → is now 40")
    assert page.says("Days: 40 → is now 50")


def test_what_was_changed_by_hand_is_not_said_to_hold_before_it_does(tuned, chief):
    path = tuned.state / "settings.toml"
    secret = "https://push.example/by-hand"
    path.write_text(
        path.read_text().replace("days = 50", "days = 55") + f"\n[alerts]\nntfy = '{secret}'\n"
    )
    page = chief.get("/settings")
    assert page.says("Days: until then it is 50")
    assert page.says("ntfy: until then it is not set")
    assert secret not in page.text
    tuned.cli("settings", "apply")
    assert not chief.get("/settings").says("until then")


def test_what_cannot_be_is_said_beside_the_field_and_stays_typed(tuned, chief):
    before = (tuned.state / "settings.toml").read_text()
    bad = _save(chief, "smtp", largest_message_mib="900", most_recipients="many")
    assert bad.says("This must be between 1 and 500.")
    assert bad.says("This must be a whole number.")
    assert re.search(r'name="largest_message_mib"[^>]*value="900"', bad.text)
    assert _save(chief, "server", host_name="not a name").says(
        "This is not in the form that is wanted here."
    )
    assert _save(chief, "relay", ca_file="/nowhere.pem").says("There is no such file on the box.")
    assert _save(chief, "dns", servers="not-an-address").says("not-an-address")
    assert (tuned.state / "settings.toml").read_text() == before


def test_nobody_locks_themselves_out(tuned, chief):
    for proxies in ("127.0.0.1", "10.0.0.1, 127.0.0.0/8"):
        refused = _save(chief, "server", proxies=proxies)
        assert refused.says("Your own computer would be locked out")
    assert _save(chief, "server", proxies="office").says("'office' is no address of a proxy.")


def test_a_secret_is_typed_in_and_never_shown(tuned, chief):
    secret = "https://hooks.example/services/T0/very-secret"
    assert _save(chief, "alerts", webhook=secret, fault_seconds="86400").says("Done.")
    assert secret in (tuned.state / "settings.toml").read_text()
    assert _save(chief, "alerts", webhook="", report_hour="8").says("Done.")
    assert secret in (tuned.state / "settings.toml").read_text(), "an empty field keeps it"
    everywhere = [chief.get(path).text for path in ("/settings", "/settings/alerts", "/changes")]
    everywhere += [
        chief.api("GET", path).text for path in ("/settings", "/settings/history", "/audit")
    ]
    assert not any("very-secret" in each for each in everywhere)
    assert chief.get("/settings").says("Webhook: not set → is now set")
    assert _save(chief, "alerts", forget_webhook="on").says("Done.")
    assert secret not in (tuned.state / "settings.toml").read_text()


def test_a_program_changes_a_section_and_is_told_what_is_wrong(tuned, chief):
    told = chief.api("GET", "/settings").json["settings"]["pop3"]
    values = {name: each["value"] for name, each in told.items()}
    assert chief.api("PUT", "/settings/pop3", values | {"connections": 9}).status == 204
    again = chief.api("PUT", "/settings/pop3", values | {"connections": 1})
    assert again.status == 422
    assert "connections" in again.json["fields"]
    with imaplib.IMAP4("localhost", tuned.port(143)) as client:
        assert client.noop()[0] == "OK", "the daemon went on"


def test_only_owners_see_and_change_settings(office, helper, owner):
    assert helper.get("/settings").status == 403
    assert helper.api("PUT", "/settings/trace", {"days": 3, "most_events": 5000}).status == 403


def test_a_file_that_was_broken_by_hand_is_said_and_can_be_mended_by_going_back(tuned, chief):
    _save(chief, "trace", days="60")
    path = tuned.state / "settings.toml"
    whole = path.read_text()
    path.write_text("[smtp\n")
    page = chief.get("/settings")
    assert page.says("The box goes on with what it read before.")
    number = chief.api("GET", "/settings/history").json[0]["identity"]
    assert chief.do("/settings", "settings_back", number=number).says("Done.")
    assert path.read_text() == whole


def test_what_needs_a_restart_says_so_and_the_restart_is_real(tmp_path):
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        with Box(tmp_path / "box", NOTIFY_SOCKET=str(tmp_path / "notify")) as box:
            make_owner(box)
            reader = Reader(box)
            reader.log_in()
            _save(reader, "server", host_name="mail.office.test")
            page = reader.get("/settings")
            assert page.says("This holds after a restart")
            assert page.says("Name of the box: until then it is empty")
            assert reader.do("/settings", "restart").says("The mail server restarts.")
            assert box.wait() == 0
            box.start()
            with smtplib.SMTP("localhost", box.port(25), timeout=20) as client:
                assert b"mail.office.test" in client.ehlo()[1]
            assert not Reader(box).get("/login").says("This holds after a restart")


def test_where_nobody_starts_it_again_the_page_says_what_to_do(tuned, chief):
    _save(chief, "filters", dmarc="mark")
    assert chief.get("/settings").says("stop it where it was started (Ctrl-C)")
    assert chief.api("POST", "/restart").status == 409


# --- without a box


def test_every_setting_has_a_name_for_people():
    unnamed = [
        f"{section}.{each.name}"
        for section in SECTIONS
        for each in fields_of(section)
        if f"{section}.{each.name}" not in LABELS and not each.name.startswith("forget_")
    ]
    assert unnamed == []
    assert LABELS.keys() >= WRITE_ONLY
    assert not LABELS.keys() & ELSEWHERE


def test_a_default_is_never_wrong():
    for section in SECTIONS:
        usual = settings_file.values(Settings(), section)
        assert settings_checks.wrong(section, usual, "127.0.0.1") == {}


_TEXTS = st.sampled_from(
    ["", FILE, "[smtp]", "# only words", "smtp.connections = 33\nimap = {connections = 5}\n",
     "[smtp]\n\n\n# end\n", "server.office = 'x'\n[smtp]\n[imap]\n", "[trace]\ndays = 3"]
)  # fmt: skip


@given(
    _TEXTS,
    st.integers(1, 500),
    st.integers(5, 10_000),
    st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF), max_size=20),
)
def test_a_text_that_was_changed_says_what_is_wanted_and_nothing_else_differs(
    text, largest, connections, office
):
    wanted = {"largest_message_mib": largest, "connections": connections}
    made = settings_file.changed(text, "smtp", wanted)
    made = settings_file.changed(made, "server", {"office": office})
    chosen, before = settings.parse(made), settings.parse(text)
    assert (chosen.smtp.largest_message_mib, chosen.smtp.connections) == (largest, connections)
    assert chosen.server.office == office
    others = {name for name, _, _ in settings_file.differences(before, chosen)}
    assert others <= {"smtp.largest_message_mib", "smtp.connections", "server.office"}
    assert all(line.partition("#")[2] in made for line in text.splitlines() if "#" in line)


def test_the_command_line_does_the_same(tuned, chief):
    tuned.cli("settings", "set", "smtp.most_recipients", "321")
    assert "smtp.most_recipients" in tuned.cli("settings", "list")
    assert chief.api("GET", "/settings").json["settings"]["smtp"]["most_recipients"]["value"] == 321
    assert chief.get("/settings").says("command line")
    history = json.loads(tuned.cli("settings", "history", "--json"))
    assert history[0]["changes"][0][0] == "smtp.most_recipients"
    tuned.cli("settings", "back", str(history[1]["number"]))
    assert "321" not in (tuned.state / "settings.toml").read_text()
    assert "after a restart" in tuned.cli("settings", "set", "relay.port", "2525") + tuned.cli(
        "settings", "set", "server.host_name", "x.test"
    )
    for setting, value, said in (
        ("smtp.most_recipients", "7", "This must be between 100 and 10000"),
        ("smtp.most_recipients", "some", "This must be a whole number, not 'some'."),
        ("trace.subjects", "maybe", "true or false"),
        ("smtp.colour", "red", "There is no setting 'smtp.colour'"),
        ("storage.mail", "/elsewhere", "pillarbox disk use"),
    ):
        refused = tuned.try_cli("settings", "set", setting, value)
        assert refused.returncode == 1
        assert said in refused.stderr
