"""Which system starts: one sector, written in place, read by firmware, initramfs and helper alike."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from appliance.helper import switch
from appliance.helper.run import Failed
from appliance.helper.switch import State, Switch
from tests.support.updates import make_card

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "image/initramfs/scripts/local-top/pillarbox"
EVERY = [
    Switch(system, state, starts, other)
    for system in (2, 3)
    for state in State
    for starts in (0, 3)
    for other in (switch.NOTHING, "10.20.30")
]


@pytest.mark.parametrize("each", EVERY, ids=str)
def test_what_is_written_is_read_and_is_always_of_one_length(each: Switch) -> None:
    assert switch.read(switch.written(each)) == each
    assert len(switch.written(each)) == switch.OCTETS


def test_the_firmware_reads_the_partition_from_the_line_it_knows() -> None:
    lines = switch.written(Switch(3, State.TRIAL, 1, "1.0.0")).decode().splitlines()
    assert lines[:2] == ["[all]", "boot_partition=3"]
    assert all(line.startswith("#") for line in lines[2:])


def test_a_card_begins_with_system_a() -> None:
    delivered = (ROOT / "image/firmware/autoboot.txt").read_bytes()
    assert switch.read(delivered) == Switch(2)


@pytest.mark.parametrize(
    "octets",
    [b"", bytes(128), b"[all]\nboot_partition=2\n", switch.written(Switch(2))[:-1],
     switch.written(Switch(2)).replace(b"boot_partition=2", b"boot_partition=3"),
     switch.written(Switch(2)).replace(b"state=kept", b"state=good")],
)  # fmt: skip
def test_a_file_that_somebody_else_wrote_is_left_alone(octets: bytes, tmp_path: Path) -> None:
    with pytest.raises(Failed, match="changed on another computer"):
        switch.read(octets)
    selector = tmp_path / "selector"
    selector.write_bytes(bytes(switch.AT) + octets)
    with pytest.raises(Failed, match="changed on another computer"):
        switch.store(selector, Switch(3))
    assert selector.read_bytes()[switch.AT :] == octets


def test_an_update_is_tried_and_kept_or_undone() -> None:
    filled = switch.filled(Switch(2), "2.0.0")
    on_trial = switch.tried(filled, "1.0.0")
    assert on_trial == Switch(3, State.TRIAL, 0, "1.0.0")
    assert switch.kept(on_trial) == Switch(3, State.KEPT, 0, "1.0.0")
    assert switch.undone(on_trial) == Switch(2, State.UNDONE, 0, switch.NOTHING)


def test_nothing_is_tried_that_is_not_there_or_while_something_is() -> None:
    with pytest.raises(Failed, match="no other version"):
        switch.tried(Switch(2), "1.0.0")
    with pytest.raises(Failed, match="still being tried"):
        switch.tried(Switch(3, State.TRIAL, 1, "1.0.0"), "2.0.0")
    with pytest.raises(Failed, match="No version is being tried"):
        switch.undone(Switch(3, State.KEPT, 0, "1.0.0"))


def test_only_its_own_octets_are_written(tmp_path: Path) -> None:
    card = make_card(tmp_path)
    before = card.selector.read_bytes()
    switch.store(card.selector, Switch(3, State.TRIAL, 0, "1.0.0"))
    after = card.selector.read_bytes()
    changed = [at for at, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    assert min(changed) >= switch.AT
    assert max(changed) < switch.AT + switch.OCTETS
    # within one sector: what a power cut leaves is the old or the new
    assert switch.AT % 512 + switch.OCTETS <= 512


class Initramfs:
    """The script of the initramfs, with a file in the place of the card."""

    def __init__(self, folder: Path, selector: Path) -> None:
        self.folder, self.selector = folder, selector
        (folder / "bin").mkdir()
        (folder / "pillarbox").mkdir()
        for name in ("dd", "head"):
            (folder / f"bin/pillarbox-{name}").symlink_to(f"/usr/bin/{name}")
        (folder / "functions").write_text("log_warning_msg() { :; }\n")

    def starts(self, slot: int) -> None:
        (self.folder / "cmdline").write_text(f"root=PARTUUID=50696c6c-0{slot} ro\n")
        trial = self.folder / "pillarbox/trial"
        trial.unlink(missing_ok=True)
        text = SCRIPT.read_text()
        for was, now in (
            ("/proc/cmdline", f"{self.folder}/cmdline"),
            ("/scripts/functions", f"{self.folder}/functions"),
            ("/run/pillarbox", f"{self.folder}/pillarbox"),
            ("/proc/sysrq-trigger && sleep 60", f"{self.folder}/restarted && exit 0"),
            ("device=${device%-*}-01", f"device={self.selector}"),
            ("! -b", "! -e"),
        ):
            assert was in text, was
            text = text.replace(was, now)
        done = subprocess.run(
            ["dash", "-c", text], check=False, capture_output=True,
            env={"PATH": f"{self.folder}/bin:{os.environ['PATH']}"},
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, b"")

    @property
    def has_restarted(self) -> bool:
        return (self.folder / "restarted").exists()

    @property
    def is_on_trial(self) -> bool:
        return (self.folder / "pillarbox/trial").exists()


@pytest.fixture
def initramfs(tmp_path: Path) -> Initramfs:
    return Initramfs(tmp_path, make_card(tmp_path / "card").selector)


def test_a_kept_system_starts_without_being_counted(initramfs: Initramfs) -> None:
    before = initramfs.selector.read_bytes()
    initramfs.starts(5)
    assert initramfs.selector.read_bytes() == before
    assert not initramfs.is_on_trial


@pytest.mark.parametrize(("system", "slot"), [(3, 6), (2, 5)])
def test_a_trial_starts_three_times_and_then_gives_way(
    initramfs: Initramfs, system: int, slot: int
) -> None:
    switch.store(initramfs.selector, Switch(system, State.TRIAL, 0, "1.0.0"))
    for count in (1, 2, 3):
        initramfs.starts(slot)
        found = switch.load(initramfs.selector)
        assert found == Switch(system, State.TRIAL, count, "1.0.0")
        assert initramfs.is_on_trial
        assert not initramfs.has_restarted
    initramfs.starts(slot)
    assert initramfs.has_restarted
    assert switch.load(initramfs.selector) == Switch(5 - system, State.UNDONE)


def test_the_system_before_is_not_counted_while_the_other_is_on_trial(
    initramfs: Initramfs,
) -> None:
    switch.store(initramfs.selector, Switch(3, State.TRIAL, 3, "1.0.0"))
    initramfs.starts(5)
    assert switch.load(initramfs.selector) == Switch(3, State.TRIAL, 3, "1.0.0")
    assert not initramfs.is_on_trial


def test_a_card_that_was_changed_elsewhere_starts_all_the_same(initramfs: Initramfs) -> None:
    initramfs.selector.write_bytes(bytes(2 << 20))
    initramfs.starts(6)
    assert initramfs.selector.read_bytes() == bytes(2 << 20)


def test_script_recipe_and_helper_mean_the_same_place() -> None:
    sector = re.search(r"(?m)^AT=(\d+)", SCRIPT.read_text())
    recipe = re.search(r"SWITCH_AT=\$\(\((\d+) \* 512\)\)", (ROOT / "image/card.sh").read_text())
    most = re.search(r"(?m)^MOST_STARTS=(\d+)", SCRIPT.read_text())
    assert sector is not None
    assert recipe is not None
    assert most is not None
    assert int(sector[1]) * 512 == int(recipe[1]) * 512 == switch.AT
    assert int(most[1]) == switch.MOST_STARTS
