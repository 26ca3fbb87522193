//! Capture files: reading pcap and pcapng, plain or gzipped, and writing both.
//!
//! This layer knows the files and nothing of what the packets mean: a [`Frame`] is a time, a link type and
//! octets. It is built for files that are cut short, damaged or hostile:
//!
//! - Every frame that can be read is read. The first thing that cannot be read past is a [`CaptureFault`], told
//!   once, naming the frame and what was wrong; after it the reader answers that there are no more frames.
//! - Damage that leaves the way to the next packet open (a pcapng packet on an interface that was never
//!   described) costs that packet only; [`CaptureReader::skipped`] counts it and
//!   [`CaptureReader::first_damage`] names the first.
//! - Memory is bounded whatever a file claims: one buffer, which holds one frame of at most [`MAX_FRAME_LEN`]
//!   octets, and a table of at most [`MAX_INTERFACES`] interfaces. Nothing is allocated per frame.
//!
//! ```
//! use tcpstate::Instant;
//! use tcpstate::capture::{CaptureReader, PcapngWriter};
//!
//! let mut writer = PcapngWriter::new(Vec::new(), &[101])?;
//! writer.write_frame(Instant::from_nanos(42), 101, b"a packet", 8, Some("why it matters"))?;
//! let file = writer.finish()?;
//!
//! let mut reader = CaptureReader::new(file.as_slice())?;
//! while let Some(frame) = reader.next_frame()? {
//!     assert_eq!((frame.number, frame.time.as_nanos(), frame.data), (1, 42, b"a packet".as_slice()));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bytes;
mod fault;
mod input;
mod pcap;
mod pcapng;
mod read;
mod write;

#[cfg(test)]
mod testing;

pub use fault::{BlockProblem, CaptureFault, FaultReason, WriteFault};
pub use read::{CaptureReader, Format, Frame, Skipped, open};
pub use write::{PcapWriter, PcapngWriter};

/// The most octets one frame may hold, 16 MiB, in reading and in writing: far above any packet, and a bound on
/// what a damaged length can make the reader buffer.
pub const MAX_FRAME_LEN: u32 = 16 * 1024 * 1024;

/// The most interfaces that one section of a pcapng file may describe.
pub const MAX_INTERFACES: usize = 65_536;
