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

# run_quietly LABEL COMMAND...: shows one line and the seconds; the whole output on failure only.
run_quietly() {
    local label=$1 log begin
    shift
    log=$(mktemp)
    begin=$SECONDS
    if ! "$@" >"$log" 2>&1 </dev/null; then
        tail -n 60 "$log" >&2
        rm -f "$log"
        die "$label failed; the command was: $*"
    fi
    rm -f "$log"
    if ((SECONDS - begin > 2)); then say "$label: $((SECONDS - begin)) s"; fi
}
