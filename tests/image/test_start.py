"""From power on to a box that serves: what runs, who runs it, what is open, what is kept."""

from __future__ import annotations

import json
import socket
import ssl
import time
import urllib.request
from pathlib import Path

import pytest

from tests.image.figures import record
from tests.image.machine import PILLARBOX, PORTS, Machine, wait_until_it_serves

pytestmark = [pytest.mark.image, pytest.mark.timeout(1800)]

# Who may be root: systemd's own, and what cannot do its work as somebody else.
ROOTS = {"systemd", "systemd-journal", "systemd-udevd", "systemd-logind", "(udev-worker)", "agetty"}
ASKING = {"python3", "sh", "grep", "tr", "cat", "sort"}  # the agent of the tests

_BESIDE = """set -e
ip netns add beside
ip link add near type veth peer name far netns beside
ip addr add 192.168.77.1/24 dev near
ip addr add 203.0.113.1/24 dev near
ip link set near up
ip netns exec beside ip addr add 192.168.77.2/24 dev far
ip netns exec beside ip addr add 203.0.113.2/24 dev far
ip netns exec beside ip link set far up
sleep 1
"""
_SCAN = """ip netns exec beside python3 - <<'END'
import json, resource, select, socket
resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
found = {{"open": [], "closed": []}}
for first in range(1, 65536, 4096):
    asking, poll = {{}}, select.poll()
    for port in range(first, min(first + 4096, 65536)):
        asks = socket.socket()
        asks.setblocking(False)
        asks.bind(("{source}", 0))
        asks.connect_ex(("{target}", port))
        asking[asks.fileno()] = asks, port
        poll.register(asks, select.POLLOUT)
    while events := poll.poll(3000):
        for number, _ in events:
            asks, port = asking.pop(number)
            poll.unregister(asks)
            failed = asks.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            found["closed" if failed else "open"].append(port)
            asks.close()
    for asks, _ in asking.values():
        asks.close()
print(json.dumps({{name: sorted(ports) for name, ports in found.items()}}))
END"""


def test_the_page_and_all_mail_ports_answer(box: Machine) -> None:
    wait_until_it_serves(box)
    for port in PORTS:
        if port == 80:
            assert (
                urllib.request.urlopen(f"http://127.0.0.1:{box.ports[80]}/", timeout=30).status
                == 200
            )
        else:
            assert _answers(box.ports[port], tls=port in {443, 465, 993, 995}), port
    record(
        "from power on until the page and all mail ports answer",
        f"{time.monotonic() - box.started:.0f} s",
    )


def _answers(port: int, *, tls: bool) -> bool:
    """Whether somebody is there: a greeting, or a handshake where TLS comes first."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
            if tls:
                with ssl._create_unverified_context().wrap_socket(plain):
                    return True
            return bool(plain.recv(1))
    except OSError:
        return False


def test_nothing_failed(box: Machine) -> None:
    state = box.run("systemctl is-system-running --wait", seconds=300, accept=(0, 1)).strip()
    failed = box.run("systemctl --failed --no-legend --plain")
    assert (state, failed) == ("running", "")


def test_nothing_of_ours_complains(box: Machine) -> None:
    told = "journalctl --no-pager -o cat -u pillarbox -u 'pillarbox-*'"
    box.run(
        f"for i in $(seq 60); do {told} | grep -q 'from outside may come in' && exit 0; sleep 1; done; exit 1"
    )
    complaints = box.run(f"{told} | grep -iE 'warning|error|cannot|traceback'", accept=(0, 1))
    assert complaints == ""


def test_only_what_serves_listens(box: Machine) -> None:
    lines = box.run("ss -H -ltn").splitlines()
    places = {line.split()[3].rpartition(":") for line in lines}
    assert {int(port) for host, _, port in places if not host.startswith("127.")} == {*PORTS}


def test_from_outside_only_these_ports_are_open(box: Machine) -> None:
    """All 65,535 of them, asked from a network beside the box, once as the office and once as the
    world; a port that is not open does not even answer."""
    box.run(_BESIDE)
    office = box.run(_SCAN.format(source="192.168.77.2", target="192.168.77.1"), seconds=600)
    world = box.run(_SCAN.format(source="203.0.113.2", target="203.0.113.1"), seconds=600)
    box.run("ip netns del beside")
    assert json.loads(office) == {"open": [*PORTS], "closed": [4190]}
    assert json.loads(world) == {"open": [25], "closed": []}


def test_only_a_few_programs_are_root(box: Machine) -> None:
    found = box.run(
        "for p in /proc/[0-9]*; do [ -s $p/cmdline ] || tr -d '\\0' <$p/cmdline | grep -q . || continue;"
        " grep -q '^Uid:[[:space:]]0' $p/status && cat $p/comm; done 2>/dev/null | sort -u",
        accept=(0, 1),
    )
    assert set(found.split()) <= ROOTS | ASKING


def test_no_secret_can_be_read_by_everybody(box: Machine) -> None:
    names = "-name '*key*' -o -name '*.db' -o -name '*secret*' -o -name 'server.pem'"
    found = box.run(f"find /state /var/lib/pillarbox -type f -perm /o+r \\( {names} \\)")
    public = "/unbound/root.key"  # what everybody proves the DNS with
    assert [each for each in found.split() if not each.endswith(public)] == []


def test_the_card_is_used_to_its_end(box: Machine) -> None:
    box.run("for i in $(seq 60); do [ -e /state/grown ] && exit 0; sleep 1; done; exit 1")
    assert int(box.run("df --output=size -BM /state | tail -1").strip().rstrip("M")) > 4000


def test_the_root_file_system_is_never_written(box: Machine) -> None:
    assert "erofs" in box.run("findmnt -n -o FSTYPE,OPTIONS /")
    box.run("touch /usr/x", accept=(1,))
    box.run("touch /etc/x && rm /etc/x && touch /var/x && rm /var/x")


def test_memory_is_left_for_mail(box: Machine) -> None:
    """With ten accounts; what the agent of the tests takes does not count."""
    box.run(f"{PILLARBOX} domain add office.test")
    for number in range(10):
        box.run(
            f"echo 'correct horse {number}' | {PILLARBOX} account add a{number}@office.test --password-stdin"
        )
    used = int(box.run("awk '/MemTotal/{t=$2} /MemAvailable/{a=$2} END{print t-a}' /proc/meminfo"))
    agent = box.run("awk '/^Pss:/{print $2}' /proc/$PPID/smaps_rollup")
    taken = (used - int(agent)) // 1024
    record("memory in use with ten accounts", f"{taken} MiB")
    assert taken < 220


def test_it_rests_when_nothing_happens(box: Machine) -> None:
    """An emulated core does a small part of a real one's work in the same time."""
    spent = "systemctl show -P CPUUsageNSec pillarbox; sleep 60; systemctl show -P CPUUsageNSec pillarbox"
    before, after = (int(each) for each in box.run(spent, seconds=120).split())
    share = (after - before) / 60e9
    record("the daemon at rest, of one emulated core", f"{share:.1%}")
    assert share < 0.1


def test_the_card_is_small_enough_to_fetch(card: Path) -> None:
    packed = card.with_name(f"{card.name}.zst").stat().st_size / (1 << 20)
    record("the card, packed", f"{packed:.0f} MiB")
    assert packed < 350
