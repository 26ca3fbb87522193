use std::format;
use std::io::Write as _;
use std::path::Path;
use std::string::ToString;
use std::vec::Vec;

use proptest::prelude::*;

use super::open;
use crate::capture::bytes::ByteOrder::{Big, Little};
use crate::capture::testing::{drain, gzip, pcap, pcapng_sample, read_all};
use crate::capture::{CaptureReader, FaultReason, Format, Skipped};

#[test]
fn formats_have_names() {
    assert_eq!(Format::PcapMicros.to_string(), "pcap");
    assert_eq!(format!("{:>8}", Format::Pcapng), "  pcapng");
}

#[test]
fn the_sample_of_every_block_is_read_whole() {
    let (bytes, ends) = pcapng_sample();
    let mut reader = CaptureReader::new(bytes.as_slice()).unwrap();
    let (frames, fault) = drain(&mut reader);
    assert_eq!((frames.len() as u64, fault), (ends.last().unwrap().1, None));
    assert_eq!(reader.skipped(), Skipped { damaged_packets: 0, other_blocks: 2 });
    assert_eq!(reader.first_damage(), None);
    assert_eq!(frames[0].nanos, 1_000_000_001);
    assert_eq!(frames[1].nanos, 2_000_002_000);
    assert_eq!(frames[2].nanos, frames[1].nanos);
    assert_eq!(frames[3].data, frames[0].data);
}

#[test]
fn any_octet_may_be_damaged() {
    for bytes in [pcap(Big, &[b"one", b"two", b"three"]), pcap(Little, &[b"one"]), pcapng_sample().0] {
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff, bytes[at] ^ 1, bytes[at] ^ 4, bytes[at].wrapping_add(4)] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                let (frames, _) = read_all(damaged.as_slice());
                assert!(frames.len() <= bytes.len() / 16);
            }
        }
    }
}

#[test]
fn a_file_opens_by_its_path_plain_or_gzipped() {
    let bytes = pcap(Little, &[b"one", b"two"]);
    for content in [bytes.clone(), gzip(&bytes)] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&content).unwrap();
        let mut reader = open(file.path()).unwrap();
        assert_eq!(reader.is_gzip(), content != bytes);
        let (frames, fault) = drain(&mut reader);
        assert_eq!((frames.len(), fault), (2, None));
        assert_eq!(reader.bytes_read(), content.len() as u64);
        assert!(format!("{reader:?}").contains("frames_read: 2"));
    }
}

#[test]
fn a_missing_file_is_named() {
    let fault = open(Path::new("/nowhere/at all.pcap")).unwrap_err();
    assert!(matches!(fault.reason, FaultReason::Open { kind: std::io::ErrorKind::NotFound, .. }));
    assert!(fault.to_string().starts_with("cannot open /nowhere/at all.pcap: "));
}

#[test]
fn a_reader_may_move_to_another_thread() {
    fn sends<T: Send>(_: &T) {}
    let file = tempfile::NamedTempFile::new().unwrap();
    sends(&open(file.path()));
}

fn magic() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        Just(pcap(Big, &[])),
        Just(pcap(Little, &[b"x"])),
        Just(pcapng_sample().0),
        Just(pcapng_sample().0[..68].to_vec()),
        Just(gzip(b"")[..10].to_vec()),
    ]
}

proptest! {
    #[test]
    fn arbitrary_octets_end(head in magic(), tail in prop::collection::vec(any::<u8>(), 0..300)) {
        let bytes = [head, tail].concat();
        let (frames, _) = read_all(bytes.as_slice());
        prop_assert!(frames.len() <= bytes.len());
    }

    #[test]
    fn blocks_of_arbitrary_fields_end(fields in prop::collection::vec(0_u32..80, 0..100)) {
        let mut bytes = pcapng_sample().0[..68].to_vec();
        bytes.extend(fields.iter().flat_map(|field| field.to_le_bytes()));
        read_all(bytes.as_slice());
    }
}
