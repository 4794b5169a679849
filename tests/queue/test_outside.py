"""Outside mail: in order, with the peer's words, and nothing twice without need."""

import asyncio
from contextlib import asynccontextmanager

from appliance.queue import schedule
from appliance.queue.carriers import Carried
from appliance.queue.envelope import Notify, State
from tests.queue.test_runner import Script, local, outside, run

DELIVERED = Carried(State.DELIVERED, remote="mx.else.test [192.0.2.1]")
UNREACHABLE = Carried(State.DEFERRED, "mx.else.test does not answer.", reached=False)


class Way:
    """A way out that does what it is told, and remembers."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def destination(self, entry, number):
        return entry.envelope.recipients[number].address.partition("@")[2]

    @asynccontextmanager
    async def carry(self, entry, numbers, destination):
        self.asked.append((entry.id, tuple(numbers), destination))
        await asyncio.sleep(0)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        yield answer if isinstance(answer, list) else [answer] * len(numbers)


def story_of(tmp_path, way, story, **more):
    async def told(bench):
        bench.runner.outside = way
        await story(bench)

    run(tmp_path, Script(Carried(State.DELIVERED)), told, **more)


def test_recipients_at_one_place_go_together_and_each_has_its_own_answer(tmp_path):
    refused = Carried(State.FAILED, "Nobody has this address.", "5.1.1", diagnostic="550 5.1.1 no")
    way = Way([DELIVERED, refused])

    async def story(bench):
        identity = await bench.accept(outside("a@else.test"), outside("b@else.test"))
        path = bench.queue.spool.path(identity)
        await bench.settle()
        assert way.asked == [(identity, (0, 1), "else.test")]
        assert not path.exists()
        assert bench.queue.entries() == []

    story_of(tmp_path, way, story)


def test_a_place_that_does_not_answer_is_asked_with_one_message_and_then_drains_in_order(tmp_path):
    way = Way(UNREACHABLE)

    async def story(bench):
        made = [await bench.accept(outside("x@else.test")) for _ in range(10)]
        await bench.settle()
        asked = len(way.asked)
        assert asked <= 4
        assert all(bench.queue.entry(i).progress[0].state is not State.DELIVERED for i in made)
        way.answers, way.asked = [DELIVERED], []
        bench.clock.advance(1800)
        await bench.settle()
        assert [identity for identity, _, _ in way.asked] == made
        assert bench.queue.entries() == []

    story_of(tmp_path, way, story)


def test_local_mail_flows_while_nothing_outside_answers(tmp_path):
    async def story(bench):
        for _ in range(30):
            await bench.accept(outside("x@else.test"))
        here = await bench.accept(local("anna@office.test"))
        await bench.settle()
        assert bench.queue.find(here) is None
        assert len(bench.queue.entries()) == 30

    story_of(tmp_path, Way(UNREACHABLE), story)


def test_those_that_never_get_their_turn_are_warned_of_and_given_up_too(tmp_path):
    way = Way(UNREACHABLE)

    async def story(bench):
        for _ in range(8):
            await bench.accept(outside("x@else.test"))
        await bench.settle()
        bench.clock.advance(schedule.WARN_AFTER)
        await bench.settle()
        assert all(entry.progress[0].warned for entry in bench.queue.entries())
        bench.clock.advance(schedule.GIVE_UP_AFTER)
        await bench.settle()
        assert bench.queue.entries() == []

    story_of(tmp_path, way, story)


def test_what_was_sent_is_durable_before_anything_else_happens(tmp_path):
    async def story(bench):
        identity = await bench.accept(outside("a@else.test"), outside("b@later.test"))
        await bench.settle()
        again = type(bench.queue)(bench.queue.spool.directory, bench.clock)
        (entry,) = [each for each in again.look() if each.id == identity]
        assert [each.state for each in entry.progress] == [State.DELIVERED, State.DEFERRED]

    story_of(tmp_path, Way(DELIVERED, UNREACHABLE), story)


def test_a_fault_of_ours_puts_the_message_off_and_nobody_else(tmp_path):
    way = Way(ZeroDivisionError(), DELIVERED)

    async def story(bench):
        first = await bench.accept(outside("a@else.test"))
        await bench.settle()
        await bench.accept(outside("a@else.test"))
        await bench.settle()
        assert [entry.id for entry in bench.queue.entries()] == [first]
        assert bench.queue.entry(first).progress[0].state is State.DEFERRED

    story_of(tmp_path, way, story)


def test_a_held_message_waits_until_it_is_retried(tmp_path):
    way = Way(UNREACHABLE)

    async def story(bench):
        identity = await bench.accept(outside("a@else.test"))
        await bench.settle()
        bench.queue.hold(bench.queue.entry(identity), "It is held.")
        way.answers, way.asked = [DELIVERED], []
        bench.clock.advance(schedule.GIVE_UP_AFTER)
        await bench.settle()
        assert way.asked == []
        bench.runner.retry(bench.queue.entry(identity))
        await bench.settle()
        assert bench.queue.entries() == []

    story_of(tmp_path, way, story)


def test_handing_on_is_reported_when_it_was_asked_for_unless_the_peer_does(tmp_path):
    reports = []

    async def story(bench):
        bench.queue.on_accepted = lambda e: (reports.append(e.envelope), bench.runner.accepted(e))
        await bench.accept(outside("a@else.test", Notify.SUCCESS))
        await bench.settle()
        await bench.accept(outside("b@else.test", Notify.SUCCESS))
        await bench.settle()
        assert len([each for each in reports if each.sender == ""]) == 1

    itself = Carried(State.DELIVERED, reports_itself=True)
    story_of(tmp_path, Way(itself, DELIVERED), story)


def test_a_message_deleted_while_it_waits_is_not_sent(tmp_path):
    way = Way(UNREACHABLE)

    async def story(bench):
        identity = await bench.accept(outside("a@else.test"))
        await bench.settle()
        await bench.threads.carry_out(bench.queue.finish([bench.queue.entry(identity)]))
        way.asked.clear()
        bench.clock.advance(86400)
        await bench.settle()
        assert way.asked == []

    story_of(tmp_path, way, story)


def test_a_thousand_recipients_at_one_place_make_one_report(tmp_path):
    refused = Carried(State.FAILED, "Nobody has this address.", "5.1.1")
    way = Way([DELIVERED, refused] * 500, DELIVERED)
    reports = []

    async def story(bench):
        bench.queue.on_accepted = lambda e: (reports.append(e.envelope), bench.runner.accepted(e))
        await bench.accept(*(outside(f"x{n}@else.test") for n in range(1000)))
        await bench.settle()
        assert [each.sender for each in reports[1:]] == [""]
        assert bench.queue.entries() == []

    story_of(tmp_path, way, story)


def test_those_for_whom_there_was_no_room_in_the_transaction_go_at_once(tmp_path):
    full = Carried(State.PENDING, "The server takes no more at once.", "4.5.3")
    way = Way([DELIVERED, full], DELIVERED)

    async def story(bench):
        await bench.accept(outside("a@else.test"), outside("b@else.test"))
        await bench.settle()
        assert [numbers for _, numbers, _ in way.asked] == [(0, 1), (1,)]
        assert bench.queue.entries() == []

    story_of(tmp_path, way, story)
