#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tyto serve with users: who may come in, who may do what, and that neither guessing nor another
site's page changes that.

test_login.py TYTO SAY_EVENTS       TYTO_STRESS=1: with 10,000 wrong passwords, not 200
"""
import concurrent.futures
import http.client
import json
import os
import pty
import select
import shutil
import ssl
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from serving import DEADLINE_S, Serving

TYTO, SAY_EVENTS = sys.argv[1:3]
NUM_WRONG = 10000 if os.environ.get("TYTO_STRESS") else 200
PASSWORDS = {"anna": "a right long word", "viv": "looks but touches not", "new-one": "another long word"}
CLIP = "yard/20261123T155715Z-dog-01M84J0DCR3A85TD3GBA6TMY9D.mkv"
ID = CLIP[-30:-4]
READ = ["/api/now", "/api/stream", "/api/events", f"/api/event?id={ID}", f"/api/recording?id={ID}", "/api/health", f"/media?id={ID}"]


class Folder:
    """With a file of users: anna, an admin, and viv, a viewer; and a recording."""

    made = None  # the file's text: hashes take their time

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="tyto-login-")
        self.users = os.path.join(self.dir, "users")
        self.clips, self.corrections = os.path.join(self.dir, "clips"), os.path.join(self.dir, "corrections")
        os.makedirs(os.path.join(self.clips, "yard"))
        with open(os.path.join(self.clips, CLIP), "wb") as file:
            file.write(b"x" * 1000)
        with open(os.path.join(self.clips, "labels.csv"), "w", encoding="ascii") as file:
            file.write(f"file,class,begin_s,end_s,modality\n{CLIP},dog,5.000,9.000,both\n")
        if not Folder.made:
            self.add("anna", "admin")
            self.add("viv", "viewer")
            assert stat.S_IMODE(os.stat(self.users).st_mode) == 0o600
            with open(self.users, encoding="ascii") as file:
                Folder.made = file.read()
        with open(os.open(self.users, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write(Folder.made)

    def word_file(self, text):
        path = os.path.join(self.dir, "word")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text + "\n")
        return path

    def user(self, *args, good=True):
        done = subprocess.run([TYTO, "user", *args, "--users", self.users], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              timeout=DEADLINE_S, check=False)
        assert (done.returncode == 0) == good, (args, done)
        return done.stdout if good else done.stderr

    def add(self, name, role):
        self.user("add", name, "--role", role, "--password-file", self.word_file(PASSWORDS[name]))

    def close(self):
        shutil.rmtree(self.dir)


class Browser:
    """Cookies, and the token of the page."""

    def __init__(self, serving, source="127.0.0.1", context=None, headers=None):
        self.serving, self.source, self.context, self.more = serving, source, context, headers or {}
        self.cookies = {}
        self.token = ""

    def request(self, method, path, body=None, headers=None):
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()), **self.more, **(headers or {})}
        status, headers, answer = self.serving.request(method, path, body, {key: value for key, value in sent.items() if value}, self.source, self.context)
        for name, (value, _) in headers.cookies.items():
            self.cookies[name] = value
            if not value:
                del self.cookies[name]
        return status, headers, answer

    def get(self, path):
        return self.request("GET", path)[0]

    def me(self):
        status, _, body = self.request("GET", "/api/me")
        assert status == 200, (status, body)
        me = json.loads(body)
        self.token = me["token"]
        return me

    def post(self, path, body, headers=None):
        sent = {"X-Tyto-Token": self.token, "Content-Type": "application/json", **(headers or {})}
        return self.request("POST", path, json.dumps(body).encode(), sent)

    def log_in(self, name, password=None):
        """The answer's status, headers and body; waits where it is told to wait."""
        self.me()
        begin = time.monotonic()
        while True:
            status, headers, body = self.post("/api/login", {"name": name, "password": password or PASSWORDS[name]})
            if status not in (429, 503):
                break
            assert int(headers["retry-after"]) <= 60 and time.monotonic() - begin < DEADLINE_S, body
            time.sleep(int(headers["retry-after"]))
        self.me()
        return status, headers, json.loads(body)


def logged_in(serving, name, **more):
    browser = Browser(serving, **more)
    status, _, body = browser.log_in(name)
    assert status == 200, (name, status, body)
    return browser


def wait_until(is_so, what):
    begin = time.monotonic()
    while not is_so():
        assert time.monotonic() - begin < DEADLINE_S, what
        time.sleep(0.05)


class File(unittest.TestCase):
    """tyto user"""

    def setUp(self):
        self.folder = Folder()

    def tearDown(self):
        self.folder.close()

    def test_users(self):
        folder = self.folder
        self.assertEqual(folder.user("list").split(), ["anna", "admin", "viv", "viewer"])
        with open(folder.users, encoding="ascii") as file:
            text = file.read()
        self.assertEqual(text.count("$argon2id$"), 2)
        self.assertNotIn(PASSWORDS["anna"], text)
        folder.user("remove", "anna")
        self.assertEqual(folder.user("list").split(), ["viv", "viewer"])
        word = folder.word_file(PASSWORDS["viv"])
        self.assertIn("already", folder.user("add", "viv", "--password-file", word, good=False))
        self.assertIn("no user 'anna'", folder.user("passwd", "anna", "--password-file", word, good=False))
        self.assertIn("a-z", folder.user("add", "Two Words", "--password-file", word, good=False))
        self.assertIn("10 to 256", folder.user("add", "eve", "--password-file", folder.word_file("short"), good=False))
        self.assertIn("terminal", folder.user("add", "eve", good=False))
        self.assertIn("add, passwd, remove or list", folder.user("frob", good=False))
        os.chmod(word, 0o644)
        self.assertIn("chmod 600", folder.user("add", "eve", "--password-file", word, good=False))
        self.assertEqual(folder.user("list").split(), ["viv", "viewer"])

    def test_what_is_no_file_of_users(self):
        hash_text = "$argon2id$v=19$m=65536,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaA"
        for text, part in (("anna\n", "users:1:"), ("# fine\nanna king x\n", "users:2:"), (f"anna admin {hash_text} x\n", "no hash"), ("anna admin $1$md5\n", "no hash"),
                           (f"anna admin {hash_text.replace('65536', '99999999')}\n", "no hash"), (f"a admin {hash_text}\na admin {hash_text}\n", "already"),
                           ("x" * 70000, "longer"), ("\0", "no text")):
            with open(self.folder.users, "w", encoding="ascii") as file:
                file.write(text)
            self.assertIn(part, self.folder.user("list", good=False), text[:40])
        with open(self.folder.users, "w", encoding="ascii") as file:
            file.write(f"anna admin {hash_text}\n")
        os.chmod(self.folder.users, 0o644)
        self.assertIn("chmod 600", self.folder.user("list", good=False))

    def typed(self, *lines):
        """`tyto user add eve` on a terminal: exit status, and what stood there."""
        child, terminal = pty.fork()
        if child == 0:
            os.execv(TYTO, [TYTO, "user", "add", "eve", "--users", self.folder.users])
        seen, begin, sent = b"", time.monotonic(), 0
        while True:
            self.assertLess(time.monotonic() - begin, DEADLINE_S, seen)
            if not select.select([terminal], [], [], 0.2)[0]:
                continue
            try:
                part = os.read(terminal, 4096)
            except OSError:
                break
            if not part:
                break
            seen += part
            if sent < len(lines) and seen.count(b": ") > sent:
                os.write(terminal, lines[sent])
                sent += 1
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), seen.decode()

    def test_typed(self):
        status, seen = self.typed(b"typed by hand 1\n", b"typed by hand 1\n")
        self.assertEqual(status, 0, seen)
        self.assertNotIn("by hand", seen)
        self.assertIn("eve", self.folder.user("list"))
        self.folder.user("remove", "eve")
        self.assertEqual(self.typed(b"typed by hand 1\n", b"typed by hand 2\n")[0], 1)
        self.assertEqual(self.typed(b"typed by\x03\n")[0], 1)
        self.assertNotIn("eve", self.folder.user("list"))


class Login(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.serving = Serving(TYTO, SAY_EVENTS, 5, ["--users", cls.folder.users, "--recordings", cls.folder.clips, "--corrections", cls.folder.corrections])
        cls.anna, cls.viv = logged_in(cls.serving, "anna"), logged_in(cls.serving, "viv")

    @classmethod
    def tearDownClass(cls):
        cls.serving.close()
        cls.folder.close()

    def correct(self, browser, headers=None):
        return browser.post("/api/correct", {"id": ID, "labels": []}, headers)[0]

    def test_strangers(self):
        stranger = Browser(self.serving)
        me = stranger.me()
        self.assertEqual(set(me), {"users", "token"})
        for path in ("/", "/app.js", "/login.js", "/style.css"):
            self.assertEqual(stranger.get(path), 200, path)
        for path in READ:
            self.assertEqual(stranger.get(path), 401, path)
        self.assertEqual(self.correct(stranger), 401)
        for cookie in ("x", "0" * 64, "", "a" * 5000, self.viv.cookies["tyto"][:-1], self.viv.cookies["tyto"] + "0", self.viv.cookies["tyto"].upper()):
            stranger.cookies = {"tyto": cookie}
            self.assertEqual(stranger.get("/api/now"), 401, cookie[:70])

    def test_wrong_words(self):
        stranger = Browser(self.serving, source="127.0.0.9")
        for name, password in (("anna", "a wrong long word"), ("nobody", PASSWORDS["anna"]), ("anna", PASSWORDS["viv"])):
            status, headers, body = stranger.log_in(name, password)
            self.assertEqual((status, body["error"]), (401, "name or password is wrong"))
            self.assertEqual(headers.cookies, {})
        self.assertEqual(stranger.log_in("Anna\n", PASSWORDS["anna"])[0], 401)
        for body in ({}, {"name": "anna"}, {"name": 1, "password": 2}, {"name": "anna", "password": "x" * 300}, {"name": None, "password": None}):
            self.assertEqual(stranger.post("/api/login", body)[0], 400, body)
        for body in (b"", b"name=anna&password=x", b"[]", b"{", b"\xff"):
            self.assertEqual(stranger.request("POST", "/api/login", body, {"X-Tyto-Token": stranger.token})[0], 400, body)

    def test_who_may_what(self):
        for browser, role in ((self.anna, "admin"), (self.viv, "viewer")):
            me = browser.me()
            self.assertEqual((me["role"], me["corrections"]), (role, role == "admin"))
            for path in READ:
                if path != "/api/stream":
                    self.assertEqual(browser.get(path), 200, (role, path))
        shutil.rmtree(self.folder.corrections, ignore_errors=True)
        self.assertEqual(self.correct(self.viv), 403)
        self.assertFalse(os.path.exists(self.folder.corrections))
        self.assertEqual(self.correct(self.anna), 200)
        self.assertTrue(os.path.exists(os.path.join(self.folder.corrections, "labels.csv")))

    def test_cookies(self):
        status, headers, _ = Browser(self.serving).log_in("viv")
        self.assertEqual(status, 200)
        self.assertEqual(set(headers.cookies), {"tyto", "tyto-known"})
        for name, (value, attributes) in headers.cookies.items():
            self.assertGreaterEqual(len(value), 64, name)
            self.assertLessEqual({"HttpOnly", "SameSite=Strict", "Path=/"}, set(attributes))
            self.assertNotIn("Secure", attributes)  # browsers keep no such cookie of plain HTTP
        self.assertEqual(headers["cache-control"], "no-store")

    def test_other_sites(self):
        host = f"{self.serving.host}:{self.serving.port}"
        for headers in ({"X-Tyto-Token": ""}, {"X-Tyto-Token": self.viv.token}, {"X-Tyto-Token": Browser(self.serving).me()["token"]}, {"Origin": "https://evil.example"},
                        {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": f"http://{host}.evil.example"}):
            self.assertEqual(self.correct(self.anna, headers), 403, headers)
        self.assertEqual(self.correct(self.anna, {"Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}), 200)
        # Nor can one log somebody in, as somebody else, or out.
        stranger = Browser(self.serving)
        stranger.me()
        for path in ("/api/login", "/api/logout"):
            self.assertEqual(stranger.post(path, {"name": "viv", "password": PASSWORDS["viv"]}, {"Origin": "https://evil.example"})[0], 403)
            self.assertEqual(stranger.post(path, {"name": "viv", "password": PASSWORDS["viv"]}, {"X-Tyto-Token": ""})[0], 403)
            self.assertEqual(stranger.get(path), 405)
        for host in ("evil.example", "tyto.example.org"):
            self.assertEqual(self.anna.request("GET", "/api/now", headers={"Host": host})[0], 421)

    def stream(self, browser):
        connection = self.serving.connect()
        connection.request("GET", "/api/stream", headers={"Cookie": f"tyto={browser.cookies['tyto']}"})
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        return connection, answer

    def read_to_end(self, answer):
        try:
            while answer.read1(65536):
                pass
        except (OSError, http.client.HTTPException):
            pass

    def test_log_out(self):
        browser = logged_in(self.serving, "viv")
        old = dict(browser.cookies)
        connection, answer = self.stream(browser)
        self.assertEqual(browser.post("/api/logout", {})[0], 200)
        self.assertNotIn("tyto", browser.cookies)
        self.read_to_end(answer)  # ends
        connection.close()
        browser.cookies = old
        self.assertEqual(browser.get("/api/now"), 401)
        self.assertEqual(self.viv.get("/api/now"), 200)  # the other browser of the same user
        again = logged_in(self.serving, "viv")
        first = again.cookies["tyto"]
        self.assertEqual(again.log_in("viv")[0], 200)  # a new one in place of the old one
        self.assertNotEqual(again.cookies["tyto"], first)
        again.cookies["tyto"] = first
        self.assertEqual(again.get("/api/now"), 401)

    def test_other_passwords_and_people(self):
        self.folder.add("new-one", "viewer")
        browser = logged_in(self.serving, "new-one")
        connection, answer = self.stream(browser)
        PASSWORDS["new-one"] = "yet another one"
        self.folder.user("passwd", "new-one", "--password-file", self.folder.word_file(PASSWORDS["new-one"]))
        wait_until(lambda: browser.get("/api/now") == 401, "the session to end")
        self.read_to_end(answer)
        connection.close()
        browser = logged_in(self.serving, "new-one")
        with open(self.folder.users, encoding="ascii") as file:
            good = file.read()
        for bad in ("nonsense\n", "# nobody\n"):  # what is wrong changes nothing
            with open(self.folder.users, "w", encoding="ascii") as file:
                file.write(bad)
            self.assertEqual(Browser(self.serving).log_in("nobody", "a word that is long")[0], 401)  # it looks at the file
            self.assertEqual(browser.get("/api/now"), 200, bad)
        with open(self.folder.users, "w", encoding="ascii") as file:
            file.write(good.replace("new-one viewer", "new-one admin"))
        wait_until(lambda: browser.get("/api/now") == 401, "another role to end the session")
        self.folder.user("remove", "new-one")
        self.assertEqual(Browser(self.serving).log_in("new-one")[0], 401)
        self.assertEqual(self.anna.get("/api/now"), 200)


class Guessing(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.serving = Serving(TYTO, SAY_EVENTS, 5, ["--users", self.folder.users])

    def tearDown(self):
        self.serving.close()
        self.folder.close()

    def guess(self, source, names, num, statuses, is_over):
        """Over one connection, as fast as it goes."""
        browser = Browser(self.serving, source=source)
        browser.me()
        connection = self.serving.connect(source)
        for i in range(num):
            if is_over.is_set():
                break
            body = json.dumps({"name": names[i % len(names)], "password": f"guessed word {i}"})
            connection.request("POST", "/api/login", body, {"X-Tyto-Token": browser.token, "Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
        connection.close()

    def test_wrong_ones_change_nothing_for_the_right_one(self):
        known, watching = logged_in(self.serving, "anna"), logged_in(self.serving, "viv")
        statuses, is_over = [], threading.Event()
        threads = [threading.Thread(target=self.guess, args=(f"127.0.1.{i}", names, NUM_WRONG // 2, statuses, is_over))
                   for i, names in enumerate((["anna"], ["anna", "nobody"]))]
        for thread in threads:
            thread.start()
        try:
            # A known browser, from one of the very addresses that guess; then somebody from elsewhere.
            known.source = "127.0.1.0"
            self.assertEqual(known.post("/api/logout", {})[0], 200)
            known.me()
            self.assertEqual(known.post("/api/login", {"name": "anna", "password": PASSWORDS["anna"]})[0], 200)
            self.assertEqual(logged_in(self.serving, "anna", source="127.0.2.2").get("/api/now"), 200)
            self.assertEqual(watching.get("/api/now"), 200)
            for thread in threads:
                thread.join(DEADLINE_S * 4)
                self.assertFalse(thread.is_alive())
        finally:
            is_over.set()
        self.assertEqual(len(statuses), NUM_WRONG)
        self.assertLessEqual(set(statuses), {401, 429, 503})
        self.assertGreater(statuses.count(429), 0)
        # Afterwards even somebody new, from a guessing address, waits no longer than he is told.
        self.assertEqual(logged_in(self.serving, "anna", source="127.0.1.1").get("/api/now"), 200)
        self.assertEqual(watching.get("/api/now"), 200)
        print(f"{len(statuses)} wrong ones: {statuses.count(401)} looked at, {statuses.count(429)} too many, {statuses.count(503)} too many at once")

    def test_many_at_once(self):
        anna = logged_in(self.serving, "anna")

        def one(i):
            stranger = Browser(self.serving, source=f"127.0.3.{i}")
            stranger.me()
            return stranger.post("/api/login", {"name": f"n{i}", "password": "some long word"})[0]

        with concurrent.futures.ThreadPoolExecutor(60) as pool:
            answers = [pool.submit(one, i) for i in range(60)]
            begin = time.monotonic()
            self.assertEqual(anna.get("/api/now"), 200)  # nobody who looks waits for passwords
            took_s = time.monotonic() - begin
            self.serving.page.terminate()  # an end that waits for none of them
            self.assertEqual(self.serving.page.wait(DEADLINE_S), 0)
            statuses = []
            for answer in answers:
                try:
                    statuses.append(answer.result())
                except (OSError, http.client.HTTPException):
                    pass
        self.assertLessEqual(set(statuses), {401, 503})
        print(f"beside 60 logins: {took_s * 1e3:.0f} ms")


class Reach(unittest.TestCase):
    """TLS, a proxy, names."""

    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.cert, cls.key = (os.path.join(cls.folder.dir, name) for name in ("crt.pem", "key.pem"))
        cls.make_certificate("tyto.example.org")

    @classmethod
    def tearDownClass(cls):
        cls.folder.close()

    @classmethod
    def make_certificate(cls, name):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", cls.key, "-out", cls.cert, "-days", "2",
                        "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1"], check=True, capture_output=True, timeout=DEADLINE_S)

    def context(self):
        return ssl.create_default_context(cafile=self.cert)

    def test_tls(self):
        args = ["--users", self.folder.users, "--listen", "0.0.0.0:0", "--tls-cert", self.cert, "--tls-key", self.key]
        with Serving(TYTO, SAY_EVENTS, 5, args) as serving:
            self.assertTrue(serving.address.startswith("https://"), serving.address)
            serving.host = "127.0.0.1"
            status, headers, _ = Browser(serving, context=self.context()).log_in("anna")
            self.assertEqual(status, 200)
            self.assertIn("max-age", headers["strict-transport-security"])
            self.assertEqual(set(headers.cookies), {"__Host-tyto", "__Host-tyto-known"})
            for _, attributes in headers.cookies.values():
                self.assertLessEqual({"Secure", "HttpOnly", "SameSite=Strict", "Path=/"}, set(attributes))
            anna = logged_in(serving, "anna", context=self.context())
            self.assertEqual(anna.request("GET", "/api/now", headers={"Host": "tyto.example.org"})[0], 200)
            with self.assertRaises((OSError, http.client.HTTPException)):
                serving.request("GET", "/")  # no plain HTTP there
            old = self.context()
            self.make_certificate("renewed.example.org")
            serving.page.send_signal(1)
            wait_until(lambda: self.is_good(serving, self.context()), "the renewed certificate")
            self.assertFalse(self.is_good(serving, old))
            self.assertEqual(serving.stop(serving.page), 0)

    def is_good(self, serving, context):
        try:
            return serving.request("GET", "/", context=context)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def test_proxy(self):
        args = ["--users", self.folder.users, "--proxy", "127.0.0.5", "--name", "tyto.example.org", "--name", "other.example.org"]
        with Serving(TYTO, SAY_EVENTS, 5, args) as serving:
            headers = {"Host": "tyto.example.org", "X-Forwarded-For": "6.6.6.6, 10.0.0.1", "Origin": "https://tyto.example.org"}
            self.assertEqual(serving.request("GET", "/", headers=headers)[0], 403)
            self.assertEqual(serving.request("GET", "/", headers={"Host": "evil.example"}, source="127.0.0.5")[0], 421)
            anna = logged_in(serving, "anna", source="127.0.0.5", headers=headers)
            self.assertIn("__Host-tyto", anna.cookies)
            self.assertEqual(anna.get("/api/now"), 200)
            # Whoever guesses is told from others by the address that the proxy says.
            guesser = Browser(serving, source="127.0.0.5", headers={**headers, "X-Forwarded-For": "10.0.0.1, 2001:db8:1:2::3"})
            guesser.me()
            with concurrent.futures.ThreadPoolExecutor(14) as pool:
                statuses = list(pool.map(lambda i: guesser.post("/api/login", {"name": f"nobody{i}", "password": "some long word"})[0], range(14)))
            self.assertIn(429, statuses)
            other = Browser(serving, source="127.0.0.5", headers={**headers, "X-Forwarded-For": "2001:db8:1:3::3"})
            other.me()
            self.assertEqual(other.post("/api/login", {"name": "viv", "password": PASSWORDS["viv"]})[0], 200)

    def refused(self, *args):
        done = subprocess.run([TYTO, "serve", *args], capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        self.assertNotEqual(done.returncode, 0)
        return done.stderr

    def test_what_is_refused(self):
        users, tls = ["--users", self.folder.users], ["--tls-cert", self.cert, "--tls-key", self.key]
        self.assertIn("--proxy", self.refused("--listen", "0.0.0.0:0", *users))
        self.assertIn("tyto user add", self.refused("--listen", "0.0.0.0:0", *tls))
        self.assertIn("tyto user add", self.refused("--proxy", "127.0.0.1", "--name", "x"))
        self.assertIn("--name", self.refused("--proxy", "127.0.0.1", *users))
        self.assertIn("leave out", self.refused("--proxy", "127.0.0.1", "--name", "x", *users, *tls))
        self.assertIn("must be an address", self.refused("--proxy", "proxy.example.org", "--name", "x", *users))
        nobody = os.path.join(self.folder.dir, "nobody")
        self.assertIn("nobody", self.refused("--users", nobody))
        with open(os.open(nobody, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write("# none\n")
        self.assertIn("tyto user add", self.refused("--users", nobody))

    def test_plain(self):
        with Serving(TYTO, SAY_EVENTS, 5, ["--users", self.folder.users, "--listen", "0.0.0.0:0", "--plain"]) as serving:
            serving.host = "127.0.0.1"
            self.assertEqual(logged_in(serving, "anna", headers={"Host": "tyto.lan:8571"}).get("/api/now"), 200)

    def test_keys_of_tytod(self):
        names = [os.path.join(self.folder.dir, name) for name in ("server", "page", "other")]
        lines = [subprocess.run([TYTO, "keygen", name], capture_output=True, text=True, check=True, timeout=DEADLINE_S).stdout for name in names]
        clients = os.path.join(self.folder.dir, "clients")
        with open(clients, "w", encoding="ascii") as file:
            file.write(lines[1].replace("viewer", "admin"))
        server, page, other = names
        keys = [server + ".key", clients]
        with Serving(TYTO, SAY_EVENTS, 5, ["--server-key", server + ".pub", "--key", page + ".key"], keys=keys) as serving:
            serving.wait("/api/now", lambda now: now["link"]["state"] == "connected" and len(now["cameras"]) == 3)
        serving = Serving(TYTO, SAY_EVENTS, 0, ["--server-key", server + ".pub", "--key", other + ".key"], keys=keys, waits=False)
        with serving:
            now = serving.wait("/api/now", lambda now: now["link"]["state"] == "denied")
            self.assertIn("key", now["link"]["denied"])
        self.assertIn("belong together", self.refused("--key", page + ".key"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=0)
