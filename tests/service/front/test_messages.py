"""Messages arrive as they were sent, however the stream of bytes is cut."""

from hypothesis import given
from hypothesis import strategies as st

from service.front.messages import Decoder, Kind, Message, encode

messages = st.builds(
    Message,
    kind=st.sampled_from(Kind),
    number=st.integers(0, 2**64 - 1),
    head=st.none() | st.dictionaries(st.text(), st.text() | st.lists(st.text())),
    body=st.binary(),
)


@given(sent=st.lists(messages), size=st.integers(1, 100))
def test_messages_arrive_as_they_were_sent(sent: list[Message], size: int) -> None:
    stream = b"".join(map(encode, sent))
    decoder = Decoder()
    received = [
        message for start in range(0, len(stream), size) for message in decoder.feed(stream[start : start + size])
    ]
    assert received == sent
