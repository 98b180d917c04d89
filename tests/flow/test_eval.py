#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tyto eval as a person calls it: heads made up on the spot, recordings, labels, and what
tyto localize told.
    test_eval.py TYTO MAKE_SMALL_MODELS"""
import csv
import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml

MAKE = os.path.abspath(sys.argv.pop())
TYTO = os.path.abspath(sys.argv.pop())
T, SECONDS = 6, 14
# One clip of 6 segments, one of 6, one of 2; a segment is true when at least half of it is.
LABELS = ("file,class,begin_s,end_s,modality\n"
          "a.mp4,dog,1,4,both\na.mp4,cat,3.5,5,both\na.mp4,car,8,10,heard\n"
          "b.mp4,car,0,12,both\nb.mp4,dog,6,7,seen\n")


def run(*args, **kwargs):
    done = subprocess.run([TYTO, *args], capture_output=True, text=True, check=False, timeout=120,
                          **kwargs)
    return done.returncode, done.stdout, done.stderr


class Eval(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = cls.temporary.name
        cls.models = os.path.join(cls.folder, "models")
        os.mkdir(cls.models)
        subprocess.run([MAKE, cls.models], check=True, timeout=60)
        for name in "ab":
            subprocess.run(
                ["ffmpeg", "-v", "error", "-y", "-nostdin",
                 "-f", "lavfi", "-i", f"testsrc2=s=64x48:r=10:d={SECONDS}",
                 "-f", "lavfi", "-i", f"sine={300 + 99 * ord(name)}:d={SECONDS}",
                 "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", cls.path(name + ".mp4")],
                check=True)
        cls.write("labels.csv", LABELS)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    @classmethod
    def write(cls, name, text):
        with open(cls.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return cls.path(name)

    def head(self, name="head"):
        return os.path.join(self.models, name + ".safetensors")

    def evaluate(self, head="head", *args, labels="labels.csv"):
        return run("eval", self.head(head), "--labels", self.path(labels), "--models", self.models,
                   "--cache", self.path("cache"), "--device", "cpu", *args)

    def test_figures_come_beside_trivial_ones(self):
        status, out, err = self.evaluate("head", "--json", "--shift", "-2:1", "--drop")
        self.assertEqual((status, err), (0, ""))
        result = json.loads(out)
        # joint truth: a 1 2 3 dog, 4 (and half of 3) cat; b 0..11 car; of 28 seconds
        self.assertEqual((result["num_clips"], result["num_segments"]), (6, 28))
        accuracy = result["figures"]["accuracy"]
        self.assertAlmostEqual(accuracy["nothing"], (28 - 4 - 12) / 28, 6)
        # knowing the commonest class of each window: dog in a's first, car in b's first two
        self.assertAlmostEqual(accuracy["class_only"], (3 + 12 + (28 - 18)) / 28, 6)
        self.assertEqual(sum(map(sum, result["confusion"])), 28)
        right = sum(row[i] for i, row in enumerate(result["confusion"]))
        self.assertAlmostEqual(accuracy["model"], right / 28, 6)
        self.assertEqual([c["class"] for c in result["classes"]],
                         ["dog", "cat", "car", "(background)"])
        self.assertEqual([p["shift"] for p in result["shifts"]], [-2, -1, 0, 1])
        self.assertAlmostEqual(result["shifts"][2]["on_video"], accuracy["model"], 6)
        self.assertIn("without_sound", result)
        self.assertIn("without_picture", result)

    def test_sound_is_looked_for_at_several_offsets(self):
        plain, aligned = (json.loads(self.evaluate("head", "--json", *args)[1])
                          for args in ((), ("--align", "2")))
        self.assertEqual(sum(map(sum, aligned["confusion"])), 28)
        self.assertNotEqual(plain["figures"], aligned["figures"])
        status, out, err = self.evaluate("head", "--align", "33")
        self.assertEqual((status, out), (2, ""))
        self.assertIn("--align", err)

    def test_table_csv_and_page_say_the_same(self):
        page, table = self.path("page.html"), self.path("figures.csv")
        status, out, err = self.evaluate("head", "--report", page, "--csv", table, "--shift", "-1:1",
                                         "--drop")
        self.assertEqual((status, err), (0, ""))
        with open(table, encoding="ascii", newline="") as file:
            rows = {row["figure"]: row for row in csv.DictReader(file)}
        self.assertIn("shift/-1", rows)
        self.assertIn("f1/dog", rows)
        shown = f"{float(rows['accuracy']['model']) * 100:.1f}"
        line = next(x for x in out.split("\n") if "background included" in x)
        self.assertIn(f" {shown} ", line)
        self.assertIn("without picture", out)
        with open(page, encoding="utf-8") as file:
            text = file.read()
        xml.fromstring(text.replace("<!DOCTYPE html>", ""))
        for word in ("http:", "https:", "<link", "url("):
            self.assertNotIn(word, text)
        data = json.loads(text.split('id="data">')[1].split("</script>")[0])
        accuracy = next(f for f in data["figures"] if f["key"] == "accuracy")
        self.assertEqual(f"{accuracy['model'] * 100:.1f}", shown)
        self.assertIn("a.mp4", [clip["name"].split("@")[0] for clip in data["best"]])

    def test_a_head_fused_with_itself_is_itself(self):
        alone = json.loads(self.evaluate("head", "--json")[1])
        late = json.loads(self.evaluate("head", "--json", "--late", self.head())[1])
        for key, figure in alone["figures"].items():
            self.assertAlmostEqual(figure["model"], late["figures"][key]["model"], 6, key)
        status, out, err = self.evaluate("head", "--late", self.head("other"))
        self.assertEqual((status, out), (1, ""))
        self.assertIn("other.safetensors: tyto.classes", err)

    def test_what_does_not_fit_is_refused_with_what_to_do(self):
        for head, words, *args in (("wide", "encoders", "--skip-unknown"),
                                   ("stranger", "--models", "--skip-unknown"),
                                   ("other", "--skip-unknown")):
            status, out, err = self.evaluate(head, *args)
            self.assertEqual((status, out), (1, ""), head)
            self.assertIn(words, err)
        self.assertEqual(self.evaluate("other", "--skip-unknown")[0], 0)
        self.assertEqual(self.evaluate("nowhere")[0], 1)

    def test_bad_labels_are_told_line_by_line(self):
        self.write("bad.csv", LABELS + "a.mp4,dog,5,3\nnowhere.mp4,dog,1,2\n")
        status, out, err = self.evaluate(labels="bad.csv")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("bad.csv:7", err)
        self.assertIn("bad.csv:8", err)

    def test_what_was_told_is_held_against_labels(self):
        status, told, _ = run("localize", "--json", "--segments", "--device", "cpu", "--threshold",
                              "0.3", "--models", self.models, "--weights", self.head(),
                              self.path("a.mp4"), self.path("b.mp4"))
        self.assertEqual(status, 0)
        events = self.write("told.jsonl", told)
        status, out, err = run("eval", "--events", events, "--labels", self.path("labels.csv"),
                               "--json", "--csv", self.path("events.csv"))
        self.assertEqual((status, err), (0, ""))
        result = json.loads(out)
        lines = [json.loads(x) for x in told.splitlines()]
        self.assertEqual(result["num_events"], sum(x["type"] == "event" for x in lines))
        self.assertEqual(result["num_frames"], sum(x["type"] == "segment" for x in lines))
        self.assertEqual((result["num_labels"], result["num_recordings"]), (5, 2))
        self.assertEqual(result["media_s"], 2 * SECONDS)
        perfect = self.write("perfect.jsonl", "".join(
            json.dumps({"type": "event", "phase": "end", "file": file, "id": str(i), "class": name,
                        "begin_s": float(begin), "end_s": float(end), "modality": "av",
                        "scores": {"joint": 0.9}}) + "\n"
            for i, (file, name, begin, end, modality) in enumerate(
                row.split(",") for row in LABELS.splitlines()[1:]) if modality == "both"))
        out = run("eval", "--events", perfect, "--labels", self.path("labels.csv"), "--json")[1]
        result = json.loads(out)
        self.assertEqual(result["joint"]["f1_0.7"], 1)
        self.assertEqual(result["joint"]["map_0.1_0.9"], 1)
        self.assertEqual(result["joint"]["false_per_hour"], 0)
        self.assertAlmostEqual(result["any"]["recall_0.7"], 3 / 5, 6)

    def test_bad_lines_are_all_told(self):
        bad = self.write("bad.jsonl", '{"type":"event","file":"a.mp4"}\nnonsense\n\0\n'
                                      '{"type":"event","file":"a.mp4","id":"1","begin_s":9e99}\n')
        status, out, err = run("eval", "--events", bad, "--labels", self.path("labels.csv"))
        self.assertEqual((status, out), (1, ""))
        for line in (1, 2, 3, 4):
            self.assertIn(f"bad.jsonl:{line}:", err)
        self.assertIn("4 lines", err)

    def test_wrong_usage_is_2(self):
        labels = ("--labels", self.path("labels.csv"))
        for args in ((), (self.head(),), labels, (self.head(), *labels, "--ave", "x"),
                     (self.head(), self.head(), *labels), (self.head(), *labels, "--shift", "3"),
                     (self.head(), *labels, "--shift", "1:4"), (self.head(), *labels, "--edge", "x"),
                     ("--events", "x", self.head(), *labels), ("--events", "x"),
                     ("--events", "x", *labels, "--drop"), (self.head(), *labels, "--seconds", "3"),
                     (self.head(), *labels, "--unknown"), (self.head(), "--labels")):
            status, out, err = run("eval", *args)
            self.assertEqual((status, out), (2, ""), args)
            self.assertIn("--", err)
        self.assertEqual(run("eval", "--help")[0], 0)


if __name__ == "__main__":
    unittest.main()
