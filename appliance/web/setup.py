"""The first steps: which there are, and which is next. Pure but for what it remembers.

Each step does real things (an owner, a domain, accounts, a drive) and is then noted as done or left
out, so a power cut leads back to the step where it was, and every step can be seen again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from appliance.accounts.database import AccountsDatabase
from appliance.web import people
from appliance.web.language import N_

_FACT = "setup:"
DONE, LATER = "done", "later"


@dataclass(frozen=True, slots=True)
class Step:
    """One step."""

    name: str
    title: str
    may_wait: bool = True


STEPS = (
    Step("owner", N_("You"), may_wait=False),
    Step("disk", N_("Mail disk")),
    Step("mail", N_("Your mail")),
    Step("people", N_("People")),
    Step("sheet", N_("Recovery sheet")),
    Step("drive", N_("Backup drive")),
    Step("test", N_("Test")),
)
BY_NAME = {each.name: each for each in STEPS}


def next_step(noted: Mapping[str, str]) -> Step | None:
    """The first step that is neither done nor left for later; None: all are over."""
    return next((each for each in STEPS if each.name not in noted), None)


def noted(database: AccountsDatabase) -> dict[str, str]:
    """What became of each step. Blocks."""
    found = {each.name: people.fact(database, _FACT + each.name) for each in STEPS}
    if people.has_owner(database):
        found["owner"] = DONE
    return {name: what for name, what in found.items() if what}


def note(database: AccountsDatabase, step: str, what: str) -> None:
    """Remember what became of a step. Blocks."""
    people.note(database, _FACT + step, what)
