//! What the size of the path means for the segments of a connection: which go again, which are probes, and which
//! losses are no sign of congestion.

use super::{Reported, headers};
use crate::Instant;
use crate::tcp::command::{CommandError, PathMtu};
use crate::tcp::config::PathReports;
use crate::tcp::congestion::CongestionControl as _;
use crate::tcp::recovery::{Fate, Phase, Record};
use crate::tcp::state::State;
use crate::tcp::tcb::Tcb;
use crate::tcp::timers::Timer;

/// Full segments that have to wait behind a probe, and to have room: what follows shows soon that it is lost
/// (RFC 4821 §7.4).
const FOLLOWERS: u64 = 3;

/// Whether a probe goes out.
pub(in crate::tcp) enum Probing {
    /// Not now: what is to be sent is sent as ever.
    No,
    /// As soon as the window has room for it; until then nothing goes.
    Wait,
    /// Now, with so many octets.
    Send(u32),
}

impl Tcb {
    /// The largest IP packet that is sent now, in octets; what the path is known, or taken, to carry.
    #[must_use]
    pub fn path_mtu(&self) -> u32 {
        self.path.size() + headers(&self.config)
    }

    /// The largest that it may yet turn out to carry.
    pub(in crate::tcp) fn path_mtu_limit(&self) -> u32 {
        self.path.upper_bound() + headers(&self.config)
    }

    /// A router's report (RFC 1191 §4, RFC 8201 §4). Only one about something in flight is believed (RFC 5927 §4.1).
    pub(in crate::tcp) fn path_report(&mut self, now: Instant, report: PathMtu) -> Result<(), CommandError> {
        let position = self.snd.position(report.seq);
        if self.state == State::Listen || position < self.snd.una || position >= self.snd.max {
            return Err(CommandError::NotInFlight(report.seq));
        }
        // No SYN is as large as the smallest packet: what is said of it cannot be true. Nor of what has arrived.
        // And what was larger than segments are now was sent before they were made smaller: the report is of that time.
        let stale = self.records.at(position).is_some_and(|record| {
            let octets = record.end().min(self.snd.queued).saturating_sub(record.start);
            record.fate == Fate::Sacked
                || octets + u64::from(self.options_len()) > u64::from(self.path.size())
        });
        // One step in a round trip: a forger who takes an octet off each time would have everything sent again each time.
        let since = self.rare.read(|rare| rare.path_lowered_at);
        let too_soon = since != Instant::ZERO && now < since + self.rtt.srtt().unwrap_or_default();
        let heeded = self.config.path_reports != PathReports::Ignore;
        if self.snd.syn_unacknowledged() || stale || too_soon || !heeded {
            return Ok(());
        }
        if self.path.on_report(&self.config, report.mtu, position, now) == Reported::Lowered {
            self.resend_smaller(now);
        }
        Ok(())
    }

    /// What is under way and too large goes again at once, in smaller segments. Nothing was congested: the window stays
    /// (RFC 1191 §6.4, which would begin with a single segment; but this is no more than has just been sent, and
    /// the routers up to the narrow link have carried that).
    fn resend_smaller(&mut self, now: Instant) {
        self.rare.make().path_lowered_at = now;
        let room = u64::from(self.payload_room());
        let queued = self.snd.queued;
        self.records.lose_where(|record| record.end().min(queued).saturating_sub(record.start) > room);
        self.records.cut_lost(self.payload_room(), !self.config.is_linux());
        self.recovery.forget_duplicates();
        self.timers.stop(Timer::LossProbe);
        self.set_retransmission(now);
    }

    /// The tail seems to be lost: that bears out what a report has said about it, and about nothing else.
    pub(in crate::tcp) fn tail_bears_out_report(&mut self, now: Instant) -> bool {
        let tail = self.records.last().map_or(u64::MAX, |last| last.start);
        let about_tail = self.path.claimed().is_some_and(|position| position >= tail);
        let true_after_all = about_tail && self.path.claim_is_borne_out(&self.config, now);
        if true_after_all {
            self.resend_smaller(now);
        }
        true_after_all
    }

    /// The retransmission timer has expired for `oldest`.
    pub(in crate::tcp) fn path_times_out(&mut self, now: Instant, oldest: &Record) {
        if !self.path.claim_is_borne_out(&self.config, now) {
            let size = oldest.len.saturating_add(self.options_len());
            self.path.on_timeout(&self.config, size, now);
        }
    }

    /// SACK blocks were taken in: has the probe arrived, or what a report quoted?
    #[inline]
    pub(in crate::tcp) fn hear_of_path(&mut self, now: Instant) {
        if self.path.awaits_nothing() {
            return;
        }
        let arrived = |position| self.records.fate_at(position) == Some(Fate::Sacked);
        let probe = self.path.probe().is_some_and(|probe| arrived(probe.start));
        let claim = self.path.claimed().is_some_and(arrived);
        if probe {
            self.path.probe_delivered(now);
        }
        if claim {
            self.path.forget_claim();
        }
    }

    /// Losses were found, where `lost` octets had been lost before: were they lost for their size alone? Then they are
    /// no sign of congestion (RFC 4821 §7.6.2; RFC 8899 §3).
    pub(in crate::tcp) fn only_size_was_lost(&mut self, now: Instant, lost: u64) -> bool {
        if self.path.awaits_nothing() {
            return false;
        }
        let new = self.records.lost() - lost;
        let calm = matches!(self.recovery.phase, Phase::Open | Phase::Cwr);
        let una = self.snd.una;
        let is_lost = |position: u64| self.records.fate_at(position.max(una)) == Some(Fate::Lost);
        let probe = self.path.probe().filter(|probe| is_lost(probe.start));
        let claimed = self.path.claimed().is_some_and(is_lost);
        if let Some(probe) = probe {
            let alone = calm && lost == 0 && new <= probe.end - probe.start;
            if alone {
                self.path.probe_lost(now);
                return true;
            }
            self.path.probe_inconclusive(now);
        }
        if claimed && self.path.claim_is_borne_out(&self.config, now) {
            self.resend_smaller(now);
            return calm;
        }
        false
    }

    /// Without SACK: whether what duplicates have shown to be lost is the probe.
    pub(in crate::tcp) fn only_probe_is_missing(&mut self, now: Instant) -> bool {
        let missing = self.path.probe().is_some_and(|probe| probe.start <= self.snd.una);
        if missing {
            self.path.probe_lost(now);
        }
        missing
    }

    /// Whether the next segment is a probe (RFC 4821 §7.4): larger than the others, of new octets, with enough of them
    /// behind it, and while nothing is missing. What is smaller may wait for it until the window has room.
    #[inline]
    pub(in crate::tcp) fn mtu_probe(&self, now: Instant) -> Probing {
        self.path.probe_due(now).map_or(Probing::No, |size| self.consider_probe(size))
    }

    fn consider_probe(&self, size: u32) -> Probing {
        let len = size.saturating_sub(self.options_len());
        let room = u64::from(self.payload_room());
        let all = u64::from(len) + FOLLOWERS * room;
        let waiting = self.snd.queued.min(self.snd.edge()).saturating_sub(self.snd.nxt);
        let calm =
            self.recovery.phase == Phase::Open && self.records.lost() == 0 && self.records.sacked() == 0;
        let plain = !self.sack_on || self.rcv.sack_wanted() == 0;
        if !calm
            || !plain
            || waiting < all
            || u64::from(self.congestion.cwnd()) < all
            || u64::from(len) <= room
        {
            return Probing::No;
        }
        if self.budget() >= u64::from(len) { Probing::Send(len) } else { Probing::Wait }
    }
}
