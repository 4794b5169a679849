"""The API: what a program may do, how it is described, and what it answers to nonsense."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from appliance.web.roles import SCOPES
from tests.web.browser import Reader, make_owner

_LEFT_OUT = {
    "sim_press",  # ten seconds shut the box down
    "my_password",  # a wrong one makes us wait
    "my_code_off",
    "reach",  # asks the world
    "my_token_revoke",  # the one that is used
}
_QUICK = settings(
    max_examples=6, deadline=None, database=None, derandomize=True,
    phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
)  # fmt: skip


def _token(reader: Reader, *scopes: str) -> str:
    made = reader.api("POST", "/me/tokens", {"name": "test", "scopes": list(scopes), "days": 1})
    assert made.status == 200, made.text
    return made.json["token"]


def test_a_token_does_what_it_is_for_and_nothing_else(office, owner):
    program = Reader(office, token=_token(owner, "read"))
    assert program.api("GET", "/status").json["host"]
    refused = program.api("POST", "/domains", {"domain": "more.test"})
    assert refused.status == 403
    assert refused.json["error"] == "You may not do this; ask the owner of the box."
    assert program.get("/people").status == 403, "a token opens no page"


def test_a_token_makes_none_that_may_do_more(office, owner):
    program = Reader(office, token=_token(owner, "own"))
    refused = program.api("POST", "/me/tokens", {"name": "more", "scopes": ["people"]})
    assert refused.status == 403


def test_a_revoked_token_is_worth_nothing(office, owner):
    secret = _token(owner, "read")
    known = owner.api("GET", "/me/tokens").json[-1]
    assert owner.api("DELETE", f"/me/tokens/{known['identity']}").status == 204
    assert Reader(office, token=secret).api("GET", "/status").status == 401


def test_without_a_login_nothing_is_told(office):
    stranger = Reader(office)
    for path in ("/status", "/accounts", "/audit", "/me"):
        assert stranger.api("GET", path).status == 401


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/accounts", None),
        ("POST", "/accounts", {"address": "x@office.test", "password": "long enough for us"}),
        ("PUT", "/accounts/anna@office.test/password", {"password": "taken over by a user"}),
        ("PUT", "/accounts/ben@office.test/role", {"role": "owner"}),
        ("DELETE", "/accounts/anna@office.test", None),
        ("GET", "/queue", None),
        ("GET", "/trace", None),
        ("GET", "/audit", None),
        ("POST", "/backups/run", {}),
        ("POST", "/accounts/anna@office.test/backups/A/latest/restore", {}),
        ("POST", "/simulator/press", {"seconds": "10.5"}),
    ],
)
def test_a_user_may_do_nothing_that_is_not_theirs(user, method, path, body):
    assert user.api(method, path, body).status == 403


def test_an_account_is_made_and_told_and_removed(owner):
    body = {"address": "paul@office.test", "name": "Paul", "password": "a password of Paul"}
    assert owner.api("POST", "/accounts", body).json["address"] == "paul@office.test"
    again = owner.api("POST", "/accounts", body)
    assert again.status == 422
    assert again.json["fields"] == {"address": "The account paul@office.test is there already."}
    assert (
        owner.api("PUT", "/accounts/paul@office.test", {"name": "P.", "quota": "1G"}).status == 204
    )
    told = owner.api("GET", "/accounts/paul@office.test").json
    assert (told["name"], told["quota"]) == ("P.", 1 << 30)
    assert owner.api("DELETE", "/accounts/paul@office.test").status == 204
    assert owner.api("GET", "/accounts/paul@office.test").status == 404


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"{" * 5000, b'{"address": 5}'])
def test_a_body_that_is_no_request_gets_a_sentence(owner, body):
    import urllib.request

    request = urllib.request.Request(
        owner.base + "/api/v1/accounts", body, method="POST",
        headers={"Content-Type": "application/json", "Origin": owner.base},
    )  # fmt: skip
    answer = owner._open(request)
    assert answer.status in (400, 422)
    assert answer.json["error"]


def test_the_description_names_every_operation(owner):
    told = owner.api("GET", "/openapi.json").json
    assert told["openapi"] == "3.1.0"
    assert {"get", "post"} <= set(told["paths"]["/accounts"])
    assert told["paths"]["/accounts/{address}"]["delete"]["operationId"] == "account_remove"


def _try(send, cases):
    @_QUICK
    @given(cases)
    def each(case):
        send(case)

    each()


def _is_refusal(answer):
    """A sentence as JSON; what is no HTTP is refused before anybody knows that it is for the API."""
    if answer.text == "Invalid HTTP request received.":
        return answer.status_code == 400
    try:
        return bool(answer.json()["error"])
    except ValueError:
        return False


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_request_is_a_fault_of_ours_whether_it_fits_the_description_or_not(own_box, mode):
    """schemathesis makes requests for every operation; each gets an answer that is described."""
    make_owner(own_box)
    owner = Reader(own_box)
    owner.log_in()
    headers = {"Authorization": f"Bearer {_token(owner, *SCOPES)}"}
    authority = str(own_box.state / "tls" / "ca.pem")
    asked: dict[str, set[int]] = {}
    schema = schemathesis.openapi.from_dict(owner.api("GET", "/openapi.json").json)

    def send(case):
        answer = case.call(base_url=f"{owner.base}/api/v1", headers=headers, verify=authority)
        status = answer.status_code
        assert status < 500 or status == 503, (case.as_curl_command(), answer.text)
        assert "Traceback" not in answer.text
        assert status < 400 or _is_refusal(answer), (case.as_curl_command(), answer.text)
        described = case.operation.definition.raw["responses"]
        assert str(status) in described or status in {404, 405}, case.as_curl_command()
        asked.setdefault(case.operation.label, set()).add(status)

    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.definition.raw["operationId"] in _LEFT_OUT:
            continue
        try:
            _try(send, operation.as_strategy(generation_mode=mode))
        except Unsatisfiable:  # nothing of it can be wrong
            continue
    assert len(asked) > 30, sorted(asked)
