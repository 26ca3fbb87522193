//! What is explored: the choices of both machines, what users do, and how much may go wrong.

use std::time::Duration;

use tcpstate::tcp::{SegmentMeta, TcpConfig, Verdict};

use super::world::{Budget, OCTETS};

/// A world to explore, with its bounds.
#[derive(Clone, Debug)]
pub struct Rules {
    /// As the documentation calls it.
    pub name: &'static str,
    /// The choices of each machine.
    pub config: [TcpConfig; 2],
    /// How each end may be opened: actively, passively.
    pub opens: [[bool; 2]; 2],
    /// Octets that each user sends, at the most.
    pub octets: [u8; 2],
    /// Each gives them all at once.
    pub whole: bool,
    /// Users may say that they have no more to send and go on reading,
    pub half_close: bool,
    /// let go,
    pub close: bool,
    /// abort,
    pub abort: bool,
    /// and read when they like. Otherwise they read all there is at once.
    pub slow_readers: bool,
    /// What was doubled or overtaken may arrive at any time later. Otherwise it does before the next deadline, unless a delay is
    /// spent on it.
    pub late_strays: bool,
    /// What may go wrong.
    pub budget: Budget,
    /// A mistake that is planted, to see whether it is found.
    pub fault: Option<Fault>,
}

/// A mistake between the machine and the world: each part may change what goes by.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// A segment that this end sends.
    pub sent: fn(usize, &mut SegmentMeta),
    /// A segment that arrives at this end; false if it does not.
    pub arrives: fn(usize, &mut SegmentMeta) -> bool,
    /// What this end answers.
    pub verdict: fn(usize, &mut Verdict),
}

impl Rules {
    /// The default machine, called and calling; users do what they like.
    pub fn new(name: &'static str) -> Self {
        let mut config = TcpConfig::default();
        // How long they wait makes no difference but to the total: see `EXPLORED`.
        (config.time_wait, config.fin_wait_2) = (Duration::from_secs(30), Duration::from_secs(20));
        Self {
            name,
            config: [config; 2],
            opens: [[true, false], [false, true]],
            octets: [OCTETS as u8; 2],
            whole: false,
            half_close: true,
            close: true,
            abort: true,
            slow_readers: false,
            late_strays: true,
            budget: Budget::CI,
            fault: None,
        }
    }
}
