//! ICMP for IPv6 (RFC 4443, RFC 4884, RFC 7112).

use core::fmt;
use core::net::{IpAddr, Ipv6Addr};

use super::checksum::{self, Checksum};
use super::icmp::{Echo, IcmpError, Parts};
use super::{EmitError, IpProtocol};

/// A message of ICMP for IPv6.
///
/// ```
/// use core::net::Ipv6Addr;
/// use tcpstate::wire::icmp::Echo;
/// use tcpstate::wire::icmpv6::Icmpv6Message;
///
/// let (src, dst) = (Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
/// let request = Icmpv6Message::EchoRequest(Echo { id: 1, seq: 2, data: b"hello" });
/// let mut out = [0; 64];
/// let len = request.emit(&mut out, src, dst)?;
/// assert_eq!(Icmpv6Message::parse(&out[..len], src, dst), Ok(request));
/// # Ok::<(), tcpstate::wire::EmitError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Icmpv6Message<'a> {
    /// Type 1.
    Unreachable {
        /// Why.
        code: Unreachable,
        /// The packet that did not get there, or its beginning.
        quote: &'a [u8],
    },
    /// Type 2.
    PacketTooBig {
        /// What the next link takes, in octets.
        mtu: u32,
        /// The packet that was too large, or its beginning.
        quote: &'a [u8],
    },
    /// Type 3.
    TimeExceeded {
        /// 0 on the way, 1 while it waited for its fragments.
        code: u8,
        /// The packet, or its beginning.
        quote: &'a [u8],
    },
    /// Type 4.
    ParameterProblem {
        /// What kind of problem.
        code: ParameterCode,
        /// Which octet of the quoted packet is the problem.
        pointer: u32,
        /// The packet, or its beginning.
        quote: &'a [u8],
    },
    /// Type 128.
    EchoRequest(Echo<'a>),
    /// Type 129.
    EchoReply(Echo<'a>),
    /// Any other type.
    Unknown {
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
        /// Octets 4 to 7.
        word: [u8; 4],
        /// What follows them.
        body: &'a [u8],
    },
}

/// Why a destination was not reached (RFC 4443 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unreachable(pub u8);

impl Unreachable {
    /// No route.
    pub const NO_ROUTE: Self = Self(0);
    /// A filter forbids it.
    pub const PROHIBITED: Self = Self(1);
    /// The destination lies beyond the scope of the source address.
    pub const BEYOND_SCOPE: Self = Self(2);
    /// The last router does not find the address.
    pub const ADDRESS: Self = Self(3);
    /// Nobody listens on the port.
    pub const PORT: Self = Self(4);
    /// The source address fails a filter.
    pub const SOURCE_POLICY: Self = Self(5);
    /// The route says that packets are to be refused.
    pub const REJECTED: Self = Self(6);
    /// A source route is wrong (RFC 6550 §20.18).
    pub const SOURCE_ROUTE: Self = Self(7);
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match *self {
            Self::NO_ROUTE => "no route",
            Self::PROHIBITED => "prohibited by a filter",
            Self::BEYOND_SCOPE => "beyond the scope of the source address",
            Self::ADDRESS => "address unreachable",
            Self::PORT => "port unreachable",
            Self::SOURCE_POLICY => "source address refused by a filter",
            Self::REJECTED => "route rejects",
            Self::SOURCE_ROUTE => "source route wrong",
            Self(code) => return write!(f, "unreachable (code {code})"),
        })
    }
}

/// What kind of problem a packet has (RFC 4443 §3.4, RFC 7112 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParameterCode(pub u8);

impl ParameterCode {
    /// A field of a header has a value that cannot be.
    pub const FIELD: Self = Self(0);
    /// A next header that is not known.
    pub const NEXT_HEADER: Self = Self(1);
    /// An option that is not known.
    pub const OPTION: Self = Self(2);
    /// The first fragment does not have all headers.
    pub const HEADER_CHAIN: Self = Self(3);
}

const UNREACHABLE: u8 = 1;
const PACKET_TOO_BIG: u8 = 2;
const TIME_EXCEEDED: u8 = 3;
const PARAMETER_PROBLEM: u8 = 4;
const ECHO_REQUEST: u8 = 128;
const ECHO_REPLY: u8 = 129;
const REDIRECT: u8 = 137;

impl<'a> Icmpv6Message<'a> {
    /// Code of [`TimeExceeded`](Self::TimeExceeded): a datagram's fragments did not all come in time.
    pub const REASSEMBLY: u8 = 1;

    /// Reads a whole message and verifies its checksum. Extensions after a quoted packet are left away (RFC 4884).
    ///
    /// # Errors
    ///
    /// [`IcmpError`] when there are less than eight octets, or the checksum is wrong.
    pub fn parse(bytes: &'a [u8], src: Ipv6Addr, dst: Ipv6Addr) -> Result<Self, IcmpError> {
        let parts = Parts::parse(bytes, pseudo_header(src, dst, bytes.len()))?;
        let Parts { kind, code, word, body } = parts;
        let number = u32::from_be_bytes(word);
        // RFC 4884 §4.3: octet 4 counts words of eight octets, in the two types that may have extensions.
        let [words, ..] = word;
        Ok(match (kind, code) {
            (UNREACHABLE, code) => {
                Self::Unreachable { code: Unreachable(code), quote: parts.quote(words, 8) }
            }
            (PACKET_TOO_BIG, _) => Self::PacketTooBig { mtu: number, quote: body },
            (TIME_EXCEEDED, code) => Self::TimeExceeded { code, quote: parts.quote(words, 8) },
            (PARAMETER_PROBLEM, code) => {
                Self::ParameterProblem { code: ParameterCode(code), pointer: number, quote: body }
            }
            (ECHO_REQUEST, 0) => Self::EchoRequest(parts.echo()),
            (ECHO_REPLY, 0) => Self::EchoReply(parts.echo()),
            (kind, code) => Self::Unknown { kind, code, word, body },
        })
    }

    /// Whether a host may send an error about a message of this type (RFC 4443 §2.4 (e)): about no error, and about no
    /// redirect.
    #[must_use]
    pub const fn is_query(kind: u8) -> bool {
        kind >= 128 && kind != REDIRECT
    }

    /// Writes the message to the start of `out`, checksum included, and says how many octets it took.
    ///
    /// # Errors
    ///
    /// [`EmitError`] when the buffer is too small; `out` is then unchanged.
    pub fn emit(&self, out: &mut [u8], src: Ipv6Addr, dst: Ipv6Addr) -> Result<usize, EmitError> {
        let (kind, code, word, body) = match *self {
            Self::Unreachable { code, quote } => (UNREACHABLE, code.0, [0; 4], quote),
            Self::PacketTooBig { mtu, quote } => (PACKET_TOO_BIG, 0, mtu.to_be_bytes(), quote),
            Self::TimeExceeded { code, quote } => (TIME_EXCEEDED, code, [0; 4], quote),
            Self::ParameterProblem { code, pointer, quote } => {
                (PARAMETER_PROBLEM, code.0, pointer.to_be_bytes(), quote)
            }
            Self::EchoRequest(echo) => (ECHO_REQUEST, 0, echo.word(), echo.data),
            Self::EchoReply(echo) => (ECHO_REPLY, 0, echo.word(), echo.data),
            Self::Unknown { kind, code, word, body } => (kind, code, word, body),
        };
        let len = super::icmp::HEADER_LEN.saturating_add(body.len());
        Parts { kind, code, word, body }.emit(out, pseudo_header(src, dst, len))
    }
}

/// RFC 4443 §2.3: the checksum covers the addresses too.
fn pseudo_header(src: Ipv6Addr, dst: Ipv6Addr, len: usize) -> Checksum {
    let len = u32::try_from(len).unwrap_or(u32::MAX);
    checksum::pseudo_header(IpAddr::V6(src), IpAddr::V6(dst), IpProtocol::ICMPV6, len)
}

#[cfg(test)]
mod tests;
