"""A small real DNS: nsd with signed zones, and unbound that validates them, on loopback ports."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NSD = """
server:
    ip-address: 127.0.0.1@{port}
    hide-version: yes
    username: ""
    chroot: ""
    database: ""
    zonelistfile: {folder}/zone.list
    xfrdfile: {folder}/xfrd.state
    pidfile: {folder}/nsd.pid
    zonesdir: {folder}
    server-count: 1
remote-control:
    control-enable: no
"""
_UNBOUND = """
server:
    interface: 127.0.0.1@{port}
    username: ""
    chroot: ""
    directory: {folder}
    pidfile: {folder}/unbound.pid
    use-syslog: no
    logfile: {folder}/unbound.log
    do-not-query-localhost: no
    module-config: "validator iterator"
    cache-max-negative-ttl: 0
    cache-max-ttl: 0
    val-clean-additional: yes
    num-threads: 1
    do-ip6: no
    local-zone: "test." nodefault
    local-zone: "2.0.192.in-addr.arpa." nodefault
remote-control:
    control-enable: no
"""
_HEAD = """$ORIGIN {name}.
$TTL 1
@ IN SOA ns.{name}. hostmaster.{name}. 1 3600 600 86400 1
@ IN NS ns.{name}.
ns IN A 127.0.0.1
"""


@contextmanager
def office_zone() -> Iterator[DnsWorld]:
    """The zone of an office that has nothing but a host for its box yet."""
    folder = Path(tempfile.mkdtemp(prefix="zone-", dir="/var/tmp"))
    folder.chmod(0o755)
    found = DnsWorld(folder)
    found.zone("office.test", "mail A 127.0.0.1")
    found.start()
    try:
        yield found
    finally:
        found.stop()
        shutil.rmtree(folder, ignore_errors=True)


class DnsWorld:
    """Zones in; a validating resolver at `servers` out."""

    def __init__(self, folder: Path, *, address: str = "") -> None:
        """`address`: where it also answers at port 53, for programs that know no other port."""
        self.folder = folder
        self.address = address
        folder.mkdir(parents=True, exist_ok=True)
        self.zones: dict[str, tuple[list[str], bool, bool]] = {}
        self.port = _free_port()
        self.resolver_port = _free_port()
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def servers(self) -> str:
        """For settings: dns.servers."""
        return f"127.0.0.1@{self.resolver_port}"

    def zone(self, name: str, *records: str, signed: bool = False, broken: bool = False) -> None:
        """Records as in a zone file, with names within the zone; `broken`: signatures that lie."""
        self.zones[name] = (list(records), signed, broken)

    def start(self) -> None:
        """Sign, serve, resolve."""
        nsd, unbound = _NSD, _UNBOUND
        if self.address:
            unbound += f"server:\n    interface: {self.address}@53\n"
        for name, (records, signed, broken) in self.zones.items():
            file = self.folder / f"{name}.zone"
            file.write_text(_HEAD.format(name=name) + "\n".join(records) + "\n")
            if signed:
                anchor = self._sign(name, file)
                file = self.folder / f"{name}.zone.signed"
                unbound += f"    trust-anchor-file: {anchor}\n".replace(
                    "    trust", "server:\n    trust"
                )
                if broken:
                    file.write_text(file.read_text().replace("192.0.2.66", "192.0.2.67"))
            nsd += f"zone:\n    name: {name}\n    zonefile: {file}\n"
            unbound += f"stub-zone:\n    name: {name}\n    stub-addr: 127.0.0.1@{self.port}\n"
            if not signed:
                unbound += f"server:\n    domain-insecure: {name}\n"
        for name, text, port in (
            ("nsd", nsd, self.port),
            ("unbound", unbound, self.resolver_port),
        ):
            config = self.folder / f"{name}.conf"
            config.write_text(text.format(folder=self.folder, port=port))
            program = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
            assert program, f"{name} is not installed"
            with (self.folder / f"{name}.out").open("wb") as out:
                process = subprocess.Popen(
                    [program, "-d", "-c", str(config)], stdout=out, stderr=out, cwd=self.folder
                )
            self._processes.append(process)
            self._wait_for(port, process, name)

    def stop(self) -> None:
        """End both."""
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            process.wait(10)
        self._processes.clear()

    def _sign(self, name: str, file: Path) -> Path:
        made = subprocess.run(
            ["ldns-keygen", "-a", "ECDSAP256SHA256", "-k", "-r", "/dev/urandom", name],
            cwd=self.folder, check=True, capture_output=True, text=True,
        )  # fmt: skip
        key = made.stdout.strip()
        subprocess.run(
            ["ldns-signzone", "-f", f"{file}.signed", str(file), key],
            cwd=self.folder, check=True, capture_output=True,
        )  # fmt: skip
        return self.folder / f"{key}.key"

    def _wait_for(self, port: int, process: subprocess.Popen[bytes], name: str) -> None:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            assert process.poll() is None, (self.folder / f"{name}.out").read_text()
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"{name} does not listen")


def _free_port() -> int:
    with socket.socket() as probe, socket.socket(type=socket.SOCK_DGRAM) as other:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        other.bind(("127.0.0.1", port))
        return port
