//! ICMP for IPv4 (RFC 792, RFC 1122 §3.2.2, RFC 1191 §4, RFC 4884).

use core::fmt;

use super::checksum::Checksum;
use super::icmp::{Echo, IcmpError, Parts};
use super::{EmitError, be16};

/// A message of ICMP for IPv4.
///
/// ```
/// use tcpstate::wire::icmp::Echo;
/// use tcpstate::wire::icmpv4::Icmpv4Message;
///
/// let request = Icmpv4Message::EchoRequest(Echo { id: 1, seq: 2, data: b"hello" });
/// let mut out = [0; 64];
/// let len = request.emit(&mut out)?;
/// assert_eq!(Icmpv4Message::parse(&out[..len]), Ok(request));
/// # Ok::<(), tcpstate::wire::EmitError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Icmpv4Message<'a> {
    /// Type 0.
    EchoReply(Echo<'a>),
    /// Type 8.
    EchoRequest(Echo<'a>),
    /// Type 3, all codes but 4.
    Unreachable {
        /// Why.
        code: Unreachable,
        /// The packet that did not get there, or its beginning.
        quote: &'a [u8],
    },
    /// Type 3, code 4: a packet that may not be fragmented was too large for the next link.
    FragmentationNeeded {
        /// What the next link takes, in octets; 0 from a router older than RFC 1191.
        mtu: u16,
        /// The packet that was too large, or its beginning.
        quote: &'a [u8],
    },
    /// Type 4. Nobody sends it any more, and it is to be ignored (RFC 6633 §5, RFC 9293 MUST-55).
    SourceQuench {
        /// A packet that was dropped.
        quote: &'a [u8],
    },
    /// Type 11.
    TimeExceeded {
        /// 0 on the way, 1 while it waited for its fragments.
        code: u8,
        /// The packet, or its beginning.
        quote: &'a [u8],
    },
    /// Type 12.
    ParameterProblem {
        /// 0: at `pointer`. 1: an option is missing. 2: a length is wrong.
        code: u8,
        /// Which octet of the quoted packet is the problem.
        pointer: u8,
        /// The packet, or its beginning.
        quote: &'a [u8],
    },
    /// Any other type, redirects among them.
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

/// Why a destination was not reached (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unreachable(pub u8);

impl Unreachable {
    /// No route to the network.
    pub const NET: Self = Self(0);
    /// The last router does not find the host.
    pub const HOST: Self = Self(1);
    /// The host does not speak the protocol.
    pub const PROTOCOL: Self = Self(2);
    /// Nobody listens on the port.
    pub const PORT: Self = Self(3);
    /// Too large and not to be fragmented.
    pub const FRAGMENTATION_NEEDED: Self = Self(4);
    /// A source route failed.
    pub const SOURCE_ROUTE: Self = Self(5);
    /// The network is not known.
    pub const NET_UNKNOWN: Self = Self(6);
    /// The host is not known.
    pub const HOST_UNKNOWN: Self = Self(7);
    /// The source is isolated.
    pub const SOURCE_ISOLATED: Self = Self(8);
    /// Talking to the network is prohibited.
    pub const NET_PROHIBITED: Self = Self(9);
    /// Talking to the host is prohibited.
    pub const HOST_PROHIBITED: Self = Self(10);
    /// No route to the network for this type of service.
    pub const NET_FOR_SERVICE: Self = Self(11);
    /// No route to the host for this type of service.
    pub const HOST_FOR_SERVICE: Self = Self(12);
    /// A filter forbids it.
    pub const PROHIBITED: Self = Self(13);
    /// The precedence is not permitted.
    pub const PRECEDENCE: Self = Self(14);
    /// The precedence is below what the network asks for.
    pub const PRECEDENCE_CUTOFF: Self = Self(15);
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match *self {
            Self::NET => "network unreachable",
            Self::HOST => "host unreachable",
            Self::PROTOCOL => "protocol unreachable",
            Self::PORT => "port unreachable",
            Self::FRAGMENTATION_NEEDED => "fragmentation needed",
            Self::SOURCE_ROUTE => "source route failed",
            Self::NET_UNKNOWN => "network unknown",
            Self::HOST_UNKNOWN => "host unknown",
            Self::SOURCE_ISOLATED => "source host isolated",
            Self::NET_PROHIBITED => "network prohibited",
            Self::HOST_PROHIBITED => "host prohibited",
            Self::NET_FOR_SERVICE => "network unreachable for this type of service",
            Self::HOST_FOR_SERVICE => "host unreachable for this type of service",
            Self::PROHIBITED => "prohibited by a filter",
            Self::PRECEDENCE => "precedence not permitted",
            Self::PRECEDENCE_CUTOFF => "precedence too low",
            Self(code) => return write!(f, "unreachable (code {code})"),
        })
    }
}

const ECHO_REPLY: u8 = 0;
const UNREACHABLE: u8 = 3;
const SOURCE_QUENCH: u8 = 4;
const ECHO_REQUEST: u8 = 8;
const TIME_EXCEEDED: u8 = 11;
const PARAMETER_PROBLEM: u8 = 12;

impl<'a> Icmpv4Message<'a> {
    /// Code of [`TimeExceeded`](Self::TimeExceeded): a datagram's fragments did not all come in time.
    pub const REASSEMBLY: u8 = 1;

    /// Reads a whole message and verifies its checksum. Extensions after a quoted packet are left away (RFC 4884).
    ///
    /// # Errors
    ///
    /// [`IcmpError`] when there are less than eight octets, or the checksum is wrong.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, IcmpError> {
        let parts = Parts::parse(bytes, Checksum::new())?;
        let Parts { kind, code, word, body } = parts;
        // RFC 4884 §4.1: octet 5 counts words of four octets.
        let [pointer, words, high, low] = word;
        let quote = parts.quote(words, 4);
        Ok(match (kind, code) {
            (ECHO_REPLY, 0) => Self::EchoReply(parts.echo()),
            (ECHO_REQUEST, 0) => Self::EchoRequest(parts.echo()),
            (UNREACHABLE, 4) => Self::FragmentationNeeded { mtu: be16(high, low), quote },
            (UNREACHABLE, code) => Self::Unreachable { code: Unreachable(code), quote },
            (SOURCE_QUENCH, _) => Self::SourceQuench { quote: body },
            (TIME_EXCEEDED, code) => Self::TimeExceeded { code, quote },
            (PARAMETER_PROBLEM, code) => Self::ParameterProblem { code, pointer, quote },
            (kind, code) => Self::Unknown { kind, code, word, body },
        })
    }

    /// Whether a host may send an error about a message of this type (RFC 1122 §3.2.2): about questions and their answers,
    /// and about no error. A type that is not known counts as an error.
    #[must_use]
    pub const fn is_query(kind: u8) -> bool {
        // Echo, router discovery, timestamp, information and address mask; extended echo (RFC 8335).
        matches!(kind, ECHO_REPLY | ECHO_REQUEST | 9 | 10 | 13..=18 | 42 | 43)
    }

    /// Writes the message to the start of `out`, checksum included, and says how many octets it took.
    ///
    /// # Errors
    ///
    /// [`EmitError`] when the buffer is too small; `out` is then unchanged.
    pub fn emit(&self, out: &mut [u8]) -> Result<usize, EmitError> {
        let (kind, code, word, body) = match *self {
            Self::EchoReply(echo) => (ECHO_REPLY, 0, echo.word(), echo.data),
            Self::EchoRequest(echo) => (ECHO_REQUEST, 0, echo.word(), echo.data),
            Self::Unreachable { code, quote } => (UNREACHABLE, code.0, [0; 4], quote),
            Self::FragmentationNeeded { mtu, quote } => {
                let [high, low] = mtu.to_be_bytes();
                (UNREACHABLE, Unreachable::FRAGMENTATION_NEEDED.0, [0, 0, high, low], quote)
            }
            Self::SourceQuench { quote } => (SOURCE_QUENCH, 0, [0; 4], quote),
            Self::TimeExceeded { code, quote } => (TIME_EXCEEDED, code, [0; 4], quote),
            Self::ParameterProblem { code, pointer, quote } => {
                (PARAMETER_PROBLEM, code, [pointer, 0, 0, 0], quote)
            }
            Self::Unknown { kind, code, word, body } => (kind, code, word, body),
        };
        Parts { kind, code, word, body }.emit(out, Checksum::new())
    }
}

#[cfg(test)]
mod tests;
