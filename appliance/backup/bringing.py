"""A restore cut into accounts: what each of them needs, and fetching it. Blocks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from appliance.backup import contents, merge
from appliance.backup.engine import Engine
from appliance.backup.merge import Wanted
from appliance.backup.pace import Pace, units
from appliance.backup.source import find_version


def resolved(engine: Engine, wanted: Wanted, mail: Path) -> list[Wanted]:
    """One request for each account, with the version's whole name."""
    version = find_version(engine, wanted.version).identity
    if wanted.account:
        return [replace(wanted, version=version)]
    with merge.scratch_on(mail) as scratch:
        about = contents.about(engine, version, scratch)
    each = about.octets // max(1, sum(about.messages.values()))
    return [
        Wanted(version, account, expected=2 * units(count, count * each))
        for account, count in about.messages.items()
    ]


def fetched(engine: Engine, mail: Path, wanted: Wanted, pace: Pace) -> tuple[merge.Plan, Path]:
    """Plan and fetch; the scratch folder stays until `merge.clear`."""
    scratch = merge.begin(mail)
    made = merge.plan(engine, mail, wanted)
    pace.plan(2 * made.units - wanted.expected)
    merge.fetch(engine, scratch, made, pace)
    return made, scratch
