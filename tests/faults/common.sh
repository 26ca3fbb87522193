# What the scripts that plant faults share, to be sourced by them: a copy of the project, patches that are applied to it and
# taken back, and limits to what runs there. Wants `root`, the project; `work`, where the copy and what is built of it go;
# and `me`, the name of the script.
exec </dev/null

mkdir -p "$work" && work=$(cd "$work" && pwd -P) || exit 2
copy=$work/tree
# A fault can make a test run for ever, or take memory for ever.
readonly SECONDS_PER_RUN=${TCPSTATE_FAULTS_LIMIT:-120} KIBIBYTES_PER_RUN=$((8 << 20))

# Only the crate itself is built anew for each fault, and of that only what has changed.
export CARGO_TARGET_DIR=$work/target CARGO_INCREMENTAL=1 CARGO_PROFILE_DEV_DEBUG=0 CARGO_TERM_COLOR=never
export RUST_BACKTRACE=0 INSTA_UPDATE=no

die() {
    printf '%s: %s\n' "$me" "$*" >&2
    exit 2
}

progress() {
    [[ -t 2 ]] && printf '\r\033[K%s' "$*" >&2
    return 0
}

# In the copy, and with limits to time and memory.
limited() (
    cd "$copy" && ulimit -v "$KIBIBYTES_PER_RUN" && timeout --kill-after=5 "$SECONDS_PER_RUN" "$@"
)

# apply PATCH [-R]: exactly as it stands there. The copy is no repository, and must not be taken for a part of one.
apply() (
    cd "$copy" && GIT_CEILING_DIRECTORIES=$work git apply "${@:2}" "$1"
)

copy_project() {
    command -v git >/dev/null || die 'git is needed to apply patches'
    rm -rf "$copy"
    mkdir -p "$copy" || die "cannot write to $work"
    # With the time of now: the last run may have left something built that was faulty.
    tar -C "$root" --exclude=./target --exclude=./.git --exclude='*/target' -cf - . | tar -C "$copy" -xmf - ||
        die 'the project cannot be copied'
}
