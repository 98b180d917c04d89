# SPDX-License-Identifier: MIT
"""tyto serve and its stand-in for tytod, as processes; for the tests of the page."""
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import time

DEADLINE_S = 120
CLIP = "yard/20261123T155715Z-dog-01M84J0DCR3A85TD3GBA6TMY9D.mkv"
CLIP_ID = CLIP[-30:-4]


def make_recording(folder, clip=CLIP, codecs=("-c:v", "libx264", "-g", "12", "-c:a", "aac")):
    """A recording and its label, as tytod keeps them; one beside those that are there."""
    os.makedirs(os.path.join(folder, "yard"), exist_ok=True)
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=640x360:rate=12", "-f", "lavfi", "-i", "sine=440", "-t", "12",
                    "-pix_fmt", "yuv420p", *codecs, os.path.join(folder, clip)], check=True, timeout=120)
    labels = os.path.join(folder, "labels.csv")
    is_first = not os.path.exists(labels)
    with open(labels, "a", encoding="ascii") as file:
        file.write(("file,class,begin_s,end_s,modality\n" if is_first else "") + f"{clip},dog,5.000,9.000,both\n")


class Headers(dict):
    """By small letters; cookies: those that were set, name -> (value, attributes)."""

    def __init__(self, pairs):
        super().__init__((key.lower(), value) for key, value in pairs)
        self.cookies = {}
        for key, text in pairs:
            if key.lower() == "set-cookie":
                first, *attributes = text.split("; ")
                name, value = first.split("=", 1)
                self.cookies[name] = (value, attributes)


class Serving:
    """With what tests/flow/say_events tells, or (say_events None) what is told at endpoint;
    self.address is the page's."""

    def __init__(self, tyto, say_events, num_past=40, args=(), clips_uri=None, keys=(), waits=True, endpoint=None):
        self.dir = tempfile.mkdtemp(prefix="tyto-serve-")
        endpoint = endpoint or f"ipc://{self.dir}/events.sock"
        self.log = open(os.path.join(self.dir, "log"), "w+b")
        self.processes = []
        page = self.start([tyto, "serve", endpoint, "--listen", "127.0.0.1:0", *args])
        self.page = page
        self.address = page.stdout.readline().decode().strip()
        if not self.address.startswith("http"):
            self.close()
            raise AssertionError("tyto serve has said no address: " + self.said)
        self.host, self.port = self.address.split("/")[2].rsplit(":", 1)
        if not say_events:
            return
        daemon = self.start([say_events, endpoint, str(num_past), clips_uri or "-", *keys])
        assert not waits or daemon.stdout.readline() == f"told {num_past}\n".encode()

    def start(self, command):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log)
        self.processes.append(process)
        return process

    def connect(self, source=None, context=None):
        """A connection, by TLS where there is a context for it; source: the address it comes from."""
        kind, more = (http.client.HTTPSConnection, {"context": context}) if context else (http.client.HTTPConnection, {})
        return kind(self.host, int(self.port), timeout=DEADLINE_S, source_address=(source, 0) if source else None, **more)

    def request(self, method, path, body=None, headers=None, source=None, context=None):
        """status, headers, body"""
        connection = self.connect(source, context)
        try:
            connection.putrequest(method, path, skip_host="Host" in (headers or {}), skip_accept_encoding=True)
            for key, value in (headers or {}).items():
                connection.putheader(key, value)
            if body is not None and "Content-Length" not in (headers or {}):
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, Headers(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def get(self, path):
        status, _, body = self.request("GET", path)
        assert status == 200, (path, status, body)
        return json.loads(body)

    def wait(self, path, is_good):
        begin = time.monotonic()
        while True:
            answer = self.get(path)
            if is_good(answer):
                return answer
            assert time.monotonic() - begin < DEADLINE_S, (path, answer)
            time.sleep(0.05)

    def stop(self, process):
        process.terminate()
        return process.wait(DEADLINE_S)

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stdout.close()
        self.log.seek(0)
        self.said = self.log.read().decode("utf-8", "replace")
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
