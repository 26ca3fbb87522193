//! A node that is one connection, with its user.

use alloc::collections::{BTreeMap, VecDeque};
use core::net::SocketAddr;

use super::app::{App, AppConfig};
use super::node::{Change, Node};
use super::oracle::{Fault, Pattern};
use super::prng::Prng;
use crate::host::{Handled, IgnoreReason, Single, SingleConfig, SingleError};
use crate::tcp::{CloseReason, DropReason, Notices};
use crate::{Event, Instant, State};

/// How an end of a connection comes to be.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct EndpointConfig {
    /// The choices of its connection.
    pub single: SingleConfig,
    /// What keys its numbers; see [`Single::connect`].
    pub secret: [u8; 32],
    /// Its own socket.
    pub local: SocketAddr,
    /// Whom it calls; `None`: it waits to be called.
    pub remote: Option<SocketAddr>,
    /// When it opens. What arrives before is not answered.
    pub opens_at: Instant,
    /// What its user does.
    pub app: AppConfig,
}

impl EndpointConfig {
    /// An end at `local` that waits to be called, at once, with defaults for the rest.
    #[must_use]
    pub fn new(local: SocketAddr) -> Self {
        Self {
            single: SingleConfig::default(),
            secret: [0; 32],
            local,
            remote: None,
            opens_at: Instant::ZERO,
            app: AppConfig::default(),
        }
    }
}

/// What became of the packets that an end was handed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointStats {
    /// Packets that it sent.
    pub packets_sent: u64,
    /// Packets among them that repeated sequence space.
    pub retransmissions: u64,
    /// Packets that it was handed.
    pub packets_received: u64,
    /// Packets that came before it was opened.
    pub too_early: u64,
    /// Segments of which something was refused, by reason.
    pub refused: BTreeMap<DropReason, u64>,
    /// Packets that were no segments for this connection, or not to be believed.
    pub ignored: BTreeMap<IgnoreReason, u64>,
}

/// One end of a connection: a [`Single`] and its user.
#[derive(Clone, Debug)]
pub struct Endpoint {
    config: EndpointConfig,
    single: Option<Single>,
    app: App,
    state: State,
    changes: VecDeque<Change>,
    stats: EndpointStats,
    now: Instant,
    closed_at: Option<Instant>,
}

impl Endpoint {
    /// An end whose user sends `own` and expects a prefix of `peer`; luck of its own comes from `prng`.
    ///
    /// # Errors
    ///
    /// [`SingleError`] when the sockets or the configuration do not do.
    pub fn new(config: EndpointConfig, own: Pattern, peer: Pattern, prng: Prng) -> Result<Self, SingleError> {
        // Said now what would else be found out when the time has come.
        open(&config, Instant::ZERO)?;
        Ok(Self {
            config,
            single: None,
            app: App::new(config.app, own, peer, prng),
            state: State::Closed,
            changes: VecDeque::new(),
            stats: EndpointStats::default(),
            now: Instant::ZERO,
            closed_at: None,
        })
    }

    /// Its user.
    #[must_use]
    pub const fn app(&self) -> &App {
        &self.app
    }

    /// Its connection, once it is opened.
    #[must_use]
    pub const fn single(&self) -> Option<&Single> {
        self.single.as_ref()
    }

    /// Its configuration.
    #[must_use]
    pub const fn config(&self) -> &EndpointConfig {
        &self.config
    }

    /// What became of packets.
    #[must_use]
    pub const fn stats(&self) -> &EndpointStats {
        &self.stats
    }

    /// The state of its machine.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// How its connection ended.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.single.as_ref()?.close_reason()
    }

    /// When its connection ended.
    #[must_use]
    pub const fn closed_at(&self) -> Option<Instant> {
        self.closed_at
    }

    /// Its user closes now, whatever was planned.
    pub fn close(&mut self, now: Instant) {
        if let Some(single) = &mut self.single {
            let notices = self.app.close(now, single);
            self.note(now, &notices);
        }
    }

    fn note(&mut self, now: Instant, notices: &Notices) {
        for (event, to) in notices.transitions.iter() {
            self.changes.push_back(Change { event, from: self.state, to });
            self.state = to;
            if event == Event::BackToListen {
                self.app.restart();
            }
        }
        if notices.closed.is_some() {
            self.closed_at = Some(now);
        }
    }

    /// The user's turn.
    fn user(&mut self, now: Instant) {
        while let Some(single) = &mut self.single
            && let Some(notices) = self.app.run(now, single)
        {
            self.note(now, &notices);
        }
    }

    fn open(&mut self, now: Instant) {
        let Ok(single) = open(&self.config, now) else { return };
        self.single = Some(single);
        let event = if self.config.remote.is_some() { Event::ActiveOpen } else { Event::PassiveOpen };
        if let Some(to) = self.state.on(event) {
            self.changes.push_back(Change { event, from: self.state, to });
            self.state = to;
        }
        self.user(now);
    }
}

fn open(config: &EndpointConfig, now: Instant) -> Result<Single, SingleError> {
    match config.remote {
        Some(remote) => Single::connect(&config.single, config.secret, config.local, remote, now),
        None => Single::listen(&config.single, config.secret, config.local),
    }
}

impl Node for Endpoint {
    fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        self.now = now;
        self.stats.packets_received += 1;
        let Some(single) = &mut self.single else {
            self.stats.too_early += 1;
            return;
        };
        match single.handle_packet(now, packet) {
            Handled::Segment(arrival) => {
                if arrival.conflict > 0 {
                    self.app.note(Fault::Conflict { octets: arrival.conflict });
                }
                if let Some(reason) = arrival.verdict.refused {
                    *self.stats.refused.entry(reason).or_default() += 1;
                }
                let notices = arrival.verdict.notices;
                self.note(now, &notices);
            }
            Handled::Ignored(reason) => *self.stats.ignored.entry(reason).or_default() += 1,
        }
        self.user(now);
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        let single = self.single.as_mut()?;
        let before = single.connection().tcb().retransmitted();
        let written = single.poll_transmit(now, out);
        let repeats = single.connection().tcb().retransmitted() > before;
        self.stats.packets_sent += u64::from(written.is_some());
        self.stats.retransmissions += u64::from(written.is_some() && repeats);
        let notices = single.last_notices();
        self.note(now, &notices);
        written
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        if self.single.is_none() && self.config.opens_at <= now {
            self.open(now);
            return;
        }
        let Some(single) = &mut self.single else { return };
        let notices = single.handle_timeout(now);
        self.note(now, &notices);
        self.user(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let Some(single) = &self.single else { return Some(self.config.opens_at) };
        let app = self.app.poll_timeout(single, self.now);
        single.poll_timeout().into_iter().chain(app).min()
    }

    fn poll_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    fn fault(&self) -> Option<Fault> {
        self.app.fault()
    }
}

#[cfg(test)]
mod tests;
