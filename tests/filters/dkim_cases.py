"""DKIM: keys in the zone dkim.test, and messages signed with them and then changed."""

from __future__ import annotations

import base64
import re
from functools import cache

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

MESSAGE = (
    b"From: Joe SixPack <joe@dkim.test>\r\n"
    b"To: Suzie Q <suzie@shopping.test>\r\n"
    b"Subject: Is dinner ready?\r\n"
    b"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
    b"Message-ID: <20030712040037.46341.5F8J@football.test>\r\n"
    b"\r\n"
    b"Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"
)
SIZES = {"rsa": 2048, "small": 1024, "tiny": 512, "revoked": 1024, "other": 1024}


@cache
def private(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=max(1024, SIZES[name]))


def pem(name: str) -> bytes:
    return private(name).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def public(name: str) -> str:
    der = (
        private(name)
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return base64.b64encode(der).decode()


def records() -> list[str]:
    """Lines of the zone dkim.test."""
    rsa_key = public("rsa")
    texts = {
        "rsa": f"v=DKIM1; k=rsa; p={rsa_key}",
        "bare": f"p={rsa_key}",
        "small": f"v=DKIM1; p={public('small')}",
        "revoked": "v=DKIM1; p=",
        "testing": f"v=DKIM1; t=y; p={rsa_key}",
        "exact": f"v=DKIM1; t=s; p={rsa_key}",
        "sha1only": f"v=DKIM1; h=sha1; p={rsa_key}",
        "forweb": f"v=DKIM1; s=web; p={rsa_key}",
        "wrong": f"v=DKIM1; p={public('other')}",
        "later": f"v=DKIM9; p={rsa_key}",
        "garbage": "v=DKIM1; p=!!!!",
        "dsa": f"v=DKIM1; k=dsa; p={rsa_key}",
    }
    return [f"{name}._domainkey TXT {_strings(text)}" for name, text in texts.items()]


def _strings(text: str) -> str:
    return " ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200))


def signed(selector: str = "rsa", message: bytes = MESSAGE, **options: object) -> bytes:
    """A message with a signature on top."""
    canonical = options.pop("canonicalize", (b"relaxed", b"relaxed"))
    made = dkim.DKIM(message).sign(
        selector.encode(), b"dkim.test", pem("small" if selector == "small" else "rsa"),
        canonicalize=canonical, **options,
    )  # fmt: skip
    return bytes(made) + message


# RFC 8463, Appendix A: one message, both kinds of keys
RFC_8463_KEYS = (
    (
        'brisbane._domainkey.football TXT "v=DKIM1; k=ed25519; '
        'p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="'
    ),
    (
        'test._domainkey.football TXT "v=DKIM1; k=rsa; '
        'p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi" '
        '"Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZy'
        'VYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"'
    ),
)
RFC_8463 = (
    b"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
    b" d=football.example.com; i=@football.example.com;\r\n"
    b" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
    b" subject : date : message-id : from : subject : date;\r\n"
    b" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    b" b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"
    b" Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
    b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"
    b" d=football.example.com; i=@football.example.com;\r\n"
    b" q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"
    b" date : message-id : from : subject : date;\r\n"
    b" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    b" b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n"
    b" DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n"
    b" dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n"
    b"From: Joe SixPack <joe@football.example.com>\r\n"
    b"To: Suzie Q <suzie@shopping.example.net>\r\n"
    b"Subject: Is dinner ready?\r\n"
    b"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
    b"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
    b"\r\nHi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"
)

# RFC 6376, Appendix A.2 and C, with errata 3192 (one blank before "Are") and 4926 (indentation)
RFC_6376_KEY = (
    'brisbane._domainkey TXT "v=DKIM1; '
    'p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFC" '
    '"jxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9'
    'tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"'
)
RFC_6376 = (
    b"DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;\r\n"
    b"      c=simple/simple; q=dns/txt; i=joe@football.example.com;\r\n"
    b"      h=Received : From : To : Subject : Date : Message-ID;\r\n"
    b"      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    b"      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB\r\n"
    b"      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut\r\n"
    b"      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV\r\n"
    b"      4bmp/YzhwvcubU4=;\r\n"
    b"Received: from client1.football.example.com  [192.0.2.1]\r\n"
    b"      by submitserver.example.com with SUBMISSION;\r\n"
    b"      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)\r\n"
    b"From: Joe SixPack <joe@football.example.com>\r\n"
    b"To: Suzie Q <suzie@shopping.example.net>\r\n"
    b"Subject: Is dinner ready?\r\n"
    b"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
    b"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
    b"\r\nHi.\r\n\r\nWe lost the game. Are you hungry yet?\r\n\r\nJoe.\r\n"
)

_RSA_ALONE = RFC_8463[RFC_8463.index(b"DKIM-Signature:", 1) :]


def _tag(message: bytes, old: bytes, new: bytes) -> bytes:
    changed = re.sub(old, new, message, count=1)
    assert changed != message
    return changed


SIMPLE = (b"simple", b"simple")
LOOSE_BODY = (b"simple", b"relaxed")


def cases() -> dict[str, tuple[bytes, str]]:
    """By name: the message and the result that is right."""
    good = signed()
    long_lines = MESSAGE + b"\r\n" * 5
    return {
        "rfc-6376": (RFC_6376, "pass"),
        "rfc-6376-changed": (RFC_6376.replace(b"hungry", b"thirsty"), "fail"),
        "relaxed": (good, "pass"),
        "simple": (signed(canonicalize=SIMPLE), "pass"),
        "simple-relaxed": (signed(canonicalize=LOOSE_BODY), "pass"),
        "relaxed-simple": (signed(canonicalize=(b"relaxed", b"simple")), "pass"),
        "small-key": (signed("small"), "pass"),
        "bare-record": (signed("bare"), "pass"),
        "testing": (signed("testing"), "pass"),
        "exact": (signed("exact"), "pass"),
        "below": (signed(identity=b"@news.dkim.test"), "pass"),
        "exact-below": (signed("exact", identity=b"@news.dkim.test"), "not"),
        "empty-lines-after-signing": (good + b"\r\n\r\n", "pass"),
        "empty-lines-before": (signed(message=long_lines), "pass"),
        "empty-body": (signed(message=MESSAGE[: MESSAGE.index(b"\r\n\r\n") + 4]), "pass"),
        "empty-body-simple": (
            signed(message=MESSAGE[: MESSAGE.index(b"\r\n\r\n") + 4], canonicalize=SIMPLE), "pass",
        ),
        "blanks-in-header": (good.replace(b"Subject: Is ", b"Subject:    Is  "), "pass"),
        "folded-header": (good.replace(b"Is dinner", b"Is\r\n dinner"), "pass"),
        "name-in-capitals": (good.replace(b"\r\nSubject:", b"\r\nSUBJECT:"), "pass"),
        "blanks-in-body": (good.replace(b"game.  Are", b"game. Are"), "pass"),
        "blanks-at-line-ends": (good.replace(b"Hi.\r\n", b"Hi.  \r\n"), "pass"),
        "trace-on-top": (b"Received: from a by b; now\r\n" + good, "pass"),
        "blanks-in-header-simple": (
            signed(canonicalize=SIMPLE).replace(b"Subject: Is ", b"Subject:  Is "), "fail",
        ),
        "blanks-in-body-simple": (
            signed(canonicalize=SIMPLE).replace(b"game.  Are", b"game. Are"), "fail",
        ),
        "body-changed": (good.replace(b"lost", b"won!"), "fail"),
        "subject-changed": (good.replace(b"Is dinner", b"Is lunch"), "fail"),
        "from-changed": (good.replace(b"<joe@", b"<jim@"), "fail"),
        "body-longer": (good + b"Buy now!\r\n", "fail"),
        "body-cut": (good[:-6], "fail"),
        "date-gone": (re.sub(rb"\r\nDate: [^\r]*", b"", good), "fail"),
        "length-given": (signed(length=True), "pass"),
        "length-given-and-more": (signed(length=True) + b"Buy now!\r\n", "policy"),
        "oversigned-from-added": (
            signed(include_headers=[b"from", b"from", b"subject", b"date"]).replace(
                b"From: Joe", b"From: boss@dkim.test\r\nFrom: Joe"), "fail",
        ),
        "no-key": (signed("nobody"), "not"),
        "revoked": (signed("revoked"), "not"),
        "wrong-key": (signed("wrong"), "not"),
        "later-version": (signed("later"), "not"),
        "garbage-key": (signed("garbage"), "not"),
        "key-for-sha1": (signed("sha1only"), "not"),
        "key-for-the-web": (signed("forweb"), "not"),
        "key-of-another-kind": (signed("dsa"), "not"),
        "signature-changed": (_tag(good, rb"b=([A-Za-z0-9+/])", b"b=AA"), "not"),
        "version-2": (_tag(good, rb"v=1", b"v=2"), "not"),
        "algorithm-unknown": (_tag(good, rb"a=rsa-sha256", b"a=rsa-md5"), "not"),
        "domain-of-another": (_tag(good, rb"d=dkim.test", b"d=other.test"), "not"),
        "identity-of-another": (
            _tag(good, rb"d=dkim.test;", b"d=dkim.test; i=@other.test;"), "not",
        ),
        "rfc-8463-rsa": (_RSA_ALONE, "pass"),  # the other one does not know Ed25519
        "rfc-8463-rsa-changed": (_RSA_ALONE.replace(b"hungry", b"thirsty"), "fail"),
        "no-signature": (MESSAGE, "none"),
        "two": (signed(message=good), "pass"),
        "expired": (_tag(good, rb"t=\d+;", b"t=1000; x=2000;"), "not"),
        "query-unknown": (_tag(good, rb"q=dns/txt", b"q=carrier/pigeon"), "not"),
    }  # fmt: skip
