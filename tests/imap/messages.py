"""Small messages for transcripts, by name."""

import re

PLAIN = b"""From: Ben Example <ben@office.test>
To: anna@office.test
Subject: Minutes
Date: Sun, 22 Nov 2026 10:00:00 +0100
Message-ID: <1@office.test>

Hello Anna
"""

MIXED = b"""From: carla@example.org
To: anna@office.test
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
Date: Sat, 21 Nov 2026 23:30:00 -0500
X-Project: Heron
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Gr=C3=BC=C3=9Fe vom See
--b
Content-Type: application/octet-stream; name=zero.bin
Content-Transfer-Encoding: base64

AAEC
--b
Content-Type: message/rfc822

From: dora@example.net
Subject: inner

deep
--b--
"""

ODD = b"""From: eve@example.net
Content-Type: text/plain
Content-Transfer-Encoding: x-rot13

Uryyb
"""

MESSAGES = {
    name: re.sub(rb"\n", b"\r\n", text)
    for name, text in (("plain", PLAIN), ("mixed", MIXED), ("odd", ODD))
}
