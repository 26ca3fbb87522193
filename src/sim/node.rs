//! What a world can drive.

use super::oracle::Fault;
use crate::{Event, Instant, State};

/// Something that sends and receives IP packets: an end of a connection, or any other stack.
///
/// After each call of `handle_packet` or `handle_timeout` the world takes packets until there is none, and then
/// asks for the next deadline.
pub trait Node {
    /// A packet arrives, as the link left it.
    fn handle_packet(&mut self, now: Instant, packet: &[u8]);

    /// Writes the next packet to send and gives its length; `None` when there is nothing to send. `out` holds any
    /// IP packet.
    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<usize>;

    /// Time has come to a deadline. Afterwards, when all packets have been taken, the next deadline is later.
    fn handle_timeout(&mut self, now: Instant);

    /// When to call `handle_timeout`; `None` if only a packet can make this node go on.
    fn poll_timeout(&self) -> Option<Instant>;

    /// The next change of a state since the last call, in order; for the log of transitions.
    fn poll_change(&mut self) -> Option<Change> {
        None
    }

    /// What this node has found wrong with what it was handed.
    fn fault(&self) -> Option<Fault> {
        None
    }
}

/// A machine went from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// What happened to it.
    pub event: Event,
    /// The state before.
    pub from: State,
    /// The state after.
    pub to: State,
}
