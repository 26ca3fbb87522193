//! Delicate cells by hand: text, acknowledgments, timestamps and FINs on an open connection.

use std::time::Duration;

use tcpstate::tcp::{CloseReason, DropReason, SegmentMeta};
use tcpstate::{Event, State};

use super::{ACK, FIN, OPEN, RST, Sent, URG, WORLD, ack, arrives, arrives_as, at, outstanding};
use crate::cell::{Kind, Stamp};
use crate::compare::as_sent;
use crate::rig::{ACK_DELAY, Offer, Rig, Scene, TWO_MSL, World, drain, moved};

/// A FIN that repeats the one we have lies before the window: "an acknowledgment should be sent in reply"
/// (first), and "remain in the CLOSE-WAIT state" (eighth).
#[test]
fn the_first_fin_again_is_acknowledged_again() {
    for scene in [Scene::CloseWait, Scene::Closing, Scene::LastAck] {
        let mut rig = at(scene);
        let seen = arrives(&mut rig, FIN | ACK, -1, 0, 0);
        assert_eq!((seen.state, seen.verdict.refused), (scene.state(), Some(DropReason::BelowWindow)));
        assert_eq!(seen.sent, ack(outstanding(&rig), 0));
        assert!(!seen.verdict.notices.peer_closed, "the user knows");
    }
}

/// A second FIN, behind the first, occupies a number that cannot be: whatever occupies a number is answered by
/// an acknowledgment (eighth: "send an acknowledgment for the FIN", "remain"), and a FIN ends the stream once.
#[test]
fn a_fin_behind_the_fin_is_answered_and_changes_nothing() {
    for scene in [Scene::CloseWait, Scene::Closing, Scene::LastAck, Scene::TimeWait] {
        for text in [0, 10] {
            let mut rig = at(scene);
            let seen = arrives(&mut rig, FIN | ACK, 0, 0, text);
            assert_eq!(seen.state, scene.state());
            assert_eq!(seen.sent, ack(outstanding(&rig), 0), "{} with {text} octets", scene.name());
            assert_eq!(rig.tcb.rcv_nxt(), rig.rcv);
        }
    }
}

/// "Ignore the segment text" in CLOSE-WAIT and after it (seventh): nothing can follow a FIN. Its ACK counts.
#[test]
fn data_after_the_fin_is_ignored_and_its_acknowledgment_counts() {
    let mut rig = at(Scene::CloseWait);
    let seen = arrives(&mut rig, ACK, 0, 200, 10);
    assert_eq!((seen.verdict.refused, seen.verdict.store), (Some(DropReason::DataAfterFin), None));
    assert_eq!((seen.sent, seen.verdict.acked_to), (ack(500, 0), 500));
}

/// "If our FIN has been ACKed (perhaps in this segment), enter TIME-WAIT" (eighth, FIN-WAIT-1).
#[test]
fn a_fin_that_brings_the_acknowledgment_of_ours_leads_to_time_wait() {
    let mut rig = at(Scene::FinWait1);
    let seen = arrives(&mut rig, FIN | ACK, 0, 501, 10);
    let way = [(Event::AckOfFin, State::FinWait2), (Event::Fin, State::TimeWait)];
    assert_eq!((seen.transitions, seen.sent), (way.to_vec(), ack(501, 11)));
    assert!(seen.verdict.notices.close_acknowledged && seen.verdict.notices.peer_closed);
    assert_eq!(rig.tcb.poll_timeout(), Some(rig.now + TWO_MSL), "no other timer runs");
}

/// "Otherwise enter the CLOSING state" (eighth, FIN-WAIT-1): all our octets, but not our FIN.
#[test]
fn a_fin_that_leaves_ours_unacknowledged_leads_to_closing_and_its_acknowledgment_to_time_wait() {
    let mut rig = at(Scene::FinWait1);
    let seen = arrives(&mut rig, FIN | ACK, 0, 500, 0);
    assert_eq!((seen.transitions, seen.sent), (vec![(Event::Fin, State::Closing)], ack(501, 1)));
    assert!(!seen.verdict.notices.close_acknowledged);
    let seen = arrives(&mut rig, ACK, 1, 501, 0);
    assert_eq!((seen.transitions, seen.sent.len()), (vec![(Event::AckOfFin, State::TimeWait)], 0));
}

/// "If our FIN is now acknowledged, delete the TCB, enter the CLOSED state" (fifth, LAST-ACK); the last octet
/// before it is not enough.
#[test]
fn last_ack_ends_with_the_acknowledgment_of_the_fin() {
    let mut rig = at(Scene::LastAck);
    assert_eq!(arrives(&mut rig, ACK, 0, 500, 0).state, State::LastAck);
    let seen = arrives(&mut rig, ACK, 0, 501, 0);
    assert_eq!((seen.state, seen.verdict.notices.closed), (State::Closed, Some(CloseReason::Closed)));
    assert_eq!(rig.tcb.poll_timeout(), None);
}

/// "If a segment's contents straddle the boundary between old and new, only the new parts are processed"
/// (first).
#[test]
fn of_a_segment_that_begins_before_the_window_the_new_part_is_taken() {
    let mut rig = at(Scene::Established);
    let seen = arrives(&mut rig, FIN | ACK, -30, 0, 50);
    let placed = seen.verdict.store.map(|placed| (placed.offset, placed.skip, placed.len));
    assert_eq!(placed, Some((200, 30, 20)));
    assert_eq!((seen.state, seen.verdict.readable_to), (State::CloseWait, 220));
    assert_eq!(seen.sent, ack(500, 21));
}

/// "Trimming off any portions that lie outside the window (including SYN and FIN)" (first).
#[test]
fn of_a_segment_that_ends_behind_the_window_the_inner_part_is_taken_and_its_fin_is_not() {
    for text in [50, 60] {
        let seen = arrives(&mut at(Scene::EstablishedSmallWindow), FIN | ACK, 0, 0, text);
        let placed = seen.verdict.store.map(|placed| (placed.skip, placed.len));
        assert_eq!((seen.state, placed), (State::Established, Some((0, 50))));
        assert_eq!(seen.sent, ack(500, 50));
    }
}

/// "If the ACK is a duplicate it can be ignored" (fifth): RFC 5961 §5.2 reads that so that the text counts, down
/// to SND.UNA - MAX.SND.WND, which is 40,000 here.
#[test]
fn an_old_acknowledgment_does_not_cost_the_text_it_rides_on() {
    for acked in [-1, -40_000] {
        let seen = arrives(&mut at(Scene::Established), ACK, 0, acked, 10);
        assert_eq!((seen.verdict.refused, seen.verdict.readable_to), (None, 210));
    }
    let seen = arrives(&mut at(Scene::Established), ACK, 0, -40_001, 10);
    assert_eq!((seen.verdict.refused, seen.verdict.readable_to), (Some(DropReason::AckTooOld), 200));
    assert_eq!(seen.sent, ack(500, 0));
}

/// "If the ACK acks something not yet sent, then send an ACK, drop the segment, and return" (fifth).
#[test]
fn an_acknowledgment_of_what_was_never_sent_costs_the_segment() {
    for scene in OPEN.into_iter().chain([Scene::Closing, Scene::LastAck, Scene::TimeWait]) {
        let mut rig = at(scene);
        let out = outstanding(&rig);
        let seen = arrives(&mut rig, FIN | ACK, 0, out + 1, 10);
        assert_eq!((seen.state, seen.verdict.refused), (scene.state(), Some(DropReason::AckOfUnsent)));
        assert_eq!((seen.verdict.store, seen.sent), (None, ack(out, 0)));
    }
}

/// "If the ACK bit is off, drop the segment and return" (fifth): text, FIN and URG with it.
#[test]
fn a_segment_without_ack_is_dropped() {
    for scene in OPEN {
        let seen = arrives(&mut at(scene), FIN | URG, 0, 0, 10);
        assert_eq!((seen.state, seen.verdict.refused), (scene.state(), Some(DropReason::NoAck)));
        assert_eq!((seen.sent.len(), seen.verdict.notices.urgent), (0, false));
    }
}

/// "RCV.WND is zero: special allowance should be made to accept valid ACKs, URGs" (first): the probe of a
/// closed window brings them, its octet stays out, and it is answered (§3.8.6.1).
#[test]
fn a_closed_window_takes_acknowledgment_and_urgent_pointer_and_no_octet() {
    let mut rig = at(Scene::EstablishedClosedWindow);
    let seen = arrives(&mut rig, ACK | URG, 0, 500, 1);
    assert_eq!((seen.verdict.refused, seen.verdict.store), (Some(DropReason::ZeroWindow), None));
    assert_eq!((seen.verdict.acked_to, seen.verdict.notices.urgent), (800, true));
    assert_eq!(seen.sent, ack(500, 0));
    // Even a FIN waits until the window opens.
    let seen = arrives(&mut rig, FIN | ACK, 0, 500, 0);
    assert_eq!((seen.state, seen.sent), (State::Established, ack(500, 0)));
}

/// "Segments with higher beginning sequence numbers SHOULD be held for later processing" (SHLD-31), FIN
/// included; RFC 5681 §4.2: acknowledge at once while there is a gap and when it is filled.
#[test]
fn a_fin_behind_a_gap_waits_until_the_gap_is_filled() {
    let mut rig = at(Scene::Established);
    let seen = arrives(&mut rig, FIN | ACK, 10, 0, 20);
    let sack = vec![(10, 30)];
    let held = vec![Sent { sack, ..ack(500, 0).remove(0) }];
    assert_eq!((seen.state, seen.sent), (State::Established, held));
    let seen = arrives(&mut rig, ACK, 0, 0, 10);
    assert_eq!((seen.state, seen.verdict.readable_to), (State::CloseWait, 230));
    assert_eq!(seen.sent, ack(500, 31));
}

/// Octets that are held already are a duplicate, and said to be one at once (RFC 2883 §4: the first block).
#[test]
fn octets_that_are_held_already_are_reported_as_a_duplicate() {
    let mut rig = at(Scene::Established);
    arrives(&mut rig, ACK, 10, 0, 20);
    let seen = arrives(&mut rig, ACK, 15, 0, 10);
    assert_eq!((seen.verdict.refused, seen.verdict.store), (Some(DropReason::Duplicate), None));
    let [sent] = &seen.sent[..] else { panic!("one ACK at once, not {:?}", seen.sent) };
    assert_eq!(sent.sack, [(15, 25), (10, 30)]);
}

/// "Retransmission of the remote FIN: acknowledge it, and restart the 2 MSL timeout" (fifth, TIME-WAIT).
#[test]
fn the_fin_again_in_time_wait_is_acknowledged_and_starts_the_wait_anew() {
    let mut rig = at(Scene::TimeWait);
    rig.pass(Duration::from_secs(100));
    let seen = arrives(&mut rig, FIN | ACK, -1, 0, 0);
    assert_eq!((seen.state, seen.sent), (State::TimeWait, ack(0, 0)));
    assert_eq!(rig.tcb.poll_timeout(), Some(rig.now + TWO_MSL));
    // Another segment does not.
    rig.pass(Duration::from_secs(100));
    arrives(&mut rig, ACK, 0, 0, 0);
    assert_eq!(rig.tcb.poll_timeout(), Some(rig.now + (TWO_MSL - Duration::from_secs(100))));
}

/// RFC 7323 §5.3 R1: an older timestamp makes an old duplicate, however well its numbers fit; §3.2: none at all
/// is dropped without an answer; §5.2: a reset is exempt from both.
#[test]
fn an_old_duplicate_is_known_by_its_timestamp() {
    let world = World { offer: Offer::Everything, ..WORLD };
    let cell = |kind: Kind, stamp| {
        let mut rig = Rig::new(Scene::Established, world);
        let meta = rig.meta(&kind.segment(0, Some(0), stamp));
        let seen = arrives_as(&mut rig, &meta);
        (seen.state, seen.verdict.refused, seen.sent.len())
    };
    let open = State::Established;
    assert_eq!(cell(Kind::Data, Stamp::Older), (open, Some(DropReason::OldTimestamp), 1));
    assert_eq!(cell(Kind::Data, Stamp::Missing), (open, Some(DropReason::TimestampMissing), 0));
    assert_eq!(cell(Kind::Data, Stamp::Same), (open, None, 0));
    assert_eq!(cell(Kind::Rst, Stamp::Older).0, State::Closed);
    assert_eq!(cell(Kind::Rst, Stamp::Missing).0, State::Closed);
}

/// RFC 7323 §5.5: after 24 days without a segment TS.Recent says nothing: the clock may have gone half around.
#[test]
fn after_24_days_of_silence_an_older_timestamp_is_believed() {
    for (days, refused) in [(23, Some(DropReason::OldTimestamp)), (25, None)] {
        let world = World { offer: Offer::Everything, ..WORLD };
        let mut rig = Rig::with(Scene::Established, world, |_| ());
        rig.talk();
        rig.now = rig.now + Duration::from_secs(days * 86_400);
        let meta = rig.meta(&Kind::Data.segment(0, Some(0), Stamp::Older));
        assert_eq!(arrives_as(&mut rig, &meta).verdict.refused, refused, "{days} days");
    }
}

/// §3.6.1, SHLD-3: data for a user who has closed and reads no more is lost: the peer is told by a reset. After
/// a half-close it is read as ever.
#[test]
fn data_after_the_user_let_go_draws_a_reset() {
    for scene in [Scene::FinWait1LetGo, Scene::FinWait2LetGo] {
        let mut rig = at(scene);
        let out = outstanding(&rig);
        let seen = arrives(&mut rig, ACK, 0, 0, 10);
        assert_eq!((seen.state, seen.verdict.notices.closed), (State::Closed, Some(CloseReason::Discarded)));
        assert_eq!(seen.verdict.refused, Some(DropReason::DataAfterClose));
        let [sent] = &seen.sent[..] else { panic!("one reset, not {:?}", seen.sent) };
        assert_eq!((sent.control, sent.seq), (RST | ACK, out));
    }
    let seen = arrives(&mut at(Scene::FinWait2), ACK, 0, 0, 10);
    assert_eq!((seen.state, seen.verdict.readable_to), (State::FinWait2, 210));
}

/// "If SND.WL1 < SEG.SEQ, or SND.WL1 = SEG.SEQ and SND.WL2 =< SEG.ACK, set SND.WND" (fifth): an older segment
/// that comes late does not bring its window back.
#[test]
fn an_old_segment_does_not_bring_its_window_back() {
    let mut rig = at(Scene::Established);
    let window = |rig: &mut Rig, at, acked, field| {
        let flags = ACK;
        let (seq, ack) = (moved(rig.rcv, at), moved(rig.una, acked));
        let meta = SegmentMeta { seq, ack, flags, window: field, ..SegmentMeta::default() };
        arrives_as(rig, &meta);
        rig.tcb.snd_wnd()
    };
    assert_eq!(window(&mut rig, 0, 200, 7_000), 28_000);
    assert_eq!(window(&mut rig, 0, 200, 7_500), 30_000, "the same numbers: a window update");
    assert_eq!(window(&mut rig, 0, 100, 8_000), 30_000, "the same number, an older acknowledgment");
    assert_eq!(window(&mut rig, 5, 300, 6_000), 24_000, "a later number");
    assert_eq!(window(&mut rig, 3, 400, 5_000), 24_000, "an earlier number, whatever it acknowledges");
}

/// In order, a small segment: the acknowledgment waits for company, for less than half a second (MUST-40).
#[test]
fn the_acknowledgment_of_one_small_segment_waits() {
    let mut rig = at(Scene::Established);
    assert_eq!(arrives(&mut rig, ACK, 0, 0, 10).sent, []);
    let due = rig.now + ACK_DELAY;
    assert_eq!(rig.tcb.poll_timeout(), Some(due));
    rig.tcb.on_timeout(due);
    let plans = drain(&mut rig.tcb, due);
    assert_eq!(plans.iter().map(|plan| as_sent(&rig, plan)).collect::<Vec<_>>(), ack(500, 10));
}

/// What the user wants sent rides on the acknowledgment ("should be piggybacked", seventh).
#[test]
fn an_acknowledgment_rides_on_data_that_waits() {
    let mut rig = Rig::with(Scene::Established, WORLD, |config| config.nagle = false);
    rig.talk();
    let meta = rig.meta(&Kind::Data.segment(0, Some(0), Stamp::Newer));
    rig.tcb.on_segment(rig.now, &meta);
    rig.queue(20);
    let plans = drain(&mut rig.tcb, rig.now);
    let [plan] = &plans[..] else { panic!("one segment, not {plans:?}") };
    assert_eq!((plan.meta.len, plan.meta.ack), (20, rig.rcv + 100));
}

/// After a timeout SND.NXT goes back (RFC 5681 §3.1), and what was sent before may still be acknowledged:
/// what counts is the highest number that was sent. An ACK, too, carries that number: the peer has it perhaps,
/// and would take a lower one for an old duplicate.
#[test]
fn after_a_timeout_the_highest_number_sent_counts_and_not_the_one_that_is_sent_again() {
    let mut rig = Rig::with(Scene::Established, WORLD, |_| ());
    rig.talk();
    rig.say(4_200);
    assert_eq!(outstanding(&rig), 4_200, "the window and the congestion window let it out");
    let timeout = rig.tcb.poll_timeout().expect("octets are outstanding");
    rig.pass(timeout - rig.now);
    let seen = arrives(&mut rig, ACK, -1, 0, 1);
    assert_eq!(seen.sent, ack(4_200, 0));
    let seen = arrives(&mut rig, ACK, 0, 4_201, 0);
    assert_eq!(seen.verdict.refused, Some(DropReason::AckOfUnsent));
    let seen = arrives(&mut rig, ACK, 0, 4_200, 0);
    assert_eq!((seen.verdict.refused, seen.verdict.acked_to), (None, 4_500));
    assert_eq!(seen.sent, [], "and nothing of it is sent again");
}
