"""What is to be done next with the messages of the queue: pure, with time as an argument.

A job is one message for all its recipients that go the same way: into mailboxes here, or to one
outside destination. Jobs for a destination keep the order in which their messages came. What has
been tried and waits for another time is on the calendar.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from appliance.queue.destinations import AT_ONCE, Destinations
from appliance.queue.envelope import Entry, State

LOCAL_AT_ONCE = 8
MOST_RECIPIENTS = 1000  # in one transaction; a server that takes fewer gets the rest in the next
HERE = ""


@dataclass(frozen=True, slots=True)
class Job:
    """One message for some of its recipients."""

    entry: Entry
    numbers: tuple[int, ...]
    destination: str  # HERE for mailboxes of this box


class Agenda:
    """Jobs that are due, in their order, and the calendar of the others."""

    def __init__(self, destination_of: Callable[[Entry, int], str]) -> None:
        self._destination_of = destination_of
        self.destinations = Destinations()
        self._here: deque[Job] = deque()
        self._running_here = 0
        self._outside: dict[str, deque[Job]] = {}
        self._turn: deque[str] = deque()  # destinations to look at, one after the other
        self._waiting: set[str] = set()  # those in _turn
        self._calendar: list[tuple[float, str]] = []  # a queue id, or a destination
        self._planned: dict[str, float] = {}  # the entry in the calendar that counts, by queue id
        self._taken: dict[str, set[int]] = {}  # numbers in a job, by queue id

    def add(self, entry: Entry, now: float) -> None:
        """Take up what is due of an entry and put the rest on the calendar."""
        taken = self._taken.get(entry.id, set())
        ways: dict[str, list[int]] = {}
        later = 0.0
        for number, progress in enumerate(entry.progress):
            if number in taken or progress.state.is_over or progress.state is State.HELD:
                continue
            if progress.state is State.DEFERRED and progress.next_try > now:
                later = min(later or progress.next_try, progress.next_try)
                continue
            is_local = entry.envelope.recipients[number].is_local
            way = HERE if is_local else self._destination_of(entry, number)
            ways.setdefault(way, []).append(number)
        if later:
            self.postpone(entry, later)
        for way, numbers in ways.items():
            for start in range(0, len(numbers), MOST_RECIPIENTS):
                self._append(Job(entry, tuple(numbers[start : start + MOST_RECIPIENTS]), way))

    def due(self, now: float) -> Iterable[str]:
        """Take what is due from the calendar; the queue ids among it are to be added again."""
        while self._calendar and self._calendar[0][0] <= now:
            when, name = heapq.heappop(self._calendar)
            if name in self._outside:
                self._look_at(name)
            elif self._planned.get(name) == when:
                del self._planned[name]
                yield name

    def next(self, now: float) -> Job | None:
        """The next job to begin, if there is one and room for it."""
        if self._here and self._running_here < LOCAL_AT_ONCE:
            self._running_here += 1
            return self._here.popleft()
        if self.destinations.running >= AT_ONCE:
            return None
        for _ in range(len(self._turn)):
            key = self._turn.popleft()
            jobs = self._outside.get(key)
            if not jobs:
                self._waiting.discard(key)
                self._outside.pop(key, None)
                continue
            self._turn.append(key)
            if self.destinations.may_start(key, now):
                self.destinations.started(key)
                return jobs.popleft()
            place = self.destinations.known.get(key)
            if place is not None and place.failures and not place.running:
                self._turn.pop()  # it is on the calendar
                self._waiting.discard(key)
        return None

    def learned(self, job: Job, now: float, *, reached: bool | None, reason: str = "") -> float:
        """An attempt is over; when the destination is asked again, if not at once.

        `reached` None: nothing was learned about it.
        """
        key = job.destination
        if key == HERE:
            self._running_here -= 1
        elif reached is None:
            self.destinations.interrupted(key)
        elif reached:
            for each in self.destinations.reached(key):
                self._look_at(each)
        else:
            again = self.destinations.not_reached(key, now, reason)
            heapq.heappush(self._calendar, (again, key))
            return again
        return 0.0

    def release(self, job: Job) -> None:
        """Everything about a job is written down."""
        self._untake(job)
        self._look_at(job.destination)

    def put_back(self, job: Job) -> None:
        """A job whose destination did not answer stays the first of those that wait for it."""
        if job.numbers:
            self._taken.setdefault(job.entry.id, set()).update(job.numbers)
            self._outside.setdefault(job.destination, deque()).appendleft(job)

    def postpone(self, entry: Entry, until: float) -> None:
        """Add an entry again at that time, or before if that is planned already."""
        planned = self._planned.get(entry.id)
        if planned is None or until < planned:
            self._planned[entry.id] = until
            heapq.heappush(self._calendar, (until, entry.id))

    def wake(self, key: str = "") -> None:
        """Ask one destination, or all, again at once."""
        self.destinations.wake(key)
        for each in [key] if key else list(self._outside):
            self._look_at(each)

    def reroute(self) -> None:
        """The ways may have changed: what waits for its turn takes the one it has now."""
        for key in list(self._outside):
            jobs, self._outside[key] = self._outside[key], deque()
            for job in jobs:
                ways: dict[str, list[int]] = {}
                for number in job.numbers:
                    ways.setdefault(self._destination_of(job.entry, number), []).append(number)
                for way, numbers in ways.items():
                    self._append(Job(job.entry, tuple(numbers), way))

    def is_busy(self, entry: Entry) -> bool:
        """Whether some of it is in a job."""
        return entry.id in self._taken

    def reason(self, entry: Entry, number: int) -> str:
        """Why a recipient that was not tried waits."""
        if entry.envelope.recipients[number].is_local:
            return ""
        return self.destinations.reason(self._destination_of(entry, number))

    def tidy(self) -> None:
        """Forget destinations that nothing goes to."""
        self.destinations.tidy({key for key, jobs in self._outside.items() if jobs})

    def _append(self, job: Job) -> None:
        self._taken.setdefault(job.entry.id, set()).update(job.numbers)
        if job.destination == HERE:
            self._here.append(job)
            return
        self._outside.setdefault(job.destination, deque()).append(job)
        self._look_at(job.destination)

    def _untake(self, job: Job) -> None:
        numbers = self._taken.get(job.entry.id)
        if numbers is not None:
            numbers.difference_update(job.numbers)
            if not numbers:
                del self._taken[job.entry.id]

    def _look_at(self, key: str) -> None:
        if key in self._outside and key not in self._waiting:
            self._waiting.add(key)
            self._turn.append(key)
