//! What is left of a connection in TIME-WAIT: a row of 36 octets instead of a machine.
//!
//! It does what a [`Tcb`] in TIME-WAIT does, check by check in the order of RFC 9293 §3.10.7.4. Three things are less:
//! no duplicate is reported (RFC 2883), nobody reads any more, so that the window stays what it is, and TS.Recent does
//! not grow old (RFC 7323 §5.5): 2·MSL is less than 24 days.

use super::config::TcpConfig;
use super::segment::{DropReason, SegmentMeta, SegmentOptions, Timestamps};
use super::state::{Event, State};
use super::tcb::Tcb;
use super::timestamps::TimestampVars;
use crate::{Instant, SeqNumber, TcpFlags};

/// After anything else.
const LATE: Instant = Instant::from_nanos(u64::MAX - 1);

/// A connection in TIME-WAIT, without a machine. How long it stays is its owner's matter: 2·MSL, and again from every
/// [`Waited::Again`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeWait {
    /// SND.NXT: all before it is acknowledged.
    snd_nxt: SeqNumber,
    /// RCV.NXT: the number after the peer's FIN.
    rcv_nxt: SeqNumber,
    /// MAX.SND.WND.
    max_wnd: u32,
    /// RCV.WND, and its field.
    wnd: u32,
    window: u16,
    timestamps_on: bool,
    /// Marks have come of which the peer is to be told (RFC 3168 §6.1.3).
    echo: TcpFlags,
    ts_offset: u32,
    ts_recent: u32,
    /// When the last challenge was sent, in milliseconds modulo 2³².
    challenged: u32,
    challenges: u8,
    state: State,
}

/// What a row makes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// There is nothing to say.
    Heard,
    /// It is refused, and where there is a segment, answered with it.
    Refused(DropReason, Option<SegmentMeta>),
    /// The peer's FIN again, or what Linux takes like it: 2·MSL begin anew. It is answered, unless it could be an answer
    /// itself and there were too many.
    Again(Option<SegmentMeta>),
    /// A reset has ended it.
    Over,
}

impl TimeWait {
    /// What is left of `tcb`; `None` unless it is in TIME-WAIT and has nothing to send.
    #[must_use]
    pub fn of(tcb: &Tcb) -> Option<Self> {
        if tcb.state != State::TimeWait || !tcb.has_nothing_to_send() {
            return None;
        }
        let mut rcv = tcb.rcv.clone();
        let window = rcv.advertise(&tcb.config);
        Some(Self {
            snd_nxt: tcb.snd_max(),
            rcv_nxt: tcb.rcv_nxt(),
            max_wnd: tcb.snd.max_wnd,
            wnd: rcv.wnd(),
            window,
            timestamps_on: tcb.ts.on(),
            echo: tcb.ecn.clone().echo(),
            ts_offset: tcb.ts.clock(Instant::ZERO),
            ts_recent: tcb.ts.option(Instant::ZERO).ecr,
            challenged: millis(tcb.rare.read(|rare| rare.challenged_at)),
            challenges: tcb.rare.read(|rare| rare.challenges),
            state: tcb.state,
        })
    }

    /// TIME-WAIT; the state after it once it is over.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The number after all that was ever sent.
    #[must_use]
    pub const fn snd_nxt(&self) -> SeqNumber {
        self.snd_nxt
    }

    /// Ends it by `event`, and says whether that is legal.
    pub fn end(&mut self, event: Event) -> bool {
        let next = self.state.on(event);
        debug_assert!(next.is_some(), "{event} is not legal in {}", self.state);
        self.state = next.unwrap_or(self.state);
        next.is_some()
    }

    fn timestamps(&self) -> TimestampVars {
        let mut ts = TimestampVars::new(self.ts_offset);
        if self.timestamps_on {
            // Never so long ago that it would not count.
            ts.begin(LATE, self.ts_recent);
        }
        ts
    }

    /// Whether a SYN may begin a new connection between the same sockets (RFC 9293 §3.6.1, MAY-2; RFC 6191): see
    /// [`Tcb::may_reopen`].
    #[must_use]
    pub fn may_reopen(&self, config: &TcpConfig, seg: &SegmentMeta) -> bool {
        let opens = seg.flags.contains(TcpFlags::SYN) && !seg.flags.intersects(TcpFlags::ACK | TcpFlags::RST);
        let ts = self.timestamps();
        let newer = match seg.options.timestamps {
            Some(timestamps) if ts.on() && !ts.is_equal(timestamps.val) && !config.is_freebsd() => {
                ts.is_newer(timestamps.val)
            }
            _ => seg.seq.distance_from(self.rcv_nxt) > 0,
        };
        self.state == State::TimeWait && opens && newer
    }

    /// The ISS of a connection that takes the place of this one: `wanted`, unless that is not beyond all that this one
    /// has sent. The clock makes the numbers of a new connection larger (RFC 6528 §2), but the old one may have been
    /// faster than the clock. Then the new one begins a window's length behind it.
    // RFC 1122-2
    #[must_use]
    pub fn next_iss(&self, wanted: SeqNumber) -> SeqNumber {
        wanted.latest(self.snd_nxt + 0x1_0000)
    }

    /// Whether both ends use timestamps, which tell segments of this connection from those of a new one.
    #[must_use]
    pub const fn has_timestamps(&self) -> bool {
        self.timestamps_on
    }

    /// A segment has come (RFC 9293 §3.10.7.4, in TIME-WAIT) that [may not reopen](Self::may_reopen).
    pub fn on_segment(&mut self, config: &TcpConfig, now: Instant, seg: &SegmentMeta) -> Waited {
        if config.is_freebsd() {
            return self.heard_like_freebsd(config, now, seg);
        }
        if config.is_linux() {
            return self.heard_like_linux(config, now, seg);
        }
        match self.checked(config, now, seg) {
            Ok(()) => Waited::Heard,
            Err(waited) => waited,
        }
    }

    /// No reset counts (RFC 1337), what has no ACK is dropped, and what is not just an acknowledgment of all is answered
    /// by one.
    fn heard_like_freebsd(&self, config: &TcpConfig, now: Instant, seg: &SegmentMeta) -> Waited {
        if seg.flags.contains(TcpFlags::RST) {
            return Waited::Refused(DropReason::ResetInTimeWait, None);
        }
        if !seg.flags.contains(TcpFlags::ACK) {
            return Waited::Refused(DropReason::NoAck, None);
        }
        let stamped = seg.options.timestamps.is_some() || config.tolerate_missing_timestamps;
        if self.timestamps_on && !stamped {
            return Waited::Refused(DropReason::TimestampMissing, None);
        }
        let answer = self.acknowledgment(now);
        if seg.flags.contains(TcpFlags::FIN) && seg.seq + seg.seq_len() == self.rcv_nxt {
            return Waited::Again(Some(answer));
        }
        if seg.flags == TcpFlags::ACK && seg.len == 0 && seg.seq == self.rcv_nxt && seg.ack == self.snd_nxt {
            return Waited::Heard;
        }
        let syn = seg.flags.contains(TcpFlags::SYN);
        let reason = if syn { DropReason::SynOnOpenConnection } else { DropReason::DataAfterFin };
        Waited::Refused(reason, Some(answer))
    }

    /// All but an acknowledgment that stands at RCV.NXT is answered, and begins 2·MSL anew if it has ACK; no reset counts but
    /// one that stands there.
    fn heard_like_linux(&mut self, config: &TcpConfig, now: Instant, seg: &SegmentMeta) -> Waited {
        let old = seg
            .options
            .timestamps
            .is_some_and(|ts| self.timestamps_on && self.timestamps().is_old(now, ts.val));
        let next = seg.seq == self.rcv_nxt && !old;
        if seg.flags.contains(TcpFlags::RST) {
            return if !next {
                Waited::Refused(DropReason::ResetOutsideWindow, None)
            } else if config.rfc1337 {
                Waited::Refused(DropReason::ResetInTimeWait, None)
            } else {
                self.end(Event::Rst);
                Waited::Over
            };
        }
        if next && seg.seq_len() == 0 {
            return Waited::Heard;
        }
        let plain = seg.seq_len() > 0 && !seg.flags.contains(TcpFlags::SYN);
        let answer = if plain { Some(self.acknowledgment(now)) } else { self.challenge(config, now) };
        if seg.flags.contains(TcpFlags::ACK) {
            Waited::Again(answer)
        } else {
            Waited::Refused(DropReason::DataAfterFin, answer)
        }
    }

    fn checked(&mut self, config: &TcpConfig, now: Instant, seg: &SegmentMeta) -> Result<(), Waited> {
        let start = i64::from(seg.seq.distance_from(self.rcv_nxt));
        if seg.flags.contains(TcpFlags::RST) {
            return Err(self.check_reset(config, now, start));
        }
        self.check_timestamp(config, now, seg)?;
        let zero_window = self.check_place(config, now, seg, start)?;
        if seg.flags.contains(TcpFlags::SYN) {
            return Err(Waited::Refused(DropReason::SynOnOpenConnection, self.challenge(config, now)));
        }
        self.check_ack(config, now, seg, start)?;
        if zero_window {
            return Err(Waited::Refused(DropReason::ZeroWindow, Some(self.acknowledgment(now))));
        }
        if seg.seq_len() > 0 {
            return Err(Waited::Refused(DropReason::DataAfterFin, Some(self.acknowledgment(now))));
        }
        Ok(())
    }

    /// RFC 1337: a reset may be as old as what it answers. Where it is to count, RFC 5961 §3.2.
    fn check_reset(&mut self, config: &TcpConfig, now: Instant, start: i64) -> Waited {
        let inside = start == 0 || start > 0 && start < i64::from(self.wnd);
        if !inside {
            Waited::Refused(DropReason::ResetOutsideWindow, None)
        } else if config.rfc1337 {
            Waited::Refused(DropReason::ResetInTimeWait, None)
        } else if start != 0 && !config.insecure_reset {
            Waited::Refused(DropReason::ResetNotExact, self.challenge(config, now))
        } else {
            self.end(Event::Rst);
            Waited::Over
        }
    }

    /// RFC 7323 §5.3 R1 and §3.2.
    fn check_timestamp(&mut self, config: &TcpConfig, now: Instant, seg: &SegmentMeta) -> Result<(), Waited> {
        let syn = seg.flags.contains(TcpFlags::SYN);
        match seg.options.timestamps {
            Some(timestamps) if self.timestamps().is_old(now, timestamps.val) => {
                let octets = seg.seq_len() > 0 && !syn;
                let answer =
                    if octets { Some(self.acknowledgment(now)) } else { self.challenge(config, now) };
                Err(Waited::Refused(DropReason::OldTimestamp, answer))
            }
            None if self.timestamps_on
                && !config.tolerate_missing_timestamps
                && (!syn || seg.flags.contains(TcpFlags::ACK)) =>
            {
                Err(Waited::Refused(DropReason::TimestampMissing, None))
            }
            _ => Ok(()),
        }
    }

    /// First: whether it lies in the window. The answer says whether only its acknowledgment counts.
    fn check_place(
        &mut self,
        config: &TcpConfig,
        now: Instant,
        seg: &SegmentMeta,
        start: i64,
    ) -> Result<bool, Waited> {
        let (len, wnd) = (i64::from(seg.seq_len()), i64::from(self.wnd));
        let syn = seg.flags.contains(TcpFlags::SYN);
        let acceptable = match (len, wnd) {
            (0, _) => 0 <= start && start <= wnd,
            (_, 0) => false,
            _ => 0 <= start && start < wnd || 0 < start + len && start + len <= wnd,
        };
        if acceptable {
            return Ok(false);
        }
        if wnd == 0 && start == 0 && !syn {
            return Ok(true);
        }
        if seg.flags.contains(TcpFlags::FIN) && start + len == 0 {
            // "The only thing that can arrive."
            return Err(Waited::Again(Some(self.acknowledgment(now))));
        }
        let reason = if start < 0 { DropReason::BelowWindow } else { DropReason::AboveWindow };
        let answer =
            if len > 0 && !syn { Some(self.acknowledgment(now)) } else { self.challenge(config, now) };
        Err(Waited::Refused(reason, answer))
    }

    /// Fifth: an acknowledgment of what was never sent, or of what is long past (RFC 5961 §5.2).
    fn check_ack(
        &mut self,
        config: &TcpConfig,
        now: Instant,
        seg: &SegmentMeta,
        start: i64,
    ) -> Result<(), Waited> {
        if !seg.flags.contains(TcpFlags::ACK) {
            return Err(Waited::Refused(DropReason::NoAck, None));
        }
        let ahead = i64::from(seg.ack.distance_from(self.snd_nxt));
        if ahead > 0 {
            return Err(Waited::Refused(DropReason::AckOfUnsent, self.challenge(config, now)));
        }
        if ahead + i64::from(self.max_wnd) < 0 {
            return Err(Waited::Refused(DropReason::AckTooOld, self.challenge(config, now)));
        }
        // RFC 7323 §4.3 (2); what is older was refused.
        if let Some(timestamps) = seg.options.timestamps.filter(|_| self.timestamps_on && start <= 0) {
            self.ts_recent = timestamps.val;
        }
        Ok(())
    }

    /// A challenge ACK, so often in a second (RFC 5961 §7).
    fn challenge(&mut self, config: &TcpConfig, now: Instant) -> Option<SegmentMeta> {
        const SECOND: u32 = 1_000;
        let at = millis(now);
        if at.wrapping_sub(self.challenged).cast_signed() >= SECOND.cast_signed() {
            self.challenges = 0;
        }
        let interval = u32::try_from(config.challenge_interval.as_millis()).unwrap_or(u32::MAX);
        if self.challenges > 0 && at.wrapping_sub(self.challenged) < interval {
            return None;
        }
        if self.challenges >= config.challenge_acks {
            return None;
        }
        self.challenges += 1;
        self.challenged = at;
        Some(self.acknowledgment(now))
    }

    fn acknowledgment(&self, now: Instant) -> SegmentMeta {
        let timestamps = Timestamps { val: self.timestamps().clock(now), ecr: self.ts_recent };
        SegmentMeta {
            seq: self.snd_nxt,
            ack: self.rcv_nxt,
            flags: TcpFlags::ACK | self.echo,
            window: self.window,
            options: SegmentOptions {
                timestamps: self.timestamps_on.then_some(timestamps),
                ..SegmentOptions::default()
            },
            ..SegmentMeta::default()
        }
    }
}

/// Milliseconds modulo 2³².
const fn millis(at: Instant) -> u32 {
    (at.as_nanos() / 1_000_000) as u32
}

#[cfg(test)]
mod tests;
