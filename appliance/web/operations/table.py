"""The one table of all operations, by name."""

from __future__ import annotations

from appliance.web.operation import Operation
from appliance.web.operations import backups, box, mail, own, people, simulator

ALL: tuple[Operation, ...] = (
    *box.OPERATIONS,
    *people.OPERATIONS,
    *mail.OPERATIONS,
    *backups.OPERATIONS,
    *own.OPERATIONS,
    *simulator.OPERATIONS,
)
BY_NAME = {each.name: each for each in ALL}
