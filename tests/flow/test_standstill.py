#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A daemon of which something stands still: a thread, whoever reads its log, whoever has its socket.
And one that was killed. The networks are made up by make_small_models.

  test_standstill.py --bin DIR ... --make PROGRAM --hold PROGRAM [NAME...]"""
import fcntl
import os
import resource
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases  # noqa: E402
from test_control import EAGER, Place  # noqa: E402
from test_daemon import end, lines_of, text_of, wait_for  # noqa: E402


class Standing(Place):
    def __init__(self, args, folder):
        super().__init__(args, folder)
        self.hold_program = args.hold
        self.watch_keys, self.config_keys = (), ""
        self.args, self.others = args, []

    def beside(self, name):
        """Another one, for as long as this one."""
        folder = os.path.join(self.folder, name.replace("/", "-"))
        os.mkdir(folder)
        self.others.append(Standing(self.args, folder))
        return self.others[-1]

    def stop_all(self):
        for other in self.others:
            other.stop_all()
        super().stop_all()

    def want_keys(self):
        """From here on only who has one may watch."""
        config, self.watch_keys = self.make_keys()
        self.config_keys = f"publish: {{{config}}}\n"

    def watched(self):
        """A daemon with open events, and who watches it."""
        self.begin(("a", "b"))
        self.wait_for_events()
        return self.daemon, self.watch

    def begin(self, cameras, more=""):
        self.watch = self.start_watch("watch.log", *self.watch_keys)
        rows = ", ".join(f"{{id: {name}, uri: 'test://?width=64&height=48'}}" for name in cameras)
        path = self.config(f"cameras: [{rows}]\n" + EAGER + self.config_keys + more)
        self.daemon = self.start_daemon("--config", path, env=self.env)
        self.cameras = set(cameras)

    def wait_for_events(self):
        try:
            wait_for("an event of each camera", lambda: self.daemon.poll() is not None or
                     self.cameras <= {e["camera"] for e in events_of(self.watch)}, 120)
            assert self.daemon.poll() is None
        except AssertionError as error:
            raise AssertionError(f"{error}: {text_of(self.daemon)[-2000:]} {text_of(self.watch)[-1000:]}") from error

    def hold(self, daemon, name, *seconds):
        holder = subprocess.Popen([self.hold_program, str(daemon.pid), name, *seconds],
                                  stdout=subprocess.PIPE, text=True)
        holder.log = daemon.log
        self.processes.append(holder)
        held = holder.stdout.readline()
        assert held.startswith("held ") and held != "held 0\n", held


def events_of(watch):
    return [e for e in lines_of(watch) if e["type"] == "event"]


def open_of(watch):
    """Ids that have begun and not ended; an END too much is an error, but for an event whose
    beginning was committed and not yet published when the daemon was killed."""
    found = {}
    for event in events_of(watch):
        if event["phase"] == "new":
            found[event["id"]] = event
        elif event["phase"] == "end":
            assert event["id"] in found or event["reason"] == "recovered", event
            found.pop(event["id"], None)
    return found


# As the kernel calls it, as tytod does, and whether subscribers are told of ENDs while it is held: with
# the threads that carry them nobody can, and the next run does.
THREADS = {"tyto-infer": ("inference", True), "tytod": ("main", True), "tyto-control": ("control", True),
           "tyto-record": ("record", True), "tyto-snapshot": ("snapshot", True), "tyto-log": ("log", True),
           "tyto-access": ("access", True), "tyto-watch": ("watch", True),
           "tyto-publish": ("publisher", False), "ZMQbg/IO/0": ("publisher's ZeroMQ", False)}
KEPT = "record: {dir: DIR/clips, pre_s: 1, post_s: 1}\nsnapshots: {dir: DIR/pictures}\n"


def a_thread_that_stands_still_is_told_of_and_the_process_ends_with_its_events(world):
    """Each in turn, all at one time: it takes 20 s."""
    places = {thread: world.beside(thread) for thread in [*THREADS, "tyto-keep"]}
    places["tyto-access"].want_keys()
    for place in places.values():
        place.begin(("a",), KEPT.replace("DIR", place.folder))
    for place in places.values():
        place.wait_for_events()
    for thread, place in places.items():
        place.hold(place.daemon, thread)
    running = {thread: (place.daemon, place.watch) for thread, place in places.items()}
    # A camera whose connection thread is held is told of, and disturbs nobody else.
    daemon, watch = running.pop("tyto-keep")
    wait_for("the camera is told of", lambda: any(
        e["type"] == "camera" and "stands still" in e["text"] for e in lines_of(watch)), 60)
    assert daemon.poll() is None, text_of(daemon)
    for thread, (daemon, _) in running.items():
        assert daemon.wait(60) == 1, (thread, text_of(daemon)[-2000:])
        said = f"the {THREADS[thread][0]} thread has stood still"
        if thread == "ZMQbg/IO/0":  # there are two of them, and one is looked at first
            said = "ZeroMQ thread has stood still"
        assert said in text_of(daemon), (thread, text_of(daemon)[-2000:])
    for thread, (_, watch) in running.items():
        if THREADS[thread][1]:
            wait_for(f"ENDs after {thread}", lambda w=watch: not open_of(w))
            assert any(e["reason"] == "shutdown" for e in events_of(watch)), thread
    for thread in (thread for thread, (_, is_ended) in THREADS.items() if not is_ended):
        place, (_, watch) = places[thread], running[thread]
        assert open_of(watch)
        before = set(open_of(watch))
        daemon = place.serve(log="again.log")
        wait_for("they are ended", lambda b=before, w=watch: not b & set(open_of(w)))
        assert end(daemon) == 0, text_of(daemon)


def a_reload_that_stands_still_ends_the_process(place):
    daemon, watch = place.watched()
    place.hold(daemon, "tyto-keep")  # so that the reload has something to wait for
    place.config("cameras: []\n" + EAGER)
    daemon.send_signal(signal.SIGHUP)
    place.hold(daemon, "tyto-reload", "20")
    assert daemon.wait(60) == 1, text_of(daemon)
    assert "the reload thread has stood still" in text_of(daemon), text_of(daemon)
    wait_for("ENDs", lambda: not open_of(watch))


def a_signal_ends_it_whatever_thread_stands_still(world):
    """Those without which events are ended in their order all the same."""
    places = {thread: world.beside(thread) for thread in ("tyto-record", "tyto-snapshot", "tyto-log", "tyto-watch", "ZMQbg/Reaper")}
    for place in places.values():
        place.begin(("a",), KEPT.replace("DIR", place.folder))
    for thread, place in places.items():
        place.wait_for_events()
        place.hold(place.daemon, thread)
        place.daemon.send_signal(signal.SIGTERM)
    for thread, place in places.items():
        status = place.daemon.wait(60)
        assert status in (0, 1), (thread, status)
        wait_for(f"ENDs after {thread}", lambda w=place.watch: not open_of(w))


def a_signal_ends_it_while_the_inference_thread_stands_still(place):
    daemon, watch = place.watched()
    place.hold(daemon, "tyto-infer")
    begin = time.monotonic()
    assert end(daemon) == 1, text_of(daemon)
    print(f"    ended within {time.monotonic() - begin:.1f} s")
    wait_for("ENDs", lambda: not open_of(watch))
    assert any(text in text_of(daemon) for text in ("a thread does not end", "the end takes too long"))


def a_signal_ends_it_in_order_while_the_http_thread_stands_still(place):
    watch = place.start_watch("watch.log")
    daemon = place.start_daemon("--config", place.config(
        "cameras: [{id: a, uri: 'test://?width=64&height=48'}]\nmetrics: {listen: '127.0.0.1:0'}\n" + EAGER))
    wait_for("events", lambda: open_of(watch) or daemon.poll() is not None)
    if "built without HTTP" in text_of(daemon):
        print("    skipped: tytod was built without HTTP")
        return
    place.hold(daemon, "tyto-http")
    assert end(daemon) == 1, text_of(daemon)
    wait_for("ENDs", lambda: not open_of(watch))
    assert "the http thread does not end" in text_of(daemon), text_of(daemon)
    assert not any(e["type"] == "lost" for e in lines_of(watch)), lines_of(watch)


def a_killed_daemon_s_events_are_ended_by_the_next_one(place):
    daemon, watch = place.watched()
    daemon.kill()
    daemon.wait()
    left = open_of(watch)
    assert left
    daemon = place.serve(log="again.log")  # at once, on the same endpoint
    wait_for("each is ended", lambda: not set(left) & set(open_of(watch)))
    ended = {e["id"]: e for e in events_of(watch) if e["phase"] == "end"}
    for key, begun in left.items():
        assert ended[key]["reason"] == "recovered", ended[key]
        assert ended[key]["rev"] > begun["rev"], ended[key]
        assert ended[key]["begin_utc"] == begun["begin_utc"], ended[key]
    late = place.start_watch("late.log", "--all")  # and whoever asks later hears of it, too
    wait_for("a latecomer", lambda: set(left) <= {e["id"] for e in events_of(late)})
    time.sleep(1)
    for watcher in (watch, late):
        ids = [e["id"] for e in events_of(watcher) if e["phase"] == "end"]
        assert len(ids) == len(set(ids)), "an END twice"
        assert not any(e["type"] == "lost" for e in lines_of(watcher))
    assert end(daemon) == 0, text_of(daemon)
    wait_for("nothing is left open", lambda: not open_of(watch))


def a_log_that_nobody_reads_holds_up_nothing(place):
    read_fd, write_fd = os.pipe()
    fcntl.fcntl(write_fd, fcntl.F_SETPIPE_SZ, 4096)
    watch = place.start_watch("watch.log")
    path = place.config("cameras: [{id: a, uri: 'test://?width=64&height=48'}]\n")
    daemon = subprocess.Popen(
        [place.program("tytod"), "--models", place.models, "--endpoint", place.endpoint,
         "--control", "off", "--log-level", "debug", "--config", path],
        stderr=write_fd, env={**os.environ, "XDG_STATE_HOME": place.folder})
    daemon.log = watch.log
    place.processes.append(daemon)
    os.close(write_fd)
    wait_for("the camera runs", lambda: any(
        e["type"] == "camera" and e["status"] == "live" for e in lines_of(watch)))
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(place.endpoint[6:])
    peer.sendall(b"\xff" + b"\0" * 8 + b"\x7f\x03\0NULL" + b"\0" * 48)
    peer.recv(64, socket.MSG_WAITALL)
    peer.sendall(b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB")
    for number in range(300):  # refused, and each time a reason to write something
        topic = b"\x01y%03d" % number + b"x" * 200
        peer.sendall(b"\0" + bytes([len(topic)]) + topic)
    time.sleep(4)  # three heartbeats that do not come are a silence
    assert not any(e["type"] == "silent" for e in lines_of(watch)), lines_of(watch)
    begin = time.monotonic()
    assert end(daemon) == 0
    assert time.monotonic() - begin < 10
    os.close(read_fd)


def a_socket_where_nobody_accepts_is_an_answer(place):
    """And signals are obeyed while the daemon starts."""
    path = os.path.join(place.folder, "full.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(0)
    clients = []
    try:
        while True:
            client = socket.socket(socket.AF_UNIX)
            client.setblocking(False)
            clients.append(client)
            client.connect(path)
    except BlockingIOError:
        pass
    for arguments in (("--control", path), ("--control", "off", "--endpoint", "ipc://" + path)):
        daemon = place.start_daemon(*arguments, "test://?width=64&height=48", log="full.log")
        assert daemon.wait(20) == 1 and "another process listens there" in text_of(daemon)
    begin = time.monotonic()
    result = place.run("tyto", "status", "--socket", path)
    assert result.returncode == 1 and "accepts nothing" in result.stderr, result
    assert time.monotonic() - begin < 15
    for wait_s in (0.0, 0.05, 0.2, 0.4):
        daemon = place.start_daemon("--control", "off", "test://", log=f"early{wait_s}.log")
        wait_for("it begins", lambda d=daemon: "begins" in text_of(d))
        time.sleep(wait_s)
        begin = time.monotonic()
        assert end(daemon) == 0, text_of(daemon)
        assert time.monotonic() - begin < 10, text_of(daemon)


def descriptors_that_idle_peers_take_are_not_those_of_the_cameras(place):
    limit = 600  # of which some 60 are in use
    path = place.config("cameras: [{id: a, uri: 'test://?width=64&height=48'},"
                        " {id: b, uri: 'test://?width=64&height=48'}]\n")
    arguments = [place.program("tytod"), "--models", place.models, "--endpoint", place.endpoint,
                 "--control", place.socket, "--config", path]
    env = {**os.environ, "XDG_STATE_HOME": place.folder}

    def start(num, log):
        with open(os.path.join(place.folder, log), "w", encoding="utf-8") as out:
            daemon = subprocess.Popen(
                arguments, stderr=out, env=env,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (90, num)))
        daemon.log = out.name
        place.processes.append(daemon)
        return daemon

    daemon = start(100, "few.log")
    assert daemon.wait(20) == 1 and "2 cameras may take" in text_of(daemon), text_of(daemon)
    daemon = start(limit, "daemon.log")
    wait_for("the cameras run", lambda: "b is live" in text_of(daemon))
    idle = {}
    watch = place.start_watch("watch.log")
    wait_for("it is watched", lambda: any(e["type"] == "connected" for e in lines_of(watch)))
    until = time.monotonic() + 5
    while time.monotonic() < until:
        for number in range(700):
            if number in idle:
                try:
                    if idle[number].recv(1000):
                        continue
                except BlockingIOError:
                    continue
                except OSError:
                    pass
                idle.pop(number).close()
            peer = socket.socket(socket.AF_UNIX)
            peer.setblocking(False)
            try:
                peer.connect(place.endpoint[6:])
                idle[number] = peer
            except OSError:
                peer.close()
        assert daemon.poll() is None, text_of(daemon)
        assert len(os.listdir(f"/proc/{daemon.pid}/fd")) < limit - 50
        # The control socket has its own.
        assert place.run("tyto", "status", "--socket", place.socket).returncode == 0
    assert daemon.poll() is None, text_of(daemon)
    before = place.segments()
    wait_for("segments go on", lambda: place.segments() > before + 1)
    assert not any(e["type"] == "silent" for e in lines_of(watch))
    assert "a subscriber was turned away" in text_of(daemon)
    assert text_of(daemon).count("turned away") < 30
    for peer in idle.values():
        peer.close()
    late = place.start_watch("late.log")
    wait_for("there is room again", lambda: any(e["type"] == "connected" for e in lines_of(late)))
    assert end(daemon) == 0


def what_is_no_wish_to_end_does_not_end_it(place):
    """Signals that other daemons know, a limit of what files may hold, and no standard descriptors."""
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        for fd in range(3):
            os.close(fd)

    path = place.config("cameras: [{id: a, uri: 'test://?width=64&height=48'}]\n")
    watch = place.start_watch("watch.log")
    daemon = subprocess.Popen(
        [place.program("tytod"), "--models", place.models, "--endpoint", place.endpoint,
         "--control", "off", "--config", path],
        preexec_fn=limit, env={**os.environ, "XDG_STATE_HOME": place.folder})
    daemon.log = watch.log
    place.processes.append(daemon)
    wait_for("the camera runs", lambda: any(
        e["type"] == "camera" and e["status"] == "live" for e in lines_of(watch)))
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGXFSZ, signal.SIGPIPE):
        daemon.send_signal(number)
    for fd in range(3):
        assert os.readlink(f"/proc/{daemon.pid}/fd/{fd}") == "/dev/null", fd
    wait_for("events after that", lambda: events_of(watch))
    assert daemon.poll() is None
    assert end(daemon) == 0


# Those that take longest first.
CASES = [a_thread_that_stands_still_is_told_of_and_the_process_ends_with_its_events,
         a_signal_ends_it_whatever_thread_stands_still,
         what_is_no_wish_to_end_does_not_end_it, descriptors_that_idle_peers_take_are_not_those_of_the_cameras,
         a_signal_ends_it_while_the_inference_thread_stands_still,
         a_signal_ends_it_in_order_while_the_http_thread_stands_still,
         a_reload_that_stands_still_ends_the_process,
         a_killed_daemon_s_events_are_ended_by_the_next_one,
         a_log_that_nobody_reads_holds_up_nothing, a_socket_where_nobody_accepts_is_an_answer]


def main():
    parser = cases.parser()
    parser.add_argument("--hold", required=True)
    return cases.run_cases(CASES, parser.parse_args(), Standing, at_a_time=4)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.exit(main())
