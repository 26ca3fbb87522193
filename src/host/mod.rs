//! What stands between IP packets and connections: addresses, ports, checksums.
//!
//! [`Single`] is the smallest host there is: one connection, IP packets in and out.

mod demux;
pub mod single;
mod slab;
mod tuple;
mod wheel;

pub use single::{Handled, IgnoreReason, OpenError, Single, SingleConfig, SingleError};
pub use tuple::FiveTuple;
