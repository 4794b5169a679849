"""What is done next: local at once, outside in order, one dead host holds up nobody else."""

from dataclasses import replace

import pytest

from appliance.queue import destinations
from appliance.queue.agenda import HERE, MOST_RECIPIENTS, Agenda
from appliance.queue.destinations import AT_ONCE, AT_ONCE_EACH
from appliance.queue.envelope import Entry, Envelope, Progress, Recipient, State


def entry(identity, *addresses):
    recipients = tuple(
        Recipient(address, is_local=address.endswith("@office.test")) for address in addresses
    )
    envelope = Envelope("ben@office.test", recipients, 0.0)
    return Entry(identity, envelope, [Progress() for _ in recipients])


@pytest.fixture
def agenda():
    return Agenda(lambda e, n: e.envelope.recipients[n].address.partition("@")[2])


def take(agenda, now=0.0):
    jobs = []
    while (job := agenda.next(now)) is not None:
        jobs.append(job)
    return jobs


def ids(jobs):
    return [job.entry.id for job in jobs]


def end(agenda, job, now=0.0, *, reached=True, reason=""):
    agenda.learned(job, now, reached=reached, reason=reason)
    agenda.release(job)
    if reached is False:
        agenda.put_back(job)


def test_one_message_is_one_job_for_each_way(agenda):
    agenda.add(entry("Q1", "a@office.test", "x@one.test", "b@office.test", "y@one.test"), 0.0)
    found = {job.destination: job.numbers for job in take(agenda)}
    assert found == {HERE: (0, 2), "one.test": (1, 3)}


def test_what_is_in_a_job_is_not_taken_up_twice(agenda):
    message = entry("Q1", "x@one.test")
    agenda.add(message, 0.0)
    agenda.add(message, 0.0)
    (job,) = take(agenda)
    agenda.add(message, 0.0)
    assert take(agenda) == []
    end(agenda, job)
    agenda.add(message, 0.0)
    assert ids(take(agenda)) == ["Q1"]


def test_thousands_of_recipients_go_in_pieces(agenda):
    agenda.add(entry("Q1", *(f"x{n}@one.test" for n in range(2 * MOST_RECIPIENTS))), 0.0)
    jobs = []
    while found := take(agenda):
        jobs += found
        for job in found:
            end(agenda, job)
    assert [len(job.numbers) for job in jobs] == [MOST_RECIPIENTS] * 2


def test_a_destination_gets_a_few_at_once_and_all_together_get_a_limit(agenda):
    for number in range(10):
        agenda.add(entry(f"Q{number}", "x@one.test"), 0.0)
    assert len(take(agenda)) == AT_ONCE_EACH
    for number in range(40):
        agenda.add(entry(f"R{number}", f"x@d{number}.test"), 0.0)
    assert len(take(agenda)) == AT_ONCE - AT_ONCE_EACH


def test_a_dead_host_is_asked_once_and_then_left_alone_while_others_go_on(agenda):
    for number in range(6):
        agenda.add(entry(f"Q{number}", "x@dead.test"), 0.0)
    jobs = take(agenda)
    for job in reversed(jobs):
        end(agenda, job, reached=False, reason="It does not answer.")
    agenda.add(entry("R1", "x@alive.test"), 1.0)
    (alive,) = take(agenda, 1.0)
    assert alive.destination == "alive.test"
    waiting = entry("Q9", "x@dead.test")
    assert agenda.reason(waiting, 0) == "It does not answer."
    later = destinations.PAUSES[3]
    assert list(agenda.due(later)) == []
    (probe,) = take(agenda, later)
    assert probe.entry.id == "Q0"
    assert take(agenda, later) == []
    end(agenda, probe, later)
    assert ids(take(agenda, later)) == ["Q1", "Q2", "Q3", "Q4"]
    assert agenda.reason(waiting, 0) == ""


def test_when_nothing_is_reached_pauses_are_short_and_the_first_success_ends_them(agenda):
    now = 0.0
    for number in range(12):
        agenda.add(entry(f"Q{number}", f"x@d{number}.test"), now)
    for _ in range(10):
        for job in take(agenda, now):
            end(agenda, job, now, reached=False)
        now += destinations.PAUSE_WHEN_ALL_FAIL
        list(agenda.due(now))
    jobs = take(agenda, now)
    assert len(jobs) == 12
    first, *others = jobs
    for job in others:
        end(agenda, job, now, reached=False)
    assert take(agenda, now) == []
    end(agenda, first, now)
    assert len(take(agenda, now)) == 11


def test_held_and_finished_recipients_are_left_alone_and_deferred_ones_wait(agenda):
    message = entry("Q1", "a@one.test", "b@one.test", "c@one.test", "d@one.test")
    message.progress[0] = Progress(State.HELD)
    message.progress[1] = Progress(State.DELIVERED)
    message.progress[2] = Progress(State.DEFERRED, 1, 100.0)
    agenda.add(message, 0.0)
    (job,) = take(agenda)
    assert job.numbers == (3,)
    message.progress[3] = Progress(State.DELIVERED)
    end(agenda, job)
    assert list(agenda.due(99.0)) == []
    assert list(agenda.due(100.0)) == ["Q1"]
    agenda.add(message, 100.0)
    assert [job.numbers for job in take(agenda, 100.0)] == [(2,)]


def test_waking_a_destination_asks_it_at_once(agenda):
    agenda.add(entry("Q1", "x@dead.test"), 0.0)
    (job,) = take(agenda)
    end(agenda, job, reached=False)
    assert take(agenda, 1.0) == []
    agenda.wake("dead.test")
    assert ids(take(agenda, 1.0)) == ["Q1"]


def test_an_own_fault_says_nothing_about_the_destination(agenda):
    agenda.add(entry("Q1", "x@one.test"), 0.0)
    (job,) = take(agenda)
    agenda.learned(job, 0.0, reached=None)
    agenda.release(job)
    assert agenda.destinations.known["one.test"].failures == 0


def test_places_that_nothing_goes_to_are_forgotten(agenda):
    agenda.add(entry("Q1", "x@one.test"), 0.0)
    (job,) = take(agenda)
    end(agenda, job)
    agenda.next(0.0)
    agenda.tidy()
    assert agenda.destinations.known == {}


def test_what_waits_takes_the_way_that_is_set_meanwhile_and_keeps_its_order():
    way = ["no way out"]
    agenda = Agenda(lambda _entry, _number: way[0])
    for name in ("Q1", "Q2", "Q3"):
        agenda.add(entry(name, "x@one.test"), 0.0)
    (first, *_rest) = jobs = take(agenda)
    for job in jobs:
        agenda.learned(job, 0.0, reached=False, reason="No way out is set up yet.")
        agenda.release(job)
    for job in reversed(jobs):
        agenda.put_back(job)
    way[0] = "one.test"
    agenda.reroute()
    found = take(agenda)
    assert [(job.entry.id, job.destination) for job in found] == [
        (name, "one.test") for name in ("Q1", "Q2", "Q3")
    ]
    assert first.destination == "no way out"


def test_trying_again_by_hand_does_not_fill_the_calendar(agenda):
    message = entry("Q1", "x@one.test")
    message.progress[0] = replace(message.progress[0], state=State.DEFERRED, next_try=600.0)
    for _ in range(100):
        agenda.add(message, 0.0)
    assert list(agenda.due(600.0)) == ["Q1"]
