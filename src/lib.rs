//! TCP/IP in user space as pure state transitions over byte buffers.
//!
//! Packets and time go in; packets, events and deadlines come out. There are no sockets, threads, clock or
//! randomness inside.
//!
//! | module | what | feature |
//! |---|---|---|
//! | [`tcp`] | the machine: one connection in sequence space, its states and every transition between them | |
//! | [`connection`] | a machine and its two buffers: segments in and out, streams in between | |
//! | [`host`] | IP packets in and out: [`host::Host`] for many flows, [`host::Single`] for one | |
//! | [`secret`] | what outsiders must not guess | |
//! | [`wire`] | IPv4, IPv6, TCP, UDP, links and fragments: octets to header values and back | |
//! | [`seq`], [`time`], [`flags`], [`ecn`] | sequence numbers, moments, control bits, the ECN field | |
#![cfg_attr(
    feature = "sim",
    doc = "| [`sim`] | connections over simulated networks, in virtual time | `sim` |"
)]
#![cfg_attr(
    not(feature = "sim"),
    doc = "| `sim` | connections over simulated networks, in virtual time | `sim` |"
)]
#![cfg_attr(feature = "pcap", doc = "| [`capture`] | pcap and pcapng files, read and written | `pcap` |")]
#![cfg_attr(
    feature = "pcap",
    doc = "| [`replay`] | the flows of a capture and the states of both ends | `pcap` |"
)]
#![cfg_attr(not(feature = "pcap"), doc = "| `capture` | pcap and pcapng files, read and written | `pcap` |")]
#![cfg_attr(
    not(feature = "pcap"),
    doc = "| `replay` | the flows of a capture and the states of both ends | `pcap` |"
)]
#![cfg_attr(feature = "drill", doc = "| [`drill`] | packetdrill scripts in virtual time | `drill` |")]
#![cfg_attr(not(feature = "drill"), doc = "| `drill` | packetdrill scripts in virtual time | `drill` |")]
//!
//! The core is `no_std` with `alloc`. Features only add: `std` (default), `pcap`, `sim`, `drill`, `serde`, `tracing`,
//! and `cli` for the `tcpstate` command.
//!
//! # One table
//!
//! ```
//! use tcpstate::{Event, State};
//!
//! assert_eq!(State::Listen.on(Event::Syn), Some(State::SynReceived));
//! assert_eq!(State::SynReceived.on(Event::AckOfSyn), Some(State::Established));
//! assert_eq!(State::Closed.on(Event::Fin), None); // not legal here: nothing changes
//! ```
#![cfg_attr(
    feature = "pcap",
    doc = r#"
# The driving loop of a replay

```
use tcpstate::capture::CaptureReader;
use tcpstate::replay::{Replay, ReplayConfig};

# let file: &[u8] = include_bytes!("../tests/captures/reset.pcapng");
let mut capture = CaptureReader::new(file)?;
let mut replay = Replay::new(ReplayConfig::default());
while let Some(frame) = capture.next_frame()? {
    replay.frame(&frame)?;
}
let mut finished = replay.finish()?;
while let Some(flow) = finished.next_flow()? {
    assert_eq!(flow.close.name(), "reset");
}
# Ok::<(), Box<dyn std::error::Error>>(())
```
"#
)]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

pub mod connection;
pub mod ecn;
pub mod flags;
pub mod host;
pub mod secret;
pub mod seq;
pub mod tcp;
pub mod time;
pub mod wire;

#[cfg(all(test, feature = "tracing"))]
mod ear;

#[cfg(feature = "pcap")]
pub mod capture;
#[cfg(feature = "drill")]
pub mod drill;
#[cfg(any(feature = "drill", feature = "pcap", feature = "sim"))]
pub mod ladder;
#[cfg(feature = "pcap")]
pub mod replay;
#[cfg(feature = "sim")]
pub mod sim;

pub use ecn::EcnCodepoint;
pub use flags::TcpFlags;
pub use seq::SeqNumber;
pub use tcp::state::{Event, State};
pub use time::Instant;

/// The example of the README is run as it stands there.
#[cfg(all(doctest, feature = "pcap"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// So are the examples of the host's manual.
#[cfg(doctest)]
#[doc = include_str!("../docs/host.md")]
struct HostManual;
