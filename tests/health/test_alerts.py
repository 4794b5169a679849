"""What is told when: a story of days; and what a channel did not take."""

from dataclasses import replace

from appliance.accounts.database import AccountsDatabase
from appliance.conditions import Condition, Severity
from appliance.health import outbox
from appliance.health.alerts import Waits, decide
from appliance.health.book import CRASH, KEPT_DAYS, POWER_CUT, Book
from appliance.health.facts import DAY
from appliance.health.notice import Notice, for_ntfy, from_json, make, to_json

NOW = 1_795_000_000.0
WAITS = Waits(120, 3600)
FULL = Condition("full", Severity.ATTENTION, "The disk is 80 % full.", "Delete mail.", NOW)
GONE = Condition("gone", Severity.FAULT, "The disk is missing.", "Plug it in.", NOW)


class People:
    """Those who are told."""

    def __init__(self):
        self.told = {}

    def see(self, standing, after):
        decision = decide(standing, self.told, NOW + after, WAITS)
        self.told = decision.told
        return [c.key for c in decision.tell], [c.key for c in decision.over]


def test_a_fault_is_told_after_two_minutes_and_once():
    people = People()
    assert people.see([GONE], 119) == ([], [])
    assert people.see([GONE], 120) == (["gone"], [])
    assert people.see([GONE], 130) == ([], [])
    assert people.see([GONE], 120 + DAY - 1) == ([], [])
    assert people.see([GONE], 120 + DAY) == (["gone"], [])


def test_attention_is_told_after_an_hour_and_again_after_a_week():
    people = People()
    assert people.see([FULL], 3599) == ([], [])
    assert people.see([FULL], 3600) == (["full"], [])
    assert people.see([FULL], 3600 + 6 * DAY) == ([], [])
    assert people.see([FULL], 3600 + 7 * DAY) == (["full"], [])


def test_what_got_worse_is_told_at_once_and_what_got_better_is_not():
    people = People()
    worse = replace(FULL, severity=Severity.FAULT)
    assert people.see([FULL], 3600) == (["full"], [])
    assert people.see([worse], 3700) == (["full"], [])
    assert people.see([FULL], 3800) == ([], [])


def test_what_comes_together_is_told_together():
    assert People().see([GONE, FULL], 4000) == (["gone", "full"], [])


def test_a_fault_that_was_told_is_called_over_ten_minutes_after_its_end():
    people = People()
    people.see([GONE], 200)
    assert people.see([], 300) == ([], [])
    assert people.see([], 899) == ([], [])
    assert people.see([], 900) == ([], ["gone"])
    assert people.see([], 1000) == ([], [])


def test_a_restart_that_takes_the_board_down_for_a_moment_repeats_nothing():
    people = People()
    people.see([GONE, FULL], 4000)
    assert people.see([], 4010) == ([], [])
    again = [replace(each, since=NOW + 4020) for each in (GONE, FULL)]
    assert people.see(again, 4030) == ([], [])
    assert people.see(again, 4020 + 3600) == ([], [])


def test_a_fault_that_nobody_was_told_of_is_not_called_over():
    people = People()
    people.see([GONE], 60)
    assert people.see([], 5000) == ([], [])


def test_good_news_is_not_told():
    running = Condition("backup", Severity.WORKING, "A backup runs.", "", NOW)
    assert People().see([running], 10 * DAY) == ([], [])


def test_a_clock_that_was_set_back_holds_no_fault_back():
    assert People().see([GONE], -5000) == (["gone"], [])


def test_a_channel_that_fails_is_tried_less_and_less_often_for_three_days():
    pending = outbox.Pending("ntfy", Notice("box", NOW))
    now, pauses = NOW, []
    while (later := outbox.after_failure(pending, now)) is not None:
        pauses.append(later.next_try - now)
        pending, now = later, later.next_try
    assert pauses[:8] == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert 3 * DAY < now - NOW < 3 * DAY + 7200


def test_what_was_taken_leaves_the_outbox_and_what_was_not_keeps_its_place():
    box = outbox.added((), Notice("box", NOW), ["mail", "ntfy"])
    assert outbox.settled(box, box[0], NOW, is_taken=True) == (box[1],)
    again = outbox.settled(box, box[0], NOW, is_taken=False)
    assert [(each.channel, each.attempts) for each in again] == [("mail", 1), ("ntfy", 0)]
    assert outbox.due(again, NOW) == {"ntfy": box[1]}
    assert set(outbox.due(again, NOW + 60)) == {"mail", "ntfy"}


def test_the_outbox_is_bounded_and_each_channel_has_its_own_order():
    box = ()
    for number in range(50):
        box = outbox.added(box, Notice("box", NOW + number), ["mail", "ntfy"])
    assert len(box) == 2 * outbox.MOST
    found = outbox.due(box, NOW)
    assert {name: each.notice.at for name, each in found.items()} == {
        "mail": NOW + 30,
        "ntfy": NOW + 30,
    }


def test_what_was_told_and_is_under_way_outlives_a_restart(tmp_path):
    made = make("box", NOW, [GONE], [])
    told = decide([GONE], {}, NOW + 500, WAITS).told
    waiting = outbox.added((), made, ["mail"])
    first = AccountsDatabase(tmp_path)
    Book(first).save(told, waiting)
    first.close()
    book = Book(AccountsDatabase(tmp_path))
    assert (book.told(), book.outbox()) == (told, waiting)
    assert from_json(to_json(made)) == made


def test_one_value_a_day_and_kind_is_kept_for_400_days(tmp_path):
    book = Book(AccountsDatabase(tmp_path))
    for day in range(KEPT_DAYS + 50):
        book.keep({"space-mail": day}, NOW + day * DAY)
        book.keep({"space-mail": day + 0.5}, NOW + day * DAY + 60)
    values = book.history()["space-mail"]
    assert KEPT_DAYS <= len(values) <= KEPT_DAYS + 1
    assert values[-1].value == KEPT_DAYS + 49.5


def test_how_a_run_ended_is_told_by_the_next_one(tmp_path):
    book = Book(AccountsDatabase(tmp_path))
    assert book.begin("boot1", NOW) == ""
    assert book.begin("boot1", NOW + 1) == CRASH
    assert book.begin("boot2", NOW + 2) == POWER_CUT
    book.end()
    assert book.begin("boot3", NOW + 3) == ""
    assert (book.ends(CRASH), book.ends(POWER_CUT)) == ((NOW + 1,), (NOW + 2,))


def test_a_push_has_a_title_a_priority_and_tags():
    body, headers = for_ntfy(make("box", NOW, [GONE], []))
    assert body == b"The disk is missing.\nPlug it in.\n"
    assert (headers["Title"], headers["Priority"], headers["Tags"]) == (
        "box: The disk is missing.",
        "urgent",
        "rotating_light",
    )
    odd = replace(FULL, sentence="Die Platte Grün\r\nX-Evil: 1 ist voll.")
    _, headers = for_ntfy(make("box", NOW, [odd], []))
    assert headers["Title"].isascii()
    assert "\n" not in headers["Title"]
    assert headers["Priority"] == "default"
