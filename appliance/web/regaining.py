"""An owner who has forgotten the password: who can hold the button while the box starts owns it.

For a while after such a start a new password can be given on the page. One owner, once. Or the box
is reset, by the button held once more while the page waits for it; the mail then stays, because
whoever came in for a quarter of an hour shall not be able to delete it unseen. Time is an argument.
Belongs to the event loop, but for `give`, which blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

from appliance.accounts.database import AccountsDatabase
from appliance.accounts.registry import Registry
from appliance.conditions import Condition, Severity
from appliance.errors import Refused
from appliance.web import people, sessions
from appliance.web.roles import Role

OPEN_SECONDS = 900.0
HOLD_SECONDS = 120.0
CONDITION = "regaining"
_NOT_YOU = "If nobody of you did that, look who was at the box."


@dataclass(slots=True)
class Regaining:
    """Whether it is possible now."""

    until: float = 0.0  # on the steady clock; 0 is never
    reset_until: float = 0.0  # the same; a button held before then resets the box

    def open(self, now: float) -> None:
        """The button was held."""
        self.until = now + OPEN_SECONDS

    def is_open(self, now: float) -> bool:
        """Whether a new password can be given."""
        return now < self.until

    def close(self) -> None:
        """Once is enough."""
        self.until = self.reset_until = 0.0

    def ask_reset(self, now: float) -> None:
        """From now on the button, held for ten seconds, resets the box and does not switch it off.

        Raises:
            Refused: the box was not started with the button held, or too long ago.
        """
        if not self.is_open(now):
            raise Refused("The time for this is over; start the box once more.")
        self.reset_until = min(self.until, now + HOLD_SECONDS)

    def take_reset(self, now: float) -> bool:
        """The button was held; whether that was for the reset. It counts once."""
        was_asked = now < self.reset_until
        self.reset_until = 0.0
        return was_asked


def possible(now: float) -> Condition:
    """What stands on the board meanwhile; `now` in seconds since the epoch."""
    sentence = (
        "The button was held while the box started: for 15 minutes an owner can be given a new "
        "password on the page."
    )
    return Condition(CONDITION, Severity.ATTENTION, sentence, _NOT_YOU, now)


def done(login: str, now: float) -> Condition:
    """What stands there afterwards, until the next start."""
    sentence = f"{login} has a new password, given after the button was held."
    return Condition(CONDITION, Severity.ATTENTION, sentence, _NOT_YOU, now)


def owners(database: AccountsDatabase) -> list[str]:
    """Who may be given a new password, by login. Blocks."""
    everybody = people.all_of_them(database).values()
    return sorted(each.login for each in everybody if each.role is Role.OWNER)


def give(database: AccountsDatabase, login: str, password: str, now: float) -> str:
    """A new password for an owner; a code of an app is asked for no more, since its phone may be
    lost as well, and all sessions end. Their login.

    Raises:
        Refused: this is no owner, or the password is too weak.
    """
    person = people.find(database, login)
    if person is None or person.role is not Role.OWNER:
        raise Refused("This is no owner of the box.")
    if person.is_account:
        Registry(database, now).set_password(person.login, password)
        sessions.end_all(database, person.login)
    else:
        people.set_password(database, person.login, password)
    people.set_totp(database, person.login, "")
    return person.login
