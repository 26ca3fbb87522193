use super::*;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

fn message(word: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut out = vec![0; HEADER_LEN + body.len()];
    let parts = Parts { kind: 3, code: 1, word, body };
    assert_eq!(parts.emit(&mut out, Checksum::new()), Ok(out.len()));
    out
}

#[test]
fn a_length_in_front_ends_the_quote_where_extensions_begin() {
    // RFC 4884 §4.1: 128 octets of packet, then extensions.
    let octets = message([0, 32, 0, 0], &[7; 150]);
    let parts = Parts::parse(&octets, Checksum::new()).unwrap();
    assert_eq!(parts.quote(32, 4).len(), 128);
    assert_eq!(parts.quote(16, 8).len(), 128);
}

#[test]
fn a_length_that_cannot_be_is_none() {
    let octets = message([0; 4], &[7; 28]);
    let parts = Parts::parse(&octets, Checksum::new()).unwrap();
    for units in [0, 8, 255] {
        assert_eq!(parts.quote(units, 4).len(), 28);
    }
}

#[test]
fn a_changed_octet_is_noticed() {
    let octets = message([1, 2, 3, 4], b"data");
    for at in 0..octets.len() {
        let mut changed = octets.clone();
        changed[at] ^= 0x10;
        assert_eq!(Parts::parse(&changed, Checksum::new()).unwrap_err(), IcmpError::Checksum);
    }
    assert_eq!(Parts::parse(&octets[..7], Checksum::new()).unwrap_err(), IcmpError::TooShort { len: 7 });
}

#[test]
fn a_buffer_too_small_is_left_alone() {
    let mut out = [0xee; 11];
    let parts = Parts { kind: 0, code: 0, word: [0; 4], body: b"data" };
    let error = EmitError::BufferTooSmall { needed: 12, available: 11 };
    assert_eq!((parts.emit(&mut out, Checksum::new()), out), (Err(error), [0xee; 11]));
}

proptest! {
    #[test]
    fn what_is_written_is_read(kind: u8, code: u8, word: [u8; 4], body in prop::collection::vec(any::<u8>(), 0..200), start: u32) {
        let mut pseudo = Checksum::new();
        pseudo.add_u32(start);
        let mut out = vec![0; HEADER_LEN + body.len()];
        let parts = Parts { kind, code, word, body: &body };
        prop_assert_eq!(parts.emit(&mut out, pseudo), Ok(out.len()));
        let read = Parts::parse(&out, pseudo).unwrap();
        prop_assert_eq!((read.kind, read.code, read.word, read.body), (kind, code, word, &body[..]));
    }
}
