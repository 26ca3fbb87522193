//! The connections of a host as one looks at them from outside: the like of `ss -tin`.

use core::fmt;
use core::time::Duration;

use super::flow::Marks;
use super::{ConnId, FiveTuple, Host, RowView};
use crate::tcp::{CloseReason, TcpInfo};
use crate::{Instant, State};

/// One connection at one moment, from [`Host::connections`]. Its `Display` takes three lines.
///
/// The first: state, [`unread`](Self::unread), [`unacknowledged`](Self::unacknowledged), our socket and the peer's, then
/// how it ended, and whether it is an orphan. The second: what was agreed on, the window scale of the peer before
/// ours, sizes, and memory. The third: what the sender is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ConnectionView {
    /// Its id as a number: [`ConnId::to_bits`].
    pub id: u64,
    /// The number that its user has marked it with.
    pub tag: u64,
    /// Our own socket, and the peer's.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_text"))]
    pub tuple: FiveTuple,
    /// The state of the machine.
    pub state: State,
    /// How it ended, if it has.
    pub close_reason: Option<CloseReason>,
    /// Its user has released it.
    pub orphan: bool,
    /// Octets that wait to be read.
    pub unread: usize,
    /// Octets that were queued and are not acknowledged.
    pub unacknowledged: usize,
    /// Octets of memory in its buffers.
    pub memory: usize,
    /// When its next timer expires.
    pub deadline: Option<Instant>,
    /// What the machine tells.
    pub tcp: TcpInfo,
}

impl Host {
    /// All connections, in a fixed order; released ones that are not over as well.
    ///
    /// ```
    /// # use tcpstate::Instant;
    /// # use tcpstate::host::{Host, HostConfig, LocalAddress};
    /// # let mut config = HostConfig::default();
    /// # config.addresses.push(LocalAddress::new("10.0.0.1".parse()?, 24));
    /// # let mut host = Host::new(config, [1; 32])?;
    /// # let now = Instant::ZERO;
    /// host.connect(now, "10.0.0.2:80".parse()?)?;
    /// for connection in host.connections(now) {
    ///     println!("{connection}");
    /// }
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn connections(&self, now: Instant) -> impl Iterator<Item = ConnectionView> {
        self.flows.iter().map(move |(index, flow)| ConnectionView {
            id: self.id(index).to_bits(),
            tag: flow.tag,
            tuple: flow.tuple,
            state: flow.connection.state(),
            close_reason: flow.close_reason(),
            orphan: flow.marks.has(Marks::ORPHAN),
            unread: flow.connection.unread(),
            unacknowledged: flow.connection.unacknowledged(),
            memory: flow.held as usize,
            deadline: flow.connection.poll_timeout(),
            tcp: flow.connection.info(now),
        })
    }

    /// Rows that stand for connections, in a fixed order: those that are half-open, then those in TIME-WAIT. A connection
    /// in TIME-WAIT whose id is still held is among [`connections`](Self::connections) too.
    pub fn rows(&self) -> impl Iterator<Item = RowView> {
        self.passive.rows()
    }

    /// Every id that names something, in a fixed order.
    pub fn ids(&self) -> impl Iterator<Item = ConnId> {
        self.flows.iter().filter(|(_, flow)| !flow.marks.has(Marks::ORPHAN)).map(|(index, _)| self.id(index))
    }
}

impl fmt::Display for ConnectionView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (local, remote) = (self.tuple.local(), self.tuple.remote());
        write!(f, "{:<12} {:>8} {:>8}  {local} {remote}", self.state, self.unread, self.unacknowledged)?;
        if let Some(reason) = self.close_reason {
            write!(f, "  {reason}")?;
        }
        if self.orphan {
            f.write_str("  orphan")?;
        }
        let tcp = &self.tcp;
        write!(f, "\n    {}", tcp.algorithm.name())?;
        for (is_on, word) in [(tcp.timestamps, "ts"), (tcp.sack, "sack"), (tcp.ecn, "ecn")] {
            if is_on {
                write!(f, " {word}")?;
            }
        }
        let (theirs, ours) = tcp.window_scales;
        write!(f, " wscale:{theirs},{ours} mss:{} pmtu:{} mem:{}", tcp.mss, tcp.path_mtu, self.memory)?;
        write!(f, "\n    {} cwnd:{}", tcp.recovery.name(), tcp.cwnd)?;
        if let Some(ssthresh) = tcp.ssthresh {
            write!(f, " ssthresh:{ssthresh}")?;
        }
        if let (Some(srtt), Some(rttvar)) = (tcp.srtt, tcp.rttvar) {
            write!(f, " rtt:{}/{}", Millis(srtt), Millis(rttvar))?;
        }
        write!(f, " rto:{} pipe:{}", Millis(tcp.rto), tcp.pipe)
    }
}

/// The flow as it is printed.
#[cfg(feature = "serde")]
fn as_text<S: serde::Serializer>(tuple: &FiveTuple, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(tuple)
}

/// Milliseconds with as many places as are of interest.
struct Millis(Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        match micros {
            0..10_000 => write!(f, "{}.{:03}ms", micros / 1_000, micros % 1_000),
            _ => write!(f, "{}ms", micros / 1_000),
        }
    }
}
