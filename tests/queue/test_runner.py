"""Working the queue off: deliveries, retries, warnings, reports, and letting go."""

import asyncio
import email
import email.policy

import pytest

from appliance.clock import SetClock
from appliance.errors import StorageFull
from appliance.queue import dsn, schedule
from appliance.queue.carriers import Carried
from appliance.queue.dsn import Action, Outcome
from appliance.queue.envelope import Envelope, Notify, Recipient, State
from appliance.queue.queue import Queue
from appliance.queue.runner import Runner
from appliance.threads import Shared, Threads


def local(address, *notify):
    return Recipient(address, is_local=True, named=address, notify=notify)


def outside(address, *notify):
    return Recipient(address, is_local=False, named=address, notify=notify)


class Script:
    """A carrier that does what it is told, and remembers."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def carry(self, entry, number):
        self.asked.append((entry.id, number))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer
        yield


class Bench:
    def __init__(self, tmp_path, carrier):
        self.clock = SetClock()
        self.threads = Threads(2)
        self.queue = Queue(tmp_path / "queue", self.clock)
        self.queue.start()
        self.runner = Runner(
            self.queue,
            self.threads,
            self.clock,
            host="mx.office.test",
            resolve=lambda sender: (local(sender),) if sender.endswith("office.test") else (),
        )
        self.runner.local = carrier
        self.queue.on_accepted = self.runner.accepted

    async def accept(
        self, *recipients, sender="ben@office.test", content=b"Subject: x\r\n\r\nbody\r\n", **more
    ):
        incoming = await self.threads.carry_out(self.queue.incoming())
        await self.threads.carry_out(incoming.write(content))
        envelope = Envelope(sender, recipients, self.clock.wall(), **more)
        return await self.threads.carry_out(self.queue.accept(incoming, envelope))

    async def settle(self):
        """Let everything that is due happen."""
        for _ in range(6):
            self.runner.find_due()
            while self.runner._tasks:
                await asyncio.wait(self.runner._tasks)
            await self.runner.tidy()
            await self.runner.sweep()

    def reports(self):
        return [e for e in self.queue.entries() if e.envelope.sender == ""]


def run(tmp_path, carrier, story):
    async def main():
        bench = Bench(tmp_path, carrier)
        await story(bench)
        bench.threads.close()

    asyncio.run(main())


def test_a_delivered_message_goes_after_its_directory_was_flushed(tmp_path):
    events = []
    flush = Shared(lambda: events.append("flush"))

    async def story(bench):
        identity = await bench.accept(local("anna@office.test"))
        path = bench.queue.spool.path(identity)
        flush.run = lambda: events.append(path.exists())
        await bench.settle()
        assert events == [True]  # the file was still there when the flush ran
        assert not path.exists()
        assert bench.queue.entries() == []

    run(tmp_path, Script(Carried(State.DELIVERED, flush=flush)), story)


def test_a_flush_that_fails_keeps_the_message_and_delivers_again(tmp_path):
    broken = Shared(lambda: (_ for _ in ()).throw(OSError(5, "injected")))
    script = Script(Carried(State.DELIVERED, flush=broken), Carried(State.DELIVERED))

    async def story(bench):
        await bench.accept(local("anna@office.test"))
        await bench.settle()
        assert len(script.asked) == 2
        assert bench.queue.entries() == []

    run(tmp_path, script, story)


def test_local_trouble_is_tried_again_soon_and_then_rarer(tmp_path):
    script = Script(
        Carried(State.DEFERRED, "The disk is away."),
        Carried(State.DEFERRED),
        Carried(State.DELIVERED),
    )

    async def story(bench):
        await bench.accept(local("anna@office.test"))
        await bench.settle()
        assert len(script.asked) == 1
        bench.clock.advance(5)
        await bench.settle()
        assert len(script.asked) == 2
        bench.clock.advance(15)
        await bench.settle()
        assert bench.queue.entries() == []

    run(tmp_path, script, story)


def test_outside_mail_waits_with_its_reason_is_warned_of_and_given_up(tmp_path):
    script = Script(Carried(State.DELIVERED))

    async def story(bench):
        identity = await bench.accept(outside("x@else.test"))
        await bench.settle()
        entry = bench.queue.entry(identity)
        assert entry.progress[0].state is State.DEFERRED
        assert entry.progress[0].reason == "No way out is set up yet."
        assert script.asked == []
        bench.clock.advance(schedule.WARN_AFTER)
        await bench.settle()
        assert len(script.asked) == 1  # the warning, delivered to the sender
        bench.clock.advance(schedule.GIVE_UP_AFTER)
        await bench.settle()
        assert len(script.asked) == 2  # the report
        assert bench.queue.entries() == []

    run(tmp_path, script, story)


def test_nobody_is_told_about_a_report(tmp_path):
    async def story(bench):
        await bench.accept(local("gone@office.test"), sender="")
        await bench.settle()
        assert bench.queue.entries() == []

    run(
        tmp_path,
        Script(Carried(State.FAILED, "There is no such account any more.", "5.1.1")),
        story,
    )


@pytest.mark.parametrize(
    ("notify", "state", "told"),
    [
        ((), State.DELIVERED, 0),
        ((Notify.SUCCESS,), State.DELIVERED, 1),
        ((), State.FAILED, 1),
        ((Notify.NEVER,), State.FAILED, 0),
        ((Notify.SUCCESS,), State.FAILED, 0),
        ((Notify.FAILURE,), State.FAILED, 1),
    ],
)
def test_the_sender_hears_what_it_asked_to_hear(tmp_path, notify, state, told):
    script = Script(Carried(state, "words", "5.1.1"), Carried(State.DELIVERED))

    async def story(bench):
        await bench.accept(local("anna@office.test", *notify))
        await bench.settle()
        assert len(script.asked) == 1 + told

    run(tmp_path, script, story)


def test_a_carrier_that_raises_puts_off_only_its_own_message(tmp_path):
    script = Script(OSError(5, "Input/output error"), Carried(State.DELIVERED))

    async def story(bench):
        first = await bench.accept(local("anna@office.test"))
        await bench.settle()
        await bench.accept(local("anna@office.test"))
        await bench.settle()
        assert [e.id for e in bench.queue.entries()] == [first]

    run(tmp_path, script, story)


def test_a_report_that_finds_no_room_is_made_later(tmp_path):
    script = Script(Carried(State.FAILED, "No such account.", "5.1.1"))

    async def story(bench):
        identity = await bench.accept(local("gone@office.test"))
        accept, bench.queue.accept = bench.queue.accept, no_room
        await bench.settle()
        assert bench.queue.entry(identity).progress[0].state is State.PENDING
        bench.queue.accept = accept
        bench.clock.advance(5)
        script.answers = [
            Carried(State.FAILED, "No such account.", "5.1.1"),
            Carried(State.DELIVERED),
        ]
        await bench.settle()
        assert bench.queue.entries() == []

    run(tmp_path, script, story)


def no_room(incoming, envelope):
    raise StorageFull("The mail disk is full.")
    yield


@pytest.mark.parametrize("ret", ["FULL", "HDRS", ""])
@pytest.mark.parametrize("action", list(Action))
def test_a_report_is_what_rfc_3464_says(action, ret):
    recipient = Recipient(
        "jürgen@office.test",
        is_local=True,
        named="J@office.test",
        original="rfc822;J+40office.test",
    )
    envelope = Envelope("ben@office.test", (recipient,), 1000.0, ret=ret, envid="Q+2B1")
    original = b"Subject: s\r\nX: y\r\n\r\nsecret body\r\n"
    text = dsn.report(
        envelope,
        action,
        (Outcome(recipient, "5.1.1", "No such\r\nperson."),),
        original=original,
        by=dsn.Author("mx.office.test"),
        now=2000.0,
    )
    message = email.message_from_bytes(text, policy=email.policy.default)
    assert message.get_content_type() == "multipart/report"
    assert message["Auto-Submitted"] == "auto-replied"
    assert not message.defects
    words, fields, returned = message.iter_parts()
    assert "J@office.test" in words.get_content()
    assert fields.get_content_type() == "message/global-delivery-status"
    body = fields.as_string().split("\n\n", 1)[1]
    assert "Original-Envelope-Id: Q+1" in body
    assert f"Action: {action.value}" in body
    assert "Final-Recipient: utf-8; jürgen@office.test\r\n".encode() in text
    assert "Original-Recipient: rfc822;J@office.test" in body
    whole = action is Action.FAILED and ret == "FULL"
    assert (b"secret body" in text) == whole
    assert returned.get_content_type() == ("message/rfc822" if whole else "text/rfc822-headers")


def test_the_schedule_begins_with_minutes_and_ends_with_hours():
    tries = [schedule.next_try(n, 0.0, is_local=False) / 60 for n in range(1, 10)]
    assert tries == [5, 10, 20, 30, 60, 120, 240, 240, 240]


def test_a_report_has_only_ascii_and_no_control_characters_for_programs():
    recipient = Recipient("x@else.test", is_local=False, original="rfc822;x+00+1Bx@else.test")
    outcome = Outcome(recipient, "5.1.1", "No.", "mx.else.test [::1]", "550 5.1.1 weiß nicht")
    envelope = Envelope("a@office.test", (recipient,), 0.0, envid="a+07b")
    made = dsn.report(
        envelope,
        Action.FAILED,
        (outcome,),
        original=b"X: y\r\n\r\n",
        by=dsn.Author("h.test"),
        now=1.0,
    )
    fields = made.partition(b"message/delivery-status")[2].partition(b"--report-")[0]
    assert b"Diagnostic-Code: smtp; 550 5.1.1 wei? nicht" in fields
    assert fields.replace(b"\r\n", b"").isascii()
    assert all(octet >= 32 for octet in fields.replace(b"\r\n", b""))
    words, *_ = email.message_from_bytes(made, policy=email.policy.default).iter_parts()
    assert "550 5.1.1 weiß nicht" in words.get_content()


def test_a_confidential_message_is_never_returned_whole():
    recipient = Recipient("x@else.test", is_local=False)
    envelope = Envelope("a@office.test", (recipient,), 0.0, ret="FULL", require_tls=True)
    made = dsn.report(
        envelope, Action.FAILED, (Outcome(recipient, "5.7.30", "No."),),
        original=b"X: y\r\n\r\nsecret\r\n", by=dsn.Author("h.test"), now=1.0,
    )  # fmt: skip
    assert b"secret" not in made


def test_a_report_for_somebody_who_is_gone_does_not_stay_in_the_queue(tmp_path):
    async def story(bench):
        bench.runner._reporter._resolve = lambda _sender: ()
        await bench.accept(local("gone@office.test"))
        await bench.settle()
        assert bench.queue.entries() == []

    run(tmp_path, Script(Carried(State.FAILED, "No such account.", "5.1.1")), story)


def test_what_is_durable_is_told_while_its_file_is_there_and_only_then(tmp_path):
    """A mailbox whose flush fails has nothing for good; whoever answers mail must not hear of it."""
    told, fails = [], [True]

    def flush():
        if fails.pop() if fails else False:
            raise StorageFull("full")

    async def story(bench):
        async def durable(entry, number):
            told.append((entry.id, number, bench.queue.spool.path(entry.id).exists()))

        bench.runner.on_durable = durable
        identity = await bench.accept(local("anna@office.test"))
        bench.runner.find_due()
        while bench.runner._tasks:
            await asyncio.wait(bench.runner._tasks)
        await bench.runner.tidy()
        assert told == []
        await bench.settle()
        assert told == [(identity, 0, True)]
        assert bench.queue.entries() == []

    run(tmp_path, Script(Carried(State.DELIVERED, flush=Shared(flush))), story)
