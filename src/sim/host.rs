//! A node that is a [`Host`], and the user who sits on it.

use alloc::vec::Vec;

use super::node::Node;
use super::oracle::Fault;
use crate::Instant;
use crate::host::{Host, Ingress};

/// Whoever uses a host in a [`World`](super::World): called whenever there may be something to do.
pub trait HostUser {
    /// Acts: takes events, reads, writes, opens and closes. Called at least once after every packet, deadline and touch
    /// from outside, and often when there is nothing to do. Everything done here is done at `now`.
    fn act(&mut self, now: Instant, host: &mut Host);

    /// When to act though nothing arrives; later than the last `now`, or never.
    fn wakes(&self) -> Option<Instant> {
        None
    }

    /// A packet that the host left to its embedder ([`Ingress::Raw`]).
    fn raw(&mut self, _now: Instant, _packet: &[u8]) {}

    /// A packet that the user has made: it is sent as it is, before the host's own.
    fn poll_raw(&mut self) -> Option<Vec<u8>> {
        None
    }

    /// What the user has found wrong.
    fn fault(&self) -> Option<Fault> {
        None
    }
}

/// A [`Host`] and its user: a node of a [`World`](super::World).
///
/// ```
/// use tcpstate::Instant;
/// use tcpstate::host::{Host, HostConfig, LocalAddress};
/// use tcpstate::sim::{HostNode, HostUser, LinkConfig, World};
///
/// struct Caller(bool);
///
/// impl HostUser for Caller {
///     fn act(&mut self, now: Instant, host: &mut Host) {
///         if !core::mem::replace(&mut self.0, true) {
///             host.connect(now, "192.0.2.2:80".parse().unwrap()).unwrap();
///         }
///     }
/// }
///
/// let host = |ip: &str, key| {
///     let mut config = HostConfig::default();
///     config.addresses.push(LocalAddress::new(ip.parse().unwrap(), 24));
///     Host::new(config, [key; 32])
/// };
/// let mut world = World::new(1);
/// let caller = world.add(HostNode::new(host("192.0.2.1", 1)?, Caller(false)));
/// let called = world.add(HostNode::new(host("192.0.2.2", 2)?, Caller(true)));
/// world.link(caller, called, LinkConfig::default());
/// world.link(called, caller, LinkConfig::default());
/// world.run_until(Instant::from_nanos(1_000_000_000))?;
/// assert!(world.node(called).is_some_and(|node| node.host().stats().packets_in > 0));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct HostNode<U> {
    host: Host,
    user: U,
    /// What the host asked for when it was last looked after.
    deadline: Option<Instant>,
}

impl<U: HostUser> HostNode<U> {
    /// A node of this host and its user.
    #[must_use]
    pub const fn new(host: Host, user: U) -> Self {
        Self { host, user, deadline: None }
    }

    /// The host.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The host, to be changed from outside: see [`World::touch`](super::World::touch).
    pub const fn host_mut(&mut self) -> &mut Host {
        &mut self.host
    }

    /// The user.
    #[must_use]
    pub const fn user(&self) -> &U {
        &self.user
    }

    /// The user, to be changed from outside: see [`World::touch`](super::World::touch).
    pub const fn user_mut(&mut self) -> &mut U {
        &mut self.user
    }

    /// Lets the user act, and takes the next packet.
    fn transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        self.user.act(now, &mut self.host);
        if let Some(packet) = self.user.poll_raw()
            && let Some(place) = out.get_mut(..packet.len())
        {
            place.copy_from_slice(&packet);
            return Some(packet.len());
        }
        self.host.poll_transmit(now, out).map(|transmit| transmit.len)
    }
}

impl<U: HostUser> Node for HostNode<U> {
    fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        if self.host.handle_packet(now, packet) == Ingress::Raw {
            self.user.raw(now, packet);
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        // The last packet may have been an event for the user: he is asked once more before it is said that nothing
        // is left.
        let len = self.transmit(now, out).or_else(|| self.transmit(now, out));
        if len.is_none() {
            self.deadline = self.host.poll_timeout();
        }
        len
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.host.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        [self.deadline, self.user.wakes()].into_iter().flatten().min()
    }

    fn fault(&self) -> Option<Fault> {
        self.user.fault()
    }
}

#[cfg(test)]
mod tests;
