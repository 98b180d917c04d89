#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What tyto serve could not hear while it stood still, and what delivers events in tytod was started anew
meanwhile, it fetches from the journal afterwards.

  test_missed.py TYTO PUBLISH_EVENTS"""
import json
import signal
import subprocess
import sys
import unittest
import urllib.request

from test_past import DEADLINE_S, TYTO, Place, wait_for

NUM_MISSED = 3000  # messages: more than any queue on the way holds


class Missed(Place):
    def ask(self, path):
        with urllib.request.urlopen(self.address + path, timeout=DEADLINE_S) as answer:
            return json.loads(answer.read())

    def known(self):
        """id -> whether it has ended"""
        return {row[0]: row[4] is not None for row in self.ask("api/events")["events"]}

    def test_a_page_that_stood_still_knows_all_in_the_end(self):
        self.open_place()
        publisher = self.publish(2000)
        page = subprocess.Popen([TYTO, "serve", self.endpoint, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.processes.append(page)
        self.addCleanup(page.stdout.close)
        self.address = page.stdout.readline().strip()
        self.assertTrue(self.address.startswith("http"), self.address)
        wait_for("events on the page", lambda: len(self.known()) > 10)
        page.send_signal(signal.SIGSTOP)
        publisher.terminate()
        publisher.wait()
        num_before = len(self.kept())
        publisher = self.publish(200)
        wait_for("that much is missed", lambda: len(self.kept()) >= num_before + NUM_MISSED)
        publisher.terminate()
        publisher.wait()
        self.publish(0)
        told, _ = self.events("list", self.endpoint, "-n", "100000")
        there = {event["id"]: "end" in event or event.get("phase") == "end" for event in told}
        page.send_signal(signal.SIGCONT)
        wait_for("all on the page", lambda: set(self.known()) >= set(there))
        wait_for("all ends", lambda: all(self.known()[id] for id, has_ended in there.items() if has_ended))
        self.assertGreater(sum(there.values()), NUM_MISSED / 2)
        self.assertEqual(self.ask("api/health")["link"]["lost"], 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
