"""Lamps and button of a box in QEMU: the kernel's simulated chip, with the label of a Pi 4's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from appliance.hardware.base import Color, Led, Light
from appliance.panel import patterns
from appliance.sections import Hardware
from tests.image.machine import PORTS, Machine
from tests.image.page import eventually

_WORDS = "systemd.wants=b.service"  # of the kernel
_PINS = Hardware()
_LAMPS = {
    Led.STATUS: (_PINS.status_red_pin, _PINS.status_green_pin),
    Led.BACKUP: (_PINS.backup_red_pin, _PINS.backup_green_pin),
}
_SIM = "/sys/devices/platform/gpio-sim.0/gpiochip*"
_UNIT = f"""[Unit]
DefaultDependencies=no
After=systemd-udevd.service
Before=pillarbox.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -ec 'modprobe gpio-sim; \\
 mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config; \\
 cd /sys/kernel/config/gpio-sim; mkdir board; mkdir board/bank; echo 54 >board/bank/num_lines; \\
 echo pinctrl-bcm2711 >board/bank/label; echo 1 >board/live; \\
 echo pull-up >$(echo {_SIM}/sim_gpio{_PINS.button_pin}/pull); udevadm settle'
"""
_WATCH = """
import glob, json, sys, time
pins = sys.argv[2:]
files = [open(glob.glob(f"{SIM}/sim_gpio{pin}/value")[0]) for pin in pins]
seen, end = [], time.monotonic() + float(sys.argv[1])
while (now := time.monotonic()) < end:
    values = []
    for file in files:
        file.seek(0)
        values.append(int(file.read()))
    seen.append((now, values))
    time.sleep(0.02)
print(json.dumps(seen))
""".replace("{SIM}", _SIM)
_BETWEEN = 0.09  # seconds
_COLORS = {
    (0, 0): Color.OFF, (1, 0): Color.RED, (0, 1): Color.GREEN, (1, 1): Color.AMBER,
}  # fmt: skip


def machine(
    folder: Path, card: Path | str, boot: Path, *more: str, ports: Sequence[int] | None = PORTS
) -> Machine:
    """A box with lamps and a button, as it is switched on; `more` is for QEMU."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "b.service").write_text(_UNIT)
    name = "name=opt/io.systemd.credentials/systemd.extra-unit.b.service"
    more = ("-fw_cfg", f"{name},file={folder}/b.service", *more)
    return Machine(folder, card, boot, ports=ports, more=more, kernel_words=_WORDS)


def press(machine: Machine, seconds: float = 0.4) -> None:
    """Press the button and let it go."""
    pull = f"$(echo {_SIM}/sim_gpio{_PINS.button_pin}/pull)"
    machine.run(f"echo pull-down >{pull}; sleep {seconds}; echo pull-up >{pull}")


def light(machine: Machine, led: Led, seconds: float = 8.0) -> Light:
    """Which of the lights of the printed card a lamp shows.

    Raises AssertionError: it shines in another way.
    """
    pins = " ".join(str(pin) for pin in _LAMPS[led])
    told = machine.run(f"python3 - {seconds} {pins} <<'END'{_WATCH}END")
    samples = [(moment, _COLORS[red, green]) for moment, (red, green) in json.loads(told)]
    found = [each for each in patterns.TABLE[led] if _fits(each, samples)]
    assert len(found) == 1, (led, [each.meaning for each in found], _runs(samples))
    return found[0]


def shows(machine: Machine, led: Led, wanted: Light, seconds: float = 180.0) -> None:
    """Until the lamp shows it; where others keep this machine busy, an emulated lamp stumbles.

    Raises AssertionError: it does not.
    """
    eventually(lambda: light(machine, led) == wanted, wanted.meaning, seconds)


def _runs(samples: list[tuple[float, Color]]) -> list[tuple[Color, float]]:
    """For how long it had which colour; the first and the last were cut off."""
    begins = [next(group) for _, group in groupby(samples, key=lambda each: each[1])]
    ends = [moment for moment, _ in begins[1:]] + [samples[-1][0]]
    runs = [(color, end - begin) for (begin, color), end in zip(begins, ends, strict=True)]
    return [
        (color, seconds)
        for number, (color, seconds) in enumerate(runs)
        if not _is_half_of_amber(color, seconds, runs[max(0, number - 1) : number + 2])
    ]


def _is_half_of_amber(color: Color, seconds: float, around: list[tuple[Color, float]]) -> bool:
    """Red and green of amber are switched one after the other."""
    beside = {each for each, _ in around}
    return color in {Color.RED, Color.GREEN} and seconds < _BETWEEN and Color.AMBER in beside


def _fits(light: Light, samples: list[tuple[float, Color]]) -> bool:
    """Whether this is what was seen, from any place of its rhythm on; an emulator is not punctual."""
    runs = _runs(samples)
    if light.color is Color.OFF or not light.rhythm:
        return [color for color, _ in runs] == [light.color]
    whole = runs[1:-1]
    wanted = [(Color.OFF if n % 2 else light.color, each) for n, each in enumerate(light.rhythm)]
    if len(whole) < len(wanted):
        return False
    return any(
        all(_alike(run, wanted[(first + n) % len(wanted)]) for n, run in enumerate(whole))
        for first in range(len(wanted))
    )


def _alike(seen: tuple[Color, float], wanted: tuple[Color, float]) -> bool:
    return seen[0] is wanted[0] and abs(seen[1] - wanted[1]) < 0.1 + wanted[1] / 4
