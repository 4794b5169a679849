"""The one table of all operations, by name."""

from __future__ import annotations

from appliance.web.operation import Operation
from appliance.web.operations import (
    aliases,
    backups,
    box,
    devices,
    disks,
    exporting,
    flow,
    importing,
    mail,
    own,
    passkeys,
    people,
    restoring,
    setup,
    simulator,
    zone,
)

ALL: tuple[Operation, ...] = (
    *box.OPERATIONS,
    *people.OPERATIONS,
    *aliases.OPERATIONS,
    *importing.OPERATIONS,
    *zone.OPERATIONS,
    *mail.OPERATIONS,
    *flow.OPERATIONS,
    *disks.OPERATIONS,
    *backups.OPERATIONS,
    *restoring.OPERATIONS,
    *exporting.OPERATIONS,
    *own.OPERATIONS,
    *passkeys.OPERATIONS,
    *devices.OPERATIONS,
    *setup.OPERATIONS,
    *simulator.OPERATIONS,
)
BY_NAME = {each.name: each for each in ALL}
