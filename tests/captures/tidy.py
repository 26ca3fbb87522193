#!/usr/bin/env python3
"""Writes a recorded pcapng file again, without what belongs to one machine.

    tidy.py IN OUT COMMENT

The section header is given the comment and the kernel's major.minor version in
place of the processor and the full release; the interface blocks lose the same
two. Packets, time stamps and statistics are copied byte for byte.
"""

import platform
import struct
import sys

SECTION, INTERFACE = 0x0A0D0D0A, 1
COMMENT, SHB_HARDWARE, SHB_OS = 1, 2, 3
IF_OS, IF_HARDWARE = 12, 15


def options(data):
    """The (code, value) pairs of a list of options (little-endian)."""
    at = 0
    while at + 4 <= len(data):
        code, size = struct.unpack_from("<HH", data, at)
        if code == 0:
            return
        yield code, data[at + 4 : at + 4 + size]
        at += 4 + (size + 3) // 4 * 4


def pack(pairs):
    out = b""
    for code, value in pairs:
        out += struct.pack("<HH", code, len(value)) + value + b"\0" * (-len(value) % 4)
    return out + struct.pack("<HH", 0, 0) if out else b""


def block(kind, body):
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size


def main(source, target, comment):
    data = open(source, "rb").read()
    if struct.unpack_from("<I", data, 8)[0] != 0x1A2B3C4D:
        raise SystemExit("not a little-endian pcapng file: " + source)
    release = "Linux " + ".".join(platform.release().split(".")[:2])
    out, at = b"", 0
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        body = data[at + 8 : at + size - 4]
        at += size
        if kind == SECTION:
            drop = (COMMENT, SHB_HARDWARE, SHB_OS)
            kept = [pair for pair in options(body[16:]) if pair[0] not in drop]
            new = [(COMMENT, comment.encode()), (SHB_OS, release.encode())]
            # Section length "not given": the size of the section has changed.
            body = body[:8] + struct.pack("<q", -1) + pack(new + kept)
        elif kind == INTERFACE:
            kept = [p for p in options(body[8:]) if p[0] not in (IF_OS, IF_HARDWARE)]
            body = body[:8] + pack(kept)
        out += block(kind, body)
    with open(target, "wb") as file:
        file.write(out)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
