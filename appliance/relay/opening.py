"""How a connection to one server comes about: connected, secured as its domain asks, logged in.

Where a proof is asked for, there is no mail without it. Where none is, or a failure is only to be
reported (MTA-STS in testing mode, "TLS-Required: No"), a second connection with less is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from appliance.relay.client import Client
from appliance.relay.letter import Result, Security, Verdict
from appliance.relay.options import Options, Smarthost, Tls
from appliance.relay.policy import Demand, Proof
from appliance.relay.trouble import TlsTrouble, Trouble, explained

_PATIENCES = 4  # for a peer that speaks, octet by octet: connection, greeting, TLS, greeting again


class Opening:
    """One server at one address, to be opened if it comes to that."""

    def __init__(
        self,
        options: Options,
        name: str,
        address: str,
        way: Smarthost | Proof,
        report: Callable[[str], None] = lambda _failure: None,
    ) -> None:
        """`report` is told how the session was secured: a failure of RFC 8460 §4.3, or ""."""
        self._options = options
        self._name = name
        self._address = address
        self._way = way
        self._report = report

    async def open(self) -> Client:
        """Connect, secure, log in. Raises Trouble."""
        base = Verdict(Result.LATER, remote=f"{self._name} [{self._address}]")
        try:
            async with asyncio.timeout(_PATIENCES * self._options.patience_seconds):
                if isinstance(self._way, Smarthost):
                    return await self._enter(self._way)
                return await self._prove(self._way, base)
        except TimeoutError as error:
            raise Trouble(explained(base, error, "the connection")) from None

    async def _prove(self, proof: Proof, base: Verdict) -> Client:
        if proof.demand is Demand.REFUSED:
            self._report(proof.failure or "validation-failure")
            if not proof.is_testing:
                raise Trouble(replace(base, status="4.7.5", reason=proof.reason))
            return await self._encrypt()
        try:
            client = await self._secured(proof)
        except Trouble as trouble:
            if trouble.verdict.tls_failure:
                self._report(trouble.verdict.tls_failure)
            if proof.demand is Demand.NOTHING and isinstance(trouble, TlsTrouble):
                return await self._connect(self._options.port)  # in clear, as RFC 3207 allows
            if not proof.is_testing or not trouble.verdict.tls_failure:
                raise
            return await self._encrypt()
        is_clear = client.security is Security.NONE
        self._report(proof.failure or ("starttls-not-supported" if is_clear else ""))
        return client

    async def _encrypt(self) -> Client:
        """As well as it goes."""
        try:
            return await self._secured(Proof(Demand.NOTHING))
        except TlsTrouble:
            return await self._connect(self._options.port)

    async def _secured(self, proof: Proof) -> Client:
        client = await self._connect(self._options.port)
        try:
            await client.secure(self._name, proof)
        except BaseException:
            client.abort()
            raise
        return client

    async def _enter(self, smarthost: Smarthost) -> Client:
        client = await self._connect(smarthost.port, implicit_tls=smarthost.tls is Tls.IMPLICIT)
        try:
            await client.enter(smarthost)
        except BaseException:
            client.abort()
            raise
        return client

    async def _connect(self, port: int, *, implicit_tls: bool = False) -> Client:
        return await Client.open(
            (self._address, port), self._name, self._options, implicit_tls=implicit_tls
        )
