use std::string::ToString;
use std::vec::Vec;

use super::Interface;
use crate::capture::bytes::ByteOrder::{self, Big, Little};
use crate::capture::testing::{
    BOTH_ORDERS, DESCRIPTION, ENHANCED, Enhanced, OBSOLETE, Owned, SECTION, SIMPLE, block, drain, enhanced,
    interface, n16, n32, n64, option, pcapng_sample, read_all, section, section_version, simple,
};
use crate::capture::{BlockProblem, CaptureReader, FaultReason, Format, MAX_FRAME_LEN, MAX_INTERFACES};

/// One section with one Ethernet interface of microseconds and these blocks.
fn file(order: ByteOrder, blocks: &[Vec<u8>]) -> Vec<u8> {
    [section(order), interface(order, 1, 0, &[]), blocks.concat()].concat()
}

fn times(bytes: &[u8]) -> Vec<u64> {
    read_all(bytes).0.iter().map(|frame| frame.nanos).collect()
}

#[test]
fn both_byte_orders_give_the_same_frames() {
    for order in BOTH_ORDERS {
        let mut packet = Enhanced::new(0, 5_000_000_000_042, b"hello");
        packet.original = 1500;
        let bytes = file(order, &[packet.block(order)]);
        assert_eq!(CaptureReader::new(bytes.as_slice()).unwrap().format(), Format::Pcapng);
        let (frames, fault) = read_all(bytes.as_slice());
        assert_eq!(fault, None);
        let expected = Owned {
            number: 1,
            nanos: 5_000_000_000_042_000,
            dlt: 1,
            data: b"hello".to_vec(),
            wire_len: 1500,
        };
        assert_eq!(frames, [expected]);
    }
}

#[test]
fn each_interface_has_its_link_type_and_clock() {
    for order in BOTH_ORDERS {
        let bytes = [
            section(order),
            interface(order, 1, 0, &[]),
            interface(order, 113, 0, &option(order, 9, &[3])),
            interface(order, 101, 0, &option(order, 9, &[0x80 | 10])),
            enhanced(order, 2, 1024 + 512, b"c"),
            enhanced(order, 0, 1_500_000, b"a"),
            enhanced(order, 1, 1_500, b"b"),
        ]
        .concat();
        let (frames, fault) = read_all(bytes.as_slice());
        assert_eq!(fault, None);
        assert_eq!(frames.iter().map(|frame| frame.dlt).collect::<Vec<_>>(), [101, 1, 113]);
        assert_eq!(times(&bytes), [1_500_000_000; 3]);
    }
}

#[test]
fn a_new_section_forgets_the_interfaces_and_may_change_the_byte_order() {
    let bytes = [
        section(Little),
        interface(Little, 1, 0, &[]),
        interface(Little, 9, 0, &[]),
        enhanced(Little, 1, 1, b"a"),
        section(Big),
        interface(Big, 101, 0, &[]),
        enhanced(Big, 0, 2, b"b"),
        enhanced(Big, 1, 3, b"lost"),
        section(Little),
        interface(Little, 113, 0, &[]),
        enhanced(Little, 0, 4, b"c"),
    ]
    .concat();
    let mut reader = CaptureReader::new(bytes.as_slice()).unwrap();
    let (frames, fault) = drain(&mut reader);
    assert_eq!(fault, None);
    assert_eq!(frames.iter().map(|frame| frame.dlt).collect::<Vec<_>>(), [9, 101, 113]);
    assert_eq!(reader.skipped().damaged_packets, 1);
}

#[test]
fn a_packet_on_an_unknown_interface_costs_that_packet_only() {
    let bytes = file(Big, &[enhanced(Big, 0, 1, b"a"), enhanced(Big, 7, 2, b"b"), enhanced(Big, 0, 3, b"c")]);
    let mut reader = CaptureReader::new(bytes.as_slice()).unwrap();
    let (frames, fault) = drain(&mut reader);
    assert_eq!((frames.len(), fault), (2, None));
    assert_eq!(frames[1].data, b"c");
    assert_eq!(reader.skipped().damaged_packets, 1);
    let damage = reader.first_damage().unwrap();
    assert_eq!(damage.frame, 2);
    assert_eq!(damage.reason, FaultReason::UnknownInterface { interface: 7, known: 1 });
    assert_eq!(damage.to_string(), "frame 2: a packet on interface 7, of which the section has described 1");
}

#[test]
fn a_packet_whose_lengths_do_not_fit_costs_that_packet_only() {
    let mut packet = Enhanced::new(0, 0, b"four");
    packet.captured = 5;
    let blocks = [packet.block(Little), block(Little, ENHANCED, &[0; 16]), enhanced(Little, 0, 3, b"good")];
    let bytes = file(Little, &blocks);
    let mut reader = CaptureReader::new(bytes.as_slice()).unwrap();
    let (frames, fault) = drain(&mut reader);
    assert_eq!((frames.len(), fault), (1, None));
    assert_eq!(reader.skipped().damaged_packets, 2);
    let reason = &reader.first_damage().unwrap().reason;
    assert_eq!(*reason, FaultReason::BadPacket { claimed: 5, available: 4 });
}

#[test]
fn a_damaged_option_does_not_cost_the_packet() {
    for order in BOTH_ORDERS {
        for options in [
            option(order, 1, b"\xff\xfe not UTF-8"),
            option(order, 2, b"flags of nine"),
            [n16(order, 1), n16(order, 60_000)].concat(),
        ] {
            let mut packet = Enhanced::new(0, 9, b"data");
            packet.options = &options;
            let (frames, fault) = read_all(file(order, &[packet.block(order)]).as_slice());
            assert_eq!((frames.len(), fault), (1, None));
            assert_eq!(frames[0].data, b"data");
        }
    }
}

#[test]
fn damage_in_an_interface_description_does_not_cost_its_packets() {
    for order in BOTH_ORDERS {
        let mut reserved = interface(order, 1, 0, &option(order, 9, &[9]));
        reserved[10] = 0xff;
        let overrun = [option(order, 9, &[9]), n16(order, 2).to_vec(), n16(order, 999).to_vec()].concat();
        for description in [
            reserved,
            interface(order, 1, 0, &[option(order, 2, b"caf\xe9"), option(order, 9, &[9])].concat()),
            interface(order, 1, 0, &[option(order, 4, b"short"), option(order, 9, &[9])].concat()),
            interface(order, 1, 0, &overrun),
            interface(
                order,
                1,
                0,
                &[option(order, 9, &[9]), option(order, 0, &[]), option(order, 9, &[0])].concat(),
            ),
        ] {
            let bytes = [section(order), description, enhanced(order, 0, 77, b"x")].concat();
            assert_eq!(times(&bytes), [77]);
        }
    }
}

#[test]
fn a_section_header_may_have_options_of_any_kind() {
    let mut body = n32(Big, 0x1a2b_3c4d).to_vec();
    body.extend([0, 1, 0, 0]);
    body.extend([0; 8]);
    body.extend(option(Big, 4, b"na\xefve"));
    let bytes = [block(Big, SECTION, &body), interface(Big, 1, 0, &[]), enhanced(Big, 0, 1, b"x")].concat();
    assert_eq!(read_all(bytes.as_slice()).0.len(), 1);
}

#[test]
fn any_resolution_and_offset_give_a_time() {
    let time = |resolution, offset_secs, ticks| {
        Interface { dlt: 1, snap_len: 0, resolution, offset_secs }.time(ticks).as_nanos()
    };
    assert_eq!(time(0, 0, 3), 3_000_000_000);
    assert_eq!(time(6, 0, 3), 3_000);
    assert_eq!(time(9, 0, 3), 3);
    assert_eq!(time(12, 0, 3_999), 3);
    assert_eq!(time(127, 0, u64::MAX), 0);
    assert_eq!(time(0x80, 0, 3), 3_000_000_000);
    assert_eq!(time(0x80 | 1, 0, 3), 1_500_000_000);
    assert_eq!(time(0x80 | 32, 0, 1 << 31), 500_000_000);
    assert_eq!(time(0xff, 0, u64::MAX), 0);
    assert_eq!(time(0, 0, u64::MAX), u64::MAX);
    assert_eq!(time(6, 10, 1), 10_000_001_000);
    assert_eq!(time(6, -1, 3_000_000), 2_000_000_000);
    assert_eq!(time(6, -9, 3_000_000), 0);
    assert_eq!(time(6, i64::MIN, u64::MAX), 0);
    assert_eq!(time(0, i64::MAX, u64::MAX), u64::MAX);
}

#[test]
fn the_offset_option_is_read_in_both_byte_orders() {
    for order in BOTH_ORDERS {
        let options = [option(order, 14, &n64(order, 5)), option(order, 14, &n64(order, 6))].concat();
        let bytes = [section(order), interface(order, 1, 0, &options), enhanced(order, 0, 1, b"x")].concat();
        assert_eq!(times(&bytes), [5_000_001_000]);
    }
}

#[test]
fn of_an_option_given_twice_the_first_counts() {
    for order in BOTH_ORDERS {
        let options = [option(order, 9, &[9]), option(order, 9, &[0])].concat();
        let bytes = [section(order), interface(order, 1, 0, &options), enhanced(order, 0, 5, b"x")].concat();
        assert_eq!(times(&bytes), [5]);
    }
}

#[test]
fn a_simple_packet_has_the_time_of_the_frame_before_it_or_zero() {
    let bytes = file(Big, &[simple(Big, 1, b"a"), enhanced(Big, 0, 7, b"b"), simple(Big, 1, b"c")]);
    assert_eq!(times(&bytes), [0, 7_000, 7_000]);
}

#[test]
fn a_simple_packet_is_cut_by_the_snap_length_and_by_its_block() {
    for (snap_len, original, data, expected) in
        [(0, 5, b"fivex".as_slice(), 5), (4, 90, b"four", 4), (64, 90, b"four", 4), (4, 2, b"to", 2)]
    {
        let bytes =
            [section(Little), interface(Little, 1, snap_len, &[]), simple(Little, original, data)].concat();
        let (frames, fault) = read_all(bytes.as_slice());
        assert_eq!(fault, None);
        assert_eq!((frames[0].data.len(), frames[0].wire_len), (expected, original));
    }
}

#[test]
fn a_simple_packet_without_an_interface_is_passed_over() {
    let bytes = [section(Little), simple(Little, 1, b"a")].concat();
    let mut reader = CaptureReader::new(bytes.as_slice()).unwrap();
    assert_eq!(drain(&mut reader), (Vec::new(), None));
    assert_eq!(reader.skipped().damaged_packets, 1);
}

#[test]
fn obsolete_packet_blocks_are_read() {
    for order in BOTH_ORDERS {
        let mut body = [n16(order, 0), n16(order, 3)].concat();
        for field in [0, 42, 3, 60] {
            body.extend(n32(order, field));
        }
        body.extend(b"abc");
        let (frames, fault) = read_all(file(order, &[block(order, OBSOLETE, &body)]).as_slice());
        assert_eq!(fault, None);
        let frame = &frames[0];
        assert_eq!((frame.nanos, frame.data.as_slice(), frame.wire_len), (42_000, b"abc".as_slice(), 60));
    }
}

#[test]
fn an_original_length_below_the_captured_one_is_raised_to_it() {
    let mut packet = Enhanced::new(0, 0, b"abc");
    packet.original = 1;
    assert_eq!(read_all(file(Big, &[packet.block(Big)]).as_slice()).0[0].wire_len, 3);
}

#[test]
fn other_blocks_are_passed_over_whatever_their_size() {
    let large = std::vec![5; 20 * 1024 * 1024];
    let blocks = [
        block(Little, 4, b"names"),
        block(Little, 0x8000_0001, &large),
        block(Little, 5, &[]),
        enhanced(Little, 0, 1, b"x"),
    ];
    let bytes = file(Little, &blocks);
    let mut reader = CaptureReader::new(bytes.as_slice()).unwrap();
    let (frames, fault) = drain(&mut reader);
    assert_eq!((frames.len(), fault), (1, None));
    assert_eq!(reader.skipped().other_blocks, 3);
    assert_eq!(reader.bytes_read(), bytes.len() as u64);
}

#[test]
fn a_cut_at_any_octet_keeps_the_frames_before_it() {
    let (bytes, ends) = pcapng_sample();
    for cut in 1..bytes.len() {
        let (frames, fault) = read_all(&bytes[..cut]);
        let last_end = ends.iter().rev().find(|(end, _)| *end <= cut);
        assert_eq!(frames.len() as u64, last_end.map_or(0, |(_, count)| *count), "cut at {cut}");
        let at_end = last_end.is_some_and(|(end, _)| *end == cut);
        assert_eq!(fault.is_none(), at_end, "cut at {cut}: {fault:?}");
        match fault.map(|fault| fault.reason) {
            None => {}
            Some(FaultReason::CutHeader { needed, available }) => {
                assert!(last_end.is_none() && available == cut as u64 && available < needed);
            }
            Some(
                FaultReason::CutFrame { needed, available } | FaultReason::CutBlock { needed, available },
            ) => {
                assert_eq!(available, (cut - last_end.unwrap().0) as u64);
                assert!(available < needed);
            }
            Some(other) => panic!("cut at {cut}: {other}"),
        }
    }
}

#[test]
fn blocks_that_lose_the_way_are_named() {
    let fault_of = |tail: Vec<u8>| {
        let (frames, fault) = read_all(file(Little, &[enhanced(Little, 0, 1, b"x"), tail]).as_slice());
        assert_eq!(frames.len(), 1);
        fault.unwrap()
    };
    let bad = |block, problem| FaultReason::BadBlock { block, problem };

    let head = |kind, len| [n32(Little, kind), n32(Little, len), n32(Little, 0)].concat();
    assert_eq!(fault_of(head(5, 14)).reason, bad(5, BlockProblem::Unaligned { length: 14 }));
    assert_eq!(fault_of(head(0, 0)).reason, bad(0, BlockProblem::TooShort { length: 0, minimum: 12 }));
    let mark = BlockProblem::ByteOrderMark { mark: 0 };
    assert_eq!(fault_of(head(SECTION, 28)).reason, bad(SECTION, mark));
    let problem = BlockProblem::TooShort { length: 16, minimum: 20 };
    assert_eq!(fault_of(block(Little, DESCRIPTION, &[0; 4])).reason, bad(DESCRIPTION, problem));
    let problem = BlockProblem::TooShort { length: 16, minimum: 28 };
    assert_eq!(fault_of(block(Little, SECTION, &n32(Little, 0x1a2b_3c4d))).reason, bad(SECTION, problem));
    let fault = fault_of(head(ENHANCED, 0xffff_fff0));
    let limit = u64::from(MAX_FRAME_LEN);
    assert_eq!(fault.reason, FaultReason::FrameTooLarge { claimed: 0xffff_fff0, limit });
    let fault = fault_of(head(DESCRIPTION, 0x7fff_fff0));
    assert!(matches!(fault.reason, FaultReason::BadBlock { problem: BlockProblem::TooLong { .. }, .. }));

    for kind in [5, ENHANCED, SIMPLE] {
        let mut tail = block(Little, kind, &[0; 20]);
        let at = tail.len() - 4;
        tail[at] = 36;
        let fault = fault_of(tail);
        assert_eq!(fault.reason, bad(kind, BlockProblem::LengthsDiffer { first: 32, last: 36 }));
        assert_eq!(
            fault.to_string(),
            std::format!(
                "frame 2: block of type 0x{kind:08x}: its length is 32 at the start and 36 at the end"
            )
        );
    }
}

#[test]
fn an_unknown_version_is_refused_at_the_start_and_later() {
    for (major, minor) in [(2, 0), (0, 0), (1, 1)] {
        let reason = FaultReason::UnsupportedVersion { format: "pcapng", major, minor };
        let fault = read_all(section_version(Big, major, minor).as_slice()).1.unwrap();
        assert_eq!((fault.frame, fault.reason), (1, reason.clone()));
        let later = file(Big, &[enhanced(Big, 0, 1, b"x"), section_version(Big, major, minor)]);
        let fault = read_all(later.as_slice()).1.unwrap();
        assert_eq!((fault.frame, &fault.reason), (2, &reason));
        assert!(fault.to_string().starts_with("frame 2: pcapng version"));
    }
    assert_eq!(read_all(section_version(Little, 1, 2).as_slice()), (Vec::new(), None));
}

#[test]
fn the_interfaces_of_a_section_are_bounded() {
    let mut bytes = section(Little);
    let description = interface(Little, 1, 0, &[]);
    for _ in 0..MAX_INTERFACES {
        bytes.extend(&description);
    }
    bytes.extend(enhanced(Little, MAX_INTERFACES as u32 - 1, 1, b"x"));
    let (frames, fault) = read_all(bytes.as_slice());
    assert_eq!((frames.len(), fault), (1, None));
    bytes.extend(&description);
    let reason = FaultReason::TooManyInterfaces { limit: MAX_INTERFACES as u64 };
    assert_eq!(read_all(bytes.as_slice()).1.unwrap().reason, reason);
}
