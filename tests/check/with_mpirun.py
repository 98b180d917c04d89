#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a program as two processes: with_mpirun.py PROGRAM [ARGS...]. Skipped (77) where there is no
mpirun, or where it cannot start anything at all."""
import os
import shutil
import subprocess
import sys


def main():
    mpirun = shutil.which("mpirun")
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    if not mpirun:
        print("SKIP: no mpirun")
        return 77
    command = [mpirun, "--oversubscribe", "-np", "2"]
    if subprocess.run(command + ["true"], env=environment, stdout=subprocess.DEVNULL,
                      stderr=subprocess.DEVNULL, check=False, timeout=60).returncode != 0:
        print("SKIP: mpirun does not start here")
        return 77
    return subprocess.run(command + sys.argv[1:], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
