#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Gathers the sound that the ear is taught on, as packs of Opus packets.

    collect.py --work DIR --data DIR [--data DIR ...] [--only data|packages]

From each --data folder (manifest.csv: path, kind, split and, where known, licence, group) the
audio of the train split goes into sound.data.pack; the val split and every recording whose
licence forbids derivatives (ND) go into sound.val.pack, which is never trained on. Debian
packages are downloaded and unpacked, not installed; the GM instruments are rendered by fluidsynth,
speech in many languages by espeak-ng. DIR/sources.csv says what was taken from where, under which
licence. Needs Debian's apt, fluidsynth,
fluid-soundfont-gm, espeak-ng, libopus0, python3-soundfile, python3-scipy, python3-numpy."""
import argparse
import csv
import glob
import hashlib
import io
import os
import re
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import soundfile
from scipy import signal

import soundpack

RATE = 16000
PIECE_SECONDS = 10
MAX_PIECES = 6  # of one file
PACK_BYTES = 40 << 20
KINDS = (".wav", ".ogg", ".oga", ".mp3", ".flac", ".opus", ".aiff", ".aif", ".au")

# package: minutes at most. What cameras hear comes first; speech and music are held short.
PACKAGES = {
    "scratch": 10, "qabcs-data": 30, "searchandrescue-data": 15, "lincity-ng-data": 25,
    "etw-data": 6, "scorched3d-data": 20, "triplea": 15, "simutrans-pak64": 5,
    "openttd-opensfx": 10, "ufoai-sound": 30, "minetest-data": 5, "hydrogen-drumkits-effects": 12,
    "hydrogen-drumkits": 12, "sonic-pi-samples": 8, "planetblupi-common": 8, "hedgewars-data": 25,
    "bucklespring-data": 3, "megaglest-data": 40, "widelands-data": 15, "wesnoth-1.16-data": 25,
    "warmux-data": 15, "torcs-data": 12, "supertuxkart-data": 20, "redeclipse-data": 25,
    "flightgear-data-base": 15, "0ad-data": 45, "gcompris-qt-data": 15, "unknown-horizons": 15,
    "colobot-common-sounds": 10, "warzone2100-data": 20, "freedroidrpg-data": 15,
    "openarena-data": 15, "openarena-088-data": 15, "flare-game": 15,
    "freecol": 12, "pingus-data": 4, "lmms-common": 8,
    "lugaru-data": 8, "frozen-bubble-data": 4, "supertux-data": 8, "ri-li-data": 4,
    "granatier": 2, "asc-music": 4, "bzflag-data": 4, "knights": 3, "pokerth-data": 2,
    "ktuberling-data": 20, "sound-theme-freedesktop": 2, "lbreakout2-data": 2,
    "endless-sky-data": 6, "kolf": 2, "hex-a-hop-data": 3,
    "trophy-data": 3, "dreamchess-data": 3, "marsshooter-data": 5, "wesnoth-1.16-music": 8,
    "asterisk-core-sounds-en-wav": 6, "asterisk-core-sounds-fr-wav": 5,
    "asterisk-core-sounds-it-wav": 5, "asterisk-core-sounds-es-wav": 5,
    "asterisk-core-sounds-ru-wav": 5, "fillets-ng-data-cs": 10, "fillets-ng-data-nl": 10,
    "klettres-data": 8, "gcin-voice": 4,
}


def download(work, names):
    """Each package into work/x/NAME, where it is not yet."""
    os.makedirs(f"{work}/deb", exist_ok=True)
    for name in names:
        out = f"{work}/x/{name}"
        if os.path.isdir(out) and os.listdir(out):
            continue
        subprocess.run(["apt-get", "download", "-q", name], cwd=f"{work}/deb", check=False,
                       capture_output=True)
        deb = glob.glob(f"{work}/deb/{name}_*.deb")
        if not deb:
            print("cannot download", name)
            continue
        os.makedirs(out, exist_ok=True)
        subprocess.run(["dpkg", "-x", deb[0], out], check=True)
        os.remove(deb[0])


def carve(path, out):
    """Sounds inside an archive: members of zip files; else whatever starts like WAVE or Ogg."""
    os.makedirs(out, exist_ok=True)
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for i, name in enumerate(archive.namelist()):
                if name.lower().endswith(KINDS):
                    ext = os.path.splitext(name)[1]
                    with open(f"{out}/{i:05d}{ext}", "wb") as file:
                        file.write(archive.read(name))
        return
    for i, found in enumerate(re.finditer(rb"RIFF....WAVE", data, re.S)):
        at = found.start()
        size = int.from_bytes(data[at + 4:at + 8], "little") + 8
        with open(f"{out}/{i:05d}.wav", "wb") as file:
            file.write(data[at:at + size])
    starts = [m.start() for m in re.finditer(rb"OggS\x00\x02", data)]
    for i, (at, end) in enumerate(zip(starts, starts[1:] + [len(data)])):
        with open(f"{out}/{i:05d}.ogg", "wb") as file:
            file.write(data[at:end])


def sounds_of(work, name):
    root = f"{work}/x/{name}"
    for path in glob.glob(root + "/**/*", recursive=True):
        if path.lower().endswith((".cat", ".rcc", ".pk3", ".zip")) and "/carved/" not in path:
            out = f"{root}/carved/{os.path.basename(path)}"
            if not os.path.isdir(out):
                carve(path, out)
    return sorted(p for p in glob.glob(root + "/**/*", recursive=True)
                  if p.lower().endswith(KINDS) and os.path.isfile(p) and not os.path.islink(p))


def licences_of(work, name):
    text = ""
    for path in glob.glob(f"{work}/x/{name}/usr/share/doc/*/copyright"):
        with open(path, encoding="utf-8", errors="replace") as file:
            text += file.read()
    found = sorted(set(re.findall(r"^License: *(\S[^\n]*)", text, re.M)))
    return "; ".join(found) or "see its copyright file"


def read_sound(path, seconds=90):
    """float32 at 16 kHz, peak 0.5; None for what is no sound or silent"""
    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            samples = file.read(seconds * rate, dtype="float32", always_2d=True).mean(1)
    except (soundfile.LibsndfileError, RuntimeError, ValueError):
        return None
    if rate != RATE:
        factor = np.gcd(rate, RATE)
        if RATE // factor > 2000:
            return None
        samples = signal.resample_poly(samples, RATE // factor, rate // factor)
    if len(samples) < RATE // 8 or not np.isfinite(samples).all():
        return None
    peak = np.abs(samples).max()
    return samples / peak * 0.5 if peak > 1e-3 else None


def pieces_of(samples, rng):
    """Silence at the ends and long silence inside cut off, then at most 10 s each."""
    hop = RATE // 10
    num = -(-len(samples) // hop)
    padded = np.pad(samples, (0, num * hop - len(samples)))
    level = np.sqrt((padded.reshape(num, hop) ** 2).mean(1))
    loud = np.convolve(level > 1.5e-3, np.ones(5))[2:2 + num] > 0
    kept = padded[np.repeat(loud, hop)]
    step = PIECE_SECONDS * RATE
    parts = [kept[i:i + step] for i in range(0, len(kept), step)]
    parts = [p for p in parts if len(p) >= RATE // 5]
    if len(parts) > MAX_PIECES:
        parts = [parts[i] for i in np.sort(rng.permutation(len(parts))[:MAX_PIECES])]
    return parts


def encode_files(files, source, limit_minutes, bits_per_second, lib, rng):
    """files: list of (path, group). -> recordings, seconds"""
    recordings, seconds = [], 0.0
    for path, group in files:
        if seconds > limit_minutes * 60:
            break
        samples = read_sound(path)
        for part in [] if samples is None else pieces_of(samples, rng):
            seconds += len(part) / RATE
            recordings.append((group, source, soundpack.encode(lib, part, bits_per_second)))
    return recordings, seconds


def variable(number):
    out = [number & 127]
    while number > 127:
        number >>= 7
        out.insert(0, number & 127 | 128)
    return bytes(out)


def phrase(program, rng, drums):
    """A MIDI file of about 8 s: random notes and chords of one instrument."""
    ticks = 480
    events = bytearray()
    channel = 9 if drums else 0
    if not drums:
        events += bytes([0, 0xC0, program])
    low = int(rng.integers(36, 72))
    left = 16 * ticks
    while left > 0:
        length = int(ticks * rng.choice([0.25, 0.5, 0.5, 1, 1, 2]))
        count = int(rng.choice([1, 1, 1, 2, 3]))
        span = (35, 82) if drums else (low - 7, low + 17)
        notes = [int(n) for n in rng.integers(*span, count)]
        for note in notes:
            events += bytes([0, 0x90 | channel, note, int(rng.integers(50, 127))])
        for i, note in enumerate(notes):
            events += variable(length if i == 0 else 0) + bytes([0x80 | channel, note, 0])
        gap = int(rng.choice([0, 0, 0, ticks // 2]))
        if gap:
            events += variable(gap) + bytes([0x80 | channel, notes[0], 0])
        left -= length + gap
    events += b"\x00\xff\x2f\x00"
    return (b"MThd" + (6).to_bytes(4, "big") + b"\x00\x00\x00\x01" + ticks.to_bytes(2, "big") +
            b"MTrk" + len(events).to_bytes(4, "big") + bytes(events))


FONT = "/usr/share/sounds/sf2/FluidR3_GM.sf2"


def render(midi, base, font=FONT):
    """A MIDI file's bytes -> base.wav, by fluidsynth; base.mid stays beside it."""
    with open(base + ".mid", "wb") as file:
        file.write(midi)
    subprocess.run(["fluidsynth", "-niq", "-r", str(RATE), "-F", base + ".wav", font, base + ".mid"],
                   capture_output=True, check=False)
    return base + ".wav"


def render_music(work, rng, each=2):
    out = f"{work}/x/fluid-soundfont-gm/rendered"
    os.makedirs(out, exist_ok=True)
    jobs = [(p, k, p >= 128) for p in range(136) for k in range(each)]

    def rendered(job):
        program, take, drums = job
        base = f"{out}/{program:03d}-{take}"
        if os.path.isfile(base + ".wav"):
            return base + ".wav"
        return render(phrase(program % 128, np.random.default_rng([program, take]), drums), base)
    with ThreadPoolExecutor(2) as pool:
        files = list(pool.map(rendered, jobs))
    rng.shuffle(files)
    return [f for f in files if os.path.isfile(f)]


SENTENCES = ("Hello, is anybody there? The parcel is at the door.",
             "Stop! Who are you? Come back here at once, please.",
             "Seven, twelve, ninety-four. The train leaves at a quarter past eight.",
             "Good morning. It was a long day and the children are still asleep.")


def render_speech(work, rng, num=90):
    out = f"{work}/x/espeak-ng/rendered"
    os.makedirs(out, exist_ok=True)
    listing = subprocess.run(["espeak-ng", "--voices"], capture_output=True, text=True, check=True)
    voices = [line.split()[1] for line in listing.stdout.splitlines()[1:]]
    variants = ("", "+f1", "+f2", "+f3", "+f4", "+m1", "+m3", "+m5", "+m7", "+croak", "+whisper")
    files = []
    for i in range(num):
        path = f"{out}/{i:03d}.wav"
        if not os.path.isfile(path):
            own = np.random.default_rng([7, i])
            voice = own.choice(voices) + own.choice(variants)
            subprocess.run(["espeak-ng", "-v", voice, "-p", str(own.integers(10, 90)), "-s",
                            str(own.integers(110, 220)), "-w", path, own.choice(SENTENCES)],
                           capture_output=True, check=False)
        files.append(path)
    rng.shuffle(files)
    return [f for f in files if os.path.isfile(f)]


def data_files(base):
    """-> (train, val) lists of (path, group, source, licence)"""
    train, val = [], []
    with open(f"{base}/manifest.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["kind"] != "audio":
                continue
            licence = row.get("licence") or "not stated"
            source = row.get("source_repo") or row.get("source") or os.path.basename(base)
            entry = (f"{base}/{row['path']}", row.get("group") or row["path"], source, licence)
            kept_apart = row["split"] != "train" or "ND" in re.split(r"[ -]", licence)
            (val if kept_apart else train).append(entry)
    return train, val


def write_packs(work, name, recordings):
    """Packs of at most PACK_BYTES, so that each can travel alone."""
    number, some, size = 0, [], 0
    for entry in recordings + [None]:
        own = sum(len(p) + 2 for p in entry[2]) if entry else 0
        if some and (entry is None or size + own > PACK_BYTES):
            soundpack.write(f"{work}/sound.{name}.{number}.pack", some)
            number, some, size = number + 1, [], 0
        if entry:
            some.append(entry)
            size += own


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True)
    parser.add_argument("--data", action="append", default=[])
    parser.add_argument("--only", help="data or packages")
    parser.add_argument("--no-download", action="store_true", help="packages are there already")
    args = parser.parse_args()
    lib, rng, rows = soundpack.load_opus(), np.random.default_rng(1), []
    os.makedirs(args.work, exist_ok=True)

    if args.only != "packages":
        train, val = [], []
        for base in args.data:
            own = data_files(base.rstrip("/"))
            train += own[0]
            val += own[1]
        for name, entries in (("data", train), ("val", val)):
            rng.shuffle(entries)
            recordings = []
            for path, group, source, licence in entries:
                some, seconds = encode_files([(path, group)], source, 10, 32000, lib, rng)
                recordings += some
                rows.append((name, source, licence, 1, seconds))
            write_packs(args.work, name, recordings)
            print(name, len(recordings), "pieces", flush=True)
        write_sources(args.work, "data", rows)
        rows = []

    if args.only != "data":
        recordings = []
        if not args.no_download:
            download(args.work, PACKAGES)
        for name, minutes in PACKAGES.items():
            files = [(p, f"{name}/{i}") for i, p in enumerate(sounds_of(args.work, name))]
            order = rng.permutation(len(files))
            some, seconds = encode_files([files[i] for i in order], name, minutes, 20000, lib, rng)
            recordings += some
            rows.append(("packages", name, licences_of(args.work, name), len(some), seconds))
            print(f"{name}: {len(files)} files, {seconds / 60:.1f} minutes", flush=True)
        for name, files, minutes, licence in (
                ("fluid-soundfont-gm", render_music(args.work, rng), 40, "MIT"),
                ("espeak-ng", render_speech(args.work, rng), 8, "GPL-3+")):
            files = [(p, f"{name}/{os.path.basename(p)}") for p in files]
            some, seconds = encode_files(files, name, minutes, 20000, lib, rng)
            recordings += some
            rows.append(("packages", name, licence, len(some), seconds))
            print(f"{name}: {seconds / 60:.1f} minutes", flush=True)
        order = sorted(range(len(recordings)),
                       key=lambda i: hashlib.sha256(f"{i}".encode()).digest())
        write_packs(args.work, "packages", [recordings[i] for i in order])
        write_sources(args.work, "packages", rows)


def write_sources(work, name, rows):
    totals = {}
    for kind, source, licence, pieces, seconds in rows:
        old = totals.get((kind, source, licence), (0, 0.0))
        totals[kind, source, licence] = (old[0] + pieces, old[1] + seconds)
    with open(f"{work}/sources.{name}.csv", "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(("kind", "source", "licence", "pieces", "minutes"))
        for key, (pieces, seconds) in totals.items():
            out.writerow((*key, pieces, round(seconds / 60, 2)))


if __name__ == "__main__":
    main()
