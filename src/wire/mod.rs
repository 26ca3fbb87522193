//! Wire formats: bytes to header values and back, and nothing else.
//!
//! No policy and no state live here (except [`fragment`], whose state is the pieces it was given). Every
//! parser is total: any input gives a value or a named error, in time linear in the input, without
//! allocation. Every length a stranger wrote is checked against the octets that are really there.
//!
//! | file | format | source |
//! |---|---|---|
//! | [`checksum`] | the Internet checksum and its pseudo-header | RFC 1071, RFC 9293 §3.1, RFC 8200 §8.1 |
//! | [`link`] | what lies below IP in a capture | IEEE 802.3/802.1Q, RFC 2516, RFC 1661, the tcpdump.org link types |
//! | [`ip`] | one view of both IP versions, and the truth about lengths | RFC 791, RFC 8200, RFC 2675 |
//! | [`ipv4`] | the IPv4 header and its options | RFC 791, RFC 3168, RFC 2474 |
//! | [`ipv6`] | the IPv6 header and the chain of extension headers | RFC 8200, RFC 4302, RFC 2675, RFC 6946 |
//! | [`tcp`] | the TCP header, and its checksum | RFC 9293 §3.1, RFC 9768 |
//! | [`options`] | TCP options | RFC 9293 §3.2, RFC 7323, RFC 2018, RFC 2385, RFC 5482, RFC 5925, RFC 7413, RFC 8684 |
//! | [`udp`] | the UDP header, and its checksum | RFC 768, RFC 2675 §4, RFC 6936 |
//! | [`icmp`], [`icmpv4`], [`icmpv6`] | ICMP messages | RFC 792, RFC 1191, RFC 4443, RFC 4884 |
//! | [`quote`] | the packet that an ICMP error quotes | RFC 792, RFC 5927 |
//! | [`fragment`] | reassembly of IP fragments, and cutting packets into them | RFC 791 §3.2, RFC 8200 §4.5, RFC 5722 |
//!
//! # Captured and on the wire
//!
//! A capture may hold less of a packet than was sent (the snap length). So parsers take the captured `bytes`
//! and a `wire_len`, and values carry both `payload` (captured) and `payload_len` (on the wire). On a live
//! interface both are the same: pass `bytes.len()`.
//!
//! # Example: from a frame to a TCP segment
//!
//! ```
//! use tcpstate::wire::{IpPacket, IpProtocol, LinkType, Network, TcpSegment, link};
//!
//! fn segment(frame: &[u8]) -> Option<TcpSegment<'_>> {
//!     let Network::Ip { bytes, wire_len } =
//!         link::network_layer(LinkType::Ethernet, frame, frame.len()).ok()?
//!     else {
//!         return None;
//!     };
//!     let packet = IpPacket::parse(bytes, wire_len).ok()?;
//!     if packet.protocol != IpProtocol::TCP || packet.fragment.is_some() {
//!         return None;
//!     }
//!     TcpSegment::parse(packet.payload, packet.payload_len).ok()
//! }
//! assert!(segment(&[0; 14]).is_none());
//! ```

pub mod checksum;
pub mod fragment;
pub mod icmp;
pub mod icmpv4;
pub mod icmpv6;
pub mod ip;
pub mod ipv4;
pub mod ipv6;
pub mod link;
pub mod options;
pub mod quote;
pub mod tcp;
pub mod udp;

pub use checksum::{Checksum, ChecksumStatus};
pub use fragment::{FragmentLimits, FragmentOutcome, Reassembled, Reassembler};
pub use icmp::{Echo, IcmpError};
pub use icmpv4::Icmpv4Message;
pub use icmpv6::Icmpv6Message;
pub use ip::{FragmentInfo, IpError, IpPacket, IpProtocol, LengthSource};
pub use ipv4::{Ipv4Header, Ipv4Repr};
pub use ipv6::{ExtensionHeader, ExtensionHeaders, Ipv6Header};
pub use link::{LinkError, LinkType, Network};
pub use options::{OptionError, OptionsBuilder, SackBlocks, TcpOption, TcpOptions};
pub use quote::{Quote, QuotedUpper};
pub use tcp::{TcpError, TcpFlags, TcpRepr, TcpSegment};
pub use udp::{UdpDatagram, UdpError, UdpRepr};

/// Why a header could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The caller's buffer is too small. Offer at least `needed` octets.
    #[error("the buffer holds {available} octets and {needed} are needed")]
    BufferTooSmall {
        /// Octets that the header (and payload, where one is written) takes.
        needed: usize,
        /// Octets that the buffer has.
        available: usize,
    },
    /// The options do not fit into the header: at most 40 octets do, padding included.
    #[error("{len} octets of options do not fit into the 40 that a header has for them")]
    OptionsTooLong {
        /// Octets of options.
        len: usize,
    },
    /// The length is beyond what the header's length field can say.
    #[error("a length of {len} octets does not fit: the field ends at {max}")]
    LengthOutOfRange {
        /// The length asked for, in octets.
        len: usize,
        /// The largest length that fits, in octets.
        max: usize,
    },
    /// A field's value has more bits than its place in the header.
    #[error("{field} is {value}, which is not in its range (at most {max}, in its units)")]
    FieldOutOfRange {
        /// The field's name.
        field: &'static str,
        /// The value asked for.
        value: u32,
        /// The largest value.
        max: u32,
    },
}

/// Refuses a buffer that is smaller than what is about to be written.
fn require(out: &[u8], needed: usize) -> Result<(), EmitError> {
    if out.len() < needed {
        return Err(EmitError::BufferTooSmall { needed, available: out.len() });
    }
    Ok(())
}

/// The first `len` octets, or all there are.
fn at_most(bytes: &[u8], len: usize) -> &[u8] {
    bytes.get(..len).unwrap_or(bytes)
}

/// A big-endian 16-bit field as a number.
const fn be16(high: u8, low: u8) -> u16 {
    u16::from_be_bytes([high, low])
}
