//! Fast Open cookies, as a server gives them (RFC 7413 §4.1.2): a function of the client's address that only the
//! secret can make, so that who shows one has received a packet of ours at that address.
//!
//! They change every day, and those of the day before count too: who has listened long ago gains nothing. Nothing is
//! remembered, and hosts with one secret take each other's.

use core::net::IpAddr;
use core::time::Duration;

use crate::Instant;
use crate::secret::Secret;
use crate::tcp::Cookie;

/// How long a cookie is given.
const PERIOD: Duration = Duration::from_secs(24 * 3600);

const fn period(now: Instant) -> u64 {
    now.as_nanos() / PERIOD.as_nanos() as u64
}

fn cookie(secret: &Secret, client: IpAddr, period: u64) -> Option<Cookie> {
    Cookie::new(&secret.fast_open_cookie(client.to_canonical(), period))
}

/// The cookie for a client: 8 octets.
pub(crate) fn give(secret: &Secret, client: IpAddr, now: Instant) -> Option<Cookie> {
    cookie(secret, client, period(now))
}

/// Whether a client may send data with its SYN because of this cookie.
pub(crate) fn accepts(secret: &Secret, client: IpAddr, now: Instant, shown: &Cookie) -> bool {
    let this = period(now);
    let is = |period| cookie(secret, client, period).is_some_and(|cookie| cookie == *shown);
    is(this) || this.checked_sub(1).is_some_and(is)
}

#[cfg(test)]
mod tests;
