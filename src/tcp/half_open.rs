//! What a passive open has to remember between SYN and ACK: a row of 64 octets instead of a machine.
//!
//! It does what a [`Tcb`](super::Tcb) in SYN-RECEIVED after a passive open does, check by check in the order of RFC 9293
//! §3.10.7.4, and becomes one when the acknowledgment of its SYN,ACK comes. Two things are less: octets and a FIN
//! that come with the SYN are not kept (their sender sends them again), and no duplicate is reported (RFC 2883).

use core::time::Duration;

use super::command::NetworkError;
use super::config::{Ecn, TcpConfig, Unpredictable};
use super::opening::MOST_SCALE;
use super::receive::ReceiveVars;
use super::rtt::RttEstimator;
use super::segment::{DropReason, SegmentMeta, SegmentOptions, Timestamps};
use super::state::{Event, State};
use super::timestamps::TimestampVars;
use crate::{Instant, SeqNumber, TcpFlags};

mod freebsd;
mod linux;
mod machine;

/// A SYN with both asks for ECN (RFC 3168 §6.1.1).
const ASKING: TcpFlags = TcpFlags::ECE.union(TcpFlags::CWR);

/// A connection in SYN-RECEIVED after a passive open, without a machine.
///
/// ```
/// use tcpstate::tcp::{HalfOpen, SegmentMeta, TcpConfig, Unpredictable};
/// use tcpstate::{Instant, State, TcpFlags};
/// use std::sync::Arc;
///
/// let (now, config) = (Instant::ZERO, Arc::new(TcpConfig::default()));
/// let syn = SegmentMeta { seq: 100.into(), flags: TcpFlags::SYN, window: 65_535, ..SegmentMeta::default() };
/// let secrets = Unpredictable { iss: 7.into(), timestamp_offset: 0 };
/// let mut row = HalfOpen::meet(&config, &syn, secrets, now).ok_or("not a SYN")?;
/// let syn_ack = row.poll_segment(&config, now).ok_or("nothing to send")?;
/// let ack = SegmentMeta { seq: 101.into(), ack: syn_ack.seq + 1, flags: TcpFlags::ACK, ..syn };
/// let mut tcb = row.tcb(&config);
/// tcb.on_segment(now, &ack);
/// assert_eq!(tcb.state(), State::Established);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HalfOpen {
    /// When the SYN came.
    began: Instant,
    /// When the SYN,ACK was first sent, and when last; significant once it was.
    first_sent: Instant,
    last_sent: Instant,
    /// When it goes again; [`Instant::MAX`] before it was sent.
    due: Instant,
    iss: SeqNumber,
    irs: SeqNumber,
    ts_offset: u32,
    /// TS.Recent.
    ts_recent: u32,
    /// When the last challenge was sent: milliseconds from `began`.
    challenged: u32,
    /// The MSS of the peer, or what stands for it.
    mss: u16,
    /// The window of the SYN.
    window: u16,
    bits: Bits,
    /// The window scale of the peer.
    scale: u8,
    /// How often the SYN,ACK was sent; 255 stands for more as well.
    times: u8,
    /// How often the timer has expired; likewise.
    timeouts: u8,
    challenges: u8,
    state: State,
}

/// A set of things that are so, or have happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Bits(u16);

impl Bits {
    const SACK: u16 = 1;
    const SCALING: u16 = 1 << 1;
    /// A SYN came without window scaling: our own shift is zero from then on.
    const UNSCALED: u16 = 1 << 2;
    const TIMESTAMPS: u16 = 1 << 3;
    /// There was a SYN with timestamps.
    const STAMPED: u16 = 1 << 4;
    /// A SYN asked for ECN; and one did not.
    const ASKED: u16 = 1 << 5;
    const ASKED_NOT: u16 = 1 << 6;
    /// A SYN,ACK agreed to ECN; and one did not.
    const AGREED: u16 = 1 << 7;
    const DECLINED: u16 = 1 << 8;
    /// The SYN,ACK is to be sent.
    const OWED: u16 = 1 << 9;
    /// A bare acknowledgment has told the window, which may be larger than that of a SYN; and one has without scale.
    const ADVERTISED: u16 = 1 << 10;
    const ADVERTISED_PLAIN: u16 = 1 << 13;
    /// The owner has not decided yet: nothing is answered.
    const WAITING: u16 = 1 << 11;
    /// The SYN,ACK was a cookie, and when it was sent is not known.
    const TIMELESS: u16 = 1 << 12;
    /// The last SYN had a Fast Open option.
    const FAST: u16 = 1 << 14;
    /// An acknowledgment is owed that the SYN,ACK, which is to be sent, would be. If the handshake ends before that, it is
    /// still owed.
    const ACK_TOO: u16 = 1 << 15;

    const fn has(self, bit: u16) -> bool {
        self.0 & bit != 0
    }

    const fn set(&mut self, bit: u16, on: bool) {
        self.0 = if on { self.0 | bit } else { self.0 & !bit };
    }
}

/// What a row makes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It is refused, and where there is a segment, answered with it.
    Refused(DropReason, Option<SegmentMeta>),
    /// The SYN came again: the SYN,ACK goes again too, with the next [`HalfOpen::poll_segment`].
    Again,
    /// The attempt is over: a reset, or a SYN in the window. The listener listens on (Figure 5, note 1). So it does
    /// when [`HalfOpen::state`] is not SYN-RECEIVED any more after a segment was refused.
    Over,
    /// It acknowledges our SYN: [`HalfOpen::tcb`] makes the machine that takes it in.
    Acknowledged,
}

/// Where a segment lies, counted from RCV.NXT.
#[derive(Clone, Copy)]
struct Place {
    start: i64,
    edge: i64,
}

impl HalfOpen {
    /// A listener hears a SYN (RFC 9293 §3.10.7.2); `None` if the segment is none, or more than that (RST, ACK). The
    /// SYN,ACK is to be polled for.
    #[must_use]
    pub fn meet(config: &TcpConfig, syn: &SegmentMeta, secrets: Unpredictable, now: Instant) -> Option<Self> {
        let others = TcpFlags::ACK | TcpFlags::RST;
        let bad = config.is_linux() && syn.flags.contains(TcpFlags::FIN);
        if !syn.flags.contains(TcpFlags::SYN) || syn.flags.intersects(others) || bad {
            return None;
        }
        let mut row = Self {
            began: now,
            first_sent: Instant::ZERO,
            last_sent: Instant::ZERO,
            due: Instant::MAX,
            iss: secrets.iss,
            irs: syn.seq,
            ts_offset: secrets.timestamp_offset,
            ts_recent: 0,
            challenged: 0,
            mss: 0,
            window: syn.window,
            bits: Bits(Bits::OWED),
            scale: 0,
            times: 0,
            timeouts: 0,
            challenges: 0,
            state: State::Listen.on(Event::Syn)?,
        };
        row.hear_ecn(syn);
        row.take_options(config, syn);
        Some(row)
    }

    /// A row for a SYN whose SYN,ACK was a cookie that has come back. `sent` is when that was, if anything tells.
    #[must_use]
    pub fn resume(
        config: &TcpConfig,
        syn: &SegmentMeta,
        secrets: Unpredictable,
        now: Instant,
        sent: Option<Instant>,
    ) -> Option<Self> {
        let at = sent.unwrap_or(now).min(now);
        let mut row = Self::meet(config, syn, secrets, at)?;
        row.bits.set(Bits::TIMELESS, sent.is_none());
        row.poll_segment(config, at);
        Some(row)
    }

    /// The options of a SYN; where it comes again without timestamps, those of the last.
    fn take_options(&mut self, config: &TcpConfig, syn: &SegmentMeta) {
        let options = &syn.options;
        self.mss = config.mss_of_peer(options.mss);
        let shift = options.window_scale.filter(|_| config.window_scaling);
        self.bits.set(Bits::SCALING, shift.is_some());
        self.scale = shift.unwrap_or(0).min(MOST_SCALE);
        if shift.is_none() {
            self.bits.set(Bits::UNSCALED, true);
        }
        self.bits.set(Bits::SACK, config.sack && options.sack_permitted);
        let timestamps = options.timestamps.filter(|_| config.timestamps);
        self.bits.set(Bits::TIMESTAMPS, timestamps.is_some());
        if let Some(timestamps) = timestamps {
            self.bits.set(Bits::STAMPED, true);
            self.ts_recent = timestamps.val;
        }
    }

    /// Whether the last SYN had a Fast Open option: then the owner's SYN,ACK may give a cookie (RFC 7413 §4.1.2).
    #[must_use]
    pub const fn asks_for_cookie(&self) -> bool {
        self.bits.has(Bits::FAST)
    }

    fn hear_ecn(&mut self, syn: &SegmentMeta) {
        self.bits.set(Bits::FAST, syn.options.fast_open.is_some());
        let asks = syn.flags.contains(ASKING);
        self.bits.set(if asks { Bits::ASKED } else { Bits::ASKED_NOT }, true);
    }

    /// SYN-RECEIVED; the state after it once the attempt is over.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// When the SYN came.
    #[must_use]
    pub const fn began(&self) -> Instant {
        self.began
    }

    /// ISS: the number of our SYN.
    #[must_use]
    pub const fn iss(&self) -> SeqNumber {
        self.iss
    }

    /// IRS: the number of the peer's SYN.
    #[must_use]
    pub const fn irs(&self) -> SeqNumber {
        self.irs
    }

    /// How often the SYN,ACK was sent: 0 to 255, and 255 for more.
    #[must_use]
    pub const fn times_sent(&self) -> u8 {
        self.times
    }

    /// Whether [`poll_segment`](Self::poll_segment) has a SYN,ACK.
    #[must_use]
    pub const fn is_owed(&self) -> bool {
        self.bits.has(Bits::OWED) && !self.bits.has(Bits::WAITING)
    }

    /// Whether the owner has yet to [`accept`](Self::accept).
    #[must_use]
    pub const fn is_waiting(&self) -> bool {
        self.bits.has(Bits::WAITING)
    }

    /// Nothing is answered until the owner has decided, for R2 of a SYN at the most.
    pub fn wait(&mut self, config: &TcpConfig) {
        self.bits.set(Bits::WAITING, true);
        self.due = self.began + config.syn_r2;
    }

    /// The owner wants the connection: the SYN,ACK may be sent.
    pub fn accept(&mut self) {
        if self.is_waiting() {
            self.bits.set(Bits::WAITING, false);
            self.due = Instant::MAX;
        }
    }

    /// Ends the attempt by `event`: [`Event::BackToListen`], or [`Event::Abort`] where the peer is to be
    /// [told](Self::reset). Says whether that is legal.
    pub fn end(&mut self, event: Event) -> bool {
        let next = self.state.on(event);
        debug_assert!(next.is_some(), "{event} is not legal in {}", self.state);
        self.state = next.unwrap_or(self.state);
        next.is_some()
    }

    /// The reset that tells the peer that nobody wants the connection (RFC 9293 §3.10.7.1; §3.10.5 once the SYN,ACK is
    /// sent).
    #[must_use]
    pub fn reset(&self) -> SegmentMeta {
        let seq = if self.times > 0 { self.iss + 1 } else { SeqNumber::new(0) };
        let flags = TcpFlags::RST | TcpFlags::ACK;
        SegmentMeta { seq, ack: self.irs + 1, flags, ..SegmentMeta::default() }
    }

    /// RCV.*: the window that was offered, and its scale.
    fn receive(&self, config: &TcpConfig) -> ReceiveVars {
        let mut rcv = ReceiveVars::new(config);
        rcv.begin(self.irs);
        self.advertise(config, &mut rcv);
        rcv
    }

    /// Brings the right edge where our acknowledgments have taken it: it never moves left.
    fn advertise(&self, config: &TcpConfig, rcv: &mut ReceiveVars) {
        if self.bits.has(Bits::ADVERTISED) {
            rcv.advertise(config);
        }
        if self.bits.has(Bits::UNSCALED) {
            rcv.scale = 0;
        }
        if self.bits.has(Bits::ADVERTISED_PLAIN) {
            rcv.advertise(config);
        }
    }

    fn timestamps(&self) -> TimestampVars {
        let mut ts = TimestampVars::new(self.ts_offset);
        if self.bits.has(Bits::STAMPED) {
            ts.begin(self.began, self.ts_recent);
        }
        if !self.bits.has(Bits::TIMESTAMPS) {
            ts.turn_off();
        }
        ts
    }

    fn timestamps_option(&self, now: Instant) -> Option<Timestamps> {
        let ts = self.timestamps();
        ts.on().then(|| ts.option(now))
    }

    fn rto(&self, config: &TcpConfig) -> Duration {
        self.rtt().rto(config)
    }

    fn rtt(&self) -> RttEstimator {
        let mut rtt = RttEstimator::new();
        (0..self.timeouts).for_each(|_| rtt.back_off());
        rtt
    }

    /// The SYN,ACK, if it is to be sent now.
    pub fn poll_segment(&mut self, config: &TcpConfig, now: Instant) -> Option<SegmentMeta> {
        if !self.is_owed() {
            return None;
        }
        let mut rcv = self.receive(config);
        let agrees = config.ecn != Ecn::Off
            && self.bits.has(Bits::ASKED)
            && !self.bits.has(Bits::ASKED_NOT)
            && !self.bits.has(Bits::DECLINED);
        let options = SegmentOptions {
            mss: config.announce_mss.then_some(config.mss),
            window_scale: self.bits.has(Bits::SCALING).then_some(rcv.scale),
            sack_permitted: self.bits.has(Bits::SACK),
            timestamps: self.timestamps_option(now),
            ..SegmentOptions::default()
        };
        let ecn = if agrees { TcpFlags::ECE } else { TcpFlags::NONE };
        let meta = SegmentMeta {
            seq: self.iss,
            ack: self.irs + 1,
            flags: TcpFlags::SYN | TcpFlags::ACK | ecn,
            window: rcv.syn_window(),
            options,
            ..SegmentMeta::default()
        };
        self.bits.set(if agrees { Bits::AGREED } else { Bits::DECLINED }, true);
        self.sent(config, now);
        Some(meta)
    }

    fn sent(&mut self, config: &TcpConfig, now: Instant) {
        self.bits.set(Bits::OWED | Bits::ACK_TOO, false);
        let again = self.times > 0;
        if !again {
            self.first_sent = now;
        }
        self.last_sent = now;
        self.times = self.times.saturating_add(1);
        // The timer is that of what was sent last, with SACK; without, it goes on (RFC 6675 §5.1).
        if self.due == Instant::MAX || again && self.bits.has(Bits::SACK) {
            self.due = now + self.rto(config);
        }
    }

    /// When [`on_timeout`](Self::on_timeout) has something to do.
    #[must_use]
    pub fn poll_timeout(&self, config: &TcpConfig) -> Option<Instant> {
        let at = self.due.min(self.user_timeout(config));
        (at != Instant::MAX).then_some(at)
    }

    fn user_timeout(&self, config: &TcpConfig) -> Instant {
        let least = Duration::from_millis(1);
        config.user_timeout.map_or(Instant::MAX, |timeout| self.began + timeout.max(least))
    }

    /// Acts on what is due: the SYN,ACK goes again, or, at R2, the attempt is over, and `false` is the answer
    /// (RFC 9293 §3.8.3, MUST-22, MUST-23; RFC 6298 §5.5).
    pub fn on_timeout(&mut self, config: &TcpConfig, now: Instant) -> bool {
        if self.user_timeout(config) <= now {
            self.end(Event::BackToListen);
            return false;
        }
        if self.due > now {
            return true;
        }
        let tried = config.syn_ack_retries.is_some_and(|most| self.timeouts >= most);
        if self.is_waiting() || tried || now.since(self.first_sent) >= config.syn_r2 {
            self.end(Event::BackToListen);
            return false;
        }
        // What was due before and has not been polled for the network cannot have lost.
        if !self.bits.has(Bits::OWED) {
            self.timeouts = self.timeouts.saturating_add(1);
            self.bits.set(Bits::OWED, true);
        }
        self.due = now + self.rto(config);
        true
    }

    /// The network reports an error (RFC 9293 §3.9.2.2). Only one about our SYN,ACK is believed (RFC 5927 §4.1), and a
    /// hard one ends the attempt (RFC 5461 §4.1). Says whether it is over.
    pub fn on_network_error(&mut self, config: &TcpConfig, error: NetworkError) -> bool {
        let heeded = error.hard && config.heeds_errors && !config.is_freebsd();
        let over = heeded && self.times > 0 && error.seq == self.iss;
        if over {
            self.end(Event::BackToListen);
        }
        over
    }

    /// A segment has come (RFC 9293 §3.10.7.4, in SYN-RECEIVED).
    pub fn on_segment(&mut self, config: &TcpConfig, now: Instant, seg: &SegmentMeta) -> Heard {
        let rcv = self.receive(config);
        let place =
            Place { start: i64::from(seg.seq.distance_from(rcv.irs + 1)), edge: i64::from(rcv.wnd()) };
        let heard = match self.checked(config, now, seg, place) {
            Ok(heard) | Err(heard) => heard,
        };
        if heard == Heard::Over {
            self.end(Event::BackToListen);
        }
        heard
    }

    fn checked(
        &mut self,
        config: &TcpConfig,
        now: Instant,
        seg: &SegmentMeta,
        place: Place,
    ) -> Result<Heard, Heard> {
        if config.is_freebsd() {
            return self.checked_like_freebsd(config, now, seg, place);
        }
        if config.is_linux() {
            self.check_like_linux(config, now, seg, place)?;
        }
        if seg.flags.contains(TcpFlags::RST) {
            return Err(self.check_reset(config, now, place));
        }
        self.check_sequence(config, now, seg, place)?;
        self.check_ack(seg)
    }

    /// RFC 5961 §3.2: a reset counts if it is exactly where we are; another one in the window is challenged.
    fn check_reset(&mut self, config: &TcpConfig, now: Instant, place: Place) -> Heard {
        match place.start {
            0 => Heard::Over,
            start if start > 0 && start < place.edge && config.insecure_reset => Heard::Over,
            start if start > 0 && start < place.edge => {
                Heard::Refused(DropReason::ResetNotExact, self.challenge(config, now))
            }
            _ => Heard::Refused(DropReason::ResetOutsideWindow, None),
        }
    }

    /// First and fourth: PAWS, the place, and a SYN.
    fn check_sequence(
        &mut self,
        config: &TcpConfig,
        now: Instant,
        seg: &SegmentMeta,
        place: Place,
    ) -> Result<(), Heard> {
        let syn = seg.flags.contains(TcpFlags::SYN);
        let Place { start, edge } = place;
        let again = syn && !seg.flags.contains(TcpFlags::ACK) && start == -1;
        if again && self.bits.has(Bits::TIMESTAMPS) && seg.options.timestamps.is_none() {
            // Who has not been answered may try without options: the last SYN counts.
            self.take_options(config, seg);
        }
        self.check_timestamp(config, now, seg)?;
        if syn && seg.flags.contains(TcpFlags::ACK) && start == -1 && self.is_acknowledged_by(seg) {
            // A peer that opens at the same time answers our SYN, which it cannot tell from the answer to its own.
            return Ok(());
        }
        if again {
            self.hear_ecn(seg);
            self.bits.set(Bits::OWED, true);
            return Err(Heard::Again);
        }
        let len = i64::from(seg.seq_len());
        let acceptable = if len == 0 {
            0 <= start && start <= edge
        } else {
            0 <= start && start < edge || 0 < start + len && start + len <= edge
        };
        if !acceptable {
            let reason = if start < 0 { DropReason::BelowWindow } else { DropReason::AboveWindow };
            let answer =
                if len > 0 && !syn { self.acknowledgment(config, now) } else { self.challenge(config, now) };
            return Err(Heard::Refused(reason, answer));
        }
        if syn { Err(Heard::Over) } else { Ok(()) }
    }

    /// RFC 7323 §5.3 R1 and §3.2.
    fn check_timestamp(&mut self, config: &TcpConfig, now: Instant, seg: &SegmentMeta) -> Result<(), Heard> {
        let syn = seg.flags.contains(TcpFlags::SYN);
        let ts = self.timestamps();
        match seg.options.timestamps {
            Some(timestamps) if ts.is_old(now, timestamps.val) => {
                let octets = seg.seq_len() > 0 && !syn;
                let answer =
                    if octets { self.acknowledgment(config, now) } else { self.challenge(config, now) };
                Err(Heard::Refused(DropReason::OldTimestamp, answer))
            }
            None if ts.on()
                && !config.tolerate_missing_timestamps
                && (!syn || seg.flags.contains(TcpFlags::ACK)) =>
            {
                Err(Heard::Refused(DropReason::TimestampMissing, None))
            }
            _ => Ok(()),
        }
    }

    /// Fifth.
    fn check_ack(&self, seg: &SegmentMeta) -> Result<Heard, Heard> {
        if !seg.flags.contains(TcpFlags::ACK) {
            return Err(Heard::Refused(DropReason::NoAck, None));
        }
        if !self.is_acknowledged_by(seg) {
            return Err(Heard::Refused(DropReason::AckNotOfSynAck, seg.reset_in_answer()));
        }
        Ok(Heard::Acknowledged)
    }

    fn is_acknowledged_by(&self, seg: &SegmentMeta) -> bool {
        self.times > 0 && seg.ack == self.iss + 1
    }

    /// A challenge ACK, so often in a second (RFC 5961 §7).
    fn challenge(&mut self, config: &TcpConfig, now: Instant) -> Option<SegmentMeta> {
        const SECOND: u32 = 1_000;
        let elapsed = u32::try_from(now.since(self.began).as_millis()).unwrap_or(u32::MAX);
        if elapsed.saturating_sub(self.challenged) >= SECOND {
            self.challenges = 0;
        }
        if self.challenges >= config.challenge_acks {
            return None;
        }
        self.challenges += 1;
        self.challenged = elapsed;
        self.acknowledgment(config, now)
    }

    /// A bare acknowledgment; none where a SYN,ACK waits that says the same.
    fn acknowledgment(&mut self, config: &TcpConfig, now: Instant) -> Option<SegmentMeta> {
        if self.bits.has(Bits::OWED) {
            self.bits.set(Bits::ACK_TOO, true);
            return None;
        }
        let plain = self.bits.has(Bits::UNSCALED);
        self.bits.set(if plain { Bits::ADVERTISED_PLAIN } else { Bits::ADVERTISED }, true);
        Some(SegmentMeta {
            seq: self.iss + 1,
            ack: self.irs + 1,
            flags: TcpFlags::ACK,
            window: self.receive(config).advertise(config),
            options: SegmentOptions { timestamps: self.timestamps_option(now), ..SegmentOptions::default() },
            ..SegmentMeta::default()
        })
    }
}

#[cfg(test)]
mod tests;
