"""What a server's reply means for a message: pure.

The first digit decides (RFC 5321 §4.2.1); the enhanced status (RFC 3463) is kept where the server
gives one that agrees with it. Replies that are about us, not about the message, are told apart:
then another way out may help.
"""

from __future__ import annotations

import re
from dataclasses import replace

from appliance.relay.letter import Result, Verdict
from appliance.words import phrase

_STATUS = re.compile(r"\s*([245])\.(\d{1,3})\.(\d{1,3})\b")
_ABOUT_US = re.compile(
    r"block ?list|black ?list|\bDNSBL\b|\bRBL\b|spamhaus|barracuda|spamcop|sorbs|\bPBL\b|reputation"
    r"|dynamic (?:ip|address)|residential|reverse (?:dns|lookup)|\bPTR\b|\brDNS\b|generic rdns"
    r"|(?:ip|address|client|host|network|connections? from)\b.{0,60}"
    r"\b(?:blocked|listed|banned|denied)"
    r"|(?:blocked|listed|banned|denied)\b.{0,40}\b(?:ip|address|client|host|network)\b"
    r"|client host rejected|(?:^|\s)IP ?[=:]"
    r"|not (?:authorized|allowed|permitted) to (?:send|connect)"
    r"|not accept(?:ed|ing)?\b.{0,40}\bfrom|not be accepted from|access denied"
    r"|use (?:your|the smtp relay at your|an?) .{0,30}(?:isp|provider)|smart ?host"
    r"|(?:ip|address) .{0,40}(?:refused|rejected|not allowed|not permitted|not accepted)",
    re.IGNORECASE,
)
_NOT_ABOUT_US = re.compile(
    r"user unknown|no such (?:user|mailbox)|mailbox (?:full|unavailable)"
    r"|(?:recipient|sender) address rejected|this sender\b|relay(?:ing)? (?:access )?denied"
    r"|unable to relay|\bDMARC\b|\bDKIM\b|\bvirus\b|\burl\b|\bcontent\b",
    re.IGNORECASE,
)
_BANNED = re.compile(r"60[0-9]\Z|6[1-4][0-9]\Z|511\Z")  # 5.7.606-649: Microsoft's lists
CONNECTION, LOGIN = phrase("the connection"), phrase("our login")
MESSAGE, SENDER, RECIPIENT = phrase("the message"), phrase("the sender"), phrase("the recipient")
_TOO_MANY = re.compile(r"(?:452|552|550) (?:[45]\.5\.3\b|.*too many (?:rcpt|recipients))", re.I)
_LONGEST = 700


def plain(text: str) -> str:
    """A reply on one line without control characters, bounded."""
    shown = "".join(sign if sign.isprintable() else " " for sign in text[: 4 * _LONGEST])
    return " ".join(shown.split())[:_LONGEST].strip()


def status_of(code: int, text: str) -> str:
    """The enhanced status of a reply, or a general one of its class."""
    found = _STATUS.match(text)
    if found and int(found[1]) == code // 100:
        return f"{found[1]}.{int(found[2])}.{int(found[3])}"
    return f"{code // 100 if code // 100 in (2, 4, 5) else 4}.0.0"


def refuses_us(code: int, text: str, said_to: str = "") -> bool:
    """Whether a refusal is about our address and would befall any message from here."""
    if 500 <= code < 600 and said_to == CONNECTION:
        return True  # it knows nothing else of us yet
    if not 400 <= code < 600 or _NOT_ABOUT_US.search(text):
        return False
    subject, detail = status_of(code, text).split(".")[1:]
    if subject == "7" and (detail in {"25", "27"} or _BANNED.match(detail)):
        return True
    return _ABOUT_US.search(text) is not None and subject in {"0", "3", "7"}


def not_taken(code: int, text: str, said_to: str, base: Verdict) -> Verdict:
    """The verdict of a reply that should have been another one: a yes is none here."""
    found = verdict(code, text, said_to, base)
    if found.result is not Result.DONE:
        return found
    reason = f"The other server gave an answer to {said_to} that makes no sense."
    return replace(found, result=Result.LATER, status="4.5.0", reason=reason)


def overflowing(verdicts: list[Verdict]) -> list[Verdict]:
    """Those that came after as many recipients as the server takes at once go again at once, in a
    transaction of their own (RFC 5321 §4.5.3.1.10; 552 is what it was called before)."""
    if not any(each.result is Result.DONE for each in verdicts):
        return verdicts
    return [
        replace(each, result=Result.LATER, status="4.5.3", at_once=True)
        if each.result is not Result.DONE and _TOO_MANY.match(each.diagnostic)
        else each
        for each in verdicts
    ]


def verdict(code: int, text: str, said_to: str, base: Verdict) -> Verdict:
    """The verdict that a reply means; `base` carries what is known of the connection."""
    text = plain(text)
    diagnostic = f"{code} {text}".strip()
    status = status_of(code, text)
    if 200 <= code < 300:
        return replace(base, result=Result.DONE, status=status, diagnostic=diagnostic)
    permanent = 500 <= code < 600
    return replace(
        base,
        result=Result.NEVER if permanent else Result.LATER,
        status=status,
        reason=_words(code, status, said_to),
        diagnostic=diagnostic,
        refuses_us=refuses_us(code, text, said_to),
    )


def _words(code: int, status: str, said_to: str) -> str:
    """A sentence for people who never saw a reply code."""
    detail = status.partition(".")[2]
    known = {
        "1.1": "The other server says that nobody has this address.",
        "1.2": "The other server says that this address cannot be.",
        "1.10": "This domain takes no mail at all.",
        "2.1": "The mailbox there is closed at the moment.",
        "2.2": "The mailbox there is full.",
        "2.3": "The message is too large for the mailbox there.",
        "3.4": "The message is too large for the other server.",
        "4.5": "The other server is busy.",
        "7.1": "The other server does not take this message from us.",
        "7.25": "The other server does not take mail from our address.",
        "7.26": "The other server could not prove that the message is from its sender.",
    }.get(detail)
    if known:
        return known
    if 500 <= code < 600:
        return f"The other server refused {said_to}."
    if 400 <= code < 500:
        return f"The other server put {said_to} off; it is tried again."
    return f"The other server gave an answer to {said_to} that makes no sense."
