"""Who brought collected mail to the provider: names are believed when the DNS agrees."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from appliance.office.intake import Road
from tests.filters.conftest import Opinions

BELOW = (
    "Received: from mail.good.test (mail.good.test [8.8.8.8])\r\n"
    "\tby mx2.provider.test with ESMTPS id 1; now\r\n"
)


@pytest.mark.parametrize(
    ("address", "name", "right"),
    [
        ("93.184.216.40", "mx2.provider.test", "8.8.8.8"),  # really one of the provider's
        ("93.184.216.66", "mx2.provider.test", "93.184.216.66"),  # a stranger with its name
        ("93.184.216.66", "mx9.provider.test", "93.184.216.66"),  # a name that does not exist
        ("93.184.216.40", "mx2.else.test", "93.184.216.40"),  # somebody else's name
    ],
)
def test_the_origin(opinions: Opinions, address: str, name: str, right: str) -> None:
    nothing: Any = None
    road = Road("box.test", *[nothing] * 5, opinions.resolver, nothing)
    top = f"Received: from {name} (x [{address}])\r\n\tby mx.provider.test with ESMTP id 2; now\r\n"

    async def ask() -> str:
        found = await road._origin((top + BELOW).encode())
        assert found is not None
        return found.peer

    assert asyncio.run(ask()) == right
