"""Collected mail of which nobody can say which host sent it."""

import asyncio
from pathlib import Path

from appliance.clock import SystemClock
from appliance.filters.arrived import Action, Arrived, Verdict
from appliance.filters.judge import Judge
from tests.filters import dkim_cases
from tests.filters.conftest import Opinions


def judged(opinions: Opinions, message: bytes) -> Verdict:
    end = message.index(b"\r\n\r\n") + 2
    header, body = message[:end], message[end:]
    arrived = Arrived("", "", "joe@reject.test", header, Path("unused"), 0, body, len(body))
    judge = Judge(opinions.resolver, SystemClock())
    return asyncio.run(judge.judge(arrived))


def test_a_signature_is_told_all_the_same(opinions: Opinions) -> None:
    verdict = judged(opinions, dkim_cases.RFC_6376)
    assert verdict.facts["dkim"] == "pass"
    assert "spf" not in verdict.facts


def test_nothing_follows_from_what_cannot_be_known(opinions: Opinions) -> None:
    forged = dkim_cases.MESSAGE.replace(b"joe@dkim.test", b"boss@reject.test")
    verdict = judged(opinions, forged)
    assert verdict.action is Action.ACCEPT
    assert verdict.facts == {"dkim": "none"}
