#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tyto model fetch against a server that cuts off, stalls, lies, and sends in circles.

  test_fetch.py TYTO [YAMNET.tflite]"""
import hashlib
import http.server
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

TYTO = os.path.abspath(sys.argv[1])
YAMNET = sys.argv[2] if len(sys.argv) > 2 and os.path.exists(sys.argv[2]) else None
MAX_BYTES = 4126810 # of the file that the command knows
BODY = bytes(i * 7 % 251 for i in range(300000))
SUM = hashlib.sha256(BODY).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def body(self):
        return self.server.body

    def do_GET(self): # noqa: N802
        kind = self.path.strip("/")
        begin, body = 0, self.body()
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        if kind == "loop":
            self.send_response(302)
            self.send_header("Location", "/loop")
            self.end_headers()
            return
        if kind == "moved":
            self.send_response(302)
            self.send_header("Location", "/whole")
            self.end_headers()
            return
        if kind == "to-file":
            self.send_response(302)
            self.send_header("Location", "file:///etc/hostname")
            self.end_headers()
            return
        if kind == "gone":
            self.send_error(404)
            return
        if asked and kind != "no-ranges":
            begin = int(asked.split("=")[1].split("-")[0])
            if begin >= len(body):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        if kind != "endless":
            self.send_header("Content-Length", str(len(body) - begin))
        self.end_headers()
        try:
            if kind == "endless":
                for _ in range(100):
                    self.wfile.write(bytes(100000))
            elif kind == "cut": # a third of what is left each time, but at last all
                left = body[begin:]
                self.wfile.write(left if len(left) < 60000 else left[:len(left) // 3])
                self.close_connection = True
            elif kind == "stall":
                self.wfile.write(body[begin:begin + 1000])
                self.wfile.flush()
                self.server.over.wait(60)
            elif kind == "slow":
                for at in range(begin, len(body), 1000):
                    self.wfile.write(body[at:at + 1000])
                    self.wfile.flush()
                    if self.server.over.wait(0.2):
                        return
            else:
                self.wfile.write(body[begin:])
        except (BrokenPipeError, ConnectionResetError):
            pass


class Fetch(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.out = os.path.join(self.temporary.name, "ear.safetensors")
        self.part = self.out + ".download"
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.body, self.server.ranges, self.server.over = BODY, [], threading.Event()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def tearDown(self):
        self.server.over.set()
        self.server.shutdown()
        self.server.server_close()
        self.temporary.cleanup()

    def command(self, kind, *args, sha256=SUM):
        return [TYTO, "model", "fetch", "yamnet", "-o", self.out, "--url",
                f"http://127.0.0.1:{self.server.server_port}/{kind}", "--no-progress",
                *(["--sha256", sha256] if sha256 else []), *args]

    def fetch(self, kind, *args, sha256=SUM):
        environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        done = subprocess.run(self.command(kind, *args, sha256=sha256), capture_output=True,
                              text=True, check=False, timeout=110, env=environment)
        return done.returncode, done.stderr

    def check_arrived(self, kind, *args):
        """The bytes came; that they are no network is the import's to say."""
        status, err = self.fetch(kind, *args)
        self.assertEqual(status, 1)
        self.assertIn("tyto model: " + self.part, err)
        with open(self.part, "rb") as file:
            self.assertEqual(file.read(), BODY)
        self.assertFalse(os.path.exists(self.out))

    def test_a_file_arrives_and_is_not_fetched_again(self):
        self.check_arrived("whole")
        self.check_arrived("gone") # it is here already
        self.assertEqual(self.server.ranges, [None])

    def test_a_server_elsewhere_is_followed(self):
        self.check_arrived("moved")

    def test_what_is_cut_off_goes_on(self):
        self.check_arrived("cut")
        self.assertGreater(len(self.server.ranges), 2)
        self.assertIsNone(self.server.ranges[0])
        self.assertTrue(all(asked.startswith("bytes=") for asked in self.server.ranges[1:]))

    def test_a_download_from_before_goes_on(self):
        with open(self.part, "wb") as file:
            file.write(BODY[:1234])
        self.check_arrived("whole")
        self.assertEqual(self.server.ranges, ["bytes=1234-"])

    def test_a_server_without_ranges_begins_anew(self):
        with open(self.part, "wb") as file:
            file.write(BODY[:1234])
        self.check_arrived("no-ranges")

    def test_more_than_there_is_begins_anew(self):
        with open(self.part, "wb") as file:
            file.write(BODY + b"more")
        self.check_arrived("whole")

    def test_another_sum_is_refused_and_removed(self):
        status, err = self.fetch("whole", sha256="0" * 64)
        self.assertEqual(status, 1)
        self.assertIn("whose SHA-256 is " + SUM[:12], err)
        self.assertEqual(os.listdir(self.temporary.name), [])

    def test_a_server_that_does_not_end_is_cut_off(self):
        status, err = self.fetch("endless", sha256=None)
        self.assertEqual(status, 1)
        self.assertIn(f"more than the {MAX_BYTES} bytes", err)
        self.assertEqual(os.listdir(self.temporary.name), [])

    def test_circles_and_other_ways_out_are_refused(self):
        status, err = self.fetch("loop")
        self.assertEqual(status, 1)
        self.assertIn("elsewhere more than 5 times", err)
        status, err = self.fetch("to-file")
        self.assertEqual(status, 1)
        self.assertIn("no address of the web", err)

    def test_what_is_not_there_is_said(self):
        status, err = self.fetch("gone")
        self.assertEqual(status, 1)
        self.assertIn("answers 404", err)
        self.assertEqual(os.listdir(self.temporary.name), [])

    def test_a_slow_server_has_a_deadline_and_what_came_stays(self):
        status, err = self.fetch("slow", "--timeout-s", "2")
        self.assertEqual(status, 1)
        self.assertIn("give the same command again", err)
        self.assertIn(os.path.getsize(self.part) % 1000, (0,))
        self.check_arrived("whole")

    def test_a_connection_that_stalls_is_made_again(self):
        status, err = self.fetch("stall", "--stall-s", "1", "--timeout-s", "8")
        self.assertEqual(status, 1)
        self.assertIn("give the same command again", err)
        self.assertGreaterEqual(len(self.server.ranges), 2)

    def test_ctrl_c_keeps_what_came(self):
        with subprocess.Popen(self.command("slow"), stderr=subprocess.DEVNULL) as fetching:
            deadline = time.monotonic() + 60
            while not (os.path.exists(self.part) and os.path.getsize(self.part) > 0):
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.02)
            fetching.send_signal(signal.SIGINT)
            self.assertEqual(fetching.wait(60), 130)
        self.assertGreater(os.path.getsize(self.part), 0)

    def test_wrong_usage_is_status_2(self):
        for args in ((), ("vggish",), ("yamnet", "--sha256", "12")):
            done = subprocess.run([TYTO, "model", "fetch", *args], capture_output=True, text=True,
                                  check=False, timeout=60)
            self.assertEqual(done.returncode, 2, args)

    @unittest.skipUnless(YAMNET, "without ../shared")
    def test_yamnet_becomes_an_encoder(self):
        with open(YAMNET, "rb") as file:
            self.server.body = file.read()
        status, err = self.fetch("cut", sha256=None)
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(os.listdir(self.temporary.name), ["ear.safetensors"])
        done = subprocess.run([TYTO, "model", "info", self.out], capture_output=True, text=True,
                              check=True, timeout=60)
        self.assertIn("audio encoder", done.stdout)
        self.assertIn("1x1x1024", done.stdout)
        self.assertIn("Apache-2.0", done.stdout)


if __name__ == "__main__":
    done = subprocess.run([TYTO, "model", "fetch", "yamnet", "-o", os.devnull + "/x/y", "--url",
                           "http://127.0.0.1:9/"], capture_output=True, text=True, check=False,
                          timeout=60)
    if "without libcurl" in done.stderr:
        print("built without libcurl: scripts/setup installs it")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=0)
