//! The Internet checksum (RFC 1071): sums of words that carry back what overflows, one word at a time.

use crate::{all_seen, each_word};
use tcpstate::wire::Checksum;

/// The ones-complement sum of two words, as one adds by hand.
const fn add(a: u16, b: u16) -> u16 {
    let sum = a as u32 + b as u32;
    if sum > 0xffff { (sum - 0xffff) as u16 } else { sum as u16 }
}

/// The sum of octets, pair by pair, the last padded with zero.
fn of(octets: &[u8]) -> u16 {
    let words =
        octets.chunks(2).map(|pair| u16::from(pair[0]) << 8 | pair.get(1).map_or(0, |&low| u16::from(low)));
    words.fold(0, add)
}

fn sum(octets: &[u8]) -> u16 {
    let mut sum = Checksum::new();
    sum.add_bytes(octets);
    sum.sum()
}

/// Octets that carry, and such as do not.
const TELLING: [u8; 4] = [0x00, 0x01, 0x80, 0xff];

#[test]
fn every_short_string_of_telling_octets_sums_up_as_by_hand() {
    let mut seen = 0;
    for len in 0..=8 {
        each_word(&TELLING, len, |octets| {
            assert_eq!(sum(octets), of(octets), "{octets:?}");
            seen += 1;
        });
    }
    all_seen(seen, (4_u64.pow(9) - 1) / 3);
}

#[test]
fn every_way_to_cut_a_string_in_three_gives_the_sum_of_the_whole() {
    let mut seen = 0;
    for len in 0..=6 {
        each_word(&TELLING[1..], len, |octets| {
            for first in 0..=len {
                for second in first..=len {
                    let mut sum = Checksum::new();
                    sum.add_bytes(&octets[..first]);
                    sum.add_bytes(&octets[first..second]);
                    let mut copy = [0; 8];
                    assert_eq!(sum.copy_and_add(&mut copy, &octets[second..]), len - second);
                    assert_eq!(
                        (sum.sum(), &copy[..len - second]),
                        (of(octets), &octets[second..]),
                        "{octets:?}"
                    );
                    seen += 1;
                }
            }
        });
    }
    let cuts = |len: u64| (len + 1) * (len + 2) / 2;
    all_seen(seen, (0..=6).map(|len: u64| 3_u64.pow(len as u32) * cuts(len)).sum());
}

/// All pairs of words of which the first is taken from `first`.
fn pairs(first: impl Iterator<Item = u16>) -> u64 {
    let mut seen = 0;
    for a in first {
        for b in 0..=u16::MAX {
            let mut sum = Checksum::new();
            sum.add_u16(a);
            sum.add_u16(b);
            assert!(sum.sum() == add(a, b) && sum.finish() == !add(a, b), "{a:#06x} {b:#06x}");
            seen += 1;
        }
    }
    seen
}

#[test]
fn telling_words_sum_up_with_every_other_as_by_hand() {
    let telling = [0, 1, 0xff, 0x100, 0x7fff, 0x8000, 0xfffe, 0xffff];
    all_seen(pairs(telling.into_iter()), 8 << 16);
}

#[test]
#[ignore = "4,294,967,296 cases: in an optimised build"]
fn all_pairs_of_words_sum_up_as_by_hand() {
    all_seen(pairs(0..=u16::MAX), 1 << 32);
}

#[test]
#[ignore = "4,294,967,296 cases: in an optimised build"]
fn every_field_of_four_octets_is_the_sum_of_its_halves() {
    let mut seen = 0_u64;
    for field in 0..=u32::MAX {
        let mut sum = Checksum::new();
        sum.add_u32(field);
        assert!(sum.sum() == add((field >> 16) as u16, field as u16), "{field:#010x}");
        seen += 1;
    }
    all_seen(seen, 1 << 32);
}

#[test]
fn a_field_of_four_octets_on_an_odd_place_pairs_them_with_their_other_neighbours() {
    let mut seen = 0;
    for high in [0, 1, 0xff, 0x100, 0x7fff, 0x8000, 0xfffe, 0xffff_u16] {
        for low in 0..=u16::MAX {
            let mut sum = Checksum::new();
            sum.add_bytes(&[0]);
            sum.add_u32(u32::from(high) << 16 | u32::from(low));
            // 00 aa, bb cc, dd 00 (RFC 1071 §2 (B)).
            assert_eq!(
                sum.sum(),
                add(add(high >> 8, high << 8 | low >> 8), low << 8),
                "{high:#06x} {low:#06x}"
            );
            seen += 1;
        }
    }
    all_seen(seen, 8 << 16);
}

#[test]
fn one_wrong_bit_in_a_header_is_always_noticed() {
    // A sum of 16 bits sees each single bit that is turned, and each pair of words that differ by anything but 0xffff.
    let mut header = [0x45, 0, 0, 40, 0x12, 0x34, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    let checksum = !of(&header);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    assert_eq!(sum(&header), 0xffff);
    let mut seen = 0;
    for bit in 0..160 {
        let mut wrong = header;
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert_ne!(sum(&wrong), 0xffff, "bit {bit}");
        seen += 1;
    }
    for word in 0..10 {
        for value in 0..=u16::MAX {
            let mut other = header;
            other[2 * word..2 * word + 2].copy_from_slice(&value.to_be_bytes());
            let was = u16::from_be_bytes([header[2 * word], header[2 * word + 1]]);
            let same = value == was || value.abs_diff(was) == 0xffff;
            assert_eq!(sum(&other) == 0xffff, same, "word {word} is {value:#06x}");
            seen += 1;
        }
    }
    all_seen(seen, 160 + (10 << 16));
}
