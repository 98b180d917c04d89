# SPDX-License-Identifier: MIT
"""Cases of the tests of whole programs: functions that are given a place of their own, and are run."""
import argparse
import concurrent.futures
import functools
import os
import subprocess
import tempfile
import time
import unittest


def parser():
    """Of what all of them are called with."""
    made = argparse.ArgumentParser()
    made.add_argument("--bin", action="append", default=[])
    made.add_argument("--make", required=True)
    made.add_argument("names", nargs="*")
    return made


def text_of(path):
    if path == os.devnull:
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def run_case(make_place, args, case):
    """-> "ok", "FAIL" or "SKIP"."""
    begin, place, why = time.monotonic(), None, ""
    with tempfile.TemporaryDirectory(prefix="tyto-") as folder:
        try:
            place = make_place(args, folder)
            place.args = args
            case(place)
            outcome, why = "ok  ", f" ({time.monotonic() - begin:.0f} s)"
        except unittest.SkipTest as reason:
            outcome, why = "SKIP", f": {reason}"
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            said = "".join(f"\n--- {process.args[0]} {process.log}\n{text_of(process.log)[-3000:]}" for process in (place.processes if place else []))
            outcome, why = "FAIL", f": {type(error).__name__}: {error}{said}"
        finally:
            if place:
                place.stop_all()
    print(f"{outcome} {case.__name__}{why}", flush=True)
    return outcome.strip()


def run_cases(cases, args, make_place, at_a_time=1):
    """Each in what make_place(args, FOLDER) gives, which is told the arguments, too; at_a_time: where most of it
    is waiting, several, those that take longest first -> exit status, 77 where some were skipped and none failed."""
    chosen = [case for case in cases if not args.names or case.__name__ in args.names]
    assert chosen, f"no case is called {' '.join(args.names)}"
    run = functools.partial(run_case, make_place, args)
    if at_a_time > 1:
        with concurrent.futures.ProcessPoolExecutor(at_a_time) as pool:
            outcomes = list(pool.map(run, chosen))
    else:
        outcomes = [run(case) for case in chosen]
    if "FAIL" in outcomes:
        return 1
    return 77 if "SKIP" in outcomes else 0
