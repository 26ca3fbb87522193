//! The reader: frames out of a capture of either format.

use core::fmt;
use std::boxed::Box;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::string::ToString;

use super::fault::{CaptureFault, FaultReason};
use super::input::Input;
use super::pcap::Pcap;
use super::pcapng::{MAX_BLOCK_LEN, Pcapng, Step};
use crate::time::Instant;

/// One captured frame, borrowed from the reader's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The frame's number among those read, from 1: what other tools show for it, unless damaged packets before
    /// it were skipped.
    pub number: u64,
    /// When it was captured, since the Unix epoch. In a pcapng file, a simple packet has no time: it gets that
    /// of the frame before it, or zero. A time outside of the range of [`Instant`] becomes the nearest in it.
    pub time: Instant,
    /// The link type of the interface it was captured on, as numbered in <https://www.tcpdump.org/linktypes.html>:
    /// at most 65535.
    pub dlt: u32,
    /// The octets captured, at most [`MAX_FRAME_LEN`](super::MAX_FRAME_LEN).
    pub data: &'a [u8],
    /// The octets that the frame had on the wire; never below `data.len()`.
    pub wire_len: u32,
}

/// The format of a capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// pcap with microseconds.
    PcapMicros,
    /// pcap with nanoseconds.
    PcapNanos,
    /// pcapng.
    Pcapng,
}

/// `pcap`, `pcap (nanoseconds)` or `pcapng`.
impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::PcapMicros => "pcap",
            Self::PcapNanos => "pcap (nanoseconds)",
            Self::Pcapng => "pcapng",
        })
    }
}

/// What a reader has passed over so far; all zero for pcap files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skipped {
    /// Packets that could not be read although the next block could be found: see
    /// [`CaptureReader::first_damage`].
    pub damaged_packets: u64,
    /// Blocks that hold no packet and describe no interface: names, statistics, secrets, custom ones.
    pub other_blocks: u64,
}

/// A frame whose octets are still in the input.
pub(super) struct Found {
    pub(super) time: Instant,
    pub(super) dlt: u32,
    /// Where its octets stand in the input.
    pub(super) at: usize,
    pub(super) len: usize,
    pub(super) wire_len: u32,
}

/// Reads the frames of a capture, pcap or pcapng, plain or gzipped, from any source of octets.
///
/// The source needs no buffering of its own, is read in order and once, and may give as few octets at a time as
/// it likes: a pipe from a running `tcpdump -U -w -` works, each frame coming out as soon as it is whole. See
/// the [module](super) for what happens to damaged files.
pub struct CaptureReader<R: Read> {
    input: Input<R>,
    decoder: Decoder,
    frames: u64,
    skipped: Skipped,
    first_damage: Option<CaptureFault>,
    is_done: bool,
}

enum Decoder {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

impl<R: Read> CaptureReader<R> {
    /// Reads the file's header.
    ///
    /// # Errors
    ///
    /// The source is empty, not a capture, of an unsupported version, cut within its header, or fails.
    pub fn new(source: R) -> Result<Self, CaptureFault> {
        Self::start(source).map_err(|reason| CaptureFault { frame: 1, reason })
    }

    fn start(source: R) -> Result<Self, FaultReason> {
        let mut input = Input::new(source, MAX_BLOCK_LEN as usize)?;
        let available = input.ensure(4)?;
        if available == 0 {
            return Err(FaultReason::Empty);
        }
        let Some(magic) = input.available().first_chunk::<4>().copied() else {
            return Err(FaultReason::CutHeader { needed: 4, available: available as u64 });
        };
        let decoder = if Pcap::is_magic(magic) {
            Decoder::Pcap(Pcap::start(&mut input)?)
        } else if Pcapng::is_magic(magic) {
            Decoder::Pcapng(Pcapng::start(&mut input)?)
        } else {
            return Err(FaultReason::NotACapture { magic });
        };
        let skipped = Skipped::default();
        Ok(Self { input, decoder, frames: 0, skipped, first_damage: None, is_done: false })
    }

    /// The next frame, or `None` at the end of the capture.
    ///
    /// # Errors
    ///
    /// Reading cannot go on: the file is cut, damaged, or its source failed. This is told once; from then on the
    /// answer is `Ok(None)`.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureFault> {
        if self.is_done {
            return Ok(None);
        }
        match self.find() {
            Ok(Some(found)) => {
                self.frames += 1;
                let Found { time, dlt, at, len, wire_len } = found;
                let data = self.input.held(at, len);
                debug_assert_eq!(data.len(), len, "a frame found is in the buffer");
                Ok(Some(Frame { number: self.frames, time, dlt, data, wire_len }))
            }
            Ok(None) => {
                self.is_done = true;
                Ok(None)
            }
            Err(reason) => {
                self.is_done = true;
                Err(CaptureFault { frame: self.frames + 1, reason })
            }
        }
    }

    fn find(&mut self) -> Result<Option<Found>, FaultReason> {
        let pcapng = match &mut self.decoder {
            Decoder::Pcap(pcap) => return pcap.next(&mut self.input),
            Decoder::Pcapng(pcapng) => pcapng,
        };
        loop {
            match pcapng.next(&mut self.input)? {
                Step::Frame(found) => return Ok(Some(found)),
                Step::End => return Ok(None),
                Step::Described => {}
                Step::Other => self.skipped.other_blocks += 1,
                Step::Damaged(reason) => {
                    self.skipped.damaged_packets += 1;
                    let frame = self.frames + 1;
                    self.first_damage.get_or_insert(CaptureFault { frame, reason });
                }
            }
        }
    }

    /// The format of the file.
    #[must_use]
    pub fn format(&self) -> Format {
        match &self.decoder {
            Decoder::Pcap(pcap) if pcap.is_nanos() => Format::PcapNanos,
            Decoder::Pcap(_) => Format::PcapMicros,
            Decoder::Pcapng(_) => Format::Pcapng,
        }
    }

    /// Whether the file is gzipped.
    #[must_use]
    pub fn is_gzip(&self) -> bool {
        self.input.is_gzip()
    }

    /// Octets taken from the source so far, before decompression: compare it with the file's size for progress.
    /// It runs ahead of the frames by what is buffered.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.input.octets_read()
    }

    /// Frames read so far, which is the number of the last one.
    #[must_use]
    pub fn frames_read(&self) -> u64 {
        self.frames
    }

    /// What has been passed over so far.
    #[must_use]
    pub fn skipped(&self) -> Skipped {
        self.skipped
    }

    /// The first packet that was passed over because it is damaged, if any: `frame` is the number that the next
    /// good frame after it got or will get.
    #[must_use]
    pub fn first_damage(&self) -> Option<&CaptureFault> {
        self.first_damage.as_ref()
    }
}

impl<R: Read> fmt::Debug for CaptureReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaptureReader")
            .field("format", &self.format())
            .field("frames_read", &self.frames)
            .field("skipped", &self.skipped)
            .finish_non_exhaustive()
    }
}

/// Opens the capture at `path`, or standard input if it is `-`. To read a file of that name, write `./-`.
///
/// # Errors
///
/// The file cannot be opened, or its header cannot be read: see [`CaptureReader::new`].
pub fn open(path: &Path) -> Result<CaptureReader<Box<dyn Read + Send>>, CaptureFault> {
    let source: Box<dyn Read + Send> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).map_err(|error| {
            let (path, kind, message) = (path.to_path_buf(), error.kind(), error.to_string());
            CaptureFault { frame: 1, reason: FaultReason::Open { path, kind, message } }
        })?)
    };
    CaptureReader::new(source)
}

#[cfg(test)]
mod tests;
