"""Messages whose header is what is ugly."""

from tests.corpus.lines import header, mail

GREETINGS = {
    "utf-8": "Grüße",
    "iso-8859-1": "Grüße",
    "iso-8859-2": "Příliš",
    "iso-8859-15": "10 €",
    "windows-1252": "„Zitat“",
    "koi8-r": "Привет",
    "windows-1251": "Привет",
    "iso-2022-jp": "こんにちは",
    "shift_jis": "こんにちは",
    "euc-jp": "こんにちは",
    "gb2312": "你好",
    "big5": "你好",
    "euc-kr": "안녕",
    "iso-8859-7": "Καλημέρα",
    "windows-1255": "שלום",
    "windows-1256": "مرحبا",
    "tis-620": "สวัสดี",
}


def recipients(count: int) -> bytes:
    """That many recipients, folded as mail programs fold."""
    people = ",\r\n ".join(f'"Person, No. {n}" <person{n}@office.test>' for n in range(count))
    return mail([f"To: {people}"], b"to all\r\n")


def _encoded_words() -> list[bytes]:
    import base64

    fields = []
    for charset, text in GREETINGS.items():
        word = base64.b64encode(text.encode(charset))
        fields.append(b"X-%s: =?%s?B?%s?=" % (charset.encode(), charset.encode(), word))
    return fields


def _words() -> dict[str, bytes]:
    return {
        "words_in_many_charsets": mail(
            [
                *_encoded_words(),
                "Subject: =?iso-8859-1?Q?Gr=FC=DFe?= =?koi8-r?B?8NLJ18XU?=\r\n =?iso-2022-jp?B?GyRCJDMbKEI=?=",
            ],
            b"x\r\n",
        ),
        "words_cut_inside_a_character": mail(
            ["Subject: =?utf-8?B?R3LD?=\r\n =?utf-8?B?vMOfZQ==?="], b"x\r\n"
        ),
        "words_bad": mail(
            ["Subject: =?utf-8?B?A?= =?utf-8?X?abc?= =?nope?Q?a=E4?= =?utf-8?Q?open =?= =??Q??="],
            b"x\r\n",
        ),
        "words_with_language_and_blanks": mail(
            ["Subject: =?utf-8*de?Q?Gr=C3=BC=C3=9Fe an alle?= and =?UTF-8?q?_more_?="], b"x\r\n"
        ),
        "words_in_names": mail(
            ["From: =?utf-8?Q?J=C3=B6rg?= =?utf-8?Q?_M=C3=BCller?= <j@office.test>"], b"x\r\n"
        ),
        "words_hiding_line_ends": mail(
            ["Subject: =?utf-8?Q?first=0D=0ABcc:_all@office.test=00?="], b"x\r\n"
        ),
        "eight_bit_header_utf8": mail(
            ["Subject: Grüße an Jürgen", "From: Jürgen <j@office.test>"], b"x\r\n"
        ),
        "eight_bit_header_latin1": mail(
            [b"Subject: Gr\xfc\xdfe", b"From: J\xfcrgen <j@office.test>"], b"x\r\n"
        ),
        "smtputf8_addresses": mail(["From: Pelé <pelé@bücher.example>"], b"x\r\n"),
    }


def _addresses() -> dict[str, bytes]:
    def to(value: str) -> bytes:
        return mail([f"To: {value}"], b"x\r\n")

    return {
        "group_addresses": to(
            "A Group:Ed Jones <joe@where.test>,john@one.test;, undisclosed-recipients:;"
        ),
        "group_not_closed": to("Team: anna@office.test, ben@office.test"),
        "obsolete_route": to("Mary <@here.test,@there.test:mary@x.test>, <@only.test>"),
        "comments_in_addresses": to(
            "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>, j@x.test (J (nested) Doe)"
        ),
        "spaces_in_addresses": to('jdoe @ machine . test, "quoted local"@x.test, a . b@c.test'),
        "addresses_rubbish": to(
            'not an address at all, @, <>, <<a@b>>, "open quote, a@b@c, [1.2.3.4], x@[IPv6:::1], ,,;'
        ),
        "bracket_not_closed": to("Anna <anna@office.test, Ben <ben@office.test>"),
        "name_is_an_address": to("anna@office.test <anna@office.test>, 'x@y.test' <x@y.test>"),
        "addresses_without_host": to("root, MAILER-DAEMON, postmaster (the one)"),
        "empty_fields": mail(
            ["To:", "Cc: ", "Subject:", "Message-ID:", "Reply-To: ", "Sender:"], b"x\r\n"
        ),
        "no_from": header(["Subject: nobody", "To: ben@office.test"]) + b"\r\nx\r\n",
        "duplicate_fields": mail(
            [
                "From: Eve <eve@evil.test>",
                "From: Anna <anna@office.test>",
                "To: a@x.test",
                "To: b@x.test",
                "Subject: first",
                "Subject: second",
            ],
            b"x\r\n",
        ),
        "recipients_2000": recipients(2000),
    }


def messages() -> dict[str, bytes]:
    return (
        _words()
        | _addresses()
        | {
            "folded_everything": mail(
                [
                    "Subject: one\r\n two\r\n\tthree\r\n \r\n four",
                    "To:\r\n Ben\r\n <ben@office.test>\r\n ,\r\n c@office.test",
                    "Date:\r\n Sun,\r\n 22\r\n Nov\r\n 2026\r\n 10:00:00\r\n +0100",
                    "Content-Type:\r\n text/plain;\r\n charset=\r\n utf-8",
                    "Message-ID:\r\n <folded@office.test>",
                ],
                b"x\r\n",
            ),
            "missing_colon_lines": mail(
                ["this line has no colon", "  nor this", "X-Good: yes", ": no name", "Bad Name: x"],
                b"x\r\n",
            ),
            "space_before_colon": mail(["Subject : spaced", "To\t: tab@office.test"], b"x\r\n"),
            "upper_case_names": mail(
                ["SUBJECT: LOUD", "CONTENT-TYPE: TEXT/HTML; CHARSET=UTF-8"], b"<p>\r\n"
            ),
            "quotes_and_backslashes": mail(
                ['Subject: "quoted" \\ and \\" more', 'From: "A \\"B\\" C\\\\" <a@office.test>'],
                b"x\r\n",
            ),
            "obsolete_date": mail(
                ["Date: Fri, 21 Nov 97 09(comment):   55  :  06 -0600"], b"x\r\n"
            ),
            "date_with_zone_name": mail(["Date: 1 Jan 05 00:00 EST"], b"x\r\n"),
            "date_asctime": mail(["Date: Sun Nov 22 10:11:12 2026"], b"x\r\n"),
            "date_rubbish": mail(["Date: the day before yesterday"], b"x\r\n"),
            "date_impossible": mail(["Date: Mon, 31 Feb 2026 25:61:61 +9999"], b"x\r\n"),
            "date_far_future": mail(["Date: Fri, 31 Dec 9999 23:59:59 -1200"], b"x\r\n"),
            "date_before_1970": mail(["Date: Mon, 1 Jan 1900 00:00:00 +0000"], b"x\r\n"),
            "long_references": mail(
                ["References: " + "\r\n ".join(f"<{n}@office.test>" for n in range(300))], b"x\r\n"
            ),
            "list_mail": mail(
                [
                    "List-Id: The list <list.office.test>",
                    "List-Unsubscribe: <mailto:x@y.test>",
                    "Precedence: bulk",
                ],
                b"x\r\n",
            ),
        }
    )
