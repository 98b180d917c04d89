#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tyto bridge webhook against a web server that answers 500 for a while, hangs, closes, sends bodies
without end, asks for patience and refuses: each event arrives exactly once by (id, rev), deadlines
hold, secrets stay where they belong.

  test_bridge_webhook.py TYTO PUBLISH_EVENTS
"""
import base64
import collections
import hashlib
import hmac
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

from bridging import AWAY_S, DEADLINE_S, Bridging, wait_for

TYTO, PUBLISH = sys.argv[1:3]
SECRET, TOKEN = "a secret of the hook", "tk_0123456789"
Taken = collections.namedtuple("Taken", "id rev seq headers body")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        server = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with server.lock:
            kind = server.script.popleft() if server.script else server.kind
            if kind == "200" and server.num_refused == 0 and server.refuses(body):
                kind, server.num_refused = "400", 1
            server.tries.append(kind)
            if kind in ("200", "204", "endless"):
                server.taken.append(self.take(body))
        begin = time.monotonic()
        try:
            self.answer(kind)
        except (BrokenPipeError, ConnectionResetError, socket.timeout):
            pass
        with server.lock:
            server.lasted[kind] = max(server.lasted[kind], time.monotonic() - begin)

    def take(self, body):
        headers = dict(self.headers)
        seq = json.loads(body)["seq"] if headers["Content-Type"] == "application/json" and \
            b'"seq"' in body else None
        return Taken(headers["X-Tyto-Event"], int(headers["X-Tyto-Rev"]), seq, headers, body)

    def answer(self, kind):
        if kind == "hang" or kind == "drip":
            if kind == "drip": # a head that never ends
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            self.connection.settimeout(DEADLINE_S)
            while kind == "drip" and not self.server.over.wait(0.05):
                self.wfile.write(b"x")
            if kind == "hang" and self.connection.recv(1):
                raise AssertionError("more than one request")
            self.close_connection = True
            return
        if kind == "close":
            self.close_connection = True
            return
        if kind == "endless":
            self.send_response(200)
            self.end_headers()
            self.close_connection = True
            try:
                for _ in range(10000): # 640 MB
                    self.wfile.write(bytes(65536))
                    self.server.num_endless += 65536
            except (BrokenPipeError, ConnectionResetError):
                pass
            return
        status = int(kind.split()[0])
        self.send_response(status)
        if kind.endswith("after"):
            self.send_header("Retry-After", "1")
        if kind.endswith("elsewhere"):
            self.send_header("Location", f"http://127.0.0.1:{self.server.other_port}/stolen")
        text = b"no such channel" if status == 404 else b""
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A bridge that is killed resets its connections."""


def serve(test, script=(), kind="200", port=0):
    server = Server(("127.0.0.1", port), Handler)
    server.script, server.kind, server.lock = collections.deque(script), kind, threading.Lock()
    server.tries, server.taken, server.lasted = [], [], collections.Counter()
    server.refuses, server.num_refused = lambda body: False, 0 # the first such body
    server.over, server.num_endless, server.other_port = threading.Event(), 0, 0
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def end():
        server.over.set()
        server.shutdown()
        server.server_close()
    server.end = end
    test.addCleanup(end)
    return server


def url_of(server, path="/hook"):
    return f"http://127.0.0.1:{server.server_port}{path}"


class Webhook(unittest.TestCase):
    def setUp(self):
        self.bridging = Bridging(TYTO, PUBLISH)
        self.addCleanup(self.bridging.close)
        for name in [n for n in os.environ if n.lower().endswith("_proxy")]:
            del os.environ[name]

    def publish(self, num):
        """At least num messages are in the journal, and no more will come; the daemon goes on."""
        process = self.bridging.publish(4000)
        wait_for(lambda: self.bridging.num_events() >= num, "too little is published")
        self.bridging.stop(process)
        return self.bridging.publish(0)

    def bridge(self, server, *args, path="/hook"):
        return self.bridging.bridge("webhook", url_of(server, path), "--timeout-s", "1", *args)

    def wait_for_all(self, servers, seqs, kinds=("taken",)):
        def done():
            got = set()
            for server in servers:
                with server.lock:
                    got |= {taken.seq for taken in server.taken}
            return got >= set(seqs)
        wait_for(done, lambda: f"{sum(len(s.taken) for s in servers)} of {len(seqs)} arrived, tries "
                               f"{collections.Counter(t for s in servers for t in s.tries)}\n"
                               f"{self.bridging.said()}")

    def check_once(self, taken, seqs):
        """Each once by id and rev, in order. What a bridge gave up waiting for on a loaded machine may
        be there twice; then the second one says so."""
        once = {}
        for t in taken:
            self.assertTrue((t.id, t.rev) not in once or int(t.headers["X-Tyto-Try"]) > 1)
            once.setdefault((t.id, t.rev), t.seq)
        self.assertEqual(list(once.values()), seqs)

    def test_every_event_arrives_once_through_all_that_goes_wrong(self):
        wrong = ["500", "hang", "close", "503", "429 after", "drip", "408", "close"]
        script = ["500"] * 5
        for i, kind in enumerate(wrong): # some good ones between
            script += [kind] + ["200"] * (i % 3)
        server = serve(self, script + ["endless", "204"])
        self.publish(60)
        seqs = self.bridging.all_seqs()
        secret = self.bridging.secret("hook.secret", SECRET)
        bridge = self.bridge(server, "--secret-file", secret)
        self.wait_for_all([server], seqs)
        self.assertEqual(self.bridging.stop(bridge), 0)
        self.check_once(server.taken, seqs)
        # The endless body was an acknowledgement, and not read on; a try had its deadline.
        self.assertIn("endless", server.tries)
        self.assertLess(server.num_endless, 32 << 20)
        for kind in ("hang", "drip"):
            self.assertLess(server.lasted[kind], DEADLINE_S / 2)
        for taken in server.taken:
            event = json.loads(taken.body)
            self.assertEqual((event["id"], event["rev"]), (taken.id, taken.rev))
            stamp, signature = (part.split("=")[1] for part in
                                taken.headers["X-Tyto-Signature"].split(","))
            good = hmac.new(SECRET.encode(), stamp.encode() + b"." + taken.body, hashlib.sha256)
            self.assertEqual(signature, good.hexdigest())
            self.assertLess(abs(int(stamp) - time.time()), 2 * DEADLINE_S)
        tries = {int(taken.headers["X-Tyto-Try"]) for taken in server.taken}
        self.assertGreaterEqual(max(tries), 8) # after six times 500, and a server that hung
        self.assertNotIn(SECRET, self.bridging.said())

    def test_a_server_that_answers_500_for_a_while(self):
        server = serve(self)
        daemon = self.bridging.publish(12000 if AWAY_S < 5 else 100000)
        bridge = self.bridge(server, "--timeout-s", str(DEADLINE_S))
        wait_for(lambda: len(server.taken) >= 10, self.bridging.said)
        server.kind = "500"
        begun = self.bridging.num_events()
        wait_for(lambda: server.tries.count("500") >= 3, self.bridging.said)
        wait_for(lambda: self.bridging.num_events() >= begun + 50, "nothing is published")
        time.sleep(AWAY_S)
        server.kind = "200"
        self.bridging.stop(daemon)
        self.bridging.publish(0)
        seqs = self.bridging.all_seqs()
        self.wait_for_all([server], seqs)
        self.assertEqual(self.bridging.stop(bridge), 0)
        self.check_once(server.taken, seqs)
        self.bridging.tell_long("server", [taken.seq for taken in server.taken], seqs)

    def test_restarts_of_every_side_lose_nothing(self):
        daemon = self.bridging.publish(8000)
        server = serve(self)
        bridge = self.bridge(server)
        servers = [server]

        def taken():
            return [t for s in servers for t in list(s.taken)]

        for number in range(6):
            before = len(taken())
            wait_for(lambda: len(taken()) >= before + 5, self.bridging.said)
            if number % 3 == 0: # the bridge
                self.bridging.stop(bridge, signal.SIGKILL if number else signal.SIGTERM)
                bridge = self.bridge(servers[-1])
            elif number % 3 == 1: # the daemon
                self.bridging.stop(daemon, signal.SIGKILL)
                daemon = self.bridging.publish(8000)
            else: # the server
                servers[-1].end()
                servers.append(serve(self, port=servers[-1].server_port))
        self.bridging.stop(daemon)
        self.bridging.publish(0)
        seqs = self.bridging.all_seqs()
        self.wait_for_all(servers, seqs)
        self.assertEqual(self.bridging.stop(bridge), 0)
        # What was under way at a kill may have come twice; by id and rev it is the same.
        once = {(t.id, t.rev): t.seq for t in taken()}
        self.assertEqual(sorted(once.values()), seqs)

    def test_what_is_refused_is_kept_counted_and_passed_by(self):
        server = serve(self, ["200", "404", "200", "302 elsewhere", "413"])
        other = serve(self)
        server.other_port = other.server_port
        self.publish(12)
        seqs = self.bridging.all_seqs()
        token = self.bridging.secret("token", TOKEN)
        bridge = self.bridge(server, "--token-file", token)
        left = [seq for i, seq in enumerate(seqs) if i not in (1, 3, 4)]
        self.wait_for_all([server], left)
        self.assertEqual(self.bridging.stop(bridge), 0)
        self.check_once(server.taken, left)
        with open(self.bridging.position + ".refused", encoding="utf-8") as file:
            refused = [json.loads(line) for line in file]
        self.assertEqual([r["event"]["seq"] for r in refused], [seqs[1], seqs[3], seqs[4]])
        self.assertIn("404: no such channel", refused[0]["why"])
        self.assertIn("redirects are not followed", refused[1]["why"])
        self.assertEqual((other.tries, other.taken), ([], [])) # nobody else was asked
        self.assertEqual({t.headers["Authorization"] for t in server.taken}, {"Bearer " + TOKEN})
        said = self.bridging.said()
        self.assertIn("(3 so far)", said)
        self.assertIn("3 refused", said)
        self.assertNotIn(TOKEN, said)

    def test_notifications(self):
        self.publish(6)
        num = len(self.bridging.all_seqs()) // 2
        ntfy = serve(self)
        bridge = self.bridge(ntfy, "--template", "ntfy", path="/yard")
        wait_for(lambda: len(ntfy.taken) >= num, self.bridging.said)
        self.bridging.stop(bridge)
        first = ntfy.taken[0]
        self.assertEqual({t.rev for t in ntfy.taken}, {0}) # that it began, no more
        self.assertEqual((first.headers["Title"], first.headers["Tags"]), ("dog at cam0", "dog,cam0"))
        self.assertRegex(first.body.decode(), r"^heard and seen at 20\d\d-\S+Z, score \d\.\d\d$")
        slack = serve(self)
        url = self.bridging.secret("slack.url", url_of(slack, "/services/T0/B0/very-secret"))
        os.unlink(self.bridging.position)
        bridge = self.bridging.bridge("webhook", None, "--url-file", url, "--template", "slack",
                                      "--phases", "ends", "--class", "dog", "--camera", "cam0")
        wait_for(lambda: len(slack.taken) >= 2, self.bridging.said)
        with open(f"/proc/{bridge.pid}/cmdline", encoding="utf-8") as file:
            self.assertNotIn("very-secret", file.read())
        self.bridging.stop(bridge)
        for taken in slack.taken:
            self.assertRegex(json.loads(taken.body)["text"], r"^\*dog at cam0\*: ")
        self.assertIn("over after", json.loads(slack.taken[1].body)["text"])
        self.assertNotIn("very-secret", self.bridging.said())

    def test_pictures_go_with_events(self):
        """Those of events from before somebody listened to pictures go without."""
        self.bridging.publish(200000, 4000)
        self.bridging.position = self.bridging.path("state/ntfy")
        ntfy = serve(self, ["500"])
        bridge = self.bridge(ntfy, "--template", "ntfy", "--pictures", "attach", "--from", "now", path="/yard")

        def pictured(server, mark):
            return [t for t in list(server.taken) if mark in t.body]

        wait_for(lambda: len(pictured(ntfy, b"\xff\xd8\xff")) >= 3, self.bridging.said)
        self.bridging.stop(bridge)
        for taken in pictured(ntfy, b"\xff\xd8\xff"):
            headers = taken.headers
            self.assertEqual((len(taken.body), taken.body[:29]), (4000, b"\xff\xd8\xff" + taken.id.encode()))
            self.assertRegex(headers["Message"], r"^heard and seen at 20\d\d-\S+Z, score \d\.\d\d$")
            self.assertEqual((headers["Content-Type"], headers["Filename"]),
                             ("image/jpeg", f"{headers['Tags'].split(',')[0]}-{taken.id}.jpg"))
        # As an address, for who fetches it; a server that does not take it gets the event without.
        self.bridging.position = self.bridging.path("state/slack")
        slack = serve(self)
        slack.refuses = lambda body: b"blocks" in body
        bridge = self.bridge(slack, "--template", "slack", "--pictures", "link",
                             "--picture-base", "https://pictures.example.org/p/", "--from", "now")
        wait_for(lambda: len(pictured(slack, b"blocks")) >= 2, self.bridging.said)
        self.bridging.stop(bridge)
        for taken in pictured(slack, b"blocks"):
            told = json.loads(taken.body)
            section, image = told["blocks"]
            self.assertEqual((section["type"], section["text"]),
                             ("section", {"type": "mrkdwn", "text": told["text"]}))
            self.assertEqual(set(image), {"type", "image_url", "alt_text"})
            self.assertRegex(image["image_url"], r"^https://pictures\.example\.org/p/cam[01]/\d{8}T\d+Z?-[a-z]+-"
                             + taken.id + r"\.jpg$")
        self.assertEqual(slack.num_refused, 1)
        again = [t for t in slack.taken if int(t.headers["X-Tyto-Try"]) > 1]
        self.assertTrue(again and b"blocks" not in again[0].body)
        # In JSON, signed with it.
        secret = self.bridging.secret("hook.secret", SECRET)
        self.bridging.position = self.bridging.path("state/json")
        plain = serve(self)
        bridge = self.bridge(plain, "--pictures", "attach", "--phases", "new", "--from", "now",
                             "--secret-file", secret)
        wait_for(lambda: len(pictured(plain, b'"picture"')) >= 2, self.bridging.said)
        self.bridging.stop(bridge)
        for taken in pictured(plain, b'"picture"'):
            kind, text = json.loads(taken.body)["picture"].split(",")
            self.assertEqual(kind, "data:image/jpeg;base64")
            self.assertEqual(base64.b64decode(text)[3:29].decode(), taken.id)
            stamp, signature = (part.split("=")[1] for part in taken.headers["X-Tyto-Signature"].split(","))
            good = hmac.new(SECRET.encode(), stamp.encode() + b"." + taken.body, hashlib.sha256)
            self.assertEqual(signature, good.hexdigest())
        self.assertFalse([n for n in os.listdir(self.bridging.path("state")) if n.endswith(".refused")])

    def test_events_without_a_picture_are_not_held(self):
        server = serve(self)
        self.publish(20)
        seqs = self.bridging.all_seqs()
        bridge = self.bridge(server, "--pictures", "attach", "--picture-wait-s", "0.2")
        self.wait_for_all([server], seqs)
        self.assertEqual(self.bridging.stop(bridge), 0)
        self.check_once(server.taken, seqs)
        self.assertNotIn("picture", json.loads(server.taken[0].body))

    def test_two_bridges_do_not_share_a_position(self):
        server = serve(self)
        self.publish(2)
        self.bridge(server)
        wait_for(lambda: server.taken, self.bridging.said)
        done = subprocess.run([TYTO, "bridge", "webhook", url_of(server), "--state",
                               self.bridging.position], capture_output=True, text=True, check=False,
                              timeout=DEADLINE_S)
        self.assertEqual(done.returncode, 1)
        self.assertIn("give each its own by --state", done.stderr)

    def test_wrong_usage(self):
        everybody = self.bridging.path("everybody")
        with open(everybody, "w", encoding="utf-8") as file:
            file.write(TOKEN)
        os.chmod(everybody, 0o644)
        token = self.bridging.secret("token", TOKEN)
        lines = self.bridging.secret("lines", "one\ntwo")
        for args, status, text in (
                ((), 2, "which address?"), (("ftp://x/",), 2, "no http or https address"),
                (("http://a", "http://b"), 2, "one address is enough"),
                (("http://example.org/x", "--token-file", token), 2, "could read the token"),
                (("http://a", "--token-file", everybody), 2, "everybody may read: chmod 600"),
                (("http://a", "--token-file", lines), 1, "more than one line"),
                (("http://a", "--token-file", self.bridging.path("none")), 1, "No such file"),
                (("http://a", "--template", "teams"), 2, "must be one of"),
                (("http://a", "--template", "slack", "--pictures", "attach"), 2, "say link"),
                (("http://a", "--pictures", "link"), 2, "needed to link"),
                (("http://a", "--picture-base", "http://b"), 2, "needs --pictures link"),
                (("http://a", "--pictures", "link", "--picture-base", "b"), 2, "no http or https")):
            done = subprocess.run([TYTO, "bridge", "webhook", *args], capture_output=True, text=True,
                                  check=False, timeout=DEADLINE_S)
            self.assertEqual((done.returncode, text in done.stderr), (status, True), (args, done))
            self.assertNotIn(TOKEN, done.stderr)
        done = subprocess.run([TYTO, "bridge", "pigeon"], capture_output=True, text=True, check=False,
                              timeout=DEADLINE_S)
        self.assertEqual(done.returncode, 2)
        broken = self.bridging.secret("broken", "{}")
        done = subprocess.run([TYTO, "bridge", "webhook", "http://a", "--state", broken],
                              capture_output=True, text=True, check=False, timeout=DEADLINE_S)
        self.assertEqual(done.returncode, 1)
        self.assertIn("this is no position", done.stderr)


if __name__ == "__main__":
    done = subprocess.run([TYTO, "bridge", "webhook", "http://127.0.0.1:9/", "--state",
                           os.devnull + "/x"], capture_output=True, text=True, check=False,
                          timeout=DEADLINE_S)
    if "without libcurl" in done.stderr:
        print("built without libcurl: scripts/setup installs it")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=0)
