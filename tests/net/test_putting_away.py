"""A session that cannot be put away when its client has gone."""

from __future__ import annotations

import asyncio
import logging

import pytest

from appliance.net import connection


async def _fails(error: Exception) -> asyncio.Task[None]:
    async def away() -> None:
        raise error

    task = asyncio.ensure_future(away())
    await asyncio.wait([task])
    return task


@pytest.mark.parametrize(
    ("error", "has_traceback"), [(OSError(5, "Input/output error"), False), (KeyError("x"), True)]
)
def test_a_disk_that_went_away_is_no_bug_of_ours(
    error: Exception, has_traceback: bool, caplog: pytest.LogCaptureFixture
) -> None:
    connection._log_failure(asyncio.run(_fails(error)))
    (record,) = caplog.records
    assert (record.levelno == logging.ERROR) == has_traceback
    assert bool(record.exc_info) == has_traceback
