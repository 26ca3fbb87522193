//! Fast Open cookies, as a server gives them (RFC 7413 §4.1.2): a function of the client's address that only the
//! secret can make, so that who shows one has received a packet of ours at that address.
//!
//! They change every day, and those of the day before count too: who has listened long ago gains nothing. Nothing is
//! remembered, and hosts with one secret take each other's. With a key of the listener's own they are made as Linux or
//! FreeBSD make theirs, and last as long as the key.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::hash::Hasher as _;
use core::net::IpAddr;
use core::time::Duration;

use siphasher::sip::SipHasher24;

use super::{Outcome, Passive, Promoted};
use crate::Instant;
use crate::host::FiveTuple;
use crate::secret::Secret;
use crate::tcp::{Cookie, SegmentMeta, Tcb, Unpredictable};

/// How long a cookie is given.
const PERIOD: Duration = Duration::from_secs(24 * 3600);

const fn period(now: Instant) -> u64 {
    now.as_nanos() / PERIOD.as_nanos() as u64
}

/// Of what the Fast Open cookies of a listener are made (RFC 7413 §4.1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FastOpenCookies {
    /// Of the host's secret, the client's address and the day: those of a day and of the day before count.
    #[default]
    OfSecret,
    /// Of this key and both addresses by SipHash-2-4, as Linux makes them of `net.ipv4.tcp_fastopen_key`, whose words
    /// stand here in little-endian order: for servers that share an address with Linux. Another key ends them.
    OfAddresses([u8; 16]),
    /// Of this key and the client's address by SipHash-2-4, as FreeBSD makes them. Another key ends them.
    OfClient([u8; 16]),
}

/// Which cookies are good for a client of `tuple`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Baker<'a> {
    pub(crate) cookies: FastOpenCookies,
    pub(crate) secret: &'a Secret,
    pub(crate) tuple: &'a FiveTuple,
}

impl Baker<'_> {
    fn cookie(&self, period: u64) -> Option<Cookie> {
        let client = self.tuple.remote_ip().to_canonical();
        let (key, ends) = match &self.cookies {
            FastOpenCookies::OfSecret => return Cookie::new(&self.secret.fast_open_cookie(client, period)),
            FastOpenCookies::OfAddresses(key) => {
                (key, [Some(client), Some(self.tuple.local_ip().to_canonical())])
            }
            FastOpenCookies::OfClient(key) => (key, [Some(client), None]),
        };
        let mut hasher = SipHasher24::new_with_key(key);
        for end in ends.into_iter().flatten() {
            match end {
                IpAddr::V4(end) => hasher.write(&end.octets()),
                IpAddr::V6(end) => hasher.write(&end.octets()),
            }
        }
        Cookie::new(&hasher.finish().to_le_bytes())
    }

    /// The cookie for the client: 8 octets.
    pub(crate) fn give(&self, now: Instant) -> Option<Cookie> {
        self.cookie(period(now))
    }

    /// Whether the client may send data with its SYN because of this cookie.
    pub(crate) fn accepts(&self, now: Instant, shown: &Cookie) -> bool {
        let this = period(now);
        let is = |period| self.cookie(period).is_some_and(|cookie| cookie == *shown);
        is(this) || this.checked_sub(1).is_some_and(is)
    }
}

impl Passive {
    /// Whether what comes with a SYN may be taken at once: it has a good cookie, and neither wait so many to be accepted
    /// nor have so many, accepted or not, still to show that they called at all, that a flood of replayed SYNs would
    /// be noticed, here or by whose address they bear (§5.1).
    pub(super) fn may_open_early(
        &self,
        now: Instant,
        tuple: &FiveTuple,
        seg: &SegmentMeta,
        secret: &Secret,
        at: u32,
    ) -> bool {
        let Some(listener) = self.listeners.row(at) else { return false };
        let open = listener.config.fast_open && !listener.config.decide;
        let calm = listener.waiting.max(self.early) < listener.config.backlog / 2;
        let shown = seg.options.fast_open;
        let baker = Baker { cookies: listener.config.fast_open_cookies, secret, tuple };
        let proven =
            || listener.config.fast_open_unproven || shown.is_some_and(|shown| baker.accepts(now, &shown));
        open && calm && seg.len > 0 && proven()
    }

    /// A machine for the SYN: it listens, and hears it as the next thing.
    pub(super) fn open_early(&mut self, tuple: &FiveTuple, secrets: Unpredictable, at: u32) -> Outcome {
        let Some(listener) = self.listeners.row_mut(at) else { return Outcome::Unknown };
        listener.waiting += 1;
        let config = listener.connection(tuple).clone();
        let mut tcb = Tcb::listen(Arc::clone(config.tcp()));
        tcb.prepare(secrets);
        self.stats.opened_early += 1;
        self.early += 1;
        let listener = self.listeners.id(at);
        Outcome::Promote(Box::new(Promoted { tcb, config, listener, request: None, early: true }))
    }

    /// Connections whose peer has not been heard of since his SYN.
    #[cfg(test)]
    pub(crate) const fn early_count(&self) -> u32 {
        self.early
    }

    /// The handshake of a connection that was opened early is done, or it is over.
    pub(crate) fn early_no_more(&mut self) {
        self.early = self.early.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests;
