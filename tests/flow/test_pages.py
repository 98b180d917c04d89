#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the reports' pages draw, with a browser's document played by Node.js: every part is there,
hostile names stay text, nothing is loaded, and the pages in the tree draw their own example.

  test_pages.py TEST_REPORT SOURCE_ROOT     TEST_REPORT: the unit test, which writes a page
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml

test_report, root = sys.argv[1:3]
NODE = shutil.which("node")

# The page's own script, run as a browser does; prints what it made of the document.
PLAYER = """
const text = require("fs").readFileSync(process.argv[1], "utf8");
const scripts = [...text.matchAll(/<script([^>]*)>([^]*?)<\\/script>/g)];
const elements = {page: {innerHTML: ""}, data: {textContent: scripts[0][2]}};
const document = {title: "", getElementById: (id) => elements[id]};
new Function("document", scripts[1][2])(document);
console.log(JSON.stringify({title: document.title, html: elements.page.innerHTML}));
"""

# What loads nothing and runs nothing.
ELEMENTS = set("""page h1 h2 h3 p div span b small section table tr th td i svg g line rect polyline
    circle text title img image""".split())
ATTRIBUTES = set("""class colspan style viewBox width height role aria-label x y x1 x2 y1 y2 cx cy r rx
    points fill-opacity transform alt src href preserveAspectRatio""".split())


def draw(path):
    done = subprocess.run([NODE, "-e", PLAYER, path], capture_output=True, text=True, check=False,
                          timeout=60)
    if done.returncode:
        raise AssertionError(f"the script of {path} fails: {done.stderr[-800:]}")
    return json.loads(done.stdout)


class Pages(unittest.TestCase):
    def check(self, drawn):
        """The drawn page as a tree."""
        html = drawn["html"]
        for word in ("NaN", "undefined", "Infinity", "null", "[object", "http:", "https:", "url("):
            self.assertNotIn(word, html)
        tree = xml.fromstring("<page>" + html + "</page>")
        for node in tree.iter():
            self.assertIn(node.tag, ELEMENTS)
            self.assertLessEqual(set(node.attrib), ATTRIBUTES, node.tag)
            for key in ("src", "href"):
                self.assertTrue(node.get(key, "data:").startswith("data:"))
            self.assertRegex(node.get("style", "background:var(--a)"), r"^background:var\(--\w+\)$")
        return tree

    def texts(self, tree, tag):
        return ["".join(node.itertext()).strip() for node in tree.iter(tag)]

    def report(self, edit=None):
        """The page of tests/unit/eval/test_report.c, its data changed by edit."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "report.html")
            subprocess.run([test_report, path], check=True, timeout=60)
            with open(path, encoding="utf-8") as file:
                text = file.read()
            data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S).group(1))
            if edit:
                edit(data)
                changed = json.dumps(data).replace("<", "\\u003c")
                text = re.sub(r'(id="data">).*?(</script>)', lambda m: m[1] + changed + m[2], text,
                              flags=re.S)
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
            return draw(path), data

    def test_every_part_of_a_report_is_drawn(self):
        drawn, data = self.report()
        tree = self.check(drawn)
        self.assertEqual(drawn["title"], 'Run "one" <of> many')
        self.assertEqual(self.texts(tree, "h1"), ['Run "one" <of> many'])
        self.assertEqual(self.texts(tree, "h2"), [
            "Loss", "Accuracy on validation", "How sure, and how right",
            "When sound and picture are out of step", "What is taken for what", "F1 of each class",
            "Best clips", "Worst clips", "Figures", "What was run"])
        names = {node.get("aria-label") for node in tree.iter("svg")}
        self.assertLessEqual({"reliability diagram", "accuracy over epochs", "confusion matrix"}, names)
        accuracy = data["figures"][0]["model"]
        self.assertEqual(self.texts(tree, "b")[0], "%.1f\u00a0%%" % (accuracy * 100))
        cells = [text for text in self.texts(tree, "title") if " taken for " in text]
        self.assertEqual(len(cells), sum(n > 0 for row in data["confusion"] for n in row))
        self.assertEqual(len([node for node in tree.iter("div") if node.get("class") == "clip"]), 12)

    def test_hostile_names_stay_text(self):
        drawn, _ = self.report()
        tree = self.check(drawn)
        self.assertNotIn("<script", drawn["html"])
        self.assertNotIn("<img", drawn["html"])
        shown = self.texts(tree, "text")
        self.assertIn('dog & "cat"', shown)
        self.assertIn("<script>alert(1)</s\u2026", shown) # cut to 20 characters
        self.assertTrue(any(text.startswith("<img src=x onerror=") for text in self.texts(tree, "h3")))
        self.assertIn("a & b", self.texts(tree, "td"))

    def test_what_is_not_known_is_left_out(self):
        def forget(data):
            for key in list(data):
                if key not in ("title", "pairs", "epochs"):
                    del data[key]
            data["epochs"] = [dict(epoch=1, train_loss=0.5, val_loss=None, val_accuracy=None,
                                   is_best=False)]
        drawn, _ = self.report(forget)
        self.assertEqual(self.texts(self.check(drawn), "h2"), ["Loss", "What was run"])

        def blank(data):
            for figure in data["figures"]:
                figure["nothing"] = figure["all_the_time"] = None
            for one in data["classes"]:
                one["f1"] = one["precision"] = one["recall"] = None
            data.update(shift_retention=None, without_sound=None, without_picture=None)
        drawn, _ = self.report(blank)
        tree = self.check(drawn)
        self.assertEqual(self.texts(tree, "text").count("never comes"), 9)
        self.assertEqual(len(self.texts(tree, "b")), 5) # no card for the shifts

    def test_the_pages_in_the_tree_draw_their_example(self):
        report = self.check(draw(os.path.join(root, "trainer/eval/report/report.html")))
        self.assertEqual(len(self.texts(report, "h2")), 10)
        self.assertIn("68.0\u00a0%", self.texts(report, "b"))
        sheet = self.check(draw(os.path.join(root, "trainer/compose/sheet.html")))
        self.assertEqual([text for text in self.texts(sheet, "text")],
                         ["dog seen", "car seen, no label", "dog heard, 12 dB",
                          "babble heard, 3 dB, no label"])
        self.assertIn("sound +0.12 s", self.texts(sheet, "h2")[0])
        why = self.check(draw(os.path.join(root, "cli/explain/explain.html")))
        self.assertEqual(self.texts(why, "h2"), ["Events", "Second by second", "Which second answered which",
                                                 "When sound or picture is taken away", "What was run"])
        self.assertIn("where the sound's match is", self.texts(why, "title"))
        self.assertIn("true, heard and seen", self.texts(why, "title"))


if __name__ == "__main__":
    if not NODE:
        print("Node.js is missing: scripts/setup installs it (nodejs)")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=0)
