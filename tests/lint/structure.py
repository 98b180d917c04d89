#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The house's structure, computed from the sources: which folder may use which, that no circle of
includes and no circle of calls exists between files, that no folder is too full, that nothing lies in
a room that is folders alone, and that a folder's internal.h stays inside.

  tests/lint/structure.py [--root DIR]      prints the breaches and exits 1 when there are any
"""
import argparse
import collections
import os
import re
import sys

# Inside a room, what each folder may include of its room besides itself ("." is the room's own
# top). A folder that is missing here may include nothing of its room: add a row, downhill only.
FOLDERS = {
    "model": {
        "paths": set(),
        "graph": set(),
        "import/common": {"graph"},
        "import/onnx": {"import/common", "graph"},
        "import/tflite": {"import/common", "graph"},
        "import": {"import/common", "import/onnx", "import/tflite", "graph"},
        "executor": {"graph"},
        "encoder": {"executor", "graph"},
        "cman": set(),
    },
    "pipeline": {
        "segment": set(),
        "zones": set(),
        "hours": set(),
        "track": {"zones", "hours"},
        "recount": {"track"},
        "sync": set(),
        "container": set(),
        "source": {"container", "segment", "sync"},
        "isolate": {"segment", "source", "sync"},
        "session": {"isolate", "segment", "source", "sync", "zones"},
        "record": {"source"},
        "snapshot": {"segment", "track", "zones", "record"},
        "networks": {"track"},
        "engine": {"segment", "track", "source", "session", "networks", "zones"},
    },
    "trainer": {
        "media": set(),
        "labels": set(),
        "data/features": {"media"},
        "data": {"labels", "data/features", "media"},
        "data/ave": {"data", "labels"},
        "step": {"data"},
        "loop": {"step", "data"},
        "eval/metrics": set(),
        "eval/events": {"eval/metrics", "labels"},
        "eval": {"eval/metrics", "eval/events", "data", "labels"},
        "eval/report": {"eval", "eval/metrics"},
        "adapt": {"eval/metrics", "data"},
        "run": {"loop", "step", "data", "eval", "eval/report"},
        "compose": {"media", "data"},
    },
    "daemon": {
        "access": set(),
        "gate": set(),
        "isolated": set(),
        "journal": set(),
        "monitor": set(),
        "scores": {"journal"},
        "publish": {"access", "gate", "journal"},
        "query": {"access", "journal", "publish", "scores"},
        "control": {"gate"},
        "config": {"publish", "control", "monitor"},
        "service": {"config", "gate", "publish"},
        ".": {"access", "config", "control", "journal", "monitor", "publish", "query", "scores", "service"},
    },
    "web": {
        "users": set(),
        "common": set(),
        "config": set(),
        "teach": set(),
        "thresholds": {"common"},
        "media": set(),
        "known": {"common"},
        ".": {"users", "common", "config", "teach", "thresholds", "media", "known"},
    },
    "cli": {
        "event": set(),
        "common": set(),
        "train": {"common"},
        "eval": {"common", "event"},
        "localize": {"event"},
        "sync": {"common", "event"},
        "explain": {"event"},
        "fetch": set(),
        "find": set(),
        "learn": {"common", "event", "train", "eval", "explain"},
        "look": {"common", "localize", "sync"},
        "bridge/core": {"common", "event"},
        "bridge/webhook": {"bridge/core", "event"},
        "bridge/mqtt": {"bridge/core"},
        "bridge/kafka": {"bridge/core"},
        "bridge": {"bridge/core", "bridge/kafka", "bridge/mqtt", "bridge/webhook", "common"},
        "events": {"common", "event", "find"},
        "model": {"common", "events", "fetch"},
        ".": {"bridge", "learn", "look", "events", "model", "common"},
    },
}
# Rooms whose folders `ls` must tell: at most this many .c files side by side.
MAX_SOURCES = 16
SKIPPED_DIRS = re.compile(r"^(build.*|dist|node_modules|__pycache__|\..*)$")
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)
TOKENS = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
DEFINITION = re.compile(r"^(?!static\b)[A-Za-z_][\w \t\*]*?\b(\w+)\(([^;{}]*)\)\s*\{", re.M)
NAME = re.compile(r"(?<!struct )(?<!enum )\b([A-Za-z_]\w*)\b(?=\s*[(,;)\]}])")


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def load(root):
    """path -> text without comments and strings' contents; include lines are kept apart."""
    sources, includes = {}, {}
    for folder, dirs, names in os.walk(root):
        dirs[:] = sorted(d for d in dirs if not SKIPPED_DIRS.match(d))
        for name in sorted(names):
            if not name.endswith((".c", ".h")):
                continue
            path = os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/")
            with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
                text = file.read()
            includes[path] = INCLUDE.findall(re.sub(r"/\*.*?\*/", blank, text, flags=re.S))
            sources[path] = TOKENS.sub(blank, text)
    return sources, includes


def place_of(path):
    """(room, folder inside it)"""
    parts = path.split("/")
    return parts[0], "/".join(parts[1:-1]) or "."


def uphill_includes(includes):
    found = []
    for path, names in sorted(includes.items()):
        room, folder = place_of(path)
        if room not in FOLDERS:
            continue
        allowed = FOLDERS[room].get(folder)
        for name in names:
            target_room, target = place_of(name)
            if target_room != room or target == folder or name not in includes:
                continue
            if allowed is None:
                found.append(f"{path}:1: folder {room}/{folder} has no row in FOLDERS")
            elif target not in allowed:
                found.append(f"{path}:1: {room}/{folder} must not include {name}")
    return found


def circles(edges):
    """Strongly connected sets of more than one node, by Tarjan's algorithm without recursion."""
    index, low, on_stack, stack, found = {}, {}, set(), [], []
    for start in sorted(edges):
        if start in index:
            continue
        work = [(start, iter(sorted(edges.get(start, ()))))]
        index[start] = low[start] = len(index)
        stack.append(start)
        on_stack.add(start)
        while work:
            node, rest = work[-1]
            step = next(rest, None)
            if step is not None:
                if step not in index:
                    index[step] = low[step] = len(index)
                    stack.append(step)
                    on_stack.add(step)
                    work.append((step, iter(sorted(edges.get(step, ())))))
                elif step in on_stack:
                    low[node] = min(low[node], index[step])
                continue
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[node])
            if low[node] == index[node]:
                members = []
                while True:
                    member = stack.pop()
                    on_stack.discard(member)
                    members.append(member)
                    if member == node:
                        break
                if len(members) > 1:
                    found.append(sorted(members))
    return sorted(found)


def include_circles(includes):
    edges = {
        path: {name for name in names if name in includes} for path, names in includes.items()
    }
    return [f"{c[0]}:1: a circle of includes: {' '.join(c)}" for c in circles(edges)]


def call_circles(sources):
    homes, edges = collections.defaultdict(set), collections.defaultdict(dict)
    for path, text in sources.items():
        if path.endswith(".c") and not path.startswith("tests/"):
            for match in DEFINITION.finditer(text):
                homes[match.group(1)].add(path)
    for path, text in sources.items():
        if not path.endswith(".c") or path.startswith("tests/"):
            continue
        for name in set(NAME.findall(text)):
            for home in homes.get(name, ()):
                if home != path and path not in homes[name]:
                    edges[path].setdefault(home, name)
    found = []
    for members in circles({a: set(b) for a, b in edges.items()}):
        ties = [
            f"{a} uses {b}'s {edges[a][b]}" for a in members for b in members if b in edges[a]
        ]
        found.append(f"{members[0]}:1: a circle of calls: {'; '.join(ties)}")
    return found


def full_folders(sources):
    count = collections.Counter(
        path.rsplit("/", 1)[0] for path in sources if path.endswith(".c") and "/" in path
    )
    return [
        f"{folder}:1: {number} sources side by side (at most {MAX_SOURCES}): make folders"
        for folder, number in sorted(count.items())
        if number > MAX_SOURCES
    ]


def flat_sources(sources):
    """Of a room that is folders alone nothing lies in the room itself."""
    return [
        f"{path}:1: {room} is folders alone (FOLDERS has no row for its top)"
        for path in sorted(sources)
        for room, folder in [place_of(path)]
        if folder == "." and room in FOLDERS and "." not in FOLDERS[room]
    ]


def internal_headers(sources):
    """What a folder's files share and nobody else sees: one header, whatever it is called."""
    return [
        f"{path}:1: only files of {os.path.dirname(name)} include its internal.h"
        for path, names in sorted(sources.items())
        for name in names
        if name.endswith("/internal.h") and not path.startswith("tests/")
        and os.path.dirname(path) != os.path.dirname(name)
    ]


def parts_headers(sources):
    return [
        f"{path}:1: a folder shares its private things in one internal.h"
        for path in sorted(sources)
        if path.endswith("_parts.h")
    ]


def check(root):
    sources, includes = load(root)
    return (
        uphill_includes(includes)
        + include_circles(includes)
        + call_circles(sources)
        + full_folders(sources)
        + flat_sources(sources)
        + internal_headers(includes)
        + parts_headers(sources)
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", default=os.path.join(os.path.dirname(__file__), "..", ".."))
    breaches = check(os.path.abspath(parser.parse_args().root))
    for line in breaches:
        print(line)
    print(f"structure: {len(breaches)} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
