# SPDX-License-Identifier: MIT
"""A real browser for tests: chromium without a window, through chromedriver's WebDriver interface,
by the standard library alone."""
import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from ports import free_port

CHROMIUM = os.environ.get("TYTO_CHROMIUM", "chromium")
SIZES = (("", 1280, 860, "light"), ("-dark", 1280, 860, "dark"), ("-phone", 390, 844, "light"))
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


def why_missing():
    """None, or what has to be installed."""
    lacking = [name for name in (CHROMIUM, "chromedriver") if not shutil.which(name)]
    return f"{' and '.join(lacking)} not installed (apt-get install chromium chromium-driver)" if lacking else None


class Browser:
    def __init__(self, width=1280, height=860, dark=False, deadline_s=120):
        self.deadline_s = deadline_s
        self.dir = tempfile.mkdtemp(prefix="tyto-browser-")
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.driver = subprocess.Popen(
            ["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--mute-audio", "--no-first-run",
                     "--autoplay-policy=no-user-gesture-required", "--disable-background-networking", "--hide-scrollbars",
                     f"--window-size={width},{height}", f"--user-data-dir={self.dir}/profile"]
        if dark:
            arguments.append("--blink-settings=preferredColorScheme=0")
        options = {"args": arguments}
        if shutil.which(CHROMIUM):
            options["binary"] = shutil.which(CHROMIUM)
        wish = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        self.session = None
        begin = time.monotonic()
        while self.session is None:
            try:
                value = self.call("POST", "/session", {"capabilities": {"alwaysMatch": wish}}, base=self.url)
                self.session = f"{self.url}/session/{value['sessionId']}"
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() - begin > deadline_s:
                    self.close()
                    raise
                time.sleep(0.1)

    def call(self, method, path, body=None, base=None):
        data = json.dumps(body if body is not None else {}).encode() if method == "POST" else None
        request = urllib.request.Request((base or self.session) + path, data=data, method=method, headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=self.deadline_s) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.read().decode()[:600]}") from None

    def open(self, url):
        self.call("POST", "/url", {"url": url})

    def run(self, script, *args):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(args)})

    def wait(self, script, *args, what=None):
        """Until the script returns something true, which is given back."""
        begin = time.monotonic()
        while True:
            value = self.run(script, *args)
            if value:
                return value
            if time.monotonic() - begin > self.deadline_s:
                page = self.run("return document.body.innerText")
                raise AssertionError(f"waited in vain for {what or script}; the page says:\n{page[:1500]}\n{self.complaints()}")
            time.sleep(0.05)

    def find(self, css):
        self.wait("return document.querySelector(arguments[0]) !== null", css, what=css)
        return self.call("POST", "/element", {"using": "css selector", "value": css})[ELEMENT]

    def act(self, css, action, body=None):
        """On what css finds; found again where the page was drawn anew in between."""
        for tries in range(20):
            try:
                return self.call("POST", f"/element/{self.find(css)}/{action}", body)
            except AssertionError as error:
                if tries == 19 or "stale element reference" not in str(error):
                    raise
                time.sleep(0.05)

    def click(self, css):
        self.act(css, "click")

    def type(self, css, text):
        self.act(css, "value", {"text": text})

    def keys(self, text):
        """Typed at whatever has the focus."""
        actions = [{"type": kind, "value": char} for char in text for kind in ("keyDown", "keyUp")]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def drag(self, css, to_css, x, y):
        """With the mouse, to that share of another element."""
        self.find(css)
        centre = "const b = document.querySelector(arguments[0]).getBoundingClientRect(); return [b.left + b.width / 2, b.top + b.height / 2]"
        share = "const b = document.querySelector(arguments[0]).getBoundingClientRect(); return [b.left + b.width * arguments[1], b.top + b.height * arguments[2]]"
        begin, end = self.run(centre, css), self.run(share, to_css, x, y)
        moves = [{"type": "pointerMove", "duration": 0, "x": round(at[0]), "y": round(at[1])} for at in (begin, end)]
        actions = [moves[0], {"type": "pointerDown", "button": 0}, moves[1], {"type": "pointerUp", "button": 0}]
        self.call("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": actions}]})

    def screenshot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("GET", "/screenshot")))

    def shoot(self, folder, name):
        """Pictures of what the page shows: light, dark, on a telephone. folder None: none."""
        if not folder:
            return
        os.makedirs(folder, exist_ok=True)
        for ending, width, height, theme in SIZES:
            self.size(width, height)
            self.run("document.documentElement.dataset.theme = arguments[0]; window.dispatchEvent(new Event('resize'))", theme)
            self.run("return new Promise((done) => setTimeout(done, 700))")
            self.screenshot(os.path.join(folder, f"{name}{ending}.png"))
        self.size(1280, 860)
        self.run("document.documentElement.dataset.theme = 'light'")

    def size(self, width, height):
        """Of the page itself, as a telephone has it, too."""
        self.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}})

    def complaints(self):
        """What the console has said since the last call, but for plain messages."""
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"}) if entry["level"] in ("SEVERE", "WARNING")]

    def requested(self):
        """Addresses that the page has asked for since the last call."""
        found = []
        for entry in self.call("POST", "/se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                found.append(message["params"]["request"]["url"])
        return found

    def close(self):
        try:
            if self.session:
                self.call("DELETE", "")
        except (AssertionError, OSError):
            pass
        self.driver.terminate()
        try:
            self.driver.wait(10)
        except subprocess.TimeoutExpired:
            self.driver.kill()
            self.driver.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
