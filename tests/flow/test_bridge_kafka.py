#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tyto bridge kafka against librdkafka's mock cluster: brokers go down in the middle of events, one,
then all, requests fail, bridge and tytod are killed; afterwards every event has arrived, once by
(id, rev), keyed by its camera. TLS and SASL against servers of its own, which go no further than the log-in.

  test_bridge_kafka.py TYTO PUBLISH_EVENTS MOCK_KAFKA
"""
import json
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import unittest

from bridging import AWAY_S, DEADLINE_S, Bridging, wait_for
from sasl_broker import METADATA, Broker

TYTO, PUBLISH, MOCK = sys.argv[1:4]
PASSWORD = "a password of the cluster's"


class Cluster:
    """The mock cluster, and what has arrived: (key, id, rev, event)."""

    def __init__(self, bridging, topic="cameras"):
        self.process = subprocess.Popen([MOCK, topic], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=bridging.log, text=True)
        bridging.processes.append(self.process)
        self.brokers = self.process.stdout.readline().strip()
        self.messages, self.lock = [], threading.Lock()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            key, event, rev, value = line.split(" ", 3)
            with self.lock:
                self.messages.append((key, event, rev, json.loads(value)))

    def say(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def got(self):
        with self.lock:
            return list(self.messages)

    def close(self):
        self.process.stdin.close()
        self.process.wait(DEADLINE_S)
        self.thread.join(DEADLINE_S)
        self.process.stdout.close()


class Kafka(unittest.TestCase):
    def setUp(self):
        self.bridging = Bridging(TYTO, PUBLISH)
        self.addCleanup(self.bridging.close)

    def start_cluster(self):
        cluster = Cluster(self.bridging)
        self.addCleanup(cluster.close)
        return cluster

    def bridge(self, cluster, *args):
        return self.bridging.bridge("kafka", "kafka://" + cluster.brokers, "--topic", "cameras", *args)

    def wait_for_more(self, cluster, num):
        before = len(cluster.got())
        wait_for(lambda: len(cluster.got()) >= before + num, self.bridging.said)

    def check_all(self, cluster, seqs):
        def told():
            got = {message[3]["seq"] for message in cluster.got()}
            return f"{len(got)} of {len(seqs)}, without {sorted(set(seqs) - got)[:20]}\n{self.bridging.said()}"
        wait_for(lambda: {message[3]["seq"] for message in cluster.got()} >= set(seqs), told)
        messages = cluster.got()
        once = {}
        for key, event, rev, told in messages:
            self.assertEqual((key, event, int(rev)), (told["camera"], told["id"], told["rev"]))
            once.setdefault((told["id"], told["rev"]), told["seq"])
        self.assertEqual(sorted(once.values()), seqs)
        return len(messages) - len(seqs) # that came twice

    def test_brokers_that_go_down_lose_nothing(self):
        cluster = self.start_cluster()
        daemon = self.bridging.publish(12000)
        bridge = self.bridge(cluster)
        self.wait_for_more(cluster, 10)
        cluster.say("down 1") # leaders of partitions among them
        time.sleep(1 + AWAY_S)
        cluster.say("up 1")
        self.wait_for_more(cluster, 10)
        cluster.say("refuse 3")
        for number in (1, 2, 3):
            cluster.say(f"down {number}")
        wait_for(lambda: "tried again until it works" in self.bridging.said(), self.bridging.said)
        begun = self.bridging.num_events()
        time.sleep(AWAY_S)
        wait_for(lambda: self.bridging.num_events() > begun + 20, "nothing is published")
        for number in (1, 2, 3):
            cluster.say(f"up {number}")
        self.wait_for_more(cluster, 10)
        self.bridging.stop(daemon)
        self.bridging.publish(0)
        seqs = self.bridging.all_seqs()
        self.assertEqual(self.check_all(cluster, seqs), 0)
        # In the order in which its camera told it.
        for camera in ("cam0", "cam1"):
            order = [told["seq"] for key, _, _, told in cluster.got() if key == camera]
            self.assertEqual(order, sorted(order))
        self.assertEqual(self.bridging.stop(bridge), 0)
        self.bridging.tell_long("brokers", [told["seq"] for _, _, _, told in cluster.got()], seqs)

    def test_restarts_of_both_sides_lose_nothing(self):
        cluster = self.start_cluster()
        daemon = self.bridging.publish(8000)
        bridge = self.bridge(cluster)
        for number in range(4):
            self.wait_for_more(cluster, 10)
            if number % 2 == 0:
                self.bridging.stop(bridge, signal.SIGKILL if number else signal.SIGTERM)
                bridge = self.bridge(cluster)
            else:
                self.bridging.stop(daemon, signal.SIGKILL)
                daemon = self.bridging.publish(8000)
        self.bridging.stop(daemon)
        self.bridging.publish(0)
        seqs = self.bridging.all_seqs()
        self.check_all(cluster, seqs) # what was under way at a kill may be there twice, marked
        self.assertEqual(self.bridging.stop(bridge), 0)
        # How far it came is stored: nothing comes again.
        num = len(cluster.got())
        bridge = self.bridge(cluster)
        wait_for(lambda: self.bridging.said().count("connected to tytod") >= 4, self.bridging.said)
        self.assertEqual(self.bridging.stop(bridge), 0)
        self.assertEqual(len(cluster.got()), num)

    def make_certificate(self, *more):
        key, cert = self.bridging.path("key.pem"), self.bridging.path("cert.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-keyout", key, "-out", cert,
                        "-days", "2", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost,IP:127.0.0.1", *(more or ("-nodes",))],
                       check=True, capture_output=True, timeout=DEADLINE_S)
        return key, cert

    def test_a_user_is_logged_in_by_sasl(self):
        password, wrong = (self.bridging.secret(name, word) for name, word in (("password", PASSWORD), ("wrong", "another word")))
        self.bridging.publish(30000)
        for mechanism in ("scram-sha-512", "scram-sha-256", "plain"):
            broker = Broker("tyto", PASSWORD)
            self.addCleanup(broker.close)
            url = f"kafka://localhost:{broker.port}"
            bridge = self.bridging.bridge("kafka", url, "--user", "tyto", "--password-file", password, "--sasl", mechanism)
            wait_for(lambda: METADATA in broker.asked, self.bridging.said)
            self.assertEqual(set(broker.logged_in), {mechanism.upper()})
            self.assertEqual(broker.num_refused, 0)
            self.assertEqual(self.bridging.stop(bridge), 0)
        bridge = self.bridging.bridge("kafka", url, "--user", "tyto", "--password-file", wrong)
        wait_for(lambda: "Authentication" in self.bridging.said(), self.bridging.said)
        wait_for(lambda: broker.num_refused >= 2, self.bridging.said)  # it is tried again until it works
        self.assertEqual(self.bridging.stop(bridge), 0)
        only = Broker("tyto", PASSWORD, ("PLAIN",))
        self.addCleanup(only.close)
        bridge = self.bridging.bridge("kafka", f"kafka://localhost:{only.port}", "--user", "tyto", "--password-file", password)
        wait_for(lambda: "PLAIN" in self.bridging.said(), self.bridging.said)  # what it takes instead
        self.assertEqual(self.bridging.stop(bridge), 0)
        self.assertEqual(only.logged_in, [])
        for secret in (PASSWORD, "another word"):
            self.assertNotIn(secret, self.bridging.said())

    @unittest.skipUnless(shutil.which("openssl"), "no openssl")
    def test_sasl_over_tls_with_a_certificate_of_its_own(self):
        key, cert = self.make_certificate("-passout", "pass:of the key")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key, "of the key")
        context.verify_mode = ssl.CERT_REQUIRED  # of the bridge, too: here it has the same one
        context.load_verify_locations(cert)
        broker = Broker("tyto", PASSWORD, context=context)
        self.addCleanup(broker.close)
        self.bridging.publish(30000)
        bridge = self.bridging.bridge("kafka", f"kafkas://localhost:{broker.port}", "--ca-file", cert, "--cert-file", cert, "--key-file", key,
                                      "--key-password-file", self.bridging.secret("of-key", "of the key"),
                                      "--user", "tyto", "--password-file", self.bridging.secret("password", PASSWORD))
        wait_for(lambda: METADATA in broker.asked, self.bridging.said)
        self.assertEqual(set(broker.logged_in), {"SCRAM-SHA-512"})
        self.assertEqual(self.bridging.stop(bridge), 0)
        done = subprocess.run([TYTO, "bridge", "kafka", f"kafkas://localhost:{broker.port}", "--cert-file", cert, "--key-file", key,
                               "--key-password-file", self.bridging.secret("wrong", "of another")], capture_output=True, text=True, check=False, timeout=DEADLINE_S)
        self.assertEqual(done.returncode, 2, done)
        self.assertNotIn("of another", done.stderr)

    @unittest.skipUnless(shutil.which("openssl"), "no openssl")
    def test_tls_by_a_certificate_that_is_vouched_for(self):
        key, cert = self.make_certificate()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        said = []
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def serve():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                try:
                    with context.wrap_socket(connection, server_side=True) as secure:
                        said.append(secure.recv(64))
                except OSError:
                    pass

        threading.Thread(target=serve, daemon=True).start()
        self.bridging.publish(30000)
        url = f"kafkas://localhost:{listener.getsockname()[1]}"
        password = self.bridging.secret("password", PASSWORD)
        args = ("--user", "tyto", "--password-file", password)
        stranger = self.bridging.bridge("kafka", url, *args) # the system does not vouch for it
        wait_for(lambda: "certificate verify failed" in self.bridging.said(), self.bridging.said)
        self.assertEqual(said, [])
        self.assertEqual(self.bridging.stop(stranger), 0)
        bridge = self.bridging.bridge("kafka", url, "--ca-file", cert, *args)
        wait_for(lambda: said, self.bridging.said)
        self.assertIn(b"tyto", said[0]) # a request, with the client's id
        with open(f"/proc/{bridge.pid}/cmdline", encoding="utf-8") as file:
            self.assertNotIn(PASSWORD, file.read())
        self.assertEqual(self.bridging.stop(bridge), 0)
        self.assertNotIn(PASSWORD, self.bridging.said())
        self.assertEqual(self.bridging.said().count(" 0 delivered"), 2)

    def test_wrong_usage(self):
        password = self.bridging.secret("password", PASSWORD)
        for args, text in (((), "which cluster?"), (("http://x",), "no cluster's address"),
                           (("kafka://",), "no cluster's address"), (("kafka://a,,b",), "no cluster's address"),
                           (("kafka://x:0",), "no cluster's address"), (("kafka://a b",), "no cluster's address"),
                           (("kafka://a:b@x",), "must not hold a user"),
                           (("kafka://x", "--topic", "a/b"), "a topic must be"),
                           (("kafka://x", "--window", "1000"), "1 to 256"),
                           (("kafka://x", "--user", "u"), "a user needs a password"),
                           (("kafka://x", "--password-file", password, "--user", "u"), "guess the password"),
                           (("kafka://localhost,x", "--password-file", password, "--user", "u"),
                            "guess the password"),
                           (("kafkas://x", "--ca-file", "/nowhere/ca.pem"), "ssl.ca.location")):
            done = subprocess.run([TYTO, "bridge", "kafka", *args], capture_output=True, text=True,
                                  check=False, timeout=DEADLINE_S)
            self.assertEqual((done.returncode, text in done.stderr), (2, True), (args, done))
            self.assertNotIn(PASSWORD, done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[4:], verbosity=0)
