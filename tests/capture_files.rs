//! Capture files through the public interface: written, compressed, cut, and read again from disk.

#![cfg(feature = "pcap")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use std::fs;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use tcpstate::Instant;
use tcpstate::capture::{self, CaptureFault, CaptureReader, FaultReason, Format, PcapWriter, PcapngWriter};
use tempfile::TempDir;

/// The frame of a number: a different length, time and content for each.
fn content(number: u64) -> (Instant, Vec<u8>, u32) {
    let len = usize::try_from(number * 37 % 1500).expect("below 1500");
    let data = (0..len).map(|at| (at as u64 ^ number) as u8).collect();
    let wire_len = u32::try_from(len).expect("below 1500") + u32::from(number.is_multiple_of(3)) * 100;
    (Instant::from_nanos(1_700_000_000_000_000_000 + number * 1_234_567), data, wire_len)
}

fn pcapng(frames: u64) -> Vec<u8> {
    let mut writer = PcapngWriter::new(Vec::new(), &[101, 1]).expect("a vector takes everything");
    for number in 1..=frames {
        let (time, data, wire_len) = content(number);
        let comment = (number.is_multiple_of(2)).then_some("even");
        writer.write_frame(time, 101, &data, wire_len, comment).expect("the frame is sound");
    }
    writer.finish().expect("a vector takes everything")
}

fn pcap(frames: u64) -> Vec<u8> {
    let mut writer = PcapWriter::new(Vec::new(), 101).expect("a vector takes everything");
    for number in 1..=frames {
        let (time, data, wire_len) = content(number);
        writer.write_frame(time, 101, &data, wire_len).expect("the frame is sound");
    }
    writer.finish().expect("a vector takes everything")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("a vector takes everything");
    encoder.finish().expect("a vector takes everything")
}

/// Reads to the end, checks each frame against its content, and answers how many there were.
fn check<R: Read>(reader: &mut CaptureReader<R>) -> (u64, Option<CaptureFault>) {
    loop {
        match reader.next_frame() {
            Ok(Some(frame)) => {
                let (time, data, wire_len) = content(frame.number);
                assert_eq!((frame.time, frame.dlt, frame.wire_len), (time, 101, wire_len));
                assert!(frame.data == data, "frame {} differs", frame.number);
            }
            Ok(None) => return (reader.frames_read(), None),
            Err(fault) => return (reader.frames_read(), Some(fault)),
        }
    }
}

fn on_disk(dir: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, bytes).expect("the directory is ours");
    path
}

#[test]
fn files_of_every_kind_are_read_from_disk() {
    let dir = tempfile::tempdir().expect("a directory for the test");
    let frames = 3_000;
    for (bytes, format) in [(pcap(frames), Format::PcapNanos), (pcapng(frames), Format::Pcapng)] {
        for content in [gzip(&bytes), bytes] {
            let path = on_disk(&dir, "capture", &content);
            let mut reader = capture::open(&path).expect("the header is sound");
            assert_eq!(reader.format(), format);
            assert_eq!(check(&mut reader), (frames, None));
            assert_eq!(reader.bytes_read(), content.len() as u64);
        }
    }
}

#[test]
fn a_file_cut_on_disk_gives_what_it_holds_and_then_says_so() {
    let dir = tempfile::tempdir().expect("a directory for the test");
    for bytes in [pcap(200), pcapng(200)] {
        let path = on_disk(&dir, "cut", &bytes[..bytes.len() - 7]);
        let (frames, fault) = check(&mut capture::open(&path).expect("the header is sound"));
        let fault = fault.expect("the last frame is cut");
        assert_eq!((frames, fault.frame), (199, 200));
        let FaultReason::CutFrame { needed, available } = fault.reason else { panic!("{fault}") };
        assert_eq!(needed, available + 7);
    }
}

#[test]
fn frames_come_out_of_a_pipe_as_soon_as_they_are_whole() {
    let (receiver, mut sender) = io::pipe().expect("a pipe");
    let bytes = pcapng(3);
    // Less than what a pipe holds, so that one thread can play both ends.
    assert!(bytes.len() < 4096);
    sender.write_all(&bytes).expect("the pipe has room");
    let mut reader = CaptureReader::new(receiver).expect("the header is sound");
    for number in 1..=3 {
        let frame = reader.next_frame().expect("the frame is sound").expect("the frame is there");
        assert_eq!(frame.number, number);
    }
    drop(sender);
    assert_eq!(reader.next_frame(), Ok(None));
}

#[test]
fn a_frame_does_not_depend_on_where_it_falls_in_the_buffer() {
    // Larger than any buffer the reader starts with, in steps that share no factor with it.
    let bytes = pcapng(5_000);
    assert!(bytes.len() > 3_000_000);
    for step in [977, 65_521, 262_143, 262_145] {
        let source = Steps { octets: &bytes, step };
        assert_eq!(check(&mut CaptureReader::new(source).expect("the header is sound")), (5_000, None));
    }
}

struct Steps<'a> {
    octets: &'a [u8],
    step: usize,
}

impl Read for Steps<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let count = self.octets.take(self.step as u64).read(room)?;
        self.octets = &self.octets[count..];
        Ok(count)
    }
}

#[test]
fn a_directory_and_a_text_are_no_captures() {
    let dir = tempfile::tempdir().expect("a directory for the test");
    assert!(capture::open(dir.path()).is_err());
    let fault = capture::open(&on_disk(&dir, "notes.txt", b"hello, world")).expect_err("it is a text");
    assert_eq!(fault.reason, FaultReason::NotACapture { magic: *b"hell" });
}
