#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Pictures of events: tytod watches a camera on loopback that forces events, its pictures are taken
from the socket and from the folder and looked at with ffprobe, and a reload switches them.

  test_snapshots.py --camera PROGRAM [--bin DIR ...] --make PROGRAM

The made-up networks have no detector of people: what blur hides is looked at in the unit test
`snapshot`, here it is shown that then no picture is made. Without pyzmq, python3-protobuf, protoc,
ffprobe or gst-launch-1.0 the exit status is 77."""
import argparse
import hashlib
import importlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_daemon  # noqa: E402  (its ways to wait)
import test_record  # noqa: E402  (its World and its camera)

try:
    import zmq
except ImportError:
    zmq = None
PROTO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "proto")


def load_schema(folder):
    """The messages of event.proto; None where they cannot be had."""
    if not zmq or not shutil.which("protoc"):
        return None
    subprocess.run(["protoc", "-I", PROTO, "--python_out", folder, "event.proto"], check=True, timeout=60)
    sys.path.insert(0, folder)
    try:
        return importlib.import_module("event_pb2")
    except ImportError:
        return None


def next_picture(socket, schema, seconds=60):
    assert socket.poll(seconds * 1000), "no picture came"
    topic, head, jpeg = socket.recv_multipart()
    envelope = schema.Envelope.FromString(head)
    assert topic == b"th/front/" and envelope.seq == 0, (topic, envelope)
    (attachment,) = envelope.attachments
    assert attachment.type == "image/jpeg" and attachment.size == len(jpeg)
    assert attachment.sha256 == hashlib.sha256(jpeg).digest()
    return envelope.thumbnail, jpeg


def size_of(path):
    stream = test_record.probe(path, "-show_streams")["streams"][0]
    assert stream["codec_name"] == "mjpeg", stream
    return stream["width"], stream["height"]


def path_of(event):
    return urllib.parse.unquote(urllib.parse.urlparse(event["snapshot_uri"]).path)


def named(watch):
    return [e for e in test_record.events_of(watch) if "snapshot_uri" in e]


def pictures_are_sent_and_kept_as_the_configuration_says(world, schema):
    folder = os.path.join(world.folder, "a b")
    uri = world.serve(world.make_media("camera.mp4", pattern="snow", seconds=60))
    head = f"cameras: [{{id: front, uri: '{uri}'}}]\n{test_record.EAGER}"
    config = world.config(head + "snapshots: {send: true}\n")
    daemon = world.start_daemon("--config", config)
    watch = world.start_watch("watch.log")
    socket = zmq.Context.instance().socket(zmq.SUB)
    socket.subscribe(b"th/front/")
    socket.connect(world.endpoint)

    # People are to be hidden, and nobody can find them: no picture.
    test_daemon.wait_for("what is withheld to be told",
                         lambda: "no detector of people" in test_daemon.text_of(daemon))
    assert not socket.poll(0) and not named(watch)

    # As they are, kept, and small.
    world.config(head + f"snapshots: {{send: true, dir: '{folder}', width: 160, blur: none}}\n")
    daemon.send_signal(signal.SIGHUP)
    told, jpeg = next_picture(socket, schema)
    assert (told.width, told.height, told.is_blurred, told.camera) == (160, 120, False, "front"), told
    loose = os.path.join(world.folder, "loose.jpg")
    with open(loose, "wb") as file:
        file.write(jpeg)
    assert size_of(loose) == (160, 120)
    test_daemon.wait_for("an END with a picture",
                         lambda: [e for e in named(watch) if e["phase"] == "end"])
    event = [e for e in named(watch) if e["phase"] == "end"][0]
    test_daemon.wait_for("its file", lambda: os.path.exists(path_of(event)))
    assert path_of(event).startswith(folder + "/front/") and event["id"] in path_of(event), event
    assert size_of(path_of(event)) == (160, 120)

    # Off: no more of them. What was open when the reload came may still name its file.
    world.config(head)
    daemon.send_signal(signal.SIGHUP)
    test_daemon.wait_for("the reload", lambda: "configuration 3 holds" in test_daemon.text_of(daemon))
    begun = {e["id"] for e in test_record.events_of(watch)}
    test_daemon.wait_for("three new events' ENDs", lambda: sum(
        e["phase"] == "end" and e["id"] not in begun for e in test_record.events_of(watch)) >= 3)
    new = [e for e in test_record.events_of(watch) if e["id"] not in begun and e["phase"] == "end"]
    assert all("snapshot_uri" not in e for e in new[1:]), new
    assert test_daemon.end(daemon) == 0, test_daemon.text_of(daemon)
    assert not [n for n in os.listdir(os.path.join(folder, "front")) if not n.endswith(".jpg")]
    socket.close(0)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--camera", required=True)
    parser.add_argument("--bin", action="append", default=[])
    parser.add_argument("--make", required=True)
    args = parser.parse_args()
    test_record.World.camera = args.camera
    if not shutil.which("ffprobe") or not shutil.which("gst-launch-1.0"):
        print("SKIP: no ffprobe or gst-launch-1.0 (scripts/setup --test installs them)")
        return 77
    with tempfile.TemporaryDirectory(prefix="tyto-") as folder:
        schema = load_schema(folder)
        if not schema:
            print("SKIP: no pyzmq, python3-protobuf or protoc (scripts/setup --test installs them)")
            return 77
        world = test_record.World(args, folder)
        try:
            pictures_are_sent_and_kept_as_the_configuration_says(world, schema)
            print("ok   pictures_are_sent_and_kept_as_the_configuration_says")
        except (AssertionError, OSError, subprocess.SubprocessError):
            for process in world.processes:
                if process.log != os.devnull:
                    print(f"--- {process.args[0]}\n{test_daemon.text_of(process)[-2500:]}")
            raise
        finally:
            world.stop_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
