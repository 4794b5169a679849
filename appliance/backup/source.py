"""Where mail is restored from: any drive, folder or address, and which version on it. Blocks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from appliance.backup import target
from appliance.backup.address import check as check_address
from appliance.backup.address import is_address
from appliance.backup.engine import Engine, Repository, Version
from appliance.backup.key import Key
from appliance.backup.process import Watch, within
from appliance.backup.proof import beside
from appliance.backup.trouble import Kind, TargetTrouble
from appliance.errors import NotFound
from appliance.words import phrase

PATIENCE_SECONDS = 30.0
"""How long a drive may take to say what it is."""


def foreign_source(
    named: str,
    opened: Key,
    watch: Watch | None = None,
    environment: Mapping[str, str] | None = None,
) -> Engine:
    """restic for a drive, folder or address that this box need not know.

    Raises:
        Refused: there is a password in the address.
        NotFound: there is no backup.
    """
    if is_address(named):
        check_address(named)
        return Engine(
            Repository(phrase("the backup"), named, environment or {}), opened, watch=watch
        )
    root = Path(named).absolute()
    name = phrase(f"the drive at {root}")
    patience = within(PATIENCE_SECONDS)
    if beside(lambda: target.read_marker(root, name), patience, name) is None:
        raise NotFound(f"There is no backup in {root}.")
    return Engine(target.repository_of(root, name), opened, watch=watch)


def answers(engine: Engine) -> bool:
    """Whether a repository behind a network can be reached now; what else is wrong with it, a run
    tells."""
    try:
        engine.exists()
    except TargetTrouble as trouble:
        return trouble.kind not in {Kind.UNREACHABLE, Kind.VANISHED}
    return True


def find_version(engine: Engine, named: str) -> Version:
    """A version by the beginning of its name; the newest when none is named.

    Raises:
        NotFound: there is none, or more than one begins so.
    """
    versions = engine.versions()
    if not versions:
        raise NotFound(f"There is no version on {engine.repository.name} yet.")
    if named in {"", "latest"}:
        return versions[-1]
    found = [one for one in versions if one.identity.startswith(named)]
    if len(found) != 1:
        count = "No version" if not found else "More than one version"
        raise NotFound(f"{count} begins with {named}; see: backup list.")
    return found[0]
