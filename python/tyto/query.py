# SPDX-License-Identifier: MIT
"""Events of the past, asked of tytod's journal."""
import datetime
import itertools
from typing import Iterator, List, Optional, Sequence

import zmq

from . import event_pb2, query_pb2
from .decode import Event

MAX_REPLY_BYTES = 1 << 20


class TytoError(Exception):
    """What tytod refuses, or that nobody answers; code is the protocol's, 0 where none came."""

    def __init__(self, text: str, code: int = 0, oldest_seq: int = 0):
        super().__init__(text)
        self.code, self.oldest_seq = code, oldest_seq


def beside(endpoint: str) -> str:
    """Where tytod is asked, unless it is configured otherwise: the next port, or PATH.query."""
    if not endpoint.startswith("tcp://"):
        return endpoint + ".query"
    host, port = endpoint.rsplit(":", 1)
    return f"{host}:{int(port) + 1}"


def set_keys(socket: zmq.Socket, server_key: Optional[str], key: Optional[Sequence[str]]) -> None:
    """CURVE: tytod's public key, and one's own pair (public, secret), each of 40 characters."""
    if server_key and key:
        socket.curve_serverkey = server_key.encode("ascii")
        socket.curve_publickey, socket.curve_secretkey = (k.encode("ascii") for k in key)


class Query:
    """A connection of its own for questions. One thread."""

    def __init__(self, endpoint: str, *, server_key: Optional[str] = None,
                 key: Optional[Sequence[str]] = None, answer_s: float = 10,
                 context: Optional[zmq.Context] = None):
        self._ids = itertools.count(1)
        self._answer_ms = int(answer_s * 1000)
        self._socket = (context or zmq.Context.instance()).socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_REPLY_BYTES)
        set_keys(self._socket, server_key, key)
        self._socket.connect(endpoint)

    def close(self) -> None:
        self._socket.close()

    def send(self, request: query_pb2.Request) -> int:
        """Gives the request an id, which is returned, unless it has one (credit)."""
        if not request.id:
            request.id = next(self._ids)
        self._socket.send(request.SerializeToString())
        return request.id

    def receive(self, request_id: int) -> query_pb2.Reply:
        """The next reply to that request. TytoError: an error, or no answer in time."""
        while self._socket.poll(self._answer_ms):
            reply = query_pb2.Reply.FromString(self._socket.recv())
            if reply.id != request_id:
                continue  # of a question that was given up
            if reply.WhichOneof("what") == "error":
                raise TytoError(reply.error.text, reply.error.code, reply.error.oldest_seq)
            return reply
        raise TytoError("tytod does not answer")

    def ask(self, request: query_pb2.Request) -> query_pb2.Reply:
        return self.receive(self.send(request))

    def events(self, *, since: Optional[datetime.datetime] = None,
               until: Optional[datetime.datetime] = None, cameras: Sequence[str] = (),
               classes: Sequence[str] = (), newest_first: bool = False) -> Iterator[Event]:
        """Events that touch a time, each by its latest message, in the order of their begins."""
        request = query_pb2.Request()
        ask = request.list
        ask.limit, ask.newest_first = 64, newest_first
        ask.cameras.extend(cameras)
        ask.classes.extend(classes)
        for name, time in (("from_unix_ns", since), ("to_unix_ns", until)):
            if time is not None:
                setattr(ask, name, int(time.timestamp() * 1e6) * 1000)
        while True:
            request.ClearField("id")
            page = self.ask(request).page
            for data in page.envelopes:
                yield Event.of(event_pb2.Envelope.FromString(data).event)
            if not page.cursor:
                return
            ask.cursor = page.cursor

    def get(self, event_id: str) -> List[Event]:
        """The messages about one event, the latest first. TytoError where there is none."""
        request = query_pb2.Request()
        request.get.event_id = event_id
        return [Event.of(event_pb2.Envelope.FromString(data).event)
                for data in self.ask(request).page.envelopes]


def events(endpoint: str = "tcp://127.0.0.1:5571", **what) -> Iterator[Event]:
    """As Query.events(), of the tytod that publishes at endpoint, without keys."""
    query = Query(beside(endpoint))
    try:
        yield from query.events(**what)
    finally:
        query.close()
