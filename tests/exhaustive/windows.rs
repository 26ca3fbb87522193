//! Every small segment in every state with every small window, through the real machine, against `model`; and the same
//! through the rows that stand for a machine between SYN and ACK, and in TIME-WAIT.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use tcpstate::tcp::{HalfOpen, Heard, SegmentMeta, Tcb, TimeWait, Unpredictable, Waited};
use tcpstate::{SeqNumber, State, TcpFlags};

use crate::all_seen;
use crate::model::{Known, Outcome, Segment, Sent, judge, judge_and_know};
use crate::rig::{NEW_WINDOW, NOW, Rig, Scene, meta};

/// Where segments begin, counted from RCV.NXT: around the window, and as far away as the circle is wide.
const PLACES: [i32; 15] = [-5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, i32::MIN, i32::MAX, -(1 << 30)];
/// What they acknowledge, counted from SND.UNA.
const ACKED: [i32; 13] = [-5, -4, -3, -2, -1, 0, 1, 2, 3, 4, i32::MIN, i32::MAX, 1 << 30];
/// Octets of text: up to one more than the buffer has.
const MOST_TEXT: u32 = 5;

/// The control bits that RFC 9293 §3.10.7 decides by, in all choices.
pub(crate) fn controls() -> impl Iterator<Item = TcpFlags> {
    let bits = [TcpFlags::SYN, TcpFlags::FIN, TcpFlags::RST, TcpFlags::ACK];
    (0..16_usize).map(move |choice| {
        let chosen = bits.iter().enumerate().filter(|(bit, _)| choice >> bit & 1 == 1);
        chosen.fold(TcpFlags::NONE, |all, (_, &bit)| all | bit)
    })
}

/// Every segment of the small world around what is known; how many there are.
fn each_segment(known: &Known, mut look: impl FnMut(&Segment)) -> u64 {
    let mut seen = 0;
    for place in PLACES {
        for len in 0..=MOST_TEXT {
            for flags in controls() {
                let acked = if flags.contains(TcpFlags::ACK) { ACKED.as_slice() } else { &[0] };
                for &acked in acked {
                    let seq = known.nxt.wrapping_add_signed(place);
                    let ack = known.una.wrapping_add_signed(acked);
                    look(&Segment { seq, ack, len, flags, window: NEW_WINDOW });
                    seen += 1;
                }
            }
        }
    }
    seen
}

const SEGMENTS: u64 = 15 * 6 * (8 * 13 + 8);

/// A reply, as the model tells it.
pub(crate) fn sent(reply: &SegmentMeta) -> Sent {
    let bits = [TcpFlags::SYN, TcpFlags::FIN, TcpFlags::RST, TcpFlags::ACK];
    let control =
        bits.into_iter().filter(|&bit| reply.flags.contains(bit)).fold(TcpFlags::NONE, |all, bit| all | bit);
    assert_eq!(reply.len, 0, "nothing waits to be sent: {reply:?}");
    let ack = reply.flags.contains(TcpFlags::ACK).then_some(reply.ack.get());
    Sent { control, seq: reply.seq.get(), ack }
}

/// What the machine makes of `seg`.
pub(crate) fn observe(mut tcb: Tcb, known: &Known, seg: &Segment) -> Outcome {
    observe_on(&mut tcb, known, seg)
}

/// The same, on a machine that is used further.
fn observe_on(tcb: &mut Tcb, known: &Known, seg: &Segment) -> Outcome {
    observe_meta(tcb, known, seg, &meta(seg)).0
}

/// The same of a segment with options; and its answer with its own.
pub(crate) fn observe_meta(
    tcb: &mut Tcb,
    known: &Known,
    seg: &Segment,
    meta: &SegmentMeta,
) -> (Outcome, Option<SegmentMeta>) {
    let first = known.irs.wrapping_add(1);
    let verdict = tcb.on_segment(NOW, meta);
    let mut replies = Vec::new();
    while let Some(plan) = tcb.poll_segment(NOW) {
        replies.push(plan.meta);
    }
    assert!(replies.len() <= 1, "{replies:?}");
    let number = |offset: u64| first.wrapping_add(offset as u32);
    let mut fresh = BTreeSet::new();
    if let Some(placed) = verdict.store {
        let text = seg.seq.wrapping_add(u32::from(seg.has(TcpFlags::SYN)));
        assert_eq!(number(placed.offset), text.wrapping_add(placed.skip), "stored where it belongs");
        assert!(placed.len > 0 && placed.skip + placed.len <= seg.len, "{placed:?}");
        fresh.extend((0..u64::from(placed.len)).map(|step| number(placed.offset + step)));
        // What is there already may be stored again, and stays what it was.
        fresh.retain(|octet| !known.held.contains(octet));
    }
    let open = !matches!(tcb.state(), State::Closed | State::Listen);
    let outcome = Outcome {
        state: tcb.state(),
        closed: verdict.notices.closed,
        variables: open.then(|| (tcb.snd_una().get(), tcb.snd_wnd(), tcb.rcv_nxt().get())),
        held: tcb.out_of_order().flatten().map(number).collect(),
        fresh,
        sent: replies.first().map(sent),
    };
    (outcome, replies.pop())
}

/// Initial numbers with which the edges lie before, on and behind the places where numbers wrap and change sign.
fn initials(steps: std::ops::Range<u32>) -> Vec<(u32, u32)> {
    let seams = [0, 1_u32 << 31];
    let pairs = steps.flat_map(|back| {
        seams.map(|seam| (seam.wrapping_sub(back), (seam ^ (1 << 31)).wrapping_sub(back + 2)))
    });
    pairs.collect()
}

/// All segments in all scenes; how many cases there were.
fn machine(windows: &[u32], initials: &[(u32, u32)]) -> u64 {
    let mut seen = 0;
    for scene in Scene::ALL {
        for window in scene.windows().filter(|window| windows.contains(window)) {
            for &(iss, irs) in initials {
                let rig = Rig::new(scene, window, iss, irs);
                seen += each_segment(&rig.known, |seg| {
                    let found = observe(rig.tcb.clone(), &rig.known, seg);
                    let right = judge(&rig.known, seg);
                    assert_eq!(
                        found, right,
                        "left the machine, right the model: {scene:?} {:?}\n{seg:?}",
                        rig.known
                    );
                });
            }
        }
    }
    seen
}

/// How many scenes there are with one of these windows.
fn scenes(windows: &[u32]) -> u64 {
    Scene::ALL
        .iter()
        .map(|scene| scene.windows().filter(|window| windows.contains(window)).count() as u64)
        .sum()
}

#[test]
fn every_small_segment_in_every_state_does_what_the_octets_in_its_window_say() {
    let (windows, initials) = ([0, 2], initials(1..2));
    all_seen(machine(&windows, &initials), scenes(&windows) * 2 * SEGMENTS);
}

#[test]
#[ignore = "11,692,800 cases: in an optimised build"]
fn every_small_segment_with_every_window_at_all_places_around_the_wrap_does_what_the_octets_say() {
    let (windows, initials) = ([0, 1, 2, 3, 4], initials(0..10));
    all_seen(machine(&windows, &initials), scenes(&windows) * 20 * SEGMENTS);
}

/// Segments of which one may follow the other: nearer to the window, and fewer.
fn alphabet(known: &Known, places: RangeInclusive<i32>, most_text: u32, most_acked: u32) -> Vec<Segment> {
    let mut all = Vec::new();
    for place in places {
        for len in 0..=most_text {
            for flags in controls() {
                let acked = if flags.contains(TcpFlags::ACK) { 0..=most_acked } else { 0..=0 };
                for acked in acked {
                    let seq = known.nxt.wrapping_add_signed(place);
                    let ack = known.una.wrapping_add(acked);
                    all.push(Segment { seq, ack, len, flags, window: NEW_WINDOW });
                }
            }
        }
    }
    all
}

/// All rows of as many segments as `seen` has places, each but the last of which changes something. Counts segments by
/// their place in the row.
fn rows(tcb: &Tcb, known: &Known, alphabet: &[Segment], heard: &mut Vec<Segment>, seen: &mut [u64]) {
    let Some((count, rest)) = seen.split_first_mut() else { return };
    for seg in alphabet {
        *count += 1;
        let mut tcb = tcb.clone();
        let found = observe_on(&mut tcb, known, seg);
        let (right, after) = judge_and_know(known, seg);
        assert_eq!(found, right, "left the machine, right the model: {known:?}\n{seg:?} behind {heard:?}");
        if after != *known && !matches!(after.state, State::Closed | State::Listen) {
            heard.push(*seg);
            rows(&tcb, &after, alphabet, heard, rest);
            heard.pop();
        }
    }
}

/// [`rows`] in all scenes with these windows.
fn rows_in_all_scenes<const N: usize>(
    windows: &[u32],
    (iss, irs): (u32, u32),
    alphabet: impl Fn(&Known) -> Vec<Segment>,
) -> [u64; N] {
    let mut seen = [0; N];
    for scene in Scene::ALL {
        for window in scene.windows().filter(|window| windows.contains(window)) {
            let rig = Rig::new(scene, window, iss, irs);
            rows(&rig.tcb, &rig.known, &alphabet(&rig.known), &mut Vec::new(), &mut seen);
        }
    }
    seen
}

/// As many segments there are in the alphabet of pairs.
const LETTERS: u64 = 6 * 4 * (8 * 4 + 8);

// How many segments change something only the model knows: so the second and the third number of each test is what it has
// counted once.
#[test]
fn of_two_small_segments_the_second_does_what_the_octets_say_behind_the_first() {
    let initial = (u32::MAX - 1, (1 << 31) - 2);
    let [firsts, seconds] = rows_in_all_scenes(&[2], initial, |known| alphabet(known, -2..=3, 3, 3));
    all_seen(firsts, scenes(&[2]) * LETTERS);
    all_seen(seconds, 627_840);
}

#[test]
#[ignore = "2,760,960 cases: in an optimised build"]
fn of_two_small_segments_the_second_does_what_the_octets_say_with_every_window() {
    let (windows, initial) = ([0, 1, 2, 3, 4], ((1 << 31) - 2, u32::MAX - 1));
    let [firsts, seconds] = rows_in_all_scenes(&windows, initial, |known| alphabet(known, -2..=3, 3, 3));
    all_seen(firsts, scenes(&windows) * LETTERS);
    all_seen(seconds, 2_705_280);
}

#[test]
#[ignore = "10,774,272 cases: in an optimised build"]
fn of_three_small_segments_the_last_does_what_the_octets_say_behind_the_others() {
    let initial = (u32::MAX, u32::MAX);
    let [firsts, seconds, thirds] =
        rows_in_all_scenes(&[2, 4], initial, |known| alphabet(known, -1..=2, 2, 2));
    all_seen(firsts, scenes(&[2, 4]) * 4 * 3 * (8 * 3 + 8));
    all_seen(seconds, 338_688);
    all_seen(thirds, 10_426_752);
}

/// What a row between SYN and ACK makes of `seg`.
fn observe_half_open(rig: &Rig, seg: &Segment) -> Outcome {
    let secrets = Unpredictable { iss: SeqNumber::new(rig.iss), timestamp_offset: 0 };
    let known = &rig.known;
    let syn =
        Segment { seq: known.irs, ack: 0, len: 0, flags: TcpFlags::SYN, window: crate::rig::PEER_WINDOW };
    let mut row = HalfOpen::meet(&rig.config, &meta(&syn), secrets, NOW).expect("a SYN");
    row.poll_segment(&rig.config, NOW).expect("its SYN,ACK");
    let stays = (known.una, known.snd_wnd, known.nxt);
    let outcome = |state, reply: Option<SegmentMeta>| Outcome {
        state,
        closed: None,
        variables: (state == State::SynReceived).then_some(stays),
        held: BTreeSet::new(),
        fresh: BTreeSet::new(),
        sent: reply.map(|reply| sent(&reply)),
    };
    match row.on_segment(&rig.config, NOW, &meta(seg)) {
        Heard::Refused(_, answer) => outcome(row.state(), answer),
        Heard::Again => {
            let answer = row.poll_segment(&rig.config, NOW);
            outcome(row.state(), answer)
        }
        Heard::Over => outcome(row.state(), None),
        Heard::Acknowledged => observe(row.tcb(&rig.config.into()), known, seg),
    }
}

#[test]
fn every_small_segment_does_to_a_half_open_row_what_the_octets_say() {
    let (scene, initials) = (Scene::SynReceivedPassive, initials(0..4));
    let mut seen = 0;
    for window in scene.windows() {
        for &(iss, irs) in &initials {
            let rig = Rig::new(scene, window, iss, irs);
            seen += each_segment(&rig.known, |seg| {
                let (found, right) = (observe_half_open(&rig, seg), judge(&rig.known, seg));
                assert_eq!(found, right, "left the row, right the model: {:?}\n{seg:?}", rig.known);
            });
        }
    }
    all_seen(seen, 4 * 8 * SEGMENTS);
}

/// What a row in TIME-WAIT makes of `seg`.
fn observe_time_wait(rig: &Rig, seg: &Segment) -> Outcome {
    let mut row = TimeWait::of(&rig.tcb).expect("TIME-WAIT, with nothing to send");
    let (closed, reply) = match row.on_segment(&rig.config, NOW, &meta(seg)) {
        Waited::Heard => (None, None),
        Waited::Refused(_, answer) => (None, answer),
        Waited::Again(answer) => (None, answer),
        Waited::Over => (Some(tcpstate::tcp::CloseReason::Closed), None),
    };
    let known = &rig.known;
    let open = row.state() != State::Closed;
    Outcome {
        state: row.state(),
        closed,
        variables: open.then_some((known.una, known.snd_wnd, known.nxt)),
        held: BTreeSet::new(),
        fresh: BTreeSet::new(),
        sent: reply.map(|reply| sent(&reply)),
    }
}

#[test]
fn every_small_segment_does_to_a_row_in_time_wait_what_the_octets_say() {
    let initials = initials(0..4);
    let mut seen = 0;
    for scene in [Scene::TimeWait, Scene::TimeWaitWithResets] {
        for window in scene.windows() {
            for &(iss, irs) in &initials {
                let rig = Rig::new(scene, window, iss, irs);
                seen += each_segment(&rig.known, |seg| {
                    let found = observe_time_wait(&rig, seg);
                    // A row has no need of SND.WND: it sends nothing.
                    let mut right = judge(&rig.known, seg);
                    if let Some((_, window, _)) = &mut right.variables {
                        *window = rig.known.snd_wnd;
                    }
                    assert_eq!(found, right, "left the row, right the model: {:?}\n{seg:?}", rig.known);
                });
            }
        }
    }
    all_seen(seen, 2 * 4 * 8 * SEGMENTS);
}
