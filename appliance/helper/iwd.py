"""Root's side of Wi-Fi: iwd is started, asked on the bus, and given its files.

What is tried lies in /run, settings and all: a drop-in has iwd work there, so a power cut at any
moment leads back to what was kept. What is kept lies where iwd looks by itself, and its service is
enabled last. iwd goes on in /run until the next start, so that nothing is interrupted.
Standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from appliance.helper import wifi
from appliance.helper.run import Failed, flush_folder, make_folder, run, write_file
from appliance.helper.wifi import Objects, Seen, Wish

STATE, MAIN = Path("/var/lib/iwd"), Path("/etc/iwd/main.conf")
TRIAL = Path("/run/pillarbox-wifi")
DROP_IN = Path("/run/systemd/system/iwd.service.d/pillarbox-trial.conf")
ENABLED = Path("/etc/systemd/system/multi-user.target.wants/iwd.service")
RADIOS, DEVICES = Path("/sys/class/ieee80211"), Path("/sys/class/net")
UNIT = "iwd.service"
_WORKS_IN_TRIAL = (
    f"[Service]\nEnvironment=STATE_DIRECTORY={TRIAL} CONFIGURATION_DIRECTORY={TRIAL}\n"
    f"ReadWritePaths={TRIAL}\n"
)
_BUS = ("busctl", "--system", "--json=short", "--auto-start=no", "--timeout=40")
_SERVICE = "net.connman.iwd"
_RADIO_SECONDS = 20.0  # a radio needs its firmware first; at a start it comes late
_SCAN_SECONDS = 20.0  # all channels, also those on which a radio may only listen
_SCANS = 3  # one may miss a network; one that hides its name is called in the second
_ADDRESS_SECONDS = 30.0


def is_set_up() -> bool:
    """Whether the box is to be in a Wi-Fi. Everybody may ask."""
    return ENABLED.is_symlink()


def status() -> dict[str, Any]:
    """Whether there is a radio, which network is kept, and which one the box is in."""
    told: dict[str, Any] = {
        "has": _has_radio(), "country": "", "kept": "", "connected": "", "signal": None,
    }  # fmt: skip
    if is_set_up():
        told["country"] = wifi.country_of(_text(MAIN))
        told["kept"] = next(iter(sorted(_kept_names())), "")
    if _runs():
        with contextlib.suppress(Failed):  # it may be ending
            known = _objects()
            told["connected"] = wifi.connected(known)
            strengths = {each.name: each.signal for each in _in_reach(known)}
            told["signal"] = strengths.get(told["connected"])
    return told


def scan(country: str) -> list[Seen]:
    """The networks in reach, the best first. Starts iwd for it if need be. Raises Failed."""
    if wrong := wifi.problems(Wish("any", "", country)):
        raise Failed(" ".join(wrong.values()))
    _wait_for_radio()
    if _runs():
        return _scanned()
    try:
        _begin_trial(country)
        return _scanned()
    finally:
        _go_back()


def join(wish: Wish) -> None:
    """Try a network; keep it if the box gets an address there, else all is as before.

    Takes up to two minutes. Raises Failed, OSError.
    """
    if wrong := wifi.problems(wish):
        raise Failed(" ".join(wrong.values()))
    _wait_for_radio()
    try:
        _begin_trial(wish.country)
        _keep(wish, _try_out(wish))
    except BaseException:
        _go_back()
        raise


def leave() -> None:
    """Wi-Fi off, and its password forgotten. Raises Failed, OSError."""
    if is_set_up():
        run(["systemctl", "disable", UNIT])
        flush_folder(ENABLED.parent)
    _go_back()
    for each in _kept_files():
        each.unlink()
    if STATE.is_dir():
        flush_folder(STATE)


# --- trying and keeping


def _begin_trial(country: str) -> None:
    """iwd anew, with nothing but this country."""
    _clear_trial()
    TRIAL.mkdir(mode=0o700)
    write_file(TRIAL / "main.conf", wifi.main_file(country), 0o600)
    make_folder(DROP_IN.parent)
    write_file(DROP_IN, _WORKS_IN_TRIAL)
    run(["systemctl", "daemon-reload"])
    run(["systemctl", "start", UNIT])
    _until(lambda: bool(wifi.station(_objects())[0]), _RADIO_SECONDS, wifi.NO_WIFI)


def _try_out(wish: Wish) -> str:
    """Find it, connect, get an address; its kind. Raises Failed."""
    _write(TRIAL, wish, wifi.PSK if wish.password else wifi.OPEN, joins_alone=False)
    found = next(filter(None, (_named(wish.name) for _ in range(_SCANS))), None)
    if refused := wifi.refusal(found, wish):
        raise Failed(refused)
    assert found is not None  # or it would have been refused
    _write(TRIAL, wish, found.kind, joins_alone=False)
    _until(lambda: bool(_known(found)), 5.0, wifi.NOT_LET_IN)
    try:
        _call(found.path, f"{_SERVICE}.Network", "Connect")
    except Failed:
        raise Failed(wifi.not_let_in(found)) from None
    _until(_has_address, _ADDRESS_SECONDS, wifi.NO_ADDRESS)
    return found.kind


def _write(folder: Path, wish: Wish, kind: str, *, joins_alone: bool) -> Path:
    path = folder / wifi.file_name(wish.name, kind)
    write_file(path, wifi.network_file(wish, joins_alone=joins_alone), 0o600)
    return path


def _named(name: str) -> Seen | None:
    return next((each for each in _scanned() if each.name == name), None)


def _known(found: Seen) -> str:
    """iwd's object for the file of a network that it read; empty while it did not."""
    network = _objects().get(found.path, {}).get(f"{_SERVICE}.Network", {})
    path: str = network.get("KnownNetwork", "")
    return path


def _keep(wish: Wish, kind: str) -> None:
    """Enabled last, so that a power cut before that leaves it off, or as it was."""
    STATE.mkdir(mode=0o700, exist_ok=True)
    file = _write(STATE, wish, kind, joins_alone=True)
    for each in _kept_files():
        if each != file:
            each.unlink()
    flush_folder(STATE)
    make_folder(MAIN.parent)
    write_file(MAIN, wifi.main_file(wish.country))
    run(["systemctl", "enable", UNIT])
    flush_folder(ENABLED.parent)
    try:
        path = wifi.connected_known(_objects())
        run([*_BUS, "set-property", _SERVICE, path, f"{_SERVICE}.KnownNetwork",
             "AutoConnect", "b", "true"])  # fmt: skip
    except Failed:
        _go_back()  # or it would not come back when the router was off for a while


def _go_back() -> None:
    """As it is kept: off, or in the network that is kept. Raises Failed."""
    _clear_trial()
    if is_set_up():
        run(["systemctl", "start", UNIT])


def _clear_trial() -> None:
    run(["systemctl", "stop", UNIT])  # it would write while its folder is being removed
    if DROP_IN.exists():
        DROP_IN.unlink()
        run(["systemctl", "daemon-reload"])
    if TRIAL.exists():
        shutil.rmtree(TRIAL)


# --- asking


def _call(path: str, interface: str, method: str) -> Any:
    return json.loads(run([*_BUS, "call", _SERVICE, path, interface, method]) or "null")


def _objects() -> Objects:
    told = _call("/", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
    return wifi.objects(told)


def _in_reach(known: Objects) -> tuple[Seen, ...]:
    path, _ = wifi.station(known)
    if not path:
        return ()
    ordered = _call(path, f"{_SERVICE}.Station", "GetOrderedNetworks")
    return wifi.seen(known, ordered["data"][0])


def _scanned() -> list[Seen]:
    path, _ = wifi.station(_objects())
    with contextlib.suppress(Failed):  # it scans already
        _call(path, f"{_SERVICE}.Station", "Scan")
    _until(lambda: not wifi.station(_objects())[1].get("Scanning"), _SCAN_SECONDS, wifi.NO_WIFI)
    return list(_in_reach(_objects()))


def _has_address() -> bool:
    for device in DEVICES.iterdir():
        if (device / "phy80211").exists():
            told = run(["ip", "-json", "addr", "show", "dev", device.name, "scope", "global"])
            if any(each.get("addr_info") for each in json.loads(told)):
                return True
    return False


def _runs() -> bool:
    return run(["systemctl", "is-active", UNIT], accept=range(256)).strip() == "active"


def _has_radio() -> bool:
    return RADIOS.is_dir() and any(RADIOS.iterdir())


def _wait_for_radio() -> None:
    _until(_has_radio, _RADIO_SECONDS, wifi.NO_WIFI)


def _until(holds: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Wait for it. Raises Failed with the sentence."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(Failed):  # iwd may be starting
            if holds():
                return
        if time.monotonic() >= end:
            raise Failed(otherwise)
        time.sleep(0.3)


def _kept_files() -> list[Path]:
    try:
        names = os.listdir(STATE)
    except OSError:
        return []
    return [STATE / each for each in names if wifi.name_of(each)]


def _kept_names() -> list[str]:
    return [wifi.name_of(each.name) for each in _kept_files()]


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
