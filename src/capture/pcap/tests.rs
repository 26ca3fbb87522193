use std::string::ToString;
use std::vec::Vec;

use crate::capture::bytes::ByteOrder::{Big, Little};
use crate::capture::testing::{BOTH_ORDERS, n16, n32, pcap, pcap_header, pcap_record, read_all};
use crate::capture::{CaptureReader, FaultReason, Format, MAX_FRAME_LEN};

#[test]
fn both_byte_orders_and_both_resolutions_give_the_same_frames() {
    for order in BOTH_ORDERS {
        for (nanos, ticks, format) in [(false, 42, Format::PcapMicros), (true, 42_000, Format::PcapNanos)] {
            let mut file = pcap_header(order, nanos, 101);
            file.extend(pcap_record(order, 7, ticks, 1500, b"hello"));
            assert_eq!(CaptureReader::new(file.as_slice()).unwrap().format(), format);
            let (frames, fault) = read_all(file.as_slice());
            assert_eq!(fault, None);
            assert_eq!(frames.len(), 1);
            assert_eq!(frames[0].nanos, 7_000_042_000);
            assert_eq!((frames[0].dlt, frames[0].wire_len), (101, 1500));
            assert_eq!(frames[0].data, b"hello");
        }
    }
}

#[test]
fn seconds_are_unsigned() {
    let mut file = pcap_header(Little, true, 1);
    file.extend(pcap_record(Little, u32::MAX, 999_999_999, 0, b""));
    assert_eq!(read_all(file.as_slice()).0[0].nanos, 4_294_967_295_999_999_999);
}

#[test]
fn ticks_beyond_a_second_carry_into_it() {
    for (nanos, ticks, expected) in [(false, 2_500_000, 3_500_000_000), (true, 2_500_000_000, 3_500_000_000)]
    {
        let mut file = pcap_header(Big, nanos, 1);
        file.extend(pcap_record(Big, 1, ticks, 0, b""));
        assert_eq!(read_all(file.as_slice()).0[0].nanos, expected);
    }
    let mut file = pcap_header(Big, false, 1);
    file.extend(pcap_record(Big, u32::MAX, u32::MAX, 0, b""));
    assert_eq!(read_all(file.as_slice()).0[0].nanos, 4_294_967_295_000_000_000 + 4_294_967_295_000);
}

#[test]
fn an_original_length_below_the_captured_one_is_raised_to_it() {
    let mut file = pcap_header(Little, false, 1);
    file.extend(pcap_record(Little, 0, 0, 2, b"longer"));
    let (frames, fault) = read_all(file.as_slice());
    assert_eq!((frames[0].wire_len, frames[0].data.len(), fault), (6, 6, None));
}

#[test]
fn a_frame_may_be_longer_than_the_snap_length() {
    let file = pcap(Little, &[&[1; 101], &[2; 5000]]);
    let (frames, fault) = read_all(file.as_slice());
    assert_eq!((frames.len(), frames[1].data.len(), fault), (2, 5000, None));
}

#[test]
fn the_link_type_is_the_low_half_of_its_field() {
    for order in BOTH_ORDERS {
        let mut file = pcap_header(order, false, 0x2c00_0001);
        file.extend(pcap_record(order, 0, 0, 0, b""));
        assert_eq!(read_all(file.as_slice()).0[0].dlt, 1);
    }
}

#[test]
fn a_header_alone_is_a_capture_of_no_frames() {
    assert_eq!(read_all(pcap(Big, &[]).as_slice()), (Vec::new(), None));
}

#[test]
fn a_cut_at_any_octet_keeps_the_frames_before_it() {
    let frames: [&[u8]; 3] = [b"one", b"", b"three"];
    let file = pcap(Big, &frames);
    let ends = [24, 43, 59, 80];
    assert_eq!(file.len(), 80);
    for cut in 1..file.len() {
        let (read, fault) = read_all(&file[..cut]);
        let whole = ends.iter().filter(|end| **end <= cut).count().saturating_sub(1);
        assert_eq!(read.len(), whole, "cut at {cut}");
        let at_end = ends.contains(&cut);
        assert_eq!(fault.is_none(), at_end, "cut at {cut}");
        match fault.map(|fault| fault.reason) {
            Some(FaultReason::CutHeader { available, .. }) => {
                assert_eq!((available, cut < 24), (cut as u64, true))
            }
            Some(FaultReason::CutFrame { needed, available }) => {
                let start = ends[whole];
                assert_eq!(available, (cut - start) as u64);
                let expected = if cut - start < 16 { 16 } else { ends[whole + 1] - start };
                assert_eq!(needed, expected as u64);
            }
            other => assert_eq!((other, at_end), (None, true)),
        }
    }
}

#[test]
fn a_cut_frame_is_told_in_plain_words() {
    let file = pcap(Little, &[b"one", &[0; 80]]);
    let fault = read_all(&file[..24 + 19 + 40]).1.unwrap();
    assert_eq!(fault.to_string(), "frame 2: the file ends in the middle of it: 40 of 96 octets are there");
}

#[test]
fn a_huge_claim_is_named_and_not_allocated() {
    let mut file = pcap(Little, &[b"good"]);
    file.extend([n32(Little, 0), n32(Little, 0), n32(Little, 0xffff_fff0), n32(Little, 4)].concat());
    file.extend(b"rest");
    let (frames, fault) = read_all(file.as_slice());
    assert_eq!(frames.len(), 1);
    let limit = u64::from(MAX_FRAME_LEN);
    assert_eq!(fault.unwrap().reason, FaultReason::FrameTooLarge { claimed: 0xffff_fff0, limit });
}

#[test]
fn the_largest_frame_is_read_and_one_octet_more_is_refused_however_it_arrives() {
    let largest = MAX_FRAME_LEN as usize;
    let mut file = pcap_header(Little, false, 1);
    file.extend(pcap_record(Little, 0, 0, 0, &std::vec![7; largest]));
    file.extend(pcap_record(Little, 0, 0, 0, &std::vec![7; largest + 1]));
    let (frames, fault) = read_all(file.as_slice());
    assert_eq!((frames.len(), frames[0].data.len()), (1, largest));
    assert!(matches!(fault.unwrap().reason, FaultReason::FrameTooLarge { .. }));
}

#[test]
fn versions_with_another_order_of_fields_are_refused() {
    for (major, minor, is_read) in
        [(2, 4, true), (2, 3, true), (2, 5, true), (2, 2, false), (1, 4, false), (543, 0, false)]
    {
        let mut file = pcap(Little, &[b"x"]);
        file[4..6].copy_from_slice(&n16(Little, major));
        file[6..8].copy_from_slice(&n16(Little, minor));
        let (frames, fault) = read_all(file.as_slice());
        assert_eq!(frames.len(), usize::from(is_read));
        if !is_read {
            let fault = fault.unwrap();
            assert_eq!(fault.reason, FaultReason::UnsupportedVersion { format: "pcap", major, minor });
            assert!(!fault.to_string().contains("frame"));
        }
    }
}
