#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tyto bridge mqtt against a real broker (mosquitto): killed in the middle of events and started
again, so that afterwards every event has arrived exactly once by (id, rev); last will, retained
states, Home Assistant's discovery by the fields that its documentation lists, passwords, TLS.

  test_bridge_mqtt.py TYTO PUBLISH_EVENTS
"""
import contextlib
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

from bridging import AWAY_S, DEADLINE_S, Bridging, wait_for
from ports import free_port

TYTO, PUBLISH = sys.argv[1:3]
MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
PASSWORD = "a password of the broker's"

# Which fields Home Assistant takes, from the sections "Configuration variables" of
# https://www.home-assistant.io/integrations/event.mqtt/ and .../binary_sensor.mqtt/ (and for origin
# of .../mqtt/#discovery-payload); True: it must be there.
DEVICE = {name: False for name in (
    "configuration_url connections hw_version identifiers manufacturer model model_id name "
    "serial_number suggested_area sw_version via_device").split()}
AVAILABILITY = {"topic": True, "payload_available": False, "payload_not_available": False,
                "value_template": False}
ORIGIN = {"name": True, "sw_version": False, "support_url": False}
COMMON = {name: False for name in (
    "availability availability_mode availability_template availability_topic default_entity_id "
    "device device_class enabled_by_default encoding entity_category entity_picture icon "
    "json_attributes_template json_attributes_topic name object_id origin payload_available "
    "payload_not_available platform qos unique_id value_template").split()} | {"state_topic": True}
FIELDS = {
    "event": COMMON | {"event_types": True},
    "binary_sensor": COMMON | {name: False for name in (
        "expire_after force_update off_delay payload_off payload_on").split()},
    # Of .../image.mqtt/, which knows neither a state nor a quality of service; one of image_topic and
    # url_topic must be there.
    "image": {name: False for name in (
        "availability availability_mode availability_template availability_topic content_type "
        "default_entity_id device enabled_by_default encoding entity_category entity_picture icon "
        "image_encoding json_attributes_template json_attributes_topic name object_id origin platform "
        "unique_id url_template url_topic").split()} | {"image_topic": True},
}


class Subscriber:
    """MQTT 3.1.1 by hand: everything under '#', with a session that the broker keeps; connects again
    when it loses the broker. Its messages are (topic, payload, is_retained)."""

    def __init__(self, port, name="listener"):
        self.port, self.name = port, name
        self.messages, self.lock = [], threading.Lock()
        self.is_over, self.num_connected = threading.Event(), 0
        self.socket = None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    @staticmethod
    def text(text):
        return struct.pack(">H", len(text)) + text.encode()

    @staticmethod
    def packet(head, body):
        length, rest = b"", len(body)
        while True:
            length += bytes([rest % 128 | (128 if rest > 127 else 0)])
            rest //= 128
            if not rest:
                return bytes([head]) + length + body

    def read(self, file):
        head = file.read(1)
        length = shift = 0
        while head:
            byte = file.read(1)[0]
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        body = file.read(length)
        if not head or len(body) < length:
            raise ConnectionError("closed")
        return head[0], body

    def run(self):
        while not self.is_over.is_set():
            try:
                self.listen()
            except (OSError, IndexError):
                self.is_over.wait(0.05)

    def listen(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_S) as connection:
            file = connection.makefile("rb")
            self.socket = connection
            connection.sendall(self.packet(0x10, self.text("MQTT") + b"\x04\x00\x00\x00" + self.text(self.name)))
            while not self.is_over.is_set():
                head, body = self.read(file)
                if head >> 4 == 2: # let in
                    connection.sendall(self.packet(0x82, b"\x00\x01" + self.text("#") + b"\x01"))
                elif head >> 4 == 9: # subscribed
                    self.num_connected += 1
                elif head >> 4 == 3:
                    self.take(connection, head, body)

    def take(self, connection, head, body):
        num = struct.unpack(">H", body[:2])[0]
        topic, rest = body[2:2 + num].decode(), body[2 + num:]
        mid = b""
        if head & 6:
            mid, rest = rest[:2], rest[2:]
        with self.lock:
            self.messages.append((topic, rest if topic.endswith("/picture") else rest.decode(), bool(head & 1)))
        if mid:
            # What a broker sent before it was killed is read to its end, though it is thanked for no more.
            with contextlib.suppress(OSError):
                connection.sendall(self.packet(0x40, mid))

    def say(self, topic, payload):
        self.socket.sendall(self.packet(0x30, self.text(topic) + payload.encode()))

    def of(self, topic):
        with self.lock:
            return [payload for got, payload, _ in self.messages if got == topic]

    def events(self):
        """(seq, id, rev) of all."""
        with self.lock:
            texts = [text for topic, text, _ in self.messages if topic.endswith("/events")]
        events = [json.loads(text) for text in texts]
        return [(event["seq"], event["id"], event["rev"]) for event in events]

    def close(self):
        self.is_over.set()
        if self.socket:
            try:
                self.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.thread.join(DEADLINE_S)


class Mqtt(unittest.TestCase):
    def setUp(self):
        self.bridging = Bridging(TYTO, PUBLISH)
        self.addCleanup(self.bridging.close)
        self.port = free_port()
        self.config = self.bridging.path("broker.conf")
        os.mkdir(self.bridging.path("broker"))
        self.broker = None

    def start_broker(self, *lines):
        """Who has subscribed to what is kept on the disk; what is on its way has no bound."""
        with open(self.config, "w", encoding="utf-8") as file:
            file.write("\n".join([
                f"listener {self.port} 127.0.0.1", *(lines or ["allow_anonymous true"]),
                "persistence true", f"persistence_location {self.bridging.path('broker')}/",
                "autosave_interval 50", "autosave_on_changes true", "max_inflight_messages 0",
                "max_queued_messages 0", *(["user root"] if os.geteuid() == 0 else []), ""]))
        self.broker = self.bridging.start([MOSQUITTO, "-c", self.config])

        def is_there():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        wait_for(is_there, self.bridging.said)

    def listen(self, name="listener"):
        listener = Subscriber(self.port, name)
        self.addCleanup(listener.close)
        wait_for(lambda: listener.num_connected, self.bridging.said)
        return listener

    def save(self, name):
        """The broker keeps this subscriber's session on the disk from here on, for it saves only now and then
        by itself: killed before, it would not know on whose behalf to keep what the bridge sends it first."""
        self.broker.send_signal(signal.SIGUSR1)
        path = self.bridging.path("broker/mosquitto.db")

        def is_kept():
            if not os.path.exists(path):
                return False
            with open(path, "rb") as file:
                return name.encode() in file.read()
        wait_for(is_kept, "the broker does not save its sessions")

    def bridge(self, *args, url=None):
        return self.bridging.bridge("mqtt", url or f"mqtt://127.0.0.1:{self.port}", *args)

    def wait_for_all(self, listener, seqs):
        def told():
            got = {seq for seq, _, _ in listener.events()}
            return f"{len(got)} of {len(seqs)}, without {sorted(set(seqs) - got)[:20]}\n{self.bridging.said()}"
        wait_for(lambda: {seq for seq, _, _ in listener.events()} >= set(seqs), told)

    def check_once(self, listener, seqs):
        """By id and rev, which tell what came twice."""
        once = {(event, rev): seq for seq, event, rev in listener.events()}
        self.assertEqual(sorted(once.values()), seqs)

    def test_a_broker_that_is_killed_in_the_middle_loses_nothing(self):
        self.start_broker()
        listener = self.listen()
        self.save("listener")
        daemon = self.bridging.publish(12000)
        bridge = self.bridge()
        for number in range(3):
            before, connects = len(listener.events()), listener.num_connected
            wait_for(lambda b=before: len(listener.events()) >= b + 10, self.bridging.said)
            if number == 2: # the bridge as well, while the broker is away
                self.bridging.stop(self.broker, signal.SIGKILL)
                self.bridging.stop(bridge, signal.SIGKILL)
                bridge = self.bridge()
            else:
                self.bridging.stop(self.broker, signal.SIGTERM if number == 1 else signal.SIGKILL)
            told = self.bridging.num_events()
            wait_for(lambda t=told: self.bridging.num_events() >= t + 10, "nothing is published")
            time.sleep(AWAY_S if number == 0 else 0)
            self.start_broker()
            wait_for(lambda c=connects: listener.num_connected > c, "the listener is not let in")
        self.bridging.stop(daemon, signal.SIGKILL)
        self.bridging.publish(0)
        seqs = self.bridging.all_seqs()
        self.wait_for_all(listener, seqs)
        self.assertEqual(self.bridging.stop(bridge), 0)
        self.check_once(listener, seqs)
        self.bridging.tell_long("broker", [seq for seq, _, _ in listener.events()], seqs)

    def test_in_order_and_once_when_nothing_goes_wrong(self):
        self.start_broker()
        listener = self.listen()
        self.bridging.stop(self.bridging.publish(4000))
        self.bridging.publish(0)
        seqs = self.bridging.all_seqs()
        bridge = self.bridge("--window", "4")
        self.wait_for_all(listener, seqs)
        self.assertEqual(self.bridging.stop(bridge), 0)
        self.assertEqual([seq for seq, _, _ in listener.events()], seqs)
        # How far it came is stored: nothing comes again, what is new does.
        num = len(listener.events())
        bridge = self.bridge()
        wait_for(lambda: listener.of("tyto/status").count("online") >= 2, self.bridging.said)
        self.assertEqual(self.bridging.stop(bridge), 0)
        self.assertEqual(len(listener.events()), num)

    def test_last_will_states_and_discovery(self):
        self.start_broker()
        listener = self.listen()
        daemon = self.bridging.publish(30000)
        bridge = self.bridge()
        wait_for(lambda: "online" in listener.of("tyto/status"), self.bridging.said)
        wait_for(lambda: {"ON", "OFF"} <= set(listener.of("tyto/cam0/class/dog")), self.bridging.said)
        configs = wait_for(lambda: self.configs(listener, 8), lambda: str(self.configs(listener, 0)))
        # dog, owl at cam0 and cat at cam1 and so on: each camera has each class.
        for topic, payload in configs.items():
            self.check_config(topic, json.loads(payload))
        devices = {json.dumps(json.loads(payload)["device"], sort_keys=True)
                   for payload in configs.values()}
        self.assertEqual(len(devices), 2) # one for each camera
        ids = [json.loads(payload)["unique_id"] for payload in configs.values()]
        self.assertEqual(len(ids), len(set(ids)))
        # All of it is retained, but events: a newcomer finds it.
        newcomer = self.listen("newcomer")
        wait_for(lambda: newcomer.of("tyto/status"), self.bridging.said)
        wait_for(lambda: len(self.configs(newcomer, 8) or {}) >= 8, "nothing is retained")
        with newcomer.lock:
            self.assertFalse([t for t, _, is_kept in newcomer.messages
                              if is_kept and t.endswith("/events")])
        # Home Assistant is started: all is told again.
        one = "homeassistant/event/tyto_cam0/events/config"
        num = len(listener.of(one))
        listener.say("homeassistant/status", "online")
        wait_for(lambda: len(listener.of(one)) > num, "discovery is not told again")
        # tytod goes silent; the bridge is killed; its last will is told.
        self.bridging.stop(daemon, signal.SIGKILL)
        wait_for(lambda: listener.of("tyto/status")[-1] == "offline", self.bridging.said)
        daemon = self.bridging.publish(30000)
        wait_for(lambda: listener.of("tyto/status")[-1] == "online", self.bridging.said)
        self.bridging.stop(bridge, signal.SIGKILL)
        wait_for(lambda: listener.of("tyto/status")[-1] == "offline", self.bridging.said)

    def test_pictures_are_kept_for_home_assistant(self):
        self.start_broker()
        listener = self.listen()
        self.bridging.publish(30000, 5000)
        bridge = self.bridge()
        wait_for(lambda: all(len(listener.of(f"tyto/cam{i}/picture")) >= 3 for i in (0, 1)), self.bridging.said)
        wait_for(lambda: {"homeassistant/image/tyto_cam0/picture/config",
                          "homeassistant/image/tyto_cam1/picture/config"} <= set(self.configs(listener, 0)),
                 self.bridging.said)
        for topic, payload in self.configs(listener, 0).items():
            self.check_config(topic, json.loads(payload))
        # Each is what it is said to be, of an event of its camera. The newest is retained, one for a camera.
        self.assertEqual(self.bridging.stop(bridge), 0)
        for picture in listener.of("tyto/cam1/picture"):
            self.assertEqual((len(picture), picture[:3]), (5000, b"\xff\xd8\xff"))
        told = wait_for(lambda: [json.loads(text) for text in listener.of("tyto/cam1/picture/event")],
                        self.bridging.said)
        self.assertEqual({(about["camera"], about["width"], about["height"]) for about in told}, {("cam1", 4, 3)})
        newcomer = self.listen("newcomer")
        wait_for(lambda: newcomer.of("tyto/cam0/picture/event"), "nothing is retained")
        wait_for(lambda: newcomer.of("tyto/cam0/picture"), "no picture is retained")
        self.assertEqual(newcomer.of("tyto/cam0/picture")[0][3:29].decode(),
                         json.loads(newcomer.of("tyto/cam0/picture/event")[0])["id"])

    def test_pictures_that_a_broker_does_not_take_hold_no_event(self):
        # It ends the connection at what is larger.
        self.start_broker("allow_anonymous true", "max_packet_size 20000")
        listener = self.listen()
        daemon = self.bridging.publish(12000, 30000)
        bridge = self.bridge()
        wait_for(lambda: "are left out" in self.bridging.said(), self.bridging.said)
        self.bridging.stop(daemon)
        daemon = self.bridging.publish(0)
        seqs = self.bridging.all_seqs()
        self.wait_for_all(listener, seqs)
        self.check_once(listener, seqs)
        self.assertEqual(listener.of("tyto/cam0/picture"), [])
        self.assertEqual(self.bridging.stop(bridge), 0)
        # Told how much it takes, it is not disturbed.
        said = self.bridging.said()
        self.bridging.stop(daemon)
        self.bridging.publish(12000, 30000)
        bridge = self.bridge("--max-picture-kib", "16")
        num = len(listener.events())
        wait_for(lambda: len(listener.events()) > num + 20, self.bridging.said)
        self.assertEqual(self.bridging.stop(bridge), 0)
        self.assertNotIn("no connection", self.bridging.said()[len(said):])

    def configs(self, listener, at_least):
        """topic -> the newest, of discovery; None: fewer."""
        with listener.lock:
            found = {topic: payload for topic, payload, _ in listener.messages
                     if topic.startswith("homeassistant/") and topic.endswith("/config")}
        return found if len(found) >= at_least else None

    def check_config(self, topic, config):
        """Only fields that are documented, and all that must be there."""
        component, node, name = topic.split("/")[1:4]
        for found, fields in ((config, FIELDS[component]), (config["device"], DEVICE),
                              (config["origin"], ORIGIN),
                              *((entry, AVAILABILITY) for entry in config["availability"])):
            self.assertLessEqual(set(found), set(fields), topic)
            self.assertLessEqual({field for field, is_needed in fields.items() if is_needed}, set(found), topic)
        camera = node.removeprefix("tyto_")
        self.assertEqual(config["device"]["identifiers"], [node])
        self.assertEqual(config.get("qos", 1), 1)
        self.assertEqual(config["availability_mode"], "all")
        self.assertEqual([entry["topic"] for entry in config["availability"]],
                         ["tyto/status", f"tyto/{camera}/availability"])
        if component == "image":
            self.assertEqual((name, config["image_topic"], config["content_type"]),
                             ("picture", f"tyto/{camera}/picture", "image/jpeg"))
            self.assertEqual(config["json_attributes_topic"], f"tyto/{camera}/picture/event")
        elif component == "event":
            self.assertEqual(config["state_topic"], f"tyto/{camera}/events")
            self.assertEqual(config["event_types"], ["new", "update", "end", "retracted"])
            self.assertEqual(self.render(config["value_template"], {"phase": "new", "class": "dog"}),
                             {"phase": "new", "class": "dog", "event_type": "new"})
        else:
            self.assertEqual(config["state_topic"], f"tyto/{camera}/class/{name}")
            self.assertEqual((config["payload_on"], config["payload_off"]), ("ON", "OFF"))

    def render(self, template, event):
        """As Home Assistant does, by Jinja, where that is installed."""
        try:
            import jinja2.sandbox
        except ImportError:
            return event | {"event_type": event["phase"]}
        environment = jinja2.sandbox.ImmutableSandboxedEnvironment()
        environment.filters["to_json"] = json.dumps
        return json.loads(environment.from_string(template).render(value_json=event))

    def test_passwords_stay_secret_and_wrong_ones_are_told(self):
        passwords = self.bridging.secret("passwd", "")
        os.truncate(passwords, 0)
        subprocess.run([shutil.which("mosquitto_passwd") or "mosquitto_passwd", "-b", passwords, "tyto", PASSWORD],
                       check=True, capture_output=True, timeout=DEADLINE_S)
        self.start_broker("allow_anonymous false", f"password_file {passwords}")
        self.bridging.publish(30000)
        wrong = self.bridge("--user", "tyto", "--password-file", self.bridging.secret("wrong", "guess"))
        wait_for(lambda: "not authorised" in self.bridging.said().lower(), self.bridging.said)
        self.assertEqual(self.bridging.stop(wrong), 0)
        good = self.bridge("--user", "tyto", "--password-file", self.bridging.secret("good", PASSWORD))
        wait_for(lambda: os.path.exists(self.bridging.position), self.bridging.said)
        with open(f"/proc/{good.pid}/cmdline", encoding="utf-8") as file:
            self.assertNotIn(PASSWORD, file.read())
        with open(f"/proc/{good.pid}/environ", encoding="utf-8", errors="replace") as file:
            self.assertNotIn(PASSWORD, file.read())
        self.assertEqual(self.bridging.stop(good), 0)
        self.assertNotIn(PASSWORD, self.bridging.said())

    @unittest.skipUnless(shutil.which("openssl"), "no openssl")
    def test_tls_by_a_certificate_that_is_vouched_for(self):
        key, cert = self.bridging.path("key.pem"), self.bridging.path("cert.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert,
                        "-days", "2", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True,
                       timeout=DEADLINE_S)
        self.start_broker("allow_anonymous true", f"certfile {cert}", f"keyfile {key}")
        self.bridging.publish(30000)
        url = f"mqtts://localhost:{self.port}"
        stranger = self.bridge(url=url) # the system does not vouch for it
        wait_for(lambda: "no connection to the broker" in self.bridging.said(), self.bridging.said)
        self.assertFalse(os.path.exists(self.bridging.position))
        self.assertEqual(self.bridging.stop(stranger), 0)
        bridge = self.bridge("--ca-file", cert, url=url)
        wait_for(lambda: os.path.exists(self.bridging.position), self.bridging.said)
        self.assertEqual(self.bridging.stop(bridge), 0)

    def test_a_broker_that_says_nothing_holds_nobody(self):
        with socket.socket() as deaf: # takes connections, answers nothing
            deaf.bind(("127.0.0.1", self.port))
            deaf.listen()
            self.bridging.publish(30000)
            bridge = self.bridge()
            connection, _ = deaf.accept()
            with connection:
                self.assertTrue(connection.recv(16))
                self.assertEqual(self.bridging.stop(bridge), 0)
        self.assertFalse(os.path.exists(self.bridging.position))

    def test_wrong_usage(self):
        password = self.bridging.secret("password", PASSWORD)
        for args, text in (((), "which broker?"), (("http://x",), "no broker's address"),
                           (("mqtt://",), "no broker's address"), (("mqtt://x:0",), "no broker's address"),
                           (("mqtt://a:b@x",), "must not hold a user"),
                           (("mqtt://x", "--prefix", "a/+/b"), "a prefix must be"),
                           (("mqtt://x", "--window", "1000"), "1 to 64"),
                           (("mqtt://x", "--password-file", password, "--user", "u"), "read the password"),
                           (("mqtts://x", "--ca-file", "/nowhere/ca.pem"), "cannot be used")):
            done = subprocess.run([TYTO, "bridge", "mqtt", *args], capture_output=True, text=True,
                                  check=False, timeout=DEADLINE_S)
            self.assertEqual((done.returncode, text in done.stderr), (2, True), (args, done))
            self.assertNotIn(PASSWORD, done.stderr)


if __name__ == "__main__":
    done = subprocess.run([TYTO, "bridge", "mqtt", "mqtt://127.0.0.1:9", "--state", os.devnull + "/x"],
                          capture_output=True, text=True, check=False, timeout=DEADLINE_S)
    if "without libmosquitto" in done.stderr or not MOSQUITTO:
        print("no libmosquitto, or no mosquitto: scripts/setup --test installs them")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=0)
