//! Time: what is due, and when the next is.

use super::Host;
use crate::Instant;

impl Host {
    /// Acts on the deadlines that have come; too early a call does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, index)) = self.first_connection()
            && at <= now
        {
            self.expire(now, index);
        }
        self.passive.on_timeout(now);
        self.udp.handle_timeout(now);
        self.fragments.handle_timeout(now);
        self.complain_of_expired(now);
        self.own.expire(now);
        while let Some((_, since)) = self.oldest_orphan()
            && since + self.config.limits.orphan_time <= now
        {
            self.reset_oldest_orphan(now);
        }
    }

    /// The next moment at which [`handle_timeout`](Self::handle_timeout) has something to do: exact, so that an
    /// earlier call is never needed; `None` if only a packet or a user can change anything.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        if self.loops_on {
            return Some(Instant::ZERO);
        }
        let connection = self.first_connection().map(|(at, _)| at);
        let orphan = self.oldest_orphan().map(|(_, since)| since + self.config.limits.orphan_time);
        let others = [
            self.passive.first_deadline(),
            self.udp.poll_timeout(),
            self.fragments.poll_timeout(),
            self.own.poll_timeout(),
        ];
        [connection, orphan].into_iter().chain(others).flatten().min()
    }

    /// The connection whose deadline comes first. Those whose deadline has moved away since the wheel heard of it are
    /// put right on the way: each once for each time that it was set.
    fn first_connection(&mut self) -> Option<(Instant, u32)> {
        loop {
            let (at, index) = self.wheel.first()?;
            let Some(flow) = self.flows.get_mut(index) else {
                self.wheel.cancel(index);
                continue;
            };
            match flow.connection.poll_timeout() {
                Some(deadline) if deadline <= at => return Some((at, index)),
                Some(deadline) => {
                    flow.armed = deadline;
                    self.wheel.set(index, deadline);
                }
                None => {
                    flow.armed = Instant::MAX;
                    self.wheel.cancel(index);
                }
            }
        }
    }

    /// Serves the deadline of a connection.
    fn expire(&mut self, now: Instant, index: u32) {
        let Some(flow) = self.flows.get_mut(index) else {
            return;
        };
        let notices = flow.connection.on_timeout(now);
        // It is heard of anew, wherever it is now.
        flow.armed = Instant::MAX;
        self.wheel.cancel(index);
        self.settle(now, index, &notices);
    }
}
