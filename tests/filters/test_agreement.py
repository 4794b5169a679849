"""SPF, DKIM and DMARC beside another implementation, over one real DNS."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from appliance.filters import dmarc, signatures, spf
from appliance.filters.dmarc import Identity
from tests.filters import dkim_cases, dmarc_cases, spf_cases
from tests.filters.conftest import Macros, Opinions

DKIM = dkim_cases.cases()
# What the other one sees otherwise, with the reason; our own result is still held to the case.
OTHERWISE = {
    "%{l-}": "it parts at a delimiter only where something is turned round or cut",
    "two-records": "it takes two records for one that asks for nothing",
    "exact-below": "it does not look at t=s",
    "key-for-sha1": "it does not look at h= of the key",
}


@pytest.mark.parametrize("case", spf_cases.CASES, ids=lambda case: case[0])
def test_spf(case: tuple[str, object, str, str, str], opinions: Opinions) -> None:
    name, _, peer, local, right = case
    domain = f"{name}.spf.test"
    sender, helo = (f"{local}@{domain}", "mx.example.org") if local else ("", domain)
    ours = spf.check(opinions.resolver, peer, sender, helo).result
    other = opinions.other(kind="spf", peer=peer, sender=sender, helo=helo)
    if right == "not":
        assert "pass" not in {ours, other}
    else:
        assert (ours, other) == (right, right)


@pytest.mark.parametrize("case", spf_cases.RFC_MACROS, ids=lambda case: case[0])
def test_the_macros_of_rfc_7208_expand_as_it_shows(
    case: tuple[str, str, str], macros: Macros
) -> None:
    macro, exists, peer = case
    ours, other = macros.judged(f"v=spf1 exists:{exists} -all", peer)
    assert ours == "pass"
    assert other == "pass" or macro in OTHERWISE


@pytest.mark.parametrize("name", DKIM)
def test_dkim(name: str, opinions: Opinions, tmp_path: Path) -> None:
    message, right = DKIM[name]
    file = tmp_path / "message"
    file.write_bytes(message)
    ours = ours_of(opinions, message)
    other = opinions.other(kind="dkim", file=str(file)).split(",")[0]
    if right in {"pass", "fail", "none"}:
        assert ours == right
        assert other == right or name in OTHERWISE
    if right == "not":
        assert ours != "pass"
        assert other != "pass" or name in OTHERWISE


def test_both_signatures_of_rfc_8463_hold(opinions: Opinions) -> None:
    names = ("brisbane._domainkey.football.example.com", "test._domainkey.football.example.com")
    keys = {name: opinions.resolver.ask_blocking(name, "TXT").records[0] for name in names}
    found = signatures.check(dkim_cases.RFC_8463, keys)
    assert [(each.result, dict(each.properties)["header.a"]) for each in found] == [
        ("pass", "ed25519-sha256"), ("pass", "rsa-sha256"),
    ]  # fmt: skip


def ours_of(opinions: Opinions, message: bytes) -> str:
    header = message[: message.index(b"\r\n\r\n") + 2]
    keys = {}
    for each in signatures.signatures(header):
        if each is not None:
            answer = opinions.resolver.ask_blocking(each.key_name, "TXT")
            if answer.records:
                keys[each.key_name] = answer.records[0]
    found = signatures.check(message, keys)
    return found[0].result if found else "none"


@pytest.mark.parametrize("case", dmarc_cases.CASES, ids=lambda case: case[0])
def test_dmarc(
    case: tuple[str, str, tuple[str, ...], tuple[str, ...], str],
    opinions: Opinions,
    tmp_path: Path,
) -> None:
    _, author, by_spf, by_dkim, right = case
    suffixes = tmp_path / "suffixes"
    suffixes.write_text("test\ncom\norg\n")
    other = opinions.other(
        kind="dmarc", author=author, spf=[{"domain": each} for each in by_spf],
        dkim=by_dkim, suffixes=str(suffixes),
    )  # fmt: skip
    identities = [Identity(each, "spf") for each in by_spf]
    identities += [Identity(each, "dkim") for each in by_dkim]
    ours = asyncio.run(evaluated(opinions, author, identities))
    assert said(ours) == right
    assert other.lower() == right or case[0] in OTHERWISE


async def evaluated(
    opinions: Opinions, author: str, identities: list[Identity], *, exists: bool = True
) -> dmarc.Outcome:
    walk = dmarc.evaluate(author, identities, exists=exists)
    name = next(walk)
    while True:
        try:
            name = walk.send((await opinions.resolver.ask(name, "TXT")).records)
        except StopIteration as done:
            outcome: dmarc.Outcome = done.value
            return outcome


def said(outcome: dmarc.Outcome) -> str:
    return f"fail {outcome.policy}" if outcome.result == "fail" else outcome.result
