"""Describing a message by its header alone says the same as describing it whole."""

import pytest

from appliance.message.envelope import envelope_of
from appliance.message.structure import describe, describe_header
from tests.corpus import ugly_messages

MESSAGES = ugly_messages()


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_envelope_and_search_lines_are_the_same(name):
    message = MESSAGES[name]
    whole, header = describe(message), describe_header(message, is_whole=True)
    assert envelope_of(message, is_whole=True) == whole.envelope
    assert (header.envelope, header.headers, header.sent_at) == (
        whole.envelope,
        whole.headers,
        whole.sent_at,
    )


def test_a_header_that_goes_on_is_not_described_by_its_beginning():
    assert describe_header(b"Subject: a\r\nTo: b", is_whole=False) is None
    assert describe_header(b"Subject: a\r\nTo: b", is_whole=True) is not None
    assert describe_header(b"Subject: a\r\n\r\n", is_whole=False) is None  # a body may follow
    assert describe_header(b"Subject: a\r\n\r\nx", is_whole=False) is not None
