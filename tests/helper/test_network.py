"""The address of the box: what may be wanted, and the real systemd-networkd that does it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.helper.network import Plan, problems, read, written

ROOT = Path(__file__).parents[2]
NETWORKD = Path("/lib/systemd/systemd-networkd")
FIXED = Plan("eth0", "192.168.1.20/24", "192.168.1.1", ("192.168.1.1", "fd00::53"))


@pytest.mark.parametrize("plan", [FIXED, Plan("eth0"), Plan("end0", nameservers=("9.9.9.9",))])
def test_what_is_written_is_read_as_it_was(plan: Plan) -> None:
    assert read(written(plan)) == plan
    assert problems(plan) == {}


@pytest.mark.parametrize(
    ("address", "gateway", "nameservers", "wrong"),
    [
        ("192.168.1/24", "192.168.1.1", (), {"address"}),
        ("192.168.1.300/24", "192.168.1.1", (), {"address"}),
        ("192.168.1.0/24", "192.168.1.1", (), {"address"}),
        ("192.168.1.255/24", "192.168.1.1", (), {"address"}),
        ("127.0.0.2/8", "127.0.0.1", (), {"address"}),
        ("224.0.0.5/24", "224.0.0.1", (), {"address"}),
        ("192.168.1.20/32", "192.168.1.20", (), {"address", "gateway"}),
        ("192.168.1.20/24", "192.168.2.1", (), {"gateway"}),
        ("192.168.1.20/24", "192.168.1.20", (), {"gateway"}),
        ("192.168.1.20/24", "", (), {"gateway"}),
        ("192.168.1.20/24", "192.168.1.1", ("dns.office.test",), {"nameservers"}),
        ("192.168.1.20/24", "192.168.1.1", ("1.1.1.1",) * 4, {"nameservers"}),
        ("", "", ("0.0.0.0",), {"nameservers"}),
        ("192.168.1.20/24\nGateway=1.2.3.4", "192.168.1.1", (), {"address"}),
    ],
)
def test_what_cannot_be_right_is_said_beside_its_field(
    address: str, gateway: str, nameservers: tuple[str, ...], wrong: set[str]
) -> None:
    found = problems(Plan("eth0", address, gateway, nameservers))
    assert set(found) == wrong
    assert all(sentence.endswith(".") for sentence in found.values())


# Run in a network namespace of its own: a box at one end of a cable, with its own /run and /etc.
STORY = """
import json, subprocess, sys, time
from pathlib import Path

def sh(*words): return subprocess.run(words, check=True, capture_output=True, text=True).stdout

def ask(**request):
    line = json.dumps(request).encode() + b"\\n"
    done = subprocess.run([sys.executable, "-m", "appliance.helper.perform"], input=line,
                          capture_output=True, timeout=60)
    return json.loads(done.stdout)

def address():
    told = json.loads(sh("ip", "-json", "-4", "addr", "show", "lan0"))
    return [one["local"] for each in told for one in each.get("addr_info", [])]

def wait_for(wanted):
    end = time.monotonic() + 15
    while address() != wanted and time.monotonic() < end:
        time.sleep(0.1)
    return address()

for place in ("/run", "/etc/systemd/network"):
    sh("mount", "-t", "tmpfs", "tmpfs", place)
sh("mount", "-t", "sysfs", "-o", "ro", "sysfs", "/sys")
for folder in ("netif/links", "netif/leases", "netif/lldp"):
    Path("/run/systemd", folder).mkdir(parents=True, exist_ok=True)
Path("/run/dbus").mkdir()
sh("chown", "-R", "systemd-network", "/run/systemd/netif")
sh("ip", "link", "set", "lo", "up")
sh("ip", "link", "add", "lan0", "type", "veth", "peer", "name", "far0")
sh("ip", "link", "set", "far0", "up")
kept = Path("/etc/systemd/network/10-pillarbox.network")
kept.write_text("[Match]\\nName=lan0\\n\\n[Network]\\nDHCP=no\\nAddress=192.168.77.20/24\\n"
                "Gateway=192.168.77.1\\n")
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
bus = subprocess.Popen(["dbus-daemon", "--system", "--nofork", "--nopidfile"], **quiet)
while not Path("/run/dbus/system_bus_socket").exists():
    time.sleep(0.05)
networkd = subprocess.Popen([sys.argv[1]], **quiet)
try:
    told = {"begins": wait_for(["192.168.77.20"])}
    try_ = {"request": "try-network", "device": "lan0", "address": "192.168.77.30/24",
            "gateway": "192.168.77.1", "nameservers": "192.168.77.1"}
    told["tries"] = ask(**try_), wait_for(["192.168.77.30"])
    told["undoes"] = ask(request="undo-network"), wait_for(["192.168.77.20"])
    told["keeps nothing"] = ask(request="keep-network")
    told["tries again"] = ask(**try_), wait_for(["192.168.77.30"])
    told["keeps"] = ask(request="keep-network"), address()
    Path("/run/systemd/network/05-pillarbox-trial.network").unlink()  # a start: /run is empty
    sh("networkctl", "reload")
    told["modes"] = [path.stat().st_mode & 0o777 for path in (kept, Path("/run/systemd/network"))]
    told["after a start"] = wait_for(["192.168.77.30"])
    told["no such device"] = ask(**{**try_, "device": "../lan0"})
    told["loopback"] = ask(**{**try_, "device": "lo"})
    told["nonsense"] = ask(**{**try_, "address": "192.168.77.30/24\\nDHCP=yes"})
finally:
    for process in (networkd, bus):
        process.terminate()
        process.wait()
print(json.dumps(told))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a network of its own")
@pytest.mark.skipif(not NETWORKD.exists(), reason="systemd-networkd is not installed")
@pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="dbus is not installed")
def test_a_real_network_manager_tries_goes_back_and_keeps(tmp_path: Path) -> None:
    story = tmp_path / "story.py"
    story.write_text(STORY)
    done = subprocess.run(
        ["unshare", "--net", "--mount", sys.executable, str(story), str(NETWORKD)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=100,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told == {
        "begins": ["192.168.77.20"],
        "tries": [{"ok": {}}, ["192.168.77.30"]],
        "undoes": [{"ok": {}}, ["192.168.77.20"]],
        "keeps nothing": {"error": "No change of the network is being tried."},
        "tries again": [{"ok": {}}, ["192.168.77.30"]],
        "keeps": [{"ok": {}}, ["192.168.77.30"]],
        "after a start": ["192.168.77.30"],
        "modes": [0o644, 0o755],
        "no such device": {"error": "There is no such network device."},
        "loopback": {"error": "This network device cannot be changed."},
        "nonsense": {"error": "This is no address such as 192.168.1.20."},
    }
