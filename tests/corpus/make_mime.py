"""Messages whose MIME structure is what is ugly."""

from tests.corpus.lines import header, mail, multipart, multipart_body, part

TEXT = part(["Content-Type: text/plain; charset=utf-8"], b"some text\r\n")
HTML = part(["Content-Type: text/html; charset=utf-8"], b"<p>some text</p>\r\n")
PICTURE = part(
    [
        "Content-Type: image/png; name=dot.png",
        "Content-Transfer-Encoding: base64",
        "Content-Disposition: inline; filename=dot.png",
        "Content-ID: <dot@office.test>",
    ],
    b"iVBORw0KGgo=\r\n",
)


def _mixed(boundary: str, *parts: bytes, kind: str = "mixed", end: bool = True) -> bytes:
    return mail(["MIME-Version: 1.0"], b"")[:-2] + multipart(boundary, *parts, kind=kind, end=end)


def _typed(content_type: str, body: bytes) -> bytes:
    return mail(["MIME-Version: 1.0", f"Content-Type: {content_type}"], body)


def alternative(extra: bytes = b"") -> bytes:
    return _mixed("=_abc", TEXT + extra, HTML, kind="alternative")


def with_attachment(encoded: bytes) -> bytes:
    attached = part(
        [
            "Content-Type: application/pdf; name=plan.pdf",
            "Content-Transfer-Encoding: base64",
            "Content-Disposition: attachment; filename=plan.pdf; size=512000",
        ],
        encoded,
    )
    return _mixed("outer", TEXT, attached)


def many_parts(count: int) -> bytes:
    return _mixed("b", *([part([], b"p")] * count))


def bare_parts(count: int) -> bytes:
    return _typed("multipart/mixed; boundary=b", b"--b\r\nContent-Type: text/html\r\n" * count)


def deep_messages(depth: int) -> bytes:
    inner = mail(["Subject: the innermost"], b"at last\r\n")
    for level in range(depth, 0, -1):
        inner = (
            header([f"Subject: level {level}", "Content-Type: message/rfc822"]) + b"\r\n" + inner
        )
    return inner


def deep_multiparts(depth: int) -> bytes:
    opening = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d.\r\n\r\n--b%d.\r\n" % (n, n)
        for n in range(depth)
    )
    closing = b"".join(b"\r\n--b%d.--" % n for n in range(depth - 1, -1, -1))
    return mail([], b"")[:-2] + opening + TEXT + closing + b"\r\n"


def _boundaries() -> dict[str, bytes]:
    inner = multipart("abc", TEXT, HTML, kind="alternative")
    return {
        "boundary_missing": _typed("multipart/mixed", b"--abc\r\n" + TEXT),
        "boundary_empty": _typed('multipart/mixed; boundary=""', b"--\r\n\r\nx\r\n----\r\n"),
        "boundary_never_comes": _typed("multipart/mixed; boundary=nowhere", b"just text\r\n"),
        "boundary_only_closing": _typed("multipart/mixed; boundary=abc", b"--abc--\r\n"),
        "boundary_prefix_of_outer": _mixed("abcd", inner, PICTURE),
        "boundary_prefix_of_inner": _mixed("ab", inner, PICTURE),
        "boundary_same_inside": _mixed("abc", inner, PICTURE),
        "boundary_not_closed": _mixed("abc", TEXT, HTML, end=False),
        "boundary_inner_not_closed": _mixed("out", multipart("in", TEXT, HTML, end=False), PICTURE),
        "boundary_odd_characters": _mixed("a'()+_,-./:=? b", TEXT, HTML),
        "boundary_escaped": _typed(
            'multipart/mixed; boundary="a\\"b\\\\c"', multipart_body('a"b\\c', TEXT)
        ),
        "boundary_trailing_blanks": _typed(
            "multipart/mixed; boundary=abc", b"--abc  \t\r\n" + TEXT + b"\r\n--abc-- \t \r\n"
        ),
        "boundary_with_more_behind": _typed(
            "multipart/mixed; boundary=abc", b"--abcdef\r\n" + TEXT + b"\r\n--abc--xyz\r\n"
        ),
        "boundary_in_continuations": _typed(
            'multipart/mixed; boundary*0=ab; boundary*1="c d"', multipart_body("abc d", TEXT, HTML)
        ),
        "boundary_of_500_octets": _mixed("x" * 500, TEXT),
        "boundary_ends_header": _typed(
            "multipart/mixed; boundary=abc",
            b"--abc\r\nContent-Type: text/html\r\n--abc\r\n--abc--\r\n",
        ),
        "boundary_at_end_of_file": _typed(
            "multipart/mixed; boundary=abc", b"--abc\r\n" + TEXT + b"\r\n--abc"
        ),
        "preamble_and_epilogue": _typed(
            "multipart/mixed; boundary=abc",
            b"This is a message in MIME format.\r\n"
            + multipart_body("abc", TEXT)
            + b"the epilogue\r\n--abc\r\nmore\r\n",
        ),
    }


def _types() -> dict[str, bytes]:
    return {
        "type_without_slash": _typed("text", b"x\r\n"),
        "type_spaced": _typed("text / html ; charset = utf-8", b"<p>\r\n"),
        "type_empty": _typed("", b"x\r\n"),
        "type_rubbish": _typed(';;;="";name', b"x\r\n"),
        "type_eight_bit": _typed("text/pläin; nämé=wért", b"x\r\n"),
        "type_quoted_charset": _typed(
            'text/plain; charset="UTF-8" (a comment); format=flowed; delsp', b"x\r\n"
        ),
        "parameters_continued": _typed(
            "application/x-stuff; title*0*=us-ascii'en'This%20is%20even%20more%20; title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2=\"isn't it!\"",
            b"x",
        ),
        "parameters_plain_continued": _typed(
            'message/external-body; access-type=URL; URL*0="ftp://"; URL*1="cs.utk.test/x"', b"\r\n"
        ),
        "parameters_gap": _typed(
            "application/x; a*0=b; a*2=d; a*2=again; c*9*=%E4; e*0*=utf-8''%C3%BC", b"x"
        ),
        "file_name_bare": _mixed(
            "b",
            part(["Content-Disposition: attachment; filename=plan of house(2).pdf; size=3"], b"x"),
        ),
        "file_name_everything": _mixed(
            "b",
            part(
                [
                    "Content-Disposition: ATTACHMENT; filename*=UTF-8''%e2%82%ac%20rates.pdf; filename=\"EURO rates.pdf\""
                ],
                b"x",
            ),
        ),
        "disposition_rubbish": _mixed(
            "b", part(["Content-Disposition: ;", "Content-Language: ;;", "Content-MD5: "], b"x")
        ),
        "extension_fields": _mixed(
            "b",
            part(
                [
                    "Content-Type: text/plain; charset=us-ascii",
                    "Content-ID: <i@x.test>",
                    "Content-Description: a =?utf-8?q?=C3=A4?=",
                    "Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==",
                    "Content-Language: en",
                    "Content-Location: http://x.test/",
                    "Content-Disposition: inline",
                ],
                b"x\r\n",
            ),
        ),
    }


def messages() -> dict[str, bytes]:
    inner_message = mail(["Subject: inner"], b"inner text\r\n")
    inner_multipart = _mixed("in", TEXT, HTML, kind="alternative")
    return (
        _boundaries()
        | _types()
        | {
            "alternative": alternative(),
            "related_in_alternative_in_mixed": _mixed(
                "one",
                multipart(
                    "two",
                    TEXT,
                    multipart("three", HTML, PICTURE, kind="related"),
                    kind="alternative",
                ),
                PICTURE,
            ),
            "message_inside": _mixed(
                "b", TEXT, part(["Content-Type: message/rfc822"], inner_message)
            ),
            "message_inside_multipart": _mixed(
                "b", TEXT, part(["Content-Type: message/rfc822"], inner_multipart), PICTURE
            ),
            "message_is_all": _typed("message/rfc822", inner_multipart),
            "message_inside_cut": _mixed(
                "b", b"Content-Type: message/rfc822\r\n\r\nSubject: cut\r\nTo: x@y.test"
            ),
            "message_inside_empty": _mixed("b", part(["Content-Type: message/rfc822"], b"")),
            "message_inside_base64": _mixed(
                "b",
                part(
                    ["Content-Type: message/rfc822", "Content-Transfer-Encoding: base64"],
                    b"U3ViamVjdDogeA0KDQp5\r\n",
                ),
            ),
            "message_global": _mixed(
                "b", part(["Content-Type: message/global"], mail(["Subject: Grüße"], b"x\r\n"))
            ),
            "messages_100_deep": deep_messages(100),
            "messages_99_deep": deep_messages(99),
            "multipart_150_deep": deep_multiparts(150),
            "digest": _mixed(
                "b",
                b"\r\n" + inner_message,
                b"Content-Type: text/plain\r\n\r\nno message\r\n",
                kind="digest",
            ),
            "parts_without_headers": _mixed("b", b"\r\nfirst\r\n", b"\r\nsecond"),
            "parts_empty": _mixed("b", b"", b"", b"\r\n"),
            "apple_double": _mixed(
                "b",
                multipart(
                    "ad",
                    part(
                        [
                            "Content-Type: application/applefile",
                            "Content-Transfer-Encoding: base64",
                        ],
                        b"AAUWBwACAAA=\r\n",
                    ),
                    PICTURE,
                    kind="appledouble",
                ),
            ),
            "smime_signed": mail([], b"")[:-2]
            + header(
                [
                    'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary=s'
                ]
            )
            + b"\r\n"
            + multipart_body(
                "s",
                TEXT,
                part(
                    [
                        "Content-Type: application/pkcs7-signature; name=smime.p7s",
                        "Content-Transfer-Encoding: base64",
                    ],
                    b"MIIB\r\n",
                ),
            ),
            "smime_enveloped": mail(
                [
                    'Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name="smime.p7m"',
                    "Content-Transfer-Encoding: base64",
                ],
                b"MIIB\r\n",
            ),
            "pgp_encrypted": _mixed(
                "p",
                part(["Content-Type: application/pgp-encrypted"], b"Version: 1\r\n"),
                part(
                    ["Content-Type: application/octet-stream"], b"-----BEGIN PGP MESSAGE-----\r\n"
                ),
                kind="encrypted",
            ),
            "delivery_report": _mixed(
                "r",
                TEXT,
                part(
                    ["Content-Type: message/delivery-status"],
                    b"Reporting-MTA: dns; mx.office.test\r\n\r\nFinal-Recipient: rfc822; x@y.test\r\nAction: failed\r\nStatus: 5.1.1\r\n",
                ),
                part(["Content-Type: text/rfc822-headers"], header(["Subject: lost"])),
                kind="report",
            ),
            "read_receipt": _mixed(
                "r",
                TEXT,
                part(
                    ["Content-Type: message/disposition-notification"],
                    b"Disposition: manual-action/MDN-sent-manually; displayed\r\n",
                ),
                kind="report",
            ),
            "calendar_invitation": _mixed(
                "c",
                TEXT,
                part(
                    [
                        "Content-Type: text/calendar; method=REQUEST; charset=utf-8; component=VEVENT"
                    ],
                    b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
                ),
                kind="alternative",
            ),
            "partial_message": _typed(
                'message/partial; id="x@y.test"; number=1; total=2',
                b"Subject: half\r\n\r\nof it\r\n",
            ),
            "multipart_base64": mail(
                ["Content-Type: multipart/mixed; boundary=b", "Content-Transfer-Encoding: base64"],
                multipart_body("b", TEXT),
            ),
            "parts_300": many_parts(300),
            "outlook_winmail": _mixed(
                "b",
                TEXT,
                part(
                    [
                        'Content-Type: application/ms-tnef; name="winmail.dat"',
                        "Content-Transfer-Encoding: base64",
                    ],
                    b"eJ8+IgAA\r\n",
                ),
            ),
        }
    )
