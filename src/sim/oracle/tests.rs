use super::*;
use std::vec;
use std::vec::Vec;

fn octets(seed: u64, offset: u64, len: usize) -> Vec<u8> {
    let mut octets = vec![0; len];
    Pattern::new(seed).fill(offset, &mut octets);
    octets
}

#[test]
fn an_octet_depends_on_its_place_alone() {
    let all = octets(1, 0, 100);
    for from in 0..40 {
        for len in 0..40 {
            assert_eq!(octets(1, from as u64, len), all[from..from + len]);
        }
    }
    assert_ne!(octets(1, 0, 100), octets(2, 0, 100));
    assert_ne!(octets(1, 8, 8), octets(1, 0, 8));
    assert_eq!(octets(1, u64::MAX - 3, 8).len(), 8, "the end of the stream is no trap");
}

#[test]
fn a_prefix_in_any_pieces_is_right() {
    let all = octets(5, 0, 1_000);
    for size in [1, 2, 3, 7, 8, 9, 64, 1_000] {
        let mut reader = Reader::new(Pattern::new(5));
        all.chunks(size).for_each(|piece| reader.take(piece));
        assert_eq!((reader.fault(), reader.position()), (None, 1_000));
    }
}

#[test]
fn a_wrong_octet_is_named_with_its_place() {
    for place in [0, 1, 7, 8, 40, 99] {
        let mut all = octets(5, 0, 100);
        all[place] ^= 0x10;
        let mut reader = Reader::new(Pattern::new(5));
        all.chunks(13).for_each(|piece| reader.take(piece));
        let (found, expected) = (all[place], all[place] ^ 0x10);
        assert_eq!(reader.fault(), Some(Fault::WrongOctet { offset: place as u64, expected, found }));
    }
}

#[test]
fn an_octet_left_out_or_said_twice_is_wrong() {
    let all = octets(5, 0, 64);
    let mut without = Reader::new(Pattern::new(5));
    without.take(&all[..20]);
    without.take(&all[21..]);
    assert!(matches!(without.fault(), Some(Fault::WrongOctet { offset: 20.., .. })));
    let mut twice = Reader::new(Pattern::new(5));
    twice.take(&all[..20]);
    twice.take(&all[19..]);
    assert!(matches!(twice.fault(), Some(Fault::WrongOctet { offset: 20.., .. })));
}

#[test]
fn the_first_fault_stays() {
    let mut reader = Reader::new(Pattern::new(5));
    reader.note(Fault::Conflict { octets: 3 });
    reader.take(&[0; 64]);
    assert_eq!(reader.fault(), Some(Fault::Conflict { octets: 3 }));
}
