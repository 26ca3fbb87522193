//! PAWS and TS.Recent (RFC 7323 §4.3 and §5): timestamps from all around the circle on every small segment.

use tcpstate::TcpFlags;
use tcpstate::tcp::Tcb;

use crate::all_seen;
use crate::model::{Outcome, Segment, Sent, judge, passes_fifth_check};
use crate::rig::{NEW_WINDOW, Rig, Scene, stamped};
use crate::windows::{controls, observe_meta};

/// "s < t if 0 < (t - s) < 2³¹" (RFC 7323 §5.2), with numbers of 64 bits.
fn is_older(stamp: u32, recent: u32) -> bool {
    (1..1 << 31).contains(&(i64::from(recent) - i64::from(stamp)).rem_euclid(1 << 32))
}

/// Distances from TS.Recent: the short ones, those of about half a circle, and powers of two between them.
fn distances() -> Vec<i32> {
    let mut all: Vec<i32> = (-3..=3).chain([i32::MIN, i32::MIN + 1, i32::MAX, i32::MAX - 1]).collect();
    all.extend((2..31).flat_map(|power| [1 << power, -(1 << power)]));
    all
}

/// What a segment does with this timestamp, or with none, where TS.Recent is `recent`; and which timestamp an answer echoes.
fn expected(rig: &Rig, seg: &Segment, stamp: Option<u32>, recent: u32) -> (Outcome, u32) {
    let known = &rig.known;
    let plain = judge(known, seg);
    if seg.has(TcpFlags::RST) {
        return (plain, recent); // "RST segments are NOT subject to PAWS"
    }
    let nothing = Segment { flags: TcpFlags::NONE, len: 0, seq: known.nxt, ..*seg };
    match stamp {
        Some(stamp) if is_older(stamp, recent) => {
            // "If an incoming segment is not acceptable, send an acknowledgment in reply and drop the segment."
            let seq = known.una.wrapping_add(known.sent);
            let sent = Some(Sent { control: TcpFlags::ACK, seq, ack: Some(known.nxt) });
            (Outcome { sent, ..judge(known, &nothing) }, recent)
        }
        // A SYN without one is left to the fourth check: its sender may have restarted.
        None if !seg.has(TcpFlags::SYN) || seg.has(TcpFlags::ACK) => (judge(known, &nothing), recent),
        Some(stamp) if passes_fifth_check(known, seg) => {
            // "SEG.TSval >= TS.Recent and SEG.SEQ <= Last.ACK.sent": all that has come was acknowledged.
            let late = (1..64).any(|step| known.nxt.wrapping_add(step) == seg.seq);
            (plain, if late { recent } else { stamp })
        }
        _ => (plain, recent),
    }
}

fn observe(mut tcb: Tcb, rig: &Rig, seg: &Segment, stamp: Option<u32>) -> (Outcome, Option<u32>) {
    let (outcome, answer) = observe_meta(&mut tcb, &rig.known, seg, &stamped(seg, stamp));
    let acknowledges = answer.filter(|answer| answer.flags == TcpFlags::ACK);
    (outcome, acknowledges.map(|answer| answer.options.timestamps.expect("it is in use").ecr))
}

#[test]
fn every_timestamp_around_the_circle_lets_a_segment_in_or_not_by_whether_it_is_older() {
    let scenes = [Scene::Established, Scene::FinWait1, Scene::FinWait2, Scene::CloseWait, Scene::TimeWait];
    let mut seen = 0;
    for scene in scenes {
        for recent in [0, 1, u32::MAX, (1 << 31) - 1, 1 << 31, 77_000] {
            let rig = Rig::stamped(scene, 2, (u32::MAX, 9), Some(recent));
            let stamps = distances().into_iter().map(|distance| Some(recent.wrapping_add_signed(distance)));
            for stamp in stamps.chain([None]) {
                for place in [-2, -1, 0, 1, 2, 3] {
                    for (len, flags) in
                        [0, 1, 2].into_iter().flat_map(|len| controls().map(move |flags| (len, flags)))
                    {
                        let seq = rig.known.nxt.wrapping_add_signed(place);
                        let seg = Segment { seq, ack: rig.known.una, len, flags, window: NEW_WINDOW };
                        let (found, echo) = observe(rig.tcb.clone(), &rig, &seg, stamp);
                        let (right, recent_then) = expected(&rig, &seg, stamp, recent);
                        assert_eq!(found, right, "{scene:?} {recent} {stamp:?} {seg:?}");
                        assert!(
                            echo.is_none_or(|echo| echo == recent_then),
                            "{scene:?} {recent} {stamp:?} {seg:?}: {echo:?}"
                        );
                        seen += 1;
                    }
                }
            }
        }
    }
    all_seen(seen, 5 * 6 * (7 + 4 + 29 * 2 + 1) * 6 * 3 * 16);
}
