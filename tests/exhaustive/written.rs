//! All options that a header may carry together, in every choice and order: as long as they fit into 40 octets they are
//! read back, and what does not fit is refused and changes nothing.

use crate::all_seen;
use tcpstate::wire::{EmitError, OptionsBuilder, SackBlocks, TcpOption, TcpOptions};

const BLOCKS: [u8; 32] = [0xa5; 32];

/// One of each sort, and each length of those that have more than one.
fn sorts() -> Vec<TcpOption<'static>> {
    let blocks = |count: usize| TcpOption::Sack(SackBlocks::new(&BLOCKS[..8 * count]).expect("whole blocks"));
    vec![
        TcpOption::Nop,
        TcpOption::Mss(1460),
        TcpOption::WindowScale(14),
        TcpOption::SackPermitted,
        TcpOption::Timestamps { val: 1, ecr: u32::MAX },
        TcpOption::FastOpen(&[]),
        TcpOption::FastOpen(&[7; 4]),
        TcpOption::FastOpen(&[7; 16]),
        TcpOption::FastOpenExperimental { kind: 254, cookie: &[7; 8] },
        TcpOption::Unknown { kind: 200, data: &[9; 5] },
        TcpOption::UserTimeout { minutes: true, value: 5 },
        TcpOption::Mptcp(&[0x20]),
        blocks(1),
        blocks(2),
        blocks(3),
        blocks(4),
    ]
}

/// Pushes options one after the other, and looks at the header after each.
fn write(options: &[TcpOption<'_>]) {
    let mut built = OptionsBuilder::new();
    let mut inside: Vec<TcpOption<'_>> = Vec::new();
    for option in options {
        let (before, taken) = (built, inside.iter().map(TcpOption::wire_len).sum::<usize>());
        let fits = taken + option.wire_len() <= 40;
        match built.push(option) {
            Ok(()) => inside.push(*option),
            Err(EmitError::OptionsTooLong { len }) => {
                assert_eq!(
                    (len, built),
                    (taken + option.wire_len(), before),
                    "{option:?} behind {taken} octets"
                );
            }
            Err(other) => panic!("{option:?} behind {taken} octets: {other}"),
        }
        assert_eq!(built != before, fits, "{option:?} behind {taken} octets");
    }
    let bytes = built.as_bytes();
    let len: usize = inside.iter().map(TcpOption::wire_len).sum();
    assert_eq!((bytes.len(), built.room()), (len.div_ceil(4) * 4, 40 - len));
    let options = TcpOptions::new(bytes);
    let mut read: Vec<_> = options.iter().map(|read| read.expect("what we have written")).collect();
    if !len.is_multiple_of(4) {
        assert_eq!(read.pop(), Some(TcpOption::EndOfList));
    }
    assert!(options.padding_is_zero());
    assert_eq!(read, inside);
}

#[test]
fn every_choice_of_options_is_read_back_as_far_as_it_fits() {
    let sorts = sorts();
    let mut seen = 0;
    for choice in 0_u32..1 << sorts.len() {
        let chosen: Vec<_> = sorts
            .iter()
            .enumerate()
            .filter(|(bit, _)| choice >> bit & 1 == 1)
            .map(|(_, &sort)| sort)
            .collect();
        write(&chosen);
        seen += 1;
    }
    all_seen(seen, 1 << 16);
}

/// All orders of up to `most` different sorts.
fn orders(chosen: &mut Vec<TcpOption<'static>>, left: &[TcpOption<'static>], most: usize) -> u64 {
    write(chosen);
    let mut seen = 1;
    if chosen.len() == most {
        return seen;
    }
    for (place, &sort) in left.iter().enumerate() {
        let others: Vec<_> =
            left.iter().enumerate().filter(|&(other, _)| other != place).map(|(_, &sort)| sort).collect();
        chosen.push(sort);
        seen += orders(chosen, &others, most);
        chosen.pop();
    }
    seen
}

#[test]
fn every_order_of_up_to_three_options_is_read_back() {
    all_seen(orders(&mut Vec::new(), &sorts(), 3), 1 + 16 + 16 * 15 + 16 * 15 * 14);
}

#[test]
#[ignore = "571,457 cases: in an optimised build"]
fn every_order_of_up_to_five_options_is_read_back() {
    all_seen(orders(&mut Vec::new(), &sorts(), 5), 1 + 16 * (1 + 15 * (1 + 14 * (1 + 13 * (1 + 12)))));
}
