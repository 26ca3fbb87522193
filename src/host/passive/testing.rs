//! What the tests of the passive side share.

use core::net::{IpAddr, SocketAddr};

use super::*;
use crate::SeqNumber;
use crate::host::demux;
use crate::tcp::{SegmentOptions, Timestamps};
use crate::wire::IpProtocol;

pub(super) const SECRET: [u8; 32] = [9; 32];

pub(super) fn at(millis: u64) -> Instant {
    Instant::from_nanos(1_000_000_000_000 + millis * 1_000_000)
}

/// A passive side and the calls to it.
pub(super) struct Side {
    pub(super) passive: Passive,
    pub(super) secret: Secret,
    pub(super) now: Instant,
    pub(super) room: bool,
}

pub(super) fn limits() -> PassiveConfig {
    PassiveConfig {
        half_open: 1_000_000,
        time_wait: 1_000_000,
        shared_cookies: false,
        tcp: TcpConfig::default(),
    }
}

impl Side {
    pub(super) fn new(limits: PassiveConfig) -> Self {
        Self { passive: Passive::new(limits), secret: Secret::new(SECRET), now: at(0), room: true }
    }

    pub(super) fn listen(&mut self, on: &str, config: &ListenConfig) -> ListenerId {
        let on = on.parse::<SocketAddr>().unwrap();
        self.passive.listen(on.into(), config, &ConnectionConfig::default(), 1500).unwrap()
    }

    pub(super) fn segment(&mut self, tuple: &FiveTuple, seg: &SegmentMeta) -> Outcome {
        let hash = demux::hash(&self.secret, tuple);
        self.passive.on_segment(self.now, hash, tuple, seg, &self.secret, self.room)
    }

    /// Everything that is to be said now.
    pub(super) fn replies(&mut self) -> alloc::vec::Vec<Reply> {
        core::iter::from_fn(|| self.passive.poll_reply(self.now, &self.secret)).collect()
    }

    /// The SYN,ACK for a SYN.
    pub(super) fn call(&mut self, tuple: &FiveTuple) -> SegmentMeta {
        assert!(matches!(self.segment(tuple, &syn()), Outcome::Taken));
        let replies = self.replies();
        assert_eq!((replies.len(), replies[0].tuple), (1, *tuple));
        replies[0].meta
    }

    pub(super) fn promoted(&mut self, tuple: &FiveTuple, seg: &SegmentMeta) -> Box<Promoted> {
        let Outcome::Promote(promoted) = self.segment(tuple, seg) else {
            panic!("{tuple} does not become a connection by {seg:?}");
        };
        promoted
    }
}

/// The `n`-th of many peers.
pub(super) fn peer(n: u32) -> FiveTuple {
    let ip = IpAddr::V4((0x0b00_0000 + n / 50_000).into());
    let remote = SocketAddr::new(ip, (1 + n % 50_000) as u16);
    FiveTuple::new(IpProtocol::TCP, "10.0.0.1:80".parse().unwrap(), remote)
}

/// The same over IPv6.
pub(super) fn peer6(n: u32) -> FiveTuple {
    let ip = IpAddr::V6((0x2001_0db8_u128 << 96 | u128::from(n)).into());
    FiveTuple::new(IpProtocol::TCP, "[2001:db8::1:1]:80".parse().unwrap(), SocketAddr::new(ip, 1))
}

pub(super) fn syn() -> SegmentMeta {
    let options = SegmentOptions {
        mss: Some(1400),
        window_scale: Some(7),
        sack_permitted: true,
        timestamps: Some(Timestamps { val: 500, ecr: 0 }),
        ..SegmentOptions::default()
    };
    SegmentMeta {
        seq: SeqNumber::new(100),
        flags: TcpFlags::SYN,
        window: 60_000,
        options,
        ..SegmentMeta::default()
    }
}

/// What answers a SYN,ACK to [`syn`].
pub(super) fn ack(syn_ack: &SegmentMeta) -> SegmentMeta {
    let echo = |theirs: Timestamps| Timestamps { val: 501, ecr: theirs.val };
    let timestamps = syn_ack.options.timestamps.map(echo);
    SegmentMeta {
        seq: syn_ack.ack,
        ack: syn_ack.seq + 1,
        flags: TcpFlags::ACK,
        window: 1_000,
        options: SegmentOptions { timestamps, ..SegmentOptions::default() },
        ..SegmentMeta::default()
    }
}
