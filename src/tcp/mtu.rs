//! How large a segment the path takes: what the network reports (RFC 1191, RFC 8201, with the caution of RFC 5927
//! §7.2), black holes that nobody reports, and the way back up by probes (RFC 4821, with what RFC 8899 has learned
//! since).
//!
//! Sizes are those of the MSS option: octets of payload and TCP options, which is an IP packet less the fixed headers
//! of IP and TCP. [`PathMtuState`] knows sizes and moments only; what it means for segments under way is the matter of
//! `mtu/wiring.rs`.
//!
//! | name here | RFC 4821 §7.1 |
//! |---|---|
//! | `size` | eff_pmtu, and search_low: what is sent |
//! | `too_large` | search_high, one more: the least that is taken not to pass |
//! | `ceiling` | the initial search_high: the smaller of both ends' MSS |
//! | `base` | the initial search_low |

use core::time::Duration;

use super::compact::Seldom;
use super::config::{MtuProbing, PathReports, TcpConfig};
use super::fingerprint::{Fold, Folder, fold};
use crate::Instant;

mod wiring;

pub(super) use wiring::Probing;

/// Octets of a TCP header without options.
const TCP_HEADER: u32 = 20;

/// A packet that passes nearly everywhere (RFC 4821 §7.2), in octets of the packet.
const BASE_MTU: u32 = 1024;

/// No peer is believed to take less than this: a tiny MSS would multiply our packets. 64 octets leave room
/// for data behind 40 octets of options.
const LEAST_SIZE: u32 = 64;

/// Timeouts in a row, without anything acknowledged between them, that a black hole is suspected after. One happens
/// on every path now and then; with an RTO of a second the second comes after three.
const TIMEOUTS: u8 = 2;

/// Probes of one size that have to be lost before it counts as too large: one may be lost by itself (MAX_PROBES,
/// RFC 8899 §5.1.2).
const MAX_PROBES: u8 = 3;

/// After a lost probe the next one waits at least this long (RFC 4821 §7.4; RFC 8899 §5.1.1 has no timer below it).
const PROBE_PAUSE: Duration = Duration::from_secs(1);

/// When larger sizes are tried again after the search has ended, or after a report (RFC 4821 §7.3, RFC 1191 §6.3;
/// PMTU_RAISE_TIMER, RFC 8899 §5.1.1).
const RAISE: Duration = Duration::from_secs(600);

/// Octets that are not worth a probe: the search ends when no more are in doubt (RFC 4821 §7.3).
const STEP: u32 = 8;

/// Where the links of the Internet used to have their MTU, for routers that report none (RFC 1191 §7).
const PLATEAUS: [u32; 9] = [32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006, 508, 296];

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reported {
    /// It says nothing that makes segments smaller.
    Nothing,
    /// Larger segments have passed: it waits for a sign of loss.
    Kept,
    /// The size is lower now.
    Lowered,
}

/// A segment that is larger than others, under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Marked {
    /// The first position, and the one after the last.
    start: u64,
    end: u64,
    size: u32,
}

/// A report that waits to be borne out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Claim {
    size: u32,
    /// The position that it quoted.
    position: u64,
}

/// What is known of the sizes that the path takes. It holds no timer: it is asked whenever there is something to send.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PathMtuState {
    /// What is sent now: `floor..=ceiling`.
    size: u32,
    /// What both ends take.
    ceiling: u32,
    /// No report and no timeout goes below.
    floor: u32,
    /// The first resort when a black hole is suspected: `floor..=ceiling`.
    base: u32,
    /// The largest that is known to have passed since the size was lowered last.
    proven: u32,
    /// From here on sizes are taken not to pass: at most one more than `ceiling`, for all do.
    too_large: u32,
    /// The size of the next probe: `size + 1..=ceiling` unless `probe_at` never comes.
    candidate: u32,
    /// No probe before; [`Instant::MAX`] while there is nothing to find.
    probe_at: Instant,
    /// Probes of `candidate` that were lost.
    lost: u8,
    /// Timeouts since something new was acknowledged last.
    timeouts: u8,
    watched: Seldom<Watched>,
}

/// What is waited for, and what most connections never have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Watched {
    /// The size before a black hole was suspected, as long as that may prove wrong.
    before: Option<u32>,
    /// The probe that is under way.
    probe: Option<Marked>,
    /// A segment under way that would prove its size.
    witness: Option<Marked>,
    claim: Option<Claim>,
    /// Probes that were sent, ever.
    probes: u32,
}

impl Fold for PathMtuState {
    fn fold(&self, into: &mut Folder) {
        let Self {
            size,
            ceiling,
            floor,
            base,
            proven,
            too_large,
            candidate,
            probe_at,
            lost,
            timeouts,
            watched,
        } = self;
        [size, ceiling].fold(into);
        if into.few() {
            // All segments are smaller than the least that there is.
            return;
        }
        [floor, base, proven, too_large, candidate].fold(into);
        probe_at.fold(into);
        (lost, timeouts).fold(into);
        watched.fold(into);
    }
}

fold!(Watched { before, probe, witness, claim } without { probes });
fold!(Marked { start, end, size });
fold!(Claim { size, position });

impl PathMtuState {
    /// Before the peer's SYN; see [`open`](Self::open).
    pub(super) fn new(config: &TcpConfig) -> Self {
        let size = u32::from(config.default_mss.min(config.mss)).max(LEAST_SIZE);
        Self {
            size,
            ceiling: size,
            floor: LEAST_SIZE,
            base: size,
            proven: 0,
            too_large: size + 1,
            candidate: size,
            probe_at: Instant::MAX,
            lost: 0,
            timeouts: 0,
            watched: Seldom::new(),
        }
    }

    /// The peer has said on an earlier connection what it takes: what goes with our SYN may be as large (RFC 7413 §4.1.3).
    pub(super) fn expect(&mut self, config: &TcpConfig, theirs: u16) {
        let size = u32::from(config.mss.min(theirs)).max(LEAST_SIZE);
        *self = Self {
            size,
            ceiling: size,
            base: size,
            too_large: size + 1,
            candidate: size,
            ..Self::new(config)
        };
    }

    /// The peer's SYN says what it takes; `theirs` is its MSS, or what stands for one that is missing.
    pub(super) fn open(&mut self, config: &TcpConfig, theirs: u16) {
        let theirs = theirs.max(config.least_mss);
        let ceiling = u32::from(config.mss.min(theirs)).max(LEAST_SIZE);
        let floor = segment(u32::from(config.min_path_mtu), config).max(LEAST_SIZE).min(ceiling);
        let base = segment(BASE_MTU, config).clamp(floor, ceiling);
        *self = Self { ceiling, floor, base, size: ceiling, too_large: ceiling + 1, ..Self::new(config) };
        if config.mtu_probing == MtuProbing::Always {
            self.size = base;
        }
        // Who begins below the ceiling may probe at once.
        self.search(Instant::ZERO);
    }

    /// Octets of the largest segment to send, options included.
    pub(super) const fn size(&self) -> u32 {
        self.size
    }

    /// The largest that might pass: what a search has not ruled out yet.
    pub(super) fn upper_bound(&self) -> u32 {
        self.too_large.saturating_sub(1).clamp(self.size, self.ceiling)
    }

    /// A router says that a segment at `position`, which is under way, was too large, and that it takes packets of
    /// `mtu` octets; 0 if it does not say how large (RFC 1191 §4, RFC 8201 §4).
    ///
    /// If nothing larger has passed yet, it is believed at once. If something has, it is more than a router's
    /// word against nothing: then it waits until what it quotes seems to be lost, and is forgotten when that is
    /// acknowledged (RFC 5927 §7.2). A report never makes the size larger.
    pub(super) fn on_report(
        &mut self,
        config: &TcpConfig,
        mtu: u32,
        position: u64,
        now: Instant,
    ) -> Reported {
        let mtu = match mtu {
            0 if config.is_linux() => u32::from(config.min_path_mtu),
            0 => below(self.size + headers(config)),
            _ => mtu,
        };
        let claimed = segment(mtu, config).max(self.floor);
        if claimed >= self.size {
            self.hint(claimed, position, now);
            return Reported::Nothing;
        }
        if self.proven > claimed && config.path_reports == PathReports::Doubt {
            self.watched.make().claim = Some(Claim { size: claimed, position });
            return Reported::Kept;
        }
        self.lower(config, claimed, now);
        Reported::Lowered
    }

    /// A report about the probe says where to search on.
    fn hint(&mut self, claimed: u32, position: u64, now: Instant) {
        let Some(probe) = self
            .watched
            .read(|watched| watched.probe)
            .filter(|probe| probe.start <= position && position < probe.end)
        else {
            return;
        };
        if claimed < probe.size && claimed + 1 < self.too_large {
            self.too_large = claimed + 1;
            self.search(now);
            if claimed > self.size {
                (self.candidate, self.probe_at) = (claimed, now);
            }
        }
    }

    /// The position that a report quoted which has not been borne out.
    pub(super) fn claimed(&self) -> Option<u64> {
        Some(self.watched.get()?.claim?.position)
    }

    /// What the report quoted that is kept seems to be lost: it was true. Says whether there was one.
    pub(super) fn claim_is_borne_out(&mut self, config: &TcpConfig, now: Instant) -> bool {
        let claim = self
            .watched
            .if_any()
            .and_then(|watched| watched.claim.take())
            .filter(|claim| claim.size < self.size);
        if let Some(claim) = claim {
            self.lower(config, claim.size, now);
        }
        claim.is_some()
    }

    /// What the report quoted has arrived: it is not true.
    pub(super) fn forget_claim(&mut self) {
        if let Some(watched) = self.watched.if_any() {
            watched.claim = None;
        }
    }

    /// Whether neither a probe nor a report waits for what becomes of a segment.
    #[inline]
    pub(super) fn awaits_nothing(&self) -> bool {
        self.watched.get().is_none_or(|watched| watched.probe.is_none() && watched.claim.is_none())
    }

    /// Everything before `una` is acknowledged, and something of it newly.
    pub(super) fn on_progress(&mut self, una: u64, now: Instant) {
        self.timeouts = 0;
        let Some(watched) = self.watched.if_any() else { return };
        watched.claim = watched.claim.filter(|claim| claim.position >= una);
        if let Some(witness) = watched.witness.filter(|witness| witness.end <= una) {
            self.proven = self.proven.max(witness.size);
            watched.witness = None;
        }
        if watched.probe.is_some_and(|probe| probe.end <= una) {
            self.probe_delivered(now);
        }
    }

    /// The retransmission timer has expired, and what it is about was sent in a segment of `size`. Says whether
    /// segments are to be smaller from now on (RFC 4821 §7.7, RFC 8899 §4.3): the base size after two timeouts in a
    /// row, and half of it after each further one.
    pub(super) fn on_timeout(&mut self, config: &TcpConfig, size: u32, now: Instant) -> bool {
        // Lost with everything else: that says nothing about its size (RFC 4821 §7.6.4).
        self.probe_inconclusive(now);
        if let Some(watched) = self.watched.if_any() {
            watched.witness = None;
            watched.before = watched.before.filter(|_| self.timeouts > 0);
        }
        self.timeouts = self.timeouts.saturating_add(1);
        let smaller = if self.size > self.base { self.base } else { (self.size / 2).max(self.floor) };
        let suspected = config.mtu_probing != MtuProbing::Off && self.timeouts >= TIMEOUTS;
        if !suspected || size <= smaller || self.size <= smaller {
            return false;
        }
        let watched = self.watched.make();
        if watched.before.is_none() {
            // More timeouts come from an outage than from a black hole: what was sent before is the first to be tried
            // again, and if that is lost too, once is enough.
            watched.before = Some(self.size);
            self.candidate = self.size;
            self.lost = MAX_PROBES - 1;
        }
        watched.claim = None;
        self.size = smaller;
        self.proven = 0;
        self.probe_at = now + PROBE_PAUSE;
        true
    }

    /// What had been sent before the timeouts has arrived: there was no black hole. Says whether segments are larger
    /// again.
    pub(super) fn on_spurious_timeout(&mut self, now: Instant) -> bool {
        self.timeouts = 0;
        let before = self.watched.if_any().and_then(|watched| watched.before.take());
        let before = before.filter(|&before| before > self.size);
        if let Some(before) = before {
            self.passed(before, now);
        }
        before.is_some()
    }

    /// The size of the probe that may go out now (RFC 4821 §7.4: not while one is under way, nor before its time).
    #[inline]
    pub(super) fn probe_due(&self, now: Instant) -> Option<u32> {
        // At the end of time it has not come either.
        let due = self.probe_at <= now
            && self.probe_at < Instant::MAX
            && self.watched.get().is_none_or(|watched| watched.probe.is_none());
        due.then_some(self.candidate).filter(|&candidate| candidate > self.size)
    }

    /// The probe has gone out.
    pub(super) fn probe_sent(&mut self, start: u64, end: u64) {
        let size = self.candidate;
        let watched = self.watched.make();
        debug_assert!(watched.probe.is_none() && start < end, "one probe at a time: {watched:?}");
        watched.probe = Some(Marked { start, end, size });
        watched.probes = watched.probes.saturating_add(1);
    }

    /// Probes that were sent, ever.
    pub(super) fn probes(&self) -> u32 {
        self.watched.read(|watched| watched.probes)
    }

    /// The positions of the probe that is under way.
    pub(super) fn probe(&self) -> Option<core::ops::Range<u64>> {
        self.watched.get()?.probe.map(|probe| probe.start..probe.end)
    }

    /// The probe has arrived: segments are as large as it from now on (RFC 4821 §7.6.1).
    pub(super) fn probe_delivered(&mut self, now: Instant) {
        if let Some(probe) = self.take_probe().filter(|probe| probe.size > self.size) {
            self.passed(probe.size, now);
        }
    }

    /// The probe is lost, and what was sent around it is not (RFC 4821 §7.6.2).
    pub(super) fn probe_lost(&mut self, now: Instant) {
        let Some(probe) = self.take_probe() else { return };
        if probe.size != self.candidate {
            // A report was faster, and has said where to go on.
            return;
        }
        self.lost += 1;
        if self.lost < MAX_PROBES {
            return self.pause(now);
        }
        self.too_large = self.too_large.min(probe.size);
        self.search(now);
        self.pause(now);
    }

    fn take_probe(&mut self) -> Option<Marked> {
        self.watched.if_any()?.probe.take()
    }

    /// The probe is lost, and others with it: that says nothing about its size (RFC 4821 §7.6.4).
    pub(super) fn probe_inconclusive(&mut self, now: Instant) {
        if self.take_probe().is_some() {
            self.pause(now);
        }
    }

    /// A segment of `size` with the positions `start..end` goes out; `again` if any of them did before.
    #[inline]
    pub(super) fn on_sent(&mut self, start: u64, end: u64, size: u32, again: bool) {
        if again {
            // Which of the copies arrives is not known, nor in how many pieces.
            let elsewhere = |other: &Marked| end <= other.start || other.end <= start;
            if let Some(watched) = self.watched.if_any() {
                watched.witness = watched.witness.filter(elsewhere);
                watched.probe = watched.probe.filter(elsewhere);
            }
        } else if size > self.proven {
            self.watched.make().witness.get_or_insert(Marked { start, end, size });
        }
    }

    /// Segments of this size pass, and larger ones may.
    fn passed(&mut self, size: u32, now: Instant) {
        debug_assert!(self.size < size && size <= self.ceiling, "{size} is no way up: {self:?}");
        if size >= self.too_large {
            // What did not pass before does now: the path has changed.
            self.too_large = self.ceiling + 1;
        }
        (self.size, self.proven) = (size, size);
        if let Some(watched) = self.watched.if_any() {
            watched.before = None;
            watched.probe = watched.probe.filter(|probe| probe.size > size);
        }
        self.search(now);
    }

    /// Nothing larger than `size` passes, as the network has told.
    fn lower(&mut self, config: &TcpConfig, size: u32, now: Instant) {
        debug_assert!(self.floor <= size && size < self.size, "{size} is no way down: {self:?}");
        self.size = size;
        self.too_large = size + 1;
        self.proven = 0;
        self.timeouts = 0;
        if let Some(watched) = self.watched.if_any() {
            *watched = Watched { probes: watched.probes, ..Watched::default() };
        }
        if config.mtu_probing == MtuProbing::Off {
            self.probe_at = Instant::MAX;
        } else {
            self.search(now);
        }
    }

    /// What to try next: the whole, then the middle of what is in doubt (RFC 4821 §7.3), and when that is not worth a
    /// probe any more, after a rest, the least of what did not pass. If that passes, the path has changed.
    fn search(&mut self, now: Instant) {
        self.lost = 0;
        self.probe_at = now;
        if self.size >= self.ceiling {
            self.probe_at = Instant::MAX;
        } else if self.too_large > self.ceiling {
            self.candidate = self.ceiling;
        } else if self.too_large > self.size + STEP {
            self.candidate = self.size.midpoint(self.too_large);
        } else {
            self.candidate = self.too_large.max(self.size + STEP).min(self.ceiling);
            self.probe_at = now + RAISE;
        }
    }

    /// Gives back memory where nothing is waited for.
    pub(super) fn rest(&mut self) {
        self.watched.rest();
    }

    /// Octets of memory held.
    pub(super) fn memory(&self) -> usize {
        self.watched.memory()
    }

    fn pause(&mut self, now: Instant) {
        self.probe_at = self.probe_at.max(now + PROBE_PAUSE);
    }

    /// What has to hold between any two calls.
    pub(super) fn holds(&self) -> bool {
        let seeks = self.probe_at != Instant::MAX;
        self.floor <= self.base
            && (self.floor..=self.ceiling).contains(&self.size)
            && (self.size + 1..=self.ceiling + 1).contains(&self.too_large)
            && self.proven <= self.ceiling
            && self.lost < MAX_PROBES
            && (!seeks || (self.size + 1..=self.ceiling).contains(&self.candidate))
            && self.watched.get().is_none_or(|watched| {
                watched.claim.is_none_or(|claim| self.floor <= claim.size && claim.size < self.size)
                    && watched.probe.is_none_or(|probe| probe.size > self.size && probe.size <= self.ceiling)
            })
    }
}

/// Octets of a packet that are neither payload nor TCP options.
fn headers(config: &TcpConfig) -> u32 {
    u32::from(config.ip_header) + TCP_HEADER
}

/// The size of the segment that fills a packet.
fn segment(mtu: u32, config: &TcpConfig) -> u32 {
    mtu.saturating_sub(headers(config))
}

/// The next plateau below.
fn below(mtu: u32) -> u32 {
    PLATEAUS.into_iter().find(|&plateau| plateau < mtu).unwrap_or(0)
}

#[cfg(test)]
mod tests;
