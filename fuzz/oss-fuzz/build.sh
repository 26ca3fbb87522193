#!/bin/bash -eu
# Builds all fuzz targets into $OUT, each with its dictionary, its seeds and its options; for OSS-Fuzz and ClusterFuzzLite,
# whose images set $SRC, $OUT and the compiler's flags (base-builder-rust). Runs in the root of the repository.
cd "$SRC/tcpstate"

# Debug assertions are oracles: what the library promises to itself.
cargo fuzz build -O --debug-assertions

built=${CARGO_TARGET_DIR:-fuzz/target}/x86_64-unknown-linux-gnu/release
for target in fuzz/fuzz_targets/*.rs; do
    name=$(basename "$target" .rs)
    cp "$built/$name" "$OUT/"
    cp fuzz/tcpip.dict "$OUT/$name.dict"
    # Captures are much longer than packets and operations.
    case $name in
        options) most=128 ;;
        packet | pair) most=2048 ;;
        capture | replay) most=32768 ;;
        *) most=4096 ;;
    esac
    printf '[libfuzzer]\nmax_len = %s\ntimeout = 25\n' "$most" >"$OUT/$name.options"

    seeds=$(mktemp -d)
    if [[ -d fuzz/seeds/$name ]]; then
        cp fuzz/seeds/"$name"/* "$seeds"
    fi
    case $name in
        capture | replay) cp tests/captures/*.pcapng "$seeds" ;;
        drill)
            # One name for each script: those in different folders may have the same.
            find tests/drill -name '*.pkt' | while read -r script; do
                cp "$script" "$seeds/$(tr / - <<<"${script#tests/drill/}")"
            done
            ;;
    esac
    rm -f "$OUT/${name}_seed_corpus.zip"
    (cd "$seeds" && find . -type f | zip -q -@ "$OUT/${name}_seed_corpus.zip")
    rm -r "$seeds"
done
