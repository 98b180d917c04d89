#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The lint itself: each rule finds its breach in a small made-up tree, and a clean tree passes."""
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import unittest

LINT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lint.py")
SPDX = "/* SPDX-License-Identifier: MIT */\n"


def lint(files, tools=False):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as file:
                file.write(text)
        command = [sys.executable, LINT, "--root", root] + ([] if tools else ["--no-tools"])
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout


class Lint(unittest.TestCase):
    def finds(self, path, text, message, tools=False):
        status, out = lint({path: text}, tools)
        self.assertEqual(status, 1, out)
        self.assertIn(message, out)

    def passes(self, path, text):
        status, out = lint({path: text})
        self.assertEqual(status, 0, out)

    def test_a_clean_file_passes(self):
        self.passes("model/a.c", SPDX + '#include <stdio.h>\n#include "shaders/runtime/gpu.h"\n')

    def test_an_upward_include_is_found(self):
        self.finds("shaders/a.c", SPDX + '#include "model/cman/cman.h"\n', "must not include room model")

    def test_an_include_of_the_daemon_is_found(self):
        self.finds("cli/a.c", SPDX + '#include "daemon/config/config.h"\n', "must not include room daemon")

    def test_a_library_outside_its_file_is_found(self):
        self.finds("pipeline/a.c", SPDX + "#include <gst/gst.h>\n", "belongs to")
        self.passes("pipeline/source/gst.c", SPDX + "#include <gst/gst.h>\n")

    def test_a_library_in_a_header_is_found(self):
        self.finds("client/a.h", SPDX + "#include <zmq.h>\n", "a header must not include")

    def test_an_unknown_library_is_found(self):
        self.finds("base/a.c", SPDX + "#include <sndfile.h>\n", "neither libc nor")

    def test_banned_calls_are_found_outside_comments_and_strings(self):
        self.finds("base/a.c", SPDX + "void f(char *a) { strcpy(a, a); }\n", ":2: strcpy()")
        self.finds("base/a.c", SPDX + "int f(char *a) { return atoi (a); }\n", "atoi()")
        self.passes("base/a.c", SPDX + '/* strcpy(a) */ char *s = "atoi(x)"; // gets(x)\n')
        self.passes("base/a.c", SPDX + "int f(void) { return my_atoi(1) + a.system(2); }\n")

    def test_getenv_below_the_daemon_is_found(self):
        self.finds("model/a.c", SPDX + 'char *s = getenv("A");\n', "getenv() below daemon/")
        self.passes("daemon/a.c", SPDX + 'char *s = getenv("A");\n')

    def test_folders_of_the_environment_are_asked_for_in_one_place(self):
        text = SPDX + 'char *s = getenv("XDG_CACHE_HOME");\n'
        self.finds("cli/a.c", text, "a.c:2: base/paths.h knows")
        self.finds("daemon/a.c", SPDX + 'char *s = getenv ("RUNTIME_DIRECTORY");\n', "base/paths.h")
        self.passes("base/paths.c", text)
        self.passes("daemon/a.c", SPDX + 'char *s = getenv("NO_COLOR");\n')

    def test_a_second_rename_is_found(self):
        text = SPDX + "int f(void) { return 1; }\nint g(char *a) { return rename(a, a); }\n"
        self.finds("trainer/run/a.c", text, "a.c:3: rename(): files/replace.h")
        self.finds("tests/unit/a.c", SPDX + "int g(void) { return renameat2 (1); }\n", "rename()")
        self.passes("files/replace.c", text)
        self.passes("cli/a.c", SPDX + "/* rename(a) */ int g(void) { return x->rename(1); }\n")

    def test_a_second_default_and_a_second_reader_of_options_are_found(self):
        self.finds("cli/a.c", SPDX + 'char *s = "so many \\"x\\" (default 2)";\n', "a.c:2: a second default")
        self.finds("daemon/a.c", SPDX + "#include <getopt.h>\n", "options/command.h reads")
        self.passes("cli/a.c", SPDX + 'char *s = "there (default: " TYTO_DEFAULT_ENDPOINT ")";\n')
        self.passes("cli/a.c", SPDX + "/* \"(default 2)\" */\n")

    def test_another_dialect_is_found(self):
        self.finds("base/a.c", SPDX + "float a = 0.5F;\n", "lower-case f")
        self.finds("base/a.c", SPDX + "int f(int err) { return err == TYTO_OK; }\n", "`if (err)`")
        self.passes("base/a.c", SPDX + "int a = 0x1F; float b = 1e-3f; /* err == TYTO_OK, 0.5F */\n")

    def test_a_fault_by_another_name_is_found(self):
        self.finds("base/a.h", SPDX + "int f(int n, struct tyto_fault *out);\n", "ret_fault")
        self.passes("base/a.h", SPDX + "int f(const struct tyto_fault *fault, struct tyto_fault *ret_fault);\n")

    def test_a_declaration_before_its_first_value_is_found(self):
        body = "int f(int n)\n{\n    int a;\n    g(n);\n    %sa = n;\n    return a;\n}\n"
        self.finds("base/a.c", SPDX + body % "", "declare a where")
        self.passes("base/a.c", SPDX + body % "if (n)\n        ")
        self.passes("base/a.c", SPDX + body % "a_set(&a);\n    ")
        self.passes("base/a.c", SPDX + "struct s {\n    int a;\n};\nint f(int n)\n{\n    int b = n;\n    return b;\n}\n")

    def test_a_retired_word_is_found(self):
        self.finds("base/a.c", SPDX + "/* Wakes the crew. */\n", "crew: say worker pool")
        self.finds("doc/a.md", "what the keeper_thread does\n", "say connection thread")
        self.passes("base/a.c", SPDX + "/* Screws and bookkeepers. */\n")

    def test_a_text_that_names_what_is_not_there_is_found(self):
        self.finds("doc/a.md", "see `tyto_nothing()`\n", "there is no tyto_nothing()")
        self.finds("doc/a.md", "see `base/gone.c`\n", "there is no base/gone.c")
        self.passes("doc/a.md", "see `doc/a.md`, `NAME.c`, `tests/check/*/check_NAME.c`\n")

    def test_a_missing_licence_line_is_found(self):
        self.finds("base/a.c", "int a;\n", "no SPDX")

    def test_a_machine_path_is_found(self):
        self.finds("base/a.c", SPDX + 'char *s = "/home/' + 'ann/x";\n', "a path of one machine")

    def test_a_todo_without_an_issue_is_found(self):
        self.finds("base/a.c", SPDX + "// TO" + "DO later\n", "needs an issue")

    def test_weights_of_another_eye_are_found(self):
        def file(meta):
            text = json.dumps({"__metadata__": meta})
            return len(text).to_bytes(8, "little").decode("latin-1") + text

        eye = file({"tyto.format": "encoder/1"})
        digest = hashlib.sha256(eye.encode()).hexdigest()
        tree = {"weights/eye.safetensors": eye,
                "weights/head.safetensors": file({"tyto.encoders": json.dumps({"visual": digest})}),
                "weights/kept.safetensors": file({"tyto.visual_encoder": digest})}
        status, out = lint(tree)
        self.assertEqual(status, 0, out)
        for name, meta in (("head", {"tyto.encoders": json.dumps({"visual": "0" * 64})}),
                           ("kept", {"tyto.visual_encoder": "0" * 64})):
            status, out = lint({**tree, f"weights/{name}.safetensors": file(meta)})
            self.assertEqual(status, 1, out)
            self.assertIn(f"weights/{name}.safetensors:1: was made for another eye", out)

    def test_half_a_kernel_is_found(self):
        self.finds("shaders/sum/sum.comp", "// SPDX-License-Identifier: MIT\n", "sum_ref.c")
        self.finds("shaders/sum/sum.comp", "// SPDX-License-Identifier: MIT\n", "no line `// source")

    def test_a_header_that_does_not_stand_alone_is_found(self):
        self.finds("base/a.h", SPDX + "size_t f(void);\n", "does not stand alone", tools=True)

    def test_a_bash_script_without_strict_mode_is_found(self):
        text = "#!/usr/bin/env bash\n# SPDX-License-Identifier: MIT\ntrue\n"
        self.finds("scripts/a", text, "without set -euo pipefail", tools=True)


if __name__ == "__main__":
    unittest.main(verbosity=0)
