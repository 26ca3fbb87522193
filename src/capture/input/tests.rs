use std::io::{self, Read as _};
use std::vec::Vec;

use super::Input;
use crate::capture::bytes::ByteOrder::{Big, Little};
use crate::capture::testing::{Slow, drain, gzip, pcap, pcapng_sample, read_all};
use crate::capture::{CaptureReader, FaultReason};

/// Captures of every format, small enough to read in every way.
fn samples() -> Vec<Vec<u8>> {
    let plain = [pcap(Big, &[b"one", b"", b"three"]), pcapng_sample().0];
    let packed = plain.iter().map(|bytes| gzip(bytes)).collect::<Vec<_>>();
    [plain.to_vec(), packed].concat()
}

#[test]
fn frames_do_not_depend_on_how_the_octets_arrive() {
    for bytes in samples() {
        let expected = read_all(bytes.as_slice());
        assert_eq!(expected.1, None);
        for step in [1, 2, 3, 7, 16, 1000] {
            assert_eq!(read_all(Slow::new(&bytes, step)), expected);
        }
    }
}

#[test]
fn interrupted_reads_are_retried() {
    for bytes in samples() {
        let mut slow = Slow::new(&bytes, 1);
        slow.interrupts = true;
        assert_eq!(read_all(slow), read_all(bytes.as_slice()));
    }
}

#[test]
fn a_failing_source_is_told_from_a_damaged_file() {
    for bytes in samples() {
        for len in 0..bytes.len() {
            let mut slow = Slow::new(&bytes[..len], 5);
            slow.end = Some(io::ErrorKind::ConnectionReset);
            let (frames, fault) = read_all(slow);
            let reason = fault.unwrap().reason;
            assert!(
                matches!(reason, FaultReason::Io { kind: io::ErrorKind::ConnectionReset, .. }),
                "after {len} octets and {} frames: {reason}",
                frames.len()
            );
        }
    }
}

#[test]
fn a_gzip_stream_of_several_members_is_one_file() {
    let bytes = pcap(Little, &[b"one", b"two"]);
    let (first, second) = bytes.split_at(30);
    let packed = [gzip(first), gzip(second)].concat();
    let mut reader = CaptureReader::new(packed.as_slice()).unwrap();
    assert!(reader.is_gzip());
    let (frames, fault) = drain(&mut reader);
    assert_eq!((frames.len(), fault), (2, None));
    assert_eq!(reader.bytes_read(), packed.len() as u64, "octets are counted before decompression");
}

#[test]
fn a_gzip_stream_cut_at_any_octet_gives_what_it_holds() {
    // Octets that do not compress, so that every cut has some of them.
    let noise = (0..2000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<_>>();
    let frames = noise.chunks(50).collect::<Vec<_>>();
    let bytes = pcap(Little, &frames);
    let packed = gzip(&bytes);
    let mut most = 0;
    for cut in 2..packed.len() {
        let (read, fault) = read_all(&packed[..cut]);
        let reason = fault.unwrap().reason;
        assert!(matches!(reason, FaultReason::Gzip { .. }), "cut at {cut}: {reason}");
        let by_octet = read_all(Slow::new(&packed[..cut], 1));
        assert_eq!(by_octet.0, read, "cut at {cut}");
        assert!(read.len() >= most, "a longer stream never gives less");
        most = read.len();
    }
    assert_eq!(most, frames.len(), "only the check sum was missing");
    assert_eq!(read_all(packed.as_slice()).1, None);
}

#[test]
fn a_damaged_gzip_stream_is_a_fault_and_never_more() {
    let bytes = pcap(Little, &[b"one", b"two", b"three"]);
    let packed = gzip(&bytes);
    for at in 0..packed.len() {
        for bit in 0..8 {
            let mut damaged = packed.clone();
            damaged[at] ^= 1 << bit;
            let (frames, _) = read_all(damaged.as_slice());
            assert!(frames.len() <= 10_000);
        }
    }
    let mut damaged = packed.clone();
    let at = packed.len() - 8;
    damaged[at] ^= 1;
    let (frames, fault) = read_all(damaged.as_slice());
    assert_eq!(frames.len(), 3, "the check sum comes after the frames");
    assert!(matches!(fault.unwrap().reason, FaultReason::Gzip { .. }));
}

#[test]
fn a_gzip_stream_damaged_in_the_middle_gives_the_frames_before_the_damage() {
    let noise = (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<_>>();
    let bytes = pcap(Little, &noise.chunks(50).collect::<Vec<_>>());
    let mut damaged = gzip(&bytes);
    let cut = damaged.len() / 2;
    let before = read_all(&damaged[..cut]).0.len();
    damaged[cut..].fill(0xff);
    let (frames, fault) = read_all(damaged.as_slice());
    assert!(fault.is_some());
    assert!(before > 500 && frames.len() + 50 > before, "{} of {before} frames", frames.len());
}

#[test]
fn the_buffer_grows_with_what_was_read_and_not_with_what_was_asked_for() {
    let mut input = Input::new(&[1_u8; 100][..], 32 * 1024 * 1024).unwrap();
    assert_eq!(input.ensure(32 * 1024 * 1024).unwrap(), 100);
    assert_eq!(input.buffer.len(), super::FIRST_BUFFER_LEN);
}

#[test]
fn the_buffer_stops_growing_at_its_limit() {
    let mut input = Input::new(io::repeat(7), super::FIRST_BUFFER_LEN + 5).unwrap();
    let limit = super::FIRST_BUFFER_LEN + 5;
    assert_eq!(input.ensure(limit).unwrap(), limit);
    assert_eq!(input.buffer.len(), limit);
}

#[test]
fn skipped_octets_are_not_kept() {
    let mut input = Input::new(io::repeat(7).take(5_000_000), 1024).unwrap();
    assert_eq!(input.skip(4_000_000).unwrap(), 4_000_000);
    assert_eq!(input.skip(4_000_000).unwrap(), 1_000_000);
    assert_eq!(input.buffer.len(), 1024);
    assert_eq!(input.octets_read(), 5_000_000);
}
