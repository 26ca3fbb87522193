use std::io;
use std::string::ToString;

use crate::capture::testing::read_all;
use crate::capture::{CaptureFault, FaultReason};

#[test]
fn a_foreign_file_is_named_with_what_to_do() {
    let line = |bytes: &[u8]| read_all(bytes).1.unwrap().to_string();
    assert_eq!(line(b"GET / HTTP"), "not a pcap or pcapng capture: it starts with 47 45 54 20");
    assert_eq!(
        line(&[0x28, 0xb5, 0x2f, 0xfd, 0]),
        "not a pcap or pcapng capture: it starts with 28 b5 2f fd (zstd: decompress it first)"
    );
    let modified = line(&[0x34, 0xcd, 0xb2, 0xa1, 2, 0, 4, 0]);
    assert!(
        modified.ends_with("(pcap as modified by a Linux patch of 1999: convert it with editcap -F pcap)")
    );
    let twice = crate::capture::testing::gzip(&crate::capture::testing::gzip(b"x"));
    assert!(line(&twice).ends_with("(gzip within gzip: decompress it first)"));
}

#[test]
fn an_empty_file_and_a_stub_are_named() {
    assert_eq!(read_all(io::empty()).1.unwrap().to_string(), "the file is empty");
    let stub = read_all(&b"\xa1\xb2\xc3"[..]).1.unwrap();
    assert_eq!(stub.reason, FaultReason::CutHeader { needed: 4, available: 3 });
    assert_eq!(stub.to_string(), "the file ends in its header: 3 of 4 octets are there");
    let empty = crate::capture::testing::gzip(b"");
    assert_eq!(read_all(empty.as_slice()).1.unwrap().reason, FaultReason::Empty);
}

#[test]
fn a_fault_among_frames_names_the_frame() {
    let reason = FaultReason::from_io(&io::Error::other("the disk is on fire"));
    let fault = CaptureFault { frame: 12, reason };
    assert_eq!(fault.to_string(), "frame 12: reading failed: the disk is on fire");
}
