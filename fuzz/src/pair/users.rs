//! What the users of connections do, and what has to hold of what they read.

use std::time::Duration;

use bytes::Bytes;
use tcpstate::State;
use tcpstate::connection::{Received, SendFlags};
use tcpstate::host::Decision;
use tcpstate::tcp::Keepalive;

use super::net::Fate;
use super::world::World;
use crate::record::{Call, Entry, FLAGS, Recorder};

impl<R: Recorder + ?Sized> World<'_, R> {
    pub(super) fn send(&mut self, end: usize, which: u8, how: u8, len: u16) {
        let Some(number) = self.side(end, which) else { return };
        let len = if how & 1 == 0 { usize::from(len & 0x3ff) } else { usize::from(len) };
        let flags = SendFlags { push: how & 2 != 0, more: how & 4 != 0, urgent: how & 8 != 0 };
        self.write(number, len, flags, how & 16 != 0);
        self.settle(end);
    }

    fn write(&mut self, number: usize, len: usize, flags: SendFlags, by_reference: bool) {
        let now = self.clock();
        let side = &mut self.sides[number];
        let end = side.end;
        let len = len.min(self.terms.most.saturating_sub(side.sent) as usize);
        // The host may take an id back when too many connections are over.
        let Some(mut connection) = self.nodes[side.end].host.connection(side.id) else {
            side.goal = side.sent;
            return;
        };
        let octets = side.writes(len);
        let taken = if by_reference {
            connection.send_bytes_with(now, Bytes::from(octets), flags)
        } else {
            connection.send_with(now, &octets, flags)
        };
        match taken {
            Ok(taken) => {
                assert!(taken <= len, "{taken} of {len}");
                side.sent += taken as u64;
                side.writer_waits = taken < len;
                self.tell(number, Call::Send(taken));
                if flags != SendFlags::default() {
                    self.recorder.entry(now, &Entry::Odd { end, what: FLAGS });
                }
                self.flush_call(end);
            }
            Err(_) => side.goal = side.sent,
        }
    }

    pub(super) fn recv(&mut self, end: usize, which: u8, max: usize) {
        let Some(number) = self.side(end, which) else { return };
        self.read(number, max);
        self.settle(end);
    }

    /// Reads once; `false` if there was nothing.
    fn read(&mut self, number: usize, max: usize) -> bool {
        let now = self.clock();
        let side = &mut self.sides[number];
        let Some(mut connection) = self.nodes[side.end].host.connection(side.id) else { return false };
        let end = side.end;
        let (received, is_believed) = (connection.recv(now, max), !self.net.has_forged && !side.is_haunted);
        match received {
            Received::Data(octets) => {
                assert!(!octets.is_empty() && octets.len() <= max, "{} of {max}", octets.len());
                if is_believed {
                    side.hears(&octets);
                } else {
                    side.heard += octets.len() as u64;
                }
                self.tell(number, Call::Recv(octets.len()));
                self.trace(&octets);
                self.flush_call(end);
                return true;
            }
            Received::Empty => side.reader_waits = max > 0 || side.reader_waits,
            Received::Eof => side.eof = true,
            Received::Closed(reason) => side.broken = Some(reason),
            Received::NotReading => assert!(side.has_let_go, "nobody has closed: {side:?}"),
        }
        let side = &self.sides[number];
        let is_believed = !self.net.has_forged && !side.is_haunted;
        let peer = self.sides.iter().find(|peer| peer.is_peer_of(side));
        if let Some(peer) = peer.filter(|_| is_believed) {
            assert!(side.heard <= peer.sent, "octets that nobody has sent: {side:?} {peer:?}");
            let is_end = !side.eof || peer.has_shut_down && peer.sent == side.heard;
            assert!(is_end, "the stream does not end there: {side:?} {peer:?}");
        }
        false
    }

    pub(super) fn shutdown(&mut self, end: usize, which: u8) {
        if let Some(number) = self.side(end, which) {
            self.shut(number);
            self.settle(end);
        }
    }

    fn shut(&mut self, number: usize) {
        let now = self.clock();
        let side = &mut self.sides[number];
        let Some(mut connection) = self.nodes[side.end].host.connection(side.id) else { return };
        let end = side.end;
        // Who has no connection yet calls it off by that (RFC 9293 §3.10.4).
        side.has_let_go |= connection.state() == State::SynSent;
        let done = connection.shutdown(now);
        side.has_shut_down = true;
        side.goal = side.sent;
        if done.is_ok() {
            self.tell(number, Call::Shutdown);
        }
        self.flush_call(end);
    }

    pub(super) fn close(&mut self, end: usize, which: u8) {
        let Some(number) = self.side(end, which) else { return };
        self.let_go(number, Call::Close);
        self.settle(end);
    }

    pub(super) fn abort(&mut self, end: usize, which: u8) {
        let Some(number) = self.side(end, which) else { return };
        self.let_go(number, Call::Abort);
        self.settle(end);
    }

    pub(super) fn release(&mut self, end: usize, which: u8) {
        let Some(number) = self.side(end, which) else { return };
        self.let_go(number, Call::Release);
        self.settle(end);
    }

    pub(super) fn let_go(&mut self, number: usize, call: Call) {
        let now = self.clock();
        let side = &mut self.sides[number];
        let (end, id) = (side.end, side.id);
        (side.has_let_go, side.has_shut_down, side.goal) = (true, true, side.sent);
        self.tell(number, call);
        let host = &mut self.nodes[end].host;
        if call == Call::Release {
            host.release(now, id);
            assert!(host.connection(id).is_none(), "a released id");
            self.nodes[end].ids.remove(&id);
            self.sides[number].is_released = true;
        } else if let Some(mut connection) = host.connection(id) {
            let _ = if call == Call::Close { connection.close(now) } else { connection.abort(now) };
        }
        self.nodes[end].is_behind = true;
        self.flush_call(end);
    }

    /// What may be chosen while a connection goes on.
    pub(super) fn set(&mut self, end: usize, which: u8, what: u8, value: u16) {
        let Some(number) = self.side(end, which) else { return };
        let now = self.clock();
        let id = self.sides[number].id;
        let Some(mut connection) = self.nodes[end].host.connection(id) else { return };
        let ms = Duration::from_millis(value.into());
        let _ = match what % 12 {
            0 => connection.set_nagle(now, value & 1 == 0),
            1 => connection.set_quick_ack(now, value & 1 == 0),
            2 => connection.set_ack_delay(now, ms),
            3 => connection.flush(now),
            4 => connection.configure(now, |tcp| tcp.receive_window = (u32::from(value) << 2).max(2_000)),
            5 => connection.configure(now, |tcp| tcp.pacing = value & 1 == 0),
            6 => {
                connection.set_send_buffer(usize::from(value), 1 << 20);
                Ok(())
            }
            7 => {
                connection.set_dscp(value as u8);
                connection.set_hop_limit((value >> 8).max(1) as u8);
                Ok(())
            }
            8 => {
                let mut out = vec![0; 300];
                let len = connection.peek(usize::from(value), &mut out);
                assert!(len <= connection.unread());
                assert_eq!(connection.info(now).is_some(), connection.tuple().is_some());
                Ok(())
            }
            // From here on it may give up.
            9 => {
                self.terms.is_sure = false;
                connection.set_user_timeout(now, (value > 0).then_some(ms))
            }
            10 => {
                self.terms.is_sure = false;
                connection.set_r2(now, ms)
            }
            _ => {
                self.terms.is_sure = false;
                let idle = Duration::from_secs(u64::from(value >> 8).max(5));
                let keepalive = Keepalive { idle, interval: idle, count: value as u8 };
                connection.set_keepalive(now, Some(keepalive))
            }
        };
        self.tell(number, Call::Other("set"));
        self.settle(end);
    }

    pub(super) fn decision(&mut self, decision: Decision) {
        self.decision = decision;
    }

    /// The next packet of `end`.
    pub(super) fn fate(&mut self, end: usize, fate: Fate) {
        self.net.next[end] = Some(fate);
    }

    pub(super) fn narrow(&mut self, most: Option<usize>) {
        self.net.narrow = most;
    }

    /// A user reads what there is, and writes a little.
    pub(super) fn act(&mut self, end: usize, which: u8) {
        let Some(number) = self.side(end, which) else { return };
        while self.read(number, 4_000) {}
        self.write(number, 700, SendFlags::default(), false);
        self.settle(end);
    }

    /// What a user does who waits for the end: reads as long as there is something, writes what is left, and then says
    /// that there is no more.
    pub(super) fn user(&mut self, number: usize) {
        if self.sides[number].is_released {
            return;
        }
        while !self.sides[number].reader_waits && !self.sides[number].has_heard_all() {
            self.read(number, 9_000);
            if self.nodes[self.sides[number].end].host.connection(self.sides[number].id).is_none() {
                return;
            }
        }
        while !self.sides[number].writer_waits && self.sides[number].sent < self.sides[number].goal {
            let left = self.sides[number].goal - self.sides[number].sent;
            self.write(number, left as usize, SendFlags::default(), false);
            if self.sides[number].sent >= self.terms.most {
                self.sides[number].goal = self.sides[number].sent;
            }
        }
        let side = &self.sides[number];
        let Some(connection) = self.nodes[side.end].host.connection(side.id) else { return };
        let is_there = !matches!(connection.state(), State::SynSent | State::SynReceived);
        if is_there && side.sent >= side.goal && !side.has_shut_down {
            self.shut(number);
        }
        self.nodes[self.sides[number].end].is_behind = true;
    }
}
