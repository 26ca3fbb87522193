//! Delicate cells by hand: resets.

use tcpstate::tcp::{CloseReason, DropReason};
use tcpstate::{Event, State};

use super::{ACK, ALL, OPEN, RST, SYN, ack, arrives, at, outstanding};
use crate::rig::Scene;

/// "RST bit set, and the sequence number exactly matches RCV.NXT: reset the connection" (§3.10.7.4, second,
/// 2)), and below it what that means in each state.
#[test]
fn a_reset_at_rcv_nxt_closes() {
    for scene in OPEN.into_iter().chain([Scene::Closing, Scene::LastAck]) {
        let seen = arrives(&mut at(scene), RST, 0, 0, 0);
        assert_eq!((seen.state, seen.verdict.notices.closed), (State::Closed, Some(CloseReason::Reset)));
        assert_eq!(seen.sent, [], "a reset is not answered");
    }
    // All was said and acknowledged: for the user the connection has ended well.
    let seen = arrives(&mut at(Scene::TimeWaitWithResets), RST, 0, 0, 0);
    assert_eq!((seen.state, seen.verdict.notices.closed), (State::Closed, Some(CloseReason::Closed)));
}

/// "In the window, but not exactly RCV.NXT: send a challenge ACK, drop the segment" (second, 3)).
#[test]
fn a_reset_inside_the_window_is_challenged_in_every_state() {
    for scene in ALL {
        let mut rig = at(scene);
        let seen = arrives(&mut rig, RST, 1, 0, 0);
        assert_eq!((seen.state, seen.verdict.refused), (scene.state(), Some(DropReason::ResetNotExact)));
        assert_eq!(seen.sent, ack(outstanding(&rig), 0), "{}", scene.name());
    }
}

/// "Outside the window: silently drop the segment" (second, 1)). The right edge is outside.
#[test]
fn a_reset_outside_the_window_is_dropped_without_a_word() {
    for scene in ALL {
        let right = at(scene).window();
        for place in [-1, right, right + 1, -100_000] {
            let seen = arrives(&mut at(scene), RST, place, 0, 0);
            let refused = Some(DropReason::ResetOutsideWindow);
            assert_eq!((seen.state, seen.verdict.refused), (scene.state(), refused));
            assert_eq!(seen.sent, []);
        }
    }
}

/// The reset is checked second and the acknowledgment fifth: one that acknowledges what was never sent closes
/// all the same. Text in a reset changes nothing (SHLD-2).
#[test]
fn a_reset_counts_whatever_it_acknowledges_and_carries() {
    for (control, acked, text) in [(RST | ACK, 5_000, 0), (RST | ACK, -90_000, 0), (RST, 0, 40)] {
        let seen = arrives(&mut at(Scene::Established), control, 0, acked, text);
        assert_eq!((seen.state, seen.sent.len()), (State::Closed, 0));
    }
}

/// "RCV.WND zero: special allowance for valid RSTs" (first; MUST-66), text or not.
#[test]
fn a_reset_counts_when_the_window_is_closed() {
    for text in [0, 1, 40] {
        let seen = arrives(&mut at(Scene::EstablishedClosedWindow), RST, 0, 0, text);
        assert_eq!(seen.state, State::Closed);
        let seen = arrives(&mut at(Scene::EstablishedClosedWindow), RST, 1, 0, text);
        assert_eq!(seen.verdict.refused, Some(DropReason::ResetOutsideWindow));
    }
}

/// "Passive OPEN: return to LISTEN, the user need not be informed. Active OPEN: connection refused" (second).
#[test]
fn a_reset_in_syn_received_goes_back_to_where_it_came_from() {
    let seen = arrives(&mut at(Scene::SynReceivedPassive), RST, 0, 0, 0);
    assert_eq!(seen.transitions, [(Event::BackToListen, State::Listen)]);
    assert_eq!(seen.verdict.notices.closed, None);
    let seen = arrives(&mut at(Scene::SynReceivedActive), RST, 0, 0, 0);
    assert_eq!((seen.state, seen.verdict.notices.closed), (State::Closed, Some(CloseReason::Refused)));
}

/// "If the ACK was acceptable, enter CLOSED; otherwise (no ACK), drop" (§3.10.7.3, second), and before it: an
/// unacceptable ACK with RST is dropped and not answered (first).
// RFC 5961-14
#[test]
fn a_reset_in_syn_sent_has_to_acknowledge_the_syn() {
    let seen = arrives(&mut at(Scene::SynSent), RST | ACK, 77, 1, 0);
    assert_eq!((seen.state, seen.verdict.notices.closed), (State::Closed, Some(CloseReason::Refused)));
    for (control, acked) in [(RST, 0), (RST | ACK, 0), (RST | ACK, 2)] {
        let seen = arrives(&mut at(Scene::SynSent), control, 77, acked, 0);
        assert_eq!((seen.state, seen.sent.len()), (State::SynSent, 0));
    }
}

/// "An incoming RST should be ignored" (§3.10.7.2, first), with an ACK too.
#[test]
fn a_reset_in_listen_is_ignored() {
    for control in [RST, RST | ACK, RST | SYN] {
        let seen = arrives(&mut at(Scene::Listen), control, 0, 0, 0);
        assert_eq!((seen.state, seen.sent.len()), (State::Listen, 0));
        assert_eq!(seen.verdict.refused, Some(DropReason::ResetInListen));
    }
}

/// RFC 1337 §3 fix (F1): TIME-WAIT ignores resets, so that old segments cannot come into a new connection.
#[test]
fn a_reset_does_not_assassinate_time_wait() {
    let mut rig = at(Scene::TimeWait);
    let timer = rig.tcb.poll_timeout();
    let seen = arrives(&mut rig, RST, 0, 0, 0);
    assert_eq!((seen.state, seen.verdict.refused), (State::TimeWait, Some(DropReason::ResetInTimeWait)));
    assert_eq!(rig.tcb.poll_timeout(), timer);
}
