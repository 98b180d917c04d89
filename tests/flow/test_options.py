#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is written from the tables of options: the reference and the example that the tree keeps, man
pages and completions that the build makes, and what command lines that are wrong get to hear.

  tests/flow/test_options.py TYTOD TYTO SOURCE_ROOT BUILT_DOC
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

TYTOD, TYTO, ROOT, BUILT = sys.argv[1], sys.argv[2], *(pathlib.Path(a).resolve() for a in sys.argv[3:5])
DIST = pathlib.Path(os.environ.get("TYTO_DIST") or ROOT / "dist").resolve()
CAMERA = BUILT.parent / "demo" / "tyto-demo-camera"


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def output_of(*command):
    done = run(*command)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


def options_of(help_text):
    """The long options that begin a line of --help."""
    return set(re.findall(r"^  (?:-\w, )?(--[a-z0-9-]+)", help_text, re.M))


def commands_of(*command):
    """The words that begin a line of --help's list of commands."""
    text = output_of(*command, "--help")
    return re.findall(r"^  ([a-z]+)  ", text.split("examples:")[0], re.M)


def subcommands_of(first):
    """Those that have a help of their own, as the first one's says."""
    text = " ".join(output_of(TYTO, first, "--help").split())
    return re.findall(rf"\(tyto {first} ([a-z]+) --help\)", text)


# As this build has them: what it leaves out is not there.
COMMANDS = [name for first in commands_of(TYTO) for name in
            [first] + [f"{first} {more}" for more in subcommands_of(first)]]


class Written(unittest.TestCase):
    def assert_fresh(self, path, *command):
        """The file is what the command prints; else the command to write it anew is said."""
        kept = (ROOT / path).read_text()
        self.assertEqual(kept, output_of(*command),
                         f"{path} is stale: write it anew with: {' '.join(command)} > {path}")

    def test_the_reference_is_fresh(self):
        self.assert_fresh("doc/configuration.md", TYTOD, "--print", "reference")

    def test_the_example_is_fresh(self):
        self.assert_fresh("daemon/tytod.yaml", TYTOD, "--print", "example")

    def test_a_stale_file_is_noticed(self):
        with self.assertRaises(AssertionError):
            self.assert_fresh("README.md", TYTOD, "--print", "example")

    def test_every_option_of_help_is_in_its_man_page(self):
        self.assertLess({"watch", "localize", "status"}, set(COMMANDS))
        for name in COMMANDS:
            page = (BUILT / f"tyto-{name.replace(' ', '-')}.1").read_text().replace("\\-", "-")
            options = options_of(output_of(TYTO, *name.split(), "--help"))
            self.assertTrue("--help" in options, name)
            self.assertEqual([o for o in sorted(options) if f"\\fB{o}\\fR" not in page], [], name)
        page = (BUILT / "tyto-demo-camera.1").read_text().replace("\\-", "-")
        options = options_of(output_of(CAMERA, "--help"))
        self.assertLess({"--seed", "--port", "--stamps-dir"}, options)
        self.assertEqual([o for o in sorted(options) if f"\\fB{o}\\fR" not in page], [])
        page = (BUILT / "tytod.8").read_text().replace("\\-", "-")
        options = options_of(output_of(TYTOD, "--help"))
        self.assertGreater(len(options), 40)
        self.assertEqual([o for o in sorted(options) if f"\\fB{o}\\fR" not in page], [])

    def test_every_default_of_help_is_a_value_that_is_taken(self):
        num = 0
        for command in [[TYTOD], [CAMERA]] + [[TYTO] + name.split() for name in COMMANDS]:
            text = re.sub(r"\n {10,}", " ", output_of(*command, "--help"))  # unwrapped
            pairs = re.findall(r"^  (?:-\w, )?(--[a-z0-9-]+)[^\n]* \(default: ([^\s()]+)\)$", text, re.M)
            num += len(pairs)
            output_of(*command, *(f"{name}={value}" for name, value in pairs), "--help")
        self.assertGreater(num, 100)

    @unittest.skipUnless(shutil.which("groff"), "no groff")
    def test_man_pages_render_without_a_warning(self):
        pages = sorted(BUILT.glob("*.[158]"))
        self.assertEqual(len(pages), len(COMMANDS) + 4, pages)
        for page in pages:
            done = run("groff", "-man", "-ww", "-Tutf8", str(page))
            self.assertEqual((done.returncode, done.stderr), (0, ""), page)
            self.assertIn("EXAMPLES", re.sub(r"\x1b\[[0-9;]*m|.\x08", "", done.stdout), page)


class Completed(unittest.TestCase):
    def bash(self, *words):
        """What a TAB behind these words offers."""
        quoted = " ".join(f"'{word}'" for word in words)
        script = (f". '{BUILT / 'shell' / words[0]}'; COMP_WORDS=({quoted}); "
                  f"COMP_CWORD={len(words) - 1}; _{words[0]}; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
        return output_of("bash", "--norc", "-c", script).split()

    def test_bash_offers_commands(self):
        self.assertEqual(self.bash("tyto", "tr"), ["train"])
        self.assertEqual(self.bash("tyto", "model", ""), ["import", "fetch", "info", "push", "--help"])
        self.assertIn("localize", self.bash("tyto", ""))

    def test_bash_offers_every_option_of_help(self):
        for name in COMMANDS:
            options = options_of(output_of(TYTO, *name.split(), "--help"))
            self.assertEqual(set(self.bash("tyto", *name.split(), "--")) - {"-"}, options, name)
        options = options_of(output_of(TYTOD, "--help"))
        self.assertEqual(set(self.bash("tytod", "--")) - {"-"}, options)

    def test_bash_offers_the_words_of_an_option(self):
        self.assertEqual(self.bash("tyto", "train", "--best", ""), ["accuracy", "loss", "map"])
        self.assertEqual(self.bash("tyto", "train", "--fusion", "=", "e"), ["early"])
        self.assertEqual(self.bash("tytod", "--log-level", "w"), ["warning"])

    def test_bash_offers_files_and_folders(self):
        self.assertIn(str(ROOT / "README.md"), self.bash("tyto", "train", "--init", f"{ROOT}/READ"))
        self.assertNotIn(str(ROOT / "README.md"), self.bash("tyto", "train", "--media", f"{ROOT}/READ"))

    def test_other_shells_can_read_theirs(self):
        for shell, name in (("zsh", "_tyto"), ("zsh", "_tytod"), ("fish", "tyto.fish"),
                            ("fish", "tytod.fish")):
            text = (BUILT / "shell" / name).read_text()
            self.assertGreater(text.count("only-joint"), 0, name)
            if shutil.which(shell):
                self.assertEqual(run(shell, "-n", str(BUILT / "shell" / name)).stderr, "", name)

    @unittest.skipUnless(shutil.which("fish"), "no fish")
    def test_fish_offers_commands_options_and_words(self):
        def offered(line):
            script = f"set -p fish_complete_path '{BUILT / 'shell'}'; complete -C '{line}'"
            text = output_of("env", f"PATH={pathlib.Path(TYTO).parent}:{pathlib.Path(TYTOD).parent}:"
                             + os.environ["PATH"], "fish", "--no-config", "-c", script)
            return [row.split("\t")[0] for row in text.splitlines()]

        self.assertEqual(offered("tyto tr"), ["train"])
        for command in ("tyto train", "tytod"):
            options = options_of(output_of(*{"tytod": [TYTOD]}.get(command, [TYTO, "train"]), "--help"))
            self.assertEqual({o for o in offered(f"{command} --") if o.startswith("--")}, options)
        self.assertEqual(offered("tyto train --best "), ["accuracy", "loss", "map"])

    @unittest.skipUnless(shutil.which("zsh"), "no zsh")
    def test_zsh_offers_options_and_words(self):
        for line, shown in (("tyto train --be", "the best epoch by"),
                            ("tyto train --best ", "accuracy"), ("tytod --log-lev", "what is logged")):
            done = subprocess.run(["zsh", "-f", str(ROOT / "tests/flow/complete.zsh"),
                                   str(BUILT / "shell"), line, shown],
                                  capture_output=True, text=True, timeout=150, check=False)
            if done.returncode == 77:
                self.skipTest("zsh has no terminals")
            self.assertEqual(done.returncode, 0, (line, done.stdout[-2000:], done.stderr))

    @unittest.skipUnless(shutil.which("man") and (DIST / "share" / "man").exists(), "no man, or no dist")
    def test_man_finds_the_pages_by_the_path(self):
        for page in ("tytod", "tyto-train", "tytod.yaml"):
            found = output_of("env", "-u", "MANPATH", f"PATH={DIST / 'bin'}:{os.environ['PATH']}", "man",
                              "-w", page)
            self.assertEqual(pathlib.Path(found.strip()).resolve().parents[1], DIST / "share" / "man")


class Typed(unittest.TestCase):
    def refused(self, *command):
        done = run(*command)
        self.assertEqual(done.returncode, 2, (command, done.stderr))
        return done.stderr

    def test_what_was_meant_is_said(self):
        self.assertIn("did you mean '--threshold-single'?",
                      self.refused(TYTO, "localize", "--treshold-single", "1"))
        self.assertIn("did you mean '--hang-over-s'?", self.refused(TYTOD, "--hangover-s", "1", "x"))

    def test_a_value_that_does_not_fit_is_named_with_its_option(self):
        self.assertEqual(self.refused(TYTO, "train", "--rate", "fast"),
                         "tyto train: --rate: 'fast' must be a number from 1e-08 to 1. "
                         "See tyto train --help.\n")
        self.assertIn("--onset-num: '17' is out of range", self.refused(TYTOD, "--onset-num=17", "x"))
        self.assertIn("a value is missing after '--out'", self.refused(TYTO, "train", "--out"))
        self.assertIn("may mean several", self.refused(TYTO, "train", "--val", "x"))

    def test_older_names_are_taken_and_said(self):
        done = run(TYTO, "localize", "--single", "0.9", "--joint-only", "--hop", "1", "/nonexistent.mp4")
        for old, new in (("--single", "--threshold-single"), ("--joint-only", "--only-joint")):
            self.assertIn(f"{old} is called {new} now", done.stderr)
        self.assertNotIn("unknown option", done.stderr)

    def test_a_knob_of_the_file_is_one_of_the_command_line(self):
        self.assertIn("onset_num: 5 is more than the 2 segments of onset_window",
                      run(TYTOD, "--onset-num", "5", "--onset-window", "2", "test://").stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
