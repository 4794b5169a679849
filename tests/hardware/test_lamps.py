"""Lamps in their rhythms; the kernel's lamp; pins, with a stand-in for the chip."""

import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from appliance.errors import Refused
from appliance.hardware.base import Color, Led, Light
from appliance.hardware.gpio import GpioBoard, LampsOnly, Pins
from appliance.hardware.lamps import Lamps
from appliance.hardware.leds import own_lamp
from tests.support.box import wait_until


class Recorded:
    """A lamp that remembers how it was switched."""

    def __init__(self, *, breaks: bool = False) -> None:
        self.colors: list[Color] = []
        self.breaks = breaks
        self.closed = False

    def switch(self, color: Color) -> None:
        if self.breaks:
            raise OSError("no such device")
        self.colors.append(color)

    def close(self) -> None:
        self.closed = True


def test_a_lamp_blinks_in_its_rhythm_until_it_is_told_otherwise() -> None:
    lamp = Recorded()
    lamps = Lamps({Led.STATUS: lamp})
    lamps.show(Led.STATUS, Light(Color.RED, (0.02, 0.02)))
    wait_until(lambda: len(lamp.colors) >= 5, "it blinks")
    lamps.show(Led.STATUS, Light(Color.GREEN))
    wait_until(lambda: lamp.colors[-1] is Color.GREEN, "it is steady")
    assert set(lamp.colors[:5]) == {Color.RED, Color.OFF}
    count = len(lamp.colors)
    time.sleep(0.1)
    assert len(lamp.colors) == count
    lamps.close()
    assert lamp.closed


def test_a_broken_lamp_does_not_keep_the_other_one_dark(caplog: pytest.LogCaptureFixture) -> None:
    good = Recorded()
    lamps = Lamps({Led.STATUS: Recorded(breaks=True), Led.BACKUP: good})
    lamps.show(Led.STATUS, Light(Color.RED))
    lamps.show(Led.BACKUP, Light(Color.GREEN))
    wait_until(lambda: good.colors == [Color.GREEN], "the good one shines")
    lamps.close()
    assert "the lamp status does not work" in caplog.text


def test_the_boards_own_lamp_is_used_and_given_back(tmp_path: Path) -> None:
    act = tmp_path / "ACT"
    act.mkdir()
    (act / "trigger").write_text("none [mmc0] timer\n")
    (act / "brightness").write_text("0\n")
    (act / "max_brightness").write_text("255\n")
    lamp = own_lamp(tmp_path)
    assert lamp is not None
    board = LampsOnly(lamp)
    board.show(Led.STATUS, Light(Color.GREEN))
    wait_until(lambda: (act / "brightness").read_text().startswith("255"), "it shines")
    board.close()
    assert (act / "trigger").read_text().startswith("mmc0")


def test_a_board_without_any_lamp_is_fine(tmp_path: Path) -> None:
    board = LampsOnly(own_lamp(tmp_path))
    board.show(Led.STATUS, Light(Color.GREEN))
    assert board.shown()[Led.STATUS] == Light(Color.GREEN)
    assert not board.is_pressed()
    board.close()


class Chip(SimpleNamespace):
    """Stands for RPi.GPIO where there is no chip."""

    BCM, OUT, IN, LOW, HIGH, PUD_UP, BOTH = range(7)

    def __init__(self) -> None:
        super().__init__(levels={}, edge=None, clean=False)

    def setmode(self, mode: int) -> None:
        assert mode == self.BCM

    def setwarnings(self, wanted: bool) -> None: ...

    def setup(self, pin: int, way: int, initial: int = 0, pull_up_down: int = 0) -> None:
        if pin > 27:
            raise ValueError("The channel sent is invalid")
        self.levels[pin] = self.HIGH if way == self.IN else initial

    def output(self, pin: int, level: int) -> None:
        self.levels[pin] = level

    def input(self, pin: int) -> int:
        return self.levels[pin]

    def add_event_detect(self, pin: int, edge: int, callback, bouncetime: int) -> None:
        self.edge = callback

    def cleanup(self) -> None:
        self.clean = True

    def push(self, pin: int, *, is_down: bool) -> None:
        self.levels[pin] = self.LOW if is_down else self.HIGH
        self.edge(pin)


def test_pins_show_colours_red_and_green_together_are_amber_and_the_button_has_edges() -> None:
    chip = Chip()
    two = ((Color.RED, 17), (Color.GREEN, 27), (Color.AMBER, 0))
    board = GpioBoard(Pins(22, ((Led.STATUS, two),)), gpio=chip)
    edges = []
    board.on_button(lambda is_down, now: edges.append(is_down))
    board.show(Led.STATUS, Light(Color.AMBER))
    wait_until(lambda: (chip.levels[17], chip.levels[27]) == (chip.HIGH, chip.HIGH), "amber")
    board.show(Led.STATUS, Light(Color.GREEN))
    wait_until(lambda: (chip.levels[17], chip.levels[27]) == (chip.LOW, chip.HIGH), "green")
    chip.push(22, is_down=True)
    assert board.is_pressed()
    chip.push(22, is_down=False)
    assert edges == [True, False]
    board.close()
    assert chip.clean
    assert chip.levels[27] == chip.LOW


def test_a_lamp_of_one_colour_shines_for_every_colour() -> None:
    chip = Chip()
    board = GpioBoard(Pins(0, ((Led.STATUS, ((Color.GREEN, 17),)),)), gpio=chip)
    board.show(Led.STATUS, Light(Color.RED))
    wait_until(lambda: chip.levels[17] == chip.HIGH, "it shines")
    board.close()


def test_a_pin_that_is_none_is_refused_in_words() -> None:
    with pytest.raises(Refused, match="cannot be used: The channel sent is invalid"):
        GpioBoard(Pins(99), gpio=Chip())
