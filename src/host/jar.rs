//! Fast Open cookies that servers have given us (RFC 7413 §4.1.3).

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use super::{FiveTuple, demux};
use crate::secret::Secret;
use crate::tcp::Cookie;
use crate::wire::IpProtocol;

/// Places for cookies. Who takes the place of another has only to ask again.
const PLACES: usize = 1024;

/// What a server has told us.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    server: IpAddr,
    pub(super) cookie: Cookie,
    /// Octets of the largest segment that it takes, options included.
    pub(super) mss: u16,
}

/// The last cookie of each server, so many at the most; a keyed hash gives each its place.
#[derive(Clone, Debug, Default)]
pub(super) struct CookieJar {
    /// Empty before the first cookie.
    places: Vec<Option<Kept>>,
}

fn place(secret: &Secret, server: IpAddr) -> usize {
    let end = SocketAddr::new(server, 0);
    demux::hash(secret, &FiveTuple::new(IpProtocol::TCP, end, end)) as usize % PLACES
}

impl CookieJar {
    /// What a server has told us, if it has given a cookie.
    pub(super) fn take_out(&self, secret: &Secret, server: IpAddr) -> Option<Kept> {
        let kept = self.places.get(place(secret, server)).copied().flatten();
        kept.filter(|kept| kept.server == server && !kept.cookie.as_bytes().is_empty())
    }

    /// A server has given a cookie, and takes segments of so many octets.
    pub(super) fn put(&mut self, secret: &Secret, server: IpAddr, cookie: Cookie, mss: u16) {
        if self.places.is_empty() {
            self.places.resize(PLACES, None);
        }
        if let Some(kept) = self.places.get_mut(place(secret, server)) {
            *kept = Some(Kept { server, cookie, mss });
        }
    }

    /// Octets of memory.
    pub(super) fn memory(&self) -> usize {
        self.places.capacity() * size_of::<Option<Kept>>()
    }
}

#[cfg(test)]
mod tests;
