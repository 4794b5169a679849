"""Configuration profiles: what is in them, that they replace, and that OpenSSL believes them."""

from __future__ import annotations

import plistlib
import shutil
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from appliance.devices import apple
from appliance.devices.service import Services
from appliance.errors import Refused
from appliance.net import certificates

OFFICE = Services("Müller & Söhne", "mail.office.test")
ANNA = "anna@office.test"
NOW = 1_795_000_000.0


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    certificates.ensure(folder, certificates.Names(("mail.office.test",), ()), NOW)
    return folder


@pytest.fixture(scope="module")
def ca(tls):
    return (tls / "ca.pem").read_bytes()


def payloads(profile):
    return {each["PayloadType"]: each for each in plistlib.loads(profile)["PayloadContent"]}


def test_a_profile_sets_up_reading_and_sending_over_tls(ca):
    made = apple.profile(OFFICE, ANNA, "Anna Müller", ca_certificate=ca)
    mail = payloads(made)["com.apple.mail.managed"]
    for way, port in (("Incoming", 993), ("Outgoing", 465)):
        assert mail[f"{way}MailServerHostName"] == "mail.office.test"
        assert mail[f"{way}MailServerPortNumber"] == port
        assert mail[f"{way}MailServerUseSSL"] is True
        assert mail[f"{way}MailServerUsername"] == ANNA
        assert mail[f"{way}MailServerAuthentication"] == "EmailAuthPassword"
    assert mail["EmailAccountType"] == "EmailTypeIMAP"
    assert mail["EmailAccountName"] == "Anna Müller"
    assert mail["EmailAddress"] == ANNA
    assert "IncomingPassword" not in mail
    assert plistlib.loads(made)["PayloadType"] == "Configuration"


def test_the_box_s_own_ca_comes_along_only_when_it_is_given(ca):
    root = payloads(apple.profile(OFFICE, ANNA, "Anna", ca_certificate=ca))[
        "com.apple.security.root"
    ]
    expected = x509.load_pem_x509_certificate(ca).public_bytes(Encoding.DER)
    assert root["PayloadContent"] == expected
    public = payloads(apple.profile(OFFICE, ANNA, "Anna", ca_certificate=None))
    assert set(public) == {"com.apple.mail.managed"}
    assert set(payloads(apple.ca_profile(OFFICE, ca))) == {"com.apple.security.root"}


def test_a_password_stands_in_it_once_when_it_is_given(ca):
    made = apple.profile(OFFICE, ANNA, "Anna", ca_certificate=ca, password="abcd-<&>")
    mail = payloads(made)["com.apple.mail.managed"]
    assert mail["IncomingPassword"] == "abcd-<&>"
    assert mail["OutgoingPasswordSameAsIncomingPassword"] is True


def identities(profile):
    top = plistlib.loads(profile)
    found = [top, *top["PayloadContent"]]
    return [(each["PayloadIdentifier"], each["PayloadUUID"]) for each in found]


def test_installing_again_replaces_and_other_accounts_stay(ca):
    first = identities(apple.profile(OFFICE, ANNA, "Anna", ca_certificate=ca))
    moved = Services("Another name", "mail.office.test", submission_port=10465)
    again = identities(apple.profile(moved, ANNA, "Anna M.", ca_certificate=ca, password="x"))
    assert first == again
    assert len({identity for pair in first for identity in pair}) == 6
    ben = identities(apple.profile(OFFICE, "ben@office.test", "Ben", ca_certificate=ca))
    elsewhere = identities(
        apple.profile(Services("Office", "box.test"), ANNA, "Anna", ca_certificate=ca)
    )
    assert not set(first[:2]) & set(ben[:2])
    assert not set(first) & set(elsewhere)
    # one CA of one box, however many accounts bring it
    assert first[2] == ben[2]


def verified(signed, ca_file, tmp_path):
    (tmp_path / "signed").write_bytes(signed)
    return subprocess.run(
        ["openssl", "cms", "-verify", "-inform", "DER", "-in", tmp_path / "signed",
         "-CAfile", ca_file, "-purpose", "any", "-binary", "-attime", str(int(NOW))],
        capture_output=True,
        check=False,
    )  # fmt: skip


def test_openssl_verifies_the_signature_with_the_box_s_ca_alone(tls, ca, tmp_path):
    made = apple.profile(OFFICE, ANNA, "Anna Müller", ca_certificate=ca)
    signed = apple.signed_with(made, (tls / "server.pem").read_bytes())
    run = verified(signed, tls / "ca.pem", tmp_path)
    assert run.returncode == 0, run.stderr.decode()
    assert run.stdout == made
    assert b"PRIVATE KEY" not in signed


def test_a_changed_profile_is_not_verified(tls, ca, tmp_path):
    made = apple.profile(OFFICE, ANNA, "Anna", ca_certificate=ca)
    signed = apple.signed_with(made, (tls / "server.pem").read_bytes())
    changed = signed.replace(b"mail.office.test", b"evil.office.test", 1)
    assert changed != signed
    assert verified(changed, tls / "ca.pem", tmp_path).returncode != 0


def test_a_key_of_another_certificate_is_refused(tls, ca, tmp_path):
    certificates.ensure(tmp_path, certificates.Names(("other.test",), ()), NOW)
    with pytest.raises(Refused, match="does not belong"):
        apple.sign(b"x", (tls / "server.pem").read_bytes(), (tmp_path / "ca.key").read_bytes())
    with pytest.raises(Refused, match="cannot be read"):
        apple.sign(b"x", b"", b"", b"")
    with pytest.raises(Refused, match="cannot be read"):
        apple.profile(OFFICE, ANNA, "Anna", ca_certificate=b"no certificate")


@pytest.mark.skipif(not shutil.which("plistutil"), reason="plistutil is not installed")
def test_plistutil_reads_it_as_apple_s_format(ca, tmp_path):
    (tmp_path / "profile").write_bytes(apple.profile(OFFICE, ANNA, "Ännä", ca_certificate=ca))
    run = subprocess.run(
        ["plistutil", "-i", tmp_path / "profile", "-f", "bin", "-o", tmp_path / "binary"],
        capture_output=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr.decode()
    mail = payloads((tmp_path / "binary").read_bytes())["com.apple.mail.managed"]
    assert mail["EmailAccountName"] == "Ännä"
