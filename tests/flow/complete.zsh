# SPDX-License-Identifier: MIT
# What zsh shows behind LINE when TAB is typed, in a terminal of its own:
#
#   zsh -f complete.zsh FOLDER LINE TEXT
#
# FOLDER holds the completions. It is waited for TEXT, a minute at most.
zmodload zsh/zpty || exit 77

# wait_for TEXT: until the terminal has shown it; what it has shown is in REPLY.
wait_for() {
    local line
    integer turns=0
    REPLY=
    while [[ $REPLY != *"$1"* ]]; do
        if zpty -r -t terminal line; then
            REPLY+=$line
        else
            (( ++turns < 600 )) || return 1
            sleep 0.1
        fi
    done
}

zpty terminal env TERM=dumb zsh -f -i
zpty -w terminal "stty columns 200 rows 1000; LISTMAX=10000; fpath=(${(q)1} \$fpath)
autoload -Uz compinit; compinit -u -D; bindkey '^I' list-choices; print re''ady"
wait_for ready && zpty -w -n terminal "$2"$'\t' && wait_for "$3"
result=$?
print -r -- "$REPLY"
zpty -d terminal
exit $result
