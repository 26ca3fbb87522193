//! What an acknowledgment brings: round trips, what has arrived, the send window (RFC 9293 §3.10.7.4 fifth check;
//! RFC 6298, 7323 §4, 5681). What it says about losses: [`repair`](super::repair).

use super::congestion::CongestionControl as _;
use super::notices::Notices;
use super::recovery::{Delivery, Phase, Record};
use super::repair::Acknowledgment;
use super::rules::{RtoRule, WindowRules};
use super::segment::SegmentMeta;
use super::send::ORIGIN;
use super::tcb::Tcb;
use super::timers::Timer;
use crate::{Instant, TcpFlags};

/// How long Linux waits at least before it takes SACK blocks for forgotten.
const SOON_NANOS: u64 = 10_000_000;

impl Tcb {
    /// SND.UNA moves to `acknowledged`, which lies in (SND.UNA, SND.MAX].
    // RFC 8985-20, 5681-27
    pub(super) fn acknowledge(
        &mut self,
        now: Instant,
        acknowledged: u64,
        seg: &SegmentMeta,
        notices: &mut Notices,
    ) {
        let was = self.snd.una;
        let acked_before = self.snd.acked_to();
        let flight = self.in_flight_u32();
        let limited = self.was_limited_by_cwnd(flight);
        let first = self.records.oldest().copied();
        let mut news = self.take_acknowledged(now, acknowledged, seg);
        self.snd.una = acknowledged;
        self.snd.nxt = self.snd.nxt.max(acknowledged);
        self.path.on_progress(acknowledged, now);
        // FreeBSD does not time the SYN,ACK after a passive open.
        if was > ORIGIN || !self.passive || self.ts.on() || !self.config.is_freebsd() {
            self.sample_round_trip(now, seg, &news);
        }
        self.r1_told = false;
        self.timers.stop(Timer::UserTimeout);
        self.timers.stop(Timer::LossProbe);
        if was == ORIGIN {
            self.timers.stop(Timer::Retransmit);
        } else {
            let mut dsack = None;
            if self.sack_on {
                if let Some(duplicates) = self.recovery.heard_duplicates() {
                    duplicates.end_count();
                }
                dsack = self.take_sacks(now, seg, &mut news);
            } else {
                let octets = acknowledged - was;
                let len = first.map_or(0, |first| u64::from(first.len));
                let heard = self.recovery.heard_duplicates();
                news.octets = heard.map_or(octets, |duplicates| duplicates.on_new_ack(octets, len));
                self.hear_progress();
            }
            let ack = Acknowledgment {
                una_before: was,
                flight,
                limited,
                first,
                dsack,
                plain: false,
                found: false,
                echo: false,
            };
            self.judge(now, seg, &news, &ack);
            self.restart_retransmission(now);
        }
        notices.writable |= self.snd.acked_to() > acked_before;
    }

    /// What the scoreboard makes of a cumulative acknowledgment.
    // RFC 8985-5
    fn take_acknowledged(&mut self, now: Instant, acknowledged: u64, seg: &SegmentMeta) -> Delivery {
        let mut news = Delivery::default();
        let (ts, echo) = (self.ts, seg.options.timestamps);
        let least = self.rtt.min_rtt().unwrap_or_default();
        // RFC 8985 §6.2 step 2: an answer to an earlier copy says nothing about the last.
        let genuine = |record: &Record| {
            now.since(record.sent_at) >= least
                && !echo.is_some_and(|echo| ts.is_before(echo.ecr, record.sent_at))
        };
        self.records.acked_to(acknowledged, &mut news, genuine);
        news
    }

    /// RFC 6298 §5.2 and §5.3; without SACK only the first partial acknowledgment restarts the timer (RFC 6582
    /// §3.2).
    // RFC 6298-13, 6298-14, 6582-6
    fn restart_retransmission(&mut self, now: Instant) {
        let partial = !self.sack_on && self.recovery.phase == Phase::Recovery;
        if self.snd.outstanding() == 0 {
            self.timers.stop(Timer::Retransmit);
        } else if self.config.is_linux() && self.records.is_reneged_on() {
            // The receiver has forgotten what it had reported: soon all of it goes again.
            let soon = (self.rtt.srtt_nanos() / 2).max(SOON_NANOS);
            self.timers.set(Timer::Retransmit, now.after_nanos(soon));
        } else if !partial || self.recovery.duplicates().is_first_partial() {
            self.set_retransmission(now);
        }
    }

    /// A sample for the round-trip time from each acknowledgment of something new: by the clock that we noted
    /// when it was sent, or, where it was sent more than once, by the timestamp that comes back. Without
    /// timestamps that would be ambiguous (Karn; RFC 6298 §3).
    // RFC 6298-8, 6298-9, 6298-10, 7323-17, 7323-19
    fn sample_round_trip(&mut self, now: Instant, seg: &SegmentMeta, news: &Delivery) {
        let by_timestamp = || {
            let echo = seg.options.timestamps.filter(|timestamps| timestamps.ecr != 0)?;
            self.ts.elapsed(now, echo.ecr, now.since(news.first_sent?))
        };
        let sample = match news.sample {
            Some(sent_at) => Some(now.since(sent_at)),
            None => by_timestamp(),
        };
        if let Some(newest) = news.newest.filter(|newest| !newest.is_repeated()) {
            self.rtt.observe(now, now.since(newest.sent_at));
        }
        if let Some(sample) = sample {
            if self.config.rto_rule == RtoRule::Linux {
                let (least, seen) = (self.config.min_rto, (self.snd.una, self.snd.nxt));
                self.rtt.sample_as_linux(sample, least, seen, &mut self.rare.make().deviation);
                self.recovery.probe.on_sample();
                return;
            }
            // RFC 7323 appendix G: as many samples a round trip as segments are acknowledged, by twos.
            let per_sample = u64::from(self.effective_send_mss()) * 2;
            let expected = self.snd.outstanding().div_ceil(per_sample).max(1);
            self.rtt.sample(sample, u32::try_from(expected).unwrap_or(u32::MAX));
            self.recovery.probe.on_sample();
        }
    }

    /// Whether the congestion window, and not the user or the peer, has held us back with so much in flight: only
    /// then it may grow. What waits for its time in pacing would be in flight without it.
    fn was_limited_by_cwnd(&self, flight: u32) -> bool {
        if self.pace_waits {
            return true;
        }
        let cwnd = self.congestion.cwnd();
        if self.config.window_rules == WindowRules::Linux {
            let usage = self.rare.read(|rare| rare.usage);
            return usage.limited || self.congestion.in_slow_start() && cwnd < usage.most.saturating_mul(2);
        }
        if self.congestion.in_slow_start() {
            flight.saturating_mul(2) >= cwnd
        } else {
            flight.saturating_add(self.effective_send_mss()) > cwnd
        }
    }

    /// Nothing more can be sent now. What counts is the most that was outstanding in a window of data, unless the
    /// congestion window held back something in it: that counts by itself.
    pub(super) fn note_usage(&mut self) {
        let (una, max) = (self.snd.una, self.snd.max);
        let outstanding = u32::try_from(self.snd.outstanding()).unwrap_or(u32::MAX);
        let in_flight = self.in_flight() + u64::from(self.effective_send_mss());
        let limited = in_flight > u64::from(self.congestion.cwnd());
        let usage = &mut self.rare.make().usage;
        let sent = max != usage.sent;
        usage.sent = max;
        let more = !usage.limited && outstanding > usage.most;
        if (sent || limited) && (una >= usage.until || limited || more) {
            (usage.limited, usage.most, usage.until) = (limited, outstanding, max);
        }
    }

    /// Nothing new is acknowledged: `seg` may report something beyond, or be a duplicate as RFC 5681 §2 defines
    /// it. SND.WND is still the one before `seg`.
    // RFC 5681-1, 2018-3, 6582-9
    pub(super) fn consider_duplicate(&mut self, now: Instant, seg: &SegmentMeta) {
        let outstanding = self.snd.outstanding() > 0;
        if self.snd.syn_unacknowledged() || !outstanding && !self.sack_on {
            return;
        }
        let window = u32::from(seg.window) << self.snd.scale;
        // Linux does not believe that it has shrunk.
        let same_window =
            window == self.snd.wnd || window > 0 && window < self.snd.wnd && self.config.is_linux();
        let empty = seg.len == 0 && !seg.flags.intersects(TcpFlags::SYN | TcpFlags::FIN);
        let duplicate = empty && same_window && self.snd.wnd > 0;
        if !self.sack_on {
            if duplicate {
                self.hear_duplicate(now);
            }
            return;
        }
        let blocks = !seg.options.sack.is_empty();
        if duplicate && outstanding {
            self.recovery.odd.make().duplicates.just_count();
        }
        if duplicate || blocks {
            let flight = self.in_flight_u32();
            let limited = self.was_limited_by_cwnd(flight);
            let mut news = Delivery::default();
            let dsack = self.take_sacks(now, seg, &mut news);
            let ack = Acknowledgment {
                una_before: self.snd.una,
                flight,
                limited,
                first: None,
                dsack,
                plain: duplicate && !blocks,
                found: false,
                echo: false,
            };
            self.judge(now, seg, &news, &ack);
        }
    }

    /// Takes the window of `seg`, which acknowledges SND.UNA, if it is newer than the one that we have. SND.WL2 need not
    /// be kept for that: the segment that has set the window did not acknowledge more.
    ///
    /// Linux believes that a window has shrunk, but not to nothing, only from a segment with something new.
    // RFC 9293 X-9
    pub(super) fn update_window(&mut self, seg: &SegmentMeta, start: u64, news: bool) {
        let shrinks = seg.window > 0 && u32::from(seg.window) << self.snd.scale < self.snd.wnd;
        if shrinks && !news && start == self.snd.wl1 && self.config.is_linux() {
            return;
        }
        if self.snd.wl1 <= start {
            self.take_window(seg, start);
        }
    }

    // RFC 7323-4, 7323-5, 5961-7
    pub(super) fn take_window(&mut self, seg: &SegmentMeta, start: u64) {
        let scale = if seg.flags.contains(TcpFlags::SYN) { 0 } else { self.snd.scale };
        self.snd.wnd = u32::from(seg.window) << scale;
        self.snd.max_wnd = self.snd.max_wnd.max(self.snd.wnd);
        self.snd.wl1 = start;
    }
}
