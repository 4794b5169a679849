"""DMARC: zones, and cases on which RFC 7489 and RFC 9989 say the same.

A case is (name, author's domain, domains proven by SPF, by DKIM, what is right).
"""

from __future__ import annotations

ZONES = {
    "reject.test": ('_dmarc TXT "v=DMARC1; p=reject"', "@ A 192.0.2.1", "mail A 192.0.2.1"),
    "quarantine.test": ('_dmarc TXT "v=DMARC1; p=quarantine; sp=reject"', "@ A 192.0.2.1",
                        "sub A 192.0.2.1"),
    "none.test": ('_dmarc TXT "v=DMARC1; p=none; rua=mailto:r@none.test"', "@ A 192.0.2.1"),
    "strict.test": ('_dmarc TXT "v=DMARC1; p=reject; adkim=s; aspf=s"', "@ A 192.0.2.1",
                    "sub A 192.0.2.1"),
    "silent.test": ("@ A 192.0.2.1",),
    "twice.test": ('_dmarc TXT "v=DMARC1; p=reject"', '_dmarc TXT "v=DMARC1; p=none"',
                   "@ A 192.0.2.1"),
    "own.test": ('_dmarc TXT "v=DMARC1; p=reject"', '_dmarc.sub TXT "v=DMARC1; p=none"',
                 "@ A 192.0.2.1", "sub A 192.0.2.1"),
    "capitals.test": ('_dmarc TXT "v=DMARC1;p=REJECT;adkim=R"', "@ A 192.0.2.1"),
    "noise.test": ('_dmarc TXT "google-site-verification=1"', '_dmarc TXT "v=DMARC1; p=reject"',
                   "@ A 192.0.2.1"),
}  # fmt: skip

# RFC 9989, Appendix B.1: what is aligned and what is not
EXAMPLE_COM = ('_dmarc TXT "v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com"',)
CASES = [
    ("rfc-spf-1", "example.com", ("example.com",), (), "pass"),
    ("rfc-spf-2", "example.com", ("child.example.com",), (), "pass"),
    ("rfc-spf-3", "child.example.com", ("example.net",), (), "fail none"),
    ("rfc-dkim-1", "example.com", (), ("example.com",), "pass"),
    ("rfc-dkim-2", "child.example.com", (), ("example.com",), "pass"),
    ("rfc-dkim-3", "child.example.com", (), ("sample.net",), "fail none"),
    ("nothing-proven", "reject.test", (), (), "fail reject"),
    ("spf-same", "reject.test", ("reject.test",), (), "pass"),
    ("dkim-same", "reject.test", (), ("reject.test",), "pass"),
    ("both", "reject.test", ("reject.test",), ("reject.test",), "pass"),
    ("spf-below", "reject.test", ("mail.reject.test",), (), "pass"),
    ("dkim-below", "reject.test", (), ("news.reject.test",), "pass"),
    ("author-below", "mail.reject.test", (), ("reject.test",), "pass"),
    ("siblings", "mail.reject.test", (), ("news.reject.test",), "pass"),
    ("spf-other", "reject.test", ("none.test",), (), "fail reject"),
    ("dkim-other", "reject.test", (), ("silent.test",), "fail reject"),
    ("dkim-one-of-many", "reject.test", (), ("silent.test", "reject.test"), "pass"),
    ("suffix-is-not-below", "reject.test", (), ("badreject.test",), "fail reject"),
    ("quarantine", "quarantine.test", (), (), "fail quarantine"),
    ("subdomain-policy", "sub.quarantine.test", (), (), "fail reject"),
    ("subdomain-inherits", "mail.reject.test", (), (), "fail reject"),
    ("none", "none.test", (), (), "fail none"),
    ("none-passes", "none.test", (), ("none.test",), "pass"),
    ("strict-same", "strict.test", (), ("strict.test",), "pass"),
    ("strict-below", "strict.test", (), ("sub.strict.test",), "fail reject"),
    ("strict-spf-below", "strict.test", ("sub.strict.test",), (), "fail reject"),
    ("no-record", "silent.test", (), (), "none"),
    ("no-record-proven", "silent.test", (), ("silent.test",), "none"),
    ("two-records", "twice.test", (), (), "none"),
    ("own-record-below", "sub.own.test", (), (), "fail none"),
    ("own-record-above", "own.test", (), (), "fail reject"),
    ("capitals", "capitals.test", (), (), "fail reject"),
    ("noise-beside", "noise.test", (), (), "fail reject"),
]
