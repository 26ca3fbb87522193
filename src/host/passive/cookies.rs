//! SYN cookies: all that has to be remembered of a SYN goes out in the SYN,ACK and comes back in its acknowledgment
//! (RFC 4987 §3.6). A flood of SYNs then takes no memory, and those who really call get through.
//!
//! Our initial number has the MSS of the peer in three bits, as one of eight that are common, and 29 bits that only
//! the secret can make: of the flow, the peer's number, what the cookie says, and a count of periods of 64 s. The
//! period of an acknowledgment and the one before it count. Who guesses hits one time in 2²⁸.
//!
//! What else the peer has offered is in the six lowest bits of our timestamp, which comes back as an echo: the window
//! scale, SACK, and ECN. Without timestamps there is none of these. The timestamp is up to 63 ms behind the clock for
//! that, and never ahead of it.
//!
//! There are no states between: a cookie that comes back is a SYN (LISTEN to SYN-RECEIVED) and its acknowledgment at
//! one moment, both through the table.

use alloc::boxed::Box;
use core::time::Duration;

use super::{Outcome, Passive, Promoted, Refused, Reply, SynCookies, told};
use crate::host::FiveTuple;
use crate::secret::Secret;
use crate::tcp::{HalfOpen, SegmentMeta, SegmentOptions, TcpConfig, Timestamps, Unpredictable};
use crate::{Event, Instant, SeqNumber, State, TcpFlags};

/// The MSS that a cookie can tell; of the peer's the largest that is not larger. 536 and 1220 are what those have
/// that say nothing (RFC 9293 MUST-15), the others what Ethernet leaves, over IPv4 and IPv6, with and without tunnels.
const SIZES: [u16; 8] = [64, 536, 1024, 1220, 1360, 1440, 1460, 8940];
/// Bits of the number that say which.
const SIZE_BITS: u32 = 3;

/// Bits of the timestamp: four for the window scale, of which 15 says that there is none.
const SCALE: u32 = 0b1111;
const SACK: u32 = 1 << 4;
const ECN: u32 = 1 << 5;
/// All of them.
const SAID: u32 = SCALE | SACK | ECN;
/// Only for the hash: there are timestamps.
const STAMPED: u32 = 1 << 6;

/// How long a period lasts.
const PERIOD: Duration = Duration::from_secs(64);
/// How long a cookie may count at the most.
const LIFE: Duration = Duration::from_secs(128);

const ASKING: TcpFlags = TcpFlags::ECE.union(TcpFlags::CWR);

const fn period(now: Instant) -> u64 {
    now.as_nanos() / PERIOD.as_nanos() as u64
}

/// Our clock in milliseconds, as timestamps show it.
const fn clock(now: Instant, offset: u32) -> u32 {
    ((now.as_nanos() / 1_000_000) as u32).wrapping_add(offset)
}

/// The number that says so in that period.
fn number(
    secret: &Secret,
    tuple: &FiveTuple,
    irs: SeqNumber,
    period: u64,
    size: u32,
    options: u32,
) -> SeqNumber {
    let says = (size << 8 | options) as u16;
    let sealed = secret.syn_cookie(tuple.local(), tuple.remote(), irs, period, says);
    SeqNumber::new(sealed << SIZE_BITS | size)
}

/// What of a SYN a cookie tells: the SYN as it will be when the cookie comes back, the number of its size, and its
/// options.
fn reduced(config: &TcpConfig, syn: &SegmentMeta) -> (SegmentMeta, u32, u32) {
    let theirs = syn.options.mss.unwrap_or(config.default_mss);
    let size = SIZES.iter().rposition(|&size| size <= theirs).unwrap_or(0) as u32;
    let mss = SIZES.get(size as usize).copied();
    let mut kept =
        SegmentMeta { seq: syn.seq, flags: TcpFlags::SYN, window: syn.window, ..SegmentMeta::default() };
    kept.options.mss = mss;
    let Some(timestamps) = syn.options.timestamps.filter(|_| config.timestamps) else {
        return (kept, size, 0);
    };
    let asks = syn.flags.contains(ASKING);
    kept.flags = if asks { kept.flags | ASKING } else { kept.flags };
    let scale = syn.options.window_scale.map(|shift| shift.min(14));
    kept.options = SegmentOptions {
        mss,
        window_scale: scale,
        sack_permitted: syn.options.sack_permitted,
        timestamps: Some(timestamps),
        ..SegmentOptions::default()
    };
    let bit = |on: bool, bit| if on { bit } else { 0 };
    let options = scale.map_or(SCALE, u32::from) | bit(kept.options.sack_permitted, SACK) | bit(asks, ECN);
    (kept, size, options | STAMPED)
}

/// The SYN,ACK for a SYN, with a cookie in it.
fn bake(
    secret: &Secret,
    tuple: &FiveTuple,
    config: &TcpConfig,
    syn: &SegmentMeta,
    now: Instant,
) -> Option<SegmentMeta> {
    let (kept, size, options) = reduced(config, syn);
    let iss = number(secret, tuple, syn.seq, period(now), size, options);
    let timestamp_offset = secret.timestamp_offset(tuple.local_ip(), tuple.remote_ip());
    let mut half = HalfOpen::meet(config, &kept, Unpredictable { iss, timestamp_offset }, now)?;
    let mut syn_ack = half.poll_segment(config, now)?;
    if let Some(timestamps) = &mut syn_ack.options.timestamps {
        let marked = timestamps.val & !SAID | options & SAID;
        let ahead = marked > timestamps.val;
        timestamps.val = if ahead { marked.wrapping_sub(SAID + 1) } else { marked };
    }
    Some(syn_ack)
}

/// The half-open connection that an acknowledgment of a cookie stands for; `None` if it is no cookie of ours.
fn taste(
    secret: &Secret,
    tuple: &FiveTuple,
    config: &TcpConfig,
    seg: &SegmentMeta,
    now: Instant,
) -> Option<HalfOpen> {
    let (irs, iss) = (seg.seq - 1, seg.ack - 1);
    let size = iss.get() & ((1 << SIZE_BITS) - 1);
    let timestamps = seg.options.timestamps.filter(|_| config.timestamps);
    let options = timestamps.map_or(0, |timestamps| timestamps.ecr & SAID | STAMPED);
    let this = period(now);
    let ours = |period| number(secret, tuple, irs, period, size, options) == iss;
    if !ours(this) && !this.checked_sub(1).is_some_and(ours) {
        return None;
    }
    let mut syn =
        SegmentMeta { seq: irs, flags: TcpFlags::SYN, window: seg.window, ..SegmentMeta::default() };
    syn.options.mss = SIZES.get(size as usize).copied();
    let timestamp_offset = secret.timestamp_offset(tuple.local_ip(), tuple.remote_ip());
    let mut sent = None;
    if let Some(Timestamps { val, ecr }) = timestamps {
        let scale = options & SCALE;
        syn.options.window_scale = u8::try_from(scale).ok().filter(|_| scale != SCALE);
        syn.options.sack_permitted = options & SACK != 0;
        syn.options.timestamps = Some(Timestamps { val, ecr: 0 });
        syn.flags = if options & ECN != 0 { syn.flags | ASKING } else { syn.flags };
        // The timestamp tells when the SYN,ACK was sent, 127 ms too early at the most.
        let ago = Duration::from_millis(u64::from(clock(now, timestamp_offset).wrapping_sub(ecr)));
        let nanos = u64::try_from(ago.as_nanos()).unwrap_or(u64::MAX);
        let at = Instant::from_nanos(now.as_nanos().saturating_sub(nanos));
        sent = (ago <= LIFE).then_some(at);
    }
    HalfOpen::resume(config, &syn, Unpredictable { iss, timestamp_offset }, now, sent)
}

impl Passive {
    /// Whether a SYN to this listener is to be answered with a cookie.
    pub(super) fn wants_cookie(&self, at: u32) -> bool {
        let Some(listener) = self.listeners.row(at).filter(|listener| !listener.config.decide) else {
            return false;
        };
        match listener.config.cookies {
            SynCookies::Off => false,
            SynCookies::UnderPressure => self.in_the_way(at).is_some(),
            SynCookies::Always => true,
        }
    }

    pub(super) fn send_cookie(
        &mut self,
        now: Instant,
        tuple: &FiveTuple,
        seg: &SegmentMeta,
        secret: &Secret,
        at: u32,
    ) -> Outcome {
        let Some(listener) = self.listeners.row(at) else { return Outcome::Unknown };
        let config = listener.connection(tuple).tcp();
        let Some(meta) = bake(secret, tuple, config, seg, now) else { return Outcome::Unknown };
        self.stats.cookies_sent += 1;
        self.cookie_sent = Some(now);
        Outcome::Reply(Reply { tuple: *tuple, meta, listener: Some(self.listeners.id(at)) })
    }

    /// Whether an acknowledgment to this listener may be that of a cookie. Without pressure nobody gets a guess.
    fn expects_cookies(&self, now: Instant, at: u32) -> bool {
        let Some(listener) = self.listeners.row(at).filter(|listener| !listener.config.decide) else {
            return false;
        };
        let lately = self.cookie_sent.is_some_and(|sent| now.since(sent) <= LIFE);
        match listener.config.cookies {
            SynCookies::Off => false,
            SynCookies::UnderPressure => lately || self.config.shared_cookies,
            SynCookies::Always => true,
        }
    }

    /// An acknowledgment reaches a listener.
    pub(super) fn on_cookie(
        &mut self,
        now: Instant,
        tuple: &FiveTuple,
        seg: &SegmentMeta,
        secret: &Secret,
        at: u32,
        room: bool,
    ) -> Outcome {
        if seg.flags.contains(TcpFlags::SYN) || !self.expects_cookies(now, at) {
            return Outcome::Unknown;
        }
        let Some(listener) = self.listeners.row_mut(at) else { return Outcome::Unknown };
        let config = listener.connection(tuple).clone();
        let Some(half) = taste(secret, tuple, config.tcp(), seg, now) else {
            self.stats.cookies_failed += 1;
            return Outcome::Unknown;
        };
        if !room || listener.waiting >= listener.config.backlog {
            self.stats.backlog_full += 1;
            return Outcome::Refused(Refused::BacklogFull);
        }
        listener.waiting += 1;
        self.stats.cookies_accepted += 1;
        told(tuple, Event::Syn, State::Listen, half.state());
        let listener = self.listeners.id(at);
        Outcome::Promote(Box::new(Promoted {
            tcb: half.tcb(config.tcp()),
            config,
            listener,
            request: None,
            early: false,
        }))
    }
}

#[cfg(test)]
mod tests;
