#!/usr/bin/env python3
"""One end of a TCP conversation, told in words on the command line.

    peers.py listen 4000 accept hear say "good day" eof close
    peers.py connect 10.9.0.2 4000 say "hello" hear close

The words run from left to right; each takes the arguments shown below. The
payloads are printable, so that a capture can be read by eye.
"""

import socket
import struct
import sys
import time

PATIENCE = 30.0  # seconds before a conversation that hangs is given up


class Peer:
    """The state of one end: a listening socket, a connection, options to come."""

    def __init__(self):
        self.listener = None
        self.conn = None
        self.fresh = None  # a socket with options or an address, not yet connected
        self.buffered = b""

    # --- helpers -----------------------------------------------------------

    def new(self, host=""):
        """The socket that the next listen or connect is going to use."""
        if self.fresh is None:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self.fresh = socket.socket(family, socket.SOCK_STREAM)
            self.fresh.settimeout(PATIENCE)
            self.fresh.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return self.fresh

    def take(self, host=""):
        sock, self.fresh = self.new(host), None
        return sock

    def start(self, sock):
        self.conn, self.buffered = sock, b""
        sock.settimeout(PATIENCE)
        # Every "say" is to be a segment of its own.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # --- before the connection ---------------------------------------------

    def rcvbuf(self, size):
        self.new().setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, int(size))

    def bind(self, host, port):
        self.new(host).bind((host, int(port)))

    def fastopen(self, backlog):
        self.new().setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, int(backlog))

    def listen(self, port):
        self.listener = self.take()
        self.listener.bind(("", int(port)))
        self.listener.listen(8)

    # --- the connection ----------------------------------------------------

    def accept(self):
        sock, _ = self.listener.accept()
        self.start(sock)

    def connect(self, host, port):
        sock = self.take(host)
        sock.connect((host, int(port)))
        self.start(sock)

    def connect_refused(self, host, port):
        try:
            self.take(host).connect((host, int(port)))
        except ConnectionRefusedError:
            return
        raise SystemExit("the connection was not refused")

    def connect_fast(self, host, port, text):
        """Opens the connection with the text on the SYN, if there is a cookie."""
        sock = self.take(host)
        sock.settimeout(None)  # wait for the handshake, should there be no cookie
        sock.sendto(text.encode() + b"\r\n", socket.MSG_FASTOPEN, (host, int(port)))
        self.start(sock)

    # --- talking -----------------------------------------------------------

    def say(self, text):
        self.conn.sendall(text.encode() + b"\r\n")

    def hear(self):
        """Reads one line."""
        while b"\n" not in self.buffered:
            got = self.conn.recv(4096)
            if not got:
                raise SystemExit("the other end closed in the middle of a line")
            self.buffered += got
        self.buffered = self.buffered.split(b"\n", 1)[1]

    def fill(self, size):
        """Sends that many bytes in numbered lines of 64 bytes."""
        size = int(size)
        lines = (b"line %06d %s\r\n" % (n, b"." * 50) for n in range(size // 64 + 1))
        self.conn.sendall(b"".join(lines)[:size])

    def drain(self, size):
        """Reads that many bytes."""
        left = int(size) - len(self.buffered)
        self.buffered = b""
        while left > 0:
            got = self.conn.recv(min(left, 65536))
            if not got:
                raise SystemExit("the other end closed %d bytes too early" % left)
            left -= len(got)

    def eof(self):
        """Reads until the other end has closed."""
        while self.conn.recv(65536):
            pass

    def get(self, *paths):
        """Sends one HTTP request per path, without waiting for the answers."""
        for number, path in enumerate(paths, 1):
            last = "Connection: close\r\n" if number == len(paths) else ""
            request = "GET %s HTTP/1.1\r\nHost: www.example\r\n%s\r\n" % (path, last)
            self.conn.sendall(request.encode())

    def get10(self, path):
        """One HTTP/1.0 request."""
        request = "GET %s HTTP/1.0\r\nHost: www.example\r\n\r\n" % path
        self.conn.sendall(request.encode())

    def keepalive(self, idle, interval):
        self.conn.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, int(idle))
        self.conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, int(interval))

    def pause(self, seconds):
        time.sleep(float(seconds))

    def until(self, epoch):
        """Waits for a moment that both ends have been told."""
        time.sleep(max(0.0, float(epoch) - time.time()))

    # --- the end -----------------------------------------------------------

    def finish(self):
        """Closes this direction only."""
        self.conn.shutdown(socket.SHUT_WR)

    def close(self):
        self.conn.close()

    def reset(self):
        self.conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.conn.close()


ARGUMENTS = {
    "rcvbuf": 1, "bind": 2, "fastopen": 1, "listen": 1, "accept": 0,
    "connect": 2, "connect_refused": 2, "connect_fast": 3, "say": 1, "hear": 0,
    "fill": 1, "drain": 1, "eof": 0, "get": 4, "get10": 1, "keepalive": 2,
    "pause": 1, "until": 1, "finish": 0, "close": 0, "reset": 0,
}


def main(words):
    if not words or words[0] not in ARGUMENTS:
        raise SystemExit("words: " + " ".join(sorted(ARGUMENTS)))
    peer = Peer()
    while words:
        word, words = words[0], words[1:]
        if word not in ARGUMENTS or len(words) < ARGUMENTS[word]:
            raise SystemExit("unknown word, or arguments missing: " + word)
        count = ARGUMENTS[word]
        getattr(peer, word)(*words[:count])
        words = words[count:]


if __name__ == "__main__":
    main(sys.argv[1:])
