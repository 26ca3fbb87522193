//! The stacks, behind one set of calls.

mod netstack3;
mod smoltcp;
mod tcpstate;

use crate::script::Script;
use ::tcpstate::State;

/// The libraries that are compared. The first is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Library {
    Tcpstate,
    Smoltcp,
    Netstack3,
}

impl Library {
    /// Those that ours is compared with.
    pub const OTHERS: [Self; 2] = [Self::Smoltcp, Self::Netstack3];

    pub fn name(self) -> &'static str {
        match self {
            Self::Tcpstate => "tcpstate",
            Self::Smoltcp => "smoltcp",
            Self::Netstack3 => "netstack3",
        }
    }

    /// A stack that has not been called yet, at time 0.
    pub fn start(self, script: &Script) -> Box<dyn Stack> {
        match self {
            Self::Tcpstate => Box::new(tcpstate::Tcpstate::new(script)),
            Self::Smoltcp => Box::new(smoltcp::Smoltcp::new(script)),
            Self::Netstack3 => Box::new(netstack3::Netstack3::new(script)),
        }
    }
}

/// What a call of the user came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// So many octets were taken.
    Took(usize),
    /// These were read.
    Read(Vec<u8>),
    /// Nothing to read, or no room to write, and that may change.
    Nothing,
    /// The peer has sent its FIN, and all was read.
    End,
    /// It was done.
    Done,
    /// The connection is over, or this direction of it.
    Refused,
    /// There is no connection yet that its user could know.
    NoConnection,
}

/// A stack with one socket. Times are microseconds.
pub trait Stack {
    /// A packet comes in.
    fn deliver(&mut self, now: u64, packet: &[u8]);
    /// Packets that are to be sent now.
    fn take(&mut self, now: u64) -> Vec<Vec<u8>>;
    /// When it wants to be called next.
    fn deadline(&mut self) -> Option<u64>;
    /// Fires what is due.
    fn fire(&mut self, now: u64);
    /// The state of the connection, where it can be seen.
    fn state(&self) -> Option<State>;
    fn send(&mut self, now: u64, octets: &[u8]) -> Call;
    fn receive(&mut self, now: u64, most: usize) -> Call;
    fn shutdown(&mut self, now: u64) -> Call;
    fn abort(&mut self, now: u64) -> Call;
    /// Where the connection stands, for the rules; ours alone tells.
    fn variables(&self) -> Option<Variables> {
        None
    }
}

/// The variables of RFC 9293 §3.3.1, before a segment arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variables {
    pub snd_una: u32,
    pub snd_max: u32,
    pub snd_wnd: u32,
    pub rcv_nxt: u32,
    pub rcv_wnd: u32,
    /// Octets wait behind a gap.
    pub gap: bool,
    pub cwnd: u32,
    /// Of a full segment.
    pub full: u32,
}
