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
fn forged_syns_do_not_take_a_connection_over() {
    let talk = Talk::open().a("P. 1 1 xhi").b(". 1 3").shift(50_000).a("S 0").shift(90_000).a("S 0").shift(0);
    let flow = talk.b(". 1 3").a("P. 3 1 xmore").b("P. 1 7 xx").a(". 7 2").flow();
    assert_eq!(anomalies(&flow), [(Anomaly::OutOfWindow, [6, 7].into())]);
    assert_eq!(states(&flow), ["ESTABLISHED", "ESTABLISHED"]);
}

#[test]
fn a_call_in_the_other_direction_after_a_refusal_is_a_new_flow() {
    let talk = Talk::new().a("S 0").b("R. 0 1").shift(500_000).b("S 0").a("S. 1000 1").b(". 1 1001");
    let flows = talk.flows();
    assert_eq!(flows.len(), 2);
    assert_eq!(flows[0].open, Open::Refused);
    assert_eq!((flows[1].open, flows[1].frames), (Open::ThreeWay, [2, 1]));
}

#[test]
fn the_tail_of_an_older_connection_is_told_from_a_new_call() {
    let flows = Talk::new().b("P. 5000 1 xtail").shift(100_000).a("S 0").b("S. 0 1").flows();
    assert_eq!(flows.iter().map(|flow| flow.frames).collect::<Vec<_>>(), [[1, 0], [1, 1]]);
}

#[test]
fn times_that_step_back_count_for_the_flow_they_belong_to() {
    let mut talk = Talk::new().wait(Duration::from_secs(5_000)).other();
    talk = talk.back_to_the_beginning().a("S 0").b("S. 0 1").a(". 1 1");
    assert_eq!(talk.flow().duration, Duration::from_millis(20));
}

#[test]
fn time_wait_ends_with_the_connection_that_takes_its_ports() {
    let talk =
        Talk::open().a("F. 1 1").b("F. 1 2").a(". 2 2").shift(99).a("S 0").wait(Duration::from_secs(300));
    assert_eq!(states(&talk.other().flows()[0]), ["TIME-WAIT", "CLOSED"]);
}

#[test]
fn the_round_trip_is_not_taken_from_a_repeated_handshake() {
    // RFC 6298 §3: the second SYN-ACK may be what the acknowledgment answers.
    let talk = Talk::new().a("S 0").b("S. 0 1").wait(Duration::from_secs(1)).b("S. 0 1").a(". 1 1");
    let flow = talk.a("P. 5 1 xbbbb").wait(Duration::from_millis(300)).a("P. 1 1 xaaaa").flow();
    assert!(anomalies(&flow).contains(&(Anomaly::Retransmission, [3, 6].into())));
}

#[test]
fn a_repeated_probe_of_a_closed_window_is_a_probe() {
    let talk =
        Talk::open().a("P. 1 1 xdata").b(". 1 5 w0").a(". 5 1 x!").b(". 1 5 w0").a(". 5 1 x!").b(". 1 5 w0");
    assert_eq!(
        anomalies(&talk.flow()),
        [(Anomaly::ZeroWindow, [5, 7, 9].into()), (Anomaly::WindowProbe, [6, 8].into()),]
    );
}

#[test]
fn a_late_repeat_after_the_close_truncates_nothing() {
    let talk = Talk::open().a("P. 1 1 xdata").b(". 1 5").a("F. 5 1").b("F. 1 6").a(". 6 2").a("P. 1 1 xdata");
    assert!(!talk.flow().stream[0].truncated);
}

#[test]
fn a_repeated_octet_of_a_probe_is_not_compared() {
    let flow = Talk::open().a("P. 1 1 xabc").b(". 1 3 w0").a("P. 3 1 xX").flow();
    assert_eq!(anomalies(&flow), [(Anomaly::ZeroWindow, [5].into()), (Anomaly::WindowProbe, [6].into())]);
    assert_eq!(flow.stream[0].conflict_bytes, 0);
}

#[test]
fn a_gap_is_lost_though_a_bogus_acknowledgment_covered_it() {
    let flow = Talk::open().a("P. 1 1 xaaaa").b(". 1 900").a("P. 9 1 xcccc").a("P. 5 1 xbbbb").flow();
    assert!(anomalies(&flow).contains(&(Anomaly::OutOfOrder, [7].into())));
}

#[test]
fn nothing_that_was_captured_is_lost_when_the_acknowledgments_are_not() {
    // A window of 1,000 octets, of which no acknowledgment is captured: data far beyond it is the sender's.
    let mut talk = Talk::open();
    let piece = std::string::String::from_utf8(std::vec![b'x'; 300]).unwrap();
    for (turn, at) in [1, 301, 901, 1201, 1501, 1801, 2101, 601, 2401, 2701].into_iter().enumerate() {
        talk = talk.wait(Duration::from_millis(if turn == 7 { 400 } else { 0 }));
        talk = talk.a(&std::format!("P. {at} 1 x{piece}"));
    }
    let flow = talk.b(". 1 3001").flow();
    assert_eq!((flow.stream[0].len, flow.stream[0].gaps.len()), (3_000, 0));
    assert_eq!(
        anomalies(&flow),
        [(Anomaly::Retransmission, [11].into()), (Anomaly::LostSegment, [6].into())]
    );
}

#[test]
fn a_call_that_waited_for_its_answer_is_let_go_of_as_well() {
    let talk = Talk::open().config(|config| config.forget_ended = true).shift(77_777).a("S 0");
    let talk = talk.wait(Duration::from_secs(8_000)).other().wait(Duration::from_secs(8_000)).other();
    assert_eq!(talk.flows_before_the_end().len(), 2);
}

#[test]
fn an_acknowledged_octet_that_may_be_a_fin_is_no_gap() {
    assert!(Talk::open().b(". 1 2").flow().stream[0].gaps.is_empty());
    assert_eq!(Talk::open().b(". 1 5").flow().stream[0].gaps, [(0, 3)]);
}

#[test]
fn payload_behind_a_fin_is_no_data() {
    let flow = Talk::open().a("F. 1 1").a("P. 2 1 xjunk").flow();
    assert_eq!((flow.stream[0].len, flow.stream[0].gaps.len()), (0, 0));
}

#[test]
fn silent_flows_are_let_go_of_where_flows_are_let_go_of() {
    let talk = Talk::open().config(|config| config.forget_ended = true);
    let busy = talk
        .clone()
        .wait(Duration::from_secs(7_000))
        .a("P. 1 1 xhi")
        .wait(Duration::from_secs(7_000))
        .other();
    assert_eq!(busy.flows_before_the_end().len(), 0, "2 hours and 4 minutes have not passed");
    let idle = talk.wait(Duration::from_secs(7_440)).other();
    assert_eq!(idle.flows_before_the_end().len(), 1);
    let called =
        Talk::new().config(|config| config.forget_ended = true).a("S 0").wait(Duration::from_secs(240));
    assert_eq!(
        called.other().flows_before_the_end().len(),
        1,
        "a call that nobody answers is given up sooner"
    );
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
fn a_new_window_makes_no_duplicate_ack_unless_it_reports_more_beyond_the_gap() {
    // b is at 7,000 + 1 = 0x1b59: blocks 0x1b5d..0x1b61, then 0x1b5d..0x1b65.
    let (one, more) = ("+050a00001b5d00001b610101", "+050a00001b5d00001b650101");
    let talk = Talk::open()
        .b("P. 1 1 xaaaa")
        .b("P. 5 1 xbbbb")
        .a(&std::format!(". 1 1 w900 {one}"))
        .a(&std::format!(". 1 1 w800 {one}"))
        .a(&std::format!(". 1 1 w700 {more}"));
    assert_eq!(anomalies(&talk.flow()), [(Anomaly::DuplicateAck, [6, 8].into())]);
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

#[cfg(feature = "tracing")]
#[test]
fn every_change_of_a_state_is_an_event() {
    let heard = crate::ear::hear(|| drop(Talk::new().a("S 0").b("S. 0 1").flow()));
    assert_eq!(heard.len(), 4, "{heard:?}");
    let last = "message=state flow=0 frame=2 end=\"b\" from=\"LISTEN\" to=\"SYN-RECEIVED\" ";
    assert_eq!(heard[3], last);
}

#[test]
fn a_flow_and_its_place_in_the_table_stay_under_a_kilobyte() {
    // What is left of a closed flow: this, a slot and its place in the index, and a few short lists.
    assert!(size_of::<super::flow::Flow>() <= 768, "{}", size_of::<super::flow::Flow>());
}
