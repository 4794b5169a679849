"""Root's side: one request from standard input, carried out, its answer on standard output.

Started by systemd for each connection to the helper's socket, and gone after it. It believes
nothing: a device must be a block device, hold the file system that was named, and be none that the
system runs from. It imports nothing but the standard library and its own list of requests.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from appliance.helper import card, disks, firewall, iwd, network, systems
from appliance.helper.locks import Lock, Locked
from appliance.helper.network import Plan
from appliance.helper.requests import (
    LONGEST_LINE,
    BadRequest,
    ChangeSystem,
    ForgetLocks,
    Format,
    InstallUpdate,
    JoinWifi,
    KeepNetwork,
    KeepSystem,
    LeaveWifi,
    LetIn,
    LookAtLock,
    LookAtUpdate,
    Mount,
    MountMail,
    PowerOff,
    ReadSetupFile,
    ReleaseMail,
    Request,
    Restart,
    ScanWifi,
    Smart,
    SystemStatus,
    TryNetwork,
    UndoNetwork,
    UndoSystem,
    Unlock,
    Unmount,
    WifiStatus,
    from_line,
)
from appliance.helper.run import Failed, run
from appliance.helper.wifi import Wish


def perform(request: Request) -> dict[str, Any]:
    """Carry a request out. Raises Failed."""
    match request:
        case Mount(device, uuid):
            return {"path": disks.mount(device, uuid, disks.DRIVES / disks.checked_uuid(uuid))}
        case MountMail(device, uuid):
            return {"path": disks.mount_mail(device, uuid)}
        case ReleaseMail(uuid):
            disks.release_mail(disks.checked_uuid(uuid))
            return {}
        case Unmount(uuid):
            disks.unmount(disks.DRIVES / disks.checked_uuid(uuid))
            disks.close(uuid)
            return {}
        case Format() | Unlock() | LookAtLock() | ForgetLocks():
            return _lock(request)
        case Smart(device):
            return disks.smart(device)
        case PowerOff() | Restart():
            run(["systemctl", "poweroff" if isinstance(request, PowerOff) else "reboot"])
            return {}
        case TryNetwork() | KeepNetwork() | UndoNetwork() | LetIn():
            _network(request)
            return {}
        case WifiStatus() | ScanWifi() | JoinWifi() | LeaveWifi():
            return _wifi(request)
        case _:
            return _system(request)


def _lock(request: Format | Unlock | LookAtLock | ForgetLocks) -> dict[str, Any]:
    match request:
        case Format(device, serial, label, way, words, stick):
            place = disks.stick_at(stick, device) if stick else None
            lock = Lock(way, words, place) if way else None
            return {"uuid": disks.format_ext4(device, serial, label, lock)}
        case LookAtLock(device, uuid):
            return {"way": disks.way_of(device, uuid)}
        case Unlock(device, uuid, words, keeps):
            disks.unlock(device, uuid, words, keeps=keeps == "yes")
        case ForgetLocks(device, uuid):
            disks.forget_locks(device, uuid)
    return {}


def _network(request: TryNetwork | KeepNetwork | UndoNetwork | LetIn) -> None:
    match request:
        case LetIn(world, near):
            firewall.let_in(world, near)
        case TryNetwork(device, address, gateway, nameservers):
            network.try_out(Plan(device, address, gateway, tuple(nameservers.split())))
        case KeepNetwork():
            network.keep()
        case UndoNetwork():
            network.undo()


def _wifi(request: WifiStatus | ScanWifi | JoinWifi | LeaveWifi) -> dict[str, Any]:
    match request:
        case WifiStatus():
            return iwd.status()
        case ScanWifi(country):
            found = iwd.scan(country)
            return {
                "networks": [
                    {"name": each.name, "signal": each.signal, "kind": each.kind} for each in found
                ]
            }
        case JoinWifi(network, password, country):
            iwd.join(Wish(network, password, country))
        case LeaveWifi():
            iwd.leave()
    return {}


def _system(
    request: ReadSetupFile
    | LookAtUpdate
    | InstallUpdate
    | SystemStatus
    | ChangeSystem
    | KeepSystem
    | UndoSystem,
) -> dict[str, Any]:
    here = systems.here()
    match request:
        case LookAtUpdate(path):
            return systems.look(Path(path), here)
        case SystemStatus():
            return systems.status(here)
        case ReadSetupFile():
            return card.setup_file(here)
        case InstallUpdate(path):
            systems.install(Path(path), here)
        case KeepSystem():
            systems.keep(here)
        case ChangeSystem():
            systems.change_over(here)
            systems.restart()
        case UndoSystem():
            systems.undo(here)
            systems.restart()
    return {}


def answer(line: bytes) -> dict[str, Any]:
    """What is said to a line."""
    try:
        return {"ok": perform(from_line(line))}
    except Locked as error:
        return {"ok": {"locked": error.way}}
    except (BadRequest, Failed) as error:
        return {"error": str(error)}
    except OSError as error:
        return {"error": f"It could not be done: {error.strerror or error}."}


def main() -> None:
    """One request."""
    os.umask(0o077)
    line = sys.stdin.buffer.readline(LONGEST_LINE)
    sys.stdout.buffer.write(json.dumps(answer(line)).encode() + b"\n")


if __name__ == "__main__":
    main()
