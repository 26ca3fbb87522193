//! Two ends and the two directions between them: the world of most tests.

use super::endpoint::{Endpoint, EndpointConfig};
use super::link::{Link, LinkConfig};
use super::oracle::{Fault, Pattern};
use super::prng::Prng;
use super::world::{Happened, LinkId, NodeId, SimError, World};
use crate::host::SingleError;
use crate::tcp::CloseReason;
use crate::{Instant, State};

/// Two ends, `[a, b]` wherever there are pairs, with a link in each direction.
///
/// ```
/// use core::time::Duration;
/// use tcpstate::State;
/// use tcpstate::sim::{Ending, EndpointConfig, LinkConfig, Pair, Probability, Sends};
///
/// let mut a = EndpointConfig::new("192.0.2.1:49152".parse()?);
/// let b = EndpointConfig::new("192.0.2.2:80".parse()?);
/// a.remote = Some(b.local);
/// a.app.sends = Sends::Octets(100_000);
/// a.app.ending = Ending::CloseWhenSent;
/// let mut link = LinkConfig::default();
/// link.delay = Duration::from_millis(40);
/// link.loss = Probability::percent(2);
///
/// let mut pair = Pair::new(7, [a, b], [link, link])?;
/// pair.run()?;
/// assert_eq!(pair.read(), [0, 100_000]);
/// assert_eq!(pair.states(), [State::Closed; 2]);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Pair {
    world: World<Endpoint>,
    ends: [NodeId; 2],
    links: [LinkId; 2],
}

/// What is missing when nothing more happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfinished {
    /// An end is not CLOSED, and nothing will move it.
    #[error("end {end} stays in {state}")]
    Open {
        /// 0 for `a`, 1 for `b`.
        end: usize,
        /// Where it stays.
        state: State,
    },
    /// An end's connection was not closed in order.
    #[error("the connection of end {end} ended otherwise: {reason}")]
    Broken {
        /// 0 for `a`, 1 for `b`.
        end: usize,
        /// How it ended.
        reason: CloseReason,
    },
    /// Both ends closed in order, and not everything arrived.
    #[error("end {end} has read {read} octets, and {sent} were sent to it")]
    Missing {
        /// 0 for `a`, 1 for `b`: who has read too little.
        end: usize,
        /// What it has read.
        read: u64,
        /// What the other one sent.
        sent: u64,
    },
}

impl Pair {
    /// Two ends. Everything that is left to luck comes from `seed`.
    ///
    /// # Errors
    ///
    /// [`SingleError`] when sockets or a configuration do not do.
    #[allow(clippy::expect_used, reason = "the nodes that a link joins were added just before")]
    pub fn new(seed: u64, ends: [EndpointConfig; 2], links: [LinkConfig; 2]) -> Result<Self, SingleError> {
        let mut world = World::new(seed);
        let [first, second] = [0, 1].map(|end| Pattern::new(seed.wrapping_mul(2).wrapping_add(end)));
        // Streams of luck that no link uses.
        let [luck_a, luck_b] = [0, 1].map(|end: u64| Prng::stream(seed, u64::MAX - end));
        let [a, b] = ends;
        let a = world.add(Endpoint::new(a, first, second, luck_a)?);
        let b = world.add(Endpoint::new(b, second, first, luck_b)?);
        let [there, back] = links;
        let links = [(a, b, there), (b, a, back)]
            .map(|(from, to, config)| world.link(from, to, config).expect("both nodes are there"));
        Ok(Self { world, ends: [a, b], links })
    }

    /// The world that they are in.
    #[must_use]
    pub const fn world(&self) -> &World<Endpoint> {
        &self.world
    }

    /// The world that they are in, to record frames or to touch an end.
    pub const fn world_mut(&mut self) -> &mut World<Endpoint> {
        &mut self.world
    }

    /// The names of both ends in their world.
    #[must_use]
    pub const fn ids(&self) -> [NodeId; 2] {
        self.ends
    }

    /// The names of the link from `a` to `b`, and of the one back, in their world.
    #[must_use]
    pub const fn link_ids(&self) -> [LinkId; 2] {
        self.links
    }

    /// Both ends.
    #[must_use]
    #[allow(
        clippy::expect_used,
        reason = "nodes are never removed, and these two were added at the beginning"
    )]
    pub fn ends(&self) -> [&Endpoint; 2] {
        self.ends.map(|end| self.world.node(end).expect("both ends are there"))
    }

    /// The link from `a` to `b`, and the one back.
    #[must_use]
    #[allow(
        clippy::expect_used,
        reason = "links are never removed, and these two were added at the beginning"
    )]
    pub fn links(&self) -> [&Link; 2] {
        self.links.map(|link| self.world.link_of(link).expect("both links are there"))
    }

    /// The states of both ends.
    #[must_use]
    pub fn states(&self) -> [State; 2] {
        self.ends().map(Endpoint::state)
    }

    /// How many octets each end has read.
    #[must_use]
    pub fn read(&self) -> [u64; 2] {
        self.ends().map(|end| end.app().read())
    }

    /// Both users close now, whatever was planned.
    pub fn close_both(&mut self) {
        let now = self.world.now();
        for end in self.ends {
            if let Some(end) = self.world.touch(end) {
                end.close(now);
            }
        }
    }

    /// Lets the next thing happen; `None` if nothing ever will.
    ///
    /// # Errors
    ///
    /// [`SimError`]: a promise was broken, or the run does not end.
    pub fn step(&mut self) -> Result<Option<Happened>, SimError> {
        let happened = self.world.step()?;
        let [a, b] = self.ends();
        for (end, from, to) in [(1, a, b), (0, b, a)] {
            let (read, sent) = (to.app().read(), from.app().sent());
            if read > sent
                && let Some(node) = self.ends.get(end)
            {
                let (at, fault) = (self.world.now(), Fault::MoreThanSent { read, sent });
                return Err(SimError::Fault { at, node: *node, fault });
            }
        }
        Ok(happened)
    }

    /// Steps until nothing more happens.
    ///
    /// # Errors
    ///
    /// As of [`step`](Self::step).
    pub fn run(&mut self) -> Result<(), SimError> {
        while self.step()?.is_some() {}
        Ok(())
    }

    /// Steps until the time is `end`; answers whether something will still happen.
    ///
    /// # Errors
    ///
    /// As of [`step`](Self::step).
    pub fn run_until(&mut self, end: Instant) -> Result<bool, SimError> {
        while self.world.next_event().is_some_and(|at| at <= end) {
            self.step()?;
        }
        self.world.run_until(end)
    }

    /// Whether both ends closed in order and everything arrived.
    ///
    /// # Errors
    ///
    /// The first thing that is missing.
    pub fn finished(&self) -> Result<(), Unfinished> {
        let ends = self.ends();
        for (end, endpoint) in ends.into_iter().enumerate() {
            match (endpoint.state(), endpoint.close_reason()) {
                (State::Closed, Some(CloseReason::Closed)) => {}
                (State::Closed, Some(reason)) => return Err(Unfinished::Broken { end, reason }),
                (state, _) => return Err(Unfinished::Open { end, state }),
            }
        }
        let [a, b] = ends.map(Endpoint::app);
        for (end, from, to) in [(1, a, b), (0, b, a)] {
            let (read, sent) = (to.read(), from.sent());
            if read != sent {
                return Err(Unfinished::Missing { end, read, sent });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
