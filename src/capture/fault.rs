//! What can be wrong with a capture file, in plain words.

use core::fmt;
use std::io;
use std::path::PathBuf;
use std::string::{String, ToString};

use thiserror::Error;

use crate::time::Instant;

/// Reading a capture stopped here.
///
/// Its `Display` is one line that says what was wrong: `frame 12: the file ends in the middle of it: 40 of 96
/// octets are there`. Frames before [`frame`](Self::frame) have been read and are good.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct CaptureFault {
    /// The frame that could not be read: one more than the number of the last good frame.
    pub frame: u64,
    /// What was wrong.
    pub reason: FaultReason,
}

impl fmt::Display for CaptureFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.frame <= 1 && self.reason.is_before_frames() {
            write!(f, "{}", self.reason)
        } else {
            write!(f, "frame {}: {}", self.frame, self.reason)
        }
    }
}

/// Why a capture, or one packet of it, could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FaultReason {
    /// The file could not be opened. Check the path and the permissions.
    #[error("cannot open {}: {message}", path.display())]
    Open {
        /// The path as given.
        path: PathBuf,
        /// What kind of error the system reported.
        kind: io::ErrorKind,
        /// The system's words for it.
        message: String,
    },
    /// The source failed while it was read. The file may be fine: try again.
    #[error("reading failed: {message}")]
    Io {
        /// What kind of error the source reported.
        kind: io::ErrorKind,
        /// The source's words for it.
        message: String,
    },
    /// There is not one octet in the file.
    #[error("the file is empty")]
    Empty,
    /// The first octets are those of no capture format that is read here. Convert the file with `editcap` or
    /// decompress it.
    #[error("not a pcap or pcapng capture: it starts with {}{}", Octets(*magic), hint(*magic))]
    NotACapture {
        /// The first four octets, in file order.
        magic: [u8; 4],
    },
    /// The format is known, this version of it is not. Convert the file with `editcap`.
    #[error("{format} version {major}.{minor} is not supported")]
    UnsupportedVersion {
        /// `pcap` or `pcapng`.
        format: &'static str,
        /// The major version number in the file.
        major: u16,
        /// The minor version number in the file.
        minor: u16,
    },
    /// The file ends before its header does, so that no frame can be read.
    #[error("the file ends in its header: {available} of {needed} octets are there")]
    CutHeader {
        /// Octets that the header has.
        needed: u64,
        /// Octets of it that are there.
        available: u64,
    },
    /// The file ends in the middle of this frame: the capture was stopped hard, or copied short.
    #[error("the file ends in the middle of it: {available} of {needed} octets are there")]
    CutFrame {
        /// Octets that the frame takes in the file, its record header included.
        needed: u64,
        /// Octets of it that are there.
        available: u64,
    },
    /// The file ends in the middle of a pcapng block that holds no packet, or too early to know what it holds.
    #[error("the file ends in the middle of a block: {available} of {needed} octets are there")]
    CutBlock {
        /// Octets that the block takes in the file; at least 12.
        needed: u64,
        /// Octets of it that are there.
        available: u64,
    },
    /// The file claims a frame of more octets than are ever buffered: most likely its length field is damaged.
    #[error("it claims {claimed} octets, more than the {limit} that a frame may have: damaged length?")]
    FrameTooLarge {
        /// Octets claimed.
        claimed: u64,
        /// The most that is accepted, see [`MAX_FRAME_LEN`](super::MAX_FRAME_LEN).
        limit: u64,
    },
    /// A pcapng block is damaged such that the next one cannot be found. `editcap` or `pcapfix` may save more.
    #[error("block of type {block:#010x}: {problem}")]
    BadBlock {
        /// The block's type number.
        block: u32,
        /// What is wrong with it.
        problem: BlockProblem,
    },
    /// A packet came in on an interface that the section has not described, so that its link type and clock
    /// are unknown. The packet was passed over.
    #[error("a packet on interface {interface}, of which the section has described {known}")]
    UnknownInterface {
        /// The packet's interface, counted from 0.
        interface: u32,
        /// How many interfaces are known at this point.
        known: u32,
    },
    /// A packet block whose lengths do not fit into it. The packet was passed over.
    #[error("a packet of {claimed} octets in a block with room for {available}")]
    BadPacket {
        /// Octets that the packet claims; 0 if the block is too short to say.
        claimed: u64,
        /// Octets that the block can hold.
        available: u64,
    },
    /// A section of a pcapng file describes more interfaces than are ever kept.
    #[error("more than {limit} interfaces in one section")]
    TooManyInterfaces {
        /// The most that is accepted, see [`MAX_INTERFACES`](super::MAX_INTERFACES).
        limit: u64,
    },
    /// The gzip stream is cut short or damaged; what could be decompressed before has been read.
    #[error("the gzip stream is damaged or cut short: {message}")]
    Gzip {
        /// The decompressor's words for it.
        message: String,
    },
}

impl FaultReason {
    pub(super) fn from_io(error: &io::Error) -> Self {
        Self::Io { kind: error.kind(), message: error.to_string() }
    }

    /// Whether the fault is one of the file as a whole, so that a frame number would only confuse.
    fn is_before_frames(&self) -> bool {
        matches!(
            self,
            Self::Open { .. }
                | Self::Empty
                | Self::NotACapture { .. }
                | Self::UnsupportedVersion { .. }
                | Self::CutHeader { .. }
        )
    }
}

/// What is wrong with a pcapng block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BlockProblem {
    /// Its length is not a multiple of four.
    #[error("its length {length} is not a multiple of 4")]
    Unaligned {
        /// The length claimed.
        length: u32,
    },
    /// Its length leaves no room for what such a block must hold.
    #[error("its length {length} is below the {minimum} that it must have")]
    TooShort {
        /// The length claimed.
        length: u32,
        /// The least that is possible.
        minimum: u32,
    },
    /// It has to be kept whole and is larger than is ever buffered.
    #[error("its length {length} is above the {limit} that is accepted")]
    TooLong {
        /// The length claimed.
        length: u32,
        /// The most that is accepted.
        limit: u32,
    },
    /// The lengths at its two ends differ.
    #[error("its length is {first} at the start and {last} at the end")]
    LengthsDiffer {
        /// The length at its start.
        first: u32,
        /// The length at its end.
        last: u32,
    },
    /// A section header without the number that tells the byte order.
    #[error("its byte-order mark is {mark:#010x}")]
    ByteOrderMark {
        /// What stands in its place, read with the first octet as the highest.
        mark: u32,
    },
}

/// Why a frame could not be written.
///
/// All but [`Io`](Self::Io) refuse one frame and leave the file as it was.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WriteFault {
    /// The output failed. The file may end in the middle of a frame: do not write on.
    #[error("writing failed: {message}")]
    Io {
        /// What kind of error the output reported.
        kind: io::ErrorKind,
        /// The output's words for it.
        message: String,
    },
    /// Link types are 16-bit numbers in both formats.
    #[error("link type {dlt} does not fit into a capture file: the highest is 65535")]
    LinkTypeTooLarge {
        /// The link type given.
        dlt: u32,
    },
    /// A pcap file has one link type for all its frames: write pcapng instead.
    #[error("a frame of link type {dlt} in a pcap file of link type {file}: write pcapng to mix link types")]
    LinkTypeDiffers {
        /// The frame's link type.
        dlt: u32,
        /// The file's link type.
        file: u32,
    },
    /// The frame has more octets than the reader accepts.
    #[error("a frame of {length} octets: the most is {limit}")]
    FrameTooLarge {
        /// Octets of the frame.
        length: usize,
        /// The most that is accepted, see [`MAX_FRAME_LEN`](super::MAX_FRAME_LEN).
        limit: u32,
    },
    /// The original length is below the number of octets given.
    #[error("a frame of {length} octets that says it had {wire_len} on the wire")]
    WireLenTooSmall {
        /// Octets of the frame.
        length: usize,
        /// The original length given.
        wire_len: u32,
    },
    /// A comment's length is a 16-bit number: shorten it.
    #[error("a comment of {length} octets: the most is {limit}")]
    CommentTooLong {
        /// Octets of the comment, in UTF-8.
        length: usize,
        /// The most that fits.
        limit: usize,
    },
    /// Seconds are 32-bit numbers in pcap, which end in 2106: write pcapng instead.
    #[error("time {time} does not fit into a pcap file, which ends at 4294967295 seconds: write pcapng")]
    TimeTooLate {
        /// The frame's time.
        time: Instant,
    },
}

impl WriteFault {
    pub(super) fn from_io(error: &io::Error) -> Self {
        Self::Io { kind: error.kind(), message: error.to_string() }
    }
}

/// Four octets as `0a 0d 0d 0a`.
struct Octets([u8; 4]);

impl fmt::Display for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.0;
        write!(f, "{a:02x} {b:02x} {c:02x} {d:02x}")
    }
}

/// What a file with these first octets most likely is, and what to do about it.
fn hint(magic: [u8; 4]) -> &'static str {
    match magic {
        [0x34, 0xcd, 0xb2, 0xa1] | [0xa1, 0xb2, 0xcd, 0x34] => {
            " (pcap as modified by a Linux patch of 1999: convert it with editcap -F pcap)"
        }
        [0x28, 0xb5, 0x2f, 0xfd] => " (zstd: decompress it first)",
        [0xfd, b'7', b'z', b'X'] => " (xz: decompress it first)",
        [b'B', b'Z', b'h', _] => " (bzip2: decompress it first)",
        [0x04, 0x22, 0x4d, 0x18] => " (lz4: decompress it first)",
        [b'P', b'K', 0x03, 0x04] => " (zip: unpack it first)",
        [0x1f, 0x8b, ..] => " (gzip within gzip: decompress it first)",
        [b's', b'n', b'o', b'o'] => " (snoop: convert it with editcap -F pcapng)",
        [b'G', b'M', b'B', b'U'] => " (Network Monitor: convert it with editcap -F pcapng)",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
