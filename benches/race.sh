#!/usr/bin/env bash
# Races `tcpstate replay` against `tcptrace -n` on one capture file.
#
#   benches/race.sh CAPTURE               exits 1 when tcpstate's median is the slower one
#   ROUNDS=9 benches/race.sh CAPTURE      how many timed runs of each (default 5)
#   TCPSTATE=path/to/tcpstate ...         the binary to race, instead of building this checkout's
#
# Each runs once unmeasured, which also brings the file into the page cache; then they take turns, so
# that a disturbance of the machine hits both. Output goes to /dev/null.
set -euo pipefail

if (($# != 1)); then
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
capture=$1
rounds=${ROUNDS:-5}

[[ -r $capture ]] || { echo "race.sh: cannot read $capture" >&2; exit 2; }
command -v tcptrace >/dev/null || { echo 'race.sh: tcptrace not found (Debian package: tcptrace)' >&2; exit 2; }

if [[ -z ${TCPSTATE:-} ]]; then
    root=$(cd "$(dirname "$0")/.." && pwd)
    cargo build --quiet --locked --release --features cli --manifest-path "$root/Cargo.toml"
    target=${CARGO_TARGET_DIR:-$root/target}
    TCPSTATE=$target/release/tcpstate
fi
[[ -x $TCPSTATE ]] || { echo "race.sh: no program at $TCPSTATE" >&2; exit 2; }

errors=$(mktemp)
trap 'rm -f "$errors"' EXIT

run_tcpstate() { "$TCPSTATE" replay "$capture" >/dev/null; }
run_tcptrace() { tcptrace -n "$capture" >/dev/null; }

# Sets `elapsed` to the microseconds that one run took; a run that fails ends the race.
# Subtracting EPOCHREALTIME without its decimal mark works in every locale.
timed() {
    local began ended
    began=${EPOCHREALTIME//[.,]/}
    if ! "$1" 2>"$errors"; then
        echo "race.sh: ${1#run_} failed:" >&2
        cat "$errors" >&2
        exit 2
    fi
    ended=${EPOCHREALTIME//[.,]/}
    elapsed=$((ended - began))
}

seconds() { printf '%d.%03d' $(($1 / 1000000)) $(($1 % 1000000 / 1000)); }

# The middle of an odd number of values, the lower middle of an even number.
median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }

printf 'capture: %s, %s bytes\n' "${capture##*/}" "$(stat -L -c %s "$capture")"
timed run_tcpstate
timed run_tcptrace

ours=() theirs=()
printf '%-8s %12s %12s\n' round tcpstate tcptrace
for ((round = 1; round <= rounds; round++)); do
    timed run_tcpstate
    ours+=("$elapsed")
    timed run_tcptrace
    theirs+=("$elapsed")
    printf '%-8s %10s s %10s s\n' "$round" "$(seconds "${ours[-1]}")" "$(seconds "${theirs[-1]}")"
done

our_median=$(median "${ours[@]}")
their_median=$(median "${theirs[@]}")
printf '%-8s %10s s %10s s\n' median "$(seconds "$our_median")" "$(seconds "$their_median")"
awk -v ours="$our_median" -v theirs="$their_median" \
    'BEGIN { printf "tcpstate takes %.2f of the time of tcptrace\n", ours / theirs }'
if ((our_median > their_median)); then
    echo 'race.sh: tcpstate is slower' >&2
    exit 1
fi
