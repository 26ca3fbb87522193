//! What the extension headers of a packet ask of the host that it is for (RFC 8200 §4).

use super::super::icmpv6::ParameterCode;
use super::{ExtensionHeaders, Ipv6Error, Ipv6Header};
use crate::wire::{FragmentInfo, IpProtocol, at_most};

/// What a host does with a packet, by its extension headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Duty {
    /// Nothing stands against it: the upper layer may have it, or reassembly.
    Accept,
    /// The packet is dropped, and nothing is said.
    Discard,
    /// The packet is dropped, and its sender is to hear of it: a parameter problem.
    Problem(Problem),
}

/// What an ICMPv6 parameter problem says (RFC 4443 §3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    /// What kind of problem.
    pub code: ParameterCode,
    /// Where it is: octets from the start of the IPv6 header.
    pub pointer: u32,
}

/// A packet's extension headers, looked at as the host that the packet is for.
///
/// [`ExtensionHeaders`] walks over whatever has a known form, for those who only look on. A host is stricter: it does
/// what options and routing headers say, and what it does not implement it must not pass over. Of the first fragment of
/// a datagram all headers are looked at, the fragmented ones too: a first fragment must have them (RFC 7112 §5).
///
/// ```
/// use tcpstate::wire::ipv6::{Duty, Examined};
/// use tcpstate::wire::{IpProtocol, Ipv6Header};
///
/// let mut packet = [0; 48];
/// let header = Ipv6Header::new([0xfe; 16].into(), [0xfd; 16].into(), IpProtocol::DESTINATION_OPTIONS);
/// Ipv6Header { payload_len: 8, ..header }.emit(&mut packet)?;
/// packet[40..].copy_from_slice(&[6, 0, 0x9e, 0, 1, 2, 0, 0]); // an option that nobody knows
/// let Duty::Problem(problem) = Examined::of(&packet).unwrap().duty else { panic!() };
/// assert_eq!((problem.code.0, problem.pointer), (2, 42));
/// # Ok::<(), tcpstate::wire::EmitError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Examined {
    /// What to do.
    pub duty: Duty,
    /// The upper layer, or the header that ended the walk.
    pub protocol: IpProtocol,
    /// Where the octet stands that names `protocol`: what a problem with it points to.
    pub next_header_at: u32,
    /// Where the upper layer begins, in octets from the start of the IPv6 header.
    pub upper_at: u32,
    /// Where the fragment header of a piece of a datagram begins. `None` for whole packets, atomic fragments among them
    /// (RFC 6946).
    pub fragment_at: Option<u32>,
}

impl Examined {
    /// Looks at the whole packet that `bytes` is.
    ///
    /// The work is linear in the octets of the headers, of which there are at most [`ExtensionHeaders::MAX_HEADERS`].
    ///
    /// # Errors
    ///
    /// [`Ipv6Error`] when the first 40 octets are no IPv6 header. What is wrong behind them is a [`Duty`].
    pub fn of(bytes: &[u8]) -> Result<Self, Ipv6Error> {
        let header = Ipv6Header::parse(bytes, bytes.len())?;
        let rest = bytes.get(Ipv6Header::LEN..).unwrap_or_default();
        let rest = match usize::from(header.payload_len) {
            0 => rest,
            len => at_most(rest, len),
        };
        let mut walk = Walk {
            at: Ipv6Header::LEN as u32,
            next_header_at: 6,
            multicast: header.dst.is_multicast(),
            fragment_at: None,
        };
        let mut chain = ExtensionHeaders::new(header.next_header, rest, rest.len());
        let mut duty = walk.over(&mut chain);
        if duty == Duty::Accept && chain.fragment().is_some_and(|FragmentInfo { offset, .. }| offset == 0) {
            chain = ExtensionHeaders::after_fragment(chain.protocol(), chain.rest());
            duty = walk.over(&mut chain);
            if duty == Duty::Accept && (chain.fragment().is_some() || !has_upper_header(&chain)) {
                duty = problem(ParameterCode::HEADER_CHAIN, 0);
            }
        }
        Ok(Self {
            duty,
            protocol: chain.protocol(),
            next_header_at: walk.next_header_at,
            upper_at: walk.at,
            fragment_at: walk.fragment_at,
        })
    }
}

const fn problem(code: ParameterCode, pointer: u32) -> Duty {
    Duty::Problem(Problem { code, pointer })
}

/// Whether the upper layer's own header is there as well: it is part of the chain (RFC 7112 §3).
fn has_upper_header(chain: &ExtensionHeaders<'_>) -> bool {
    let upper = chain.rest();
    match chain.protocol() {
        IpProtocol::TCP => {
            upper.get(12).is_some_and(|offset| upper.len() >= usize::from(offset >> 4).max(5) * 4)
        }
        IpProtocol::UDP | IpProtocol::ICMPV6 => upper.len() >= 8,
        _ => true,
    }
}

/// A walk along a packet.
struct Walk {
    /// Where the next header begins.
    at: u32,
    /// Where its number stands.
    next_header_at: u32,
    multicast: bool,
    fragment_at: Option<u32>,
}

impl Walk {
    /// Goes on to the end of `chain`, or to the first header that is not to be passed.
    fn over(&mut self, chain: &mut ExtensionHeaders<'_>) -> Duty {
        // RFC 7112 §5: a first fragment in which the chain does not end.
        let cut =
            if self.fragment_at.is_some() { problem(ParameterCode::HEADER_CHAIN, 0) } else { Duty::Discard };
        loop {
            let here = *chain;
            if self.stops_at(&here) {
                return problem(ParameterCode::NEXT_HEADER, self.next_header_at);
            }
            let header = match chain.next() {
                Some(Ok(header)) => header,
                Some(Err(_)) => return cut,
                None => return Duty::Accept,
            };
            let duty = match header.kind {
                IpProtocol::HOP_BY_HOP | IpProtocol::DESTINATION_OPTIONS => {
                    self.options(header.kind, header.bytes)
                }
                IpProtocol::ROUTING => self.routing(header.bytes),
                // A fragment header.
                _ => {
                    if chain.fragment().is_some() {
                        self.fragment_at = Some(self.at);
                    }
                    Duty::Accept
                }
            };
            if duty != Duty::Accept {
                *chain = here;
                return duty;
            }
            self.next_header_at = self.at;
            self.at = self.at.saturating_add(u32::try_from(header.bytes.len()).unwrap_or(u32::MAX));
        }
    }

    /// Whether the next header is one that must not be passed over (RFC 8200 §4): hop-by-hop options that are not the
    /// first header, or one that has a known form and is not implemented. What is fragmented is not looked at yet.
    fn stops_at(&self, chain: &ExtensionHeaders<'_>) -> bool {
        let not_implemented = [IpProtocol::AH, IpProtocol::MOBILITY, IpProtocol::HIP, IpProtocol::SHIM6]
            .contains(&chain.protocol());
        let not_first = chain.protocol() == IpProtocol::HOP_BY_HOP && self.at > Ipv6Header::LEN as u32;
        chain.fragment().is_none() && (not_implemented || not_first)
    }

    /// RFC 8200 §4.2: the two highest bits of an option's type say what to do if it is not known.
    fn options(&self, kind: IpProtocol, header: &[u8]) -> Duty {
        const PAD1: u8 = 0;
        const PADN: u8 = 1;
        const JUMBO: u8 = 0xc2;
        let mut options = header.get(2..).unwrap_or_default();
        let mut at = self.at + 2;
        while let Some((&option, rest)) = options.split_first() {
            if option == PAD1 {
                (options, at) = (rest, at + 1);
                continue;
            }
            let Some((&len, rest)) = rest.split_first() else {
                return problem(ParameterCode::FIELD, at);
            };
            let Some(rest) = rest.get(usize::from(len)..) else {
                return problem(ParameterCode::FIELD, at + 1);
            };
            // RFC 2675 §3: a jumbo payload has a place in front only.
            let known = option == PADN || option == JUMBO && kind == IpProtocol::HOP_BY_HOP;
            match option >> 6 {
                _ if known => {}
                0 => {}
                1 => return Duty::Discard,
                3 if self.multicast => return Duty::Discard,
                _ => return problem(ParameterCode::OPTION, at),
            }
            (options, at) = (rest, at + 2 + u32::from(len));
        }
        Duty::Accept
    }

    /// RFC 8200 §4.4: no type of routing header is known here; type 0 is not to be known any more (RFC 5095 §3). One that
    /// has no stop left is passed over.
    fn routing(&self, header: &[u8]) -> Duty {
        match header.first_chunk::<4>() {
            Some([_, _, _, 0]) => Duty::Accept,
            _ => problem(ParameterCode::FIELD, self.at + 2),
        }
    }
}

#[cfg(test)]
mod tests;
