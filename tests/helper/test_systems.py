"""Filling the other system of a card and changing over; a power cut at every step leaves a box."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.helper import switch, systems
from appliance.helper.run import Failed
from appliance.helper.switch import State, Switch
from appliance.helper.systems import Card
from tests.support.updates import CMDLINE, KERNEL, Maker, make_card, make_maker, make_update


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    return make_maker(tmp_path_factory.mktemp("maker"))


@pytest.fixture(scope="module")
def update(maker: Maker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_update(tmp_path_factory.mktemp("update"), maker)


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return make_card(tmp_path / "card")


def install(update: Path, card: Card, maker: Maker) -> None:
    systems.install(update, card, maker.public, card.selector.parent / "progress")


@pytest.mark.parametrize(("running", "other", "root"), [(2, 3, b"6"), (3, 2, b"5")])
def test_an_update_fills_the_other_system_and_only_that(
    update: Path, maker: Maker, tmp_path: Path, running: int, other: int, root: bytes
) -> None:
    card = make_card(tmp_path / "card", running=running)
    untouched = {each: card.parts[each].read_bytes() for each in (running, running + 3)}
    install(update, card, maker)
    for number, content in untouched.items():
        assert card.parts[number].read_bytes() == content
    begins = card.parts[other].read_bytes()[: len(KERNEL + CMDLINE)]
    # its kernel is told the root partition that lies beside it
    assert begins == KERNEL + CMDLINE.replace(b"-05", b"-0" + root)
    wanted = (update.parent / "new-parts/root").read_bytes()
    assert card.parts[other + 3].read_bytes()[: len(wanted)] == wanted
    assert systems.status(card) == {
        "version": "1.0.0", "system": "AB"[running - 2], "state": "kept", "starts": 0,
        "other": "1.2.3",
    }  # fmt: skip


def test_it_tells_how_far_it_is(update: Path, card: Card, maker: Maker) -> None:
    seen: list[str] = []
    progress = card.selector.parent / "progress"
    real = Path.replace

    def noted(self: Path, target: Path) -> Path:
        seen.append(self.read_text())
        return real(self, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", noted)
        install(update, card, maker)
    assert seen[-1] == '{"percent": 100}'
    assert not progress.exists()


def test_a_bad_update_leaves_what_runs_and_is_never_started(
    update: Path, card: Card, maker: Maker, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.update"
    content = bytearray(update.read_bytes())
    content[-100] ^= 1
    broken.write_bytes(content)
    with pytest.raises(Failed, match="damaged"):
        install(broken, card, maker)
    assert switch.load(card.selector) == Switch(2)
    with pytest.raises(Failed, match="no other version"):
        systems.change_over(card)


def test_an_older_version_is_refused(card: Card, maker: Maker, tmp_path: Path) -> None:
    old = make_update(tmp_path, maker, version="0.9.9")
    assert "older than 1.0.0" in systems.look(old, card, maker.public)["refusal"]
    with pytest.raises(Failed, match=r"older than 1\.0\.0"):
        install(old, card, maker)
    again = make_update(tmp_path, maker, version="1.0.0", name="again")
    assert systems.look(again, card, maker.public)["refusal"] == ""


def test_an_update_too_large_for_its_place_is_refused(
    card: Card, maker: Maker, tmp_path: Path
) -> None:
    large = make_update(tmp_path, maker, root=b"x" * (9 << 20))
    with pytest.raises(Failed, match="larger than its place"):
        install(large, card, maker)
    assert card.parts[6].read_bytes()[:64] == bytes([6]) * 64


def test_what_was_begun_is_not_begun_a_second_time(update: Path, card: Card, maker: Maker) -> None:
    with card.selector.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Failed, match="being written already"):
            install(update, card, maker)
    install(update, card, maker)


def test_a_card_that_forgets_what_is_written_is_found_out(
    update: Path, card: Card, maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forget(descriptor: int) -> None:
        os.pwrite(descriptor, b"rot", 70_000)

    monkeypatch.setattr(systems, "_forget", forget)
    with pytest.raises(Failed, match="does not keep what is written"):
        install(update, card, maker)
    assert switch.load(card.selector) == Switch(2)


def test_from_the_update_to_the_proof(update: Path, card: Card, maker: Maker) -> None:
    install(update, card, maker)
    systems.change_over(card)
    assert switch.load(card.selector) == Switch(3, State.TRIAL, 0, "1.0.0")
    assert systems.status(card)["state"] == "left"
    new = Card(card.selector, card.parts, 3, "1.2.3")
    with pytest.raises(Failed, match="still being tried"):
        install(update, new, maker)
    systems.keep(new)
    assert systems.status(new) | {"starts": 0} == {
        "version": "1.2.3", "system": "B", "state": "kept", "starts": 0, "other": "1.0.0",
    }  # fmt: skip


def test_and_back(update: Path, card: Card, maker: Maker) -> None:
    install(update, card, maker)
    systems.change_over(card)
    systems.undo(Card(card.selector, card.parts, 3, "1.2.3"))
    assert systems.status(card)["state"] == "undone"
    systems.keep(card)  # somebody has read of it
    assert switch.load(card.selector) == Switch(2)


class Cut(BaseException):
    """The plug is pulled: nothing after it happens."""


@contextlib.contextmanager
def power_lasts_for(acts: int) -> Iterator[Callable[[], int]]:
    """So many writes and flushes, then the cut; how many there were."""
    count = 0
    real = {name: getattr(os, name) for name in ("pwrite", "fsync", "fdatasync")}

    def counted(name: str) -> Callable[..., object]:
        def act(*given: object) -> object:
            nonlocal count
            if count >= acts:
                raise Cut
            count += 1
            return real[name](*given)

        return act

    with pytest.MonkeyPatch.context() as patch:
        for name in real:
            patch.setattr(os, name, counted(name))
        yield lambda: count


def test_a_cut_at_every_write_leaves_a_whole_system_to_start(
    update: Path, maker: Maker, tmp_path: Path
) -> None:
    """What starts after it is whole: the old one as it was, or the new one to its last octet."""
    root = (update.parent / "new-parts/root").read_bytes()
    with power_lasts_for(10**9) as acts:
        whole = make_card(tmp_path / "whole")
        install(update, whole, maker)
        systems.change_over(whole)
    needed = acts()
    assert needed > 10
    for lasted in range(needed):
        card = make_card(tmp_path / f"cut{lasted}")
        old = card.parts[2].read_bytes(), card.parts[5].read_bytes()
        with power_lasts_for(lasted), contextlib.suppress(Cut):
            install(update, card, maker)
            systems.change_over(card)
        found = switch.load(card.selector)
        assert (card.parts[2].read_bytes(), card.parts[5].read_bytes()) == old
        if found.system == 3 or found.other != switch.NOTHING:
            assert card.parts[6].read_bytes()[: len(root)] == root
            assert card.parts[3].read_bytes() == whole.parts[3].read_bytes()
        if found.system == 2:  # and it can be done again
            install(update, card, maker)
            assert switch.load(card.selector).other == "1.2.3"
        for each in card.parts.values():
            each.unlink()
