//! What has to hold: for what is read, for ids, for limits, for deadlines, and at the end.

use std::collections::BTreeMap;

use tcpstate::host::Transmit;
use tcpstate::{Instant, State};

use super::{End, Report, World, describe};

impl World {
    /// A second connection for one call: a cookie that was used again, while it is good.
    pub(super) fn find_ghosts(&mut self, new: &End, is_early: bool) {
        let last = |is_it: &dyn Fn(&End) -> bool| {
            self.ends.iter().rev().find(|&end| is_it(end)).map(|end| end.number)
        };
        let before = last(&|end| (end.local, end.remote) == (new.local, new.remote));
        let caller = last(&|end| end.may_speak_to(new));
        if let (Some(before), Some(caller)) = (before, caller)
            && before > caller
            && !is_early
        {
            let cookies = self.nodes[new.host].host.passive_stats().cookies_accepted;
            assert!(cookies > 0, "one call, and two connections: {new:?}");
            self.ends[caller].is_haunted = true;
            self.ghosts += 1;
        }
    }

    /// What was read is what somebody who may speak there has sent.
    pub(super) fn check_heard(&mut self, number: usize) {
        let heard = std::mem::take(&mut self.inbox);
        let end = &self.ends[number];
        if end.is_haunted {
            self.inbox = heard;
            return self.inbox.clear();
        }
        let from = end.heard;
        let says = |&other: &usize| {
            let other = &self.ends[other];
            other.may_speak_to(end)
                && if heard.is_empty() { other.sent >= from } else { other.has_sent(from, &heard) }
        };
        if !heard.is_empty() {
            let speakers: Vec<usize> = match &end.speakers {
                Some(speakers) => speakers.iter().copied().filter(says).collect(),
                None => (0..self.ends.len()).filter(says).collect(),
            };
            assert!(!speakers.is_empty(), "nobody has said the {} octets at {from}: {end:?}", heard.len());
            let end = &mut self.ends[number];
            end.speakers = Some(speakers);
            end.heard += heard.len() as u64;
        }
        let end = &self.ends[number];
        if end.eof {
            let all = |other: &End| other.may_speak_to(end) && other.says_fin && other.sent == end.heard;
            let is_true = match &end.speakers {
                Some(speakers) => speakers.iter().any(|&other| all(&self.ends[other])),
                None => self.ends.iter().any(all),
            };
            assert!(is_true, "the stream has not ended there: {end:?} {:?}", self.peers(number));
        }
        self.inbox = heard;
        self.inbox.clear();
    }

    pub(super) fn peers(&self, number: usize) -> Vec<&End> {
        self.ends.iter().filter(|other| other.may_speak_to(&self.ends[number])).collect()
    }

    /// The host has taken an id back: it may, if too many connections are over.
    pub(super) fn is_forced(&mut self, number: usize) {
        let end = &mut self.ends[number];
        end.is_released = true;
        let node = &mut self.nodes[end.host];
        node.forced += 1;
        assert!(node.forced <= node.host.stats().released_by_force, "an id went stale: {end:?}");
        node.ids.remove(&end.id);
        node.stale.push(end.id);
    }

    /// What has to hold for a host after it was polled.
    pub(super) fn check(&mut self, host: usize, is_drained: bool) {
        let now = Instant::from_nanos(self.now);
        let forced: Vec<usize> = {
            let node = &mut self.nodes[host];
            let ids = node.ids.iter().filter(|(id, _)| node.host.connection(**id).is_none());
            ids.map(|(_, &number)| number).collect()
        };
        forced.into_iter().for_each(|number| self.is_forced(number));
        let node = &mut self.nodes[host];
        let limits = node.host.config().limits;
        let mut over = 0;
        for (&id, &number) in &node.ids {
            let end = &self.ends[number];
            let Some(connection) = node.host.connection(id) else { panic!("looked for just now") };
            assert_eq!(connection.tag(), end.tag(), "the mark of another");
            end.check_awake(&connection);
            over += usize::from(matches!(connection.state(), State::Closed | State::TimeWait));
        }
        if let Some(at) = node.stale.len().checked_sub(1) {
            let id = node.stale[self.rng.below(at as u64 + 1) as usize];
            assert!(node.host.connection(id).is_none(), "{id} is stale");
            node.host.release(now, id);
        }
        if is_drained {
            assert!(over <= limits.unreleased, "{over} over and not released: {limits:?}");
            let orphans = node.host.len().saturating_sub(node.ids.len());
            assert!(orphans <= limits.orphans, "{orphans} orphans: {limits:?}");
        }
        self.check_memory(host);
    }

    /// Octets that came from others are kept within the limit; what users send, and the rows of a page, come on top.
    pub(super) fn check_memory(&self, host: usize) {
        let node = &self.nodes[host];
        let config = node.host.config();
        let sending = config.connection.send_buffer.max(config.connection.send_buffer_max) + (8 << 10);
        let page = 128 << 10;
        let most = config.limits.memory + node.host.len() * sending + page;
        let memory = node.host.memory();
        assert!(memory <= most, "host {host} holds {memory} octets, and {most} would be much");
    }

    pub(super) fn check_packet(&mut self, host: usize, octets: &[u8], transmit: &Transmit) {
        let mtu = usize::from(self.nodes[host].host.config().mtu);
        self.large += u64::from(transmit.segment_size.is_some());
        assert!(octets.len() <= mtu || transmit.segment_size.is_some(), "{} octets", octets.len());
        self.tell(|| format!("host {host} sends {}", describe(octets)));
        // The checksum speaks for what comes behind.
        let seen = octets.len().min(64);
        let words = octets[..seen]
            .chunks(8)
            .map(|word| word.iter().fold(0_u64, |sum, &octet| sum << 8 | u64::from(octet)));
        let words: Vec<u64> = words.collect();
        self.trace((self.now << 2) + host as u64);
        words.into_iter().for_each(|word| self.trace(word));
        self.trace(octets.len() as u64);
    }

    /// Too early a call does nothing: no packet, no event, no other deadline.
    pub(super) fn call_too_early(&mut self, next: u64) {
        let host = self.rng.below(self.nodes.len() as u64) as usize;
        let at = if self.rng.below(2) == 0 { next - 1 } else { self.rng.between(self.now, next - 1) };
        if self.nodes[host].is_behind || !self.is_steady() {
            return;
        }
        self.now = at;
        let at = Instant::from_nanos(at);
        let node = &mut self.nodes[host];
        let due = node.host.poll_timeout();
        node.host.handle_timeout(at);
        assert_eq!(node.host.poll_event(), None, "host {host} was due at {due:?}, and is ready at {at}");
        let sent = node.host.poll_transmit(at, &mut self.buffer).map(|transmit| transmit.len);
        let what = sent.map(|len| describe(&self.buffer[..len]));
        assert_eq!(what, None, "host {host} was due at {due:?}, and sends at {at}");
        let then = node.host.poll_timeout();
        assert_eq!(then, due, "a call at {at} moved it");
    }

    /// Whose FIN was acknowledged has been heard to the end, by whoever wanted to hear.
    pub(super) fn check_all_arrived(&self) {
        for end in self.ends.iter().filter(|end| end.all_arrived) {
            let peers = self.peers(end.number);
            let namesakes =
                self.ends.iter().filter(|other| other.local == end.local && other.remote == end.remote);
            let ([peer], 1) = (&peers[..], namesakes.count()) else { continue };
            let heard = !peer.has_let_go && (peer.eof || peer.broken.is_some());
            let heard = heard && !peer.is_haunted;
            assert!(!heard || peer.eof && peer.heard == end.sent, "not all has arrived: {end:?} {peer:?}");
        }
    }

    pub(super) fn report(&self) -> Report {
        let mut counts = BTreeMap::new();
        let mut add = |what, count| *counts.entry(what).or_default() += count;
        for end in &self.ends {
            add("ends", 1);
            add("octets heard", end.heard);
            add("ends of streams", u64::from(end.eof));
            add("all arrived", u64::from(end.all_arrived));
            add("broken", u64::from(end.broken.is_some()));
        }
        for node in &self.nodes {
            let (stats, passive) = (node.host.stats(), node.host.passive_stats());
            add("packets", stats.packets_out);
            add("looped", stats.looped);
            add("opened actively", stats.active_opens);
            add("opened passively", stats.passive_opens);
            add("resets for closed ports", stats.resets_out);
            add("answers withheld", stats.answers_withheld);
            add("refused for memory", stats.refused_for_memory);
            add("reneged", stats.reneged);
            add("orphans reset", stats.orphans_reset);
            add("released by force", stats.released_by_force);
            add("half-open evicted", passive.evicted);
            add("backlog full", passive.backlog_full);
            add("half-open timed out", passive.timed_out);
            add("cookies accepted", passive.cookies_accepted);
            add("opened early", passive.opened_early);
            add("waits", passive.time_waits);
            add("waits cut short", passive.time_wait_evicted);
            add("opened anew in TIME-WAIT", passive.reopened);
        }
        add("large packets", self.large);
        add("ghosts", self.ghosts);
        Report { trace: self.trace, counts }
    }
}
