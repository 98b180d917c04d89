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
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import clients  # noqa: E402
import house  # noqa: E402
from house import START_S, Violation  # noqa: E402

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
BAD_CONFIGS = ("cameras: [", "", "cameras:\n  - {id: a, uri: 'gopher://h'}\n", "camras: []\n",
               "cameras:\n  - {id: a, uri: 'test://', transprot: tcp}\n", "\0\1\2", "a: " * 10000)
CAMERAS = ("north", "east", "south")
SPOILS = ("drop", "drop", "change large", "change small", "use jpeg", "use mute", "use large", "stall", "refuse",
          "silent", "answer 401", "answer 503", "redirect self", "redirect file:///etc/hostname",
          "starve 0", "starve 1", "lose 0.05", "lose 0.5", "swap 0.1", "flip 0.05", "flip 0.9",
          "jump 3600", "jump -3600", "clock 86400", "clock -86400", "clock -800000000", "reset",
          "describe many", "describe long", "describe empty", "describe noise", "describe deep",
          "describe no-rate", "describe twice", "describe controls", "well")
LIVE_S, SETTLE_S = 90, 40
# What may come and go. What leaks goes beyond it, from round to round.
SLACK = 6
MORE_MEMORY_KIB = 96 * 1024


class World(house.House):
    def __init__(self, args, folder):
        super().__init__(args, folder)
        self.idle, self.latency_ms = [], 200
        self.has_failed_since_written = False
        self.start_cameras()
        self.followers = [house.Follower(self, name) for name in ("steady", "stopped", "killed")]

    # --- what runs ------------------------------------------------------------------------------

    def start_cameras(self):
        port = self.start_stage(*(f"{k}={v}" for k, v in STAGE.items()))
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
                         f"latency_ms: {self.latency_ms}{self.isolation}}}")
        lines.append("  - {id: inner, uri: 'test://?width=64&height=48'}")
        if variant == "more":
            lines.append("  - {id: other, uri: 'test://?width=80&height=48'}")
        text = "\n".join(lines) + "\n" + house.TRACKER
        if variant == "fewer":
            text = text.replace(lines[2] + "\n", "")
        if variant == "rules":
            text += "classes: {cat: {publish: false}}\n"
        text += (f"connects_per_s: 20\nmetrics: {{listen: '127.0.0.1:{self.port}'}}\n"
                 f"journal: {{path: {self.journal}}}\npublish: {{endpoints: ['{self.endpoint}']}}\n"
                 f"control: {self.control}\nstate: {self.disk}\n"
                 f"record: {{dir: {self.disk}/clips, pre_s: 1, post_s: 1, max_gib: 0.02, min_free_gib: 0.001}}\n")
        return text

    def is_all_live(self):
        status = self.status()
        return status and all(c["status"] == "live" for c in status["cameras"]) and len(status["cameras"]) == 4

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
        self.has_failed_since_written |= kind == "2"

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
        self.wait_until_written()
        self.has_failed_since_written = False

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

    def run(self):
        until = time.monotonic() + (self.args.minutes * 60 if self.args.minutes else self.args.seconds)
        self.start_daemon()
        self.settle()
        rounds = ["kill -9", "go on"] if self.args.short else None
        while rounds or (rounds is None and time.monotonic() < until):
            self.disturb(8 if self.args.short else self.chance.randrange(5, 60))
            how = rounds.pop(0) if rounds else self.chance.choice(("SIGTERM", "kill -9", "go on", "go on"))
            if how != "go on" and self.chance.random() < 0.5:
                # In the middle of it; but what only memory has, when the disk fails, is lost with it.
                if self.has_failed_since_written:
                    self.fault[0:1] = b"0"
                    self.wait_until_written()
                    self.has_failed_since_written = False
                self.stop_daemon(how)
                self.start_daemon()
            self.settle()
            if how != "go on":
                self.stop_daemon(how)
                self.start_daemon()
                self.settle()
        self.finish()

    def close(self):
        self.let_go()
        super().close()


def main():
    parser = house.arguments(__doc__)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--seconds", type=float, default=300)
    args = parser.parse_args()
    return house.keep(args, "chaos", World)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.exit(main())
