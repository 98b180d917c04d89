#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Labels of all that is heard and seen in composed clips, distractors too.

  scripts/model/labels.py assets.csv --shown shown.csv FOLDER...      writes FOLDER/labels-all.csv

`tyto compose` labels the classes that it was asked for; others may appear as distractors, without
a label, and what a street as background shows (shown.py finds it) has none either. A model that knows
those, too, must not learn that they are not there."""
import argparse
import os

import clips


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assets")
    parser.add_argument("--shown", help="what shown.py wrote; without it backgrounds count as empty")
    parser.add_argument("folders", nargs="+")
    args = parser.parse_args()
    classes = {name for kind in ("audio", "image") for name in clips.classes_of(args.assets, kind)}
    shown = clips.shown_in(args.shown) if args.shown else {}
    for folder in args.folders:
        clips.write_labels(folder, classes, os.path.join(folder, "labels-all.csv"), shown)


if __name__ == "__main__":
    main()
