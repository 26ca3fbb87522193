//! The script that is written of a run does the same to the machine under test: it passes, and no other does.

use std::ops::Range;
use std::time::Duration;

use tcpstate::TcpFlags;
use tcpstate::drill::script::{Action, Body, Direction, Script, When};
use tcpstate::drill::{Profile, RunOptions, Verdict, from_ladder, run};
use tcpstate::ladder::{End, Ladder};
use tcpstate::sim::Prng;

use super::net::{Act, Net, Way};

/// A run in which users and network do what they like.
fn random(seed: u64) -> Ladder {
    let mut luck = Prng::stream(seed, 1);
    let (loss, copies) = (luck.below(25), luck.below(10));
    // Mostly in order, or not at all.
    let jitter = [0, 2_000, 60_000_000][luck.below(3) as usize];
    let mut network = Prng::stream(seed, 2);
    let mut net = Net::new(&Profile::library().host, move |_, _| {
        let mut span = || Duration::from_nanos(10_000_000 + network.below(jitter + 1));
        let spans = vec![span(), span()];
        match network.below(100) {
            at if at < loss => Way::Lost,
            at if at < loss + copies => Way::Arrives(spans),
            _ => Way::Arrives(spans[..1].to_vec()),
        }
    });
    net.act(End::A, Act::Connect);
    for _ in 0..luck.between(1, 14) {
        let pause = [0, 30_000_000, 300_000_000, 5_000_000_000][luck.below(4) as usize];
        net.pass(Duration::from_nanos(luck.below(pause + 1)));
        let end = [End::A, End::B][luck.below(2) as usize];
        if !net.is_established(end) {
            continue;
        }
        let len = [1, 100, 5_000, 200_000][luck.below(4) as usize];
        net.act(
            end,
            match luck.below(20) {
                0..8 => Act::Write(luck.between(1, len) as usize),
                8..15 => Act::Read(luck.between(1, len) as usize),
                15..17 => Act::Shutdown,
                17..19 => Act::Close,
                _ => Act::Abort,
            },
        );
    }
    net.pass(Duration::from_secs(luck.below(400)));
    net.ladder
}

fn verdict(script: &Script) -> Verdict {
    run(script, &RunOptions::new(Profile::library())).verdict
}

/// The scripts of these runs pass for either end; answers how many packets they have.
fn pass(seeds: Range<u64>) -> usize {
    let mut packets = 0;
    for seed in seeds {
        let ladder = random(seed);
        packets += ladder.packets().len();
        for end in [End::A, End::B] {
            let written = from_ladder(&ladder, end, &Profile::library());
            assert_eq!(written.left_out, [], "seed {seed}, {end:?}\n{ladder}\n{written}");
            assert_eq!(verdict(&written.script), Verdict::Pass, "seed {seed}, {end:?}\n{ladder}\n{written}");
        }
    }
    packets
}

#[test]
fn the_script_of_any_run_passes_for_either_end() {
    let packets = pass(0..30);
    assert!(packets > 500, "{packets}");
}

#[test]
#[ignore = "minutes; what it has found is in the other tests"]
fn the_script_of_many_runs_passes_for_either_end() {
    pass(0..3_000);
}

/// Changes a number in a line that expects a packet; `false` if the script has none.
fn change(script: &mut Script, which: u64, what: u64) -> bool {
    let mut lines: Vec<_> = (script.events.iter_mut())
        .filter(|event| matches!(&event.action, Action::Packet(packet) if packet.direction == Direction::Out))
        .collect();
    if lines.is_empty() {
        return false;
    }
    let count = lines.len();
    let event = &mut lines[which as usize % count];
    let Action::Packet(packet) = &mut event.action else { unreachable!("only packets were kept") };
    let Body::Tcp(line) = &mut packet.body else { return false };
    match (what, line.ack, line.len, event.when) {
        (0, Some(ack), ..) => line.ack = Some(ack + 1),
        (1, _, Some(len), _) => line.len = Some(len + 1),
        (2, .., When::At(at)) => event.when = When::At(at + Duration::from_millis(3)),
        // That of a SYN is the script's own choice.
        (3, ..) if !line.flags.contains(TcpFlags::SYN) => line.seq += 1,
        _ => line.window = line.window.map(|window| window ^ 1),
    }
    true
}

#[test]
fn a_script_with_one_number_changed_fails() {
    let mut changed = 0;
    for seed in 0..40 {
        let ladder = random(seed);
        let end = [End::A, End::B][seed as usize % 2];
        let mut script = from_ladder(&ladder, end, &Profile::library()).script;
        let mut luck = Prng::stream(seed, 3);
        if change(&mut script, luck.next_u64(), seed % 5) {
            changed += 1;
            assert!(matches!(verdict(&script), Verdict::Fail(_)), "seed {seed}");
        }
    }
    assert!(changed > 35, "{changed}");
}

#[test]
fn a_script_is_to_be_read() {
    let ladder = super::transfer(|number, _| if number == 5 { Way::Lost } else { super::usual() });
    for (end, name) in [(End::A, "ladder-script-a"), (End::B, "ladder-script-b")] {
        let written = from_ladder(&ladder, end, &Profile::library());
        assert_eq!(verdict(&written.script), Verdict::Pass, "{written}");
        super::snapshot(name, &written.text);
    }
}
