# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by the scripts beside it: where things are, and how they speak.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${TYTO_BUILD:-$root/build}
dist=${TYTO_DIST:-$root/dist}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/tyto

say() { printf '%s\n' "tyto: $*" >&2; }
die() {
    printf '%s\n' "tyto: error: $*" >&2
    exit 1
}

# run_quietly LABEL COMMAND...: silent when quick; says what it is doing after two seconds, counts the
# seconds on a terminal, and shows the command's output only when it fails.
run_quietly() {
    local label=$1 log begin pid status=0 told=
    shift
    log=$(mktemp)
    begin=$SECONDS
    "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    # shellcheck disable=SC2064 # this pid, now
    trap "kill $pid 2>/dev/null; exit 130" INT TERM
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.1
        if ((SECONDS - begin < 2)); then continue; fi
        if [ -t 2 ]; then
            printf '\rtyto: %s ... %d s ' "$label" $((SECONDS - begin)) >&2
        elif [ -z "$told" ]; then
            say "$label ..."
        fi
        told=1
    done
    wait "$pid" || status=$?
    trap - INT TERM
    if [ -n "$told" ] && [ -t 2 ]; then printf '\n' >&2; fi
    if [ $status -ne 0 ]; then
        tail -n 60 "$log" >&2
        rm -f "$log"
        die "$label failed; the command was: $*"
    fi
    if [ -n "$told" ]; then say "$label: done in $((SECONDS - begin)) s"; fi
    rm -f "$log"
}

# has_sha256 FILE SHA256
has_sha256() { [ -f "$1" ] && echo "$2  $1" | sha256sum --check --status; }

# What sanitizers are told.
sanitizers_speak() {
    export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:strict_string_checks=1
    export LSAN_OPTIONS=suppressions=$root/tests/sanitizer/leaks.supp:print_suppressions=0
    export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
    # What libraries that are not built with it do to memory, ZeroMQ's queues without locks above all, is
    # none of its business.
    export TSAN_OPTIONS=ignore_noninstrumented_modules=1:halt_on_error=1:second_deadlock_stack=1
}

# sanitized DIR SANITIZERS OBJECT: a build with them, in which all programs have OBJECT.c, configured.
sanitized() {
    local object=$1/$3.o
    [ ! -f "$1/build.ninja" ] || return 0
    mkdir -p "$1"
    # CC may be words, as "ccache gcc" is.
    # shellcheck disable=SC2086
    ${CC:-cc} -fPIC -c "$root/tests/sanitizer/$3.c" -o "$object"
    run_quietly "configuring the build with $2" meson setup "$1" "$root" \
        -Db_sanitize="$2" -Db_lundef=false -Doptimization=1 -Ddebug=true -Dc_link_args="$object"
}
