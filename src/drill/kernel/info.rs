//! What `TCP_INFO` tells, under the names that Linux' and FreeBSD's structures have, in their units. What the machine does
//! not know is not here.

use alloc::collections::BTreeMap;
use core::time::Duration;

use super::tally::Tally;
use super::{Kernel, constants};
use crate::drill::Personality;
use crate::tcp::{RecoveryPhase, Tcb, TcpInfo};
use crate::{Instant, State};

/// Names that code in a script may use, and their values.
pub(in crate::drill) type Symbols = BTreeMap<&'static str, i128>;

/// What stands for no threshold.
const NO_SSTHRESH: i128 = 0x7fff_ffff;

impl Kernel {
    /// The constants, and what there is to tell of the connection under test, or else of a listener, under their names.
    pub(in crate::drill) fn symbols(&self, now: Instant) -> Symbols {
        let mut symbols = Symbols::new();
        for (name, value) in constants::all(self.personality()) {
            symbols.insert(name, value.into());
        }
        symbols.extend(self.tcp_info(now, self.informed()));
        symbols
    }

    /// The descriptor that code speaks of.
    fn informed(&self) -> Option<i64> {
        let subject = self.subject.map(|(fd, ..)| fd).filter(|fd| self.sockets.contains_key(fd));
        subject
            .or_else(|| {
                self.sockets.iter().find(|(_, socket)| socket.listener().is_some()).map(|(&fd, _)| fd)
            })
            .or_else(|| self.sockets.keys().next().copied())
    }

    /// What `TCP_INFO` tells of a descriptor.
    pub(super) fn tcp_info(&self, now: Instant, fd: Option<i64>) -> BTreeMap<&'static str, i128> {
        let mut told = BTreeMap::new();
        let Some((fd, socket)) = fd.and_then(|fd| Some((fd, self.sockets.get(&fd)?))) else { return told };
        let personality = self.personality();
        let Some(machine) = self.machine(fd) else {
            let state = if socket.listener().is_some() { State::Listen } else { State::Closed };
            told.insert("tcpi_state", state_number(personality, state));
            return told;
        };
        let info = machine.info(now);
        told.insert("tcpi_state", state_number(personality, info.state));
        match personality {
            Personality::Linux => {
                linux(&mut told, machine, &info);
                told.insert("tcpi_pmtu", self.path_mtu(now, machine).into());
                if let Some(stream) = self.stream(fd) {
                    counts(&mut told, now, &self.tally(&stream.tuple), machine);
                }
            }
            Personality::FreeBsd => freebsd(&mut told, machine, &info),
        }
        told
    }
}

impl Kernel {
    /// The path's MTU as Linux tells it: that of the link, until a router has reported less.
    pub(super) fn path_mtu(&self, now: Instant, machine: &Tcb) -> u32 {
        let info = machine.info(now);
        if machine.path_was_lowered() { info.path_mtu } else { self.at.mtu.into() }
    }
}

/// What is known from the packets alone.
fn counts(told: &mut BTreeMap<&'static str, i128>, now: Instant, tally: &Tally, machine: &Tcb) {
    told.insert("tcpi_segs_out", tally.segments_out.into());
    told.insert("tcpi_segs_in", tally.segments_in.into());
    told.insert("tcpi_data_segs_out", tally.data_out.into());
    told.insert("tcpi_data_segs_in", tally.data_in.into());
    told.insert("tcpi_bytes_sent", tally.octets_out.into());
    let outstanding = machine.outstanding();
    let waiting = outstanding.segments.saturating_sub(outstanding.sacked);
    told.insert("tcpi_delivered", tally.originals.saturating_sub(waiting).into());
    for (name, at) in [
        ("tcpi_last_data_sent", tally.data_sent_at),
        ("tcpi_last_data_recv", tally.data_came_at),
        ("tcpi_last_ack_recv", tally.ack_came_at),
    ] {
        if let Some(at) = at {
            told.insert(name, i128::try_from(now.since(at).as_millis()).unwrap_or(i128::MAX));
        }
    }
}

/// The number that the system gives a state. On Linux a socket in TIME-WAIT is closed: another one waits.
fn state_number(personality: Personality, state: State) -> i128 {
    let (linux, freebsd) = match state {
        State::Closed => (7, 0),
        State::Listen => (10, 1),
        State::SynSent => (2, 2),
        State::SynReceived => (3, 3),
        State::Established => (1, 4),
        State::CloseWait => (8, 5),
        State::FinWait1 => (4, 6),
        State::Closing => (11, 7),
        State::LastAck => (9, 8),
        State::FinWait2 => (5, 9),
        State::TimeWait => (7, 10),
    };
    match personality {
        Personality::Linux => linux,
        Personality::FreeBsd => freebsd,
    }
}

fn micros(span: Duration) -> i128 {
    i128::try_from(span.as_micros()).unwrap_or(i128::MAX)
}

/// Octets in full segments: a rest counts as one.
fn segments(octets: u64, mss: u32) -> i128 {
    i128::from(octets.div_ceil(u64::from(mss.max(1))))
}

/// What both systems tell in the same way.
fn common(told: &mut BTreeMap<&'static str, i128>, machine: &Tcb, info: &TcpInfo) {
    let mut options = 0;
    let (theirs, ours) = info.window_scales;
    for (is_on, bit) in [
        (info.timestamps, 1),
        (info.sack, 2),
        (theirs > 0 || ours > 0, 4),
        (info.ecn, 8),
        (info.ecn && info.marks_received > 0, 16),
        (machine.took_syn_data(), 32),
    ] {
        if is_on {
            options |= bit;
        }
    }
    told.insert("tcpi_options", options);
    told.insert("tcpi_snd_wscale", theirs.into());
    told.insert("tcpi_rcv_wscale", ours.into());
    told.insert("tcpi_rto", micros(info.rto));
    told.insert("tcpi_rtt", info.srtt.map_or(0, micros));
    told.insert("tcpi_rttvar", info.rttvar.map_or(0, micros));
}

fn linux(told: &mut BTreeMap<&'static str, i128>, machine: &Tcb, info: &TcpInfo) {
    common(told, machine, info);
    let mss = info.mss;
    let phase = match info.recovery {
        RecoveryPhase::Open => 0,
        RecoveryPhase::Disorder => 1,
        RecoveryPhase::Cwr => 2,
        RecoveryPhase::Recovery => 3,
        RecoveryPhase::Loss => 4,
    };
    told.insert("tcpi_ca_state", phase);
    told.insert("tcpi_backoff", info.backoff.into());
    told.insert("tcpi_snd_mss", mss.into());
    told.insert("tcpi_advmss", machine.config().mss.into());
    let outstanding = machine.outstanding();
    told.insert("tcpi_unacked", outstanding.segments.into());
    told.insert("tcpi_sacked", outstanding.sacked.into());
    told.insert("tcpi_lost", outstanding.lost.into());
    told.insert("tcpi_retrans", outstanding.repeated.into());
    told.insert("tcpi_fackets", 0);
    told.insert("tcpi_retransmits", machine.timeouts_in_a_row().into());
    told.insert("tcpi_probes", machine.unanswered_probes().into());
    told.insert("tcpi_rcv_mss", machine.full_size().into());
    told.insert("tcpi_total_rto", info.timeouts.into());
    if !info.reordering_seen {
        told.insert("tcpi_reordering", 3);
        told.insert("tcpi_reord_seen", 0);
    }
    if info.timeouts == 0 {
        told.insert("tcpi_rehash", 0);
    }
    // Later they follow what is read, in a way of Linux' own.
    if machine.readable_to() == 0 {
        let offered = info.receive_buffer.min(65_535);
        told.insert("tcpi_rcv_ssthresh", offered.into());
        told.insert("tcpi_rcv_space", offered.min(10 * u32::from(machine.config().mss)).into());
    }
    told.insert("tcpi_snd_cwnd", segments(info.cwnd.into(), mss));
    let ssthresh = info.ssthresh.map_or(NO_SSTHRESH, |octets| i128::from(octets / mss.max(1)));
    told.insert("tcpi_snd_ssthresh", ssthresh);
    told.insert("tcpi_total_retrans", info.retransmissions.into());
    told.insert("tcpi_bytes_retrans", info.retransmitted.into());
    // A SYN of our own counts, and so do FINs.
    let ended = matches!(info.state, State::FinWait2 | State::TimeWait);
    let controls = u64::from(!machine.is_passive() && info.state.is_synchronized()) + u64::from(ended);
    told.insert("tcpi_bytes_acked", (machine.acked_to() + controls).into());
    told.insert("tcpi_bytes_received", (machine.readable_to() + u64::from(machine.peer_has_closed())).into());
    told.insert("tcpi_notsent_bytes", info.unsent.into());
    told.insert("tcpi_min_rtt", info.min_rtt.map_or(0xffff_ffff, micros));
    told.insert("tcpi_delivery_rate", info.delivery_rate.into());
    told.insert("tcpi_delivery_rate_app_limited", info.delivery_rate_app_limited.into());
    let busy = info.limited_by_user + info.limited_by_network + info.limited_by_peer;
    told.insert("tcpi_busy_time", micros(busy));
    told.insert("tcpi_rwnd_limited", micros(info.limited_by_peer));
    told.insert("tcpi_snd_wnd", info.snd_wnd.into());
    told.insert("tcpi_rcv_wnd", info.rcv_wnd.into());
    told.insert("tcpi_dsack_dups", info.spurious_retransmissions.into());
}

fn freebsd(told: &mut BTreeMap<&'static str, i128>, machine: &Tcb, info: &TcpInfo) {
    common(told, machine, info);
    // FreeBSD counts windows in octets.
    told.insert("tcpi_snd_cwnd", info.cwnd.into());
    let ssthresh = info.ssthresh.map_or(0x3fff_c000, i128::from);
    told.insert("tcpi_snd_ssthresh", ssthresh);
    // Timestamps are not taken off.
    let options = if info.timestamps { 12 } else { 0 };
    told.insert("tcpi_snd_mss", (info.mss + options).into());
    told.insert("tcpi_rcv_mss", (info.mss + options).into());
    told.insert("tcpi_snd_wnd", info.snd_wnd.into());
    told.insert("tcpi_rcv_space", info.rcv_wnd.into());
    told.insert("tcpi_snd_nxt", machine.snd_nxt().get().into());
    told.insert("tcpi_rcv_nxt", machine.rcv_nxt().get().into());
    told.insert("tcpi_snd_rexmitpack", info.retransmissions.into());
}
