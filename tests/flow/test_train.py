#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tyto train as a person calls it: recordings by ffmpeg, networks made up on the spot.
    test_train.py TYTO MAKE_SMALL_MODELS"""
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

MAKE = os.path.abspath(sys.argv.pop())
TYTO = os.path.abspath(sys.argv.pop())
T, CLIPS = 6, 12
BASIS = ["--basis", "4"]
SMALL = ["--segments", str(T), "--match", "8", "--when", "8", "--hidden", "8",
         "--which", "8", "--head-width", "8", "--batch", "4", "--shift", "1", "--warm-up", "2",
         "--rate", "0.02", "--device", "cpu", "--workers", "1", "--report", "none"]


def run(*args):
    done = subprocess.run([TYTO, *args], capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stdout, done.stderr


class Train(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = cls.temporary.name
        cls.models = os.path.join(cls.folder, "models")
        os.mkdir(cls.models)
        subprocess.run([MAKE, cls.models], check=True, timeout=60)
        # "red" is a red picture and a low tone for the last 3 seconds, "blue" a blue one and hiss
        lines = ["file,class,begin_s,end_s,modality"]
        for i in range(CLIPS):
            name, color, sound = (("red", "red", "sine=f=300"), ("blue", "blue", "anoisesrc=c=white"))[i % 2]
            subprocess.run(
                ["ffmpeg", "-v", "error", "-y", "-nostdin",
                 "-f", "lavfi", "-i", f"color=gray:s=64x48:r=5:d={T}",
                 "-f", "lavfi", "-i", f"color={color}:s=64x48:r=5:d={T}",
                 "-f", "lavfi", "-i", f"{sound}:d={T}",
                 "-filter_complex", "[0][1]overlay=enable='gte(t,3)'[v];"
                 f"[2]volume='gte(t,3)*{0.5 + i / 30}':eval=frame[a]", "-map", "[v]", "-map", "[a]",
                 "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", cls.path(f"{i}.mp4")],
                check=True)
            lines.append(f"{i}.mp4,{name},3,{T},both")
        cls.write("labels.csv", "\n".join(lines) + "\n")
        cls.status, cls.out, cls.err = cls.train("first", "--epochs", "12", "--patience", "0")

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def path(cls, *names):
        return os.path.join(cls.folder, *names)

    @classmethod
    def write(cls, name, text):
        with open(cls.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    @classmethod
    def common(cls):
        return ["--models", cls.models, "--cache", cls.path("cache"), *SMALL]

    @classmethod
    def train(cls, out, *args):
        return run("train", "--labels", cls.path("labels.csv"), "--val-share", "0.34", "--out",
                   cls.path(out), *cls.common(), *([] if "--init" in args else BASIS), *args)

    def metrics(self, name):
        """Rows without the seconds they took."""
        with open(self.path(name, "metrics.csv"), encoding="ascii", newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            del row["seconds"]
        return rows

    def bytes(self, *names):
        with open(self.path(*names), "rb") as file:
            return file.read()

    def test_a_run_leaves_its_folder_and_learns(self):
        self.assertEqual((self.status, self.err), (0, ""))
        for name in ("config.json", "metrics.csv", "metrics.json", "checkpoint.safetensors",
                     "model.safetensors", "model-card.md", "basis.safetensors"):
            self.assertTrue(os.path.exists(self.path("first", name)), name)
        rows = self.metrics("first")
        self.assertEqual([row["epoch"] for row in rows], [str(i) for i in range(1, 13)])
        self.assertLess(float(rows[-1]["train_loss"]), 0.8 * float(rows[0]["train_loss"]))
        with open(self.path("first", "metrics.json"), encoding="utf-8") as file:
            metrics = json.load(file)
        best = metrics["result"]["best_epoch"]
        # the best epoch is the best on validation, and its figures are those of the result
        ranks = [row["val_map"] for row in metrics["epochs"]]
        self.assertEqual(ranks[best - 1], max(ranks))
        self.assertAlmostEqual(metrics["result"]["accuracy"],
                               metrics["epochs"][best - 1]["val_accuracy"], 6)
        self.assertAlmostEqual(metrics["result"]["loss"], metrics["epochs"][best - 1]["val_loss"], 6)
        for threshold in metrics["result"]["thresholds"].values():
            self.assertTrue(0.2 <= threshold <= 0.9)
        with open(self.path("first", "model-card.md"), encoding="utf-8") as file:
            card = file.read()
        self.assertIn("| training | 8 | 8 | 48 | 0 |", card)
        self.assertIn("| validation | 4 | 4 | 24 | 0 |", card)
        self.assertIn("| red | 12 | 12 | 12 | 4 |", card)
        digest = subprocess.run(["sha256sum", self.path("first", "model.safetensors")],
                                capture_output=True, text=True, check=True).stdout.split()[0]
        self.assertIn(digest, card)

    def test_the_encoders_last_layer_learns_too(self):
        models = self.path("tunable")
        os.mkdir(models)
        for name, own in (("tunable", "visual"), ("even-audio", "audio")):
            shutil.copy(os.path.join(self.models, name + ".safetensors"),
                        os.path.join(models, own + ".safetensors"))
        args = ["--models", models, "--tune-visual", "--tune-rate", "1", "--epochs", "6",
                "--patience", "0"]
        for name in ("tuned", "tuned-again"):
            status, out, err = self.train(name, *args)
            self.assertEqual((status, err), (0, ""))
            self.assertIn("tuning the picture encoder's last layer (12 x 8)", out)
        # bit by bit, and another encoder than before
        for name in ("model.safetensors", "visual.safetensors"):
            self.assertEqual(self.bytes("tuned", name), self.bytes("tuned-again", name))
        self.assertEqual(self.bytes("tuned", "audio.safetensors"),
                         self.bytes("tunable", "audio.safetensors"))
        self.assertNotEqual(self.bytes("tuned", "visual.safetensors"),
                            self.bytes("tunable", "visual.safetensors"))
        self.assertIn(b", last layer tuned by tyto train", self.bytes("tuned", "visual.safetensors"))
        rows = self.metrics("tuned")
        self.assertLess(float(rows[-1]["train_loss"]), float(rows[0]["train_loss"]))
        # the folder serves: new features of the new encoder give what validation gave
        with open(self.path("tuned", "metrics.json"), encoding="utf-8") as file:
            want = json.load(file)["result"]
        status, out, err = run("localize", self.path("0.mp4"), "--models", self.path("tuned"),
                               "--weights", self.path("tuned", "model.safetensors"), "--device",
                               "cpu", "--json", "--segments")
        self.assertEqual(status, 0, err)
        self.assertGreater(want["loss"], 0)
        # a head of the tuned encoder refuses the one that it was not made with
        status, out, err = run("localize", self.path("0.mp4"), "--models", models,
                               "--weights", self.path("tuned", "model.safetensors"), "--device",
                               "cpu")
        self.assertNotEqual(status, 0)
        self.assertIn("encoder", err)

    def test_a_last_layer_that_cannot_be_tuned_is_told(self):
        status, _, err = self.train("untunable", "--tune-visual", "--epochs", "1")
        self.assertEqual(status, 1)
        self.assertIn("1x1 convolution", err)

    def test_the_head_works_where_the_daemons_do(self):
        status, out, err = run("localize", self.path("0.mp4"), "--models", self.models, "--weights",
                               self.path("first", "model.safetensors"), "--device", "cpu", "--json",
                               "--segments")
        self.assertEqual((status, err), (0, ""))
        self.assertIn('"red"', out)

    def test_a_seed_repeats_the_run_and_another_does_not(self):
        config = self.path("first", "config.json")
        status, _, err = run("train", "--config", config, "--out", self.path("again"))
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(self.metrics("again"), self.metrics("first"))
        self.assertEqual(self.bytes("again", "model.safetensors"),
                         self.bytes("first", "model.safetensors"))
        status, _, err = run("train", "--config", config, "--out", self.path("other"), "--seed", "9")
        self.assertEqual((status, err), (0, ""))
        self.assertNotEqual(self.metrics("other"), self.metrics("first"))

    def test_an_interrupted_run_goes_on_to_the_same_end(self):
        process = subprocess.Popen(
            [TYTO, "train", "--config", self.path("first", "config.json"), "--out",
             self.path("stopped")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in process.stdout:
            if line.startswith("epoch   2"):
                process.send_signal(signal.SIGINT)
                break
        rest, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, rest + err)
        self.assertIn("--resume", err)
        self.assertLess(len(self.metrics("stopped")), 12)
        status, out, err = run("train", self.path("stopped"), "--resume")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("going on after epoch", out)
        self.assertEqual(self.metrics("stopped"), self.metrics("first"))
        self.assertEqual(self.bytes("stopped", "model.safetensors"),
                         self.bytes("first", "model.safetensors"))

    def test_a_killed_run_goes_on_too(self):
        process = subprocess.Popen(
            [TYTO, "train", "--config", self.path("first", "config.json"), "--out",
             self.path("killed")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in process.stdout:
            if line.startswith("epoch   3"):
                time.sleep(0.01)
                process.kill()
                break
        process.communicate(timeout=60)
        status, _, err = run("train", self.path("killed"), "--resume")
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(self.metrics("killed"), self.metrics("first"))

    def test_a_run_is_not_overwritten_and_a_bad_checkpoint_is_named(self):
        status, _, err = self.train("first")
        self.assertEqual(status, 1)
        self.assertIn("--resume", err)
        shutil.copytree(self.path("first"), self.path("bad"))
        with open(self.path("bad", "checkpoint.safetensors"), "r+b") as file:
            file.truncate(500)
        status, _, err = run("train", self.path("bad"), "--resume")
        self.assertEqual(status, 1)
        self.assertIn("bad/checkpoint.safetensors", err)
        self.assertIn("remove the file", err)

    def test_changed_labels_are_not_gone_on_with(self):
        shutil.copytree(self.path("first"), self.path("changed"))
        shutil.copy(self.path("labels.csv"), self.path("others.csv"))
        with open(self.path("others.csv"), "a", encoding="utf-8") as file:
            file.write("0.mp4,blue,0,2,both\n")
        with open(self.path("changed", "config.json"), encoding="utf-8") as file:
            text = file.read().replace("labels.csv", "others.csv")
        self.write("changed/config.json", text)
        status, _, err = run("train", self.path("changed"), "--resume")
        self.assertEqual(status, 1)
        self.assertIn("have changed since", err)

    def test_another_head_is_a_start(self):
        model = self.path("first", "model.safetensors")
        status, out, err = self.train("second", "--init", model, "--epochs", "1", "--freeze",
                                      "when,lstm")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("adapters: those of", out)
        self.assertIn("2 of 2 classes", out)
        status, out, err = self.train("third", "--init", model, "--epochs", "1", "--when", "12",
                                      "--head", "softmax")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("not when.audio.q", out)
        self.assertIn("classes begin anew", out)

    def test_baselines_weak_labels_and_folds(self):
        for fusion in ("early", "audio", "visual"):
            status, _, err = self.train(fusion, "--fusion", fusion, "--epochs", "1")
            self.assertEqual((status, err), (0, ""))
            status, _, err = run("localize", self.path("0.mp4"), "--models", self.models, "--weights",
                                 self.path(fusion, "model.safetensors"))
            self.assertEqual(status, 1)
            self.assertIn(fusion, err)
        with open(self.path("labels.csv"), encoding="utf-8") as file:
            lines = file.read().split("\n")[1:-1]
        self.write("weak.csv", "file,class,begin_s,end_s,modality\n" +
                   "".join(f"{line.split(',')[0]},{line.split(',')[1]},,,\n" for line in lines))
        weak = ["train", "--labels", self.path("weak.csv"), "--epochs", "2", *BASIS,
                *self.common()]
        status, _, err = run(*weak, "--out", self.path("strong"))
        self.assertEqual(status, 1)
        self.assertIn("--weak", err)
        status, out, err = run(*weak, "--out", self.path("weak"), "--weak", "mean", "--class-weights",
                               "balanced")
        self.assertEqual((status, err), (0, ""))
        # the second stage: the first one's model says when
        model = self.path("weak", "model.safetensors")
        status, out, err = run(*weak, "--out", self.path("located"), "--teacher", model)
        self.assertEqual((status, err), (0, ""))
        self.assertIn(f"says when in {CLIPS} of {CLIPS} clips", out)
        self.write("others.csv", "file,class,begin_s,end_s,modality\n0.mp4,green,,,\n1.mp4,red,,,\n")
        status, out, err = run("train", "--labels", self.path("others.csv"), "--out",
                               self.path("others"), "--teacher", model, *BASIS, *self.common())
        self.assertEqual(status, 1)
        self.assertIn("its classes are not those of the labels", err)
        status, out, err = self.train("folds", "--folds", "3", "--epochs", "1")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("fold 3 of 3", out)
        with open(self.path("folds", "folds.json"), encoding="utf-8") as file:
            folds = json.load(file)
        values = folds["accuracy"]["folds"]
        self.assertEqual(len(values), 3)
        self.assertAlmostEqual(folds["accuracy"]["mean"], sum(values) / 3, 6)
        os.remove(self.path("folds", "fold-2", "metrics.json"))
        status, out, err = run("train", self.path("folds"), "--resume")
        self.assertEqual((status, err), (0, ""))
        self.assertNotIn("fold 1 of 3", out)
        self.assertIn("fold 2 of 3", out)

    def test_other_objectives(self):
        status, out, err = self.train("contrast", "--contrast", "2", "--epochs", "1",
                                      "--heard-weight", "0.5")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("contrast: 2 epochs without labels", out)
        status, out, err = self.train("apart", "--head", "softmax", "--discriminant", "0.1",
                                      "--epochs", "1")
        self.assertEqual((status, err), (0, ""))
        status, _, err = self.train("both", "--discriminant", "0.1", "--epochs", "1")
        self.assertEqual(status, 1)
        self.assertIn("--head softmax", err)

    def test_wrong_usage_is_2_and_help_is_0(self):
        labels = self.path("labels.csv")
        for args in ([], ["--labels", labels], ["--out", "x"], ["--labels", labels, "--out"],
                     ["--labels", labels, "--out", "x", "--epochs", "none"],
                     ["--labels", labels, "--ave", "y", "--out", "x"], ["--nonsense"],
                     ["--labels", labels, "--out", "x", "--weak", "--teacher", "y"],
                     ["x", "--labels", labels], ["--resume"],
                     ["--labels", labels, "--out", "x", "--folds", "1"]):
            status, _, err = run("train", *args)
            self.assertEqual(status, 2, args)
            self.assertNotEqual(err, "")
        status, out, _ = run("train", "--help")
        self.assertEqual(status, 0)
        for word in ("--weak", "--folds", "examples:"):
            self.assertIn(word, out)
        status, _, err = run("train", self.path("nowhere"), "--resume")
        self.assertEqual(status, 1)
        self.assertIn("nowhere/config.json", err)


if __name__ == "__main__":
    unittest.main()
