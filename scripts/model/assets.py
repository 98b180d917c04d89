#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One manifest for `tyto compose` out of several folders of sounds and pictures, in the words of
weights/classes.yaml.

  scripts/model/assets.py --out assets.csv DATA [DATA ...]

Each DATA is a folder with a manifest.csv (path,kind,class,split[,source...]; kinds audio, image,
background). A picture of several classes (`car+person`) counts for its first and is never a
distractor for the others. Recordings whose licence forbids derivatives (ND) go to the validation
split only: a training split must not learn from them. Sounds of classes that the table does not
name become noises (`other`), pictures of such classes are left out when they may show a named one.
Prints what each class has, and warns where that is little.
"""
import argparse
import collections
import csv
import os
import sys

import yaml

# Nobody knows what these are: as noises they would teach that an event is none.
UNKNOWN = {"unlabelled", "mixed"}
FEW = 15  # below this many training files a class is for coverage, not for a promise


def read_classes(path):
    with open(path, encoding="utf-8") as file:
        table = yaml.safe_load(file)["classes"]
    heard, seen = {}, {}
    for row in table:
        for name in row.get("heard", {}).get("assets", []):
            heard[name] = row["name"]
        for name in row.get("seen", {}).get("assets", []):
            seen[name] = row["name"]
    return [row["name"] for row in table], heard, seen


def is_no_derivatives(row):
    return "ND" in (row.get("licence") or "").upper().replace("-", " ").split()


def rows_of(folder, heard, seen):
    folder = os.path.abspath(folder)
    with open(os.path.join(folder, "manifest.csv"), encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            names = row["class"].split("+")
            if names[0] in UNKNOWN:
                continue
            split = row["split"]
            if is_no_derivatives(row) and split == "train":
                continue
            if row["kind"] == "audio":
                name = heard.get(names[0], "other")
            elif row["kind"] == "background" or names[0] == "background":
                name = "background"
            elif row["kind"] == "image":
                name = seen.get(names[0])
            else:
                name = None
            if name is None:
                continue
            kind = "audio" if row["kind"] == "audio" else "image"
            source = row.get("source_repo") or row.get("source") or ""
            licence = row.get("licence") or ""
            yield {
                "path": os.path.join(folder, row["path"]), "kind": kind, "class": name,
                "split": split, "source": f"{source} ({licence})" if licence else source,
            }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("data", nargs="+")
    parser.add_argument("--out", required=True)
    parser.add_argument("--classes", default=os.path.join(here, "../../weights/classes.yaml"))
    args = parser.parse_args()
    names, heard, seen = read_classes(args.classes)
    rows = [row for folder in args.data for row in rows_of(folder, heard, seen)]
    with open(args.out, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["path", "kind", "class", "split", "source"])
        writer.writeheader()
        writer.writerows(rows)
    count = collections.Counter((r["class"], r["kind"], r["split"]) for r in rows)
    lacking = []
    for name in names + ["other", "background"]:
        cells = [count[name, kind, split] for kind in ("audio", "image") for split in ("train", "val")]
        few = [k for k, n in (("sounds", cells[0]), ("pictures", cells[2])) if 0 < n < FEW]
        print(f"{name:12} sounds {cells[0]:4}/{cells[1]:3}  pictures {cells[2]:4}/{cells[3]:3}"
              + (f"  few {' and '.join(few)}" if few else ""))
        if name in names and not cells[0] and not cells[2]:
            lacking.append(name)
    if lacking:
        print("nothing teaches: " + ", ".join(lacking), file=sys.stderr)


if __name__ == "__main__":
    main()
