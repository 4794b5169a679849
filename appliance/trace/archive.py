"""The stories as tables of appliance.db: written in batches, searched, forgotten in time.

Everything here blocks. No bodies, and no subjects unless the owner wants them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlite_utils import Database

from appliance.accounts.database import AccountsDatabase
from appliance.accounts.migrations import migrate_room

MOST_FOUND = 200
_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was accepted."""

    queue_id: str
    at: float  # seconds since the epoch
    sender: str
    recipients: tuple[str, ...]
    message_id: str = ""
    peer: str = ""  # numeric address of who sent it
    account: str = ""  # who logged in to send it
    source: str = ""  # where it was collected from
    size: int = 0  # octets
    verdict: str = ""  # "spf=pass dkim=none dmarc=none"
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a message, or kept it out."""

    at: float
    what: str  # a state of the queue, or "refused", "held", "deleted"
    queue_id: str = ""  # "" for what was refused
    sender: str = ""  # of what was refused
    recipient: str = ""
    words: str = ""  # why, for people
    remote: str = ""
    reply: str = ""  # of the remote, word for word
    security: str = ""
    next_try: float = 0.0


@dataclass(frozen=True, slots=True)
class Story:
    """A message and all its events, in order; of what was refused, the event alone."""

    message: Message | None
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Counts:
    """Messages within a time."""

    received: int
    sent: int
    refused: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for; everything that is given must fit."""

    sender: str = ""  # an address or part of one
    recipient: str = ""
    message_id: str = ""
    queue_id: str = ""
    since: float = 0.0
    until: float = field(default=1e12)
    most: int = 50


def _first(db: Database) -> None:
    texts = ("sender", "recipients", "message_id", "peer", "account", "source", "verdict")
    db.create_table(
        "trace_messages",
        {"queue_id": str, "at": float, **dict.fromkeys(texts, str), "size": int, "subject": str},
        pk="queue_id",
    )
    words = ("what", "queue_id", "sender", "recipient", "words", "remote", "reply", "security")
    db.create_table(
        "trace_events",
        {"id": int, "at": float, **dict.fromkeys(words, str), "next_try": float},
        pk="id",
    )
    db.table("trace_messages").create_index(["at"])
    db.table("trace_events").create_index(["queue_id"])
    db.table("trace_events").create_index(["at"])


STEPS: tuple[Callable[[Database], None], ...] = (_first,)
_MESSAGE = tuple(Message.__dataclass_fields__)
_EVENT = tuple(Event.__dataclass_fields__)


class Archive:
    """Writes and finds stories."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database
        with database.change() as db:
            migrate_room(db, "trace", STEPS)

    def write(self, messages: Sequence[Message], events: Sequence[Event]) -> None:
        """Add to the stories, in one transaction."""
        with self._database.note() as db:
            _insert(db, "trace_messages", _MESSAGE, [_message_row(each) for each in messages])
            _insert(db, "trace_events", _EVENT, [asdict(each) for each in events])

    def prune(self, now: float, days: int, most: int) -> None:
        """Forget what is older than `days`, and all but the newest `most` of each table."""
        with self._database.note() as db:
            for table, order in (("trace_messages", "rowid"), ("trace_events", "id")):
                db.execute(f"delete from {table} where at < ?", [now - days * _DAY])  # noqa: S608 - constants
                db.execute(
                    f"delete from {table} where {order} <= "  # noqa: S608 - constants
                    f"(select max({order}) from {table}) - ?",
                    [most],
                )

    def counts(self, since: float, until: float) -> Counts:
        """How many messages came, went and were refused; only of the days that are kept."""
        span = [since, until]
        with self._database.read() as db:
            came, went = db.execute(
                "select coalesce(sum(account = '' and (peer != '' or source != '')), 0),"
                " coalesce(sum(account != ''), 0) from trace_messages where at >= ? and at < ?",
                span,
            ).fetchone()
            refused = db.execute(
                "select count(*) from trace_events where what = 'refused' and at >= ? and at < ?",
                span,
            ).fetchone()
        return Counts(int(came), int(went), int(refused[0]))

    def find(self, wanted: Wanted) -> list[Story]:
        """Stories that fit, newest first."""
        most = min(wanted.most, MOST_FOUND)
        with self._database.read() as db:
            stories = [
                Story(_message(row), _events(db, str(row["queue_id"])))
                for row in list(db.query(*_messages_query(wanted, most)))
            ]
            if not wanted.queue_id and not wanted.message_id:
                stories += [
                    Story(None, (_event(row),)) for row in db.query(*_refused_query(wanted, most))
                ]
        stories.sort(key=lambda each: each.message.at if each.message else each.events[0].at)
        return stories[::-1][:most]


def _insert(
    db: Database, table: str, columns: tuple[str, ...], rows: Sequence[dict[str, Any]]
) -> None:
    marks = ", ".join(f":{name}" for name in columns)
    statement = f"insert or replace into {table} ({', '.join(columns)}) values ({marks})"  # noqa: S608 - constants
    for row in rows:
        db.execute(statement, row)


def _messages_query(wanted: Wanted, most: int) -> tuple[str, dict[str, Any]]:
    conditions = ["at between :since and :until"]
    values: dict[str, Any] = {"since": wanted.since, "until": wanted.until, "most": most}
    for name, text in (("sender", wanted.sender), ("recipients", wanted.recipient)):
        if text:
            conditions.append(f"instr(lower({name}), :{name}) > 0")
            values[name] = text.lower()
    if wanted.message_id:
        conditions.append("instr(message_id, :message_id) > 0")
        values["message_id"] = wanted.message_id.strip("<>")
    if wanted.queue_id:
        conditions.append("queue_id = :queue_id")
        values["queue_id"] = wanted.queue_id
    where = " and ".join(conditions)
    return f"select * from trace_messages where {where} order by at desc limit :most", values  # noqa: S608 - constants


def _refused_query(wanted: Wanted, most: int) -> tuple[str, dict[str, Any]]:
    statement = (
        "select * from trace_events where queue_id = '' and at between :since and :until"
        " and instr(lower(sender), :sender) > 0 and instr(lower(recipient), :recipient) > 0"
        " order by at desc limit :most"
    )
    return (
        statement,
        {
            "since": wanted.since, "until": wanted.until, "most": most,
            "sender": wanted.sender.lower(), "recipient": wanted.recipient.lower(),
        },
    )  # fmt: skip


def _events(db: Database, queue_id: str) -> tuple[Event, ...]:
    rows = db.query("select * from trace_events where queue_id = ? order by id", [queue_id])
    return tuple(_event(row) for row in rows)


def _event(row: dict[str, Any]) -> Event:
    return Event(**{name: row[name] for name in _EVENT})


def _message(row: dict[str, Any]) -> Message:
    values = {name: row[name] for name in _MESSAGE}
    return Message(**{**values, "recipients": tuple(json.loads(values["recipients"]))})


def _message_row(message: Message) -> dict[str, Any]:
    return {**asdict(message), "recipients": json.dumps(message.recipients, ensure_ascii=False)}
