//! What payload is made of: a pattern that tells the place of each octet in its stream.
//!
//! packetdrill sends zeros, with which an octet out of place goes unseen.

use alloc::vec::Vec;

use super::script::Direction;

/// The octet at a place of the stream that goes in this direction: 0 is the first after the SYN.
///
/// The two directions differ, and neighbours of any distance below 2^16 do too as a rule: two octets would have to agree
/// in all of a run of them.
pub(super) fn octet(direction: Direction, place: u64) -> u8 {
    let salt = match direction {
        Direction::In => 0x9E37_79B9_7F4A_7C15_u64,
        Direction::Out => 0xC2B2_AE3D_27D4_EB4F,
    };
    let mixed = place.wrapping_add(1).wrapping_mul(salt);
    let mixed = (mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed >> 56) as u8
}

/// Octets from this place on.
pub(super) fn octets(direction: Direction, place: u64, len: usize) -> Vec<u8> {
    (place..).take(len).map(|place| octet(direction, place)).collect()
}

/// The first place, counted from the start of `data`, at which it is not what the stream has there.
pub(super) fn first_difference(direction: Direction, place: u64, data: &[u8]) -> Option<usize> {
    data.iter().zip(place..).position(|(&is, place)| is != octet(direction, place))
}
