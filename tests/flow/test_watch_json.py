#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each line of `tyto watch --json` is as doc/watch.schema.json says, with nothing in it that the schema does not
name; and an event's alignment is the same there and in Python.

  test_watch_json.py TYTO SAY_EVENTS SCHEMA [PYTHON_PATH]"""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

TYTO, SAY_EVENTS, SCHEMA = sys.argv[1:4]
PYTHON_PATH = sys.argv[4] if len(sys.argv) > 4 else None
DEADLINE_S = 120
NUM_PAST = 8
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float)}
with open(SCHEMA, encoding="utf-8") as schema_file:
    WHOLE = json.load(schema_file)


def faults(value, schema, path="line"):
    """What of the value is not as the schema says; unlike the schema, without mercy for keys that it does not name."""
    while "$ref" in schema:
        schema = WHOLE["$defs"][schema["$ref"].split("/")[-1]]
    if "oneOf" in schema:
        kinds = [WHOLE["$defs"][one["$ref"].split("/")[-1]] for one in schema["oneOf"]]
        fit = [one for one in kinds if not faults(value.get("type"), one["properties"]["type"])]
        return faults(value, fit[0], path) if len(fit) == 1 else [f"{path}: {len(fit)} kinds of line have the type {value.get('type')}"]
    if "const" in schema and (value != schema["const"] or isinstance(value, bool) != isinstance(schema["const"], bool)):
        return [f"{path}: {value} is not {schema['const']}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{path}: {value} is none of {schema['enum']}"]
    kind = schema.get("type")
    if kind and (not isinstance(value, TYPES[kind]) or (kind != "boolean" and isinstance(value, bool))):
        return [f"{path}: {value} is no {kind}"]
    found = []
    if kind in ("integer", "number") and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        found.append(f"{path}: {value} is out of bounds")
    if kind == "string" and not re.search(schema.get("pattern", ""), value):
        found.append(f"{path}: {value} is not like {schema['pattern']}")
    if kind == "array":
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            found.append(f"{path}: {len(value)} items")
        found += [fault for i, one in enumerate(value) for fault in faults(one, schema["items"], f"{path}[{i}]")]
    if kind == "object":
        found += [f"{path}: lacks {key}" for key in schema["required"] if key not in value]
        for key, one in value.items():
            found += faults(one, schema["properties"][key], f"{path}.{key}") if key in schema["properties"] else [f"{path}: {key} is not in the schema"]
    return found


IN_PYTHON = """
import json, sys, tyto
for item in tyto.follow(endpoint=sys.argv[1]):
    if not isinstance(item, tyto.Lost) and item.event and item.event.alignment:
        one = item.event.alignment
        print(json.dumps([item.event.id, one.before, one.audio, one.visual, one.trust]), flush=True)
"""


class WatchJson(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="tyto-watch-")
        self.addCleanup(self.folder.cleanup)
        self.endpoint = f"ipc://{self.folder.name}/events"
        self.processes = []
        self.addCleanup(self.end_all)

    def end_all(self):
        for process in self.processes:
            process.kill()
            process.wait()

    def start(self, name, *command, env=None):
        with open(os.path.join(self.folder.name, name), "wb") as out:
            self.processes.append(subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL, env=env))

    def lines(self, name):
        with open(os.path.join(self.folder.name, name), encoding="utf-8") as file:
            return [json.loads(line) for line in file.read().split("\n")[:-1]]

    def wait(self, what, is_so):
        end = time.monotonic() + DEADLINE_S
        while not is_so():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.05)

    def test_lines(self):
        self.start("watch", TYTO, "watch", self.endpoint, "--json", "--segments")
        if PYTHON_PATH:
            self.start("python", "/usr/bin/python3", "-c", IN_PYTHON, self.endpoint, env={**os.environ, "PYTHONPATH": PYTHON_PATH})
        self.start("told", SAY_EVENTS, self.endpoint, str(NUM_PAST))
        self.wait("each kind of line", lambda: {"connected", "camera", "model", "event"} <= {line["type"] for line in self.lines("watch")} and any("alignment" in line for line in self.lines("watch")))
        if PYTHON_PATH:
            self.wait("an event that both have told", self.told_twice)  # one of them may have come too late for the first ones
            in_c, (_, before, audio, visual, trust) = self.told_twice()[0]
            self.assertEqual(in_c, {"before": before, "audio": self.rounded(audio), "visual": self.rounded(visual), "trust": self.rounded([trust])[0]})
        self.processes[-1].send_signal(signal.SIGKILL)  # which is told, too
        self.wait("that tytod is silent", lambda: any(line["type"] == "silent" for line in self.lines("watch")))
        lines = self.lines("watch")
        self.assertEqual([fault for line in lines for fault in faults(line, WHOLE)], [])
        ends = [line for line in lines if line["type"] == "event" and line["phase"] == "end"]
        self.assertTrue(all(("alignment" in line) == (line["modality"] == "av") for line in ends), ends)
        with_one = next(line for line in ends if "alignment" in line)
        self.assertLessEqual(len(with_one["alignment"]["trust"]), len(with_one["segments"]["joint"]))

    def told_twice(self):
        """Of each event: its alignment as tyto watch has it, and Python's line."""
        in_c = {line["id"]: line["alignment"] for line in self.lines("watch") if "alignment" in line}
        return [(in_c[line[0]], line) for line in self.lines("python") if line[0] in in_c]

    @staticmethod
    def rounded(rows):
        return [[round(share, 4) for share in row] for row in rows]

    def test_what_is_not_so_is_found(self):
        line = {"type": "camera", "camera": "yard", "status": "live", "text": "", "has_audio": True, "has_video": 1, "num_segments": -1, "num_dropped": 0, "num_reconnects": 0, "clock": "sundial", "more": 1}
        self.assertEqual(len(faults(line, WHOLE)), 4, faults(line, WHOLE))
        self.assertTrue(faults({"type": "nothing"}, WHOLE))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
