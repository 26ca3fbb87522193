//! What ICMP has heard, said, and kept to itself, in numbers.

/// Kinds of messages that are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum IcmpKind {
    /// Echo requests.
    EchoRequest,
    /// Echo replies.
    EchoReply,
    /// Destination unreachable, for any reason but size.
    Unreachable,
    /// "Fragmentation needed" in IPv4, "packet too big" in IPv6.
    TooBig,
    /// Time exceeded.
    TimeExceeded,
    /// Parameter problem.
    ParameterProblem,
    /// Source quench, which is not heeded (RFC 6633).
    SourceQuench,
    /// Anything else.
    Other,
}

impl IcmpKind {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::EchoRequest,
        Self::EchoReply,
        Self::Unreachable,
        Self::TooBig,
        Self::TimeExceeded,
        Self::ParameterProblem,
        Self::SourceQuench,
        Self::Other,
    ];

    /// The same as a word for counters: `too_big`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EchoRequest => "echo_request",
            Self::EchoReply => "echo_reply",
            Self::Unreachable => "unreachable",
            Self::TooBig => "too_big",
            Self::TimeExceeded => "time_exceeded",
            Self::ParameterProblem => "parameter_problem",
            Self::SourceQuench => "source_quench",
            Self::Other => "other",
        }
    }
}

/// Why nothing was said about a packet, or in answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Silence {
    /// The configuration says so.
    Off,
    /// The packet is an ICMP error itself, or a redirect (RFC 1122 §3.2.2, RFC 4443 §2.4 (e.1), (e.2)).
    AboutError,
    /// The packet is a fragment, and not the first (RFC 1122 §3.2.2).
    LaterFragment,
    /// The packet was for a group or a broadcast (RFC 1122 §3.2.2, RFC 4443 §2.4 (e.3) to (e.5)).
    Group,
    /// The source is not one host (RFC 1122 §3.2.2, RFC 4443 §2.4 (e.6)), or says that it is where it sends to.
    Source,
    /// The packet cannot be read.
    Unreadable,
    /// The request has too many octets.
    TooLong,
    /// Too much was said lately.
    Limited,
    /// Too much waits to be polled.
    Full,
}

impl Silence {
    /// Every one.
    pub const ALL: [Self; 9] = [
        Self::Off,
        Self::AboutError,
        Self::LaterFragment,
        Self::Group,
        Self::Source,
        Self::Unreadable,
        Self::TooLong,
        Self::Limited,
        Self::Full,
    ];

    /// The same as a word for counters: `about_error`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::AboutError => "about_error",
            Self::LaterFragment => "later_fragment",
            Self::Group => "group",
            Self::Source => "source",
            Self::Unreadable => "unreadable",
            Self::TooLong => "too_long",
            Self::Limited => "limited",
            Self::Full => "full",
        }
    }
}

/// Why a message was not heeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Unheeded {
    /// It has less than eight octets, or a wrong checksum.
    Malformed,
    /// It was sent to a group or a broadcast.
    Group,
    /// It does not come from one host.
    Source,
    /// What it quotes was not sent from the address that it came to, or is too short to tell which flow is meant.
    Quote,
    /// It says nothing new: it reports an MTU that the quoted packet keeps to.
    Size,
    /// It reports an MTU that no link of IPv6 has (RFC 8201 §4).
    BelowMinimum,
    /// Source quench (RFC 9293 MUST-55).
    SourceQuench,
}

impl Unheeded {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Malformed,
        Self::Group,
        Self::Source,
        Self::Quote,
        Self::Size,
        Self::BelowMinimum,
        Self::SourceQuench,
    ];

    /// The same as a word for counters: `below_minimum`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Group => "group",
            Self::Source => "source",
            Self::Quote => "quote",
            Self::Size => "size",
            Self::BelowMinimum => "below_minimum",
            Self::SourceQuench => "source_quench",
        }
    }
}

/// Counters of a host's ICMP. They never go back, and wrap after 2⁶⁴.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct IcmpStats {
    received: [u64; IcmpKind::ALL.len()],
    sent: [u64; IcmpKind::ALL.len()],
    withheld: [u64; Silence::ALL.len()],
    unheeded: [u64; Unheeded::ALL.len()],
}

impl IcmpStats {
    /// Messages of this kind that arrived, with a right checksum.
    #[must_use]
    pub fn received(&self, kind: IcmpKind) -> u64 {
        get(&self.received, kind as usize)
    }

    /// Messages of this kind that were made, however many fragments they went as.
    #[must_use]
    pub fn sent(&self, kind: IcmpKind) -> u64 {
        get(&self.sent, kind as usize)
    }

    /// Messages that were not sent for this reason.
    #[must_use]
    pub fn withheld(&self, why: Silence) -> u64 {
        get(&self.withheld, why as usize)
    }

    /// Messages that were not heeded for this reason.
    #[must_use]
    pub fn unheeded(&self, why: Unheeded) -> u64 {
        get(&self.unheeded, why as usize)
    }

    pub(super) fn hear(&mut self, kind: IcmpKind) {
        count(&mut self.received, kind as usize);
    }

    pub(super) fn say(&mut self, kind: IcmpKind) {
        count(&mut self.sent, kind as usize);
    }

    pub(super) fn withhold(&mut self, why: Silence) {
        count(&mut self.withheld, why as usize);
    }

    pub(super) fn disregard(&mut self, why: Unheeded) {
        count(&mut self.unheeded, why as usize);
    }
}

fn get(counters: &[u64], at: usize) -> u64 {
    counters.get(at).copied().unwrap_or(0)
}

fn count(counters: &mut [u64], at: usize) {
    if let Some(counter) = counters.get_mut(at) {
        *counter = counter.wrapping_add(1);
    }
}
