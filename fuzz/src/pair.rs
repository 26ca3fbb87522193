//! Two hosts with several connections between them, and a network that loses, doubles, delays, damages, cuts and marks
//! packets, forges some, and makes up others.
//!
//! The model of a connection is a pipe in each direction, whose octets follow from its two ends. What must hold:
//!
//! - What is read is a prefix of what was written, and a stream ends where its writer has ended it.
//! - When the weather has become good, and nobody has let go, and nothing has forced a connection to end, all octets
//!   arrive and both streams end. Then all is given back: no connection, no deadline, no packet under way.
//! - Segments from outside that RFC 5961 has a receiver refuse change none of this.
//! - `poll_timeout` is ahead once it was served; a user who was told to wait is woken.
//! - Memory stays within its limit, one packet is answered by a few, and both hosts fall silent.
//! - The same input gives the same packets, octet by octet.
//!
//! Who forges what a receiver has to believe ends the promises about streams; all others go on.

mod attack;
mod net;
mod side;
mod users;
mod world;

use arbitrary::Unstructured;
use tcpstate::host::Decision;

use crate::choice::{self, octet, word};
use crate::record::{Nobody, Recorder};
use net::{Fate, Weather};
use world::World;

/// Operations that one input may have.
const OPS: usize = 120;

/// One input.
pub fn run<R: Recorder + ?Sized>(input: &[u8], recorder: &mut R) {
    let first = play(input, recorder);
    // One input in four twice: that is often enough to see a difference, and not much slower.
    if input.iter().fold(0_u8, |sum, octet| sum.rotate_left(1) ^ octet) % 4 == 0 {
        assert_eq!(play(input, &mut Nobody), first, "the same input, other packets");
    }
}

/// Plays an input, and says what was sent and told, as a number.
fn play<R: Recorder + ?Sized>(input: &[u8], recorder: &mut R) -> u64 {
    let mut from = Unstructured::new(input);
    let mut world = World::new(&mut from, recorder);
    for _ in 0..OPS {
        if from.is_empty() {
            break;
        }
        op(&mut world, &mut from);
    }
    world.finish()
}

/// One operation: an octet says which, its upper bits at which end; others follow.
fn op<R: Recorder + ?Sized>(world: &mut World<'_, R>, from: &mut Unstructured<'_>) {
    let code = octet(from);
    let end = usize::from(code >> 7);
    match code & 31 {
        0..=3 => world.run(u32::from(code & 3) * 4 + 1),
        4 => world.run(64),
        5 => world.pass(u64::from(octet(from))),
        6 => world.pass(u64::from(word(from))),
        7 => world.leap(u64::from(word(from))),
        8 | 9 => world.connect(end, octet(from)),
        10 => world.meet(octet(from)),
        11..=13 => {
            let (which, how) = (octet(from), octet(from));
            world.send(end, which, how, word(from));
        }
        14 => {
            let which = octet(from);
            world.recv(end, which, usize::from(word(from)));
        }
        15 => world.shutdown(end, octet(from)),
        16 => world.close(end, octet(from)),
        17 => world.abort(end, octet(from)),
        18 => world.release(end, octet(from)),
        19 | 20 => {
            let calm = code & 64 != 0;
            world.net.weather = if calm { Weather::default() } else { weather(from) };
        }
        21..=23 => {
            let fate = fate(from);
            world.fate(end, fate);
        }
        24 | 25 => {
            let (kind, which) = (octet(from), octet(from));
            world.inject(end, kind, which, (word(from), word(from)));
        }
        26 => {
            let (kind, value) = (octet(from), word(from));
            world.report(end, kind, value);
        }
        27 | 28 => {
            let (which, what) = (octet(from), octet(from));
            world.set(end, which, what, word(from));
        }
        29 => {
            let decision =
                choice::one_of(from, &[Decision::Accept, Decision::Later, Decision::Refuse, Decision::Drop]);
            world.decision(decision);
        }
        30 => world.act(end, octet(from)),
        _ => world.narrow(choice::one_of(from, &[None, Some(1400), Some(1280), Some(600)])),
    }
}

fn weather(from: &mut Unstructured<'_>) -> Weather {
    let which = octet(from);
    let mut mask = |bit: u8| if which & bit != 0 { word(from) } else { 0 };
    let (loss, twice, late, damage, mark) = (mask(1), mask(2), mask(4), mask(8), mask(16));
    let delay_ms = choice::one_of(from, &[10, 0, 1, 100, 400]);
    let late_ms = choice::one_of(from, &[30, 3, 300, 3_000, 30_000]);
    Weather { loss, twice, late, damage, mark, delay_ms, late_ms }
}

fn fate(from: &mut Unstructured<'_>) -> Fate {
    match octet(from) & 7 {
        0 | 1 => Fate::Lose,
        2 => Fate::Twice,
        3 => Fate::Late,
        4 => Fate::Damage(word(from)),
        5 => Fate::Cut(word(from)),
        6 => Fate::Mark,
        _ => Fate::Forge(word(from), octet(from)),
    }
}
