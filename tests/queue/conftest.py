"""A queue in a folder, made anew as after a restart."""

import pytest

from appliance import files
from appliance.clock import SetClock
from appliance.queue.queue import Queue


@pytest.fixture
def make(tmp_path):
    def make():
        queue = Queue(tmp_path / "queue", SetClock())
        queue.start()
        return queue

    return make


@pytest.fixture(autouse=True)
def no_fault(monkeypatch):
    monkeypatch.setattr(files, "fault", lambda *_: None)
