# SPDX-License-Identifier: MIT
"""What chaos.py and its neighbours share: a tytod with a journal on a disk that can be spoiled, three
programs that follow it, and what must hold at the end: numbers are contiguous, each follower was given
exactly the messages of the journal, in order, and each event has an END."""
import argparse
import collections
import mmap
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

import clients

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "flow"))
from ports import free_port  # noqa: E402

# Any score opens an event, and events are cut into short pieces: there is always something to tell.
TRACKER = ("tracker: {threshold: 0.01, threshold_single: 0.01, peak: 0, onset_num: 1, "
           "onset_window: 1, hang_over_s: 0.5, max_duration_s: 1, update_every_s: 0.5}\n")
# The smallest camera with picture and sound that chaos_stage serves.
STAGE = ("videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=96,height=64,framerate=5/1 ! "
         "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=5 threads=1 bitrate=64 ! "
         "rtph264pay name=pay0 pt=96 config-interval=-1 audiotestsrc is-live=true wave=pink-noise ! "
         "audio/x-raw,rate=16000,channels=1 ! avenc_aac bitrate=32000 ! rtpmp4gpay name=pay1 pt=97")
START_S, STATUS_S, END_S = 60, 10, 5
CONTROL_BYTES = 12  # of chaos_disk
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


class House:
    """What config() says is up to who derives from it."""

    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.chance = random.Random(args.seed)
        self.begin = time.monotonic()
        self.processes = []
        # For all programs that are started, not for this one.
        self.faster = {} if args.rate == 1 else {
            "LD_PRELOAD": self.program("tests/flow/faked_clock.so"), "TYTO_CHAOS_RATE": str(args.rate),
            "TYTO_CHAOS_RATE_FROM": str(time.monotonic_ns())}
        # Of the configuration of an RTSP camera.
        self.isolation = ", isolate: true" if args.isolate else ""
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
        self.models = os.path.join(folder, "models")
        os.mkdir(self.models)
        subprocess.run([self.program("tests/flow/make_small_models"), self.models], check=True, timeout=120)
        self.head = os.path.join(self.models, "head.safetensors")
        self.fault_path = os.path.join(folder, "fault")
        with open(self.fault_path, "wb") as file:
            file.write(b"0".ljust(CONTROL_BYTES, b"\0"))
        with open(self.fault_path, "r+b") as file:
            self.fault = mmap.mmap(file.fileno(), CONTROL_BYTES)
        self.followers = []
        self.preloads = [args.preload, self.program("tests/chaos/chaos_disk.so"), self.faster.get("LD_PRELOAD")]
        self.daemon_env = {"TYTO_CHAOS_FAULT": self.fault_path, "TYTO_CHAOS_DISK": self.disk}

    def config(self, variant=""):
        raise NotImplementedError

    def make_well(self):
        self.fault[0:1] = b"0"

    # --- what runs ------------------------------------------------------------------------------

    def program(self, name):
        return os.path.join(self.args.build, name)

    def spawn(self, command, **kwargs):
        process = subprocess.Popen(command, **{"env": {**os.environ, **self.faster}, **kwargs})
        self.processes.append(process)
        return process

    def start_stage(self, *cameras):
        """chaos_stage with cameras NAME=PIPELINE; the port."""
        stage = self.spawn([self.program("tests/chaos/chaos_stage"), *cameras],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return stage.stdout.readline().split()[1]

    def say(self, *words):
        if not self.args.quiet:
            print(f"{time.monotonic() - self.begin:7.1f}", *words, flush=True)

    def write_config(self, text):
        path = os.path.join(self.folder, "tytod.yaml")
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(path + ".new", path)
        return path

    def start_daemon(self, is_waited_for=True):
        self.num_starts += 1
        path = self.write_config(self.config())
        self.log = os.path.join(self.folder, f"daemon-{self.num_starts}.log")
        env = {**os.environ, **self.faster, **self.daemon_env, "LD_PRELOAD": " ".join(filter(None, self.preloads))}
        with open(self.log, "wb") as out:
            self.daemon = self.spawn([self.program("daemon/tytod"), "--models", self.models, "--config", path],
                                     stdout=out, stderr=out, env=env)
        self.base = None
        self.counts["starts"] += 1
        if is_waited_for:
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

    def ask_within(self, seconds, **request):
        try:
            return clients.ask(self.control, seconds * self.args.patience, **request)
        except OSError as error:
            self.check_alive()
            raise Violation(f"{request}: {type(error).__name__}: {error}\n{self.tail()}") from error

    def wait_until_written(self):
        self.wait_for("the journal is written again", lambda: self.figure("tyto_journal_waiting") == 0
                      and self.figure("tyto_journal_failing") == 0, 30)

    # --- the end --------------------------------------------------------------------------------

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
            # At a rate the seconds that it gives itself are milliseconds: it says so, and leaves.
            if status not in ((0,) if self.args.rate == 1 else (0, 1)):
                raise Violation(f"it ended with {status}\n{self.tail()}")
        self.check_log()

    def check_log(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            found = [line for line in file if any(word in line for word in LOG_WORDS)
                     and not any(word in line for word in OF_OTHERS)]
        if found:
            raise Violation("the log says:\n" + "".join(found[:20]))

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
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()


class Recorded(House):
    """A live camera and one that is made up, with journal and recordings, and one who follows."""

    def __init__(self, args, folder):
        super().__init__(args, folder)
        self.port = self.start_stage("camera=" + STAGE)
        self.followers = [Follower(self, "live")]

    def config(self, variant=""):
        return (f"cameras:\n  - {{id: a, uri: 'rtsp://127.0.0.1:{self.port}/camera'}}\n"
                f"  - {{id: b, uri: 'test://?width=64&height=48'}}\n{TRACKER}"
                f"journal: {{path: {self.journal}}}\npublish: {{endpoints: ['{self.endpoint}']}}\n"
                f"control: {self.control}\nstate: {self.disk}\nconnects_per_s: 20\n"
                f"record: {{dir: {self.disk}/clips, pre_s: 1, post_s: 1, max_gib: 0.02, min_free_gib: 0.001}}\n")


def arguments(description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"))
    parser.add_argument("--patience", type=float, default=1)
    parser.add_argument("--short", action="store_true", help="for tests: little of it")
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("--keep")
    parser.add_argument("--isolate", action="store_true", help="RTSP cameras in processes of their own")
    parser.add_argument("--rate", type=float, default=1, help="so many times faster all clocks go")
    parser.add_argument("--preload", default="", help="loaded before all else, as sanitizers must be")
    return parser


def keep(args, what, house_of):
    """Runs house_of(args, folder).run(); the exit status."""
    args.sanitized = bool(args.preload)
    if args.isolate and args.rate != 1:
        raise SystemExit("--isolate and --rate: a camera's process is not told of another clock")
    print(f"{what}: seed {args.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="tyto-") as folder:
        if args.keep:
            try:
                os.makedirs(args.keep)
            except FileExistsError:
                raise SystemExit(f"--keep {args.keep}: is there already; name a new folder") from None
            folder = os.path.abspath(args.keep)
        house, failed = None, True
        try:
            house = house_of(args, folder)
            house.run()
            failed = False
        except Violation as violation:
            print(f"{what}: VIOLATION with seed {args.seed}: {violation}", flush=True)
        finally:
            if house:
                house.close()
        print(f"{what}:", ", ".join(f"{n} {k}" for k, n in sorted(house.counts.items())) + ";",
              ", ".join(f"{k} {s:.1f}" for k, s in sorted(house.slowest.items())))
    return 1 if failed else 0
