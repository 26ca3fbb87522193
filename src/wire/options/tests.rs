use super::*;
use proptest::prelude::*;
use std::string::ToString;
use std::vec;
use std::vec::Vec;

type Walked<'a> = Vec<Result<TcpOption<'a>, OptionError>>;

fn walk(bytes: &[u8]) -> Walked<'_> {
    TcpOptions::new(bytes).iter().collect()
}

// RFC 9293 MUST-4, MUST-64
#[test]
fn the_options_of_a_linux_syn_are_all_read() {
    let bytes = [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7];
    let options = TcpOptions::new(&bytes);
    assert_eq!(options.mss(), Some(1460));
    assert_eq!(options.window_scale(), Some(7));
    assert_eq!(options.timestamps(), Some((1, 0)));
    assert!(options.sack_permitted());
    assert_eq!(options.to_string(), "mss 1460, sackOK, TS val 1 ecr 0, nop, wscale 7");
}

#[test]
fn sack_blocks_are_read_in_the_order_they_were_sent() {
    let bytes = [1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 100, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 9];
    let options = TcpOptions::new(&bytes);
    let blocks: Vec<_> = options.sack().iter().map(|(left, right)| (left.get(), right.get())).collect();
    assert_eq!(blocks, [(1, 100), (u32::MAX, 9)]);
    assert_eq!((options.sack().len(), options.sack().is_empty()), (2, false));
    assert_eq!(options.to_string(), "nop, nop, sack {1:100}{4294967295:9}");
    assert!(TcpOptions::new(&[1]).sack().is_empty());
}

// RFC 9293 MUST-6, MUST-68
#[test]
fn an_unknown_option_is_kept_and_skipped_by_its_length() {
    assert_eq!(
        walk(&[77, 4, 1, 2, 3, 3, 9]),
        [Ok(TcpOption::Unknown { kind: 77, data: &[1, 2] }), Ok(TcpOption::WindowScale(9))]
    );
}

// RFC 9293 MUST-4
#[test]
fn every_known_kind_is_read() {
    let digest = [7; 16];
    let mut md5 = vec![19, 18];
    md5.extend(digest);
    assert_eq!(walk(&md5), [Ok(TcpOption::Md5(&digest))]);
    let cases: [(&[u8], TcpOption<'_>, &str); 11] = [
        (&[28, 4, 0x80, 5], TcpOption::UserTimeout { minutes: true, value: 5 }, "user-timeout 5min"),
        (
            &[28, 4, 0x7f, 0xff],
            TcpOption::UserTimeout { minutes: false, value: 32_767 },
            "user-timeout 32767s",
        ),
        (
            &[29, 6, 1, 2, 0xab, 0xcd],
            TcpOption::TcpAo { key_id: 1, next_key_id: 2, mac: &[0xab, 0xcd] },
            "tcp-ao keyid 1 rnextkeyid 2 mac abcd",
        ),
        (&[30, 4, 0, 0x81], TcpOption::Mptcp(&[0, 0x81]), "mptcp 0081"),
        (&[34, 2], TcpOption::FastOpen(&[]), "tfo cookiereq"),
        (&[34, 6, 1, 2, 3, 4], TcpOption::FastOpen(&[1, 2, 3, 4]), "tfo cookie 01020304"),
        (
            &[254, 4, 0xf9, 0x89],
            TcpOption::FastOpenExperimental { kind: 254, cookie: &[] },
            "exp-tfo cookiereq",
        ),
        (
            &[253, 8, 0xf9, 0x89, 1, 2, 3, 4],
            TcpOption::FastOpenExperimental { kind: 253, cookie: &[1, 2, 3, 4] },
            "exp-tfo cookie 01020304",
        ),
        (&[254, 4, 0, 1], TcpOption::Unknown { kind: 254, data: &[0, 1] }, "unknown-254 0001"),
        (&[254, 2], TcpOption::Unknown { kind: 254, data: &[] }, "unknown-254"),
        (&[0], TcpOption::EndOfList, "eol"),
    ];
    for (bytes, option, text) in cases {
        assert_eq!(walk(bytes), [Ok(option)]);
        assert_eq!(
            (option.to_string().as_str(), option.kind(), option.wire_len()),
            (text, bytes[0], bytes.len())
        );
        let mut out = [0xee; 40];
        assert_eq!(option.emit(&mut out), Ok(bytes.len()));
        assert_eq!(&out[..bytes.len()], bytes);
    }
}

// RFC 9293 MUST-7
#[test]
fn a_length_of_zero_or_one_ends_the_walk() {
    assert_eq!(
        walk(&[1, 3, 0, 2, 4]),
        [Ok(TcpOption::Nop), Err(OptionError::LengthTooSmall { kind: 3, len: 0 })]
    );
    assert_eq!(walk(&[99, 1, 1]), [Err(OptionError::LengthTooSmall { kind: 99, len: 1 })]);
}

// RFC 9293 MUST-7
#[test]
fn an_option_past_the_end_ends_the_walk() {
    assert_eq!(
        walk(&[1, 1, 1, 8]),
        [Ok(TcpOption::Nop); 3]
            .into_iter()
            .chain([Err(OptionError::LengthMissing { kind: 8 })])
            .collect::<Walked<'_>>()
    );
    assert_eq!(walk(&[8, 10, 0, 0]), [Err(OptionError::BeyondEnd { kind: 8, len: 10, left: 4 })]);
}

#[test]
fn a_known_kind_of_wrong_length_is_reported_and_skipped() {
    for (kind, len) in [
        (2, 3),
        (3, 2),
        (3, 4),
        (4, 3),
        (5, 2),
        (5, 9),
        (8, 9),
        (19, 17),
        (28, 3),
        (29, 3),
        (30, 2),
        (34, 3),
        (34, 5),
        (34, 9),
        (34, 20),
    ] {
        let mut bytes = vec![0; usize::from(len)];
        bytes[..2].copy_from_slice(&[kind, len]);
        bytes.extend([3, 3, 5]);
        assert_eq!(
            walk(&bytes),
            [Err(OptionError::WrongLength { kind, len }), Ok(TcpOption::WindowScale(5))]
        );
    }
    let text = TcpOptions::new(&[3, 4, 0, 0, 1]).to_string();
    assert_eq!(text, "[option 3 has length 4, which that kind cannot have], nop");
}

#[test]
fn helpers_pass_over_an_option_of_wrong_length() {
    assert_eq!(TcpOptions::new(&[2, 3, 0, 2, 4, 2, 0]).mss(), Some(512));
}

#[test]
fn what_was_not_captured_is_told_from_what_is_not_there() {
    let cut = TcpOptions::captured(&[8, 10, 0, 0], 12);
    assert!(cut.is_cut());
    assert_eq!(cut.iter().collect::<Walked<'_>>(), [Err(OptionError::Cut { kind: 8 })]);
    let cut = TcpOptions::captured(&[1, 8], 12);
    assert_eq!(cut.iter().last(), Some(Err(OptionError::Cut { kind: 8 })));
    let beyond = TcpOptions::captured(&[8, 13, 0, 0], 12);
    assert_eq!(beyond.iter().last(), Some(Err(OptionError::BeyondEnd { kind: 8, len: 13, left: 12 })));
    assert!(!TcpOptions::captured(&[1, 1], 1).is_cut());
}

// RFC 9293 MUST-69
#[test]
fn octets_behind_the_end_of_the_list_are_padding() {
    let zero = TcpOptions::new(&[3, 3, 7, 0]);
    assert_eq!((zero.padding(), zero.padding_is_zero()), (Some(&[][..]), true));
    // A second "end of list" is one.
    let zero = TcpOptions::new(&[1, 0, 0, 0]);
    assert_eq!((zero.padding(), zero.padding_is_zero()), (Some(&[0, 0][..]), true));
    let dirty = TcpOptions::new(&[1, 0, 2, 4]);
    assert_eq!((dirty.padding(), dirty.padding_is_zero()), (Some(&[2, 4][..]), false));
    assert_eq!((dirty.mss(), dirty.iter().count()), (None, 2));
    let none = TcpOptions::new(&[1, 1]);
    assert_eq!((none.padding(), none.padding_is_zero()), (None, true));
}

// RFC 9293 MUST-69
#[test]
fn the_builder_pads_with_end_of_list_and_refuses_more_than_40_octets() {
    let mut builder = OptionsBuilder::new();
    assert!(builder.as_bytes().is_empty());
    builder.push(&TcpOption::Nop).unwrap();
    assert_eq!(builder.as_bytes(), [1, 0, 0, 0]);
    builder.push(&TcpOption::Unknown { kind: 99, data: &[5; 37] }).unwrap();
    assert_eq!((builder.as_bytes().len(), builder.room()), (40, 0));
    assert_eq!(builder.push(&TcpOption::Nop), Err(EmitError::OptionsTooLong { len: 41 }));
    let long = TcpOption::Unknown { kind: 99, data: &[5; 39] };
    assert_eq!(OptionsBuilder::new().push(&long), Err(EmitError::OptionsTooLong { len: 41 }));
    assert_eq!(OptionsBuilder::new().push_sack([]), 0);
}

#[test]
fn as_many_sack_blocks_are_pushed_as_fit() {
    let block = |n: u32| (SeqNumber::new(n), SeqNumber::new(n + 10));
    let mut builder = OptionsBuilder::new();
    assert_eq!(builder.push_sack((0..9).map(block)), 4);
    assert_eq!(builder.as_bytes().len(), 36);
    let mut builder = OptionsBuilder::new();
    for option in [
        TcpOption::Nop,
        TcpOption::Nop,
        TcpOption::Timestamps { val: 1, ecr: 2 },
        TcpOption::Nop,
        TcpOption::Nop,
    ] {
        builder.push(&option).unwrap();
    }
    // RFC 2018 §3: three blocks next to timestamps.
    assert_eq!(builder.push_sack((0..9).map(block)), 3);
    let options = TcpOptions::new(builder.as_bytes());
    assert_eq!(options.sack().iter().collect::<Vec<_>>(), [block(0), block(1), block(2)]);
    assert_eq!(builder.push_sack([block(1)]), 0);
}

#[test]
fn a_value_that_does_not_fit_is_refused_and_nothing_written() {
    let mut out = [0xee; 4];
    let wide = TcpOption::UserTimeout { minutes: false, value: 0x8000 };
    let error = EmitError::FieldOutOfRange { field: "user timeout", value: 0x8000, max: 0x7fff };
    assert_eq!(wide.emit(&mut out), Err(error));
    assert_eq!(
        TcpOption::SackPermitted.emit(&mut out[..1]),
        Err(EmitError::BufferTooSmall { needed: 2, available: 1 })
    );
    assert_eq!(out, [0xee; 4]);
}

proptest! {
    #[test]
    fn any_octets_are_walked_without_a_loop(bytes in proptest::collection::vec(prop_oneof![0_u8..12, any::<u8>()], 0..60), more in 0_usize..9) {
        let options = TcpOptions::captured(&bytes, bytes.len() + more);
        let walked: Walked<'_> = options.iter().collect();
        prop_assert!(walked.len() <= bytes.len());
        let known: usize = walked.iter().flatten().map(TcpOption::wire_len).sum();
        prop_assert!(known <= bytes.len());
        let _ = options.to_string();
        let ended = walked.last() == Some(&Ok(TcpOption::EndOfList));
        prop_assert_eq!(options.padding().is_some(), ended);
    }

    #[test]
    fn what_is_read_is_written_back_octet_for_octet(bytes in proptest::collection::vec(prop_oneof![0_u8..6, any::<u8>()], 0..=40)) {
        let mut at = 0;
        for option in TcpOptions::new(&bytes).iter() {
            // Behind an option of wrong length nothing more can be compared by place.
            let Ok(option) = option else { break };
            let mut out = [0xee; 40];
            let len = option.emit(&mut out).unwrap();
            prop_assert_eq!(&out[..len], &bytes[at..at + len]);
            at += len;
        }
    }

    #[test]
    fn what_is_built_is_read_back(mss: u16, shift: u8, val: u32, ecr: u32, cookie in proptest::collection::vec(any::<u8>(), 2..=5)) {
        let cookie = [&cookie[..], &cookie[..]].concat();
        let written = [
            TcpOption::Mss(mss), TcpOption::SackPermitted, TcpOption::Timestamps { val, ecr },
            TcpOption::Nop, TcpOption::WindowScale(shift), TcpOption::FastOpen(&cookie),
        ];
        let mut builder = OptionsBuilder::new();
        for option in &written {
            builder.push(option).unwrap();
        }
        let read = walk(builder.as_bytes());
        prop_assert_eq!(&read[..6], &written.map(Ok)[..]);
        prop_assert!(read[6..].iter().all(|option| *option == Ok(TcpOption::EndOfList)));
    }
}
