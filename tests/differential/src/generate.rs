//! Scripts from seeds.

use crate::packet::{Damage, FIN, PSH, RST, SYN, URG};
use crate::run::SYN_OCTETS;
use crate::script::{Acked, Options, Place, Role, Script, Segment, Step, WINDOW};
use tcpstate::sim::Prng;

struct Dice(Prng);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0.below(bound)
    }

    /// Whether an event of so many in a hundred happens.
    fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// The script of a seed. Two of three begin with a handshake that goes well, so that all states are come to.
pub fn script(seed: u64) -> Script {
    let mut dice = Dice(Prng::new(seed));
    let role = dice.one_of(&[Role::Client, Role::Server]);
    let near_the_wrap = u32::MAX - dice.below(3_000) as u32;
    let anywhere = dice.below(1 << 32) as u32;
    let iss = dice.one_of(&[anywhere, near_the_wrap]);
    let buffer = dice.one_of(&[2_048, 4_096, 16_384]);
    let mut steps = Vec::new();
    opening(&mut dice, role, &mut steps);
    let more = 1 + dice.below(14);
    for _ in 0..more {
        let step = step(&mut dice);
        steps.push(step);
    }
    Script { seed, role, iss, buffer, steps }
}

fn syn_options(dice: &mut Dice) -> Options {
    let mss = dice.one_of(&[536, 1_000, 1_460]);
    dice.one_of(&[Options::Usual, Options::Usual, Options::Mss(mss), Options::None])
}

fn opening(dice: &mut Dice, role: Role, steps: &mut Vec<Step>) {
    let options = syn_options(dice);
    let syn = Segment { flags: SYN, ack: None, options, ..Segment::default() };
    let well = dice.percent(75);
    if !well {
        for _ in 0..dice.below(3) {
            let step = step(dice);
            steps.push(step);
        }
    }
    match role {
        Role::Server => {
            steps.push(Step::Segment(syn));
            if well {
                steps.push(Step::Segment(Segment::default()));
            }
        }
        Role::Client => {
            // Both at once, now and then.
            let crossed = dice.percent(10);
            let ack = (!crossed).then_some(Acked::All(0));
            steps.push(Step::Segment(Segment { ack, ..syn }));
            if well && crossed {
                steps.push(Step::Segment(Segment::default()));
            }
        }
    }
}

fn step(dice: &mut Dice) -> Step {
    match dice.below(100) {
        0..=59 => Step::Segment(segment(dice)),
        60..=71 => Step::Send(1 + dice.below(900) as u16),
        72..=83 => Step::Receive(dice.one_of(&[1, 100, 1_000, 20_000])),
        84..=89 => Step::Shutdown,
        90..=91 => Step::Abort,
        _ => Step::Wait(dice.one_of(&[1, 40, 300, 1_500, 4_000, 70_000])),
    }
}

fn segment(dice: &mut Dice) -> Segment {
    let mut segment = Segment::default();
    match dice.below(100) {
        // Data, mostly in order.
        0..=34 => {
            segment.len = dice.one_of(&[1, 10, 100, 500, 536]);
            segment.flags = dice.one_of(&[PSH, PSH, 0]);
            segment.seq = place(dice, 60);
            segment.forged = dice.percent(5);
        }
        // An acknowledgment.
        35..=49 => segment.seq = place(dice, 80),
        // The end.
        50..=62 => {
            segment.flags = FIN;
            segment.len = dice.one_of(&[0, 0, 0, 10, 100]);
            segment.seq = place(dice, 75);
        }
        63..=74 => {
            segment.flags = RST;
            segment.seq = place(dice, 40);
            segment.len = dice.one_of(&[0, 0, 0, 0, 10]);
        }
        75..=86 => {
            segment.flags = SYN;
            segment.seq = place(dice, 40);
            segment.options = syn_options(dice);
            segment.len = dice.one_of(&[0, 0, 0, 0, SYN_OCTETS]);
            if dice.percent(70) {
                segment.ack = None;
            }
        }
        87..=91 => {
            segment.flags = URG;
            segment.len = dice.one_of(&[1, 10]);
            segment.urgent = dice.one_of(&[1, 5, 10, 200]);
        }
        // Flags that do not go together.
        _ => {
            segment.flags = dice.one_of(&[SYN | FIN, SYN | RST, FIN | RST, SYN | FIN | RST, 0]);
            segment.seq = place(dice, 60);
            segment.options = dice.one_of(&[Options::None, Options::Usual]);
        }
    }
    acknowledge(dice, &mut segment);
    if dice.percent(8) {
        segment.window = dice.one_of(&[0, 0, 1, 50, 65_535, WINDOW / 2]);
    }
    if dice.percent(4) {
        let strange = [Options::Unknown, Options::LengthZero, Options::TooLong, Options::Timestamps];
        segment.options = dice.one_of(&strange);
    }
    if dice.percent(3) {
        segment.damage = Some(dice.one_of(&[Damage::Checksum, Damage::Octet, Damage::Offset]));
    }
    segment
}

/// In order in so many of a hundred cases.
fn place(dice: &mut Dice, in_order: u64) -> Place {
    if dice.percent(in_order) {
        return Place::Next(0);
    }
    let near = dice.one_of(&[-1, 1, -10, 10, -100, 100, 500, -500, -2_000, 1_000]);
    match dice.below(10) {
        0..=5 => Place::Next(near),
        6 => Place::Next(dice.one_of(&[100_000, -100_000, i32::MAX, i32::MIN, 1 << 30])),
        _ => Place::Edge(dice.one_of(&[-1, 0, 1, -100, 100, -536, -537])),
    }
}

fn acknowledge(dice: &mut Dice, segment: &mut Segment) {
    if segment.ack.is_none() || dice.percent(75) {
        return;
    }
    segment.ack = match dice.below(10) {
        0 => None,
        1..=3 => Some(Acked::Old(0)),
        4..=5 => Some(Acked::All(dice.one_of(&[-1, -10, -100]))),
        6..=7 => Some(Acked::All(dice.one_of(&[1, 10, 100_000, i32::MAX / 2]))),
        8 => Some(Acked::Old(dice.one_of(&[-1, -100, -10_000, -100_000, i32::MIN / 2]))),
        _ => Some(Acked::Old(1)),
    };
}
