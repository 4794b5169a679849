"""Who may come in from outside: the rules of the card, in the kernel's own firewall."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from appliance.helper.firewall import commands
from appliance.helper.run import Failed

RULES = Path(__file__).parents[2] / "image/rootfs/etc/nftables.conf"
NEAR = "2001:db8:1:2::/64 2001:db8:1:3::/64"
# A cable with the box at one end; the far end has an address of the office, one of the world.
STORY = """
import json, socket, subprocess, sys, threading
rules, *steps = json.loads(sys.argv[1])

def sh(text): subprocess.run(text, shell=True, check=True)

sh("ip link set lo up; ip netns add far 2>/dev/null; ip link add box0 type veth peer name far0;"
   "ip link set far0 netns far; ip link set box0 up; ip netns exec far ip link set far0 up;"
   "ip addr add 192.168.7.1/24 dev box0; ip route add default dev box0;"
   "ip -6 addr add 2001:db8:1:2::1/64 dev box0 nodad; ip -6 route add default dev box0;"
   "ip netns exec far ip addr add 192.168.7.2/24 dev far0;"
   "ip netns exec far ip addr add 198.51.100.2/24 dev far0;"
   "ip netns exec far ip -6 addr add 2001:db8:1:2::2/64 dev far0 nodad")
sh("nft -f " + rules)
ports = (25, 443, 993)
for family, host in ((socket.AF_INET, "192.168.7.1"), (socket.AF_INET6, "2001:db8:1:2::1")):
    for port in ports:
        listening = socket.socket(family)
        listening.bind((host, port))
        listening.listen()
        globals()[f"{host} {port}"] = listening

TRY = '''
import socket, sys
kind, me, host, port = sys.argv[1:]
one = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
one.settimeout(0.5)
one.bind((me, 0))
sys.exit(one.connect_ex((host, int(port))) != 0)
'''

def reaches(me, host):
    return [port for port in ports if not subprocess.run(
        ["ip", "netns", "exec", "far", sys.executable, "-c", TRY, "x", me, host, str(port)]
    ).returncode]

told = []
for step in steps:
    subprocess.run(["nft", step], check=True)
    told.append({"office": reaches("192.168.7.2", "192.168.7.1"),
                 "world": reaches("198.51.100.2", "192.168.7.1"),
                 "office by IPv6": reaches("2001:db8:1:2::2", "2001:db8:1:2::1")})
print(json.dumps(told))
"""


def test_what_is_no_choice_and_no_network_of_an_office_is_refused() -> None:
    for world, near in [
        ("all", ""), ("servers; flush ruleset", ""), ("nobody", "::/0"), ("nobody", "10.0.0.0/8"),
        ("nobody", "2001:db8::/32"), ("nobody", "ff02::/64"), ("nobody", "2001:db8::1/64"),
        ("nobody", " ".join(f"2001:db8:{n}::/64" for n in range(17))),
    ]:  # fmt: skip
        with pytest.raises(Failed):
            commands(world, near)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a network of its own")
def test_the_office_comes_in_and_the_world_where_the_owner_lets_it(tmp_path: Path) -> None:
    (tmp_path / "story.py").write_text(STORY)
    steps = [commands(world, NEAR) for world in ("nobody", "servers", "everybody")]
    steps.append(commands("servers", ""))
    done = subprocess.run(
        ["unshare", "--net", "--mount", "sh", "-c",
         "mount -t tmpfs tmpfs /run && mkdir /run/netns && exec python3 \"$@\"", "sh",
         tmp_path / "story.py", json.dumps([str(RULES), *steps])],
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    office = [25, 443, 993]
    assert json.loads(done.stdout) == [
        {"office": office, "world": [], "office by IPv6": office},
        {"office": office, "world": [25], "office by IPv6": office},
        {"office": office, "world": [25, 993], "office by IPv6": office},
        {"office": office, "world": [25], "office by IPv6": [25]},
    ]
