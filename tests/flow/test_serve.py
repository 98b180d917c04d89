#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tyto serve as a process, over plain HTTP: what it tells, and what it refuses.

test_serve.py TYTO SAY_EVENTS
"""
import http.client
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from serving import CLIP, CLIP_ID, DEADLINE_S, Serving

TYTO, SAY_EVENTS = sys.argv[1:3]
NUM_PAST = 40


class Serve(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.serving = Serving(TYTO, SAY_EVENTS, NUM_PAST)

    @classmethod
    def tearDownClass(cls):
        cls.serving.close()

    def test_pages_and_what_keeps_them_safe(self):
        for path, kind in (("/", "text/html"), ("/app.js", "text/javascript"), ("/style.css", "text/css"), ("/icon.svg", "image/svg+xml")):
            status, headers, body = self.serving.request("GET", path)
            self.assertEqual(status, 200, path)
            self.assertTrue(headers["content-type"].startswith(kind), path)
            self.assertIn("default-src 'none'; script-src 'self'", headers["content-security-policy"])
            self.assertEqual(headers["x-content-type-options"], "nosniff")
            self.assertNotIn(b"http://", body.replace(b"http://www.w3.org/2000/svg", b""), path)
            tag = headers["etag"]
            self.assertEqual(self.serving.request("GET", path, headers={"If-None-Match": tag})[0], 304)

    def test_what_is_known(self):
        now = self.serving.wait("/api/now", lambda now: len(now["cameras"]) == 3 and now["link"]["state"] == "connected")
        self.assertEqual({camera["id"] for camera in now["cameras"]}, {"yard", "front-door", "workshop"})
        self.assertEqual(now["link"]["model"]["num_classes"], 5)
        events = self.serving.wait("/api/events", lambda events: len(events["events"]) >= NUM_PAST)
        self.assertEqual(sorted(events["classes"]), ["bird", "car", "dog", "drum", "speech"])
        self.assertFalse(events["more"])
        first = events["events"][0]
        some = self.serving.get(f"/api/events?from={first[3]}&to={first[3] + 1}")
        self.assertEqual([row[0] for row in some["events"]], [first[0]])
        self.assertTrue(self.serving.get("/api/events?max=3")["more"])
        whole = self.serving.get(f"/api/event?id={first[0]}")
        self.assertEqual(len(whole["place"]["cells"]), 49)
        self.assertEqual(len(whole["segments"]["joint"]), 8)
        self.assertEqual(self.serving.get("/api/health")["link"]["lost"], 0)

    def test_stream(self):
        connection = http.client.HTTPConnection(self.serving.host, int(self.serving.port), timeout=DEADLINE_S)
        connection.request("GET", "/api/stream")
        answer = connection.getresponse()
        self.assertEqual(answer.getheader("content-type"), "text/event-stream")
        told = set()
        while not {"scores", "event"} <= told:  # scores come only for those who look
            line = answer.readline().decode()
            if line.startswith("event: "):
                told.add(line[7:].strip())
                data = answer.readline().decode()
                self.assertTrue(data.startswith("data: {"), data)
                json.loads(data[6:])
        connection.close()
        answer.close()  # which has the connection, as it is for this answer alone
        self.serving.wait("/api/health", lambda health: health["viewers"] == 0)

    def test_seconds_go_to_those_alone_who_show_them(self):
        def listen(path):
            connection = http.client.HTTPConnection(self.serving.host, int(self.serving.port), timeout=DEADLINE_S)
            connection.request("GET", path)
            return connection, connection.getresponse()

        def names_until(answer, name, num):
            found = []
            while found.count(name) < num:
                line = answer.readline().decode()
                if line.startswith("event: "):
                    found.append(line[7:].strip())
            return found

        connection, answer = listen("/api/stream?seconds=no")
        other, whole = listen("/api/stream")
        self.assertIn("scores", names_until(whole, "scores", 3))
        self.assertNotIn("scores", names_until(answer, "event", 3))  # of two events, seconds apart
        for one in (connection, other, answer, whole):
            one.close()
        self.serving.wait("/api/health", lambda health: health["viewers"] == 0)

    def test_events_beside_one(self):
        rows = self.serving.wait("/api/events", lambda events: len(events["events"]) >= NUM_PAST)
        names, cameras = rows["classes"], rows["cameras"]
        ids = lambda is_in: [row[0] for row in sorted(rows["events"], key=lambda row: (row[3], row[0])) if is_in(row)]
        for query, is_in in (("", lambda row: True), ("&class=dog,car", lambda row: names[row[2]] in ("dog", "car")), ("&camera=yard&modality=av&score=90", lambda row: cameras[row[1]] == "yard" and row[5] == 1 and max(row[6:9]) >= 900),
                             ("&zone=drive", lambda row: "drive" in [rows["zones"][at] for at in row[10]])):
            wanted = ids(is_in)
            self.assertGreater(len(wanted), 2, query)
            found = self.serving.get(f"/api/beside?id={wanted[1]}{query}")
            self.assertEqual((found["before"], found["after"], found["at"]), (wanted[0], wanted[2], 2), query)
            self.assertGreaterEqual(found["of"], len(wanted))  # more may have come meanwhile
            self.assertIsNone(self.serving.get(f"/api/beside?id={wanted[0]}{query}")["before"])
        self.assertEqual(self.serving.get(f"/api/beside?id={ids(lambda row: True)[0]}&class=unicorn"), {"before": None, "after": None, "at": 0, "of": 0})
        self.assertEqual(self.serving.request("GET", f"/api/beside?id={ids(lambda row: True)[0]}&score=x")[0], 400)
        self.assertEqual(self.serving.request("GET", "/api/beside?id=01M84J0DCR3A85TD3GBA6TMY9D")[0], 404)

    def test_who_is_not_served(self):
        for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[::2]"):
            self.assertIn(self.serving.request("GET", "/", headers={"Host": host})[0], (400, 421), host)
        for host in ("localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8"):
            self.assertEqual(self.serving.request("GET", "/", headers={"Host": host})[0], 200, host)

    def test_nonsense(self):
        for path in ("/nothing", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2fmeson.build", "/.hidden", "/app.js/", "/api/", "/api/event",
                     "/api/event?id=../../etc/passwd", "/api/event?id=%00", "/" + "a" * 4000):
            self.assertIn(self.serving.request("GET", path)[0], (400, 404), path[:60])
        for query in ("from=x", "from=1e99", "max=0", "max=-1", "to=99999999999999999999", "from="):
            self.assertEqual(self.serving.request("GET", "/api/events?" + query)[0], 400, query)
        for method in ("PUT", "DELETE", "TRACE", "OPTIONS", "NONSENSE"):
            self.assertGreaterEqual(self.serving.request(method, "/")[0], 400, method)

    def raw(self, *parts, patience_s=DEADLINE_S):
        with socket.create_connection((self.serving.host, int(self.serving.port)), timeout=patience_s) as one:
            got = b""
            try:
                for part in parts:
                    one.sendall(part)
                one.shutdown(socket.SHUT_WR)
                while len(got) < 1 << 20:
                    data = one.recv(65536)
                    if not data:
                        break
                    got += data
            except OSError:
                pass
            return got

    def test_too_much(self):
        head = b"POST /api/login HTTP/1.1\r\nHost: localhost\r\n"
        self.assertNotIn(b" 200 ", self.raw(head + b"Content-Length: 99999999\r\n\r\n", b"x" * 300000))
        chunks = [b"8000\r\n" + b"x" * 0x8000 + b"\r\n"] * 8
        self.assertNotIn(b" 200 ", self.raw(head + b"Transfer-Encoding: chunked\r\n\r\n", *chunks))
        self.assertNotIn(b" 200 ", self.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n", *([b"X: " + b"y" * 60000 + b"\r\n"] * 8), b"\r\n"))
        self.serving.get("/api/me")

    def test_connections_whose_clients_leave_keep_no_descriptor(self):
        def num_open():
            return len(os.listdir(f"/proc/{self.serving.page.pid}/fd"))

        before = num_open()
        for path in ("/", "/nothing", "/api/now"):
            for _ in range(20):
                with socket.create_connection((self.serving.host, int(self.serving.port)), timeout=DEADLINE_S) as one:
                    one.sendall(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    self.assertTrue(one.recv(65536))  # and it goes without another word
        begin = time.monotonic()
        while num_open() > before + 5:
            self.assertLess(time.monotonic() - begin, DEADLINE_S, (before, num_open()))
            time.sleep(0.1)

    def test_many_connections_of_one_place(self):
        for _ in range(2):  # those of the first time are not held against anybody afterwards
            held = []
            for _ in range(300):
                one = socket.socket()
                held.append(one)
                one.settimeout(DEADLINE_S)
                one.bind(("127.0.0.7", 0))
                try:
                    one.connect((self.serving.host, int(self.serving.port)))
                    one.sendall(b"GET / HTTP/1.1\r\nHost: loc")
                except OSError:
                    pass  # it has been hung up already
            self.serving.get("/api/me")  # of another place
            for one in held:
                one.close()
        begin = time.monotonic()
        while True:
            try:
                self.assertEqual(self.serving.request("GET", "/", source="127.0.0.7")[0], 200)
                break
            except (OSError, http.client.HTTPException):
                self.assertLess(time.monotonic() - begin, DEADLINE_S)


def mutate(rng, text):
    """A request whose paths, headers and body are changed in a few places: bytes, whole pieces of it doubled,
    left out or moved, and what is longer or larger than it should be."""
    text = bytearray(text)
    for _ in range(rng.randint(1, 6)):
        at, kind = rng.randrange(len(text) + 1), rng.randrange(6)
        piece = bytes(text[at:at + rng.randint(1, 40)])
        if kind < 2:
            text[at:at + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 4))
        elif kind == 2:
            text[at:at] = piece * rng.choice((1, 2, 300))
        elif kind == 3:
            del text[at:at + len(piece)]
        elif kind == 4:
            to = rng.randrange(len(text) + 1)
            text[to:to] = piece
        else:
            text[at:at] = rng.choice((b"\r\n", b"\0", b"%00", b"../", b"%2e%2e%2f", b"\xff\xfe", b"9" * 30, b"-1", b"[" * 3000, b'{"', b"1e999", b"NaN"))
    return bytes(text)


class Mutated(unittest.TestCase):
    """Every path, with headers and bodies that have been changed: for TYTO_FUZZ_S seconds, or a hundred."""

    def test_mutations(self):
        folder = tempfile.mkdtemp(prefix="tyto-mutated-")
        seconds, begin = float(os.environ.get("TYTO_FUZZ_S", 0)), time.monotonic()
        rng = random.Random(int(os.environ.get("TYTO_FUZZ_SEED", 10)))
        num = 0
        try:
            clips, users = self.fill(folder)
            args = ["--recordings", clips, "--corrections", os.path.join(folder, "corrections")]
            with Serving(TYTO, SAY_EVENTS, 20, args) as open_one, Serving(TYTO, SAY_EVENTS, 2, [*args, "--users", users]) as closed_one:
                servings = (open_one, closed_one)
                seeds = [self.seeds(serving) for serving in servings]
                while num < 120 or time.monotonic() - begin < seconds:
                    i = rng.randrange(8) == 0
                    text = b"".join(mutate(rng, rng.choice(seeds[i])) for _ in range(rng.choice((1, 1, 1, 3))))
                    # What claims a longer body than it has may be waited for: not here.
                    self.send(servings[i], text)
                    num += 1
                    if num % 100 == 0:
                        for serving in servings:
                            self.assertIsNone(serving.page.poll(), f"after {num} requests")
                            serving.get("/api/me")
                codes = [serving.stop(serving.page) for serving in servings]
            self.assertEqual(codes, [0, 0], open_one.said + closed_one.said)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if seconds:
            print(f"{num} requests in {time.monotonic() - begin:.0f} s")

    @staticmethod
    def fill(folder):
        clips, users, word = (os.path.join(folder, name) for name in ("clips", "users", "word"))
        os.makedirs(os.path.join(clips, "yard"))
        with open(os.path.join(clips, CLIP), "wb") as file:
            file.write(bytes(range(256)) * 40)
        with open(os.path.join(clips, "labels.csv"), "w", encoding="ascii") as file:
            file.write(f"file,class,begin_s,end_s,modality\n{CLIP},dog,5.000,9.000,both\n")
        with open(os.open(word, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write("looks but touches not")
        subprocess.run([TYTO, "user", "add", "viv", "--users", users, "--password-file", word], check=True, timeout=DEADLINE_S)
        return clips, users

    @staticmethod
    def seeds(serving):
        token = serving.get("/api/me").get("token", "")
        more = f"Host: localhost:{serving.port}\r\nX-Tyto-Token: {token}\r\nOrigin: http://localhost:{serving.port}\r\nCookie: tyto-session={'0' * 32}; a=b\r\n"
        gets = ["/", "/app.js", "/api/me", "/api/now", "/api/events?from=1&to=2&max=3", f"/api/event?id={CLIP_ID}", f"/api/alike?id={CLIP_ID}&by=any&among=any", f"/api/recording?id={CLIP_ID}",
                f"/media?id={CLIP_ID}", f"/play?id={CLIP_ID}", f"/api/film?id={CLIP_ID}", f"/picture?id={CLIP_ID}", "/api/health", "/api/teach", "/api/thresholds", "/api/stream", "/api/stream?seconds=no", f"/api/beside?id={CLIP_ID}&class=a,b&camera=c&zone=d&modality=av&score=50"]
        posts = [("/api/login", {"name": "viv", "password": "wrong"}), ("/api/logout", {}), ("/api/teach/start", {"clips": ["a"]}), ("/api/teach/push", {"run": 1}),
                 ("/api/correct", {"id": CLIP_ID, "labels": [{"class": "dog", "begin": 1.5, "end": 2.25, "modality": "av"}]}),
                 ("/api/thresholds/count", {"cameras": ["yard"], "hours": 1}), ("/api/thresholds/apply", {"camera": None, "classes": [{"name": "dog", "thresholds": [0.5, 0.5, 0.5]}]})]
        seeds = [f"GET {path} HTTP/1.1\r\n{more}Range: bytes=0-99\r\nIf-None-Match: \"a\"\r\nAccept-Language: de\r\n\r\n".encode() for path in gets]
        for path, body in posts:
            text = json.dumps(body)
            head = f"POST {path} HTTP/1.1\r\n{more}Content-Type: application/json\r\n"
            seeds.append(f"{head}Content-Length: {len(text)}\r\n\r\n{text}".encode())
            seeds.append(f"{head}Transfer-Encoding: chunked\r\n\r\n{len(text):x}\r\n{text}\r\n0\r\n\r\n".encode())
        return seeds

    @staticmethod
    def send(serving, text):
        try:
            with socket.create_connection((serving.host, int(serving.port)), timeout=0.3) as one:
                one.sendall(text)
                one.shutdown(socket.SHUT_WR)
                got = 0
                while got < 1 << 18 and (data := one.recv(65536)):
                    got += len(data)
        except OSError:
            pass


class Review(unittest.TestCase):
    """A recording, and what a person says of it."""

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="tyto-review-")
        cls.clips, cls.corrections = os.path.join(cls.dir, "clips"), os.path.join(cls.dir, "corrections")
        cls.clip = "yard/20261123T155715Z-dog-01M84J0DCR3A85TD3GBA6TMY9D.mkv"
        cls.bytes = bytes(range(256)) * 40
        os.makedirs(os.path.join(cls.clips, "yard"))
        with open(os.path.join(cls.clips, cls.clip), "wb") as file:
            file.write(cls.bytes)
        with open(os.path.join(cls.clips, "labels.csv"), "w", encoding="ascii") as file:
            file.write(f"file,class,begin_s,end_s,modality\n{cls.clip},dog,5.000,9.000,both\n{cls.clip},bird,7.000,8.000,heard\n")
        cls.serving = Serving(TYTO, SAY_EVENTS, 1, ["--recordings", cls.clips, "--corrections", cls.corrections])
        cls.id = "01M84J0DCR3A85TD3GBA6TMY9D"
        cls.token = cls.serving.get("/api/me")["token"]

    @classmethod
    def tearDownClass(cls):
        cls.serving.close()
        shutil.rmtree(cls.dir)

    def correct(self, labels, token=None, **more):
        body = json.dumps({"id": self.id, "labels": labels, **more}).encode()
        headers = {"X-Tyto-Token": self.token if token is None else token, "Content-Type": "application/json"}
        status, _, answer = self.serving.request("POST", "/api/correct", body, headers)
        return status, json.loads(answer)

    def table(self):
        with open(os.path.join(self.corrections, "labels.csv"), encoding="ascii") as file:
            return file.read().split("\n")

    def test_recording(self):
        self.assertEqual(self.serving.get(f"/api/event?id={self.id}")["class"], "dog")
        rows = self.serving.get("/api/events")["events"]
        self.assertEqual(sum(row[9] for row in rows), 2)
        status, headers, body = self.serving.request("GET", f"/media?id={self.id}")
        self.assertEqual((status, headers["content-type"], body), (200, "video/x-matroska", self.bytes))
        status, headers, body = self.serving.request("GET", f"/media?id={self.id}", headers={"Range": "bytes=100-199"})
        self.assertEqual((status, body, headers["content-range"]), (206, self.bytes[100:200], f"bytes 100-199/{len(self.bytes)}"))

    def test_correction(self):
        right = [{"class": "cat", "begin": 4.5, "end": 9.25, "modality": "a"}]
        self.assertEqual(self.correct(right, token="")[0], 403)
        self.assertEqual(self.correct(right, token="0" * 32)[0], 403)
        for wrong in ([{"class": "../x", "begin": 1, "end": 2, "modality": "a"}], [{"class": "cat", "begin": 2, "end": 1, "modality": "a"}],
                      [{"class": "cat", "begin": 1, "end": 2, "modality": "z"}], [{}], ["x"], "x", None, right * 200, [{"class": "a,b", "begin": 1, "end": 2, "modality": "a"}]):
            self.assertEqual(self.correct(wrong)[0], 400, wrong)
        self.assertEqual(self.correct(right, id="01M84J0DCR3A85TD3GBA6TMY9X")[0], 404)
        self.assertEqual(self.correct(right)[0], 200)
        self.assertEqual(self.table(), ["file,class,begin_s,end_s,modality", f"{self.clip},cat,4.500,9.250,heard", ""])
        with open(os.path.join(self.corrections, "labels.csv"), "a", encoding="ascii") as file:
            file.write("other/x.mkv,cow,1,2,both\n")  # a person's own row stays
        self.assertEqual(self.correct([])[0], 200)
        self.assertEqual(self.table(), ["file,class,begin_s,end_s,modality", "other/x.mkv,cow,1,2,both", f"{self.clip},,,,", ""])
        self.assertTrue(self.serving.get(f"/api/recording?id={self.id}")["corrected"])
        with open(os.path.join(self.corrections, self.clip), "rb") as file:
            self.assertEqual(file.read(), self.bytes)


class Start(unittest.TestCase):
    def refused(self, *args):
        done = subprocess.run([TYTO, "serve", *args], capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        self.assertNotEqual(done.returncode, 0)
        return done.stderr

    def test_beyond_this_machine(self):
        self.assertIn("TLS", self.refused("--listen", "0.0.0.0:0"))
        self.assertIn("TLS", self.refused("--listen", "[::]:0"))
        self.assertIn("users", self.refused("--listen", "0.0.0.0:0", "--plain"))

    def test_wrong_words(self):
        for text in ("8080", "localhost", "1.2.3:80", "127.0.0.1:99999", "host.example:80", ":80", "[::1:80"):
            self.assertIn("ADDRESS:PORT", self.refused("--listen", text), text)
        self.assertIn("belong together", self.refused("--tls-cert", "x.pem"))
        self.assertIn("x.pem", self.refused("--tls-cert", "x.pem", "--tls-key", "y.pem"))
        self.assertIn("cannot watch nonsense", self.refused("nonsense"))

    def test_ends(self):
        with Serving(TYTO, SAY_EVENTS, 1) as serving:
            second = self.refused("--listen", serving.address.split("/")[2])
            self.assertIn("in use", second)
            self.assertEqual(serving.stop(serving.page), 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
