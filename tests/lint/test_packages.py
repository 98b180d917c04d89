#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Debian packages, without making them: what is written in debian/ is what the build installs.

  test_packages.py --root DIR --build DIR [--meson PROGRAM]"""
import argparse
import fnmatch
import json
import os
import re
import subprocess
import sys
import unittest

PARSER = argparse.ArgumentParser()
PARSER.add_argument("--root", required=True)
PARSER.add_argument("--build", required=True)
PARSER.add_argument("--library", required=True, help="libtyto.so as it was built")
PARSER.add_argument("--version", required=True)
PARSER.add_argument("--meson", default="meson")
ARGS = PARSER.parse_args()
PACKAGES = ["tyto", "tyto-train", "tyto-web", "libtyto0", "libtyto-dev", "python3-tyto"]
# What the build of packages alone has: the parts of tyto, and what debian/rules makes.
OF_PACKAGES = {"usr/libexec/tyto-train", "usr/libexec/tyto-serve", "etc/tyto/tytod.yaml", "etc/tyto/serve.conf",
               "lib/systemd/system/tyto-serve.service.d"}
# What it has not: the demo camera.
NOT_PACKAGED = re.compile(r"tyto-demo-camera|usr/share/tyto/demo/|usr/share/man/man1/tyto-demo")
# Of setup's packages: what the build of packages does not need.
NOT_NEEDED = {"libc6-dev", "libgstrtspserver-1.0-dev"}


def read(path):
    with open(os.path.join(ARGS.root, path), encoding="utf-8") as file:
        return file.read()


def paragraphs(text):
    """Of a control file: a dict each; a line that is none raises."""
    for part in re.split(r"\n\s*\n", text.strip()):
        fields, name = {}, None
        for line in part.split("\n"):
            if line.startswith(("#",)):
                continue
            if line.startswith((" ", "\t")):
                fields[name] += "\n" + line.strip()
                continue
            name, value = line.split(":", 1)
            assert name not in fields, line
            fields[name] = value.strip()
        yield fields


def patterns():
    """What the packages take: pattern -> package; None for what is left."""
    found = {}
    for package in PACKAGES:
        for line in read(f"debian/{package}.install").split("\n"):
            if line.split():
                found[line.split()[0]] = package
    for line in read("debian/not-installed").split("\n"):
        if line and not line.startswith("#"):
            found[line] = None
    return found


def installed():
    """What this build would install, as a package of Debian would have it."""
    asked = subprocess.run([ARGS.meson, "introspect", "--installed", "--buildoptions", ARGS.build],
                           capture_output=True, text=True, check=True)
    told = json.loads(asked.stdout)
    prefix = next(o["value"] for o in told["buildoptions"] if o["name"] == "prefix")
    libdir = next(o["value"] for o in told["buildoptions"] if o["name"] == "libdir")
    paths = set()
    for path in told["installed"].values():
        path = os.path.join("usr", os.path.relpath(path, prefix))
        path = re.sub(r"^usr/(local/)?" + re.escape(libdir) + "/(libtyto|pkgconfig)", r"usr/lib/ANY/\2", path)
        path = re.sub(r"^usr/(local/)?(lib|lib64|lib/[^/]*)/python3[^/]*/[a-z]+-packages",
                      "usr/lib/python3/dist-packages", path)
        if not NOT_PACKAGED.search(path):
            paths.add(path)
    return paths


def takes(pattern, path):
    return fnmatch.fnmatchcase(path, pattern) or path.startswith(pattern + "/")


class Packages(unittest.TestCase):
    def test_the_control_file_is_whole(self):
        source, *binaries = paragraphs(read("debian/control"))
        self.assertEqual([b["Package"] for b in binaries], PACKAGES)
        for field in ("Source", "Maintainer", "Build-Depends", "Standards-Version"):
            self.assertIn(field, source)
        for binary in binaries:
            for field in ("Architecture", "Depends", "Description"):
                self.assertIn(field, binary)

    def test_versions_are_one(self):
        first = read("debian/changelog").split("\n")[0]
        self.assertEqual(re.match(r"tyto \(([^)]*)\) ", first).group(1), ARGS.version)

    def test_what_is_installed_is_in_a_package(self):
        known = patterns()
        for path in sorted(installed()):
            self.assertTrue(any(takes(pattern, path) for pattern in known),
                            f"{path} is in no debian/*.install")

    def test_what_packages_take_is_installed(self):
        paths = installed() | OF_PACKAGES
        for pattern in patterns():
            self.assertTrue(any(takes(pattern, path) for path in paths), f"nothing is {pattern}")

    def test_what_setup_installs_to_build_with_is_asked_for(self):
        source = next(paragraphs(read("debian/control")))
        asked = set(re.findall(r"[a-z0-9][a-z0-9+.-]+", re.sub(r"\([^)]*\)", "", source["Build-Depends"])))
        text = read("scripts/setup")
        for name in ("run_packages", "train_packages"):
            listed = re.sub(r"#.*", "", re.search(name + r"=\((.*?)\n\)", text, re.S).group(1)).split()
            needed = {p for p in listed if re.search(r"-dev(-bin)?$", p)} - NOT_NEEDED
            self.assertLessEqual(needed, asked)

    def test_symbols_that_are_promised_are_there(self):
        nm = subprocess.run(["nm", "-D", "--defined-only", ARGS.library], capture_output=True, text=True, check=True)
        have = {line.split()[-1].split("@")[0] for line in nm.stdout.split("\n") if line}
        promised = set(re.findall(r"^ (\w+)@", read("debian/libtyto0.symbols"), re.M))
        self.assertTrue(promised)
        self.assertEqual(promised - have, set(), "libtyto has lost what programs were linked with")
        for name in sorted(have - promised):
            print(f"note: {name} is new: add it to debian/libtyto0.symbols with its version")

    def test_the_default_configuration_is_the_example_with_its_camera_as_a_comment(self):
        script = os.path.join(ARGS.root, "debian/default-configuration")
        example = os.path.join(ARGS.root, "daemon/tytod.yaml")
        made = subprocess.run([script, example], capture_output=True, text=True, check=True).stdout
        self.assertRegex(made, r"(?m)^cameras: \[\] ")
        self.assertNotRegex(made, r"(?m)^ *- id:")
        back = re.sub(r"(?m)^cameras: \[\].*", "cameras:", made)
        self.assertEqual(re.sub(r"(?m)^  # (- id:|  uri:)", r"  \1", back), read("daemon/tytod.yaml"))

    def test_users_are_such_as_systemd_takes(self):
        for line in read("debian/tyto.sysusers").split("\n"):
            # A colon in a user's description ends the installation.
            self.assertRegex(line, r'^(#.*|[gm] [a-z]+ [a-z-]+|u [a-z]+ - "[^":]*" /[a-z/]+|)$')

    def test_scripts_are_shell(self):
        for name in sorted(os.listdir(os.path.join(ARGS.root, "debian"))):
            if name.endswith((".postinst", ".postrm")):
                text = read(f"debian/{name}")
                self.assertTrue(text.startswith("#!/bin/sh\n"))
                self.assertEqual(text.count("#DEBHELPER#"), 1)
                subprocess.run(["sh", "-n"], input=text, text=True, check=True)

    def test_the_kubernetes_set_has_as_many_shards_as_replicas(self):
        text = read("packaging/kubernetes/tytod.yaml")
        replicas = re.search(r"(?m)^  replicas: (\d+)", text).group(1)
        self.assertIn(f'"$(SHARD)/{replicas}"', text)

    def test_the_container_has_the_packages(self):
        text = read("packaging/Containerfile")
        for package in ("tyto", "tyto-web"):
            self.assertRegex(text, r"/packages/" + package + r"_\*\.deb")
        for line in re.sub(r"\\\n", " ", text).split("\n"):
            self.assertRegex(line, r"^(#|$|ARG|FROM|RUN|COPY|USER|VOLUME|EXPOSE|ENTRYPOINT|CMD|LABEL|HEALTHCHECK|ENV)")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
