"""One message about all that is to be told now, in the form of each channel. Pure.

It carries no contents of mail and no passwords: sentences of the board, and the box's name.
"""

from __future__ import annotations

import email.utils
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from appliance.conditions import Condition, Severity
from appliance.health.alerts import Told
from appliance.words import Say, phrase

Item = dict[str, str]


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told."""

    host: str
    at: float
    standing: tuple[Item, ...] = ()  # key, severity, sentence, remedy
    over: tuple[Item, ...] = ()  # key, sentence
    is_test: bool = False

    @property
    def is_fault(self) -> bool:
        """Mail does not flow."""
        return any(each["severity"] == "fault" for each in self.standing)

    @property
    def subject(self) -> str:
        """One line."""
        if self.is_test:
            return phrase(f"{self.host}: a test")
        if not self.standing:
            return phrase(f"{self.host}: it is over")
        if len(self.standing) > 1:
            return phrase(f"{self.host}: {len(self.standing)} things need you")
        return f"{self.host}: {self.standing[0]['sentence']}"

    @property
    def text(self) -> str:
        """Plain words."""
        if self.is_test:
            return "This is a test. Alerts of the mail server arrive here.\n"
        parts = [f"{each['sentence']}\n{each['remedy']}".rstrip() for each in self.standing]
        parts += [f"This is over: {each['sentence']}" for each in self.over]
        return "\n\n".join(parts) + "\n"


def make(host: str, at: float, tell: Sequence[Condition], over: Sequence[Told]) -> Notice:
    """The notice about what is told and what is over."""
    return Notice(
        host,
        at,
        tuple(
            {
                "key": each.key,
                "severity": Severity(each.severity).name.lower(),
                "sentence": each.sentence,
                "remedy": each.remedy,
            }
            for each in tell
        ),
        tuple({"key": each.key, "sentence": each.sentence} for each in over),
    )


def to_json(notice: Notice) -> dict[str, Any]:
    """As plain values, to be kept."""
    return asdict(notice)


def from_json(values: dict[str, Any]) -> Notice:
    """From plain values."""
    lists = {name: tuple(values[name]) for name in ("standing", "over")}
    return Notice(**{**values, **lists})


def for_webhook(notice: Notice, say: Say = str) -> tuple[bytes, dict[str, str]]:
    """Body and headers; `say` says what people read in their language."""
    values = {**asdict(notice), "subject": say(notice.subject), "text": say(notice.text)}
    body = json.dumps(values, ensure_ascii=False).encode()
    return body, {"Content-Type": "application/json"}


def for_ntfy(notice: Notice, say: Say = str) -> tuple[bytes, dict[str, str]]:
    """Body and headers, as ntfy takes them; what is not ASCII is encoded (RFC 2047)."""
    subject = _one_line(say(notice.subject))
    tag = "rotating_light" if notice.is_fault else "warning"
    return say(notice.text).encode(), {
        "Title": subject
        if subject.isascii()
        else Header(subject, "utf-8", maxlinelen=10_000).encode(),
        "Priority": "urgent" if notice.is_fault else "default",
        "Tags": tag if notice.standing else "white_check_mark",
        "Content-Type": "text/plain; charset=utf-8",
    }


def letter(
    subject: str, text: str, sender: str, to: str, at: float, *, say: Say = str
) -> EmailMessage:
    """As a message; subject and text are in the reader's language already."""
    made = EmailMessage(policy=SMTP)
    made["From"] = email.utils.formataddr((say(phrase("Mail server")), sender))
    made["To"] = to
    made["Subject"] = _one_line(subject)
    made["Date"] = email.utils.formatdate(at, localtime=True)
    made["Message-ID"] = email.utils.make_msgid(domain=sender.rpartition("@")[2])
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5
    made.set_content(text)
    return made


def _one_line(text: str) -> str:
    return " ".join(text.split())
