#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many RTSP cameras are lost at once, and one is not: how soon each is live again, how many connections
are begun in any second, and that the one that stays notices nothing. Twice: their connections end and they
can be had again at once; and nobody is let in for a while, so that waits have grown. The networks are
made up.

  loss.py --build DIR [--cameras N] [--size WxH] [--cap N] [--seed S] [--patience X] [--keep DIR] [--quiet]

What must hold: each is live within its wait, as the log tells it, and 5 s; never more connections within
a second than connects_per_s (--cap), as the server sees them (times --patience: what waits for a processor
arrives late, and together); no loss of the one that stays, and a segment of it each second;
numbers contiguous, each event ended."""
import os
import re
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import house  # noqa: E402
from house import Violation  # noqa: E402

STAGE = ("videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=%d,height=%d,framerate=10/1 ! "
         "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10 threads=1 bitrate=300 ! "
         "rtph264pay name=pay0 pt=96 config-interval=-1 audiotestsrc is-live=true wave=pink-noise ! "
         "audio/x-raw,rate=16000,channels=1 ! avenc_aac bitrate=32000 ! rtpmp4gpay name=pay1 pt=97")
MAX_WAIT_S = 60
WITHIN_S = 5
SHUT_S = 12


def most_within_a_second(times):
    times = sorted(times)
    return max((sum(t <= u < t + 1 for u in times) for t in times), default=0)


class Loss(house.House):
    def __init__(self, args, folder):
        super().__init__(args, folder)
        num, size = (6, "96x64") if args.short else (args.cameras, args.size)
        width, height = (int(n) for n in size.split("x"))
        port = self.start_stage("camera=" + STAGE % (width, height))
        self.many, self.one = self.start_camera(port), self.start_camera(port)
        self.names = [f"m{i}" for i in range(num)]
        self.followers = [house.Follower(self, "steady")]

    def start_camera(self, port):
        camera = self.spawn([sys.executable, os.path.join(HERE, "bad_camera.py"), port, "camera"],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        camera.port = camera.stdout.readline().split()[1]
        return camera

    @staticmethod
    def tell(camera, *commands):
        camera.stdin.write("".join(command + "\n" for command in commands))
        camera.stdin.flush()

    def times(self):
        """When connections of the many were begun since it was asked last."""
        self.tell(self.many, "times")
        return [float(word) for word in self.many.stdout.readline().split()[1:]]

    def config(self, variant=""):
        row = "  - {id: %s, uri: 'rtsp://127.0.0.1:%s/camera', transport: tcp, stall_s: %d}\n"
        stall_s = 5 * self.args.patience
        return ("cameras:\n" + "".join(row % (name, self.many.port, stall_s) for name in self.names)
                + row % ("stays", self.one.port, stall_s) + house.TRACKER
                + f"connects_per_s: {self.args.cap}\njournal: {{path: {self.journal}}}\n"
                f"publish: {{endpoints: ['{self.endpoint}']}}\ncontrol: {self.control}\nstate: {self.disk}\n")

    def cameras(self):
        status = self.status()
        return {camera["id"]: camera for camera in status["cameras"]} if status else {}

    def is_all_live(self):
        cameras = self.cameras()
        return cameras and all(c["status"] == "live" for c in cameras.values())

    def make_well(self):
        self.tell(self.many, "well")

    def longest_wait_s(self, at):
        """What the log tells of waits, from a place in it on."""
        with open(self.log, encoding="utf-8", errors="replace") as file:
            file.seek(at)
            return max((float(s) for s in re.findall(r"next try in ([0-9.]+) s", file.read())), default=0)

    def check_pace(self, what, most):
        self.counts["most within a second"] = max(self.counts["most within a second"], most)
        if most > self.args.cap * self.args.patience:
            raise Violation(f"{what}: {most} connections within a second, {self.args.cap} are allowed")

    def lose(self, what, shut_s):
        self.times()
        before, at = self.cameras(), os.path.getsize(self.log)
        begin = time.monotonic()
        self.tell(self.many, *(["refuse"] if shut_s else []), "drop")
        self.wait_for("all are lost", lambda: all(
            c["losses"] > before[name]["losses"] for name, c in self.cameras().items() if name != "stays"), 10)
        time.sleep(shut_s)
        refused = self.times()
        waits_s = self.longest_wait_s(at)
        well = time.monotonic() if shut_s else begin
        self.make_well()
        took = {}

        def look():
            for name, camera in self.cameras().items():
                if camera["status"] == "live" and name in self.names:
                    took.setdefault(name, time.monotonic() - well)
            return len(took) == len(self.names)

        self.wait_for(f"{len(self.names)} cameras are live", look, MAX_WAIT_S + WITHIN_S)
        # Who waits when all is well again tries once more at the end of that wait.
        waits_s = waits_s if shut_s else self.longest_wait_s(at)
        times = self.times()
        found = self.cameras()["stays"]
        seconds = time.monotonic() - begin
        segments = found["segments"] - before["stays"]["segments"]
        most = most_within_a_second(refused + times)
        self.say(f"{what}: {len(took)} cameras live again after {min(took.values()):.1f} to {max(took.values()):.1f} s, "
                 f"waits of up to {waits_s:.1f} s; {len(refused)} tries before that, {len(times)} since, at most "
                 f"{most} within a second; of the one that stays {segments} segments in {seconds:.1f} s")
        self.slowest[what] = max(took.values())
        if max(took.values()) > waits_s + WITHIN_S * self.args.patience:
            raise Violation(f"{what}: {max(took.values()):.1f} s, with waits of {waits_s:.1f} s")
        self.check_pace(what, most)
        if found["losses"] or found["status"] != "live":
            raise Violation(f"the camera that stays: {found}")
        if segments < seconds - 3 * self.args.patience:
            raise Violation(f"of the camera that stays {segments} segments in {seconds:.1f} s")

    def run(self):
        self.start_daemon()
        self.wait_for("all cameras are live", self.is_all_live, house.START_S)
        self.check_pace("at the start", most_within_a_second(self.times()))
        time.sleep(1 if self.args.short else 5)
        self.lose("dropped", 0)
        time.sleep(1 if self.args.short else 5)
        self.lose("shut", 3 if self.args.short else SHUT_S)
        self.finish()


def main():
    parser = house.arguments(__doc__)
    parser.add_argument("--cameras", type=int, default=32)
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--cap", type=int, default=10)
    return house.keep(parser.parse_args(), "loss", Loss)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.exit(main())
