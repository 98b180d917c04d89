#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tytod between cameras that fail, clients that do not behave and a disk that fills up, for some
minutes, and what must hold all the same: it never ends by itself; it ends within 5 s when it is asked
to; numbers in the journal are contiguous; whoever follows events was given exactly those of the journal,
in order, over its own restarts and the daemon's; each NEW has an END; and when all is well again cameras
are live, and descriptors, threads and memory are what they were. The networks are made up.

  chaos.py --build DIR [--minutes N | --seconds N] [--seed S] [--patience X] [--keep DIR] [--quiet]

Prints what it does, and a summary. The exit status is 0 when all held; else 1, and the seed is told.
--patience: how many times longer than promised things may take, for machines that do other work.
--keep: where logs and journal are left, at the end too."""
import argparse
import collections
import json
import mmap
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import clients  # noqa: E402

H264 = ("videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=%d,height=%d,"
        "framerate=5/1 ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=5 threads=1 "
        "bitrate=64 ! rtph264pay name=pay0 pt=96 config-interval=-1")
NOISE = "audiotestsrc is-live=true wave=pink-noise ! audio/x-raw,rate=%d,channels=%d ! "
SMALL = H264 % (96, 64)
STAGE = {
    "small": SMALL + " " + NOISE % (16000, 1) + "avenc_aac bitrate=32000 ! rtpmp4gpay name=pay1 pt=97",
    "large": H264 % (320, 240) + " " + NOISE % (44100, 2) + "avenc_aac ! rtpmp4gpay name=pay1 pt=97",
    "jpeg": "videotestsrc is-live=true ! video/x-raw,format=I420,width=64,height=48,framerate=5/1 ! "
            "jpegenc ! rtpjpegpay name=pay0 pt=26 " + NOISE % (8000, 1) + "mulawenc ! "
            "rtppcmupay name=pay1 pt=0",
    "mute": SMALL,
}
# Any score opens an event, and events are cut into short pieces: there is always something to tell.
TRACKER = ("tracker: {threshold: 0.01, threshold_single: 0.01, onset_num: 1, onset_window: 1, "
           "hang_over_s: 0.5, max_duration_s: 1, update_every_s: 0.5}\n")
BAD_CONFIGS = ("cameras: [", "", "cameras:\n  - {id: a, uri: 'gopher://h'}\n", "camras: []\n",
               "cameras:\n  - {id: a, uri: 'test://', transprot: tcp}\n", "\0\1\2", "a: " * 10000)
CAMERAS = ("north", "east", "south")
SPOILS = ("drop", "drop", "change large", "change small", "use jpeg", "use mute", "use large", "stall", "refuse",
          "silent", "answer 401", "answer 503", "redirect self", "redirect file:///etc/hostname",
          "starve 0", "starve 1", "lose 0.05", "lose 0.5", "swap 0.1", "flip 0.05", "flip 0.9",
          "jump 3600", "jump -3600", "clock 86400", "clock -86400", "clock -800000000", "reset",
          "describe many", "describe long", "describe empty", "describe noise", "describe deep",
          "describe no-rate", "describe twice", "describe controls", "well")
START_S, LIVE_S, STATUS_S, END_S, SETTLE_S = 60, 90, 10, 5, 40
# What may come and go. What leaks goes beyond it, from round to round.
SLACK = 6
MORE_MEMORY_KIB = 96 * 1024
LOG_WORDS = ("CRITICAL", "Sanitizer", "runtime error", "assertion ", "free():", "corrupted")
# GStreamer 1.22: rtspsrc that is ended while it connects sends on events without a number.
OF_OTHERS = ("gst_event_set_seqnum",)


class Violation(Exception):
    pass


def events_of(journal):
    database = sqlite3.connect(f"file:{journal}?mode=ro", uri=True, timeout=20)
    try:
        return (database.execute("SELECT seq, topic FROM messages ORDER BY seq").fetchall(),
                database.execute("SELECT count(*) FROM events WHERE is_open").fetchone()[0])
    finally:
        database.close()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Follower:
    """A program that must miss nothing and be told nothing twice (tests/flow/follow_events)."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        self.told, self.process, self.num_killed = [], None, 0
        self.start()

    def start(self):
        self.told.append(os.path.join(self.world.folder, f"told-{self.name}-{len(self.told)}"))
        with open(self.told[-1], "w", encoding="ascii") as out:
            self.process = self.world.spawn(
                [self.world.program("tests/flow/follow_events"), self.world.endpoint, self.position_file(),
                 "1000000"], stdout=out, stderr=subprocess.DEVNULL)

    def position_file(self):
        return os.path.join(self.world.folder, f"position-{self.name}")

    def position(self):
        try:
            with open(self.position_file(), encoding="ascii") as file:
                return int(file.read().split()[1])
        except (OSError, IndexError):
            return 0

    def signal(self, number):
        if self.process.poll() is None:
            self.process.send_signal(number)

    def kill(self):
        self.signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()
        self.num_killed += 1

    def lines(self):
        """A line that its end cut short was not told."""
        found = []
        for path in self.told:
            with open(path, encoding="ascii") as file:
                found += [line.split() for line in file.read().split("\n")[:-1]]
        return found

    def check(self, kept):
        lines = self.lines()
        lost = [line for line in lines if line[0] in ("lost", "error")]
        if lost:
            raise Violation(f"{self.name} was told: {' '.join(lost[0])}, {len(lost)} times such things")
        heard = [int(line[0]) for line in lines]
        num_twice = len(heard) - len(set(heard))
        # Killed between printing and noting its position it says that line once more.
        if num_twice > self.num_killed:
            raise Violation(f"{self.name} was told {num_twice} messages twice, killed {self.num_killed} times")
        if set(heard) != set(kept):
            missed, more = sorted(set(kept) - set(heard)), sorted(set(heard) - set(kept))
            raise Violation(f"{self.name}: {len(missed)} of {len(kept)} missed {missed[:5]}, "
                            f"{len(more)} that are not in the journal {more[:5]}")
        if not self.num_killed and heard != sorted(heard):
            raise Violation(f"{self.name}: not in order")
        phases = collections.defaultdict(set)
        for line in lines:
            phases[line[1]].add(line[4])
        for event, found in phases.items():
            if "PHASE_NEW" not in found or "PHASE_END" not in found:
                raise Violation(f"{self.name}: event {event} had {sorted(found)}")
        return len(phases)


class World:
    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.chance = random.Random(args.seed)
        self.begin = time.monotonic()
        self.processes, self.idle, self.holding = [], [], []
        self.counts = collections.Counter()
        self.slowest = collections.defaultdict(float)
        self.daemon = self.base = None
        self.num_starts = 0
        self.disk = os.path.join(folder, "disk")
        os.mkdir(self.disk)
        self.endpoint = f"ipc://{folder}/events"
        self.control = os.path.join(folder, "control")
        self.journal = os.path.join(self.disk, "journal")
        self.port = free_port()
        self.latency_ms = 200
        self.models = os.path.join(folder, "models")
        os.mkdir(self.models)
        subprocess.run([self.program("tests/flow/make_small_models"), self.models], check=True, timeout=120)
        self.head = os.path.join(self.models, "head.safetensors")
        self.fault_path = os.path.join(folder, "fault")
        with open(self.fault_path, "wb") as file:
            file.write(b"0")
        with open(self.fault_path, "r+b") as file:
            self.fault = mmap.mmap(file.fileno(), 1)
        self.start_cameras()
        self.followers = [Follower(self, name) for name in ("steady", "stopped", "killed")]

    # --- what runs ------------------------------------------------------------------------------

    def program(self, name):
        return os.path.join(self.args.build, name)

    def spawn(self, command, **kwargs):
        process = subprocess.Popen(command, **kwargs)
        self.processes.append(process)
        return process

    def say(self, *words):
        if not self.args.quiet:
            print(f"{time.monotonic() - self.begin:7.1f}", *words, flush=True)

    def start_cameras(self):
        stage = self.spawn([self.program("tests/chaos/chaos_stage"), *(f"{k}={v}" for k, v in STAGE.items())],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        port = stage.stdout.readline().split()[1]
        self.cameras = {}
        for number, name in enumerate(CAMERAS):
            camera = self.spawn(
                [sys.executable, os.path.join(HERE, "bad_camera.py"), port, "small", "--seed",
                 str(self.args.seed + number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            camera.port = camera.stdout.readline().split()[1]
            self.cameras[name] = camera

    def tell_camera(self, name, command):
        camera = self.cameras[name]
        if camera.poll() is not None:
            raise RuntimeError(f"bad_camera.py {name} has ended: {camera.returncode}")
        camera.stdin.write(command + "\n")
        camera.stdin.flush()

    def config(self, variant=""):
        lines = ["cameras:"]
        for name, camera in self.cameras.items():
            lines.append(f"  - {{id: {name}, uri: 'rtsp://127.0.0.1:{camera.port}/camera', stall_s: 2, "
                         f"latency_ms: {self.latency_ms}}}")
        lines.append("  - {id: inner, uri: 'test://?width=64&height=48'}")
        if variant == "more":
            lines.append("  - {id: other, uri: 'test://?width=80&height=48'}")
        text = "\n".join(lines) + "\n" + TRACKER
        if variant == "fewer":
            text = text.replace(lines[2] + "\n", "")
        if variant == "rules":
            text += "classes: {cat: {publish: false}}\n"
        text += (f"connects_per_s: 20\nmetrics: {{listen: '127.0.0.1:{self.port}'}}\n"
                 f"journal: {{path: {self.journal}}}\npublish: {{endpoints: ['{self.endpoint}']}}\n"
                 f"control: {self.control}\nstate: {self.disk}\n"
                 f"record: {{dir: {self.disk}/clips, pre_s: 1, post_s: 1, max_gib: 0.02, min_free_gib: 0.001}}\n")
        return text

    def write_config(self, text):
        path = os.path.join(self.folder, "tytod.yaml")
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(path + ".new", path)
        return path

    def start_daemon(self):
        self.num_starts += 1
        path = self.write_config(self.config())
        self.log = os.path.join(self.folder, f"daemon-{self.num_starts}.log")
        preload = self.program("tests/chaos/chaos_disk.so")
        if self.args.preload:
            preload = self.args.preload + " " + preload
        env = {**os.environ, "LD_PRELOAD": preload, "TYTO_CHAOS_FAULT": self.fault_path,
               "TYTO_CHAOS_DISK": self.disk}
        with open(self.log, "wb") as out:
            self.daemon = self.spawn([self.program("daemon/tytod"), "--models", self.models, "--config", path],
                                     stdout=out, stderr=out, env=env)
        self.base = None
        self.counts["starts"] += 1
        self.wait_for("it answers", lambda: self.status() is not None, START_S)

    # --- looking --------------------------------------------------------------------------------

    def check_alive(self):
        if self.daemon.poll() is not None:
            raise Violation(f"the daemon has ended by itself: {self.daemon.returncode}\n{self.tail()}")

    def tail(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()[-3000:]

    def wait_for(self, what, condition, seconds):
        begin = time.monotonic()
        while not (result := condition()):
            self.check_alive()
            if time.monotonic() - begin > seconds * self.args.patience:
                raise Violation(f"not within {seconds * self.args.patience:.0f} s: {what}\n{self.tail()}")
            time.sleep(0.1)
        return result

    def status(self):
        try:
            return clients.ask(self.control, STATUS_S * self.args.patience, command="status")
        except (OSError, ValueError):
            return None

    def figure(self, name):
        try:
            text = clients.ask(self.control, STATUS_S * self.args.patience, command="metrics")["metrics"]
        except (OSError, ValueError, KeyError):
            return None
        return next((float(line.split()[1]) for line in text.splitlines() if line.startswith(name + " ")), None)

    def is_all_live(self):
        status = self.status()
        return status and all(c["status"] == "live" for c in status["cameras"]) and len(status["cameras"]) == 4

    def held(self):
        """What the daemon has: descriptors but sockets, sockets, threads, KiB."""
        folder, sockets, others = f"/proc/{self.daemon.pid}", 0, 0
        for name in os.listdir(folder + "/fd"):
            try:
                is_socket = os.readlink(f"{folder}/fd/{name}").startswith("socket:")
            except OSError:
                continue
            sockets += is_socket
            others += not is_socket
        with open(folder + "/status", encoding="ascii") as file:
            found = dict(line.split(":", 1) for line in file)
        return others, sockets, int(found["Threads"]), int(found["VmRSS"].split()[0])

    # --- what goes wrong ------------------------------------------------------------------------

    def spoil_camera(self):
        name, command = self.chance.choice(CAMERAS), self.chance.choice(SPOILS)
        self.say(f"camera {name}: {command}")
        self.tell_camera(name, command)

    def reload(self):
        if self.chance.random() < 0.4:
            self.write_config(self.chance.choice(BAD_CONFIGS))
        else:
            self.latency_ms = self.chance.choice((100, 200, 300))
            self.write_config(self.config(self.chance.choice(("", "more", "fewer", "rules"))))
        if self.chance.random() < 0.3:
            self.say("SIGHUP, thrice")
            for _ in range(3):
                self.daemon.send_signal(signal.SIGHUP)
            return
        begin = time.monotonic()
        answer = self.ask_within(30, command="reload")
        self.slowest["reload"] = max(self.slowest["reload"], time.monotonic() - begin)
        self.say("reload:", "applied" if answer["ok"] else "refused")

    def ask_within(self, seconds, **request):
        try:
            return clients.ask(self.control, seconds * self.args.patience, **request)
        except OSError as error:
            self.check_alive()
            raise Violation(f"{request}: {type(error).__name__}: {error}\n{self.tail()}") from error

    def swap(self):
        name = self.chance.choice(("head", "other", "wide", "stranger"))
        answer = self.ask_within(30, command="swap", path=os.path.join(self.models, name + ".safetensors"))
        self.say(f"model {name}:", "serves" if answer["ok"] else "refused")

    def stand_still(self):
        seconds = self.chance.uniform(0.2, 2)
        self.say(f"the daemon is stopped for {seconds:.1f} s")
        self.daemon.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.daemon.send_signal(signal.SIGCONT)

    def spoil_disk(self):
        kind = self.chance.choice("00001234")
        self.say("disk: " + {"0": "well", "1": "full", "2": "fails", "3": "full now and then",
                             "4": "writes halves"}[kind])
        self.fault[0:1] = kind.encode()

    def stop_follower(self):
        follower = self.followers[1]
        number = self.chance.choice((signal.SIGSTOP, signal.SIGCONT))
        self.say(f"follower {follower.name}: {number.name}")
        follower.signal(number)

    def kill_follower(self):
        follower = self.followers[2]
        self.say(f"follower {follower.name}: killed")
        follower.kill()
        if self.chance.random() < 0.7:
            follower.start()

    def bother(self):
        path = self.endpoint[6:]
        kind = self.chance.choice(("flood", "garbage", "query", "idle", "still", "control", "http", "go"))
        self.say("clients:", kind)
        if kind == "flood":
            clients.flood(path, self.chance, 1)
        elif kind in ("garbage", "query"):
            for _ in range(5):
                clients.garbage(path + (".query" if kind == "query" else ""), self.chance)
        elif kind == "idle":
            self.idle += clients.stand_about(path + self.chance.choice(("", ".query")), 40)
        elif kind == "still":
            self.idle += clients.stand_still(path)
        elif kind == "control":
            for _ in range(5):
                clients.bother_control(self.control, self.chance)
        elif kind == "http":
            for _ in range(5):
                clients.bother_http(self.port, self.chance)
        else:
            self.let_go()

    def let_go(self):
        for client in self.idle:
            client.close()
        self.idle = []

    # --- rounds ---------------------------------------------------------------------------------

    def disturb(self, num_steps):
        steps = ((self.spoil_camera, 10), (self.reload, 3), (self.swap, 2), (self.stand_still, 1),
                 (self.spoil_disk, 3), (self.stop_follower, 2), (self.kill_follower, 2), (self.bother, 6))
        for step in self.chance.choices([s for s, _ in steps], [w for _, w in steps], k=num_steps):
            step()
            self.counts[step.__name__] += 1
            time.sleep(self.chance.uniform(0, 0.6))
            self.check_alive()

    def make_well(self):
        """All but the cameras' connections."""
        self.let_go()
        self.fault[0:1] = b"0"
        for name in CAMERAS:
            self.tell_camera(name, "well")
            self.tell_camera(name, "use small")
            self.tell_camera(name, "drop")  # stamps that jumped would jump back
        self.followers[1].signal(signal.SIGCONT)
        if self.followers[2].process.poll() is not None:
            self.followers[2].start()
        for follower in self.followers:
            if follower.process.poll() is not None:
                raise Violation(f"follower {follower.name} has ended: {follower.process.returncode}")
        self.wait_for("the journal is written again", lambda: self.figure("tyto_journal_waiting") == 0
                      and self.figure("tyto_journal_failing") == 0, 30)

    def reload_once_started(self):
        answer = self.ask_within(30, command="reload")
        return None if answer.get("error") == "closed" else answer

    def settle(self):
        """All is well: cameras are live again, and nothing is left behind."""
        self.make_well()
        # Half of the times cameras come back by themselves, after a back-off of a minute at most.
        if self.args.short or self.chance.random() < 0.5:
            self.latency_ms = 250 if self.latency_ms != 250 else 240
        self.write_config(self.config())
        answer = self.wait_for("it has started", self.reload_once_started, START_S)
        if not answer["ok"]:
            raise Violation(f"a good configuration is refused: {answer}")
        begin = time.monotonic()
        self.wait_for("all cameras are live", self.is_all_live, LIVE_S)
        self.slowest["all live"] = max(self.slowest["all live"], time.monotonic() - begin)
        if self.base is None:
            found = []
            for _ in range(15):
                time.sleep(0.1)
                found.append(self.held())
            self.base = tuple(max(values) for values in zip(*found))
            self.say("at first: %d descriptors and %d sockets, %d threads, %.1f MiB" %
                     (*self.base[:3], self.base[3] / 1024))
            return
        others, sockets, threads, _ = self.base
        try:
            self.wait_for("as before", lambda: self.is_flat(others, sockets, threads), SETTLE_S)
        except Violation as violation:
            raise Violation(f"descriptors, sockets and threads were {self.base[:3]}, are {self.held()[:3]} "
                            f"{violation}") from None
        now = self.held()
        self.counts["settled"] += 1
        self.slowest["memory MiB more"] = max(self.slowest["memory MiB more"], (now[3] - self.base[3]) / 1024)
        self.say("settled: %d descriptors and %d sockets, %d threads, %.1f MiB" % (*now[:3], now[3] / 1024))
        if now[3] > self.base[3] + MORE_MEMORY_KIB and not self.args.sanitized:
            raise Violation(f"memory has grown: {self.base[3]} to {now[3]} KiB")

    def is_flat(self, others, sockets, threads):
        now = self.held()
        # Each follower may have a connection to the query socket, or not, and decoders come with a
        # thread more or less.
        return (now[0] <= others + SLACK and now[1] <= sockets + 2 * len(self.followers) + SLACK
                and now[2] <= threads + SLACK)

    def stop_daemon(self, how):
        begin = time.monotonic()
        self.say("the daemon:", how)
        if how == "kill -9":
            self.daemon.kill()
            self.daemon.wait()
            self.counts["kills"] += 1
        else:
            self.daemon.send_signal(signal.SIGTERM)
            try:
                status = self.daemon.wait(END_S * self.args.patience)
            except subprocess.TimeoutExpired:
                raise Violation(f"SIGTERM was not obeyed within {END_S * self.args.patience:.0f} s\n"
                                f"{self.tail()}") from None
            seconds = time.monotonic() - begin
            self.slowest["SIGTERM"] = max(self.slowest["SIGTERM"], seconds)
            self.counts["ends"] += 1
            if status != 0:
                raise Violation(f"it ended with {status}\n{self.tail()}")
        self.check_log()

    def check_log(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            found = [line for line in file if any(word in line for word in LOG_WORDS)
                     and not any(word in line for word in OF_OTHERS)]
        if found:
            raise Violation("the log says:\n" + "".join(found[:20]))

    def run(self, until):
        self.start_daemon()
        self.settle()
        rounds = ["kill -9", "go on"] if self.args.short else None
        while rounds or (rounds is None and time.monotonic() < until):
            self.disturb(8 if self.args.short else self.chance.randrange(5, 60))
            how = rounds.pop(0) if rounds else self.chance.choice(("SIGTERM", "kill -9", "go on", "go on"))
            if how != "go on" and self.chance.random() < 0.5:
                # In the middle of it; but what only memory has is lost with it.
                self.fault[0:1] = b"0"
                self.wait_for("the journal is written again",
                              lambda: self.figure("tyto_journal_waiting") == 0, 30)
                self.stop_daemon(how)
                self.start_daemon()
            self.settle()
            if how != "go on":
                self.stop_daemon(how)
                self.start_daemon()
                self.settle()
        self.finish()

    def finish(self):
        self.make_well()
        time.sleep(2.5)  # what a killed daemon left open is ended
        self.stop_daemon("SIGTERM")
        kept, num_open = events_of(self.journal)
        if [seq for seq, _ in kept] != list(range(1, len(kept) + 1)):
            seqs = [seq for seq, _ in kept]
            gaps = [(a, b) for a, b in zip([0, *seqs], seqs) if b != a + 1]
            raise Violation(f"numbers are not contiguous: {gaps[:5]}")
        if num_open:
            raise Violation(f"{num_open} events are open")
        # Whoever was behind asks a daemon for the rest.
        self.start_daemon()
        last = kept[-1][0]
        for follower in self.followers:
            self.wait_for(f"follower {follower.name} is told all {last}", lambda f=follower: f.position() >= last, 60)
        self.stop_daemon("SIGTERM")
        kept, _ = events_of(self.journal)
        end = time.monotonic() + 5 * self.args.patience
        while any(f.position() < kept[-1][0] for f in self.followers) and time.monotonic() < end:
            time.sleep(0.1)
        heard_by_all = min(f.position() for f in self.followers)
        for follower in self.followers:
            follower.signal(signal.SIGTERM)
            follower.process.wait()
        seqs = [seq for seq, topic in kept if topic.startswith("ev/")]
        for follower in self.followers:
            told = {int(line[0]) for line in follower.lines() if line[0].isdigit()}
            num = follower.check([s for s in seqs if s <= heard_by_all or s in told])
        self.say(f"{len(kept)} messages, {num} events: contiguous, ended, and each told once")

    def close(self):
        self.let_go()
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"))
    parser.add_argument("--patience", type=float, default=1)
    parser.add_argument("--short", action="store_true", help="two rounds of few steps, whatever the time")
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("--keep")
    parser.add_argument("--preload", help="loaded before all else, as sanitizers must be")
    args = parser.parse_args()
    args.sanitized = bool(args.preload)
    seconds = args.minutes * 60 if args.minutes else args.seconds
    print(f"chaos: seed {args.seed}," + (" short" if args.short else f" {seconds:.0f} s"), flush=True)
    with tempfile.TemporaryDirectory(prefix="tyto-") as folder:
        if args.keep:
            os.makedirs(args.keep)
            folder = os.path.abspath(args.keep)
        world, failed = None, True
        try:
            world = World(args, folder)
            world.run(time.monotonic() + seconds)
            failed = False
        except Violation as violation:
            print(f"chaos: VIOLATION with seed {args.seed}: {violation}", flush=True)
        finally:
            if world:
                world.close()
        print("chaos:", ", ".join(f"{n} {k}" for k, n in sorted(world.counts.items())) + ";",
              ", ".join(f"{k} {s:.1f}" for k, s in sorted(world.slowest.items())))
    return 1 if failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.exit(main())
