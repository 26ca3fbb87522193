//! The writers: frames into a pcapng file, with comments, or a pcap file.

use core::fmt;
use core::time::Duration;
use std::borrow::Cow;
use std::io::{self, BufWriter, Write};
use std::vec;
use std::vec::Vec;

use pcap_file::pcap::{PcapHeader, PcapTsResolution, PcapWriteError, RawPcapPacket};
use pcap_file::pcapng::PcapNgWriteError;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::blocks::opt_common::CommonOption;
use pcap_file::pcapng::blocks::section_header::SectionHeaderBlock;
use pcap_file::{DataLink, Endianness};

use super::MAX_FRAME_LEN;
use super::fault::WriteFault;
use crate::time::Instant;

/// The length of an option is a 16-bit number.
const MAX_COMMENT_LEN: usize = 65_535;

/// Writes a pcapng file of one section, with nanoseconds and one interface per link type.
///
/// The same calls give the same octets on every machine. Output is buffered: end with
/// [`finish`](Self::finish), which tells whether all of it was written.
pub struct PcapngWriter<W: Write> {
    inner: pcap_file::pcapng::PcapNgWriter<BufWriter<W>>,
    /// The link type of each interface written.
    interfaces: Vec<u32>,
}

impl<W: Write> PcapngWriter<W> {
    /// Starts a file with one interface for each of these link types, in this order.
    ///
    /// # Errors
    ///
    /// A link type is above 65535, or the output fails.
    pub fn new(output: W, link_types: &[u32]) -> Result<Self, WriteFault> {
        let section = SectionHeaderBlock { endianness: Endianness::Little, ..Default::default() };
        let inner = pcap_file::pcapng::PcapNgWriter::with_section_header(BufWriter::new(output), section)
            .map_err(pcapng_fault)?;
        let mut this = Self { inner, interfaces: Vec::new() };
        for dlt in link_types {
            this.interface_of(*dlt)?;
        }
        Ok(this)
    }

    /// Writes one frame, with a comment that Wireshark shows beside it. A link type that has no interface yet
    /// gets one.
    ///
    /// # Errors
    ///
    /// The frame is refused, see [`WriteFault`], or the output fails.
    pub fn write_frame(
        &mut self,
        time: Instant,
        dlt: u32,
        data: &[u8],
        wire_len: u32,
        comment: Option<&str>,
    ) -> Result<(), WriteFault> {
        check_lengths(data, wire_len)?;
        let mut options = Vec::new();
        if let Some(text) = comment {
            if text.len() > MAX_COMMENT_LEN {
                let (length, limit) = (text.len(), MAX_COMMENT_LEN);
                return Err(WriteFault::CommentTooLong { length, limit });
            }
            options = vec![EnhancedPacketOption::Common(CommonOption::Comment(Cow::Borrowed(text)))];
        }
        let block = EnhancedPacketBlock {
            interface_id: self.interface_of(dlt)?,
            timestamp: Duration::from_nanos(time.as_nanos()),
            original_len: wire_len,
            data: Cow::Borrowed(data),
            options,
        };
        self.inner.write_pcapng_block(block).map_err(pcapng_fault)?;
        Ok(())
    }

    /// Writes what is buffered and hands back the output.
    ///
    /// # Errors
    ///
    /// The output fails.
    pub fn finish(self) -> Result<W, WriteFault> {
        finish(self.inner.into_inner())
    }

    /// The interface of a link type, which is written first if there is none.
    fn interface_of(&mut self, dlt: u32) -> Result<u32, WriteFault> {
        let index = match self.interfaces.iter().position(|known| *known == dlt) {
            Some(index) => index,
            None => {
                let linktype = link(dlt)?;
                let resolution = InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO);
                let block = InterfaceDescriptionBlock { linktype, snaplen: 0, options: vec![resolution] };
                self.inner.write_pcapng_block(block).map_err(pcapng_fault)?;
                self.interfaces.push(dlt);
                self.interfaces.len() - 1
            }
        };
        // There are at most 65536 link types.
        Ok(u32::try_from(index).unwrap_or(u32::MAX))
    }
}

impl<W: Write> fmt::Debug for PcapngWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PcapngWriter").field("interfaces", &self.interfaces).finish_non_exhaustive()
    }
}

/// Writes a pcap file with nanoseconds, for tools that read no pcapng.
///
/// The same calls give the same octets on every machine. Output is buffered: end with
/// [`finish`](Self::finish), which tells whether all of it was written.
pub struct PcapWriter<W: Write> {
    inner: pcap_file::pcap::PcapWriter<BufWriter<W>>,
    dlt: u32,
}

impl<W: Write> PcapWriter<W> {
    /// Starts a file of frames of this link type.
    ///
    /// # Errors
    ///
    /// The link type is above 65535, or the output fails.
    pub fn new(output: W, dlt: u32) -> Result<Self, WriteFault> {
        let header = PcapHeader {
            snaplen: MAX_FRAME_LEN,
            datalink: link(dlt)?,
            ts_resolution: PcapTsResolution::NanoSecond,
            endianness: Endianness::Little,
            ..Default::default()
        };
        let inner = pcap_file::pcap::PcapWriter::with_header(BufWriter::new(output), header);
        Ok(Self { inner: inner.map_err(pcap_fault)?, dlt })
    }

    /// Writes one frame.
    ///
    /// # Errors
    ///
    /// The frame is refused, see [`WriteFault`], or the output fails.
    pub fn write_frame(
        &mut self,
        time: Instant,
        dlt: u32,
        data: &[u8],
        wire_len: u32,
    ) -> Result<(), WriteFault> {
        let incl_len = check_lengths(data, wire_len)?;
        if dlt != self.dlt {
            return Err(WriteFault::LinkTypeDiffers { dlt, file: self.dlt });
        }
        let since_epoch = Duration::from_nanos(time.as_nanos());
        let Ok(ts_sec) = u32::try_from(since_epoch.as_secs()) else {
            return Err(WriteFault::TimeTooLate { time });
        };
        let ts_frac = since_epoch.subsec_nanos();
        let packet =
            RawPcapPacket { ts_sec, ts_frac, incl_len, orig_len: wire_len, data: Cow::Borrowed(data) };
        self.inner.write_raw_packet(&packet).map_err(pcap_fault)?;
        Ok(())
    }

    /// Writes what is buffered and hands back the output.
    ///
    /// # Errors
    ///
    /// The output fails.
    pub fn finish(self) -> Result<W, WriteFault> {
        finish(self.inner.into_inner())
    }
}

impl<W: Write> fmt::Debug for PcapWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PcapWriter").field("dlt", &self.dlt).finish_non_exhaustive()
    }
}

fn check_lengths(data: &[u8], wire_len: u32) -> Result<u32, WriteFault> {
    let length = data.len();
    match u32::try_from(length) {
        Ok(captured) if captured <= MAX_FRAME_LEN && captured <= wire_len => Ok(captured),
        Ok(captured) if captured <= MAX_FRAME_LEN => Err(WriteFault::WireLenTooSmall { length, wire_len }),
        _ => Err(WriteFault::FrameTooLarge { length, limit: MAX_FRAME_LEN }),
    }
}

fn link(dlt: u32) -> Result<DataLink, WriteFault> {
    if dlt > u32::from(u16::MAX) {
        return Err(WriteFault::LinkTypeTooLarge { dlt });
    }
    Ok(DataLink::from(dlt))
}

fn finish<W: Write>(buffered: BufWriter<W>) -> Result<W, WriteFault> {
    let mut output = buffered.into_inner().map_err(|error| WriteFault::from_io(error.error()))?;
    output.flush().map_err(|error| WriteFault::from_io(&error))?;
    Ok(output)
}

fn pcap_fault(error: PcapWriteError) -> WriteFault {
    match error {
        PcapWriteError::Io(error) | PcapWriteError::FieldWriteFailed(_, error) => WriteFault::from_io(&error),
        other => WriteFault::from_io(&io::Error::other(other)),
    }
}

fn pcapng_fault(error: PcapNgWriteError) -> WriteFault {
    match error {
        PcapNgWriteError::Io(error) => WriteFault::from_io(&error),
        other => WriteFault::from_io(&io::Error::other(other)),
    }
}

#[cfg(test)]
mod tests;
