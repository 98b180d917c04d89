#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The house's rules that a compiler does not check. Prints FILE:LINE: text for each
breach and exits 1; guides (file length) are printed as warnings and do not fail.

  tests/lint/lint.py [--root DIR] [--no-tools]     --no-tools: without compiler and clang-format
"""
import argparse
import fnmatch
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

# What each room may include of the others, besides itself.
BELOW_DAEMON = {"base", "files", "options", "proto", "shaders", "model", "pipeline"}
DIRECTIONS = {
    "base": set(),
    "files": {"base"},
    "options": {"base", "files"},
    "proto": {"base"},
    "shaders": {"base", "files"},
    "model": {"base", "files", "shaders"},
    "pipeline": {"base", "files", "options", "proto", "shaders", "model"},
    "daemon": BELOW_DAEMON,
    "client": {"base", "files", "proto"},
    "trainer": {"base", "files", "options", "shaders", "model"},
    "web": {"base", "files", "proto", "pipeline", "client"},
    "cli": BELOW_DAEMON | {"client", "trainer", "web"},
    "demo": {"base", "files", "options", "trainer"},
    "tests": BELOW_DAEMON | {"client", "daemon", "cli", "demo", "trainer", "web"},
}

# Third-party header -> the files that may include it. Tests may include any of them.
THIRD_PARTY = {
    "vulkan/*": ["shaders/runtime/*"],
    "gst/*": ["pipeline/source/gst*.c", "pipeline/record/clip_gst.c", "demo/*.c"],
    "linux/*": ["daemon/isolated/sandbox.c"],
    "glib*": ["demo/*.c", "web/*.c", "pipeline/hours/*.c", "daemon/glib_log.c",
              "trainer/labels/media.c"],
    "gio/*": ["web/*.c"],
    "libsoup/*": ["web/*.c"],
    "sodium.h": ["web/*.c"],
    "zmq.h": ["daemon/access/*.c", "daemon/publish/event_socket.c", "daemon/publish/subscribers.c", "daemon/query/*.c", "client/*.c"],
    "xnnpack.h": ["model/executor/xnnpack.c"],
    "pthreadpool.h": ["model/executor/xnnpack.c"],
    "jpeglib.h": ["pipeline/snapshot/jpeg.c"],
    "jansson.h": ["files/safetensors.c", "files/json.c"],
    "microhttpd.h": ["daemon/monitor/http.c"],
    "yaml.h": ["daemon/config/*.c", "web/config/*.c"],
    "protobuf-c/*": ["proto/budget.c"],
    "sqlite3.h": ["daemon/journal/*"],
    "libav*": ["trainer/media/*.c", "web/media/*.c"],
    "libsw*": ["trainer/media/*.c"],
    "libxml/*": ["trainer/labels/xml.c"],
    "hdf5.h": ["trainer/data/ave/hdf5_file.c"],
    "lapacke.h": ["trainer/data/eigen.c"],
    "mosquitto.h": ["cli/bridge/mqtt/mqtt.c", "cli/bridge/mqtt/security.c"],
    "librdkafka/*": ["cli/bridge/kafka/kafka.c"],
    "curl/*": ["cli/fetch/fetch.c", "cli/bridge/webhook/webhook.c"],
    "mpi.h": ["trainer/step/ranks_mpi.c"],
    "nettle/*": ["files/digest.c"],
    "cblas.h": ["trainer/data/eigen.c"],
    "cmocka.h": [],
}

LIBC = set(
    """arpa/inet.h assert.h complex.h ctype.h dirent.h dlfcn.h endian.h errno.h execinfo.h fcntl.h
    fenv.h float.h fnmatch.h ftw.h getopt.h glob.h ifaddrs.h immintrin.h inttypes.h libgen.h limits.h
    link.h locale.h malloc.h math.h net/if.h netdb.h netinet/in.h netinet/tcp.h poll.h pthread.h pwd.h
    sched.h search.h semaphore.h setjmp.h signal.h spawn.h stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h
    stdint.h stdio.h stdlib.h stdnoreturn.h string.h strings.h sys/epoll.h sys/eventfd.h sys/file.h
    sys/inotify.h sys/ioctl.h sys/mman.h sys/prctl.h sys/ptrace.h sys/random.h sys/resource.h sys/select.h
    sys/signalfd.h sys/socket.h sys/stat.h sys/statvfs.h sys/syscall.h sys/time.h sys/timerfd.h
    sys/types.h sys/uio.h sys/un.h sys/utsname.h sys/wait.h syslog.h termios.h threads.h time.h
    uchar.h unistd.h wchar.h wctype.h""".split()
)

BANNED = {
    name: "unbounded or unchecked; " + better
    for name, better in {
        "strcpy": "use snprintf or memcpy with a length",
        "strcat": "use snprintf",
        "strncpy": "may leave no terminator: use snprintf",
        "strncat": "use snprintf",
        "sprintf": "use snprintf",
        "vsprintf": "use vsnprintf",
        "stpcpy": "use snprintf",
        "gets": "use fgets",
        "strtok": "has hidden state: use strcspn or strtok_r",
        "atoi": "cannot report an error: use strtol",
        "atol": "cannot report an error: use strtol",
        "atoll": "cannot report an error: use strtoll",
        "atof": "cannot report an error: use strtod",
        "alloca": "the stack has no error: use malloc",
        "scanf": "use fgets and strtol",
        "sscanf": "overflow is undefined: use strtol",
        "fscanf": "use fgets and strtol",
        "tmpnam": "racy: use mkstemp",
        "mktemp": "racy: use mkstemp",
        "system": "runs a shell: use posix_spawn",
        "signal": "use sigaction or signalfd",
        "asctime": "use strftime",
        "ctime": "use strftime",
    }.items()
}
BANNED_RE = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
RENAME_RE = re.compile(r"(?<![\w.>])rename(?:at2?)?\s*\(")
GETENV_RE = re.compile(r"(?<![\w.>])(?:secure_)?getenv\s*\(")
FOLDER_GETENV_RE = re.compile(r'getenv\s*\(\s*"(?:XDG_\w+|HOME|\w+_DIRECTORY)"')
INCLUDE_RE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
MACHINE_PATH_RE = re.compile(r"(?<![\w.])/(?:work|home/\w+|root|Users/\w+)/")
TODO_RE = re.compile(r"\b(?:TODO|FIXME|XXX)\b(?!\(#\d+\))")
SOURCE_SUFFIXES = (".c", ".h", ".comp", ".glsl", ".py", ".sh", ".proto")
# Folders that begin with a dot are a tool's or a person's own, but for the CI's.
SKIPPED_DIRS = re.compile(r"^(build.*|dist|node_modules|__pycache__|subprojects|\.(?!ci$|github$).*)$")
LENGTH_GUIDE = {".c": 500, ".h": 150}


class Lint:
    def __init__(self, root):
        self.root = root
        self.breaches = []
        self.warnings = []

    def breach(self, path, line, text):
        self.breaches.append(f"{path}:{line}: {text}")

    def files(self):
        found = []
        for folder, dirs, names in os.walk(self.root):
            dirs[:] = sorted(d for d in dirs if not SKIPPED_DIRS.match(d))
            for name in sorted(names):
                path = os.path.relpath(os.path.join(folder, name), self.root)
                # A second work tree has a file .git that names the first.
                if name != ".git" and not os.path.islink(os.path.join(self.root, path)):
                    found.append(path)
        return found

    def read(self, path):
        with open(os.path.join(self.root, path), "rb") as file:
            data = file.read()
        return None if b"\0" in data[:4096] else data.decode("utf-8", "replace")


def blank(match):
    """Spaces instead of a comment or string, line breaks kept."""
    return re.sub(r"[^\n]", " ", match.group(0))


def code_only(text):
    token = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(token, blank, text, flags=re.S)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def check_includes(lint, path, text):
    room = path.split(os.sep)[0]
    allowed = DIRECTIONS.get(room)
    comment_free = re.sub(r"/\*.*?\*/", blank, text, flags=re.S)
    for match in INCLUDE_RE.finditer(comment_free):
        kind, name = match.groups()
        line = line_of(comment_free, match.start())
        target = name.split("/")[0]
        if kind == '"':
            if target in DIRECTIONS and allowed is not None:
                if name.startswith("shaders/runtime/vk") and "shaders/runtime" not in path:
                    lint.breach(path, line, f"{name} is private to shaders/runtime")
                if target != room and target not in allowed:
                    lint.breach(path, line, f"room {room} must not include room {target} ({name})")
            continue
        if name in LIBC:
            continue
        pattern = next((p for p in THIRD_PARTY if fnmatch.fnmatch(name, p)), None)
        if pattern is None:
            lint.breach(path, line, f"<{name}> is neither libc nor a listed library (lint.py)")
        elif path.endswith(".h") and room != "tests" and not path.startswith("shaders/runtime/vk"):
            lint.breach(path, line, f"a header must not include third-party <{name}>")
        elif room != "tests" and not any(fnmatch.fnmatch(path, p) for p in THIRD_PARTY[pattern]):
            lint.breach(path, line, f"<{name}> belongs to {', '.join(THIRD_PARTY[pattern])} only")


def check_calls(lint, path, text):
    code = code_only(text)
    for match in BANNED_RE.finditer(code):
        name = match.group(1)
        lint.breach(path, line_of(code, match.start()), f"{name}(): {BANNED[name]}")
    # One does it, the other lets it fail.
    if path not in (os.path.join("files", "replace.c"), os.path.join("tests", "chaos", "chaos_disk.c")):
        for match in RENAME_RE.finditer(code):
            text = "rename(): files/replace.h writes beside, syncs, renames and syncs the folder"
            lint.breach(path, line_of(code, match.start()), text)
    if path == os.path.join("base", "paths.c"):
        return
    if path.split(os.sep)[0] != "tests":
        for match in FOLDER_GETENV_RE.finditer(text):
            text_of = "base/paths.h knows the folders of the session, of systemd and of the program"
            lint.breach(path, line_of(text, match.start()), text_of)
    if path.split(os.sep)[0] in BELOW_DAEMON:
        for match in GETENV_RE.finditer(code):
            lint.breach(path, line_of(code, match.start()), "getenv() below daemon/")


# Rooms whose knobs are rows of options/: their help, and so their defaults, is written from these.
TABLED_ROOMS = {"pipeline", "trainer", "daemon", "cli", "demo", "web"}
WRITTEN_DEFAULT_RE = re.compile(r'"(?:\\.|[^"\\\n])*\(default(?!: " TYTO_)')


def check_options(lint, path, text):
    """One table for every knob: no second reader of command lines, no default in a help text."""
    if path.split(os.sep)[0] not in TABLED_ROOMS:
        return
    comment_free = re.sub(r"/\*.*?\*/", blank, text, flags=re.S)
    for match in re.finditer(r"#\s*include\s*<getopt\.h>", comment_free):
        lint.breach(path, line_of(comment_free, match.start()), "<getopt.h>: options/command.h reads command lines")
    for match in WRITTEN_DEFAULT_RE.finditer(comment_free):
        lint.breach(path, line_of(comment_free, match.start()),
                    "a second default: options/ writes it into help, from the value")


# One dialect: the same thing is written the same way everywhere.
DIALECT = (
    (
        re.compile(r"(?<![\w.])(?:(?:\d+\.\d*|\.\d+)(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+)F\b"),
        "a float's suffix is a lower-case f",
    ),
    (re.compile(r"\berr\s*[!=]=\s*TYTO_OK\b"), "an error is tested by `if (err)` and `if (!err)`"),
    (
        re.compile(r"(?<!const )struct tyto_fault \*(?!ret_fault\b)\w+\s*[,)]"),
        "a fault that is filled for the caller is called ret_fault",
    ),
)
DECLARATION_RE = re.compile(
    r"^( +)(?:const )?(?:(?:struct|enum|union) \w+|unsigned(?: \w+)?|(?!return|goto|else|case|extern)\w+)"
    r" ([\w* ,]+);[ ]*$",
    re.M,
)
BLOCK_HEAD_RE = re.compile(r"(?:[):;{}]|\belse|\bdo)\s*$")


def enclosing_brace(code, at):
    """Where the block or struct begins that holds code[at]; -1 at the top of a file."""
    depth = 0
    for i in range(at - 1, -1, -1):
        if code[i] == "}":
            depth += 1
        elif code[i] == "{":
            if depth == 0:
                return i
            depth -= 1
    return -1


def late_first_values(code):
    """(offset, name) of each variable that is declared without a value although the first thing
    that happens to it, in the same block, is that it gets one."""
    for match in DECLARATION_RE.finditer(code):
        brace = enclosing_brace(code, match.start())
        if brace < 0 or not BLOCK_HEAD_RE.search(code[max(0, brace - 80):brace]):
            continue
        rest = code[match.end():]
        for name in re.findall(r"\w+(?= *(?:,|$))", match.group(2)):
            use = re.search(r"(?<![\w.>])" + name + r"\b", rest)
            if not use:
                continue
            begin = rest.rfind("\n", 0, use.start()) + 1
            line = rest[begin:rest.find("\n", use.start())]
            # A macro's lines end in a backslash: it may give a value again and again.
            if line.startswith(f"{match.group(1)}{name} = ") and not line.endswith("\\"):
                yield match.start(), name


def check_dialect(lint, path, text):
    code = code_only(text)
    for pattern, better in DIALECT:
        for match in pattern.finditer(code):
            lint.breach(path, line_of(code, match.start()), better)
    for offset, name in late_first_values(code):
        lint.breach(path, line_of(code, offset + 1), f"declare {name} where it gets its first value")


# Words that the project had for what has a name in the field; doc/glossary.md has that.
RETIRED = {
    "crew": "worker pool", "drawer": "kernel", "judgement": "measurement, evaluation",
    "keeper": "connection thread", "stock": "asset list",
}
RETIRED_RE = re.compile(r"(?<![A-Za-z])(" + "|".join(RETIRED) + r")s?(?![A-Za-z])", re.I)


def check_words(lint, path, text):
    if not path.endswith((".c", ".h", ".comp", ".glsl", ".md", ".py")) or path.startswith(
        (os.path.join("tests", "lint", ""), "CHANGELOG")
    ):
        return
    for match in RETIRED_RE.finditer(text):
        word = match.group(1).lower()
        lint.breach(path, line_of(text, match.start()), f"{match.group(0)}: say {RETIRED[word]}")


def check_text(lint, path, text):
    lines = text.split("\n")
    is_source = path.endswith(SOURCE_SUFFIXES) or lines[0].startswith("#!")
    if is_source and not any("SPDX-License-Identifier: MIT" in line for line in lines[:3]):
        lint.breach(path, 1, "no SPDX-License-Identifier in the first three lines")
    if path == os.path.join("tests", "lint", "lint.py"):
        return
    for number, line in enumerate(lines, 1):
        if MACHINE_PATH_RE.search(line):
            lint.breach(path, number, "a path of one machine")
        if "../shared" in line and not path.startswith("tests" + os.sep):
            lint.breach(path, number, "../shared outside of tests")
        if is_source and TODO_RE.search(line):
            lint.breach(path, number, "a TODO needs an issue: TODO(#7)")
    guide = LENGTH_GUIDE.get(os.path.splitext(path)[1])
    if guide and len(lines) > guide * 1.1:
        lint.warnings.append(f"{path}: {len(lines)} lines (guide: {guide})")


def check_kernels(lint, files):
    """A kernel is a whole folder: shader, shapes, interface, reference and check. What only the
    trainer runs may keep its reference in its check."""
    have = set(files)
    checks = {os.path.basename(p): p for p in files if p.startswith(os.path.join("tests", "check", ""))}
    for path in files:
        folder, name = os.path.split(path)
        parts = folder.split(os.sep)
        if name.endswith(".spv"):
            lint.breach(path, 1, "SPIR-V is built, never committed")
        if len(parts) != 2 or parts[0] != "shaders" or not name.endswith(".comp"):
            continue
        if not re.search(r"^// .*\bsource\b", lint.read(path) or "", re.M):
            lint.breach(path, 1, "no line `// source   ...`: where the formula is from")
        kernel = parts[1]
        check = checks.get(f"check_{kernel}.c")
        truth = re.search(r"\bdouble\b|what the host", lint.read(check) if check else "")
        if not check:
            lint.breach(path, 1, f"the kernel lacks tests/check/*/check_{kernel}.c")
        for need in (
            f"{folder}/{kernel}.h",
            f"{folder}/{kernel}.c",
            f"{folder}/{kernel}_ref.c",
            f"{folder}/{kernel}_shape.h",
        ):
            if need.endswith("_ref.c") and truth:
                continue
            if need not in have:
                lint.breach(path, 1, f"the kernel lacks {need}")


# What a model's file calls the encoders that its numbers are of, and which file that is.
ENCODER_KEYS = {"audio": "ear", "visual": "eye", "tyto.audio_encoder": "ear", "tyto.visual_encoder": "eye"}


def check_weights(lint, files):
    """The shipped files are of one another: what was learnt on an eye is refused, or left out without
    a word, beside another one."""
    folder = os.path.join("weights", "")
    shipped = [path for path in files if path.startswith(folder) and path.endswith(".safetensors")]
    digests, headers = {}, {}
    for path in shipped:
        with open(os.path.join(lint.root, path), "rb") as file:
            data = file.read()
        digests[os.path.basename(path)] = hashlib.sha256(data).hexdigest()
        headers[path] = json.loads(data[8:8 + int.from_bytes(data[:8], "little")])
    for path, header in headers.items():
        meta = header.get("__metadata__", {})
        for key, digest in {**meta, **json.loads(meta.get("tyto.encoders", "{}"))}.items():
            encoder = ENCODER_KEYS.get(key)
            if encoder and digest != digests.get(f"{encoder}.safetensors"):
                lint.breach(path, 1, f"was made for another {encoder} than weights/{encoder}.safetensors")


NAMED_RE = re.compile(r"`([^`\n]+)`")
PLACEHOLDERS = re.compile(r"NAME|GROUP|ROOM|[*<{]")


def check_named(lint, files):
    """What a text for readers names is there: `tyto_function()`, `folder/file.c`, `file.h`."""
    ends, words = set(), set()
    for path in files:
        parts = path.split(os.sep)
        ends.update("/".join(parts[i:]) for i in range(len(parts)))
        if path.endswith((".c", ".h", ".comp", ".py")):
            words.update(re.findall(r"\w+", lint.read(path) or ""))
    for path in files:
        if not path.endswith(".md") or path == "CHANGELOG.md":
            continue
        text = lint.read(path)
        for match in NAMED_RE.finditer(text):
            named, line = match.group(1), line_of(text, match.start())
            function = re.fullmatch(r"(\w+)\(\)", named)
            if function and function.group(1) not in words:
                lint.breach(path, line, f"there is no {named}")
            if re.fullmatch(r"[\w/]+\.(?:c|h|comp|py)", named) and not PLACEHOLDERS.search(named):
                if named not in ends:
                    lint.breach(path, line, f"there is no {named}")


def check_headers_alone(lint, files):
    cc = os.environ.get("CC", "cc").split()
    for path in files:
        if not path.endswith(".h") or path.startswith("tests" + os.sep):
            continue
        flags = ["-std=gnu17", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Wextra", "-Werror"]
        source = f'#include "{path}"\n#include "{path}"\nextern int nothing;\n'
        done = subprocess.run(
            cc + flags + ["-I", ".", "-x", "c", "-"],
            input=source, capture_output=True, text=True, cwd=lint.root, check=False,
        )
        if done.returncode:
            first = next((s for s in done.stderr.split("\n") if "error" in s), "does not compile")
            lint.breach(path, 1, f"does not stand alone: {first}")


def check_format(lint, files):
    if not shutil.which("clang-format"):
        lint.warnings.append("clang-format is missing: format not checked")
        return
    done = subprocess.run(
        ["clang-format", "--dry-run", "--ferror-limit=1"] + files,
        capture_output=True, text=True, cwd=lint.root, check=False,
    )
    seen = set()
    for line in done.stderr.split("\n"):
        match = re.match(r"([^:]+):(\d+):\d+: (?:warning|error): ", line)
        if match and match.group(1) not in seen:
            seen.add(match.group(1))
            lint.breach(match.group(1), int(match.group(2)), "not formatted (scripts/lint --format)")


def check_shell(lint, files):
    scripts = [p for p in files if (lint.read(p) or "").startswith("#!/usr/bin/env bash")]
    for path in scripts:
        if "set -euo pipefail" not in (lint.read(path) or ""):
            lint.breach(path, 1, "a bash script without set -euo pipefail")
    if scripts and shutil.which("shellcheck"):
        done = subprocess.run(
            ["shellcheck", "-x", "-f", "gcc"] + scripts,
            capture_output=True, text=True, cwd=lint.root, check=False,
        )
        lint.breaches += [line for line in done.stdout.split("\n") if line]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", default=os.path.join(os.path.dirname(__file__), "..", ".."))
    parser.add_argument("--no-tools", action="store_true")
    args = parser.parse_args()
    lint = Lint(os.path.abspath(args.root))
    files = lint.files()
    c_files = [p for p in files if p.endswith((".c", ".h"))]
    for path in files:
        text = lint.read(path)
        if text is None:
            continue
        check_text(lint, path, text)
        check_words(lint, path, text)
        if path.endswith((".c", ".h")):
            check_includes(lint, path, text)
            check_calls(lint, path, text)
            check_dialect(lint, path, text)
            check_options(lint, path, text)
    check_kernels(lint, files)
    check_named(lint, files)
    check_weights(lint, files)
    if not args.no_tools:
        check_headers_alone(lint, files)
        check_format(lint, c_files)
        check_shell(lint, files)
    for line in lint.warnings:
        print("warning:", line)
    for line in lint.breaches:
        print(line)
    print(f"lint: {len(files)} files, {len(lint.breaches)} breaches, {len(lint.warnings)} warnings")
    return 1 if lint.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
