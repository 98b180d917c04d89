#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Labelled recordings out of Debian packages: by their names, where a teacher agrees.

  scripts/ear/collect.py --work W --only packages
  scripts/model/named_sounds.py --work W --teacher yamnet.safetensors --out DIR

W is the folder that collect.py unpacked packages into; the teacher is YAMNet as `tyto model import`
writes it. A recording whose path names a class (`.../sounds/rooster.wav`) has it if the teacher finds it
at least possible; one whose path names none has a class that the teacher is sure of, if it is a class
that the teacher can be trusted with; one in which the teacher finds none of the classes is a noise
(`other`). All others are left out, and of each package no more than a few per class, lest one game's
footsteps be all footsteps. Instruments are phrases of the GM sound fonts (fluidsynth). Writes DIR/*.flac
and DIR/named.csv (path,class,how,score,source) for sound_head.py --more."""
import argparse
import csv
import os
import re
import sys

import numpy as np
import soundfile
import torch
import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "ear"))
import collect  # noqa: E402  (pylint: disable=wrong-import-position)
import encoder_file  # noqa: E402  (pylint: disable=wrong-import-position)

NAMES = {
    "airplane": "plane|jet|aircraft|airport|prop|turbine|flight", "alarm": "alarm|alert|buzzer|warning",
    "applause": "applau|clap", "baby_cry": "baby|cry",
    "bird": "bird|chirp|crow|duck|owl|seagull|goose|parrot|raven|eagle|tweet", "bus": "bus[^a-z]",
    "car": "car[^a-z]|engine|skid|vehicle|drive|tire", "car_horn": "horn|honk|klaxon",
    "cat": "cat[^a-z]|meow|kitten|miaou|miaow|purr|/cat", "chicken": "chicken|rooster|cock|hen[^a-z]|cluck",
    "church_bell": "church|bell", "cough": "cough", "cow": "cow|/moo|cattle",
    "crowd": "crowd|cheer|audience|hubbub", "dog": "dog|bark|wolf|howl|puppy", "door": "door",
    "door_knock": "knock", "doorbell": "doorbell|ding", "drill": "drill", "drum": "drum|snare|tom[^a-z]|kick",
    "explosion": "explo|boom|blast|bomb|grenade|detona", "fire": "burn|crackl|campfire|flame|bonfire|/fire",
    "fireworks": "firework|firecrack", "footsteps": "step|walk|/run", "frog": "frog|toad",
    "glass_break": "glass|shatter", "guitar": "guitar",
    "gunshot": "shot|gun|rifle|pistol|sniper|revolver|musket", "hammer": "hammer|smith|anvil|build",
    "helicopter": "heli|chopper|rotor", "horse": "horse|neigh|gallop|whinny|pony",
    "insects": "cricket|bee[^a-z]|insect|cicada|mosquito|fly[^a-z]", "jackhammer": "jackhammer|pneumatic",
    "laughter": "laugh|giggl|chuckl|haha", "lion": "lion|tiger|roar", "motorcycle": "motor|bike|moped",
    "music": "music|song|theme|track|melod", "phone": "phone|ring", "piano": "piano",
    "person": "voice|speech|spoken|talk|klettres|fillets|asterisk", "rain": "rain", "saw": "saw[^a-z]|lumber",
    "saxophone": "sax", "scream": "scream|yell|shriek|aaah|shout", "sheep": "sheep|goat|baa|lamb",
    "siren": "siren|police|ambulan", "sneeze": "sneeze", "snoring": "snor",
    "thunder": "thunder|lightning|storm", "train": "train|locomo|steam|rail|diesel", "truck": "truck|lorry",
    "water": "water|splash|ocean|sea|wave|stream|river|bubble|drip", "wind": "wind",
}
# What the teacher says of the clatter and the voices of games cannot be trusted for these.
ONLY_BY_NAME = {"monkey", "glass_break", "lion", "cough", "sneeze", "snoring", "door", "hammer", "phone",
                "door_knock"}
SPOKEN = {"Speech", "Narration, monologue", "Conversation", "Speech synthesizer",
          "Child speech, kid speaking"}
HUMAN = {"person", "laughter", "scream", "baby_cry", "crowd", "cough", "sneeze", "applause"}
PLAYED = {"Music", "Musical instrument"}
TUNED = {"music", "guitar", "piano", "saxophone", "drum", "church_bell", "phone", "doorbell"}
POSSIBLE, SURE, SURE_OF_COMMON, NONE = 0.08, 0.5, 0.8, 0.08
COMMON, FEW, MORE = {"music", "person", "other", "explosion", "gunshot", "bird", "door"}, 25, 40
FILES = 1200  # of a package, at most
SECONDS = 8
PROGRAMS = {"guitar": range(24, 32), "piano": range(6), "saxophone": range(64, 68),
            "drum": range(128, 136), "music": [*range(6, 24), *range(32, 64), *range(68, 80)]}
TAKES = {"guitar": 6, "piano": 6, "saxophone": 9, "drum": 4, "music": 2}
FONTS = (collect.FONT, "/usr/share/sounds/sf2/TimGM6mb.sf2")


class Teacher:
    def __init__(self, path, names):
        self.net = encoder_file.Encoder(path).eval()
        self.names = names
        with open(os.path.join(HERE, "../../weights/classes.yaml"), encoding="utf-8") as file:
            table = yaml.safe_load(file)["classes"]
        self.columns = {row["name"]: [names.index(n) for n in row["heard"].get("audioset", [])]
                        for row in table if row.get("heard")}

    def __call__(self, samples):
        """-> the teacher's own class that scores highest, {class: (mean, highest) score}"""
        num = max(1, min(12, (len(samples) - 15600) // 7800 + 1))
        samples = np.pad(samples, (0, max(0, 15600 - len(samples)))).astype(np.float32)
        starts = np.linspace(0, len(samples) - 15600, num).astype(int)
        with torch.no_grad():
            mel = self.net.log_mel(torch.from_numpy(np.stack([samples[s:s + 15600] for s in starts])))
            scores = torch.sigmoid(self.net(mel, logits=True)[0])
        mean, high = scores.mean(0).numpy(), scores.amax(0).numpy()
        return self.names[mean.argmax()], {
            name: (max(mean[i] for i in at), max(high[i] for i in at))
            for name, at in self.columns.items() if at}


def judged(path, samples, teacher):
    """-> class, how, score; None where nobody knows"""
    top, scores = teacher(samples)
    named = [name for name, pattern in NAMES.items() if re.search(pattern, path.lower())]
    likely = [name for name in named if scores.get(name, (0, 0))[1] >= POSSIBLE]
    best = max(scores, key=lambda name: scores[name][0])
    if likely:
        name, how = max(likely, key=lambda name: scores[name][1]), "named"
    elif best not in ONLY_BY_NAME and \
            scores[best][0] >= (SURE_OF_COMMON if best in ("music", "person") else SURE):
        name, how = best, "heard"
    elif not named and max(high for _, high in scores.values()) < NONE:
        return "other", "none", 0.0
    else:
        return None
    if top in SPOKEN and name not in HUMAN or top in PLAYED and name not in TUNED:
        return None
    return name, how, float(scores[name][1])


def of_packages(work, teacher, rng):
    """-> samples, class, how, score, source"""
    for package in sorted(os.listdir(f"{work}/x")):
        files, kept = collect.sounds_of(work, package), {}
        for at in rng.permutation(len(files))[:FILES]:
            samples = collect.read_sound(files[at], 45)
            for piece in [] if samples is None else collect.pieces_of(samples, rng)[:2]:
                path = files[at][len(work) + 3:]
                found = judged(path, piece, teacher)
                if found is None:
                    continue
                kept[found[0]] = kept.get(found[0], 0) + 1
                if kept[found[0]] <= (FEW if found[0] in COMMON else MORE):
                    yield piece, *found, path
        print(package, len(files), "files", kept, flush=True)


def phrases(folder):
    """-> samples, class, how, score, source"""
    base = os.path.join(folder, "phrase")
    for name, programs in PROGRAMS.items():
        for program in programs:
            for take in range(TAKES[name]):
                rng = np.random.default_rng([program, take, 5])
                midi = collect.phrase(program % 128, rng, program >= 128)
                samples, _ = soundfile.read(collect.render(midi, base, FONTS[take % 2]),
                                            dtype="float32", always_2d=True)
                yield samples.mean(1), name, "played", 1.0, f"GM program {program}, {FONTS[take % 2]}"
    os.remove(base + ".mid")
    os.remove(base + ".wav")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True)
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--names", required=True, help="yamnet_class_map.csv: index,mid,display_name")
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    with open(args.names, encoding="utf-8", newline="") as file:
        names = [row["display_name"] for row in csv.DictReader(file)]
    teacher, rng, number = Teacher(args.teacher, names), np.random.default_rng(1), 0
    with open(os.path.join(args.out, "named.csv"), "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(("path", "class", "how", "score", "source"))
        for found in (of_packages(args.work.rstrip("/"), teacher, rng), phrases(args.out)):
            for samples, name, how, score, source in found:
                path = os.path.join(os.path.abspath(args.out), f"{name}-{number:05d}.flac")
                soundfile.write(path, samples[:SECONDS * collect.RATE].astype(np.float32), collect.RATE)
                out.writerow((path, name, how, f"{score:.3f}", source))
                number += 1


if __name__ == "__main__":
    main()
