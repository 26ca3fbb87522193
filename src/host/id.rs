//! Names for what a host keeps.

use core::fmt;

macro_rules! ids {
    ($( $(#[$doc:meta])* $name:ident, $word:literal; )+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name {
            pub(in crate::host) index: u32,
            pub(in crate::host) generation: u32,
        }

        impl $name {
            /// The id as a number, for tables of one's own: no two living things of a kind have the same.
            #[must_use]
            pub const fn to_bits(self) -> u64 {
                (self.generation as u64) << 32 | self.index as u64
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($word, "{}.{}"), self.index, self.generation)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self, f)
            }
        }
    )+};
}

ids! {
    /// A connection of a [`Host`](super::Host), until it is released. An id that has gone stale names nothing: it
    /// never comes to mean another connection.
    ConnId, "c";
    /// A listener of a [`Host`](super::Host).
    ListenerId, "l";
    /// A caller whom a listener has yet to decide about.
    RequestId, "q";
    /// A UDP socket of a [`Host`](super::Host), until it is closed.
    UdpId, "u";
    /// One peer of a UDP socket with flows, until the flow ends or is closed.
    UdpFlowId, "f";
}
