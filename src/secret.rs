//! What outsiders must not guess: values drawn from a secret by a keyed hash.
//!
//! The crate draws no random numbers. The owner of a secret, 32 octets from a good source, gets from it the
//! initial sequence numbers of RFC 6528, the timestamp offsets of RFC 7323 §5.4, and what IP headers need.
//! The same secret and the same calls give the same values, so that a run can be repeated.

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use siphasher::sip::{SipHasher13, SipHasher24};

use crate::tcp::Unpredictable;
use crate::wire::IpProtocol;
use crate::{Instant, SeqNumber};

/// A secret of 256 bits and the functions that it keys (SipHash-2-4).
///
/// ```
/// use tcpstate::Instant;
/// use tcpstate::secret::Secret;
///
/// let secret = Secret::new([7; 32]);
/// let (local, remote) = ("10.0.0.1:80".parse()?, "10.0.0.2:5000".parse()?);
/// let first = secret.unpredictable(local, remote, Instant::ZERO);
/// let later = secret.unpredictable(local, remote, Instant::from_nanos(8_000));
/// assert_eq!(later.iss - first.iss, 2); // the clock of RFC 9293 §3.4.1 ticks every 4 µs
/// # Ok::<(), core::net::AddrParseError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    key: [u8; 16],
    salt: [u8; 16],
}

/// Keeps values for different uses apart: what one use gives away says nothing about another.
#[derive(Clone, Copy)]
enum Use {
    Iss = 1,
    TimestampOffset,
    Identification,
    FlowLabel,
    Port,
    PortStep,
    Draws,
    FragmentIdentification,
    SynCookie,
    FastOpen,
}

impl Secret {
    /// The secret with these octets. They must come from a good source of randomness, or from a seed where a
    /// run is to be repeated.
    #[must_use]
    pub const fn new(octets: [u8; 32]) -> Self {
        let [a @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = octets;
        let [_, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, b @ ..] = octets;
        Self { key: a, salt: b }
    }

    /// The initial sequence number and the timestamp offset for a connection that begins now.
    ///
    /// The first is RFC 6528's `M + F(localip, localport, remoteip, remoteport, secret)`, with M ticking
    /// every 4 µs (RFC 9293 §3.4.1, MUST-8, MUST-9, SHLD-1). The second depends on the two addresses only, so
    /// that TIME-WAIT and PAWS see one clock for all connections between them (RFC 7323 §5.4).
    // RFC 7323-27
    #[must_use]
    pub fn unpredictable(&self, local: SocketAddr, remote: SocketAddr, now: Instant) -> Unpredictable {
        let ticks = (now.as_nanos() / 4_000) as u32;
        let iss = SeqNumber::new(self.flow(Use::Iss, local, remote) as u32) + ticks;
        Unpredictable { iss, timestamp_offset: self.timestamp_offset(local.ip(), remote.ip()) }
    }

    /// The second half of [`unpredictable`](Self::unpredictable).
    pub(crate) fn timestamp_offset(&self, local: IpAddr, remote: IpAddr) -> u32 {
        let mut hasher = self.hasher(Use::TimestampOffset);
        write_addr(&mut hasher, local);
        write_addr(&mut hasher, remote);
        hasher.finish() as u32
    }

    /// What tells a SYN cookie of ours from all others (RFC 4987 §3.6): it depends on the flow, on the peer's initial
    /// number, on a count of time, and on what else the cookie says.
    pub(crate) fn syn_cookie(
        &self,
        local: SocketAddr,
        remote: SocketAddr,
        irs: SeqNumber,
        period: u64,
        says: u16,
    ) -> u32 {
        let mut hasher = self.hasher(Use::SynCookie);
        for end in [local, remote] {
            write_addr(&mut hasher, end.ip());
            hasher.write(&end.port().to_be_bytes());
        }
        hasher.write(&irs.get().to_be_bytes());
        hasher.write(&period.to_be_bytes());
        hasher.write(&says.to_be_bytes());
        hasher.finish() as u32
    }

    /// The Fast Open cookie of a client in a period (RFC 7413 §4.1.2).
    pub(crate) fn fast_open_cookie(&self, client: IpAddr, period: u64) -> [u8; 8] {
        let mut hasher = self.hasher(Use::FastOpen);
        write_addr(&mut hasher, client);
        hasher.write(&period.to_be_bytes());
        hasher.finish().to_be_bytes()
    }

    /// Where the IP identification of a flow begins. Each packet takes the next number (RFC 6864, RFC 7739
    /// §5.3).
    #[must_use]
    pub fn identification(&self, local: SocketAddr, remote: SocketAddr) -> u16 {
        self.flow(Use::Identification, local, remote) as u16
    }

    /// Where the identification of fragments between two addresses begins, in the lower half; the upper half picks the
    /// counter that is added (the hash-based way of RFC 7739 §5.3).
    #[must_use]
    pub fn fragment_identification(&self, src: IpAddr, dst: IpAddr) -> u64 {
        let mut hasher = self.hasher(Use::FragmentIdentification);
        write_addr(&mut hasher, src);
        write_addr(&mut hasher, dst);
        hasher.finish()
    }

    /// The IPv6 flow label of a flow: 20 bits (RFC 6437 §3).
    #[must_use]
    pub fn flow_label(&self, local: SocketAddr, remote: SocketAddr) -> u32 {
        self.flow(Use::FlowLabel, local, remote) as u32 & 0xf_ffff
    }

    /// Where the search for a free local port begins, for all flows between these two addresses to this port
    /// (RFC 6056 §3.3.4, F and G in one).
    pub(crate) fn port_offset(&self, protocol: IpProtocol, local: IpAddr, remote: SocketAddr) -> u64 {
        let mut hasher = self.hasher(Use::Port);
        write_addr(&mut hasher, local);
        write_addr(&mut hasher, remote.ip());
        hasher.write(&remote.port().to_be_bytes());
        hasher.write(&[protocol.0]);
        hasher.finish()
    }

    /// The step after so many ports were chosen (RFC 6056 §3.3.5).
    pub(crate) fn port_step(&self, chosen: u64) -> u64 {
        let mut hasher = self.hasher(Use::PortStep);
        hasher.write(&chosen.to_be_bytes());
        hasher.finish()
    }

    /// Where a row of draws begins that only has to be unpredictable.
    pub(crate) fn seed(&self) -> u64 {
        self.hasher(Use::Draws).finish()
    }

    /// For places in hash tables (SipHash-1-3: one is made for each packet, and never shown). Who does not know the
    /// secret cannot choose keys that meet in one place.
    pub(crate) fn table_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_key(&self.salt)
    }

    fn flow(&self, purpose: Use, local: SocketAddr, remote: SocketAddr) -> u64 {
        let mut hasher = self.hasher(purpose);
        for end in [local, remote] {
            write_addr(&mut hasher, end.ip());
            hasher.write(&end.port().to_be_bytes());
        }
        hasher.finish()
    }

    fn hasher(&self, purpose: Use) -> Text<'_> {
        let mut text = Text { key: &self.key, octets: [0; MOST_TEXT], len: 0 };
        text.write(&self.salt);
        text.write(&[purpose as u8]);
        text
    }
}

/// Octets that are hashed at the most: the salt, the use, two sockets of IPv6 and what goes into a cookie are 69.
const MOST_TEXT: usize = 80;

/// What is to be hashed, put together first: one long piece takes a third of the time of many short ones.
struct Text<'a> {
    key: &'a [u8; 16],
    octets: [u8; MOST_TEXT],
    len: usize,
}

impl Text<'_> {
    #[inline]
    fn write(&mut self, octets: &[u8]) {
        let place = self.octets.get_mut(self.len..self.len + octets.len());
        debug_assert!(place.is_some(), "there is room for all that is ever hashed");
        if let Some(place) = place {
            place.copy_from_slice(octets);
            self.len += octets.len();
        }
    }

    fn finish(&self) -> u64 {
        SipHasher24::new_with_key(self.key).hash(self.octets.get(..self.len).unwrap_or_default())
    }
}

/// Octets of the address, after how many there are: no two lists of addresses look the same.
fn write_addr(hasher: &mut Text<'_>, addr: IpAddr) {
    match addr {
        IpAddr::V4(addr) => {
            hasher.write(&[4]);
            hasher.write(&addr.octets());
        }
        IpAddr::V6(addr) => {
            hasher.write(&[16]);
            hasher.write(&addr.octets());
        }
    }
}

/// Says that there is a secret, and not which.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests;
