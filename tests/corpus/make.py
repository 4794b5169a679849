"""Writes the corpus; always the same octets. `python -m tests.corpus.make` writes the files.

Messages over 100 KB are not kept as files: `large_messages` makes them.
"""

import base64
import quopri
from collections.abc import Callable
from pathlib import Path

from tests.corpus import make_headers, make_mime
from tests.corpus.lines import mail

LIMIT = 100_000


def everything() -> dict[str, bytes]:
    """Every message by name."""
    return make_headers.messages() | make_mime.messages() | _bodies() | _huge()


def small_messages() -> dict[str, bytes]:
    return {name: data for name, data in everything().items() if len(data) <= LIMIT}


def large_messages() -> dict[str, bytes]:
    return {name: data for name, data in everything().items() if len(data) > LIMIT}


def _bodies() -> dict[str, bytes]:
    text = "Grüße aus der Küche, 100 % Käse = gut.\r\n".encode()
    encoded = base64.encodebytes(text * 20).replace(b"\n", b"\r\n")
    quoted = quopri.encodestring(text * 3).replace(b"\n", b"\r\n").replace(b"\r\r", b"\r")
    return {
        "empty": b"",
        "one_line_break": b"\r\n",
        "one_octet": b"x",
        "header_only": b"From: anna@office.test\r\nSubject: no body\r\n",
        "header_only_without_line_end": b"From: anna@office.test\r\nSubject: cut off he",
        "header_and_blank_line": mail([], b""),
        "body_only": b"\r\nThere is no header at all.\r\nJust text.\r\n",
        "body_without_blank_line": b"This is no header line\r\nand neither is this one\r\n",
        "base64_truncated": mail(
            ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64"],
            encoded[:-7],
        ),
        "base64_with_rubbish": mail(
            ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: BASE64"],
            encoded[:80] + b"\r\n!!! scanned by a virus filter !!!\r\n" + encoded[80:],
        ),
        "base64_one_octet": mail(["Content-Transfer-Encoding: base64"], b"Q"),
        "quoted_printable_bad_escapes": mail(
            [
                "Content-Type: text/plain; charset=utf-8",
                "Content-Transfer-Encoding: quoted-printable",
            ],
            quoted + b"=ZZ =4 =\r\nsoft=   \r\nbreak =C3=B\r\ntrailing blanks   \t\r\nlast=",
        ),
        "unknown_encoding": mail(["Content-Transfer-Encoding: x-rot13"], b"Uryyb\r\n"),
        "encoding_with_comment": mail(
            ['Content-Transfer-Encoding: "8bit" (really); x=1'], "Grüße\r\n".encode()
        ),
        "uuencode": mail(
            ["Subject: uuencoded", "X-Mailer: very old"],
            b"begin 644 cat.txt\r\n#0V%T\r\n`\r\nend\r\n",
        ),
        "charset_unknown": mail(["Content-Type: text/plain; charset=x-klingon"], b"tlh\xe9\r\n"),
        "charset_is_a_codec": mail(["Content-Type: text/plain; charset=zlib"], b"\x78\x9c\x00\r\n"),
        "charset_punycode": mail(
            ["Content-Type: text/plain; charset=punycode"], b"a-" * 99 + b"\r\n"
        ),
        "charset_wrong": mail(["Content-Type: text/plain; charset=utf-8"], b"Gr\xfc\xdfe\r\n"),
        "charset_utf16": mail(
            ["Content-Type: text/plain; charset=utf-16", "Content-Transfer-Encoding: base64"],
            base64.encodebytes("Grüße".encode("utf-16")).replace(b"\n", b"\r\n"),
        ),
        "charset_utf7_surrogate": mail(["Content-Type: text/plain; charset=utf-7"], b"+2AA- x\r\n"),
        "mixed_languages": mail(
            ["Content-Type: text/plain; charset=utf-8", "Content-Language: de, el, ja, ar, he"],
            "Guten Tag\r\nΚαλημέρα\r\nおはよう\r\nصباح الخير\r\nבוקר טוב\r\n👩‍👩‍👧\r\n".encode(),
        ),
        "latin1_without_mime": mail([], b"Stra\xdfe\r\n"),
        "nul_in_header": mail(["Subject: a\x00b", "To: x\x00y@office.test"], b"text\r\n"),
        "nul_in_body": mail([], b"before\x00after\r\n\x00\r\n"),
        "control_characters": mail(
            ["Subject: \x01\x02\x07\x1b[31mred"], bytes(range(32)) + b"\r\n"
        ),
        "dots_for_smtp": mail([], b".\r\n..\r\n.text\r\n...\r\n"),
        "mbox_from_line": b"From anna@office.test Sun Nov 22 10:00:00 2026\r\n"
        + mail([], b"x\r\n"),
    } | _line_ends()


def _line_ends() -> dict[str, bytes]:
    sane = mail(["Content-Type: text/plain"], b"first\r\nsecond\r\n")
    return {
        "bare_lf": sane.replace(b"\r\n", b"\n"),
        "bare_cr": sane.replace(b"\r\n", b"\r"),
        "mixed_line_ends": sane.replace(b"first\r\n", b"first\n").replace(
            b"Subject", b"X: a\rb\nSubject"
        ),
        "double_cr": sane.replace(b"\r\n", b"\r\r\n"),
        "lf_multipart": make_mime.alternative().replace(b"\r\n", b"\n"),
        "no_line_end_at_end": mail([], b"the last line has no end"),
        "smuggled_end_of_data": mail([], b"text\n.\r\nMAIL FROM:<x@y.test>\r\n"),
    }


def _huge() -> dict[str, bytes]:
    attachment = base64.encodebytes(bytes(range(256)) * 2000).replace(b"\n", b"\r\n")
    return {
        "one_line_of_1_mb": mail([], b"a" * 1_000_000 + b"\r\n"),
        "blanks_1_mb_quoted_printable": mail(
            ["Content-Transfer-Encoding: quoted-printable"], b" " * 1_000_000 + b"x\r\n"
        ),
        "half_mb_attachment": make_mime.with_attachment(attachment),
        "delimiter_like_lines": make_mime.alternative(b"--\r\n--=\r\n" * 50_000),
        "boundary_lines_without_blank_lines": make_mime.bare_parts(20_000),
        "parts_10001": make_mime.many_parts(10_001),
        "multipart_2000_deep": make_mime.deep_multiparts(2000),
        "messages_2000_deep": make_mime.deep_messages(2000),
        "recipients_5000": make_headers.recipients(5000),
        "header_of_2_mb": mail([f"X-Filler-{n}: {'y' * 70}" for n in range(25_000)], b"x\r\n"),
        "subject_of_300_kb": mail(["Subject: " + "long " * 60_000], b"x\r\n"),
        "semicolons_200_kb": mail(["Content-Type: text/plain" + ";" * 200_000], b"x\r\n"),
        "open_comments_200_kb": mail(["To: " + "(" * 200_000], b"x\r\n"),
        "open_brackets_200_kb": mail(["To: " + "<" * 100_000 + "[" * 100_000], b"x\r\n"),
        "encoded_word_starts_200_kb": mail(["Subject: " + "=?utf-8?q?" * 20_000], b"x\r\n"),
        "colonless_lines_300_kb": b"just a line of text\r\n" * 15_000,
    }


def write(folder: Path, wanted: Callable[[], dict[str, bytes]] = small_messages) -> None:
    """Write the small messages beside this module."""
    for name, data in wanted().items():
        (folder / f"{name}.eml").write_bytes(data)


if __name__ == "__main__":
    write(Path(__file__).parent)
