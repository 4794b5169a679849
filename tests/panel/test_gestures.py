"""What a person means with the button."""

import pytest

from appliance.panel.gestures import Gesture, Gestures


@pytest.mark.parametrize(
    ("held", "meant"),
    [
        (0.05, Gesture.BACK_UP),
        (2.99, Gesture.BACK_UP),
        (3.0, Gesture.EJECT),
        (9.99, Gesture.EJECT),
        (10.0, Gesture.SHUT_DOWN),
        (59.0, Gesture.SHUT_DOWN),
        (61.0, None),
    ],
)
def test_how_long_it_is_held_decides(held: float, meant: Gesture | None) -> None:
    button = Gestures()
    assert button.edge(100.0, is_down=True) is None
    assert button.edge(100.0 + held, is_down=False) is meant


def test_letting_go_without_a_press_means_nothing() -> None:
    assert Gestures().edge(5.0, is_down=False) is None


def test_a_bouncing_contact_does_not_shorten_a_press() -> None:
    button = Gestures()
    button.edge(1.0, is_down=True)
    button.edge(3.5, is_down=True)
    assert button.edge(4.1, is_down=False) is Gesture.EJECT


def test_a_clock_that_jumps_back_means_nothing() -> None:
    button = Gestures()
    button.edge(10.0, is_down=True)
    assert button.edge(9.0, is_down=False) is None


def test_while_it_is_down_it_tells_what_letting_go_would_mean_and_until_when() -> None:
    button = Gestures()
    assert button.stage(1.0) is None
    button.edge(1.0, is_down=True)
    assert (button.stage(1.0), button.next_stage(1.0)) == (Gesture.BACK_UP, 3.0)
    assert (button.stage(4.5), button.next_stage(4.5)) == (Gesture.EJECT, 6.5)
    assert (button.stage(12.0), button.next_stage(12.0)) == (Gesture.SHUT_DOWN, 49.0)
    assert (button.stage(61.0), button.next_stage(61.0)) == (None, None)
