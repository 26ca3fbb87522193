use super::super::config::TcpConfig;
use super::super::receive::ReceiveVars;
use super::{ORIGIN, SendVars, offset};
use crate::SeqNumber;

/// Positions around which the 32 bits of the wire come around, as far out as one can get in practice.
const LAPS: [u64; 6] = [1, 2, 3, 1 << 8, 1 << 20, 1 << 31];
/// Initial numbers around which they do.
const INITIAL: [u32; 5] = [0, 1, (1 << 31) - 1, 1 << 31, u32::MAX];

/// Distances from the reference that lie less than half a circle away: all short ones, and the furthest.
fn distances() -> impl Iterator<Item = i64> {
    const HALF: i64 = 1 << 31;
    (-70..=70).chain(-HALF..-HALF + 5).chain(HALF - 5..HALF)
}

/// Every reference and every position within half a circle of it, before which there is nothing to be found.
fn each_position(mut look: impl FnMut(u32, u64, u64)) -> u64 {
    let mut seen = 0;
    for initial in INITIAL {
        for lap in LAPS {
            for step in -4_i64..=4 {
                for distance in distances() {
                    let reference = (lap << 32).wrapping_add_signed(step);
                    look(initial, reference, reference.wrapping_add_signed(distance));
                    seen += 1;
                }
            }
        }
    }
    seen
}

#[test]
fn a_position_of_64_bits_is_found_again_from_its_32_bits_within_half_a_circle_of_snd_una() {
    let seen = each_position(|initial, reference, position| {
        let mut snd = SendVars::new(SeqNumber::new(initial));
        snd.una = reference;
        assert_eq!(snd.position(snd.seq(position)), position, "{initial} {reference}");
        // The number itself, counted on from the initial one without any position.
        let steps = u32::try_from(position % (1 << 32)).expect("less than a lap");
        assert_eq!(snd.seq(position), SeqNumber::new(initial) + steps);
    });
    assert_eq!(seen, 5 * 6 * 9 * 151);
}

#[test]
fn a_position_of_64_bits_is_found_again_from_its_32_bits_within_half_a_circle_of_rcv_nxt() {
    let mut rcv = ReceiveVars::new(&TcpConfig::default());
    let seen = each_position(|initial, reference, position| {
        (rcv.irs, rcv.nxt) = (SeqNumber::new(initial), reference);
        assert_eq!(rcv.position(rcv.seq(position)), position, "{initial} {reference}");
    });
    assert_eq!(seen, 5 * 6 * 9 * 151);
}

#[test]
fn the_octet_behind_the_syn_is_the_first_of_the_stream() {
    assert_eq!([ORIGIN, ORIGIN + 1, ORIGIN + 2, ORIGIN * 3].map(offset), [0, 0, 1, ORIGIN * 2 - 1]);
    assert_eq!(offset(0), 0, "what came before the SYN is in no stream");
}
