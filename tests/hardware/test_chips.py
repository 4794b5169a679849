"""Which chip the pins are on, with stand-ins for what the kernel says of each."""

from __future__ import annotations

from pathlib import Path

from appliance.hardware import chips


def test_the_chip_of_the_board_is_known_by_its_label_not_by_its_number(tmp_path: Path) -> None:
    labels = {"gpiochip0": "raspberrypi-exp-gpio", "gpiochip1": "pinctrl-bcm2711"}
    for name in labels:
        (tmp_path / name).touch()
    assert chips.find(tmp_path, lambda device: labels[device.name]) == (1, "a03111")


def test_a_machine_without_such_a_chip_has_no_pins(tmp_path: Path) -> None:
    assert chips.find(tmp_path) is None
    (tmp_path / "gpiochip0").touch()  # a file of that name that is no chip
    assert chips.find(tmp_path) is None
