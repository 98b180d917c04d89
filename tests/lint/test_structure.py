#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The check of the structure itself: each rule finds its breach in a small made-up tree."""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import structure  # noqa: E402  (beside this file)


def breaches(files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as file:
                file.write(text)
        return structure.check(root)


class Structure(unittest.TestCase):
    def finds(self, files, message):
        found = breaches(files)
        self.assertTrue(any(message in line for line in found), found)

    def test_a_downhill_tree_passes(self):
        self.assertEqual(
            breaches(
                {
                    "pipeline/segment/segment.h": "int tyto_a(void);\n",
                    "pipeline/source/gst.c": '#include "pipeline/segment/segment.h"\n'
                    "int tyto_b(void)\n{\n    return tyto_a();\n}\n",
                    "pipeline/segment/input.c": "int tyto_a(void)\n{\n    return 1;\n}\n",
                }
            ),
            [],
        )

    def test_an_uphill_include_between_folders_is_found(self):
        self.finds(
            {
                "pipeline/segment/input.c": '#include "pipeline/engine/engine.h"\n',
                "pipeline/engine/engine.h": "int a;\n",
            },
            "pipeline/segment must not include pipeline/engine/engine.h",
        )

    def test_a_folder_without_a_row_is_found(self):
        self.finds(
            {
                "pipeline/new/a.c": '#include "pipeline/segment/segment.h"\n',
                "pipeline/segment/segment.h": "int a;\n",
            },
            "pipeline/new has no row",
        )

    def test_a_circle_of_includes_is_found(self):
        self.finds(
            {"base/a.h": '#include "base/b.h"\n', "base/b.h": '#include "base/a.h"\n'},
            "a circle of includes: base/a.h base/b.h",
        )

    def test_a_circle_of_calls_is_found_and_both_ties_are_named(self):
        self.finds(
            {
                "base/a.c": "int tyto_a(int n)\n{\n    return tyto_b(n);\n}\n",
                "base/b.c": "int tyto_b(int n)\n{\n    return tyto_a(n);\n}\n",
            },
            "base/a.c uses base/b.c's tyto_b; base/b.c uses base/a.c's tyto_a",
        )

    def test_names_in_comments_and_strings_are_no_calls(self):
        self.assertEqual(
            breaches(
                {
                    "base/a.c": "int tyto_a(int n)\n{\n    return tyto_b(n);\n}\n",
                    "base/b.c": '/* tyto_a(1) */\nint tyto_b(int n)\n{\n    return puts("tyto_a(2)");\n}\n',
                }
            ),
            [],
        )

    def test_a_full_folder_is_found(self):
        for folder in ("base", "tests/unit/base"):
            files = {f"{folder}/a{i}.c": "int a;\n" for i in range(structure.MAX_SOURCES + 1)}
            self.finds(files, f"{folder}:1: 17 sources side by side")

    def test_a_source_beside_the_folders_of_a_room_is_found(self):
        for room in ("model", "pipeline", "trainer"):
            self.finds({f"{room}/a.c": "int a;\n"}, f"{room} is folders alone")
        self.assertEqual(breaches({"daemon/a.c": "int a;\n", "model/cman/a.c": "int a;\n"}), [])

    def test_an_internal_header_that_leaves_its_folder_is_found(self):
        self.finds(
            {
                "pipeline/segment/internal.h": "int a;\n",
                "pipeline/source/gst.c": '#include "pipeline/segment/internal.h"\n',
            },
            "only files of pipeline/segment include its internal.h",
        )

    def test_a_parts_header_is_found(self):
        self.finds({"base/ring_parts.h": "int a;\n"}, "one internal.h")


if __name__ == "__main__":
    unittest.main()
