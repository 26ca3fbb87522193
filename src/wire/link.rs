//! What lies below IP in a capture: link types and their framing.
//!
//! The link types are those of the registry at `tcpdump.org/linktypes.html`. A frame is unwrapped until an IP
//! packet is found: VLAN tags (IEEE 802.1Q), LLC and SNAP (IEEE 802.2), PPPoE (RFC 2516) and PPP (RFC 1661).
//! Lengths that these layers carry bound what IP is told the link has.

use core::fmt;

use super::{at_most, be16};

/// A capture's link type.
///
/// ```
/// use tcpstate::wire::LinkType;
/// assert_eq!(LinkType::from_dlt(1), LinkType::Ethernet);
/// assert_eq!(LinkType::from_dlt(12), LinkType::RawIp);
/// assert_eq!(LinkType::Other(147).dlt(), 147);
/// assert_eq!(LinkType::LinuxSll2.to_string(), "Linux cooked v2");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum LinkType {
    /// Ethernet, from the destination address on, without the frame check sequence (1).
    Ethernet,
    /// BSD loopback: four octets of address family in the byte order of the machine that captured (0).
    Null,
    /// OpenBSD loopback: four octets of address family, big-endian (108).
    Loop,
    /// IP of either version (101; also 12 and 14, as some systems wrote it).
    RawIp,
    /// IPv4 (228).
    Ipv4,
    /// IPv6 (229).
    Ipv6,
    /// Linux cooked capture, version 1 (113).
    LinuxSll,
    /// Linux cooked capture, version 2 (276).
    LinuxSll2,
    /// PPP, with or without the address and control octets `FF 03` (9).
    Ppp,
    /// PPP in HDLC-like framing, or Cisco HDLC (50).
    PppHdlc,
    /// PPPoE session, from its header on (51).
    PppEther,
    /// A link type that is not known here.
    Other(u32),
}

impl LinkType {
    /// The link type with this number.
    #[must_use]
    pub const fn from_dlt(dlt: u32) -> Self {
        match dlt {
            0 => Self::Null,
            1 => Self::Ethernet,
            9 => Self::Ppp,
            12 | 14 | 101 => Self::RawIp,
            50 => Self::PppHdlc,
            51 => Self::PppEther,
            108 => Self::Loop,
            113 => Self::LinuxSll,
            228 => Self::Ipv4,
            229 => Self::Ipv6,
            276 => Self::LinuxSll2,
            other => Self::Other(other),
        }
    }

    /// The number of this link type, as capture files have it.
    #[must_use]
    pub const fn dlt(self) -> u32 {
        match self {
            Self::Null => 0,
            Self::Ethernet => 1,
            Self::Ppp => 9,
            Self::PppHdlc => 50,
            Self::PppEther => 51,
            Self::RawIp => 101,
            Self::Loop => 108,
            Self::LinuxSll => 113,
            Self::Ipv4 => 228,
            Self::Ipv6 => 229,
            Self::LinuxSll2 => 276,
            Self::Other(dlt) => dlt,
        }
    }
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ethernet => "Ethernet",
            Self::Null => "BSD loopback",
            Self::Loop => "OpenBSD loopback",
            Self::RawIp => "raw IP",
            Self::Ipv4 => "raw IPv4",
            Self::Ipv6 => "raw IPv6",
            Self::LinuxSll => "Linux cooked v1",
            Self::LinuxSll2 => "Linux cooked v2",
            Self::Ppp => "PPP",
            Self::PppHdlc => "PPP in HDLC framing",
            Self::PppEther => "PPPoE",
            Self::Other(dlt) => return write!(f, "link type {dlt}"),
        })
    }
}

/// EtherTypes (IEEE 802, RFC 9542 appendix B), and what stands in their place in frames without one.
pub mod ethertype {
    /// IPv4.
    pub const IPV4: u16 = 0x0800;
    /// ARP.
    pub const ARP: u16 = 0x0806;
    /// A VLAN tag (IEEE 802.1Q).
    pub const VLAN: u16 = 0x8100;
    /// IPv6.
    pub const IPV6: u16 = 0x86dd;
    /// PPP.
    pub const PPP: u16 = 0x880b;
    /// PPPoE, discovery stage.
    pub const PPPOE_DISCOVERY: u16 = 0x8863;
    /// PPPoE, session stage.
    pub const PPPOE_SESSION: u16 = 0x8864;
    /// A service VLAN tag (IEEE 802.1ad).
    pub const SERVICE_VLAN: u16 = 0x88a8;
    /// A VLAN tag around another, before there was a standard for it.
    pub const OLD_QINQ: u16 = 0x9100;
    /// No EtherType: an IEEE 802.2 LLC frame. The number is the one that Linux cooked captures have for it.
    pub const LLC: u16 = 0x0004;
}

/// What was found above the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network<'a> {
    /// An IP packet of either version (its first four bits tell).
    Ip {
        /// The captured octets from the IP header on.
        bytes: &'a [u8],
        /// Octets that the link carried from the IP header on, captured or not; may include padding. At least
        /// `bytes.len()`.
        wire_len: usize,
    },
    /// Something else.
    Other {
        /// Its EtherType. For an LLC frame without one [`ethertype::LLC`], for a PPP protocol other than IP
        /// [`ethertype::PPP`] or, on Ethernet, [`ethertype::PPPOE_SESSION`].
        ethertype: u16,
    },
}

/// Why a frame could not be unwrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The capture ends inside the link's headers (a snap length).
    #[error("the capture ends inside the link header: {captured} octets of at least {needed}")]
    HeaderCut {
        /// Octets needed to go on, from the start of the frame.
        needed: usize,
        /// Octets that were captured.
        captured: usize,
    },
    /// The frame is shorter than its headers.
    #[error("the frame is {wire_len} octets long; its headers take at least {needed}")]
    TooShort {
        /// Octets needed to go on, from the start of the frame.
        needed: usize,
        /// Octets of the frame, or as many as a length inside it allows.
        wire_len: usize,
    },
    /// More VLAN tags than anybody stacks.
    #[error("more than {MAX_TAGS} VLAN tags are stacked")]
    TooManyTags,
    /// A loopback frame of an address family that is not known to be IP on any system.
    #[error("address family {family} is not known to be IP")]
    UnknownFamily {
        /// The family, as the link type's byte order has it.
        family: u32,
    },
    /// Frames of this link type cannot be unwrapped.
    #[error("{link} is not supported")]
    Unsupported {
        /// The link type.
        link: LinkType,
    },
}

/// VLAN tags that may be stacked.
const MAX_TAGS: usize = 8;

/// Unwraps a frame.
///
/// `bytes` is what was captured of it, and `wire_len` its length on the wire: more than `bytes.len()` when a snap
/// length cut it. A value below `bytes.len()` counts as `bytes.len()`.
///
/// ```
/// use tcpstate::wire::{LinkType, Network, link};
///
/// let mut frame = [0_u8; 34];
/// frame[12..15].copy_from_slice(&[0x08, 0x00, 0x45]);
/// let found = link::network_layer(LinkType::Ethernet, &frame, 60)?;
/// assert!(matches!(found, Network::Ip { bytes: [0x45, ..], wire_len: 46 }));
/// # Ok::<(), tcpstate::wire::LinkError>(())
/// ```
///
/// # Errors
///
/// [`LinkError`] when the frame is too short for its headers, or of a kind that is not known.
pub fn network_layer(link: LinkType, bytes: &[u8], wire_len: usize) -> Result<Network<'_>, LinkError> {
    let mut frame = Frame { bytes, wire_len: wire_len.max(bytes.len()), passed: 0 };
    match link {
        LinkType::RawIp | LinkType::Ipv4 | LinkType::Ipv6 => Ok(frame.ip()),
        LinkType::Ethernet => {
            let &[.., high, low] = frame.take::<14>()?;
            frame.by_ethertype(be16(high, low), Small::Length)
        }
        LinkType::LinuxSll => {
            let &[.., high, low] = frame.take::<16>()?;
            frame.by_ethertype(be16(high, low), Small::Number)
        }
        LinkType::LinuxSll2 => {
            let &[high, low, ..] = frame.take::<20>()?;
            frame.by_ethertype(be16(high, low), Small::Number)
        }
        LinkType::Null => {
            let family = *frame.take::<4>()?;
            let [little, big] = [u32::from_le_bytes(family), u32::from_be_bytes(family)];
            // A family is a small number: the order in which it is small is the one it was written in.
            frame.by_family(little.min(big))
        }
        LinkType::Loop => {
            let family = *frame.take::<4>()?;
            frame.by_family(u32::from_be_bytes(family))
        }
        LinkType::Ppp => {
            frame.skip_prefix([0xff, 0x03]);
            frame.ppp(ethertype::PPP)
        }
        LinkType::PppHdlc if matches!(bytes, [0x0f | 0x8f, ..]) => {
            let &[_, _, high, low] = frame.take::<4>()?;
            frame.by_ethertype(be16(high, low), Small::Number)
        }
        LinkType::PppHdlc => {
            frame.skip_prefix([0xff, 0x03]);
            frame.ppp(ethertype::PPP)
        }
        LinkType::PppEther => frame.pppoe(),
        LinkType::Other(_) => Err(LinkError::Unsupported { link }),
    }
}

/// What a number below all EtherTypes stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Small {
    /// The length of an LLC frame, up to 1,500 (IEEE 802.3 §3.2.6).
    Length,
    /// One of the numbers that Linux made up for its cooked captures.
    Number,
}

/// What is left of a frame after the headers already passed.
struct Frame<'a> {
    bytes: &'a [u8],
    /// Octets left on the wire; at least `bytes.len()`.
    wire_len: usize,
    /// Octets passed, for error messages.
    passed: usize,
}

impl<'a> Frame<'a> {
    /// Passes `N` octets.
    fn take<const N: usize>(&mut self) -> Result<&'a [u8; N], LinkError> {
        let Some((head, rest)) = self.bytes.split_first_chunk::<N>() else {
            let needed = self.passed + N;
            return Err(if self.wire_len < N {
                LinkError::TooShort { needed, wire_len: self.passed + self.wire_len }
            } else {
                LinkError::HeaderCut { needed, captured: self.passed + self.bytes.len() }
            });
        };
        (self.bytes, self.wire_len, self.passed) = (rest, self.wire_len - N, self.passed + N);
        Ok(head)
    }

    /// Passes these octets if they are next.
    fn skip_prefix<const N: usize>(&mut self, prefix: [u8; N]) {
        if self.bytes.starts_with(&prefix) {
            // It is there, so that taking it cannot fail.
            let _ = self.take::<N>();
        }
    }

    /// Cuts off what lies behind a length that a header gave: padding of the layer below.
    fn bound(&mut self, len: usize) {
        self.wire_len = self.wire_len.min(len);
        self.bytes = at_most(self.bytes, self.wire_len);
    }

    /// What is left is an IP packet.
    fn ip(&self) -> Network<'a> {
        Network::Ip { bytes: self.bytes, wire_len: self.wire_len }
    }

    /// Unwraps what follows an EtherType, or a length in its place.
    fn by_ethertype(&mut self, first: u16, small: Small) -> Result<Network<'a>, LinkError> {
        let mut ethertype = first;
        for _ in 0..=MAX_TAGS {
            match ethertype {
                ethertype::IPV4 | ethertype::IPV6 => return Ok(self.ip()),
                ethertype::PPPOE_SESSION => return self.pppoe(),
                ethertype::VLAN | ethertype::SERVICE_VLAN | ethertype::OLD_QINQ => {
                    let &[_, _, high, low] = self.take::<4>()?;
                    ethertype = be16(high, low);
                }
                length @ 0..=1500 if small == Small::Length => {
                    self.bound(usize::from(length));
                    return self.llc();
                }
                ethertype::LLC => return self.llc(),
                ethertype => return Ok(Network::Other { ethertype }),
            }
        }
        Err(LinkError::TooManyTags)
    }

    /// Unwraps an LLC frame (IEEE 802.2), with SNAP if it has it (RFC 1042).
    fn llc(&mut self) -> Result<Network<'a>, LinkError> {
        const UNNUMBERED: u8 = 0x03;
        const SNAP: u8 = 0xaa;
        const IP: u8 = 0x06;
        match self.take::<3>()? {
            [SNAP, SNAP, UNNUMBERED] => match self.take::<5>()? {
                // The organisation is Ethernet itself (RFC 1042), or a bridge that translated (IEEE 802.1H).
                &[0, 0, 0 | 0xf8, high, low] => match be16(high, low) {
                    ethertype::IPV4 | ethertype::IPV6 => Ok(self.ip()),
                    ethertype => Ok(Network::Other { ethertype }),
                },
                _ => Ok(Network::Other { ethertype: ethertype::LLC }),
            },
            [IP, IP, UNNUMBERED] => Ok(self.ip()),
            _ => Ok(Network::Other { ethertype: ethertype::LLC }),
        }
    }

    /// Unwraps PPPoE (RFC 2516 §4) from its header on.
    fn pppoe(&mut self) -> Result<Network<'a>, LinkError> {
        let &[version, code, _, _, high, low] = self.take::<6>()?;
        if (version, code) != (0x11, 0) {
            return Ok(Network::Other { ethertype: ethertype::PPPOE_SESSION });
        }
        self.bound(usize::from(be16(high, low)));
        self.ppp(ethertype::PPPOE_SESSION)
    }

    /// Unwraps PPP from its protocol field on. Odd numbers end the field: it may be one octet long (RFC 1661
    /// §6.5).
    fn ppp(&mut self, carrier: u16) -> Result<Network<'a>, LinkError> {
        const IPV4: u16 = 0x0021;
        const IPV6: u16 = 0x0057;
        let &[first] = self.take::<1>()?;
        let protocol = if first & 1 == 1 {
            u16::from(first)
        } else {
            let &[second] = self.take::<1>()?;
            be16(first, second)
        };
        match protocol {
            IPV4 | IPV6 => Ok(self.ip()),
            _ => Ok(Network::Other { ethertype: carrier }),
        }
    }

    /// Unwraps what follows an address family: 2 is IPv4 everywhere; IPv6 is 10 on Linux and Windows'
    /// WinPcap, 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on Darwin.
    fn by_family(&self, family: u32) -> Result<Network<'a>, LinkError> {
        match family {
            2 | 10 | 24 | 28 | 30 => Ok(self.ip()),
            family => Err(LinkError::UnknownFamily { family }),
        }
    }
}

#[cfg(test)]
mod tests;
