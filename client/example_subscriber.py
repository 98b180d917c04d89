#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A subscriber that misses nothing and is told nothing twice, also over its own restarts and the daemon's.
  protoc --python_out=. event.proto query.proto; example_subscriber.py ENDPOINT POSITION_FILE [SECONDS]"""
import itertools
import os
import sys
import time
import zmq
import event_pb2
import query_pb2

endpoint, position, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else 1e9
context, ids, dealer, query_at = zmq.Context(), itertools.count(1), None, None
log_id, last = b"", 0  # whose numbers, and the last one that was worked on
if os.path.exists(position):
    log_id, last = (f(x) for f, x in zip((bytes.fromhex, int), open(position).read().split()))
sub = context.socket(zmq.SUB)
for prefix in (b"hello/", b"hb/", b"ev/", b"st/", b"md/"):  # all that seq counts
    sub.setsockopt(zmq.SUBSCRIBE, prefix)
sub.connect(endpoint)

def work_on(envelope):
    global last
    if envelope.WhichOneof("body") == "event":
        event = envelope.event
        print(envelope.seq, event.id, event.camera, event.class_name, event_pb2.Phase.Name(event.phase), flush=True)
    last = envelope.seq
    with open(position + ".new", "w") as file:
        file.write(f"{log_id.hex()} {last}")
    os.replace(position + ".new", position)

def replay(to):
    """All from the last one worked on up to `to`; says what is lost."""
    global last
    request = query_pb2.Request(id=next(ids))
    request.replay.log_id, request.replay.from_seq, request.replay.to_seq, request.replay.credit = log_id, last + 1, to, 4
    dealer.send(request.SerializeToString())
    while dealer.poll(10000):
        reply = query_pb2.Reply.FromString(dealer.recv())
        if reply.id != request.id:
            continue
        if reply.WhichOneof("what") == "error":
            print("error", query_pb2.ErrorCode.Name(reply.error.code), reply.error.text, flush=True)
            last = max(last, reply.error.oldest_seq - 1)  # lost for good
            return time.sleep(0.6)
        for data in reply.chunk.envelopes:
            work_on(event_pb2.Envelope.FromString(data))
        if reply.chunk.num_missing:
            print("lost", reply.chunk.num_missing, flush=True)
        last = max(last, reply.chunk.next_seq - 1)
        if reply.chunk.is_last:
            return
        dealer.send(query_pb2.Request(id=request.id, credit=query_pb2.Credit(chunks=1)).SerializeToString())

end = time.monotonic() + seconds
while time.monotonic() < end:
    if not sub.poll(200):
        continue
    frames = sub.recv_multipart()
    if len(frames) == 1:  # hello/
        hello = event_pb2.Hello.FromString(frames[0][len(b"hello/"):])
        if hello.log_id != log_id:
            log_id, last = hello.log_id, 0 if log_id else hello.seq  # another log from its begin; at first from now on
        same = [e for e in hello.query_endpoints if e[:6] == endpoint[:6]]
        if not same:
            continue  # it comes again when there is one
        found = endpoint.rsplit(":", 1)[0] + ":" + same[0].rsplit(":", 1)[1] if endpoint[:3] == "tcp" else same[0]
        if found != query_at:
            query_at, dealer = found, context.socket(zmq.DEALER)
            dealer.connect(found)
        continue
    envelope = event_pb2.Envelope.FromString(frames[1])
    is_beat = envelope.WhichOneof("body") == "heartbeat"
    if not dealer or envelope.log_id != log_id:
        continue
    if (envelope.heartbeat.last_seq if is_beat else envelope.seq - 1) > last:
        replay(envelope.heartbeat.last_seq if is_beat else envelope.seq - 1)
    if not is_beat and envelope.seq == last + 1:
        work_on(envelope)
