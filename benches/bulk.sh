#!/usr/bin/env bash
# Records a bulk capture of real Linux TCP, to measure replay on.
#
#   benches/bulk.sh OUT.pcap [SIZE]       SIZE of the payload, as iperf3 takes it (default 500M)
#
# FLOWS (default 8) connections share the payload. RATE (default 2000, in Mbit/s, all flows together)
# holds the senders back to what tcpdump can write: a capture with holes is no measure, and is refused.
#
# Two network namespaces, a veth pair between them, MTU 1500 and every offload that would make
# packets larger than the wire allows, or leave checksums to hardware, switched off. Needs root.
set -euo pipefail

if (($# < 1 || $# > 2)); then
    sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
out=$1
size=${2:-500M}
flows=${FLOWS:-8}
rate=${RATE:-2000}

missing=()
need() { command -v "$1" >/dev/null || missing+=("$1 (Debian package: $2)"); }
need ip iproute2
need ethtool ethtool
need iperf3 iperf3
need tcpdump tcpdump
if ((${#missing[@]})); then
    printf 'bulk.sh: not found: %s\n' "${missing[@]}" >&2
    exit 1
fi
if ((EUID != 0)); then
    echo 'bulk.sh: creating network namespaces needs root' >&2
    exit 1
fi

client=tcpstate-client-$$
server=tcpstate-server-$$
work=$(mktemp -d)
sniffer='' daemon=''

cleanup() {
    local pid
    for pid in $sniffer $daemon; do kill "$pid" 2>/dev/null || true; done
    ip netns del "$client" 2>/dev/null || true
    ip netns del "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Waits until the command given succeeds, five seconds at most.
await() {
    local tries
    for ((tries = 0; tries < 50; tries++)); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.1
    done
    echo "bulk.sh: gave up waiting for: $*" >&2
    cat "$work"/*.log >&2
    return 1
}

ip netns add "$client"
ip netns add "$server"
ip -n "$client" link add veth0 type veth peer name veth0 netns "$server"
for end in "$client:192.0.2.1" "$server:192.0.2.2"; do
    namespace=${end%%:*}
    ip -n "$namespace" addr add "${end##*:}/24" dev veth0
    ip -n "$namespace" link set lo up
    ip -n "$namespace" link set veth0 mtu 1500 up
    ip netns exec "$namespace" ethtool -K veth0 tso off gso off gro off tx off rx off >/dev/null
done

ip netns exec "$server" iperf3 --server --one-off >"$work/server.log" 2>&1 &
daemon=$!
listening() { ip netns exec "$server" ss -Hltn 'sport = :5201' | grep -q .; }
await listening

# -Z root: keep writing where the caller may write. -B: a ring of 256 MiB, so that none are missed.
ip netns exec "$client" tcpdump -i veth0 -n -Z root -B 262144 -w "$out" tcp 2>"$work/tcpdump.log" &
sniffer=$!
await grep -q 'listening on' "$work/tcpdump.log"

ip netns exec "$client" iperf3 --client 192.0.2.2 --bytes "$size" --parallel "$flows" \
    --bitrate "$((rate / flows))M" >"$work/client.log" 2>&1 || {
    cat "$work/client.log" >&2
    exit 1
}
wait "$daemon" || { cat "$work/server.log" >&2; exit 1; }
daemon=''
sleep 1 # the last FINs and their ACKs
kill -INT "$sniffer"
wait "$sniffer" || { cat "$work/tcpdump.log" >&2; exit 1; }
sniffer=''

tail -n 4 "$work/client.log" | grep -v '^$'
grep -E 'packets (captured|dropped)' "$work/tcpdump.log"
ls -l "$out"
if ! grep -q '^0 packets dropped by kernel' "$work/tcpdump.log"; then
    echo "bulk.sh: the capture has holes; lower RATE (now $rate)" >&2
    exit 1
fi
