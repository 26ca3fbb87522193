//! The ECN field of an IP header (RFC 3168 §5): what the machine decides by, and what a header carries.

use core::fmt;

/// The two ECN bits of an IP header: whether the network may mark the packet where it would drop another, and
/// whether it has.
///
/// ```
/// use tcpstate::EcnCodepoint;
///
/// let traffic_class = 0b1011_1010; // DSCP 46 above ECT(0)
/// assert_eq!(EcnCodepoint::from_bits(traffic_class), EcnCodepoint::Ect0);
/// assert!(EcnCodepoint::Ect0.is_ect() && !EcnCodepoint::Ce.is_ect());
/// assert_eq!(EcnCodepoint::Ce.bits(), 0b11);
/// assert_eq!(EcnCodepoint::Ect0.to_string(), "ECT(0)");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[repr(u8)]
pub enum EcnCodepoint {
    /// The sender would not understand a mark: 00.
    #[default]
    NotEct = 0b00,
    /// An ECN-capable transport, the codepoint that RFC 8311 keeps for experiments: 01.
    Ect1 = 0b01,
    /// An ECN-capable transport: 10.
    Ect0 = 0b10,
    /// Congestion experienced: the network has marked the packet: 11.
    Ce = 0b11,
}

impl EcnCodepoint {
    /// The codepoint in the lower two bits of a type of service or traffic class; the others are ignored.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 0b11 {
            0b00 => Self::NotEct,
            0b01 => Self::Ect1,
            0b10 => Self::Ect0,
            _ => Self::Ce,
        }
    }

    /// The bits as the header has them: 0..=3.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self as u8
    }

    /// Whether the network may mark the packet, and has not.
    #[must_use]
    pub const fn is_ect(self) -> bool {
        matches!(self, Self::Ect0 | Self::Ect1)
    }
}

/// As RFC 3168 writes it: `Not-ECT`, `ECT(1)`, `ECT(0)`, `CE`.
impl fmt::Display for EcnCodepoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NotEct => "Not-ECT",
            Self::Ect1 => "ECT(1)",
            Self::Ect0 => "ECT(0)",
            Self::Ce => "CE",
        })
    }
}
