"""What is told of moves, in the owner's words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.fetch import wording
from appliance.fetch.remote import Trouble
from appliance.migration.move import Count, Left, Move

_AGAIN = "Type the password there anew, or give consent once more: on the page, under Moving in."
_COPIED = """\
The mail of {user} at {host} is in the mailbox of {account} now:
{here} of {shown} messages. {rest}

New mail that comes there is brought here every {minutes} minutes, for {days} days
at most. So the mail of the domain can be sent here from now on (the MX record),
and nothing is lost. Until you end the move nothing is changed at the old place.

What was compared, folder by folder: on the page, under Moving in.
"""
_ENDED = """\
The move of {user} at {host} to {account} has ended by itself: {why}

The password there is forgotten. Mail that comes there from now on stays there;
nothing was changed at the old place. To bring more, set up another move.
"""


def explained(move: Move, error: Exception) -> Trouble:
    """Any failure as a sentence and a remedy."""
    found = wording.explained(move.source, error)
    if found.is_login:
        found.remedy = _AGAIN
    return found


def rest(counts: Sequence[Count]) -> str:
    """What is not here of what is there."""
    left = sum(each.left for each in counts)
    if not left:
        return "Nothing is missing."
    if left == 1:
        return "1 was left out; the page says which, and why."
    return f"{left} were left out; the page says which, and why."


def copied(move: Move, counts: Sequence[Count], minutes: int, days: int) -> tuple[str, str]:
    """Subject and text of the letter when all has been here once."""
    here, shown = sum(each.here for each in counts), sum(each.shown for each in counts)
    text = _COPIED.format(
        user=move.user, host=move.host, account=move.account, here=here, shown=shown,
        rest=rest(counts), minutes=minutes, days=days,
    )  # fmt: skip
    return f"The mail of {move.account} has moved in", text


def ended(move: Move, why: str) -> tuple[str, str]:
    """Subject and text of the letter when a move ended by itself."""
    text = _ENDED.format(user=move.user, host=move.host, account=move.account, why=why)
    return f"The move of {move.account} has ended", text


def waiting(move: Move, left: Sequence[Left], no_room: str) -> tuple[str, str]:
    """A sentence and a remedy where somebody here can do something; else empty."""
    count = sum(each.why == no_room for each in left)
    if not count:
        return "", ""
    return (
        f"Mail waits at {move.host}, for the mailbox of {move.account} is full.",
        "Delete mail, or give the account more room; then it comes.",
    )
