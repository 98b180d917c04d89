# SPDX-License-Identifier: MIT
"""tyto serve and its stand-in for tytod, as processes; for the tests of the page."""
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import time

DEADLINE_S = 60


class Serving:
    """With what tests/flow/say_events tells; self.address is the page's."""

    def __init__(self, tyto, say_events, num_past=40, args=(), clips_uri=None):
        self.dir = tempfile.mkdtemp(prefix="tyto-serve-")
        endpoint = f"ipc://{self.dir}/events.sock"
        self.log = open(os.path.join(self.dir, "log"), "w+b")
        self.processes = []
        page = self.start([tyto, "serve", endpoint, "--listen", "127.0.0.1:0", *args])
        self.page = page
        self.address = page.stdout.readline().decode().strip()
        if not self.address.startswith("http"):
            self.close()
            raise AssertionError("tyto serve has said no address: " + self.said)
        self.host, self.port = self.address.split("/")[2].rsplit(":", 1)
        daemon = self.start([say_events, endpoint, str(num_past)] + ([clips_uri] if clips_uri else []))
        assert daemon.stdout.readline() == f"told {num_past}\n".encode()

    def start(self, command):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log)
        self.processes.append(process)
        return process

    def request(self, method, path, body=None, headers=None):
        """status, headers, body"""
        connection = http.client.HTTPConnection(self.host, int(self.port), timeout=DEADLINE_S)
        try:
            connection.putrequest(method, path, skip_host="Host" in (headers or {}), skip_accept_encoding=True)
            for key, value in (headers or {}).items():
                connection.putheader(key, value)
            if body is not None and "Content-Length" not in (headers or {}):
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
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
