"""Octets become commands, however they are cut; memory stays bounded."""

from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.imap.receiver import Command, Dropped, Literal, Piece, Receiver, TooLong


def events(data, cuts=(), *, longest=200, answer=None):
    """Feed `data` cut at `cuts`; pieces of one streamed literal are put together."""
    receiver = Receiver(longest)
    found, start = [], 0
    for end in [*sorted(cuts), len(data)]:
        receiver.feed(data[start:end])
        start = end
        while (event := receiver.next()) is not None:
            if isinstance(event, Literal):
                verb = (answer or (lambda _: "keep"))(event)
                getattr(receiver, verb)()
            if (
                isinstance(event, Piece)
                and found
                and isinstance(found[-1], Piece)
                and not found[-1].is_last
            ):
                event = Piece(found[-1].data + event.data, event.is_last)
                found[-1] = event
            else:
                found.append(event)
    return found


def stream_appends(literal):
    if literal.size > 50:
        return "refuse"
    return "stream" if b"APPEND" in literal.text or not literal.text.startswith(b"a") else "keep"


SAMPLES = [
    b"a NOOP\r\nb NOOP\nc CAPABILITY\r\n",
    b"a LOGIN {4}\r\nanna {3+}\r\nfoo\r\nb NOOP\r\n",
    b"a APPEND INBOX {10}\r\n0123456789\r\nb NOOP\r\n",
    b"a APPEND INBOX (\\Seen) ~{4+}\r\n\0\0\r\n (\\Seen) {2+}\r\nhi\r\nb NOOP\r\n",
    b"a LIST {60+}\r\n" + b"x" * 60 + b" {5+}\r\n12345\r\nb NOOP\r\n",
    b"a LIST {60}\r\nb NOOP\r\n",
    b"a " + b"x" * 300 + b"\r\nb NOOP\r\n",
    b"a " + b"x" * 300 + b"{4+}\r\nabcd tail\r\nb NOOP\r\n",
    b'a LOGIN {0}\r\n ""\r\n\r\n{3}\r\n',
]


def test_one_octet_at_a_time_gives_the_same_events():
    for data in SAMPLES:
        whole = events(data, answer=stream_appends)
        assert whole
        assert events(data, range(1, len(data)), answer=stream_appends) == whole


@given(st.sampled_from(SAMPLES), st.lists(st.integers(1, 400), max_size=6))
def test_any_cut_gives_the_same_events(data, cuts):
    cuts = [cut for cut in cuts if cut < len(data)]
    assert events(data, cuts, answer=stream_appends) == events(data, answer=stream_appends)


@settings(max_examples=300)
@given(
    st.lists(
        st.sampled_from(
            [
                b"a",
                b" ",
                b"{",
                b"}",
                b"3",
                b"+",
                b"~",
                b"\r\n",
                b"\n",
                b"\0",
                b"\xff",
                b"{2+}\r\nxy",
            ]
        ),
        max_size=40,
    ).map(b"".join)
)
def test_rubbish_never_raises_and_cuts_do_not_matter(data):
    assert events(data, range(1, len(data))) == events(data)


def test_literals_stay_inside_the_command():
    found = events(b"a LOGIN {4}\r\nanna {3+}\r\nfoo\r\n")
    assert [type(event) for event in found] == [Literal, Literal, Command]
    assert found[2].text == b"a LOGIN {4}\r\nanna {3+}\r\nfoo"
    assert (found[0].is_synchronising, found[1].is_synchronising) == (True, False)


def test_a_message_is_streamed_and_leaves_the_text():
    found = events(b"a APPEND x {3}\r\nabc {1}\r\nd tail\r\n", answer=lambda _: "stream")
    assert found[1] == Piece(b"abc", is_last=True)
    assert found[2].text == b" "
    assert found[3:] == [Piece(b"d", is_last=True), Command(b" tail")]


def test_a_refused_synchronising_literal_ends_the_command():
    found = events(b"a LIST {9}\r\nb NOOP\r\n", answer=lambda _: "refuse")
    assert found[1:] == [Command(b"b NOOP")]


def test_a_refused_literal_that_comes_anyway_is_dropped_with_its_command():
    data = b"a LIST {9+}\r\n123456789 {3+}\r\nabc rest\r\nb NOOP\r\n"
    found = events(data, answer=lambda _: "refuse")
    assert found[1:] == [Dropped(), Command(b"b NOOP")]


def test_a_line_without_end_is_not_kept():
    receiver = Receiver(100)
    receiver.feed(b"a NOOP " + b"x" * 200)
    assert isinstance(receiver.next(), TooLong)
    for _ in range(1000):
        receiver.feed(b"y" * 100)
        assert receiver.next() is None
    assert len(receiver._buffer) <= 200
    receiver.feed(b"\r\nb NOOP\r\n")
    assert receiver.next() == Dropped()
    assert receiver.next() == Command(b"b NOOP")


def test_a_streamed_message_is_not_kept():
    receiver = Receiver(100)
    receiver.feed(b"a APPEND x {1000000}\r\n")
    assert isinstance(receiver.next(), Literal)
    receiver.stream()
    for _ in range(100):
        receiver.feed(b"z" * 10_000)
        while (event := receiver.next()) is not None:
            assert isinstance(event, Piece)
        assert len(receiver._buffer) == 0
    receiver.feed(b"\r\n")
    assert receiver.next() == Command(b"")
