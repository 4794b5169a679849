"""The one table of all operations, by name."""

from __future__ import annotations

from appliance.web.operation import Operation
from appliance.web.operations import (
    aliases,
    answering,
    backups,
    box,
    devices,
    disks,
    exporting,
    flow,
    importing,
    mail,
    mailboxes,
    moving_in,
    network,
    own,
    parting,
    passkeys,
    people,
    resetting,
    restoring,
    settings,
    setup,
    simulator,
    updates,
    zone,
)

ALL: tuple[Operation, ...] = (
    *box.OPERATIONS,
    *people.OPERATIONS,
    *aliases.OPERATIONS,
    *answering.OPERATIONS,
    *parting.OPERATIONS,
    *importing.OPERATIONS,
    *zone.OPERATIONS,
    *mail.OPERATIONS,
    *flow.OPERATIONS,
    *moving_in.OPERATIONS,
    *mailboxes.OPERATIONS,
    *disks.OPERATIONS,
    *network.OPERATIONS,
    *updates.OPERATIONS,
    *backups.OPERATIONS,
    *restoring.OPERATIONS,
    *exporting.OPERATIONS,
    *own.OPERATIONS,
    *passkeys.OPERATIONS,
    *devices.OPERATIONS,
    *setup.OPERATIONS,
    *settings.OPERATIONS,
    *resetting.OPERATIONS,
    *simulator.OPERATIONS,
)
BY_NAME = {each.name: each for each in ALL}
