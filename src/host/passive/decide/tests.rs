use core::time::Duration;

use super::super::testing::*;
use super::super::{ListenConfig, Outcome};
use super::*;
use crate::TcpFlags;

fn asking() -> (Side, ListenerId) {
    let mut side = Side::new(limits());
    let listener = side.listen("10.0.0.1:80", &ListenConfig { decide: true, ..ListenConfig::default() });
    assert!(matches!(side.segment(&peer(1), &syn()), Outcome::Taken));
    (side, listener)
}

#[test]
fn the_owner_is_asked_once_and_nothing_is_sent_before() {
    let (mut side, listener) = asking();
    let (who, request) = side.passive.poll_request().unwrap();
    assert_eq!((who, side.passive.request(request)), (listener, Some(&peer(1))));
    side.segment(&peer(1), &syn());
    assert_eq!((side.passive.poll_request(), side.replies().len()), (None, 0));
}

#[test]
fn an_accepted_caller_is_answered_and_the_connection_says_which_request_it_was() {
    let (mut side, _) = asking();
    let (_, request) = side.passive.poll_request().unwrap();
    assert_eq!(side.passive.decide(request, Decision::Later), Ok(None));
    side.now = at(700);
    assert_eq!(side.passive.decide(request, Decision::Accept), Ok(None));
    assert_eq!(side.passive.decide(request, Decision::Accept), Err(DecideError::Gone));
    let replies = side.replies();
    assert_eq!(replies.len(), 1);
    // The timer runs from when it was sent.
    assert_eq!(side.passive.first_deadline(), Some(at(1_700)));
    let promoted = side.promoted(&peer(1), &ack(&replies[0].meta));
    assert_eq!(promoted.request, Some(request));
}

/// RFC 9293 §3.10.7.1: as if nobody listened.
#[test]
fn a_refused_caller_gets_the_reset_of_a_closed_port() {
    let (mut side, _) = asking();
    let (_, request) = side.passive.poll_request().unwrap();
    let reply = side.passive.decide(request, Decision::Refuse).unwrap().unwrap();
    assert_eq!((Some(reply.meta), reply.tuple), (syn().reset_in_answer(), peer(1)));
    assert_eq!((side.passive.half_open(), side.replies().len()), (0, 0));
}

#[test]
fn a_dropped_caller_hears_nothing_and_may_ask_again() {
    let (mut side, _) = asking();
    let (_, request) = side.passive.poll_request().unwrap();
    assert_eq!(side.passive.decide(request, Decision::Drop), Ok(None));
    assert_eq!((side.passive.half_open(), side.replies().len()), (0, 0));
    side.segment(&peer(1), &syn());
    let (_, again) = side.passive.poll_request().unwrap();
    assert_ne!(again, request);
    assert_eq!(side.passive.decide(request, Decision::Accept), Err(DecideError::Gone));
}

#[test]
fn who_never_decides_loses_the_caller_at_r2() {
    let (mut side, _) = asking();
    let (_, request) = side.passive.poll_request().unwrap();
    side.now = side.passive.first_deadline().unwrap();
    assert_eq!(side.now - at(0), Duration::from_secs(180));
    side.passive.on_timeout(side.now);
    assert_eq!(side.passive.first_deadline(), None);
    assert_eq!(side.passive.decide(request, Decision::Accept), Err(DecideError::Gone));
}

#[test]
fn callers_who_are_not_decided_about_make_room_for_others_and_are_not_asked_about() {
    let mut side = Side::new(limits());
    side.listen("10.0.0.1:80", &ListenConfig { decide: true, half_open: 2, ..ListenConfig::default() });
    (0..100).for_each(|n| {
        side.segment(&peer(n), &syn());
    });
    let asked: alloc::vec::Vec<_> = core::iter::from_fn(|| side.passive.poll_request()).collect();
    assert_eq!(asked.len(), 2);
    assert_eq!(side.passive.request(asked[0].1), Some(&peer(98)));
}

#[test]
fn a_caller_who_hangs_up_is_gone() {
    let (mut side, _) = asking();
    let (_, request) = side.passive.poll_request().unwrap();
    let reset = crate::tcp::SegmentMeta { seq: syn().seq + 1, flags: TcpFlags::RST, ..syn() };
    side.segment(&peer(1), &reset);
    assert_eq!(side.passive.decide(request, Decision::Accept), Err(DecideError::Gone));
}
