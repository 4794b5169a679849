"""What the first steps do beside making accounts and the like: noting steps, the recovery sheet,
test mail."""

from __future__ import annotations

from typing import Any

from appliance.backup import key, sheet
from appliance.speech import places
from appliance.speech.language import LANGUAGES
from appliance.trace.archive import Archive, Wanted
from appliance.web import people, setup
from appliance.web.desk import Desk
from appliance.web.fields import Field, Kind, Values
from appliance.web.language import N_
from appliance.web.operation import Operation, beside
from appliance.web.operations.people import ADDRESS
from appliance.web.roles import Role, Visitor

_QUESTION = "sheet-question"
STEP = Field(
    "step", N_("Step"), Kind.CHOICE,
    choices=tuple((each.name, each.title) for each in setup.STEPS if each.may_wait),
)  # fmt: skip
WHAT = Field(
    "what", N_("What became of it"), Kind.CHOICE,
    choices=((setup.DONE, N_("Done")), (setup.LATER, N_("Later"))),
)  # fmt: skip
FIRST = Field("first", N_("First word"), is_private=True)
SECOND = Field("second", N_("Second word"), is_private=True)
MESSAGE_ID = Field("message_id", N_("Message"))
LANGUAGE = Field(
    "language", N_("Language of letters"), Kind.CHOICE,
    choices=tuple((each.code, each.name) for each in LANGUAGES.values()),
    help=N_("Reports to senders, alerts and sheets to print are written in it."),
)  # fmt: skip
COUNTRY = Field(
    "country", N_("Country"), Kind.COUNTRY, required=False,
    choices=(("", N_("not said")), *((each, each) for each in places.countries())),
)  # fmt: skip
TIME_ZONE = Field(
    "time_zone", N_("Time zone"), Kind.ZONE, required=False,
    choices=(("", N_("the usual one")), *((each, each) for each in places.zones())),
    help=N_("Page, letters and what happens at night go by it."),
)  # fmt: skip
OFFICE = Field("office", N_("Name of the office"), help=N_("It stands on every page."))


async def step_note(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Note what became of a step."""
    await desk.blocking(setup.note, desk.database, values["step"], values["what"])


async def office_name(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Give the office another name."""
    await desk.name_office(values["office"])


async def office_language(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Have the box write its letters in another language."""
    await desk.choose_language(values["language"])


async def recovery_sheet(desk: Desk, _visitor: Visitor, _values: Values) -> dict[str, Any]:
    """The words that open every backup, and which two of them prove that the sheet is there."""
    found = await desk.blocking(key.load_or_make, desk.state)
    first, second = await desk.blocking(_question, desk)
    return {
        "words": list(found.words),
        "text": sheet.text(found, desk.host, desk.now, desk.voice.say),
        "first": first,
        "second": second,
        "is_proven": await desk.blocking(desk.backups.sheet_is_proven),
    }


async def sheet_prove(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Prove that the sheet is there by two of its words."""
    found = await desk.blocking(key.load, desk.state)
    first, second = await desk.blocking(_question, desk)
    for name, number, other in (("first", first, second), ("second", second, first)):
        with beside(name):
            sheet.prove(found, (number, other), (values[name], found.words[other - 1]))
    await desk.blocking(desk.backups.note_sheet_proven, desk.now)


async def mail_test(desk: Desk, _visitor: Visitor, values: Values) -> dict[str, str]:
    """Send a test message."""
    with beside("address"):
        return {"message_id": await desk.ask("mail_test", to=values["address"])}


async def mail_test_story(desk: Desk, _visitor: Visitor, values: Values) -> dict[str, Any]:
    """What became of a test message, and how long it took."""
    await desk.ask("trace_written")
    wanted = Wanted("", "", values["message_id"], "", 0.0, 1e12, 1)
    found = await desk.blocking(lambda: Archive(desk.database).find(wanted))
    if not found or found[0].message is None:
        return {"state": "waiting", "seconds": None, "words": ""}
    story, sent = found[0], found[0].message.at
    if not story.events:
        return {"state": "waiting", "seconds": None, "words": ""}
    last = story.events[-1]
    words = f"{last.words} {last.reply}".strip()
    return {"state": last.what, "seconds": round(last.at - sent, 3), "words": words}


def _question(desk: Desk) -> tuple[int, int]:
    """The same two words until they were given, so that nobody can try until two fit."""
    kept = people.fact(desk.database, _QUESTION)
    if not kept:
        first, second = sheet.question()
        kept = f"{first} {second}"
        people.note(desk.database, _QUESTION, kept)
    one, other = kept.split()
    return int(one), int(other)


_OWNER, _BOX = Role.OWNER, "box"
OPERATIONS = (
    Operation("setup_step", "POST", "/setup/{step}", _OWNER, _BOX,
              N_("Note what became of a first step"), step_note, (STEP, WHAT)),
    Operation("office_name", "PUT", "/office", _OWNER, _BOX, N_("Name the office"), office_name,
              (OFFICE,)),
    Operation("office_language", "PUT", "/office/language", _OWNER, _BOX,
              N_("Choose the language of letters"), office_language, (LANGUAGE,)),
    Operation("recovery_sheet", "GET", "/backups/recovery-sheet", _OWNER, "backups",
              N_("The recovery sheet"), recovery_sheet),
    Operation("sheet_prove", "POST", "/backups/recovery-sheet/prove", _OWNER, "backups",
              N_("Prove that the recovery sheet is there"), sheet_prove, (FIRST, SECOND)),
    Operation("mail_test", "POST", "/mail-test", _OWNER, "mail-flow", N_("Send a test message"),
              mail_test, (ADDRESS,)),
    Operation("mail_test_story", "GET", "/mail-test/{message_id}", _OWNER, "read",
              N_("What became of a test message"), mail_test_story, (MESSAGE_ID,)),
)  # fmt: skip
