#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a long life wears out: RTSP cameras that lose their connection again and again, reloads (one in
ten of a bad file), other models. Descriptors and threads must be what they were, and memory must settle.

  wear.py --build DIR [--reloads N] [--reconnects N] [--swaps N] [--minutes M] [--cameras N]
          [--rest-minutes M] [--seed S] [--patience X] [--keep DIR] [--quiet]

Goes on until there were so many of each (1000, 10000, 1000), or the minutes (15) are over. --rest-minutes:
before that, only events, for so long. Prints descriptors, threads and memory as it goes, and how fast
memory grew from the middle of each part on, by least squares."""
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import house  # noqa: E402
from house import Violation  # noqa: E402

GROUP = 4  # cameras behind one server, at most: they are dropped together
LOOK_S, TELL_S, SETTLE_S = 1, 30, 90
SLACK = 6
MORE_MEMORY_KIB = 24 * 1024


def slope(points):
    """Of (x, y): y for each 1 of x."""
    num = len(points)
    if num == 0:
        return 0
    mean_x, mean_y = sum(x for x, _ in points) / num, sum(y for _, y in points) / num
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0


class Wear(house.House):
    def __init__(self, args, folder):
        super().__init__(args, folder)
        port = self.start_stage("camera=" + house.STAGE)
        self.servers = []
        self.group = min(GROUP, args.cameras)
        for _ in range(args.cameras // self.group):
            server = self.spawn([sys.executable, os.path.join(HERE, "bad_camera.py"), port, "camera"],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            server.port = server.stdout.readline().split()[1]
            self.servers.append(server)
        self.variant = 0
        self.followers = [house.Follower(self, "steady")]

    def config(self, variant=""):
        rows = "".join(
            f"  - {{id: c{g}-{i}, uri: 'rtsp://127.0.0.1:{server.port}/camera', transport: tcp, "
            f"stall_s: {min(5 * self.args.patience, 60):.0f}, latency_ms: {200 + 10 * (self.variant % 2)}{self.isolation}}}\n"
            for g, server in enumerate(self.servers) for i in range(self.group))
        return (f"cameras:\n{rows}{house.TRACKER}classes: {{dog: {{publish: {str(self.variant % 2 > 0).lower()}}}}}\n"
                f"connects_per_s: 100\njournal: {{path: {self.journal}}}\n"
                f"publish: {{endpoints: ['{self.endpoint}']}}\ncontrol: {self.control}\nstate: {self.disk}\n")

    def cameras(self):
        status = self.status()
        return status["cameras"] if status else []

    def is_all_live(self):
        cameras = self.cameras()
        return cameras and all(camera["status"] == "live" for camera in cameras)

    def make_well(self):
        pass

    # --- a part -------------------------------------------------------------------------------------

    def look(self, points, begin):
        points.append((time.monotonic() - begin, self.held()[3]))

    def tell(self, what, points):
        others, sockets, threads, kib = self.held()
        self.say(f"{what}: {others} descriptors, {sockets} sockets, {threads} threads, {kib / 1024:.1f} MiB; "
                 f"{self.counts['reloads']} reloads ({self.counts['refused']} refused), "
                 f"{self.counts['reconnects']} reconnects, {self.counts['swaps']} swaps; "
                 f"load {os.getloadavg()[0]:.0f}")
        return slope(points[len(points) // 2:])

    def rest(self, minutes):
        begin = told = time.monotonic()
        points = []
        while time.monotonic() - begin < minutes * 60:
            time.sleep(LOOK_S)
            self.check_alive()
            self.look(points, begin)
            if time.monotonic() - told > 10 * TELL_S:
                told = time.monotonic()
                self.tell("at rest", points)
        per_s = self.tell("at rest", points)
        self.say(f"at rest for {minutes} minutes: {per_s * 3600 / 1024:+.2f} MiB an hour in the second half")

    def reload(self):
        if self.counts["tries"] % 10 == 9:
            self.write_config("cameras: [")
        else:
            self.variant += 1
            self.write_config(self.config())
        self.counts["tries"] += 1
        answer = self.ask_within(30, command="reload")
        self.counts["reloads" if answer["ok"] else "refused"] += 1

    def swap(self):
        name = ("head", "other")[self.counts["swaps"] % 2]
        answer = self.ask_within(30, command="swap", path=os.path.join(self.models, name + ".safetensors"))
        if not answer["ok"]:
            raise Violation(f"a model is refused: {answer}")
        self.counts["swaps"] += 1

    def drop_the_live(self):
        cameras = self.cameras()
        for group, server in enumerate(self.servers):
            of_it = [c for c in cameras if c["id"].startswith(f"c{group}-")]
            if of_it and all(c["status"] == "live" for c in of_it):
                server.stdin.write("drop\n")
                server.stdin.flush()

    def count_connections(self):
        """Those that servers have seen."""
        for server in self.servers:
            server.stdin.write("times\n")
            server.stdin.flush()
            self.counts["reconnects"] += len(server.stdout.readline().split()) - 1

    def wear(self, base):
        begin = told = looked = time.monotonic()
        points = []
        args, counts = self.args, self.counts
        while time.monotonic() - begin < args.minutes * 60:
            done = (counts["tries"] / args.reloads, counts["reconnects"] / args.reconnects,
                    counts["swaps"] / args.swaps)
            if min(done) >= 1:
                break
            self.drop_the_live()
            if done[0] <= min(done[1], 1):
                self.reload()
            if done[2] <= min(done[1], 1):
                self.swap()
            self.check_alive()
            if time.monotonic() - looked > LOOK_S:
                looked = time.monotonic()
                self.look(points, begin)
                self.count_connections()
            if time.monotonic() - told > TELL_S:
                told = time.monotonic()
                self.tell("worn", points)
            time.sleep(0.05)
        seconds = time.monotonic() - begin
        if counts["tries"] % 10 == 0:
            self.reload()
        self.write_config(self.config())
        self.wait_for("all cameras are live", self.is_all_live, SETTLE_S)
        self.wait_for("descriptors and threads are as before", lambda: all(
            now <= before + SLACK for now, before in zip(self.held()[:3], base)), SETTLE_S)
        per_s = self.tell("worn", points)
        self.say(f"{seconds:.0f} s: {per_s * seconds / 2 / 1024:+.2f} MiB in the second half of it")
        grown = self.held()[3] - base[3]
        self.slowest["MiB more"] = grown / 1024
        if grown > MORE_MEMORY_KIB and not self.args.sanitized:
            raise Violation(f"memory has grown by {grown} KiB")

    def run(self):
        self.start_daemon()
        self.wait_for("all cameras are live", self.is_all_live, house.START_S)
        for _ in range(10):  # what is set up once is there from here on
            self.reload()
            self.swap()
            time.sleep(0.5)
        self.wait_for("all cameras are live", self.is_all_live, house.START_S)
        self.count_connections()
        self.counts.clear()
        time.sleep(3)
        base = self.held()
        self.tell("at first", [(0, 0)])
        if self.args.rest_minutes:
            self.rest(self.args.rest_minutes)
        self.wear(base)
        self.finish()


def main():
    parser = house.arguments(__doc__)
    for name, value in (("reloads", 1000), ("reconnects", 10000), ("swaps", 1000), ("cameras", 16)):
        parser.add_argument("--" + name, type=int, default=value)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--rest-minutes", type=float, default=0)
    return house.keep(parser.parse_args(), "wear", Wear)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.exit(main())
