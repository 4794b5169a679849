"""The resolver where the machine has not been told whom to ask yet."""

import dns.resolver

from appliance.net.resolver import Outcome, Resolver


def unset(*_arguments):
    raise dns.resolver.NoResolverConfiguration


def test_without_any_setting_this_machine_is_asked(monkeypatch):
    monkeypatch.setattr(dns.resolver.BaseResolver, "read_resolv_conf", unset)
    resolver = Resolver(lifetime=0.2)
    assert resolver.is_validating
    assert resolver.ask_blocking("else.test", "MX").outcome is Outcome.FAILED
