//! What was sent and when, and what to do when it seems to be lost.
//!
//! [`Records`] remembers the transmissions; [`NewReno`] decides from acknowledgments alone what to send
//! again (RFC 5681 §3.2, RFC 6582). How much may be sent is the matter of [`congestion`](super::congestion).

mod newreno;
mod records;

pub(in crate::tcp) use newreno::{Duplicate, NewAck, NewReno};
pub(in crate::tcp) use records::{Acked, Records};
