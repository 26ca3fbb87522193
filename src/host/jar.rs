//! Fast Open cookies that servers have given us (RFC 7413 §4.1.3).

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use super::{FiveTuple, demux};
use crate::secret::Secret;
use crate::tcp::Cookie;
use crate::wire::IpProtocol;

/// Places for cookies. Who takes the place of another has only to ask again.
const PLACES: usize = 1024;

/// The last cookie of each server, so many at the most; a keyed hash gives each its place.
#[derive(Clone, Debug, Default)]
pub(super) struct CookieJar {
    /// Empty before the first cookie.
    places: Vec<Option<(IpAddr, Cookie)>>,
}

fn place(secret: &Secret, server: IpAddr) -> usize {
    let end = SocketAddr::new(server, 0);
    demux::hash(secret, &FiveTuple::new(IpProtocol::TCP, end, end)) as usize % PLACES
}

impl CookieJar {
    /// The cookie for a server; an empty one, which asks for one, if it has given none.
    pub(super) fn take_out(&self, secret: &Secret, server: IpAddr) -> Cookie {
        let kept = self.places.get(place(secret, server)).copied().flatten();
        kept.filter(|&(whose, _)| whose == server).map_or_else(Cookie::default, |(_, cookie)| cookie)
    }

    /// A server has given a cookie.
    pub(super) fn put(&mut self, secret: &Secret, server: IpAddr, cookie: Cookie) {
        if self.places.is_empty() {
            self.places.resize(PLACES, None);
        }
        if let Some(kept) = self.places.get_mut(place(secret, server)) {
            *kept = Some((server, cookie));
        }
    }

    /// Octets of memory.
    pub(super) fn memory(&self) -> usize {
        self.places.capacity() * size_of::<Option<(IpAddr, Cookie)>>()
    }
}

#[cfg(test)]
mod tests;
