"""What the first page says of each thing."""

from appliance.web.lines import WORKING, lines

_QUIET = {"queued": 0, "conditions": []}


def test_how_long_a_backup_or_a_restore_takes_yet_is_said():
    backup = {"is_busy": True, "left": "about 20 minutes left"}
    (line,) = [each for each in lines(_QUIET, [], backup, 0.0) if each.path == "/backups"]
    assert (line.state, line.remedy) == (WORKING, "about 20 minutes left")


def test_what_is_wrong_leads_to_where_it_is_mended():
    found = {
        key: lines(
            {"queued": 0, "conditions": [
                {"key": key, "severity": "attention", "sentence": "Bad.", "remedy": ""}
            ]},
            [], {"is_busy": False}, 0.0,
        )[-1].path
        for key in ("settings", "memory")
    }  # fmt: skip
    assert found == {"settings": "/settings", "memory": "/health"}


def test_a_locked_mail_disk_leads_to_where_its_words_are_typed():
    said = {"key": "mail-disk-locked", "severity": "fault", "sentence": "Locked.", "remedy": ""}
    found = lines({"queued": 0, "conditions": [said]}, [], {"is_busy": False}, 0.0)
    assert {(each.title, each.path) for each in found if each.state == "fault"} == {
        ("Mail", "/queue"), ("Mail disk", "/disks#unlock"),
    }  # fmt: skip
