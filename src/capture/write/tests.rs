use std::io::{self, Write};
use std::string::{String, ToString};
use std::vec::Vec;

use pcap_file::DataLink;
use proptest::prelude::*;

use crate::capture::testing::{Owned, read_all};
use crate::capture::{CaptureReader, Format, MAX_FRAME_LEN, PcapWriter, PcapngWriter, WriteFault};
use crate::time::Instant;

const FRAMES: [(u64, &[u8], u32); 4] = [
    (0, b"", 0),
    (1_234_567_890_123_456_789, b"a", 1),
    (1, b"four", 4),
    (4_294_967_295_999_999_999, b"cut off", 9000),
];

fn pcapng(comment: Option<&str>) -> Vec<u8> {
    let mut writer = PcapngWriter::new(Vec::new(), &[1]).unwrap();
    for (index, (nanos, data, wire_len)) in FRAMES.into_iter().enumerate() {
        let dlt = if index == 2 { 101 } else { 1 };
        writer.write_frame(Instant::from_nanos(nanos), dlt, data, wire_len, comment).unwrap();
    }
    writer.finish().unwrap()
}

fn pcap() -> Vec<u8> {
    let mut writer = PcapWriter::new(Vec::new(), 101).unwrap();
    for (nanos, data, wire_len) in FRAMES {
        writer.write_frame(Instant::from_nanos(nanos), 101, data, wire_len).unwrap();
    }
    writer.finish().unwrap()
}

fn expected(dlts: [u32; 4]) -> Vec<Owned> {
    let frame = |(index, (nanos, data, wire_len)): (usize, (u64, &[u8], u32))| Owned {
        number: index as u64 + 1,
        nanos,
        dlt: dlts[index],
        data: data.to_vec(),
        wire_len,
    };
    FRAMES.into_iter().enumerate().map(frame).collect()
}

#[test]
fn what_is_written_as_pcapng_is_read_back() {
    for comment in [None, Some("why: \u{2192} it matters")] {
        let file = pcapng(comment);
        assert_eq!(CaptureReader::new(file.as_slice()).unwrap().format(), Format::Pcapng);
        assert_eq!(read_all(file.as_slice()), (expected([1, 1, 101, 1]), None));
    }
}

#[test]
fn what_is_written_as_pcap_is_read_back() {
    let file = pcap();
    assert_eq!(CaptureReader::new(file.as_slice()).unwrap().format(), Format::PcapNanos);
    assert_eq!(read_all(file.as_slice()), (expected([101; 4]), None));
}

#[test]
fn another_reader_agrees_on_pcapng_and_sees_the_comments() {
    let file = pcapng(Some("a comment"));
    let mut reader = pcap_file::pcapng::PcapNgReader::new(file.as_slice()).unwrap();
    let mut packets = Vec::new();
    while let Some(block) = reader.next_block() {
        if let Some(packet) = block.unwrap().0.into_enhanced_packet() {
            assert!(std::format!("{:?}", packet.options).contains("a comment"));
            packets.push((packet.timestamp.as_nanos() as u64, packet.data.to_vec(), packet.original_len));
        }
    }
    let ours = FRAMES.map(|(nanos, data, wire_len)| (nanos, data.to_vec(), wire_len));
    assert_eq!(packets, ours);
}

#[test]
fn another_reader_agrees_on_pcap() {
    let file = pcap();
    let mut reader = pcap_file::pcap::PcapReader::new(file.as_slice()).unwrap();
    let mut packets = Vec::new();
    while let Some(packet) = reader.next_packet() {
        let packet = packet.unwrap();
        packets.push((packet.timestamp().as_nanos() as u64, packet.data().to_vec(), packet.orig_len()));
    }
    let ours = FRAMES.map(|(nanos, data, wire_len)| (nanos, data.to_vec(), wire_len));
    assert_eq!(packets, ours);
    assert_eq!(reader.header().datalink, DataLink::RAW);
}

#[test]
fn the_octets_of_a_file_are_fixed() {
    let mut writer = PcapngWriter::new(Vec::new(), &[]).unwrap();
    writer.write_frame(Instant::from_nanos(0x1_0000_0002), 101, b"ab", 3, Some("c")).unwrap();
    let file = writer.finish().unwrap();
    let expected: [&[u8]; 3] = [
        b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0",
        b"\x01\0\0\0\x20\0\0\0\x65\0\0\0\0\0\0\0\x09\0\x01\0\x09\0\0\0\0\0\0\0\x20\0\0\0",
        b"\x06\0\0\0\x30\0\0\0\0\0\0\0\x01\0\0\0\x02\0\0\0\x02\0\0\0\x03\0\0\0ab\0\0\x01\0\x01\0c\0\0\0\0\0\0\0\x30\0\0\0",
    ];
    assert_eq!(file, expected.concat());
}

#[test]
fn every_link_type_is_written_as_it_is() {
    for dlt in 0..=0xffff {
        assert_eq!(u32::from(DataLink::from(dlt)), dlt);
    }
}

#[test]
fn a_refused_frame_leaves_the_file_as_it_was() {
    let mut ng = PcapngWriter::new(Vec::new(), &[1]).unwrap();
    let mut old = PcapWriter::new(Vec::new(), 1).unwrap();
    let (before_ng, before_old) =
        (PcapngWriter::new(Vec::new(), &[1]).unwrap(), PcapWriter::new(Vec::new(), 1).unwrap());
    let now = Instant::ZERO;

    let fault = WriteFault::WireLenTooSmall { length: 4, wire_len: 3 };
    assert_eq!(ng.write_frame(now, 1, b"four", 3, None), Err(fault.clone()));
    assert_eq!(old.write_frame(now, 1, b"four", 3), Err(fault));

    let length = MAX_FRAME_LEN as usize + 1;
    let large = std::vec![0; length];
    let fault = WriteFault::FrameTooLarge { length, limit: MAX_FRAME_LEN };
    assert_eq!(ng.write_frame(now, 1, &large, u32::MAX, None), Err(fault.clone()));
    assert_eq!(old.write_frame(now, 1, &large, u32::MAX), Err(fault));

    let comment = "x".repeat(65_536);
    let fault = WriteFault::CommentTooLong { length: 65_536, limit: 65_535 };
    assert_eq!(ng.write_frame(now, 1, b"", 0, Some(&comment)), Err(fault));
    assert_eq!(ng.write_frame(now, 65_536, b"", 0, None), Err(WriteFault::LinkTypeTooLarge { dlt: 65_536 }));
    assert_eq!(
        PcapWriter::new(Vec::new(), 65_536).unwrap_err(),
        WriteFault::LinkTypeTooLarge { dlt: 65_536 }
    );
    assert_eq!(old.write_frame(now, 2, b"", 0), Err(WriteFault::LinkTypeDiffers { dlt: 2, file: 1 }));
    let late = Instant::from_nanos(4_294_967_296_000_000_000);
    assert_eq!(old.write_frame(late, 1, b"", 0), Err(WriteFault::TimeTooLate { time: late }));

    assert_eq!(ng.finish(), before_ng.finish());
    assert_eq!(old.finish(), before_old.finish());
}

#[test]
fn the_longest_comment_and_the_largest_frame_are_read_back() {
    let comment = "x".repeat(65_535);
    let data = std::vec![9; MAX_FRAME_LEN as usize];
    let mut writer = PcapngWriter::new(Vec::new(), &[]).unwrap();
    writer.write_frame(Instant::MAX, 0xffff, &data, u32::MAX, Some(&comment)).unwrap();
    let file = writer.finish().unwrap();
    let (frames, fault) = read_all(file.as_slice());
    assert_eq!((frames.len(), fault), (1, None));
    let frame = &frames[0];
    assert_eq!((frame.nanos, frame.dlt, frame.wire_len), (u64::MAX, 0xffff, u32::MAX));
    assert!(frame.data == data);
}

struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        if taken == 0 { Err(io::Error::other("no space left")) } else { Ok(taken) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_output_that_fails_is_told_by_a_write_or_at_the_end() {
    let writer = PcapngWriter::new(Full(20), &[1]).unwrap();
    let fault = writer.finish().map(|_| ()).unwrap_err();
    assert_eq!(fault.to_string(), "writing failed: no space left");
    let mut writer = PcapWriter::new(Full(100), 1).unwrap();
    let fault = writer.write_frame(Instant::ZERO, 1, &[0; 20_000], 20_000).unwrap_err();
    assert!(matches!(fault, WriteFault::Io { kind: io::ErrorKind::Other, .. }));
}

proptest! {
    #[test]
    fn any_frames_survive_the_round_trip(
        frames in prop::collection::vec(
            (any::<u64>(), 0_u32..=0xffff, prop::collection::vec(any::<u8>(), 0..100), any::<u16>(), any::<Option<String>>()),
            0..20,
        ),
    ) {
        let mut writer = PcapngWriter::new(Vec::new(), &[]).unwrap();
        let mut expected = Vec::new();
        for (index, (nanos, dlt, data, more, comment)) in frames.into_iter().enumerate() {
            let wire_len = data.len() as u32 + u32::from(more);
            writer.write_frame(Instant::from_nanos(nanos), dlt, &data, wire_len, comment.as_deref()).unwrap();
            expected.push(Owned { number: index as u64 + 1, nanos, dlt, data, wire_len });
        }
        let file = writer.finish().unwrap();
        prop_assert_eq!(read_all(file.as_slice()), (expected, None));
    }
}
