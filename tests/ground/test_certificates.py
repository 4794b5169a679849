"""The box's own CA and server certificate, and their renewal."""

import socket
import ssl
import threading

import pytest
from cryptography import x509

from appliance.net import certificates, tls
from appliance.net.certificates import Names, ensure

NOW = 1_795_000_000.0
DAY = 86_400.0
NAMES = Names(("pillarbox", "pillarbox.local", "localhost"), ("192.0.2.7", "127.0.0.1", "::1"))


@pytest.fixture
def directory(tmp_path):
    ensure(tmp_path / "tls", NAMES, NOW)
    return tmp_path / "tls"


def server_certificate(directory):
    return x509.load_pem_x509_certificates((directory / "server.pem").read_bytes())[0]


def test_keys_are_readable_by_their_owner_only(directory):
    for file in directory.iterdir():
        assert file.stat().st_mode & 0o077 == 0


def test_it_vouches_for_names_and_addresses_and_pleases_apple(directory):
    certificate = server_certificate(directory)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == list(NAMES.hosts)
    assert {str(a) for a in names.get_values_for_type(x509.IPAddress)} == set(NAMES.addresses)
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert life.days <= 398


def test_nothing_is_made_anew_while_it_is_good(directory):
    before = (directory / "server.pem").read_bytes()
    assert not ensure(directory, NAMES, NOW + 100 * DAY)
    assert (directory / "server.pem").read_bytes() == before


def test_it_is_renewed_in_good_time_and_the_ca_stays(directory):
    ca, before = (directory / "ca.pem").read_bytes(), (directory / "server.pem").read_bytes()
    assert ensure(directory, NAMES, NOW + 280 * DAY)
    assert (directory / "server.pem").read_bytes() != before
    assert (directory / "ca.pem").read_bytes() == ca


@pytest.mark.parametrize("damage", [b"", b"rubbish", None])
def test_a_damaged_certificate_is_made_anew(directory, damage):
    if damage is None:
        (directory / "server.pem").unlink()
    else:
        (directory / "server.pem").write_bytes(damage)
    assert ensure(directory, NAMES, NOW)
    assert server_certificate(directory)


def test_a_new_address_leads_to_a_new_certificate(directory):
    assert ensure(directory, Names(NAMES.hosts, ("192.0.2.8",)), NOW)


def test_a_clock_before_its_time_leads_to_a_certificate_of_that_time(directory):
    assert ensure(directory, NAMES, 0.0)


def test_two_boxes_differ(directory, tmp_path):
    ensure(tmp_path / "other", NAMES, NOW)
    assert (tmp_path / "other" / "ca.pem").read_bytes() != (directory / "ca.pem").read_bytes()


def serve_once(listening, context):
    connection, _ = listening.accept()
    try:
        context.wrap_socket(connection, server_side=True).close()
    except OSError:
        connection.close()


def offered(context, client, name="localhost"):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = threading.Thread(target=serve_once, args=(listening, context))
        server.start()
        try:
            with (
                socket.create_connection(listening.getsockname()) as plain,
                client.wrap_socket(plain, server_hostname=name) as secure,
            ):
                return secure.getpeercert()["serialNumber"], secure.version()
        finally:
            server.join()


def test_a_client_that_knows_the_ca_trusts_it_and_a_renewal_needs_no_restart(tmp_path):
    import time

    now = time.time()
    ensure(tmp_path, NAMES, now)
    context = tls.server_context(tmp_path)
    client = ssl.create_default_context(cafile=tmp_path / certificates.CA_FILE)
    before, version = offered(context, client)
    assert version == "TLSv1.3"
    (tmp_path / "server.pem").unlink()
    ensure(tmp_path, NAMES, now)
    tls.load(context, tmp_path)
    after, _ = offered(context, client)
    assert after != before


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tls_1_1_is_not_spoken(tmp_path):
    import time

    ensure(tmp_path, NAMES, time.time())
    client = ssl.create_default_context(cafile=tmp_path / certificates.CA_FILE)
    client.set_ciphers("ALL:@SECLEVEL=0")
    client.minimum_version = ssl.TLSVersion.TLSv1
    client.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(OSError):
        offered(tls.server_context(tmp_path), client)
