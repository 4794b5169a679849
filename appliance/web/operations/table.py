"""The one table of all operations, by name."""

from __future__ import annotations

from appliance.web.operation import Operation
from appliance.web.operations import (
    backups,
    box,
    devices,
    disks,
    flow,
    mail,
    mailboxes,
    network,
    own,
    people,
    settings,
    setup,
    simulator,
    zone,
)

ALL: tuple[Operation, ...] = (
    *box.OPERATIONS,
    *people.OPERATIONS,
    *zone.OPERATIONS,
    *mail.OPERATIONS,
    *flow.OPERATIONS,
    *mailboxes.OPERATIONS,
    *disks.OPERATIONS,
    *network.OPERATIONS,
    *backups.OPERATIONS,
    *own.OPERATIONS,
    *devices.OPERATIONS,
    *setup.OPERATIONS,
    *settings.OPERATIONS,
    *simulator.OPERATIONS,
)
BY_NAME = {each.name: each for each in ALL}
