"""NeoMutt: sends by submission, reads and files by IMAP and POP3, and reads the Maildir itself."""

from __future__ import annotations

import mailbox
import re
from pathlib import Path

import pytest

from tests.support.box import Box, Person, wait_until
from tests.support.mail import deliver, letter, stored_messages, wait_for_mail, without_trace
from tests.support.programs import run_on_terminal, with_lf, write
from tests.support.sessions import imap

IMAP = {"tls": ("imaps", 993), "starttls": ("imap", 143), "plain": ("imap", 143)}
SMTP = {"tls": ("smtps", 465), "starttls": ("smtp", 587), "plain": ("smtp", 587)}
by_security = pytest.mark.parametrize("security", IMAP)


def configured(box: Box, home: Path, security: str, who: Person) -> Path:
    login = who.address.replace("@", "%40")
    (imap_scheme, imap_port), (smtp_scheme, smtp_port) = IMAP[security], SMTP[security]
    return write(
        home / "neomuttrc",
        f'set from="{who.address}" realname="Somebody" hostname="office.test"\n'
        f'set imap_user="{who.address}" imap_pass="{who.password}"\n'
        f'set pop_user="{who.address}" pop_pass="{who.password}"\n'
        f'set smtp_pass="{who.password}"\n'
        f'set smtp_url="{smtp_scheme}://{login}@localhost:{box.port(smtp_port)}/"\n'
        f'set folder="{imap_scheme}://localhost:{box.port(imap_port)}/"\n'
        f'set spoolfile="+INBOX" record="+Sent"\n'
        f"set ssl_force_tls={'no' if security == 'plain' else 'yes'}\n"
        f"set ssl_starttls={'no' if security == 'plain' else 'yes'}\n"
        f'set ssl_ca_certificates_file="{box.ca}" certificate_file="{home / "none"}"\n'
        "set mbox_type=Maildir copy=yes confirmappend=no confirmcreate=no delete=yes quit=yes\n"
        "set wait_key=no sleep_time=0 timeout=5 mail_check=1 header_cache= abort_nosubject=no\n"
        "set pop_delete=no pop_last=no check_new=no move=no mark_old=no crypt_use_gpgme=no\n"
        "set editor=true autoedit=yes fast_reply=yes abort_unmodified=no crypt_verify_sig=no\n",
    )


@by_security
def test_it_sends_and_keeps_a_copy_in_sent(
    box: Box, home: Path, reader: Person, security: str
) -> None:
    sender = box.person("sender")
    rc = configured(box, home, security, sender)
    (home / "plan.bin").write_bytes(bytes(range(256)))
    body = "Grüße aus Köln\n.\n..hidden\nFrom here\n"
    (home / "body").write_text(body)
    what = ("-s", "Ein Gruß", "-i", "body", "-a", "plan.bin", "--", reader.address)
    run_on_terminal(home, "neomutt", "-F", rc, *what, answer=(b"y:Send", b"y"))
    (stored,) = wait_for_mail(box, reader, 1)
    message = mailbox.email.message_from_bytes(without_trace(stored))
    text, plan = message.get_payload()
    content = text.get_payload(decode=True).decode(text.get_content_charset())
    assert content.replace("\r\n", "\n") == body
    assert plan.get_payload(decode=True) == bytes(range(256))
    with imap(box, sender) as client:
        assert client.select("Sent", readonly=True) == ("OK", [b"1"])
        copy = client.fetch("1", "(BODY.PEEK[])")[1][0][1]
    assert body_of(copy) == body_of(stored)


@by_security
def test_it_reads_files_and_deletes_by_imap(
    box: Box, home: Path, reader: Person, security: str
) -> None:
    names = ("one", "two", "three")
    stored = deliver(box, reader, *(letter(n, "anna@office.test", reader.address) for n in names))
    rc = configured(box, home, security, reader)
    keys = f"<tag-pattern>~A<enter><tag-prefix><copy-message>{home}/copies<enter>"
    keys += "<untag-pattern>~A<enter><first-entry><flag-message>"
    keys += "<delete-message><last-entry><save-message>=Archive<enter>"
    keys += "<sync-mailbox><exit>"
    run_on_terminal(home, "neomutt", "-F", rc, "-e", f'push "{keys}"')
    copies = mailbox.Maildir(home / "copies", create=False)
    found = [without_mutts_fields(copies.get_bytes(key)) for key in list(copies.keys())]
    assert sorted(found) == sorted(map(with_lf, stored))
    with imap(box, reader) as client:
        assert client.select(readonly=True) == ("OK", [b"1"])
        assert b"\\Flagged" in client.fetch("1", "(FLAGS)")[1][0]
        assert client.select("Archive", readonly=True) == ("OK", [b"1"])
        assert client.fetch("1", "(BODY.PEEK[])")[1][0][1] == stored[2]


def test_it_collects_by_pop3(box: Box, home: Path, reader: Person) -> None:
    stored = deliver(box, reader, letter("one", "anna@office.test", reader.address))
    rc = configured(box, home, "tls", reader)
    keys = f"<tag-pattern>~A<enter><tag-prefix><copy-message>{home}/copies<enter><exit>"
    drop = f"pops://localhost:{box.port(995)}"
    run_on_terminal(home, "neomutt", "-F", rc, "-f", drop, "-e", f'push "{keys}"')
    copies = mailbox.Maildir(home / "copies", create=False)
    found = [without_mutts_fields(copies.get_bytes(key)) for key in list(copies.keys())]
    assert found == [*map(with_lf, stored)]


def test_it_reads_the_maildir_of_the_box_itself_and_imap_sees_what_it_did(
    box: Box, home: Path, reader: Person
) -> None:
    names = ("one", "two", "three")
    deliver(box, reader, *(letter(n, "anna@office.test", reader.address) for n in names))
    with imap(box, reader) as client:
        client.select()
        uids = client.uid("search", "ALL")[1][0].split()
        rc = configured(box, home, "tls", reader)
        # By subject: all three have one date, and mutt then sorts a Maildir by inode.
        keys = "<tag-pattern>~s one<enter><tag-prefix><flag-message><untag-pattern>~A<enter>"
        keys += "<delete-pattern>~s three<enter><sync-mailbox><exit>"
        folder = box.maildir(reader)
        run_on_terminal(home, "neomutt", "-F", rc, "-f", folder, "-e", f'push "{keys}"')
        wait_until(
            lambda: client.noop() and client.uid("search", "ALL")[1][0].split() == uids[:2],
            "IMAP has seen it",
        )
        assert client.uid("search", "FLAGGED")[1] == [uids[0]]
    assert len(stored_messages(box, reader)) == 2


def without_mutts_fields(message: bytes) -> bytes:
    """Without what mutt writes into copies of its own."""
    return re.sub(rb"(?m)^(Status|X-Status|Content-Length|Lines): .*\n", b"", message)


def body_of(message: bytes) -> bytes:
    return message.partition(b"\r\n\r\n")[2]
