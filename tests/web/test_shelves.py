"""What a drive takes time for is asked once, kept for a while, and never waited for long."""

import asyncio
import threading

import pytest

from appliance.errors import NotFound
from appliance.web import shelves
from appliance.web.shelves import Shelves


def test_who_asks_waits_a_moment_and_finds_the_answer_later(monkeypatch):
    monkeypatch.setattr(shelves, "PATIENCE_SECONDS", 0.01)
    is_there, asked = threading.Event(), []

    def work():
        asked.append(1)
        is_there.wait(10)
        return "the answer"

    async def story():
        kept = Shelves()
        assert await kept.get(("versions",), work, 60) is None
        assert await kept.get(("versions",), work, 60) is None
        is_there.set()
        monkeypatch.setattr(shelves, "PATIENCE_SECONDS", 10)
        assert await kept.get(("versions",), work, 60) == "the answer"
        assert len(asked) == 1
        kept.forget(("versions",))
        assert await kept.get(("versions",), work, 60) == "the answer"
        assert len(asked) == 2

    asyncio.run(story())


def test_what_went_wrong_is_told_and_tried_again():
    answers = [NotFound("It is not there."), "there"]

    def work():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def story():
        kept = Shelves()
        with pytest.raises(NotFound):
            await kept.get(("versions",), work, 60)
        assert await kept.get(("versions",), work, 60) == "there"

    asyncio.run(story())


def test_of_what_is_large_only_the_newest_are_kept():
    asked = []

    async def story():
        kept = Shelves()

        async def look(who):
            return await kept.get(("look", who), lambda: asked.append(who), 60)

        for who in ("anna", "ben", "carl", "ben", "carl", "anna"):
            await look(who)
        assert asked == ["anna", "ben", "carl", "anna"]

    asyncio.run(story())
