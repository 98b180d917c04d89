# SPDX-License-Identifier: MIT
"""scripts/gpu-check on the software driver, with a few kernels and with programs that fail:
    test_gpu_check.py GPU_CHECK PROGRAM..."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

GPU_CHECK, PROGRAMS = sys.argv[1], sys.argv[2:]
PLANTED = {
    "check_wrong": "printf 'case\\tpass\\t1e-7\\t1e-6\\tone\\n' >>\"$TYTO_CHECK_RESULTS\"\n"
                   "printf 'case\\tFAIL\\t3\\t0.5\\ttwo is \"three\"\\n' >>\"$TYTO_CHECK_RESULTS\"\n"
                   "exit 1\n",
    "check_dies": "printf 'case\\tpass\\t1e-7\\t1e-6\\tone\\n' >>\"$TYTO_CHECK_RESULTS\"\n"
                  "kill -SEGV $$\n",
    "check_silent": "exit 0\n",
    "check_hangs": "exec sleep 60\n",
    # As a kernel on a GPU would tell of itself, wrong where no optional feature is used.
    "check_card": "tell() { printf \"$@\" >>\"$TYTO_CHECK_RESULTS\"; }\n"
                  "tell 'device\\tThe Card\\tits driver\\t32\\ton\\tgpu\\n'\n"
                  "if [ \"$1\" != --bench ]; then\n"
                  "  tell 'case\\tpass\\t1e-7\\t1e-6\\tone\\n'\n"
                  "  [ -z \"$TYTO_CHECK_MINIMAL\" ] || tell 'case\\tFAIL\\t-1\\t-1\\tplain\\n'\n"
                  "elif [ \"$TYTO_DEVICE\" = cpu ]; then\n"
                  "  tell 'bench\\ta bench\\t80\\t90\\t0\\t1e9\\t1e6\\n'\n"
                  "else\n"
                  "  tell 'bench\\ta bench\\t0.5\\t0.6\\t0.25\\t1e9\\t1e6\\n'\n"
                  "fi\n",
    "bench_ceilings": "printf 'bench\\tceiling: f32\\t2\\t2\\t1\\t16e9\\t1e3\\n'"
                      " >>\"$TYTO_CHECK_RESULTS\"\n",
}


class GpuCheck(unittest.TestCase):
    def setUp(self):
        # Freed even when a case fails.
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.programs = os.path.join(folder.name, "programs")
        self.out = os.path.join(folder.name, "out")
        os.mkdir(self.programs)
        for program in PROGRAMS:
            os.symlink(os.path.abspath(program), os.path.join(self.programs, os.path.basename(program)))

    def plant(self, name):
        path = os.path.join(self.programs, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + PLANTED[name])
        os.chmod(path, 0o755)

    def run_it(self, *more, options=("--quick", "--device", "cpu")):
        done = subprocess.run(
            [GPU_CHECK, *options, "--programs", self.programs, "--out", self.out, *more], check=False,
            capture_output=True, text=True, timeout=240)
        with open(os.path.join(self.out, "table.json"), encoding="utf-8") as file:
            table = json.load(file)
        return done, table, {program["name"]: program for program in table["programs"]}

    def test_a_table_of_kernels_with_errors_and_times(self):
        done, table, programs = self.run_it()
        self.assertEqual(done.returncode, 0, done.stderr)
        num = 2 * len(PROGRAMS)  # each is checked and timed
        self.assertEqual(done.stdout.splitlines()[-1], "%d passed, 0 failed" % num)
        self.assertEqual((table["passed"], table["failed"]), (num, 0))
        self.assertEqual(table["kind"], "software")
        self.assertIn("no GPU", done.stderr)
        for path in PROGRAMS:
            program = programs[os.path.basename(path)]
            self.assertGreater(program["phases"]["check"]["passed"], 5)
            self.assertLess(program["phases"]["check"]["of_allowed"], 1)
            self.assertGreater(program["benches"][0]["ms"], 0)
            self.assertGreater(program["benches"][0]["gbytes"], 0)
            self.assertIn("| %s |" % program["name"].replace("check_", ""), done.stdout)

    def test_what_fails_is_counted_and_named(self):
        for name in ("check_wrong", "check_dies", "check_silent"):
            self.plant(name)
        done, table, programs = self.run_it("--no-bench")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout.splitlines()[-1], "%d passed, 3 failed" % len(PROGRAMS))
        self.assertEqual(programs["check_wrong"]["phases"]["check"]["failed"], 1)
        self.assertEqual(programs["check_wrong"]["phases"]["check"]["of_allowed"], 6)
        self.assertIn('check_wrong: two is "three" (error 3 of 0.5 allowed)', table["failures"])
        self.assertIn("check_silent, check: told of no case", table["failures"])
        self.assertIn("**1/2**", done.stdout)

    def test_one_that_hangs_does_not_keep_the_others(self):
        self.plant("check_hangs")
        done, table, _ = self.run_it("--no-bench", "--limit", "20" if os.cpu_count() < 2 else "8")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout.splitlines()[-1], "%d passed, 1 failed" % len(PROGRAMS))
        self.assertIn("check_hangs, check: ran out of time", table["failures"])

    def test_on_a_gpu_the_plain_way_and_lavapipe_stand_beside(self):
        for program in PROGRAMS:
            os.remove(os.path.join(self.programs, os.path.basename(program)))
        self.plant("check_card")
        self.plant("bench_ceilings")
        done, table, programs = self.run_it("--lavapipe", options=())
        self.assertIn("on The Card", done.stderr)
        self.assertEqual((table["device"], table["kind"]), ("The Card", "gpu"))
        card = programs["check_card"]
        self.assertEqual(card["phases"]["minimal"]["failed"], 1)
        self.assertEqual(done.returncode, 1)
        bench = card["benches"][0]
        self.assertEqual((bench["device_ms"], bench["lavapipe_ms"]), (0.25, 80))
        self.assertEqual(bench["gflops"], 4000)
        self.assertEqual(bench["of_most"], 0.25)  # of 16000
        self.assertIn("check_card, minimal: plain", table["failures"])

    def test_an_option_that_is_none_is_refused(self):
        done = subprocess.run([GPU_CHECK, "--fast"], check=False, capture_output=True, text=True,
                              timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("--fast", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
