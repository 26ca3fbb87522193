#!/usr/bin/env python3
"""Carries Ethernet frames between two interfaces, late, and not all of them.

    relay.py LEFT RIGHT DELAY_MS READY_FILE [RULE...]

It stands in for the network between the two ends: the TCP at both ends is the
kernel's own. Every frame is delivered DELAY_MS after it came. A rule treats one
segment differently:

    right:drop:data:14       the 14th data segment towards RIGHT is lost
    left:drop:synack:1       the first SYN-ACK towards LEFT is lost
    right:late:data:30:40    the 30th data segment towards RIGHT takes 40 ms more
    right:swap:data:4        the 4th data segment towards RIGHT lets the next frame by
    right:twice:data:5       the 5th data segment towards RIGHT is delivered twice

The kinds are syn, synack, fin, rst, data, ack (no payload, no other flag).
Retransmissions are counted like any other segment.
"""

import collections
import heapq
import select
import socket
import struct
import sys
import time

ETH_P_ALL = 3
PACKET_OUTGOING = 4
FIN, SYN, RST, ACK = 1, 2, 4, 16


def kind(frame):
    """What sort of TCP segment the frame carries, or None."""
    ethertype = struct.unpack_from("!H", frame, 12)[0]
    if ethertype == 0x0800 and frame[23] == 6:
        tcp = 14 + (frame[14] & 15) * 4
        end = 14 + struct.unpack_from("!H", frame, 16)[0]
    elif ethertype == 0x86DD and frame[20] == 6:
        tcp = 54
        end = 54 + struct.unpack_from("!H", frame, 18)[0]
    else:
        return None
    flags = frame[tcp + 13]
    payload = end - tcp - (frame[tcp + 12] >> 4) * 4
    if flags & SYN:
        return "synack" if flags & ACK else "syn"
    if flags & RST:
        return "rst"
    if flags & FIN:
        return "fin"
    return "data" if payload else "ack"


def open_interface(name):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.bind((name, 0))
    return sock


def parse_rules(words):
    rules = {}
    for word in words:
        side, action, sort, number, *extra = word.split(":")
        if side not in ("left", "right") or action not in ("drop", "late", "swap", "twice"):
            raise SystemExit("not a rule: " + word)
        rules[side, sort, int(number)] = (action, float(extra[0]) / 1000 if extra else 0.0)
    return rules


def main(left, right, delay_ms, ready_file, *rule_words):
    delay = float(delay_ms) / 1000
    rules = parse_rules(rule_words)
    ends = {"left": open_interface(left), "right": open_interface(right)}
    arriving = {ends["left"].fileno(): "right", ends["right"].fileno(): "left"}
    sockets = {s.fileno(): s for s in ends.values()}
    seen = collections.Counter()
    waiting = []  # (moment, order of arrival, side, frame)
    stepped_aside = {}  # side -> a frame that waits for the next one
    order = 0
    open(ready_file, "w").close()

    while True:
        timeout = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        readable, _, _ = select.select(list(sockets), [], [], timeout)
        now = time.monotonic()
        for fd in readable:
            frame, address = sockets[fd].recvfrom(65536)
            if address[2] == PACKET_OUTGOING:
                continue
            side = arriving[fd]
            sort = kind(frame)
            seen[side, sort] += 1
            action, extra = rules.get((side, sort, seen[side, sort]), ("pass", 0.0))
            if action == "drop":
                continue
            if action == "swap":
                stepped_aside[side] = frame
                continue
            frames = [frame, frame] if action == "twice" else [frame]
            if side in stepped_aside:
                frames.append(stepped_aside.pop(side))
            for frame in frames:
                order += 1
                heapq.heappush(waiting, (now + delay + extra, order, side, frame))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, side, frame = heapq.heappop(waiting)
            ends[side].send(frame)


if __name__ == "__main__":
    if len(sys.argv) < 5:
        raise SystemExit(__doc__)
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        pass
