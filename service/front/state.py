"""The states of a connection."""

from enum import Enum


class State(Enum):
    """What a connection waits for."""

    IDLE = "the next request"
    HEAD = "the rest of the request's head"
    BODY = "the rest of the request's body"
    WORK = "the answer, which the server owes"
    WRITING = "the client, which does not take the answer"
    LINGERING = "the client, which still sends a refused body"
    CLOSED = "nothing"
