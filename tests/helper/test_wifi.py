"""Wi-Fi: what may be wanted, the files for iwd, what iwd says; and what root does, on a stage."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.helper import iwd, wifi
from appliance.helper.requests import JoinWifi
from appliance.helper.run import Failed
from appliance.helper.wifi import Seen, Wish

WISH = Wish("Office Wi-Fi", "correct horse", "DE")
NETWORK, STATION = "net.connman.iwd.Network", "net.connman.iwd.Station"


@pytest.mark.parametrize(
    ("wish", "wrong"),
    [
        (WISH, set()),
        (Wish("Café", "", "FR"), set()),
        (Wish("x", "0123456789abcdef" * 4, "GB"), set()),
        (Wish("", "correct horse", "DE"), {"name"}),
        (Wish("ä" * 17, "correct horse", "DE"), {"name"}),
        (Wish("a\nb", "correct horse", "DE"), {"name"}),
        (Wish("x", "short", "DE"), {"password"}),
        (Wish("x", "x" * 64, "DE"), {"password"}),
        (Wish("x", "schöner wohnen", "DE"), {"password"}),
        (Wish("x", "correct horse\n[Settings]", "DE"), {"password"}),
        (Wish("x", "correct horse", ""), {"country"}),
        (Wish("x", "correct horse", "D\n"), {"country"}),
    ],
)
def test_what_cannot_be_right_is_said_beside_its_field(wish: Wish, wrong: set[str]) -> None:
    found = wifi.problems(wish)
    assert set(found) == wrong
    assert all(sentence.endswith(".") for sentence in found.values())


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("Office Wi-Fi_2", "Office Wi-Fi_2.psk"),
        ("../../etc/passwd", "=2e2e2f2e2e2f6574632f706173737764.psk"),
        ("Café", "=436166c3a9.psk"),
        ("=41", "=3d3431.psk"),
        (".hidden", "=2e68696464656e.psk"),
    ],
)
def test_a_network_has_its_file_whatever_its_name(name: str, file: str) -> None:
    assert wifi.file_name(name, "psk") == file
    assert wifi.name_of(file) == name


@pytest.mark.parametrize("file", ["main.conf", ".known_network.freq", "=zz.psk", "hotspot"])
def test_other_files_are_no_networks(file: str) -> None:
    assert wifi.name_of(file) == ""


def test_a_file_says_how_to_come_in() -> None:
    text = wifi.network_file(WISH, joins_alone=True)
    assert (
        text == "[Security]\nPassphrase=correct horse\n[Settings]\nAutoConnect=true\nHidden=true\n"
    )
    odd = wifi.network_file(Wish("x", r"  a\b c d ", "DE"), joins_alone=False)
    assert r"Passphrase=\s\sa\\b c d\s" in odd
    assert odd.endswith("AutoConnect=false\nHidden=true\n")
    key = wifi.network_file(Wish("x", "AB" * 32, "DE"), joins_alone=True)
    assert f"PreSharedKey={'ab' * 32}\n" in key
    assert "Security" not in wifi.network_file(Wish("x", "", "DE"), joins_alone=True)
    assert wifi.country_of(wifi.main_file("DE")) == "DE"


def test_a_network_that_cannot_be_joined_says_why() -> None:
    near, far = Seen("x", -50, "psk"), Seen("x", -85, "psk")
    assert wifi.refusal(near, WISH) == ""
    assert wifi.refusal(None, WISH) == wifi.NOT_FOUND
    assert wifi.refusal(near, Wish("x", "", "DE")) == wifi.IS_LOCKED
    assert wifi.refusal(Seen("x", -50, "8021x"), WISH) == wifi.OTHER_KIND
    assert [wifi.not_let_in(each) for each in (near, far, Seen("x", -50, "open"))] == [
        wifi.LOCKED_OUT, wifi.TOO_WEAK, wifi.NOT_LET_IN,
    ]  # fmt: skip


def test_a_password_is_in_no_log() -> None:
    assert "correct horse" not in repr(JoinWifi("x", "correct horse", "DE"))
    assert "correct horse" not in repr(WISH)


class Stage:
    """A machine with a radio, one network in reach, and an iwd that reads its files."""

    password, gives_address, has_radio = "correct horse", True, True

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.state, self.trial = folder / "var/lib/iwd", folder / "run/pillarbox-wifi"
        self.drop_in = folder / "run/system/trial.conf"
        self.enabled = folder / "etc/system/wants/iwd.service"
        self.runs, self.connected, self.set = False, False, [""]
        for path in (self.state.parent, self.trial.parent, self.enabled.parent):
            path.mkdir(parents=True, exist_ok=True)
        for name, value in (
            ("STATE", self.state), ("MAIN", folder / "etc/iwd/main.conf"), ("TRIAL", self.trial),
            ("DROP_IN", self.drop_in), ("ENABLED", self.enabled), ("run", self.run),
            ("_RADIO_SECONDS", 0.0), ("_ADDRESS_SECONDS", 0.0), ("_has_radio", self.is_there),
            ("_has_address", lambda: self.gives_address),
        ):  # fmt: skip
            monkeypatch.setattr(iwd, name, value)
        monkeypatch.setattr(iwd.time, "sleep", lambda _: None)

    def is_there(self) -> bool:
        return self.has_radio

    def run(self, command: list[str], **_: object) -> str:
        match command:
            case ["systemctl", "is-active", _]:
                return "active\n" if self.runs else "inactive\n"
            case ["systemctl", "enable" | "disable" as how, _]:
                self.enabled.unlink(missing_ok=True)
                if how == "enable":
                    self.enabled.symlink_to("/usr/lib/systemd/system/iwd.service")
            case ["systemctl", "start" | "stop" as how, _]:
                self.runs, self.connected = how == "start", False
            case ["busctl", *_, "GetManagedObjects"]:
                return json.dumps({"data": [self.objects()]})
            case ["busctl", *_, "GetOrderedNetworks"]:
                return json.dumps({"data": [[["/n", -4800]]]})
            case ["busctl", *_, "Connect"]:
                if f"Passphrase={self.password}\n" not in self.file().read_text():
                    raise Failed("busctl: Call failed: Operation failed")
                self.connected = True
            case ["busctl", *_, "set-property", _, _, _, name, _, value]:
                self.set = [name, value]
        return ""

    def file(self) -> Path:
        folder = self.trial if self.drop_in.exists() else self.state
        return folder / "Office Wi-Fi.psk"

    def objects(self) -> dict[str, object]:
        network = {"Name": "Office Wi-Fi", "Type": "psk"}
        if self.file().exists():
            network["KnownNetwork"] = "/k"
        station = {"Scanning": False, "State": "?"}
        if self.connected:
            station["ConnectedNetwork"] = "/n"
        told = {"/n": {NETWORK: network}, "/s": {STATION: station}}
        return {
            path: {name: {key: {"data": each} for key, each in properties.items()}}
            for path, interfaces in told.items()
            for name, properties in interfaces.items()
        }


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(tmp_path, monkeypatch)


def test_a_network_is_joined_and_kept(stage: Stage) -> None:
    iwd.join(WISH)
    assert (stage.state / "Office Wi-Fi.psk").stat().st_mode & 0o777 == 0o600
    assert stage.set == ["AutoConnect", "true"]
    assert iwd.status() == {
        "has": True, "country": "DE", "kept": "Office Wi-Fi", "connected": "Office Wi-Fi",
        "signal": -48.0,
    }  # fmt: skip


def _is_locked_out(stage: Stage) -> None:
    stage.password = "another one"


def _gets_no_address(stage: Stage) -> None:
    stage.gives_address = False


@pytest.mark.parametrize(
    ("spoil", "name", "said"),
    [
        (_is_locked_out, "Office Wi-Fi", wifi.LOCKED_OUT),
        (_gets_no_address, "Office Wi-Fi", wifi.NO_ADDRESS),
        (lambda _: None, "Nowhere", wifi.NOT_FOUND),
    ],
)
@pytest.mark.parametrize("was_in", [True, False])
def test_what_was_before_is_back_when_it_fails(
    stage: Stage, spoil: Callable[[Stage], None], name: str, said: str, *, was_in: bool
) -> None:
    if was_in:
        iwd.join(WISH)
    spoil(stage)
    with pytest.raises(Failed, match=said.split(".", maxsplit=1)[0]):
        iwd.join(Wish(name, "correct horse", "FR"))
    assert stage.runs is was_in
    assert not stage.trial.exists()
    assert not stage.drop_in.exists()
    assert iwd.status()["kept"] == ("Office Wi-Fi" if was_in else "")


def test_another_network_takes_the_place_of_the_one_before(stage: Stage) -> None:
    stage.state.mkdir()
    (stage.state / "Former.psk").write_text("[Security]\n")
    iwd.join(WISH)
    assert [each.name for each in stage.state.iterdir()] == ["Office Wi-Fi.psk"]


def test_leaving_switches_it_off_and_forgets_the_password(stage: Stage) -> None:
    iwd.join(WISH)
    iwd.leave()
    assert not stage.runs
    assert list(stage.state.iterdir()) == []
    assert iwd.status()["kept"] == iwd.status()["country"] == ""


def test_who_only_looks_leaves_nothing_behind(stage: Stage) -> None:
    assert [each.name for each in iwd.scan("DE")] == ["Office Wi-Fi"]
    assert not stage.runs
    assert not stage.trial.exists()
    with pytest.raises(Failed, match="in which country"):
        iwd.scan("")


def test_a_board_without_a_radio_says_so(stage: Stage) -> None:
    stage.has_radio = False
    with pytest.raises(Failed, match="has no Wi-Fi"):
        iwd.join(WISH)
