#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tyto model import and info as a person calls them, on the small networks of the fuzz corpus.
    test_model.py TYTO"""
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fuzz", "corpus", "import")
WEIGHTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "weights")
TYTO = os.path.abspath(sys.argv.pop())
SIZES = {"F32": 4, "F16": 2}


def tyto(*args):
    done = subprocess.run([TYTO, "model", *args], capture_output=True, text=True, check=False,
                          timeout=60)
    return done.returncode, done.stdout, done.stderr


def read_safetensors(path):
    """Header and metadata, by the rules of the safetensors format."""
    with open(path, "rb") as file:
        data = file.read()
    length, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    metadata = header.pop("__metadata__")
    end = 0
    for tensor in sorted(header.values(), key=lambda t: t["data_offsets"]):
        begin, last = tensor["data_offsets"]
        size = SIZES[tensor["dtype"]]
        for dim in tensor["shape"]:
            size *= dim
        assert begin == end and last - begin == size and length % 8 == 0
        end = last
    assert end == len(data) - 8 - length
    return header, metadata


class Model(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.out = os.path.join(self.folder.name, "out.safetensors")

    def tearDown(self):
        self.folder.cleanup()

    def test_an_imported_network_is_a_sound_safetensors_file(self):
        status, out, err = tyto("import", os.path.join(CORPUS, "half.tflite"), "-o", self.out,
                                "--kind", "visual", "--mean", "0", "--scale", "0.5,1,2",
                                "--license", "Apache-2.0")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("visual encoder, input 9x11x3, output 1x1x6, 8 layers", out)
        header, metadata = read_safetensors(self.out)
        self.assertEqual(header["layer.000.weight"]["shape"], [8, 3, 3, 3])
        self.assertEqual(header["layer.000.weight"]["dtype"], "F16")
        self.assertEqual(json.loads(metadata["tyto.input"]), {"mean": [0, 0, 0],
                                                              "scale": [0.5, 1, 2]})
        self.assertEqual(metadata["tyto.license"], "Apache-2.0")
        self.assertEqual(len(json.loads(metadata["tyto.graph"])["layers"]), 8)

        status, out, err = tyto("info", self.out, "--layers")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("0 conv       v0 -> v1 (5,6,8) 3x3/2x2 pad 1,1,1,1 relu6", out)
        self.assertIn("tyto.source      half.tflite", out)

    def test_what_cannot_be_imported_is_said_in_one_line_and_leaves_no_file(self):
        status, out, err = tyto("import", os.path.join(CORPUS, "unsupported.onnx"), "-o", self.out)
        self.assertEqual((status, out), (1, ""))
        self.assertRegex(err, r"^tyto model: .*unsupported.onnx: Erf \(the_odd_one\): .*\n$")
        self.assertEqual(os.listdir(self.folder.name), [])

    def test_a_folder_that_is_not_there_is_said(self):
        out = os.path.join(self.folder.name, "nowhere", "out.safetensors")
        status, _, err = tyto("import", os.path.join(CORPUS, "half.tflite"), "-o", out)
        self.assertEqual(status, 1)
        self.assertIn("No such file or directory", err)

    def test_wrong_usage_is_status_2(self):
        model = os.path.join(CORPUS, "half.tflite")
        for args in ((), ("export",), ("import", model), ("import", "-o", self.out),
                     ("import", model, "-o", self.out, "--kind", "smell"),
                     ("import", model, "-o", self.out, "--input", "0x3"),
                     ("import", model, "-o", self.out, "--mean", "1,2"),
                     ("import", model, "-o", self.out, "--magic"),
                     ("import", model, "-o", self.out, "--frontend", model),
                     ("info", "a", "b"), ("info", "a", "--models", "b"), ("info", "--json", "--classes")):
            status, out, err = tyto(*args)
            self.assertEqual((status, out), (2, ""), args)
            self.assertRegex(err, r"tyto model( import| info)? --help")

    def test_all_classes_of_the_default_model_are_told_without_naming_a_file(self):
        head = os.path.join(WEIGHTS, "head.safetensors")
        names = json.loads(read_safetensors(head)[1]["tyto.classes"])
        self.assertGreater(len(names), 21)
        models = os.path.join(self.folder.name, "models")
        os.mkdir(models)
        for name, source in (("visual", "eye"), ("audio", "ear"), ("head", "head")):
            os.symlink(os.path.join(WEIGHTS, source + ".safetensors"),
                       os.path.join(models, name + ".safetensors"))
        for where in (("--models", models), (head,)):
            self.assertEqual(tyto("info", *where, "--classes"),
                             (0, "".join(name + "\n" for name in names), ""))
            status, out, err = tyto("info", *where)
            self.assertEqual((status, err), (0, ""))
            told = out.split(f"classes: {len(names)}\n")[1].split("metadata\n")[0]
            self.assertEqual(told.split(), names)
            self.assertLessEqual(max(map(len, told.splitlines())), 80)
            status, out, err = tyto("info", *where, "--json")
            self.assertEqual((status, err), (0, ""))
            self.assertEqual(json.loads(out)["classes"], names)
        # As it is installed: beside the program.
        program = os.path.join(self.folder.name, "bin", "tyto")
        os.makedirs(os.path.dirname(program))
        shutil.copy(TYTO, program)
        os.mkdir(os.path.join(self.folder.name, "share"))
        os.mkdir(os.path.join(self.folder.name, "share", "tyto"))
        os.rename(models, os.path.join(self.folder.name, "share", "tyto", "models"))
        done = subprocess.run([program, "model", "info", "--classes"], capture_output=True,
                              text=True, check=True, timeout=60)
        self.assertEqual(done.stdout.split(), names)

    def test_what_has_no_classes_says_so(self):
        status, out, err = tyto("info", os.path.join(WEIGHTS, "eye.safetensors"), "--classes")
        self.assertEqual((status, out), (1, ""))
        self.assertRegex(err, r"^tyto model: .*eye.safetensors: tyto.classes: is not there")

    def test_help_has_examples(self):
        for args in (("--help",), ("import", "--help"), ("info", "--help")):
            status, out, _ = tyto(*args)
            self.assertEqual(status, 0)
            self.assertIn("examples:", out)


if __name__ == "__main__":
    unittest.main()
