//! pcap: a header and records, <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-05.html>.

use std::io::Read;

use pcap_file::Endianness;
use pcap_file::pcap::{PcapParseError, PcapParser, PcapTsResolution};

use super::MAX_FRAME_LEN;
use super::bytes::ByteOrder;
use super::fault::FaultReason;
use super::input::Input;
use super::read::Found;
use crate::time::Instant;

/// Octets of the file header.
const HEADER_LEN: usize = 24;
/// Octets of the header of a record.
const RECORD_HEADER_LEN: usize = 16;

/// A pcap file whose header has been read.
pub(super) struct Pcap {
    parser: PcapParser,
    dlt: u32,
    nanos_per_tick: u64,
}

impl Pcap {
    pub(super) fn is_magic(magic: [u8; 4]) -> bool {
        matches!(u32::from_be_bytes(magic), 0xa1b2_c3d4 | 0xa1b2_3c4d | 0xd4c3_b2a1 | 0x4d3c_b2a1)
    }

    /// Reads the header. Major version 2 since minor version 3 is accepted: before, the two lengths of a record
    /// stood in the other order.
    pub(super) fn start<R: Read>(input: &mut Input<R>) -> Result<Self, FaultReason> {
        let available = input.ensure(HEADER_LEN)? as u64;
        let cut = FaultReason::CutHeader { needed: HEADER_LEN as u64, available };
        let bytes = input.available();
        let Ok((_, parser)) = PcapParser::new(bytes) else {
            return Err(cut);
        };
        let header = parser.header();
        if header.version_major != 2 || header.version_minor < 3 {
            let (major, minor) = (header.version_major, header.version_minor);
            return Err(FaultReason::UnsupportedVersion { format: "pcap", major, minor });
        }
        let order = match header.endianness {
            Endianness::Big => ByteOrder::Big,
            Endianness::Little => ByteOrder::Little,
        };
        // The upper half tells whether frames end in a check sequence, and of which length.
        let dlt = order.u32(bytes, 20).ok_or(cut)? & 0xffff;
        let nanos_per_tick = match header.ts_resolution {
            PcapTsResolution::MicroSecond => 1_000,
            PcapTsResolution::NanoSecond => 1,
        };
        input.consume(HEADER_LEN);
        Ok(Self { parser, dlt, nanos_per_tick })
    }

    pub(super) fn is_nanos(&self) -> bool {
        self.nanos_per_tick == 1
    }

    /// The next frame. What can be repaired is: the original length is at least the captured one, ticks beyond
    /// the second carry into it, and a frame may be longer than the snap length.
    pub(super) fn next<R: Read>(&self, input: &mut Input<R>) -> Result<Option<Found>, FaultReason> {
        let mut needed = RECORD_HEADER_LEN;
        loop {
            let available = input.ensure(needed)?;
            if available == 0 {
                return Ok(None);
            }
            match self.parser.next_raw_packet(input.available()) {
                Ok((_, record)) => {
                    check_len(record.data.len())?;
                    let len = record.data.len();
                    let ticks = u64::from(record.ts_frac) * self.nanos_per_tick;
                    let found = Found {
                        time: Instant::from_nanos(u64::from(record.ts_sec) * 1_000_000_000 + ticks),
                        dlt: self.dlt,
                        at: input.position() + RECORD_HEADER_LEN,
                        len,
                        wire_len: record.orig_len.max(record.incl_len),
                    };
                    input.consume(RECORD_HEADER_LEN + len);
                    return Ok(Some(found));
                }
                Err(PcapParseError::IncompleteBuffer(claimed, _)) if available >= needed => {
                    check_len(claimed)?;
                    needed = RECORD_HEADER_LEN + claimed;
                }
                Err(_) => {
                    let (needed, available) = (needed as u64, available as u64);
                    return Err(FaultReason::CutFrame { needed, available });
                }
            }
        }
    }
}

fn check_len(claimed: usize) -> Result<(), FaultReason> {
    if claimed <= MAX_FRAME_LEN as usize {
        return Ok(());
    }
    Err(FaultReason::FrameTooLarge { claimed: claimed as u64, limit: u64::from(MAX_FRAME_LEN) })
}

#[cfg(test)]
mod tests;
