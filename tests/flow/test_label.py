#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tyto label from outside: every format becomes the same CSV, faults stand with file and line,
recordings are looked for and asked for their length.

  test_label.py TYTO CORPUS    CORPUS: tests/fuzz/corpus/labels"""
import csv
import json
import os
import subprocess
import sys
import tempfile
import wave

TYTO, CORPUS = sys.argv[1], sys.argv[2]


def label(*args, status=0):
    done = subprocess.run([TYTO, "label", *args], capture_output=True, text=True, timeout=60)
    assert done.returncode == status, (args, done.returncode, done.stdout, done.stderr)
    return done


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(text)
    return path


def write_sound(folder, name, seconds):
    with wave.open(os.path.join(folder, name), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(bytes(2 * 16000 * seconds))


def rows_of(path):
    with open(path, newline="") as file:
        return sorted(tuple(row.values()) for row in csv.DictReader(file))


def every_format_becomes_csv(folder):
    expected = {
        "track.txt": [("track", "cat", "3", "4", "both"), ("track", "dog_bark", "0.5", "2.25", "both")],
        "events.jsonl": [("clip 1.mp4", "bell", "1", "2", "seen"), ("clip 2.mp4", "", "", "", ""),
                         ("yard", "bell", "10", "11", "seen"), ("yard", "cat", "3.25", "5.5", "heard")],
        "cvat.xml": [("yard.mp4", "cat", "0", "0.04", "seen"), ("yard.mp4", "dog", "0.4", "1.8", "seen"),
                     ("yard.mp4", "dog", "2", "3", "seen")],
        "elan.eaf": [("yard one.mp4", "bell", "4", "4.5", "both"),
                     ("yard one.mp4", "bell_horn", "4", "5", "heard"),
                     ("yard one.mp4", "cat", "3", "4", "heard"),
                     ("yard one.mp4", "dog_bark", "0.5", "2.25", "both"),
                     ("yard one.mp4", "horn", "4.5", "5", "both")],
    }
    out = os.path.join(folder, "out.csv")
    for name, rows in expected.items():
        label("convert", os.path.join(CORPUS, name), "-o", out)
        assert rows_of(out) == rows, (name, rows_of(out))
        again = os.path.join(folder, "again.csv")
        label("convert", out, "--format", "csv", "-o", again)
        assert rows_of(again) == rows, name
    names = [os.path.join(CORPUS, name) for name in sorted(os.listdir(CORPUS))
             if name != "good.csv"]  # whose yard.mp4 is background
    told = json.loads(label("check", "--json", *names).stdout)
    assert told["num_errors"] == 0 and told["num_labels"] > 20, told
    by_class = {item["class"]: item for item in told["classes"]}
    assert by_class["church_bell"]["labels"] == 1 and by_class["bell"]["weak"] == 1, by_class


def faults_have_file_and_line(folder):
    path = write(folder, "bad.csv", "file,class,begin_s,end_s\na.wav,dog,1,2\na.wav,dog,5,4\nb.wav\n")
    out = os.path.join(folder, "not.csv")
    done = label("check", path, status=1)
    lines = done.stdout.splitlines()
    assert lines[0] == path + ":3: it ends at 4 s, before it begins at 5 s: swap them", lines
    assert lines[1].startswith(path + ":4: the row has 1 field"), lines
    assert "2 errors" in done.stderr and lines[3].split()[:3] == ["dog", "1", "1"], lines
    told = json.loads(label("check", path, "--json", status=1).stdout)
    assert [fault["line"] for fault in told["faults"]] == [3, 4] and told["num_errors"] == 2
    label("convert", path, "-o", out, status=1)
    assert not os.path.exists(out)
    assert "No such file" in label("check", os.path.join(folder, "none.csv"), status=1).stdout


def recordings_are_found_and_measured(folder):
    media = os.path.join(folder, "media", "deep")
    os.makedirs(media)
    write_sound(media, "a.wav", 3)
    write(media, "broken.wav", "no sound at all")
    path = write(folder, "m.csv", "a.wav,dog,1,2\na.wav,cat,2,9\n")
    done = label("check", path, "--media", os.path.join(folder, "media"))
    assert "at 3 s: it is cut there (note)" in done.stdout, done.stdout
    assert "it is cut" not in label("check", path, "--media", media, "--quiet").stdout
    late = write(folder, "late.csv", "a.wav,dog,4,5\ngone.wav,dog,1,2\nbroken.wav,dog,1,2\n")
    done = label("check", late, "--media", media, status=1)
    for text in ("late.csv:1: 'dog' begins at 4 s", "late.csv:2: file: there is no recording",
                 "broken.wav: "):
        assert text in done.stdout, done.stdout
    assert "3 errors" in done.stderr, done.stderr
    out = os.path.join(folder, "media", "out.csv")
    label("convert", path, "--media", media, "-o", out)
    assert rows_of(out)[0][0] == "deep/a.wav", rows_of(out)
    label("check", out)


def wrong_usage_says_what_is_right():
    for args in ([], ["chek", "a.csv"], ["check"], ["convert", "a.csv"], ["check", "a.csv", "-o", "b"],
                 ["check", "a.csv", "--fps", "0"], ["check", "a.csv", "--format", "doc"],
                 ["check", "a.csv", "--frames"]):
        assert label(*args, status=2).stderr, args
    assert "examples:" in label("--help").stdout


def main():
    with tempfile.TemporaryDirectory() as folder:
        every_format_becomes_csv(folder)
        faults_have_file_and_line(folder)
        recordings_are_found_and_measured(folder)
    wrong_usage_says_what_is_right()
    print("tyto label: all right")


if __name__ == "__main__":
    main()
