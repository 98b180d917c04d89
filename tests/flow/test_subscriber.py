#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""client/example_subscriber.py, made from doc/protocol.md and the .proto files alone, and with
--follow a program that is made with libtyto's feed or, with --python, one in Python that is made with its client: it misses nothing and is told nothing twice while what publishes is killed at random moments and it is itself
started again. Numbers are contiguous, and each NEW has its END.

  test_subscriber.py --publish PROGRAM --root DIR [--follow PROGRAM | --python PROGRAM --path DIR] [--prefix P]... [--kills N] [--seed S]"""
import argparse
import collections
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

SKIPPED = 77


def messages_of(journal):
    database = sqlite3.connect(journal, timeout=10)
    try:
        return database.execute("SELECT seq, topic FROM messages ORDER BY seq").fetchall()
    finally:
        database.close()


def told_by(paths):
    """What each subscriber said, one after the other. A line that its end cut short was not said: its
    message is said again by the next one."""
    lines = []
    for path in paths:
        with open(path, encoding="ascii") as file:
            lines += [line.split() for line in file.read().split("\n")[:-1]]
    return lines


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--publish", required=True)
    parser.add_argument("--root", required=True)
    parser.add_argument("--follow", help="in place of the example in Python")
    parser.add_argument("--python", help="the same, a script")
    parser.add_argument("--path", help="where it finds the client")
    parser.add_argument("--prefix", action="append", default=[], help="of topics, with --follow")
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    chance = random.Random(args.seed)
    if args.follow:
        with tempfile.TemporaryDirectory(prefix="tyto-") as folder:
            return follow(args, [args.follow], folder, chance)
    try:
        import google.protobuf  # noqa: F401
        import zmq  # noqa: F401
    except ImportError as error:
        print(f"skipped: {error} (Debian's python3-zmq, python3-protobuf)")
        return SKIPPED
    if not args.python and not shutil.which("protoc"):
        print("skipped: no protoc (Debian's protobuf-compiler)")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="tyto-") as folder:
        if args.python:
            os.symlink(os.path.abspath(os.path.join(args.path, "tyto")), os.path.join(folder, "tyto"))
            return follow(args, [sys.executable, args.python], folder, chance)
        proto = os.path.join(args.root, "proto")
        subprocess.run(["protoc", f"--proto_path={proto}", f"--python_out={folder}", "event.proto",
                        "query.proto"], check=True)
        example = os.path.join(args.root, "client/example_subscriber.py")
        return follow(args, [sys.executable, example], folder, chance)


def follow(args, subscriber_command, folder, chance):
    journal, told = os.path.join(folder, "journal"), []
    endpoint = f"ipc://{folder}/events"
    processes = []

    def publish(every_us):
        process = subprocess.Popen(
            [args.publish, journal, endpoint, f"ipc://{folder}/query", str(every_us)],
            stderr=subprocess.DEVNULL)
        processes.append(process)
        return process

    def subscribe(seconds):
        told.append(os.path.join(folder, f"told-{len(told)}"))
        process = subprocess.Popen(
            [*subscriber_command, endpoint, os.path.join(folder, "position"), str(seconds), *args.prefix],
            stdout=open(told[-1], "w", encoding="ascii"), env={**os.environ, "PYTHONPATH": folder})
        processes.append(process)
        return process

    def position():
        try:
            with open(os.path.join(folder, "position"), encoding="ascii") as file:
                return int(file.read().split()[1])
        except (OSError, IndexError):
            return 0

    def wait_for(what, is_so):
        end = time.monotonic() + 120
        while not is_so():
            assert time.monotonic() < end, what
            time.sleep(0.05)

    try:
        publisher, subscriber = publish(0), subscribe(600)
        time.sleep(0.5)  # numbers from 1 on: nothing is published yet
        publisher.send_signal(signal.SIGTERM)
        publisher.wait()
        publisher = publish(2000)
        wait_for("something is told", lambda: position() > 0)
        subscriber.terminate()
        subscriber.wait()
        subscriber = subscribe(1 + chance.random())
        for _ in range(args.kills):
            time.sleep(0.1 + 0.5 * chance.random())
            publisher.kill()
            publisher.wait()
            publisher = publish(2000)
            if subscriber.poll() is not None:
                subscriber = subscribe(1 + chance.random())
        publisher.kill()
        publisher.wait()
        publisher = publish(0)  # ends what is open, after 2 s
        subscriber.wait()
        subscriber = subscribe(600)
        wait_for("nothing is open", lambda: all_ended(journal))
        last = messages_of(journal)[-1][0]
        wait_for(f"all {last} are told", lambda: position() >= last)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    kept = messages_of(journal)
    assert [seq for seq, _ in kept] == list(range(1, len(kept) + 1)), "numbers are not contiguous"
    return compare([(seq, topic) for seq, topic in kept
                    if not args.prefix or topic.startswith(tuple(args.prefix))], told_by(told))


def all_ended(journal):
    database = sqlite3.connect(journal, timeout=10)
    try:
        return database.execute("SELECT count(*) FROM events WHERE is_open").fetchone()[0] == 0
    finally:
        database.close()


def compare(kept, told):
    seqs = [seq for seq, _ in kept]
    bad = [line for line in told if line[0] in ("lost", "error")]
    assert not bad, bad
    heard = [int(line[0]) for line in told]
    # One that was ended between printing and writing its position says that line once more.
    assert len(heard) - len(set(heard)) <= 1, "told twice"
    assert [seq for seq in sorted(set(heard))] == [seq for seq in seqs if seq >= min(heard)], \
        "not what is in the journal"
    assert heard == sorted(heard), "not in order"
    phases = collections.defaultdict(list)
    for line in told:
        phases[line[1]].append(line[4].upper().replace("PHASE_", ""))
    for event, names in phases.items():
        assert set(names) >= {"END"}, (event, names)
    print(f"{len(seqs)} messages, {len(phases)} events: all told, in order")
    return 0


if __name__ == "__main__":
    sys.exit(main())
