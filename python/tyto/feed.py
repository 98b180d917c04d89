# SPDX-License-Identifier: MIT
"""Each message once and in order, or what is lost: doc/protocol.md, "To lose nothing"."""
import collections
import dataclasses
import os
import time
from typing import Deque, Iterator, Optional, Sequence, Tuple, Union

import zmq

from . import event_pb2 as pb
from . import query_pb2
from .decode import Event
from .query import Query, TytoError, set_keys

MAX_MESSAGE_BYTES = 64 * 1024
TICK_MS = 200
CREDIT = 4  # chunks that may be on their way


@dataclasses.dataclass(frozen=True)
class Message:
    """What tytod said: an event, a camera's state or the model's."""
    seq: int
    wire: pb.Envelope = dataclasses.field(repr=False)

    @property
    def kind(self) -> str:
        """"event", "camera_state", "model_state"; "" for one of a later version."""
        return self.wire.WhichOneof("body") or ""

    @property
    def event(self) -> Optional[Event]:
        return Event.of(self.wire.event) if self.kind == "event" else None


@dataclasses.dataclass(frozen=True)
class Lost:
    """Messages that will not come. why: "too old" (the journal keeps them no more), "other log" (the
    journal was deleted or replaced, numbers begin anew), "not kept" (there is no journal that may be
    asked)."""
    from_seq: int
    to_seq: int  # 0: not known
    num: int  # of these; 0: not known
    why: str


Item = Union[Message, Lost]


class Feed:
    """What follow() returns. An item counts as worked on when the next one is asked for, or when
    done() is called: then the position is stored. One thread."""

    def __init__(self, endpoint: str = "tcp://127.0.0.1:5571", position: Optional[str] = None, *,
                 start: str = "now", query_endpoint: Optional[str] = None,
                 server_key: Optional[str] = None, key: Optional[Sequence[str]] = None,
                 timeout: Optional[float] = None):
        if start not in ("now", "oldest"):
            raise ValueError("start must be 'now' or 'oldest'")
        self._endpoint, self._file, self._start, self._timeout = endpoint, position, start, timeout
        self._query_at, self._query = query_endpoint, None  # type: Optional[str], Optional[Query]
        self._is_query_given = query_endpoint is not None
        self._keys = {"server_key": server_key, "key": key}
        self._log_id, self._done = self._load()  # whose numbers; the last one that was worked on
        self._seen = self._done  # the last one that was handed out or is ready
        self._ready: Deque[Tuple[int, Item]] = collections.deque()  # with how far one is behind it
        self._given: Optional[int] = None
        self._asking: Optional[int] = None  # the id of a replay
        self._ask_to = 0
        self._owed = 0  # credit
        self._not_before = 0.0
        self._sub = zmq.Context.instance().socket(zmq.SUB)
        self._sub.setsockopt(zmq.LINGER, 0)
        self._sub.setsockopt(zmq.RCVHWM, 10000)
        self._sub.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
        set_keys(self._sub, **self._keys)
        for prefix in (b"hello/", b"hb/", b"ev/", b"st/", b"md/"):  # all that seq counts
            self._sub.setsockopt(zmq.SUBSCRIBE, prefix)
        self._sub.connect(endpoint)

    def close(self) -> None:
        self._sub.close()
        if self._query:
            self._query.close()

    def __enter__(self) -> "Feed":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    # --- where we are

    @property
    def position(self) -> str:
        """The log, and the last number of it that was worked on; "" before the first contact."""
        return f"{self._log_id.hex()} {self._done}" if self._log_id else ""

    def _load(self) -> Tuple[bytes, int]:
        if not self._file or not os.path.exists(self._file):
            return b"", 0
        with open(self._file, encoding="ascii") as file:
            words = file.read(200).split()
        try:
            log_id, seq = bytes.fromhex(words[0]), int(words[1])
        except (IndexError, ValueError):
            raise ValueError(f"{self._file} is no position: delete it to begin anew") from None
        return log_id, seq

    def done(self) -> None:
        """The item that was handed out last has been worked on."""
        if self._given is None:
            return
        self._done, self._given = self._given, None
        if self._file:
            with open(self._file + ".new", "w", encoding="ascii") as file:
                file.write(self.position + "\n")
            os.replace(self._file + ".new", self._file)

    # --- handing out

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        """The next item; waits for it. StopIteration after `timeout` seconds without one."""
        self.done()
        end = None if self._timeout is None else time.monotonic() + self._timeout
        while not self._ready:
            if self._asking is not None:
                self._read_chunk()
            elif self._sub.poll(TICK_MS):
                self._listen()
            elif end is not None and time.monotonic() >= end:
                raise StopIteration
        self._given, item = self._ready.popleft()
        return item

    def _put(self, seq: int, item: Item) -> None:
        self._seen = max(self._seen, seq)
        self._ready.append((self._seen, item))

    def _put_lost(self, to_seq: int, num: int, why: str) -> None:
        self._put(to_seq, Lost(self._seen + 1, to_seq, num, why))

    # --- listening

    def _listen(self) -> None:
        frames = self._sub.recv_multipart()
        if len(frames) == 1:
            self._take_hello(pb.Hello.FromString(frames[0][len(b"hello/"):]))
            return
        envelope = pb.Envelope.FromString(frames[1])
        if envelope.log_id != self._log_id:
            return  # hello says what that is
        is_beat = envelope.WhichOneof("body") == "heartbeat"
        before = envelope.heartbeat.last_seq if is_beat else envelope.seq - 1
        if before > self._seen:
            self._ask_for(before)
        if not is_beat and envelope.seq == self._seen + 1:
            self._put(envelope.seq, Message(envelope.seq, envelope))

    def _take_hello(self, hello: pb.Hello) -> None:
        if hello.log_id != self._log_id:
            had_one, self._log_id = bool(self._log_id), hello.log_id
            self._seen = 0 if had_one or self._start == "oldest" else hello.seq
            if had_one:  # another log is told from its begin
                self._ready.append((0, Lost(0, 0, 0, "other log")))
            else:
                self._done = self._seen
        same = [e for e in hello.query_endpoints if e[:6] == self._endpoint[:6]]
        if self._is_query_given or not same:
            return
        at = same[0]
        if at.startswith("tcp:"):  # of tcp the port alone, and the host that we subscribe at
            at = self._endpoint.rsplit(":", 1)[0] + ":" + at.rsplit(":", 1)[1]
        if at != self._query_at and self._query:
            self._query.close()
            self._query = None
        self._query_at = at

    # --- fetching

    def _ask_for(self, to_seq: int) -> None:
        if time.monotonic() < self._not_before:
            return  # a later heartbeat says it again
        if not self._query_at:
            self._put_lost(to_seq, to_seq - self._seen, "not kept")
            return
        if not self._query:
            self._query = Query(self._query_at, **self._keys)
        request = query_pb2.Request()
        request.replay.log_id, request.replay.from_seq = self._log_id, self._seen + 1
        request.replay.to_seq, request.replay.credit = to_seq, CREDIT
        self._ask_to, self._owed = to_seq, 0
        self._asking = self._query.send(request)

    def _read_chunk(self) -> None:
        assert self._query and self._asking is not None
        if self._owed:  # what came before has been handed out
            self._query.send(query_pb2.Request(id=self._asking, credit=query_pb2.Credit(chunks=self._owed)))
            self._owed = 0
        try:
            chunk = self._query.receive(self._asking).chunk
        except TytoError as error:
            self._asking = None
            self._take_error(error)
            return
        for data in chunk.envelopes:
            envelope = pb.Envelope.FromString(data)
            if envelope.seq > self._seen:
                self._put(envelope.seq, Message(envelope.seq, envelope))
        if chunk.num_missing:
            self._put_lost(chunk.next_seq - 1, chunk.num_missing, "too old")
        self._seen = max(self._seen, chunk.next_seq - 1)
        self._owed = 1
        if chunk.is_last:
            self._asking = None

    def _take_error(self, error: TytoError) -> None:
        self._not_before = time.monotonic() + 1  # it may be one of too many questions
        if error.code == query_pb2.ERROR_TOO_OLD and error.oldest_seq > self._seen + 1:
            if self._start == "oldest" and self._seen == 0:
                self._seen = error.oldest_seq - 1  # what was gone before we came is no loss
            else:
                self._put_lost(error.oldest_seq - 1, 0, "too old")
            self._not_before = 0.0
        elif error.code == query_pb2.ERROR_NO_JOURNAL:
            self._put_lost(self._ask_to, self._ask_to - self._seen, "not kept")
        elif error.code in (query_pb2.ERROR_DENIED, query_pb2.ERROR_BAD_REQUEST):
            raise error
        elif error.code == 0 and self._query:  # nobody answers: what comes late is not for us
            self._query.close()
            self._query = None


def follow(endpoint: str = "tcp://127.0.0.1:5571", position: Optional[str] = None, **more) -> Feed:
    """Follows the tytod at endpoint for good.

    position: a file that remembers what was worked on, so that the program goes on there when it is
    started again; who is killed at an item is given that one again. Without one it begins anew.
    start: where there is no position yet: "now", or "oldest", all that the journal keeps.
    timeout: seconds without an item after which the iteration ends; None: never.
    server_key, key: CURVE, as in doc/security.md; key is (public, secret)."""
    return Feed(endpoint, position, **more)
