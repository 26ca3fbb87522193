//! Which connection a packet belongs to, and what the numbers of a script are on the wire.
//!
//! A script counts both streams from their SYN: its number 1 is the first octet. The wire counts from the initial
//! sequence numbers. That of the peer is the script's own choice and goes out as it is; ours is learned from the SYN or
//! SYN,ACK when it is sent.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use super::live::Sniffed;
use crate::Instant;
use crate::drill::script::PortPair;
use crate::wire::IpProtocol;

/// The first port of peers that a script does not name a port for.
const FIRST_REMOTE_PORT: u16 = 40_001;

/// The initial sequence numbers that a packet is read with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::drill) struct Origins {
    /// Ours on the wire, once a SYN of ours has gone.
    pub(in crate::drill) local: Option<u32>,
    /// What the script has in its place; 0 unless its SYN says something else.
    pub(in crate::drill) local_in_script: Option<u32>,
    /// The peer's, which is the same on the wire and in the script.
    pub(in crate::drill) remote: Option<u32>,
    /// The first timestamp of ours that a line has told: in the script, and on the wire.
    pub(in crate::drill) stamp: Option<(u32, u32)>,
}

/// Two ends that packets go between.
#[derive(Clone, Debug)]
pub(in crate::drill) struct Flow {
    pub(in crate::drill) protocol: IpProtocol,
    pub(in crate::drill) local: SocketAddr,
    pub(in crate::drill) remote: SocketAddr,
    pub(in crate::drill) origins: Origins,
    /// What was sent and no line has taken yet.
    pub(super) sent: VecDeque<Sniffed>,
    /// The last packet that was sent, for ICMP errors that do not say what they are about.
    pub(super) last: Option<bytes::Bytes>,
    /// Timestamps of ours: what the wire has for what the script has.
    pub(super) stamps: BTreeMap<u32, u32>,
    /// The number of the last SYN that came, which holds once it is answered.
    pub(super) offered: Option<u32>,
    /// We have opened it, and no line was about it yet.
    pub(super) unclaimed: bool,
    /// The peer's maximum segment size, if he has told it.
    pub(super) peer_mss: Option<u16>,
    /// The smallest path MTU that an ICMP error has told of.
    pub(super) path_mtu: Option<u32>,
}

impl Flow {
    pub(in crate::drill) fn new(protocol: IpProtocol, local: SocketAddr, remote: SocketAddr) -> Self {
        Self {
            protocol,
            local,
            remote,
            origins: Origins::default(),
            sent: VecDeque::new(),
            last: None,
            stamps: BTreeMap::new(),
            offered: None,
            unclaimed: false,
            peer_mss: None,
            path_mtu: None,
        }
    }

    /// Octets of payload and options in the largest segment of ours, in packets of at most this size.
    pub(super) fn full_size(&self, mtu: u16) -> u32 {
        let (headers, untold) = if self.local.is_ipv4() { (40, 536) } else { (60, 1220) };
        let mtu = self.path_mtu.unwrap_or(u32::MAX).min(u32::from(mtu));
        mtu.saturating_sub(headers).min(u32::from(self.peer_mss.unwrap_or(untold)))
    }

    /// A SYN of ours with this number goes out. A number that is not the one before is that of a new connection of the
    /// same name.
    pub(in crate::drill) fn syn_goes_out(&mut self, seq: u32, acknowledges: bool) {
        if self.origins.local == Some(seq) {
            return;
        }
        let remote = self.origins.remote;
        self.origins = Origins { local: Some(seq), remote, ..Origins::default() };
        if acknowledges {
            self.origins.remote = self.offered.or(self.origins.remote);
        } else {
            self.origins.remote = None;
        }
        self.stamps.clear();
    }

    /// The peer's SYN has this number. It is the one that counts from now on where there is no connection yet; else only
    /// if it is answered with a SYN of ours that begins a new one.
    pub(in crate::drill) fn syn_comes_in(&mut self, seq: u32, is_new: bool) {
        self.offered = Some(seq);
        if is_new || self.origins.remote.is_none() {
            self.origins.remote = Some(seq);
        }
    }

    /// A line has told what the wire has for this timestamp of the script.
    pub(super) fn learn_stamp(&mut self, script: u32, live: u32) {
        self.stamps.insert(script, live);
        self.origins.stamp.get_or_insert((script, live));
    }

    /// What the wire has for an echo of the script; `None` if that was never sent.
    pub(super) fn echo(&self, script: u32, scaled: bool) -> Option<u32> {
        let known = self.stamps.get(&script).copied();
        known.or_else(|| if scaled { self.reckon(script) } else { None })
    }

    /// An echo of what was not sent, on the line through the first and the last that were.
    fn reckon(&self, script: u32) -> Option<u32> {
        let (first, live) = self.origins.stamp?;
        let (&last, &last_live) = self.stamps.last_key_value()?;
        let distance = i64::from(script.wrapping_sub(first).cast_signed());
        let run = i64::from(last.wrapping_sub(first).cast_signed());
        let rise = i64::from(last_live.wrapping_sub(live).cast_signed());
        let scaled = if run == 0 { distance } else { distance * rise / run };
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "numbers on a circle of 2³²"
        )]
        Some(live.wrapping_add(scaled as u32))
    }
}

/// All that packets have gone between.
#[derive(Clone, Debug, Default)]
pub(super) struct Flows {
    all: Vec<Flow>,
    by_ends: BTreeMap<(IpProtocol, SocketAddr, SocketAddr), usize>,
    /// By the ports that the script has for them: ours first.
    by_script: BTreeMap<(IpProtocol, u16, u16), usize>,
    /// What lines without ports are about, of TCP and of UDP.
    tcp: Option<usize>,
    udp: Option<usize>,
    next_port: u16,
    awaits: Awaits,
}

/// Whether somebody listens who has not been called yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Awaits {
    #[default]
    Nobody,
    /// Somebody does, and it is the last that was opened.
    Caller,
    /// Somebody does, and since then we have opened a connection ourselves.
    CallerBesides,
}

impl Flows {
    pub(super) fn get(&self, index: usize) -> Option<&Flow> {
        self.all.get(index)
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Flow> {
        self.all.get_mut(index)
    }

    /// Somebody listens: who calls next is new.
    pub(super) const fn awaits_caller(&mut self) {
        self.awaits = Awaits::Caller;
    }

    /// We open the connection of this number.
    pub(super) fn opened(&mut self, index: usize) {
        if self.awaits == Awaits::Caller {
            self.awaits = Awaits::CallerBesides;
        }
        if let Some(flow) = self.all.get_mut(index) {
            flow.unclaimed = true;
        }
        self.tcp = Some(index);
    }

    /// What lines without ports are about.
    pub(super) const fn current(&self, protocol: IpProtocol) -> Option<usize> {
        match protocol {
            IpProtocol::TCP => self.tcp,
            IpProtocol::UDP => self.udp,
            _ => None,
        }
    }

    pub(super) const fn set_current(&mut self, protocol: IpProtocol, index: usize) {
        match protocol {
            IpProtocol::TCP => self.tcp = Some(index),
            IpProtocol::UDP => self.udp = Some(index),
            _ => {}
        }
    }

    /// Whether there is more than one.
    pub(super) fn are_several(&self) -> bool {
        self.all.len() > 1
    }

    /// The flow between these ends.
    pub(super) fn find(&self, protocol: IpProtocol, local: SocketAddr, remote: SocketAddr) -> Option<usize> {
        self.by_ends.get(&(protocol, local, remote)).copied()
    }

    /// The flow between these ends, which is made if there is none, and whether it was made.
    pub(super) fn between(
        &mut self,
        protocol: IpProtocol,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> (usize, bool) {
        let next = self.all.len();
        let index = *self.by_ends.entry((protocol, local, remote)).or_insert(next);
        if index == next {
            self.all.push(Flow::new(protocol, local, remote));
        }
        (index, index == next)
    }

    /// The flow that an inbound line is about: that of its ports, or else the current one, or a new caller.
    pub(super) fn of_inbound(
        &mut self,
        protocol: IpProtocol,
        ports: Option<PortPair>,
        opens: bool,
        local: SocketAddr,
        remote: IpAddr,
    ) -> usize {
        if let Some(PortPair { source, destination }) = ports {
            let known = self.by_script.get(&(protocol, destination, source)).copied();
            let ends = (SocketAddr::new(local.ip(), destination), SocketAddr::new(remote, source));
            return known.unwrap_or_else(|| self.between(protocol, ends.0, ends.1).0);
        }
        let current = self.current(protocol);
        let has_peer = current.and_then(|index| self.get(index)?.origins.remote).is_some();
        let awaited = match self.awaits {
            Awaits::Nobody => false,
            Awaits::Caller => true,
            // A SYN may be the other half of a simultaneous opening.
            Awaits::CallerBesides => opens && has_peer,
        };
        match current.filter(|_| protocol != IpProtocol::TCP || !awaited) {
            Some(index) => index,
            None => {
                self.awaits = if protocol == IpProtocol::TCP { Awaits::Nobody } else { self.awaits };
                self.new_caller(protocol, local, remote)
            }
        }
    }

    fn new_caller(&mut self, protocol: IpProtocol, local: SocketAddr, remote: IpAddr) -> usize {
        loop {
            let port = FIRST_REMOTE_PORT.wrapping_add(self.next_port);
            self.next_port = self.next_port.wrapping_add(1);
            let (index, is_new) = self.between(protocol, local, SocketAddr::new(remote, port));
            // All 65,536 in use: then the one that was found has to do.
            if is_new || self.next_port == 0 {
                return index;
            }
        }
    }

    /// The flow that an outbound line is about; `None` if it has not been seen yet.
    ///
    /// Ports of ours that the system chose are not those of the script: a line that names a port that is unknown claims
    /// the connection that was opened first among those that no line has claimed. So does a line with our SYN; but a
    /// connection whose SYN went out before `not_before` is not meant where there is another.
    pub(super) fn of_outbound(
        &mut self,
        protocol: IpProtocol,
        ports: Option<PortPair>,
        opens: Option<Instant>,
        (local, remote): (IpAddr, IpAddr),
    ) -> Option<usize> {
        let Some(PortPair { source, destination }) = ports else {
            let opened = |not_before: Instant| {
                self.unclaimed(protocol, None, not_before)
                    .or_else(|| self.unclaimed(protocol, None, Instant::ZERO))
            };
            return opens.and_then(opened).or_else(|| self.current(protocol));
        };
        let key = (protocol, source, destination);
        if let Some(&index) = self.by_script.get(&key) {
            return Some(index);
        }
        let ends = (SocketAddr::new(local, source), SocketAddr::new(remote, destination));
        let exact = self.find(protocol, ends.0, ends.1);
        let index = exact.or_else(|| self.unclaimed(protocol, Some(destination), Instant::ZERO))?;
        self.by_script.insert(key, index);
        Some(index)
    }

    /// The first flow that we have opened and that no line was about, to that port of the peer if one is asked for.
    fn unclaimed(&self, protocol: IpProtocol, remote: Option<u16>, not_before: Instant) -> Option<usize> {
        self.all.iter().position(|flow| {
            let fits = remote.is_none_or(|port| flow.remote.port() == port);
            let late = flow.sent.front().is_none_or(|sniffed| sniffed.at >= not_before);
            flow.unclaimed && flow.protocol == protocol && fits && late
        })
    }

    /// A packet that was sent of another flow than this, to tell of it.
    pub(super) fn sent_elsewhere(&self, but: Option<usize>) -> Option<&Sniffed> {
        let others = self.all.iter().enumerate().filter(|&(index, _)| Some(index) != but);
        others.filter_map(|(_, flow)| flow.sent.front()).min_by_key(|sniffed| sniffed.at)
    }
}
