"""SPF: zones and written cases; the first zones are those of RFC 7208, Appendix A.

A case is (name, record or records, peer, local part or "", expected result). Its domain is
NAME.spf.test; with no local part the identity is HELO.
"""

from __future__ import annotations

EXAMPLE_COM = (
    "@ MX 10 mail-a", "@ MX 20 mail-b", "@ A 192.0.2.10", "@ A 192.0.2.11", "amy A 192.0.2.65",
    "bob A 192.0.2.66", "mail-a A 192.0.2.129", "mail-b A 192.0.2.130", "www CNAME example.com.",
    "six AAAA 2001:db8::10", "mary._spf A 127.0.0.2", "_spf TXT \"v=spf1 -all\"",
    "10.2.0.192.in-addr._spf A 127.0.0.2", "many MX 10 mail-a",
    *(f"eleven MX {n} m{n}" for n in range(11)), *(f"m{n} A 192.0.2.{200 + n}" for n in range(11)),
)  # fmt: skip
EXAMPLE_ORG = ("@ MX 10 mail-c", "mail-c A 192.0.2.140")
REVERSE = (
    "10 PTR example.com.", "11 PTR example.com.", "65 PTR amy.example.com.",
    "66 PTR bob.example.com.", "129 PTR mail-a.example.com.", "130 PTR mail-b.example.com.",
    "140 PTR mail-c.example.org.", "99 PTR amy.example.com.",
)  # fmt: skip

# RFC 7208, section 7.4: for strong-bad@email.example.com, from 192.0.2.3 or 2001:db8::cb01. What
# a macro makes of it exists, and nothing beside it, so that "pass" proves the expansion.
MACROS = [
    ("%{s}", "strong-bad@email.example.com"), ("%{o}", "email.example.com"),
    ("%{d}", "email.example.com"), ("%{d4}", "email.example.com"),
    ("%{d3}", "email.example.com"), ("%{d2}", "example.com"), ("%{d1}", "com"),
    ("%{dr}", "com.example.email"), ("%{d2r}", "example.email"), ("%{l}", "strong-bad"),
    ("%{l-}", "strong.bad"), ("%{lr}", "strong-bad"), ("%{lr-}", "bad.strong"),
    ("%{l1r-}", "strong"),
]  # fmt: skip
MACRO_NAMES_OF_IP4 = [
    ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf"),
    ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf"),
    ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf"),
    ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf"),
]
IP6_REVERSED = "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
MACRO_NAMES = (
    *(f"{name} A 127.0.0.2" for _, name in MACRO_NAMES_OF_IP4),
    f"{IP6_REVERSED}.ip6._spf A 127.0.0.2",
)
EXPANDED = tuple(
    f"{each}.m{number} A 127.0.0.2"
    for number, (_, each) in enumerate(MACROS)
)  # fmt: skip
TRUSTED = ("example.com.trusted-domains A 127.0.0.2",)
RFC_MACROS = [
    *((macro, f"{macro}.m{n}.macro.test", "192.0.2.3") for n, (macro, _) in enumerate(MACROS)),
    *((macro, macro, "192.0.2.3") for macro, _ in MACRO_NAMES_OF_IP4),
    ("trusted", "%{d2}.trusted-domains.example.net", "192.0.2.3"),
    ("ip6", "%{ir}.%{v}._spf.%{d2}", "2001:db8::cb01"),
]

PEER = "192.0.2.10"
CASES = [
    # RFC 7208, Appendix A.1
    ("all", "v=spf1 +all", PEER, "bob", "pass"),
    ("a", "v=spf1 a:example.com -all", PEER, "bob", "pass"),
    ("a-not", "v=spf1 a:example.com -all", "192.0.2.65", "bob", "fail"),
    ("a-org", "v=spf1 a:example.org -all", PEER, "bob", "fail"),
    ("mx", "v=spf1 mx:example.com -all", "192.0.2.129", "bob", "pass"),
    ("mx-second", "v=spf1 mx:example.com -all", "192.0.2.130", "bob", "pass"),
    ("mx-not", "v=spf1 mx:example.com -all", PEER, "bob", "fail"),
    ("mx-org", "v=spf1 mx:example.org -all", "192.0.2.140", "bob", "pass"),
    ("mx-both", "v=spf1 mx:example.com mx:example.org -all", "192.0.2.140", "bob", "pass"),
    ("mx-30", "v=spf1 mx:example.com/30 mx:example.org/30 -all", "192.0.2.131", "bob", "pass"),
    ("mx-30-not", "v=spf1 mx:example.com/30 -all", "192.0.2.132", "bob", "fail"),
    ("ptr", "v=spf1 ptr:example.com -all", PEER, "bob", "pass"),
    ("ptr-below", "v=spf1 ptr:example.com -all", "192.0.2.65", "bob", "pass"),
    ("ptr-other", "v=spf1 ptr:example.com -all", "192.0.2.140", "bob", "fail"),
    ("ptr-lies", "v=spf1 ptr:example.com -all", "192.0.2.99", "bob", "fail"),
    ("ip4", "v=spf1 ip4:192.0.2.128/28 -all", "192.0.2.129", "bob", "pass"),
    ("ip4-not", "v=spf1 ip4:192.0.2.128/28 -all", "192.0.2.65", "bob", "fail"),
    # results and qualifiers (sections 2.6, 4.6.2)
    ("soft", "v=spf1 ~all", PEER, "bob", "softfail"),
    ("neutral", "v=spf1 ?all", PEER, "bob", "neutral"),
    ("default", "v=spf1", PEER, "bob", "neutral"),
    ("nothing", (), PEER, "bob", "none"),
    ("other-text", "hello", PEER, "bob", "none"),
    ("similar", "v=spf10 -all", PEER, "bob", "none"),
    ("two", ("v=spf1 +all", "v=spf1 -all"), PEER, "bob", "permerror"),
    ("upper", "V=SPF1 IP4:192.0.2.10 -ALL", PEER, "bob", "pass"),
    ("blanks", "v=spf1   ip4:192.0.2.10    -all", PEER, "bob", "pass"),
    ("first-counts", "v=spf1 -ip4:192.0.2.10 +all", PEER, "bob", "fail"),
    ("after-all", "v=spf1 ~all ip4:192.0.2.10", PEER, "bob", "softfail"),
    ("helo", "v=spf1 ip4:192.0.2.10 -all", PEER, "", "pass"),
    ("helo-not", "v=spf1 ip4:192.0.2.11 -all", PEER, "", "fail"),
    # errors in records (sections 4.6, 5, 6)
    ("unknown", "v=spf1 a mumble -all", PEER, "bob", "permerror"),
    ("unknown-modifier", "v=spf1 mumble=x ip4:192.0.2.10 -all", PEER, "bob", "pass"),
    ("bad-ip4", "v=spf1 ip4:192.0.2 -all", PEER, "bob", "permerror"),
    ("bad-prefix", "v=spf1 ip4:192.0.2.0/33 -all", PEER, "bob", "permerror"),
    ("bad-ip6", "v=spf1 ip6:nonsense -all", PEER, "bob", "permerror"),
    ("empty-include", "v=spf1 include: -all", PEER, "bob", "permerror"),
    ("two-redirects", "v=spf1 redirect=a.test redirect=b.test", PEER, "bob", "permerror"),
    # include and redirect (sections 5.2, 6.1)
    ("include-pass", "v=spf1 include:ip4.spf.test -all", "192.0.2.129", "bob", "pass"),
    ("include-fail", "v=spf1 include:ip4.spf.test ~all", PEER, "bob", "softfail"),
    ("include-none", "v=spf1 include:nothing.spf.test -all", PEER, "bob", "permerror"),
    ("include-neutral", "v=spf1 include:neutral.spf.test -all", PEER, "bob", "fail"),
    ("redirect", "v=spf1 redirect=ip4.spf.test", "192.0.2.129", "bob", "pass"),
    ("redirect-fail", "v=spf1 redirect=ip4.spf.test", PEER, "bob", "fail"),
    ("redirect-none", "v=spf1 redirect=nothing.spf.test", PEER, "bob", "permerror"),
    ("redirect-not-used", "v=spf1 ?all redirect=ip4.spf.test", PEER, "bob", "neutral"),
    ("redirect-loop", "v=spf1 redirect=redirect-loop.spf.test", PEER, "bob", "permerror"),
    ("include-loop", "v=spf1 include:include-loop.spf.test", PEER, "bob", "permerror"),
    # limits (section 4.6.4)
    ("eleven-lookups", "v=spf1 " + "a:m0.example.com " * 11 + "+all", PEER, "bob", "permerror"),
    ("ten-lookups", "v=spf1 " + "a:m0.example.com " * 10 + "+all", PEER, "bob", "pass"),
    ("three-void", "v=spf1 a:x.spf.test a:y.spf.test a:z.spf.test +all", PEER, "bob", "permerror"),
    ("two-void", "v=spf1 a:x.spf.test a:y.spf.test +all", PEER, "bob", "pass"),
    # macros (section 7)
    ("macro-ip", "v=spf1 exists:%{ir}.%{v}._spf.example.com -all", PEER, "bob", "pass"),
    ("macro-ip-not", "v=spf1 exists:%{ir}.%{v}._spf.example.com -all", "192.0.2.11", "x", "fail"),
    ("macro-local", "v=spf1 exists:%{l}._spf.example.com -all", PEER, "mary", "pass"),
    ("macro-local-not", "v=spf1 exists:%{l}._spf.example.com -all", PEER, "joel", "fail"),
    ("macro-right", "v=spf1 a:%{d1r}.example.com -all", PEER, "bob", "fail"),
    ("macro-bad", "v=spf1 exists:%{z}.example.com -all", PEER, "bob", "permerror"),
    ("macro-open", "v=spf1 exists:%{l.example.com -all", PEER, "bob", "not"),
    # IPv6
    ("ip6", "v=spf1 ip6:2001:db8::/32 -all", "2001:db8::10", "bob", "pass"),
    ("ip6-not", "v=spf1 ip6:2001:db8:1::/48 -all", "2001:db8::10", "bob", "fail"),
    ("ip6-a", "v=spf1 a:six.example.com -all", "2001:db8::10", "bob", "pass"),
    ("ip6-a-64", "v=spf1 a:six.example.com//64 -all", "2001:db8::99", "bob", "pass"),
    ("ip6-to-4", "v=spf1 ip4:192.0.2.0/24 -all", "2001:db8::10", "bob", "fail"),
    ("cname", "v=spf1 a:www.example.com -all", PEER, "bob", "pass"),
]


def records(case: tuple[object, ...]) -> list[str]:
    """Lines of the zone spf.test."""
    name, texts = case[0], case[1]
    each = (texts,) if isinstance(texts, str) else texts
    return [f'{name} TXT "{text}"' for text in each]  # type: ignore[attr-defined]
