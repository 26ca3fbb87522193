//! What stands between IP packets and connections: addresses, ports, checksums.
//!
//! [`Single`] is the smallest host there is: one connection, IP packets in and out.

pub mod single;

pub use single::{Handled, IgnoreReason, OpenError, Single, SingleConfig, SingleError};
