//! Flows as a whole: what belongs to which, what is counted, what is forgotten.

use super::testing::{Talk, states};
use super::{Anomaly, Close, FlowReport, Open, Replay, ReplayConfig, SkipReason};
use crate::capture::Frame;
use crate::time::Instant;
use core::time::Duration;
use sha2::{Digest, Sha256};
use std::vec::Vec;

fn anomalies(report: &FlowReport) -> Vec<(Anomaly, Vec<u64>)> {
    report.anomalies.clone()
}

#[test]
fn counts_are_by_direction_and_repeats_count() {
    let talk = Talk::open().a("P. 1 1 xhello").a("P. 1 1 xhello").b("P. 1 6 xhi").a("F. 6 3").damaged();
    let flow = talk.flow();
    assert_eq!((flow.first_frame, flow.last_frame), (1, 7));
    assert_eq!(flow.frames, [5, 2]);
    assert_eq!(flow.payload_bytes, [10, 2]);
    assert_eq!((flow.syn, flow.fin, flow.rst), ([1, 1], [1, 0], [0, 0]));
    assert_eq!(flow.isn.map(|isn| isn.unwrap().get()), [u32::MAX - 3, 7_000]);
    assert_eq!(flow.duration, Duration::from_millis(60));
    assert_eq!(flow.stream[0].sha256, Some(Sha256::digest("hello").into()));
    assert_eq!(anomalies(&flow), [(Anomaly::Retransmission, [5].into()), (Anomaly::BadChecksum, [7].into())]);
}

#[test]
fn a_syn_after_a_close_begins_a_new_flow() {
    let talk = Talk::open().a("F. 1 1").b("F. 1 2").a(". 2 2").shift(9_999).a("S 0").b("S. 0 1").a(". 1 1");
    let flows = talk.flows();
    assert_eq!(flows.len(), 2);
    assert_eq!((flows[0].frames, flows[1].frames), ([4, 2], [2, 1]));
    assert_eq!(flows[1].flow, 1);
    assert_eq!(anomalies(&flows[1]), [(Anomaly::PortReuse, [7].into())]);
    assert_eq!(states(&flows[0]), ["TIME-WAIT", "CLOSED"]);
}

#[test]
fn a_syn_with_the_same_number_stays_in_its_flow() {
    let flow = Talk::open().a("R. 1 1").a("S 0").flow();
    assert_eq!(flow.syn, [2, 1]);
}

#[test]
fn an_answered_syn_on_an_open_connection_is_evident_port_reuse() {
    let talk = Talk::open().a("P. 1 1 xhello").shift(77_777).a("S 0").b("S. 0 1").a(". 1 1");
    let flows = talk.flows();
    assert_eq!(
        flows.iter().map(|flow| (flow.first_frame, flow.frames)).collect::<Vec<_>>(),
        [(1, [3, 1]), (5, [2, 1])]
    );
    assert_eq!(flows[1].open, Open::ThreeWay);
}

#[test]
fn a_refused_syn_on_an_open_connection_is_evident_port_reuse() {
    let flows = Talk::open().shift(77_777).a("S 0").b("R. 0 1").flows();
    assert_eq!(flows.len(), 2);
    assert_eq!(flows[1].open, Open::Refused);
}

#[test]
fn a_stray_syn_on_an_open_connection_does_not_end_it() {
    // RFC 5961 §4: the answer is a challenge, and the connection goes on.
    let talk = Talk::open().shift(5_000).a("S 0").shift(0).b(". 1 1").a("P. 1 1 xhello").b(". 1 6");
    let flow = talk.flow();
    assert_eq!(flow.frames, [4, 3]);
    assert_eq!(anomalies(&flow), [(Anomaly::OutOfWindow, [4].into())]);
    assert_eq!(states(&flow), ["ESTABLISHED", "ESTABLISHED"]);
    assert_eq!(flow.stream[0].len, 5);
}

#[test]
fn a_syn_that_nobody_answers_before_the_capture_ends_is_a_new_flow() {
    let flows = Talk::open().shift(77_777).a("S 0").flows();
    assert_eq!(flows.len(), 2);
    assert_eq!(flows[1].open, Open::HalfOpen);
}

#[test]
fn a_syn_repeated_on_an_open_connection_is_a_new_flow() {
    let flows = Talk::open().shift(77_777).a("S 0").a("S 0").flows();
    assert_eq!(flows.iter().map(|flow| flow.syn).collect::<Vec<_>>(), [[1, 1], [2, 0]]);
}

#[test]
fn calls_with_new_numbers_that_nobody_answers_are_flows_of_their_own() {
    let flows = Talk::new().a("S 0").shift(1_000).a("S 0").shift(2_000).a("S 0").flows();
    assert_eq!(flows.len(), 3);
}

#[test]
fn data_after_a_reset_stays_in_the_flow() {
    let flow = Talk::open().b("R. 1 1").a("P. 1 1 xlate").b("R 1").flow();
    assert_eq!(flow.close, Close::Reset);
    assert_eq!(states(&flow), ["CLOSED", "CLOSED"]);
    assert_eq!(flow.stream[0].len, 4);
}

#[test]
fn duplicate_acks_need_outstanding_data_and_nothing_else_new() {
    let talk = Talk::open()
        .b("P. 1 1 xaaaa")
        .b("P. 5 1 xbbbb")
        .a(". 1 5")
        .a(". 1 5")
        .a(". 1 5 w2000")
        .a("P. 1 5 xdata w2000")
        .a(". 5 9 w2000")
        .a(". 5 9 w2000");
    assert_eq!(anomalies(&talk.flow()), [(Anomaly::DuplicateAck, [7].into())]);
}

#[test]
fn a_gap_is_named_at_the_frame_after_it_and_again_when_it_proves_to_be_the_captures() {
    let flow = Talk::open().a("P. 5 1 xbbbb").b(". 1 9").flow();
    assert_eq!(anomalies(&flow), [(Anomaly::LostSegment, [4].into()), (Anomaly::NotCaptured, [5].into())]);
    assert_eq!(flow.stream[0].gaps, [(0, 4)]);
}

#[test]
fn a_closed_window_and_its_probes_are_told_from_keepalives() {
    let talk = Talk::open()
        .a("P. 1 1 xdata")
        .b(". 1 5 w0")
        .a(". 4 1")
        .b(". 1 5 w0")
        .b(". 1 5 w1000")
        .a(". 4 1")
        .b(". 1 5");
    assert_eq!(
        anomalies(&talk.flow()),
        [
            (Anomaly::ZeroWindow, [5, 7].into()),
            (Anomaly::WindowProbe, [6].into()),
            (Anomaly::Keepalive, [9].into()),
        ]
    );
}

#[test]
fn a_keepalives_octet_is_not_compared_with_data() {
    let flow = Talk::open().a("P. 1 1 xdata").b(". 1 5").a(". 4 1 x?").flow();
    assert_eq!(anomalies(&flow), [(Anomaly::Keepalive, [6].into())]);
    assert_eq!(flow.stream[0].conflict_bytes, 0);
}

#[test]
fn a_repeat_that_differs_is_an_overlap_and_the_first_copy_wins() {
    let flow = Talk::open().a("P. 1 1 xgood").a("P. 1 1 xevil").flow();
    assert_eq!(anomalies(&flow), [(Anomaly::Retransmission, [5].into()), (Anomaly::Overlap, [5].into())]);
    assert_eq!(flow.stream[0].conflict_bytes, 4);
    assert_eq!(flow.stream[0].sha256, Some(Sha256::digest("good").into()));
}

#[test]
fn a_segment_from_nowhere_disturbs_nothing() {
    let flow = Talk::open().a("P. 2000000000 1 xwild").a("P. 1 1 xdata").b(". 1 5").flow();
    assert_eq!(anomalies(&flow), [(Anomaly::OutOfWindow, [4].into())]);
    assert_eq!(flow.stream[0].sha256, Some(Sha256::digest("data").into()));
}

#[test]
fn flows_that_have_ended_are_given_and_forgotten_when_that_is_asked_for() {
    let talk = Talk::open()
        .config(|config| config.forget_ended = true)
        .a("F. 1 1")
        .b("F. 1 2")
        .a(". 2 2")
        .wait(Duration::from_secs(300))
        .other()
        .shift(12_345)
        .a("S 0");
    let flows = talk.flows();
    assert_eq!(flows.iter().map(|flow| flow.flow).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(states(&flows[0]), ["CLOSED", "CLOSED"]);
    assert!(anomalies(&flows[1]).is_empty(), "nobody remembers the ports");
}

#[test]
fn a_flow_that_lost_its_ports_is_let_go_of_though_it_never_closed() {
    let talk = Talk::open()
        .config(|config| config.forget_ended = true)
        .shift(9)
        .a("S 0")
        .b("S. 0 1")
        .wait(Duration::from_secs(300))
        .a(". 1 1");
    let flows = talk.flows();
    assert_eq!(flows.iter().map(|flow| flow.frames).collect::<Vec<_>>(), [[2, 1], [2, 1]]);
}

#[test]
fn a_connection_to_oneself_is_one_flow() {
    // The same socket at both ends: a simultaneous open with oneself.
    let mut replay = Replay::new(ReplayConfig::default());
    let mut packet = std::vec![0; 40];
    packet[..4].copy_from_slice(&[0x45, 0, 0, 40]);
    packet[8..10].copy_from_slice(&[64, 6]);
    packet[12..20].copy_from_slice(&[127, 0, 0, 1, 127, 0, 0, 1]);
    packet[32] = 0x50;
    packet[33] = 2;
    for number in 1..4 {
        let frame = Frame { number, time: Instant::ZERO, dlt: 228, data: &packet, wire_len: 40 };
        replay.frame(&frame).unwrap();
    }
    let mut finished = replay.finish().unwrap();
    assert_eq!(finished.next_flow().unwrap().unwrap().frames, [3, 0]);
    assert!(finished.next_flow().unwrap().is_none());
}

#[test]
fn every_frame_is_in_a_flow_or_has_a_reason_why_not() {
    let mut replay = Replay::new(ReplayConfig::default());
    let frames: [(u32, &[u8]); 5] = [
        (147, b"??"),
        (1, &[0; 5]),
        (1, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 6]),
        (228, &[0x45]),
        (228, &[0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]),
    ];
    for (index, (dlt, data)) in frames.into_iter().enumerate() {
        let frame =
            Frame { number: index as u64 + 1, time: Instant::ZERO, dlt, data, wire_len: data.len() as u32 };
        replay.frame(&frame).unwrap();
    }
    let summary = replay.finish().unwrap().summary;
    let reasons: Vec<_> = summary.skipped.iter().map(|(reason, count)| (*reason, *count)).collect();
    assert_eq!(
        reasons,
        [
            (SkipReason::UnsupportedLink, 1),
            (SkipReason::BadLinkHeader, 1),
            (SkipReason::NotIp, 1),
            (SkipReason::BadIpHeader, 1),
            (SkipReason::NotTcp, 1),
        ]
    );
    assert_eq!((summary.frames, summary.flows), (5, 0));
}
