"""Which way mail goes."""

import pytest

from appliance.relay.options import DIRECT, Options, Route, Smarthost
from appliance.relay.routes import way_for

HOSTS = {"provider": Smarthost("smtp.provider.test"), "other": Smarthost("other.test", 465)}


def way(sender, recipient, *, refused=False, **options):
    found = way_for(
        Options("box.office.test", HOSTS, **options), sender, recipient, refused=refused
    )
    return None if found is None else found.key


def test_without_a_way_out_mail_waits():
    assert way("ben@office.test", "a@else.test") is None
    assert way("ben@office.test", "a@else.test", default="gone") is None


def test_directly_a_domain_is_its_own_destination():
    assert way("ben@office.test", "a@ELSE.test", default=DIRECT) == "else.test"


def test_a_relay_is_one_destination_for_everybody():
    assert way("ben@office.test", "a@else.test", default="provider") == "smtp.provider.test:587"


@pytest.mark.parametrize(
    ("sender", "recipient", "expected"),
    [
        ("ben@office.test", "a@else.test", "else.test"),
        ("boss@office.test", "a@else.test", "other.test:465"),
        ("BOSS@office.test", "a@else.test", "other.test:465"),
        ("x@second.test", "a@else.test", "smtp.provider.test:587"),
        ("ben@office.test", "a@hotmail.test", "smtp.provider.test:587"),
        ("ben@office.test", "one@else.test", "smtp.provider.test:587"),
        ("boss@office.test", "a@hotmail.test", "other.test:465"),
        ("", "a@else.test", "else.test"),
    ],
)
def test_the_first_route_that_fits_counts(sender, recipient, expected):
    routes = (
        Route("other", sender="boss@office.test"),
        Route("provider", sender="@second.test"),
        Route("provider", recipient="hotmail.test"),
        Route("provider", recipient="one@else.test"),
    )
    assert way(sender, recipient, default=DIRECT, routes=routes) == expected


def test_who_refused_us_gets_mail_through_the_fallback_and_only_if_there_is_one():
    assert way("b@o.test", "a@else.test", default=DIRECT, refused=True) == "else.test"
    found = way("b@o.test", "a@else.test", default=DIRECT, refused=True, fallback="provider")
    assert found == "smtp.provider.test:587"


def test_a_password_is_not_shown():
    assert "hunter2" not in repr(Smarthost("h", password="hunter2"))
