#!/usr/bin/env bash
# Records the capture fixtures of this directory: real Linux TCP between network
# namespaces that exist only while this script runs. Needs root.
#
#   ./record.sh            records everything anew
#   ./record.sh NAME...    records these only (NAME without .pcapng)
#   ./record.sh --list     names what there is (loss also makes loss-receiver)
#
# Debian packages: iproute2 ethtool wireshark-common (dumpcap, capinfos, editcap)
#                  tcpreplay (tcprewrite) nginx curl python3 procps
#
# The three networks (a = client, b = server, m = what lies between):
#   direct    a ---------------- b     one veth pair
#   relayed   a ---- relay.py ---- b   adds delay; loses, swaps, doubles segments
#   routed    a ----- router ----- b   forwards IPv4, with a smaller MTU towards b
set -euo pipefail

HERE=$(cd "$(dirname "$0")" && pwd)
LIMIT=300000 # bytes; no fixture may reach it

# --- what is needed -----------------------------------------------------------

missing=0
need() { # COMMAND PACKAGE
  if ! command -v "$1" >/dev/null; then
    echo "missing: $1 (Debian package $2)" >&2
    missing=1
  fi
}
PATH=$PATH:/usr/sbin:/sbin
need ip iproute2
need ss iproute2
need ethtool ethtool
need dumpcap wireshark-common
need capinfos wireshark-common
need editcap wireshark-common
need tcprewrite tcpreplay
need nginx nginx
need curl curl
need python3 python3
need sysctl procps
[ "$missing" = 0 ] || exit 1

PYTHON=$(python3 -c 'import sys; print(sys.executable)')

# --- networks -----------------------------------------------------------------

A=tcpfix-$$-a
B=tcpfix-$$-b
M=tcpfix-$$-m
MAC_A=02:00:00:00:00:0a
MAC_B=02:00:00:00:00:0b
V4_A=10.9.0.1
V4_B=10.9.0.2
V4_A2=10.9.0.3 # a second client, on the same interface
V6_A=fd09::1
V6_B=fd09::2
WORK=
JOBS=() # what runs in the background: nginx, the relay, dumpcap, servers

stop_jobs() {
  local pid
  for pid in "${JOBS[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${JOBS[@]}"; do wait "$pid" 2>/dev/null || true; done
  JOBS=()
}

remove_network() {
  local ns
  stop_jobs
  for ns in "$A" "$B" "$M"; do ip netns del "$ns" 2>/dev/null || true; done
}

cleanup() {
  remove_network
  [ -z "$WORK" ] || rm -rf "$WORK"
}

# In the foreground only: in the background, $! is to be the program itself, not
# a shell around it, so that it can be ended.
in_a() { ip netns exec "$A" "$@"; }
in_b() { ip netns exec "$B" "$@"; }
in_m() { ip netns exec "$M" "$@"; }

# The usual settings of a Linux host, whatever this host has been tuned to.
usual_settings() { # NAMESPACE
  ip netns exec "$1" sysctl -qw \
    net.ipv4.tcp_timestamps=1 net.ipv4.tcp_sack=1 net.ipv4.tcp_dsack=1 \
    net.ipv4.tcp_window_scaling=1 net.ipv4.tcp_ecn=2 net.ipv4.tcp_fastopen=1 \
    net.ipv4.tcp_rmem="4096 131072 6291456" net.ipv4.tcp_wmem="4096 16384 4194304" \
    net.ipv4.tcp_no_metrics_save=1 \
    net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
  # Some hosts keep cubic from other namespaces; reno is always there.
  ip netns exec "$1" sysctl -qw net.ipv4.tcp_congestion_control=cubic 2>/dev/null ||
    ip netns exec "$1" sysctl -qw net.ipv4.tcp_congestion_control=reno
}

offloads() { # NAMESPACE INTERFACE on|off
  ip netns exec "$1" ethtool -K "$2" tso "$3" gso "$3" gro "$3" tx "$3" rx "$3" sg "$3" \
    >/dev/null
}

end_a() { # INTERFACE-NAME: the client's end of a pair gets its name and addresses
  ip -n "$A" link set "$1" name client0
  ip -n "$A" link set client0 address $MAC_A mtu 1500 up
  ip -n "$A" addr add $V4_A/24 dev client0
}

end_b() { # INTERFACE-NAME
  ip -n "$B" link set "$1" name server0
  ip -n "$B" link set server0 address $MAC_B mtu 1500 up
}

neighbours() { # no ARP: each end knows the other
  ip -n "$A" neigh replace $V4_B lladdr $MAC_B dev client0 nud permanent
  ip -n "$B" neigh replace $V4_A lladdr $MAC_A dev server0 nud permanent
}

direct() { # [on]: with offloads
  ip netns add "$A"
  ip netns add "$B"
  usual_settings "$A"
  usual_settings "$B"
  ip link add va$$ netns "$A" type veth peer name vb$$ netns "$B"
  end_a va$$
  end_b vb$$
  ip -n "$B" addr add $V4_B/24 dev server0
  neighbours
  offloads "$A" client0 "${1:-off}"
  offloads "$B" server0 "${1:-off}"
}

direct_ipv6() {
  direct
  local ns dev
  for ns in "$A" "$B"; do
    dev=$([ "$ns" = "$A" ] && echo client0 || echo server0)
    # No link-local address, no router or neighbour discovery: only TCP is left.
    ip netns exec "$ns" sysctl -qw net.ipv6.conf.$dev.addr_gen_mode=1 \
      net.ipv6.conf.$dev.accept_ra=0 net.ipv6.conf.$dev.accept_dad=0
    ip netns exec "$ns" sysctl -qw net.ipv6.conf.all.disable_ipv6=0 \
      net.ipv6.conf.$dev.disable_ipv6=0
  done
  ip -n "$A" addr add $V6_A/64 dev client0 nodad
  ip -n "$B" addr add $V6_B/64 dev server0 nodad
  ip -n "$A" neigh replace $V6_B lladdr $MAC_B dev client0 nud permanent
  ip -n "$B" neigh replace $V6_A lladdr $MAC_A dev server0 nud permanent
}

relayed() { # DELAY_MS [RULE...]; left is the client's side, right the server's
  local ns
  for ns in "$A" "$B" "$M"; do
    ip netns add "$ns"
    usual_settings "$ns"
  done
  ip link add va$$ netns "$A" type veth peer name left0 netns "$M"
  ip link add vb$$ netns "$B" type veth peer name right0 netns "$M"
  ip -n "$M" link set left0 up
  ip -n "$M" link set right0 up
  end_a va$$
  end_b vb$$
  ip -n "$B" addr add $V4_B/24 dev server0
  neighbours
  offloads "$A" client0 off
  offloads "$B" server0 off
  offloads "$M" left0 off
  offloads "$M" right0 off
  rm -f "$WORK/relay-ready"
  ip netns exec "$M" "$PYTHON" "$HERE/relay.py" left0 right0 "$1" "$WORK/relay-ready" "${@:2}" &
  JOBS+=($!)
  wait_for "the relay" test -e "$WORK/relay-ready"
}

V4_FAR=10.9.1.2 # the server behind the router

routed() { # MTU of the router's interface towards the server
  local ns
  for ns in "$A" "$B" "$M"; do
    ip netns add "$ns"
    usual_settings "$ns"
  done
  ip link add va$$ netns "$A" type veth peer name left0 netns "$M"
  ip link add vb$$ netns "$B" type veth peer name right0 netns "$M"
  ip -n "$M" addr add 10.9.0.254/24 dev left0
  ip -n "$M" addr add 10.9.1.254/24 dev right0
  ip -n "$M" link set left0 up
  ip -n "$M" link set right0 mtu "$1" up
  in_m sysctl -qw net.ipv4.ip_forward=1
  end_a va$$
  end_b vb$$
  ip -n "$B" addr add $V4_FAR/24 dev server0
  ip -n "$A" route add default via 10.9.0.254
  ip -n "$B" route add default via 10.9.1.254
  offloads "$A" client0 off
  offloads "$B" server0 off
  offloads "$M" left0 off
  offloads "$M" right0 off
}

# --- recording ----------------------------------------------------------------

wait_for() { # WHAT COMMAND...
  local what=$1 i
  shift
  for ((i = 0; i < 100; i++)); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.05
  done
  echo "gave up waiting for $what" >&2
  return 1
}

DUMPCAPS=()

capture() { # client|server NAME [FILTER]: starts to record at that end
  local ns=$A log=$WORK/$2.log
  [ "$1" = client ] || ns=$B
  ip netns exec "$ns" dumpcap -q -n -i "$1"0 -f "${3:-tcp}" -w "$WORK/$2.raw" 2>"$log" &
  DUMPCAPS+=($!)
  JOBS+=($!)
  wait_for "dumpcap" grep -q '^File:' "$log"
  sleep 0.3
}

finish() { # waits for the last segments, stops recording, takes the network down
  local pid
  sleep "${1:-0.7}"
  for pid in "${DUMPCAPS[@]}"; do kill -INT "$pid"; done
  for pid in "${DUMPCAPS[@]}"; do wait "$pid" || true; done
  DUMPCAPS=()
  remove_network
}

keep() { # NAME COMMENT: the recorded file becomes the fixture
  local file=$HERE/$1.pcapng size
  "$PYTHON" "$HERE/tidy.py" "$WORK/$1.raw" "$WORK/$1.new" "tcpstate test fixture: $2"
  size=$(stat -c %s "$WORK/$1.new")
  if [ "$(packets "$WORK/$1.new")" -eq 0 ]; then
    echo "$1: nothing was recorded" >&2
    return 1
  fi
  if [ "$size" -ge "$LIMIT" ]; then
    echo "$1: $size bytes are too many" >&2
    return 1
  fi
  mv "$WORK/$1.new" "$file"
  printf '%-24s %5d packets %7d bytes\n' "$1" "$(packets "$file")" "$size"
}

packets() { capinfos -rcTM "$1" | cut -f2; }

listening() { # PORT: in the server's namespace
  [ -n "$(in_b ss -Hltn "sport = :$1")" ]
}

SERVER=
server() { # WORDS...: a server in the background, see peers.py
  ip netns exec "$B" "$PYTHON" "$HERE/peers.py" "$@" &
  SERVER=$!
  JOBS+=($!)
  wait_for "the server" listening 4000
}

client() { # WORDS...: a client; returns when both ends have closed
  in_a "$PYTHON" "$HERE/peers.py" "$@"
  wait "$SERVER"
}

soon() { # a moment, some seconds from now, at which both ends act
  "$PYTHON" -c 'import time; print(time.time() + 1.5)'
}

web_server() { # nginx in the server's namespace, with a small site
  local dir=$WORK/site i
  rm -rf "$dir"
  mkdir -p "$dir/html" "$dir/tmp"
  {
    echo '<!doctype html>'
    echo '<title>Tide tables</title>'
    echo '<link rel="stylesheet" href="/style.css">'
    echo '<img src="/logo.svg" alt="">'
    echo '<h1>High water at the harbour</h1>'
    echo '<table>'
    for ((i = 1; i <= 60; i++)); do
      printf '<tr><td>day %02d</td><td>%02d:%02d</td><td>%d.%d m</td></tr>\n' \
        $i $(((6 + i * 5 / 6) % 24)) $((i * 50 % 60)) $((3 + i % 2)) $((i * 7 % 10))
    done
    echo '</table>'
    echo '<script src="/tide.js"></script>'
  } >"$dir/html/index.html"
  echo 'body { font: 16px serif } td { padding: 0 1em }' >"$dir/html/style.css"
  echo '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 9q5-9 10 0t10 0"/></svg>' \
    >"$dir/html/logo.svg"
  echo 'document.title += " " + new Date().getFullYear();' >"$dir/html/tide.js"
  touch -d '2024-01-01 00:00:00 UTC' "$dir"/html/*
  cat >"$dir/nginx.conf" <<CONF
daemon off;
master_process off;
pid $dir/nginx.pid;
error_log stderr crit;
events { worker_connections 64; }
http {
  access_log off;
  server_tokens off;
  client_body_temp_path $dir/tmp/1;
  proxy_temp_path $dir/tmp/2;
  fastcgi_temp_path $dir/tmp/3;
  uwsgi_temp_path $dir/tmp/4;
  scgi_temp_path $dir/tmp/5;
  types { text/html html; text/css css; image/svg+xml svg; text/javascript js; }
  server {
    listen 80;
    ${1:-}
    root $dir/html;
  }
}
CONF
  ip netns exec "$B" nginx -p "$dir" -e stderr -c "$dir/nginx.conf" &
  JOBS+=($!)
  wait_for "nginx" listening 80
}

browse() { # CURL-ARGUMENTS...
  in_a curl -sS --max-time 20 --create-dirs --output-dir "$WORK/got" --remote-name-all "$@"
}

# --- the fixtures -------------------------------------------------------------
# One function each; "_" stands for "-" in the name.

# Two browsers load a page from one server, each over one persistent connection.
record_http() {
  local site=http://$V4_B other
  direct
  ip -n "$A" addr add $V4_A2/24 dev client0
  ip -n "$B" neigh replace $V4_A2 lladdr $MAC_A dev server0 nud permanent
  web_server
  capture client http
  browse --interface $V4_A --rate 20/s \
    $site/index.html $site/style.css $site/logo.svg $site/tide.js &
  other=$!
  sleep 0.12
  browse --interface $V4_A2 --rate 20/s $site/index.html $site/style.css
  wait $other
  finish
  keep http "HTTP/1.1, two clients, one persistent connection each; recorded at the clients"
}

# Reads to the end of each answer, as HTTP/1.0 has it: so the server closes first.
record_http10_per_request() {
  local words=() page
  direct
  web_server
  capture client http10-per-request
  for page in /index.html /style.css /logo.svg /tide.js; do
    words+=(connect $V4_B 80 get10 $page eof close pause 0.02)
  done
  in_a "$PYTHON" "$HERE/peers.py" "${words[@]}"
  finish
  keep http10-per-request \
    "HTTP/1.0, one connection per request, closed by the server; recorded at the client"
}

record_http11_persistent() {
  local site=http://$V4_B
  direct
  web_server
  capture client http11-persistent
  in_a curl -sS --max-time 20 -o /dev/null $site/index.html \
    --next -sS -I -o /dev/null $site/index.html \
    --next -sS -o /dev/null -H 'If-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT' \
    $site/index.html \
    --next -sS -o /dev/null $site/nowhere.html
  finish
  keep http11-persistent \
    "HTTP/1.1, GET, HEAD, conditional GET and a 404 on one connection; recorded at the client"
}

record_http11_pipelined() {
  relayed 5
  web_server
  capture client http11-pipelined
  in_a "$PYTHON" "$HERE/peers.py" connect $V4_B 80 \
    get /index.html /style.css /logo.svg /tide.js eof close
  finish
  keep http11-pipelined \
    "HTTP/1.1, four requests sent before the first answer; recorded at the client"
}

record_ipv6() {
  local site="http://[$V6_B]"
  direct_ipv6
  web_server 'listen [::]:80;'
  capture client ipv6
  browse --globoff "$site/index.html" "$site/style.css"
  finish
  keep ipv6 "HTTP/1.1 over IPv6; recorded at the client"
}

record_close_by_client() {
  direct
  server listen 4000 accept hear say "good day, client" eof pause 0.1 close
  capture client close-by-client
  client connect $V4_B 4000 say "hello, server" hear close
  finish
  keep close-by-client "the client closes first: FIN, ACK, FIN, ACK; recorded at the client"
}

record_close_by_server() {
  direct
  server listen 4000 accept hear say "good day, client" close
  capture client close-by-server
  client connect $V4_B 4000 say "hello, server" hear eof pause 0.1 close
  finish
  keep close-by-server "the server closes first: FIN, ACK, FIN, ACK; recorded at the client"
}

record_close_three_way() {
  direct
  server listen 4000 accept hear say "good day, client" eof close
  capture client close-three-way
  client connect $V4_B 4000 say "hello, server" hear pause 0.1 close
  finish
  keep close-three-way "close in three segments: FIN, FIN-ACK, ACK; recorded at the client"
}

record_simultaneous_close() {
  local moment
  relayed 20
  moment=$(soon)
  server listen 4000 accept hear say "good day, client" until "$moment" close
  capture client simultaneous-close
  client connect $V4_B 4000 say "hello, server" hear until "$moment" close
  finish
  keep simultaneous-close "both ends close at once, the FINs cross; recorded at the client"
}

record_simultaneous_open() {
  local moment
  relayed 20
  moment=$(soon)
  capture client simultaneous-open
  ip netns exec "$B" "$PYTHON" "$HERE/peers.py" bind $V4_B 4000 until "$moment" \
    connect $V4_A 4001 hear say "good day, left" eof pause 0.1 close &
  SERVER=$!
  JOBS+=($!)
  client bind $V4_A 4001 until "$moment" connect $V4_B 4000 say "hello, right" hear close
  finish
  keep simultaneous-open "both ends connect at once, the SYNs cross; recorded at one end"
}

record_reset() {
  direct
  server listen 4000 accept hear say "good day, client" pause 1 close
  capture client reset
  client connect $V4_B 4000 say "hello, server" hear pause 0.1 reset
  finish
  keep reset "the client gives up with RST after an exchange; recorded at the client"
}

record_refused() {
  direct
  capture client refused
  in_a "$PYTHON" "$HERE/peers.py" connect_refused $V4_B 4000
  finish
  keep refused "a connection to a closed port: SYN, RST; recorded at the client"
}

record_half_close() {
  direct
  server listen 4000 accept hear eof \
    say "one" pause 0.1 say "two" pause 0.1 say "three" pause 0.1 \
    say "four" pause 0.1 say "five" pause 0.1 close
  capture client half-close
  client connect $V4_B 4000 say "count to five, please" finish eof close
  finish
  keep half-close "the client closes its direction, the server goes on; recorded at the client"
}

# The delay keeps tail loss probes out: they would come before the delayed ACKs.
# What is left to send when the reader goes on fits into one window.
record_zero_window() {
  relayed 30
  server rcvbuf 8192 listen 4000 accept pause 2.4 drain 20000 eof close
  capture client zero-window
  client connect $V4_B 4000 fill 20000 close
  finish
  keep zero-window \
    "the reader stops for 2.4 s: zero window, probes, window update; recorded at the client"
}

record_keepalive() {
  direct
  server listen 4000 accept hear say "good day, client" hear eof pause 0.1 close
  capture client keepalive
  client connect $V4_B 4000 keepalive 1 1 say "hello, server" hear pause 3.5 \
    say "still there, it seems" pause 0.1 close
  finish
  keep keepalive "three keep-alive probes on an idle connection; recorded at the client"
}

record_loss() {
  relayed 10 right:drop:data:14 right:drop:data:30 right:drop:data:31
  server listen 4000 accept drain 60000 eof close
  capture client loss
  capture server loss-receiver
  client connect $V4_B 4000 fill 60000 close
  finish
  keep loss "three data segments lost, SACK and fast retransmit; recorded at the sender"
  keep loss-receiver "the same connection as loss, recorded at the receiver"
}

record_loss_receiver() { record_loss; }

record_syn_loss() {
  relayed 5 right:drop:syn:1
  server listen 4000 accept hear say "good day, client" eof pause 0.1 close
  capture client syn-loss
  client connect $V4_B 4000 say "hello, server" hear close
  finish
  keep syn-loss "the first SYN is lost; recorded at its sender"
}

record_synack_loss() {
  relayed 5 left:drop:synack:1
  server listen 4000 accept hear say "good day, client" eof pause 0.1 close
  capture server synack-loss
  client connect $V4_B 4000 say "hello, server" hear close
  finish 1.5
  keep synack-loss "the first SYN-ACK is lost; recorded at its sender"
}

record_fin_loss() {
  relayed 5 right:drop:fin:1
  server listen 4000 accept hear say "good day, client" eof pause 0.1 close
  capture client fin-loss
  client connect $V4_B 4000 say "hello, server" hear pause 0.1 close
  finish 1.5
  keep fin-loss "the first FIN is lost; recorded at its sender"
}

# The client's pure ACKs towards the server: one for the handshake, one for the
# answer (it has nothing to send at once), one for the server's FIN.
record_last_ack_loss() {
  relayed 5 right:drop:ack:3
  server listen 4000 accept hear say "good day, client" eof pause 0.1 close
  capture client last-ack-loss
  client connect $V4_B 4000 say "hello, server" hear pause 0.1 close
  finish 1.5
  keep last-ack-loss "the ACK of the last FIN is lost, the FIN comes again; recorded at the client"
}

record_reorder() {
  relayed 10 right:swap:data:4 right:swap:data:11
  server listen 4000 accept drain 20000 eof pause 0.1 close
  capture server reorder
  client connect $V4_B 4000 fill 20000 close
  finish
  keep reorder "two segments are overtaken by the next one; recorded at the receiver"
}

record_spurious_retransmission() {
  relayed 10 right:late:data:14:50
  server listen 4000 accept drain 30000 eof pause 0.1 close
  capture server spurious-retransmission
  client connect $V4_B 4000 fill 30000 close
  finish
  keep spurious-retransmission \
    "a late segment comes after its own retransmission: D-SACK; recorded at the receiver"
}

record_duplicate() {
  relayed 5 right:twice:data:3 left:twice:data:1
  server listen 4000 accept drain 6000 say "all of it is here" eof pause 0.1 close
  capture server duplicate
  client connect $V4_B 4000 fill 6000 hear pause 0.1 close
  finish
  keep duplicate "the network delivers segments twice; recorded at the server"
}

record_vlan() {
  direct
  server listen 4000 accept hear say "good day, client" eof pause 0.1 close
  capture client vlan
  client connect $V4_B 4000 say "hello, server" hear close
  finish
  editcap -F pcap "$WORK/vlan.raw" "$WORK/vlan.plain"
  tcprewrite --enet-vlan=add --enet-vlan-tag=9 --enet-vlan-cfi=0 --enet-vlan-pri=0 \
    --infile="$WORK/vlan.plain" --outfile="$WORK/vlan.tagged"
  editcap -F pcapng "$WORK/vlan.tagged" "$WORK/vlan.raw"
  keep vlan "an exchange recorded at the client, then given the VLAN tag 9 with tcprewrite"
}

record_offload() {
  direct on
  server listen 4000 accept hear fill 60000 eof close
  capture client offload
  client connect $V4_B 4000 say "60000 bytes, please" drain 60000 close
  finish
  keep offload "offloads on: segments above the MTU, checksums not filled in; at the client"
}

record_port_reuse() {
  direct
  server listen 4000 accept hear say "first" close accept hear say "second" pause 0.2 close \
    accept hear say "third" eof close
  capture client port-reuse
  client bind $V4_A 4001 connect $V4_B 4000 say "hello" hear eof close pause 1.2 \
    bind $V4_A 4001 connect $V4_B 4000 say "hello again" hear pause 0.1 reset pause 0.2 \
    bind $V4_A 4001 connect $V4_B 4000 say "hello a third time" hear pause 0.1 close
  finish
  keep port-reuse "the same port pair three times; recorded at the client"
}

record_fragments() {
  routed 900
  # Without path MTU discovery the segments may be fragmented on the way.
  in_a sysctl -qw net.ipv4.ip_no_pmtu_disc=1
  server listen 4000 accept drain 5000 say "put together again" eof pause 0.1 close
  capture server fragments
  client connect $V4_FAR 4000 fill 5000 hear pause 0.1 close
  finish
  keep fragments "TCP segments in IPv4 fragments, made by a router; recorded behind it"
}

record_fast_open() {
  local i
  direct
  in_a sysctl -qw net.ipv4.tcp_fastopen=3
  in_b sysctl -qw net.ipv4.tcp_fastopen=3
  server fastopen 8 listen 4000 accept hear say "good day, client" eof pause 0.1 close \
    accept hear say "welcome back, client" eof pause 0.1 close
  capture client fast-open
  client connect_fast $V4_B 4000 "hello, server" hear close pause 0.3 \
    connect_fast $V4_B 4000 "hello again, server" hear close
  finish
  keep fast-open "TCP Fast Open: the cookie, then data on the SYN; recorded at the client"
}

# --- which ones ---------------------------------------------------------------

ALL=(http http10-per-request http11-persistent http11-pipelined ipv6
  close-by-client close-by-server close-three-way simultaneous-close simultaneous-open
  reset refused half-close zero-window keepalive
  loss syn-loss synack-loss fin-loss last-ack-loss
  reorder spurious-retransmission duplicate
  vlan offload port-reuse fragments fast-open)

if [ "${1:-}" = --list ]; then
  printf '%s\n' "${ALL[@]}"
  exit 0
fi
if [ "$(id -u)" != 0 ]; then
  echo "network namespaces need root" >&2
  exit 1
fi

WORK=$(mktemp -d)
trap cleanup EXIT
trap 'exit 130' INT TERM

[ $# -gt 0 ] || set -- "${ALL[@]}"
for name in "$@"; do
  name=${name%.pcapng}
  if ! declare -F "record_${name//-/_}" >/dev/null; then
    echo "no such fixture: $name (see --list)" >&2
    exit 1
  fi
  "record_${name//-/_}"
done
