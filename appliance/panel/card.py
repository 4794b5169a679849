"""The card that lies beside the box: what the lamps and the button mean, as a page. Pure."""

from __future__ import annotations

from appliance.hardware import rhythm
from appliance.hardware.base import Color, Led, Light
from appliance.panel import patterns
from appliance.panel.gestures import EJECT_SECONDS, SHUT_DOWN_SECONDS, Gesture

_NAMES = {Led.STATUS: "The lamp STATUS", Led.BACKUP: "The lamp BACKUP"}
_SLOT_SECONDS = 0.1
_SLOTS = 30


def card() -> str:
    """The card in Markdown."""
    lines = ["# What the lamps and the button mean", ""]
    lines += ["A box with one lamp shows both on it: what is wrong first, then the backup.", ""]
    for led, lights in patterns.TABLE.items():
        lines += [f"## {_NAMES[led]}", "", "| it shines | three seconds of it | it means |"]
        lines += ["|---|---|---|"]
        lines += [f"| {in_words(each)} | `{drawn(each)}` | {each.meaning} |" for each in lights]
        lines.append("")
    lines += ["## The button", "", "| press it | both lamps | it means |", "|---|---|---|"]
    holds = {
        Gesture.BACK_UP: "shortly",
        Gesture.EJECT: f"for {EJECT_SECONDS:g} seconds",
        Gesture.SHUT_DOWN: f"for {SHUT_DOWN_SECONDS:g} seconds",
    }
    for gesture, how in holds.items():
        light = patterns.HELD[gesture]
        lines.append(f"| {how} | {in_words(light)} | {gesture.value} |")
    lines += [f"| while the box starts | {in_words(patterns.RECOVERY)} | recovery |", ""]
    return "\n".join(lines)


def in_words(light: Light) -> str:
    """`red, two short flashes`."""
    if light.color is Color.OFF:
        return "dark"
    color = light.color.value
    if not light.rhythm:
        return f"{color}, steady"
    on, flashes = light.rhythm[0], len(light.rhythm) // 2
    if len(set(light.rhythm[::2])) > 1:
        return f"{color}, long and short in turn"
    if flashes > 1:
        return f"{color}, {('', '', 'two', 'three')[flashes]} short flashes, then a pause"
    off = light.rhythm[1]
    if on + off <= 0.5:
        return f"{color}, flickering" if off >= on else f"{color}, trembling"
    if on < off / 3:
        return f"{color}, a flash now and then" if on >= 0.3 else f"{color}, a short blink"
    if off < on / 3:
        return f"{color}, short gaps"
    return f"{color}, slow blinking" if on >= 1.0 else f"{color}, blinking"


def drawn(light: Light) -> str:
    """Three seconds as signs: # on, . off."""
    return "".join("#" if is_on else "." for is_on in lit(light))


def lit(light: Light) -> list[bool]:
    """Whether it shines, for each tenth of three seconds."""
    if light.color is Color.OFF:
        return [False] * _SLOTS
    moments = ((slot + 0.5) * _SLOT_SECONDS for slot in range(_SLOTS))
    return [rhythm.state(light.rhythm, each)[0] for each in moments]
