//! Capture files made by hand, octet by octet, and the ways to read them that the tests share.

use std::io::{self, Read};
use std::vec::Vec;

use super::bytes::ByteOrder::{self, Big, Little};
use super::{CaptureFault, CaptureReader};

pub(super) const BOTH_ORDERS: [ByteOrder; 2] = [Big, Little];

pub(super) const ENHANCED: u32 = 6;
pub(super) const SIMPLE: u32 = 3;
pub(super) const OBSOLETE: u32 = 2;
pub(super) const DESCRIPTION: u32 = 1;
pub(super) const SECTION: u32 = 0x0a0d_0d0a;

pub(super) fn n16(order: ByteOrder, value: u16) -> [u8; 2] {
    if order == Big { value.to_be_bytes() } else { value.to_le_bytes() }
}

pub(super) fn n32(order: ByteOrder, value: u32) -> [u8; 4] {
    if order == Big { value.to_be_bytes() } else { value.to_le_bytes() }
}

pub(super) fn n64(order: ByteOrder, value: u64) -> [u8; 8] {
    if order == Big { value.to_be_bytes() } else { value.to_le_bytes() }
}

/// A pcap header of version 2.4 with a snap length of 100.
pub(super) fn pcap_header(order: ByteOrder, nanos: bool, link: u32) -> Vec<u8> {
    let mut out = n32(order, if nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 }).to_vec();
    out.extend(n16(order, 2));
    out.extend(n16(order, 4));
    for field in [0, 0, 100, link] {
        out.extend(n32(order, field));
    }
    out
}

pub(super) fn pcap_record(order: ByteOrder, secs: u32, ticks: u32, original: u32, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in [secs, ticks, data.len() as u32, original] {
        out.extend(n32(order, field));
    }
    out.extend(data);
    out
}

/// A pcap file of these frames, one per second from second 1 on.
pub(super) fn pcap(order: ByteOrder, frames: &[&[u8]]) -> Vec<u8> {
    let mut out = pcap_header(order, false, 1);
    for (index, data) in frames.iter().enumerate() {
        out.extend(pcap_record(order, index as u32 + 1, 0, data.len() as u32, data));
    }
    out
}

pub(super) fn block(order: ByteOrder, kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let len = n32(order, body.len() as u32 + 12);
    [n32(order, kind).as_slice(), &len, &body, &len].concat()
}

pub(super) fn section_version(order: ByteOrder, major: u16, minor: u16) -> Vec<u8> {
    let mut body = n32(order, 0x1a2b_3c4d).to_vec();
    body.extend(n16(order, major));
    body.extend(n16(order, minor));
    body.extend([0xff; 8]);
    block(order, SECTION, &body)
}

pub(super) fn section(order: ByteOrder) -> Vec<u8> {
    section_version(order, 1, 0)
}

pub(super) fn option(order: ByteOrder, code: u16, value: &[u8]) -> Vec<u8> {
    let mut out = [n16(order, code), n16(order, value.len() as u16)].concat();
    out.extend(value);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

/// An interface description with these options, already encoded.
pub(super) fn interface(order: ByteOrder, link: u16, snap_len: u32, options: &[u8]) -> Vec<u8> {
    let mut body = [n16(order, link), [0; 2]].concat();
    body.extend(n32(order, snap_len));
    body.extend(options);
    block(order, DESCRIPTION, &body)
}

pub(super) struct Enhanced<'a> {
    pub(super) interface: u32,
    pub(super) ticks: u64,
    pub(super) captured: u32,
    pub(super) original: u32,
    pub(super) data: &'a [u8],
    pub(super) options: &'a [u8],
}

impl<'a> Enhanced<'a> {
    pub(super) fn new(interface: u32, ticks: u64, data: &'a [u8]) -> Self {
        let len = data.len() as u32;
        Self { interface, ticks, captured: len, original: len, data, options: &[] }
    }

    pub(super) fn block(&self, order: ByteOrder) -> Vec<u8> {
        let mut body = n32(order, self.interface).to_vec();
        body.extend(n32(order, (self.ticks >> 32) as u32));
        body.extend(n32(order, self.ticks as u32));
        body.extend(n32(order, self.captured));
        body.extend(n32(order, self.original));
        body.extend(self.data);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(self.options);
        block(order, ENHANCED, &body)
    }
}

pub(super) fn enhanced(order: ByteOrder, interface: u32, ticks: u64, data: &[u8]) -> Vec<u8> {
    Enhanced::new(interface, ticks, data).block(order)
}

pub(super) fn simple(order: ByteOrder, original: u32, data: &[u8]) -> Vec<u8> {
    block(order, SIMPLE, &[n32(order, original).as_slice(), data].concat())
}

/// A small pcapng file: two interfaces, blocks of every kind, a second section of the other byte order.
/// Answers also where each block ends, and how many frames have been seen there.
pub(super) fn pcapng_sample() -> (Vec<u8>, Vec<(usize, u64)>) {
    let mut out = Vec::new();
    let mut ends = Vec::new();
    let mut frames = 0;
    for order in [Little, Big] {
        for (block, count) in [
            (section(order), 0),
            (interface(order, 1, 0, &option(order, 9, &[9])), 0),
            (interface(order, 101, 0, &[]), 0),
            (enhanced(order, 0, 1_000_000_001, b"first"), 1),
            (block(order, 4, b"names---"), 0),
            (enhanced(order, 1, 2_000_002, b"second--"), 1),
            (simple(order, 3, b"abc"), 1),
        ] {
            out.extend(block);
            frames += count;
            ends.push((out.len(), frames));
        }
    }
    (out, ends)
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) number: u64,
    pub(super) nanos: u64,
    pub(super) dlt: u32,
    pub(super) data: Vec<u8>,
    pub(super) wire_len: u32,
}

/// Reads to the end, and checks what holds for any source: numbers follow each other, no frame is longer than
/// it was on the wire, and after the end or a fault nothing more comes.
pub(super) fn read_all<R: Read>(source: R) -> (Vec<Owned>, Option<CaptureFault>) {
    let mut reader = match CaptureReader::new(source) {
        Ok(reader) => reader,
        Err(fault) => return (Vec::new(), Some(fault)),
    };
    drain(&mut reader)
}

pub(super) fn drain<R: Read>(reader: &mut CaptureReader<R>) -> (Vec<Owned>, Option<CaptureFault>) {
    let mut frames = Vec::new();
    let fault = loop {
        match reader.next_frame() {
            Ok(Some(frame)) => {
                assert_eq!(frame.number, frames.len() as u64 + 1);
                assert!(frame.data.len() <= frame.wire_len as usize);
                assert!(frame.dlt <= 0xffff);
                frames.push(Owned {
                    number: frame.number,
                    nanos: frame.time.as_nanos(),
                    dlt: frame.dlt,
                    data: frame.data.to_vec(),
                    wire_len: frame.wire_len,
                });
            }
            Ok(None) => break None,
            Err(fault) => break Some(fault),
        }
    };
    assert_eq!(reader.frames_read(), frames.len() as u64);
    assert_eq!(reader.next_frame(), Ok(None), "nothing comes after the end");
    if let Some(fault) = &fault {
        assert_eq!(fault.frame, frames.len() as u64 + 1);
    }
    (frames, fault)
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    io::Write::write_all(&mut encoder, bytes).expect("a vector takes everything");
    encoder.finish().expect("a vector takes everything")
}

/// Gives `step` octets per call, is interrupted before each if asked to be, and may fail at the end.
pub(super) struct Slow<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) step: usize,
    pub(super) interrupts: bool,
    pub(super) end: Option<io::ErrorKind>,
    was_interrupted: bool,
}

impl<'a> Slow<'a> {
    pub(super) fn new(bytes: &'a [u8], step: usize) -> Self {
        Self { bytes, step, interrupts: false, end: None, was_interrupted: false }
    }
}

impl Read for Slow<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.interrupts && !self.was_interrupted {
            self.was_interrupted = true;
            return Err(io::ErrorKind::Interrupted.into());
        }
        self.was_interrupted = false;
        if let (true, Some(kind)) = (self.bytes.is_empty(), self.end) {
            return Err(kind.into());
        }
        let (now, later) = self.bytes.split_at(self.step.min(room.len()).min(self.bytes.len()));
        room[..now.len()].copy_from_slice(now);
        self.bytes = later;
        Ok(now.len())
    }
}
