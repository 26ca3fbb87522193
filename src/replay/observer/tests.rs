//! What an observer may say, case by case.

use crate::replay::testing::{Talk, states, transitions};
use crate::replay::{Close, Open};
use core::time::Duration;

const HANDSHAKE: [&str; 4] = ["1 a SYN-SENT", "2 b SYN-RECEIVED", "2 a ESTABLISHED", "3 b ESTABLISHED"];

#[track_caller]
fn told(talk: &Talk, after_the_handshake: &[&str]) {
    let told = transitions(&talk.flow());
    assert_eq!(told[..4], HANDSHAKE);
    assert_eq!(told[4..], *after_the_handshake);
}

#[test]
fn a_syn_moves_its_receiver_only_when_it_is_answered() {
    let talk = Talk::new().a("S 0");
    assert_eq!(states(&talk.flow()), ["SYN-SENT", "LISTEN"]);
    let talk = talk.b("S. 0 1");
    assert_eq!(states(&talk.flow()), ["ESTABLISHED", "SYN-RECEIVED"]);
    let talk = talk.a(". 1 1");
    assert_eq!(states(&talk.flow()), ["ESTABLISHED", "ESTABLISHED"]);
    told(&talk, &[]);
}

#[test]
fn a_four_way_close_by_a_leaves_a_in_time_wait() {
    let talk = Talk::open().a("F. 1 1").b(". 1 2").b("F. 1 2").a(". 2 2");
    told(
        &talk,
        &[
            "4 a FIN-WAIT-1",
            "4 b CLOSE-WAIT",
            "5 a FIN-WAIT-2",
            "6 b LAST-ACK",
            "6 a TIME-WAIT",
            "7 b CLOSED",
        ],
    );
    assert_eq!(talk.flow().close, Close::FourWay);
}

#[test]
fn a_three_way_close_acknowledges_the_first_fin_with_the_second() {
    let talk = Talk::open().a("F. 1 1").b("F. 1 2").a(". 2 2");
    told(
        &talk,
        &[
            "4 a FIN-WAIT-1",
            "4 b CLOSE-WAIT",
            "5 b LAST-ACK",
            "5 a FIN-WAIT-2",
            "5 a TIME-WAIT",
            "6 b CLOSED",
        ],
    );
    assert_eq!(talk.flow().close, Close::ThreeWay);
}

#[test]
fn crossing_fins_are_a_simultaneous_close_and_take_back_close_wait() {
    let talk = Talk::open().a("F. 1 1").b("F. 1 1").a(". 2 2").b(". 2 2");
    told(
        &talk,
        &["4 a FIN-WAIT-1", "5 b FIN-WAIT-1", "5 a CLOSING", "5 b CLOSING", "6 b TIME-WAIT", "7 a TIME-WAIT"],
    );
    assert_eq!(talk.flow().close, Close::Simultaneous);
}

#[test]
fn half_a_close_is_half_closed() {
    let talk = Talk::open().a("F. 1 1").b("P. 1 2 xmore").a(". 2 5");
    told(&talk, &["4 a FIN-WAIT-1", "4 b CLOSE-WAIT", "5 a FIN-WAIT-2"]);
    assert_eq!(talk.flow().close, Close::HalfClosed);
}

#[test]
fn a_repeated_fin_shows_that_the_first_was_lost() {
    let talk = Talk::open().a("F. 1 1").a("F. 1 1").b(". 1 2");
    told(&talk, &["4 a FIN-WAIT-1", "5 b CLOSE-WAIT", "6 a FIN-WAIT-2"]);
}

#[test]
fn a_fin_repeated_after_its_acknowledgment_shows_that_the_acknowledgment_was_lost() {
    let talk = Talk::open().a("F. 1 1").b(". 1 2").a("F. 1 1").b(". 1 2");
    told(&talk, &["4 a FIN-WAIT-1", "4 b CLOSE-WAIT", "7 a FIN-WAIT-2"]);
}

#[test]
fn a_lost_answer_that_carried_acknowledgment_and_fin_takes_both_back() {
    let talk = Talk::open().a("F. 1 1").b("F. 1 2").a("F. 1 1").b("F. 1 2").a(". 2 2");
    told(
        &talk,
        &[
            "4 a FIN-WAIT-1",
            "4 b CLOSE-WAIT",
            "5 b LAST-ACK",
            "7 a FIN-WAIT-2",
            "7 a TIME-WAIT",
            "8 b CLOSED",
        ],
    );
}

#[test]
fn after_a_lost_fin_a_bare_acknowledgment_does_not_bring_it() {
    let talk = Talk::open().a("F. 1 1").b("F. 1 2").a("F. 1 1").b(". 2 2");
    told(&talk, &["4 a FIN-WAIT-1", "4 b CLOSE-WAIT", "5 b LAST-ACK", "7 a FIN-WAIT-2"]);
}

#[test]
fn a_fin_behind_lost_data_counts_when_the_data_comes() {
    let talk = Talk::open().a("P. 1 1 xdata").a("F. 5 1").b(". 1 1").a("P. 1 1 xdata").b(". 1 6");
    told(&talk, &["5 a FIN-WAIT-1", "7 b CLOSE-WAIT", "8 a FIN-WAIT-2"]);
}

/// Who sends its FIN again and does not acknowledge the peer's lacks the peer's FIN, or something before it.
#[test]
fn a_fin_behind_lost_data_counts_when_the_data_comes_after_crossing_fins_too() {
    let talk = Talk::open().a("F. 1 1").b(". 1 1 xdata").b("F. 5 1").a("F. 1 1");
    let talk = talk.b(". 1 1 xdata").b(". 6 2").a(". 2 6");
    told(
        &talk,
        &[
            "4 a FIN-WAIT-1",
            "6 b FIN-WAIT-1",
            "7 b CLOSING",
            "8 a CLOSING",
            "9 a TIME-WAIT",
            "10 b TIME-WAIT",
        ],
    );
}

#[test]
fn a_fin_that_overtook_data_in_the_capture_counts_when_the_data_comes() {
    let talk = Talk::open().a("F. 5 1").a("P. 1 1 xdata").b(". 1 6");
    told(&talk, &["4 a FIN-WAIT-1", "5 b CLOSE-WAIT", "6 a FIN-WAIT-2"]);
}

#[test]
fn a_repeated_syn_shows_that_the_answer_was_lost() {
    let talk = Talk::new().a("S 0").b("S. 0 1").a("S 0").b("S. 0 1").a(". 1 1");
    let expected = ["1 a SYN-SENT", "2 b SYN-RECEIVED", "4 a ESTABLISHED", "5 b ESTABLISHED"];
    assert_eq!(transitions(&talk.flow()), expected);
}

#[test]
fn a_repeated_syn_ack_shows_that_the_acknowledgment_was_lost() {
    let talk = Talk::open().b("S. 0 1").a(". 1 1");
    let expected = ["1 a SYN-SENT", "2 b SYN-RECEIVED", "2 a ESTABLISHED", "5 b ESTABLISHED"];
    assert_eq!(transitions(&talk.flow()), expected);
}

/// RFC 9293 §3.10.4, CLOSE in SYN-RECEIVED with nothing to send.
#[test]
fn an_end_may_close_before_its_syn_is_acknowledged() {
    let talk = Talk::new().a("S 0").b("S. 0 1").b("F. 1 1").a(". 1 1").a(". 1 2");
    let told = ["1 a SYN-SENT", "2 b SYN-RECEIVED", "2 a ESTABLISHED", "3 b FIN-WAIT-1", "3 a CLOSE-WAIT"];
    assert_eq!(transitions(&talk.flow())[..5], told);
    assert_eq!(transitions(&talk.flow())[5..], ["5 b FIN-WAIT-2"]);
}

#[test]
fn a_repeated_syn_ack_shows_that_a_fin_had_not_arrived_either() {
    let talk = Talk::new().a("S 0").b("S. 0 1").a("F. 1 1").b("S. 0 1").b(". 1 2");
    let told = transitions(&talk.flow());
    assert_eq!(told[..3], HANDSHAKE[..3]);
    assert_eq!(told[3..], ["3 a FIN-WAIT-1", "5 b ESTABLISHED", "5 b CLOSE-WAIT", "5 a FIN-WAIT-2"]);
}

#[test]
fn an_end_may_close_before_its_syn_is_acknowledged_when_both_call() {
    let talk = Talk::new().a("S 0").b("S 0").b("S. 0 1").b("F. 1 1").a("S. 0 1").a(". 1 2");
    assert_eq!(
        transitions(&talk.flow()),
        [
            "1 a SYN-SENT",
            "2 b SYN-SENT",
            "3 b SYN-RECEIVED",
            "4 b FIN-WAIT-1",
            "5 a SYN-RECEIVED",
            "5 a ESTABLISHED",
            "5 a CLOSE-WAIT",
            "6 b FIN-WAIT-2",
        ]
    );
}

#[test]
fn data_acknowledges_a_syn_as_well() {
    let talk = Talk::new().a("S 0").b("S. 0 1").a("P. 1 1 xhello");
    told(&talk, &[]);
    assert_eq!(talk.flow().open, Open::ThreeWay);
}

#[test]
fn a_simultaneous_open_goes_through_syn_received_on_both_sides() {
    let talk = Talk::new().a("S 0").b("S 0").a("S. 0 1").b("S. 0 1");
    let expected = [
        "1 a SYN-SENT",
        "2 b SYN-SENT",
        "3 a SYN-RECEIVED",
        "4 b SYN-RECEIVED",
        "4 a ESTABLISHED",
        "4 b ESTABLISHED",
    ];
    assert_eq!(transitions(&talk.flow()), expected);
    assert_eq!(talk.flow().open, Open::Simultaneous);
}

#[test]
fn a_split_handshake_has_two_syns_and_one_answer() {
    let talk = Talk::new().a("S 0").b("S 0").a("S. 0 1").b(". 1 1");
    let expected = ["1 a SYN-SENT", "2 b SYN-SENT", "3 a SYN-RECEIVED", "3 b ESTABLISHED", "4 a ESTABLISHED"];
    assert_eq!(transitions(&talk.flow()), expected);
    assert_eq!(talk.flow().open, Open::Split);
}

#[test]
fn a_refused_call_shows_that_nobody_listened() {
    let talk = Talk::new().a("S 0").b("R. 0 1");
    assert_eq!(transitions(&talk.flow()), ["1 a SYN-SENT", "2 b CLOSED", "2 a CLOSED"]);
    assert_eq!((talk.flow().open, talk.flow().close), (Open::Refused, Close::None));
}

#[test]
fn a_reset_that_does_not_acknowledge_the_syn_is_not_heeded() {
    let talk = Talk::new().a("S 0").b("R. 1 0").b("S. 0 1").a(". 1 1");
    let expected = ["1 a SYN-SENT", "3 b SYN-RECEIVED", "3 a ESTABLISHED", "4 b ESTABLISHED"];
    assert_eq!(transitions(&talk.flow()), expected, "and its sender, who goes on, never gave up");
    assert_eq!(talk.flow().close, Close::None);
}

#[test]
fn a_call_repeated_after_a_reset_was_not_refused_yet() {
    let refused = Talk::new().a("S 0").b("R. 0 1");
    let at_once = refused.clone().a("S 0").b("R. 0 1");
    assert_eq!(
        transitions(&at_once.flow()),
        ["1 a SYN-SENT", "2 b CLOSED", "2 a CLOSED"],
        "it was on its way"
    );
    let later = refused.wait(Duration::from_secs(3)).a("S 0").b("R. 0 1");
    assert_eq!(transitions(&later.flow()), ["1 a SYN-SENT", "2 b CLOSED", "4 a CLOSED"]);
}

#[test]
fn a_reset_closes_both_ends() {
    let talk = Talk::open().a("R. 1 1");
    told(&talk, &["4 a CLOSED", "4 b CLOSED"]);
    assert_eq!(talk.flow().close, Close::Reset);
}

#[test]
fn a_forged_reset_is_refuted_by_the_one_who_goes_on() {
    let talk = Talk::open().a("R. 1 1").a("P. 1 1 xstill").b(". 1 6");
    told(&talk, &[]);
    assert_eq!(talk.flow().close, Close::None);
}

#[test]
fn an_old_reset_closes_only_its_sender() {
    let talk = Talk::open().a("P. 1 1 xdata").b(". 1 5").a("R. 2 1");
    assert_eq!(states(&talk.flow())[1], "ESTABLISHED");
}

#[test]
fn a_reset_of_a_half_open_connection_leaves_the_listener() {
    let talk = Talk::new().a("S 0").b("S. 0 1").a("R 1");
    assert_eq!(states(&talk.flow()), ["CLOSED", "LISTEN"]);
    assert_eq!((talk.flow().open, talk.flow().close), (Open::HalfOpen, Close::Reset));
}

#[test]
fn a_reset_after_a_whole_close_is_no_reset() {
    let talk = Talk::open().a("F. 1 1").b("F. 1 2").a(". 2 2").a("R 2");
    assert_eq!(talk.flow().close, Close::ThreeWay);
    assert_eq!(states(&talk.flow()), ["CLOSED", "CLOSED"]);
}

#[test]
fn time_wait_ends_when_capture_time_has_passed_twice_the_msl() {
    let closed = Talk::open().a("F. 1 1").b("F. 1 2").a(". 2 2");
    // TIME-WAIT began with frame 5, 20 ms before.
    let still = closed.clone().wait(Duration::from_millis(239_979)).other();
    assert_eq!(states(&still.flow()), ["TIME-WAIT", "CLOSED"]);
    let over = closed.wait(Duration::from_millis(239_980)).other();
    assert_eq!(states(&over.flow()), ["CLOSED", "CLOSED"]);
    assert_eq!(transitions(&over.flow()).last().unwrap(), "7 a CLOSED");
}

#[test]
fn a_repeated_fin_begins_time_wait_again() {
    let talk = Talk::open()
        .a("F. 1 1")
        .b("F. 1 2")
        .a(". 2 2")
        .wait(Duration::from_secs(200))
        .b("F. 1 2")
        .wait(Duration::from_secs(200))
        .other();
    assert_eq!(states(&talk.flow())[0], "TIME-WAIT");
}

#[test]
fn in_the_middle_of_a_stream_data_both_ways_shows_that_both_are_established() {
    let talk = Talk::new().a("P. 100 100 xhello");
    assert_eq!(states(&talk.flow()), ["unknown", "unknown"], "a may be in CLOSE-WAIT");
    let talk = talk.b("P. 100 105 xhello");
    assert_eq!(
        states(&talk.flow()),
        ["unknown", "unknown"],
        "both may be repeating what was sent before a FIN"
    );
    let talk = talk.a("P. 105 105 xmore").b(". 105 109");
    assert_eq!(
        transitions(&talk.flow()),
        ["4 a ESTABLISHED", "4 b ESTABLISHED"],
        "b's data ends without a FIN"
    );
    assert_eq!(talk.flow().open, Open::Midstream);
    let talk = talk.a("F. 109 105");
    assert_eq!(states(&talk.flow()), ["FIN-WAIT-1", "CLOSE-WAIT"]);
}

#[test]
fn in_the_middle_of_a_stream_acknowledgments_alone_show_nothing() {
    let talk = Talk::new().a(". 100 100").b(". 100 100").a(". 100 100");
    assert_eq!(states(&talk.flow()), ["unknown", "unknown"]);
    assert!(transitions(&talk.flow()).is_empty());
}

#[test]
fn in_the_middle_of_a_stream_both_fins_make_the_states_known() {
    let talk = Talk::new().a("F. 100 100").b("F. 100 101").a(". 101 101");
    assert_eq!(states(&talk.flow()), ["TIME-WAIT", "CLOSED"]);
}

#[test]
fn an_answer_whose_call_was_not_captured_shows_both_states() {
    let talk = Talk::new().a("S. 0 1").b(". 1 1");
    let expected = ["1 b SYN-SENT", "1 a SYN-RECEIVED", "1 b ESTABLISHED", "2 a ESTABLISHED"];
    assert_eq!(transitions(&talk.flow()), expected);
    assert_eq!(talk.flow().open, Open::Midstream);
}

#[test]
fn a_call_that_the_capture_has_after_its_answer_is_put_before_it() {
    let talk = Talk::new().a("S. 0 1").b("S 0").b(". 1 1");
    let expected = ["1 b SYN-SENT", "1 a SYN-RECEIVED", "1 b ESTABLISHED", "3 a ESTABLISHED"];
    assert_eq!(transitions(&talk.flow()), expected);
    assert_eq!(talk.flow().open, Open::ThreeWay);
}

#[test]
fn an_end_that_is_never_captured_is_unknown_once_the_other_goes_on() {
    let talk = Talk::new().a("S 0");
    assert_eq!(states(&talk.flow()), ["SYN-SENT", "LISTEN"]);
    let talk = talk.a(". 1 1").a("P. 1 1 xhello");
    assert_eq!(transitions(&talk.flow()), ["1 a SYN-SENT", "2 a ESTABLISHED", "2 b unknown"]);
    let closed = talk.clone().a("F. 6 1");
    assert_eq!(states(&closed.flow()), ["unknown", "unknown"], "nobody sees whether the FIN is acknowledged");
    let talk = talk.a(". 6 300");
    assert_eq!(states(&talk.flow()), ["unknown", "unknown"], "there may have been a FIN in it");
}

#[test]
fn a_caller_that_is_never_captured_is_unknown_once_the_other_goes_on() {
    let talk = Talk::new().b("S. 0 1");
    assert_eq!(states(&talk.flow()), ["SYN-RECEIVED", "ESTABLISHED"]);
    let talk = talk.b("P. 1 1 xhello");
    assert_eq!(states(&talk.flow()), ["ESTABLISHED", "unknown"]);
}

#[test]
fn a_fin_behind_a_gap_of_the_capture_counts_when_the_gap_was_acknowledged() {
    let talk = Talk::open().b(". 1 300").a("F. 300 1").b("F. 1 300");
    assert_eq!(states(&talk.flow()), ["CLOSING", "CLOSING"]);
}

#[test]
fn a_number_that_runs_ahead_may_have_been_a_fin() {
    let talk = Talk::open().b("F. 1 1").a(". 2 2");
    assert_eq!(states(&talk.flow()), ["unknown", "unknown"]);
}

#[test]
fn a_fin_of_an_end_whose_answer_was_not_captured_counts() {
    let talk = Talk::new().a("S 0").b("F. 1 1").a(". 1 2");
    assert_eq!(states(&talk.flow()), ["CLOSE-WAIT", "FIN-WAIT-2"]);
}

#[test]
fn an_acknowledgment_that_opens_may_cover_an_unseen_fin() {
    let talk = Talk::new().a("S 0").b("S. 0 1").a(". 1 2");
    assert_eq!(states(&talk.flow()), ["unknown", "unknown"]);
}

#[test]
fn a_fin_that_was_not_captured_is_not_denied_by_an_empty_segment() {
    let talk = Talk::open().b(". 1 2").b("P. 1 2 xdata").a(". 2 5");
    assert_eq!(states(&talk.flow()), ["unknown", "unknown"]);
}

#[test]
fn who_answers_data_has_got_the_acknowledgment_of_its_syn() {
    let talk = Talk::open().a("P. 1 1 xhello").b("S. 0 1").b(". 1 6");
    assert_eq!(states(&talk.flow()), ["ESTABLISHED", "ESTABLISHED"]);
    let talk = Talk::new().a("S 0").b("S. 0 1").b("P. 1 1 xbanner");
    assert_eq!(states(&talk.flow()), ["ESTABLISHED", "ESTABLISHED"], "a server that speaks first is open");
    assert_eq!(talk.flow().open, Open::ThreeWay);
}

#[test]
fn a_fast_open_server_may_send_before_it_is_open() {
    let talk = Talk::new().a("S 0 xhello +220affffffffffffffff0101").b("S. 0 6").b("P. 1 6 xanswer");
    assert_eq!(states(&talk.flow())[1], "SYN-RECEIVED");
}

#[test]
fn nothing_is_acknowledged_beyond_a_fin() {
    let talk = Talk::open().a("F. 1 1").b(". 1 500");
    assert_eq!(states(&talk.flow()), ["FIN-WAIT-1", "CLOSE-WAIT"]);
}

#[test]
fn an_acknowledgment_of_what_was_never_sent_is_forgotten_when_the_sender_goes_on() {
    let talk = Talk::open().a(". 1 1000000").b("P. 1 1 xdata").a(". 1 5");
    assert_eq!(states(&talk.flow()), ["ESTABLISHED", "ESTABLISHED"]);
    assert!(talk.flow().stream[1].gaps.is_empty());
}

#[test]
fn a_damaged_fin_decides_nothing() {
    let talk = Talk::open().a("F. 5000 1 xx").damaged().a("F. 1 1").b("F. 1 2").a(". 2 2");
    assert_eq!(states(&talk.flow()), ["TIME-WAIT", "CLOSED"]);
    assert_eq!(talk.flow().close, Close::ThreeWay);
}

#[test]
fn where_every_checksum_is_wrong_the_capture_is_to_blame() {
    let talk = Talk::new().a("S 0").damaged().b("S. 0 1").damaged().a(". 1 1").damaged();
    assert_eq!(states(&talk.flow())[0], "ESTABLISHED");
}

#[test]
fn a_fin_that_was_lost_before_the_capture_may_have_crossed_the_other() {
    let talk = Talk::open().b("F. 1 1").a(". 2 2").a("F. 1 2");
    assert_eq!(states(&talk.flow())[0], "unknown", "CLOSING or LAST-ACK");
    let talk = talk.b(". 2 2");
    assert_eq!(states(&talk.flow())[0], "unknown", "TIME-WAIT or CLOSED");
}

#[test]
fn a_fin_that_arrived_brought_its_acknowledgment_with_it() {
    let talk = Talk::open().a("F. 1 1").b("F. 1 1").a(". 2 2").a("F. 1 2").b("F. 1 1").b(". 2 2");
    assert_eq!(states(&talk.flow())[1], "TIME-WAIT");
}

#[test]
fn a_fin_sent_again_shows_by_its_acknowledgment_that_it_crossed() {
    let talk = Talk::open().b("F. 1 1").a(". 2 2").a("F. 1 1").b(". 2 2");
    assert_eq!(states(&talk.flow()), ["TIME-WAIT", "TIME-WAIT"]);
    assert_eq!(talk.flow().close, Close::Simultaneous);
}

#[test]
fn a_fin_below_an_ends_first_number_may_have_crossed_too() {
    let talk = Talk::new().b("F. 1 1").a(". 2 2").b("F. 1 1").a("F. 1 2");
    assert_eq!(states(&talk.flow())[0], "unknown", "CLOSING or LAST-ACK");
}

#[test]
fn a_fin_from_before_an_ends_first_frame_counts_from_that_frame() {
    let talk = Talk::new().b("S. 0 1").a(". 2 1").a("F. 1 1").b(". 1 2");
    assert_eq!(states(&talk.flow()), ["CLOSE-WAIT", "FIN-WAIT-2"], "a in the script is the report's b");
}

#[test]
fn an_octet_between_repeated_data_and_an_ends_number_may_have_been_a_fin() {
    let talk =
        Talk::new().b(". 499 889").b("P. 248 889 xdata").a(". 889 499").a("P. 889 499 xmore").b(". 499 893");
    assert_eq!(states(&talk.flow()), ["unknown", "unknown"]);
}

#[test]
fn a_stray_fin_is_taken_back() {
    let talk = Talk::open().a("FP. 500000 1 xabc").a("P. 1 1 xabc").b(". 1 4");
    assert_eq!(states(&talk.flow()), ["ESTABLISHED", "ESTABLISHED"]);
    assert_eq!((talk.flow().close, talk.flow().stream[0].len), (Close::None, 3));
}

#[test]
fn a_reset_that_nobody_can_judge_is_in_doubt() {
    let talk = Talk::new().b("R 5").a("P. 100 5 xhi").a("P. 102 5 xhi");
    assert_ne!(states(&talk.flow())[1], "CLOSED", "a goes on");
}

#[test]
fn a_repetition_that_was_on_its_way_does_not_refute_a_reset() {
    let talk = Talk::open().a("P. 1 1 xabc").wait(Duration::from_millis(300)).b("R. 1 4").a("P. 1 1 xabc");
    assert_eq!(states(&talk.flow()), ["CLOSED", "CLOSED"]);
}

#[test]
fn two_calls_that_nobody_answers_are_half_open() {
    let talk = Talk::new().a("S 0").b("S 0").a(". 1 1").b(". 1 1");
    assert_eq!(talk.flow().open, Open::HalfOpen);
}

#[test]
fn time_wait_ends_though_the_other_end_waits_for_its_last_acknowledgment() {
    let talk = Talk::open().a("F. 1 1").b("F. 1 2").wait(Duration::from_secs(240)).other();
    assert_eq!(states(&talk.flow()), ["CLOSED", "LAST-ACK"]);
}

#[test]
fn time_wait_can_end_more_than_once() {
    let wait = Duration::from_secs(300);
    let talk =
        Talk::open().a("F. 1 1").b("F. 1 2").a(". 2 2").wait(wait).a("F. 1 2").b(". 2 2").wait(wait).other();
    assert_eq!(states(&talk.flow())[0], "CLOSED");
}

#[test]
fn a_reset_that_may_be_challenged_is_in_doubt_until_its_receiver_goes_on() {
    let talk = Talk::open().a("P. 1 1 xhi").b(". 1 3").a("R 100");
    assert_eq!(states(&talk.flow()), ["CLOSED", "unknown"]);
    let talk = talk.b(". 1 3");
    assert_eq!(states(&talk.flow())[1], "ESTABLISHED");
}

#[test]
fn a_reset_long_ago_was_lost_if_its_receiver_sends_something_new() {
    let reset = Talk::open().a("R. 1 1");
    let soon = reset.clone().b("P. 1 1 xlate");
    assert_eq!(states(&soon.flow()), ["CLOSED", "CLOSED"], "it was on its way");
    let late = reset.wait(Duration::from_secs(30)).b("P. 1 1 xalive");
    assert_eq!(states(&late.flow()), ["CLOSED", "ESTABLISHED"]);
}

#[test]
fn an_acknowledged_tail_that_was_not_captured_may_hold_a_fin() {
    let talk = Talk::open().b("P. 1 1 xdata").a(". 1 50");
    assert_eq!(states(&talk.flow()), ["unknown", "unknown"]);
    let talk = talk.b("P. 50 1 xmore");
    assert_eq!(states(&talk.flow()), ["ESTABLISHED", "ESTABLISHED"], "who sends more had not closed");
    told(&talk, &[]);
}

#[test]
fn an_end_whose_answer_was_not_captured_is_known_when_it_speaks() {
    let talk = Talk::new().a("S 0").a(". 1 1").a("P. 1 1 xhi").b("P. 1 3 xhello").b("P. 6 3 xmore");
    let expected = ["1 a SYN-SENT", "2 a ESTABLISHED", "2 b unknown", "5 b ESTABLISHED"];
    assert_eq!(transitions(&talk.flow()), expected);
    assert_eq!(talk.flow().open, Open::ThreeWay);
}

#[test]
fn a_fin_where_the_syn_stands_is_no_fin() {
    let talk = Talk::new().a("S 0").a("F 0").b("S. 0 1").a("F. 0 1").b("R 1");
    let expected = [
        "1 a SYN-SENT",
        "3 b SYN-RECEIVED",
        "3 a ESTABLISHED",
        "4 b ESTABLISHED",
        "5 b CLOSED",
        "5 a CLOSED",
    ];
    assert_eq!(transitions(&talk.flow()), expected);
}

#[test]
fn a_fast_open_acknowledges_the_data_of_the_syn() {
    let cookie = "+220affffffffffffffff0101";
    let talk = Talk::new().a(&std::format!("S 0 xhello {cookie}")).b("S. 0 6").a(". 6 1");
    assert_eq!(talk.flow().open, Open::FastOpen);
    let talk = Talk::new().a(&std::format!("S 0 xhello {cookie}")).b("S. 0 1").a("P. 1 1 xhello");
    assert_eq!(talk.flow().open, Open::ThreeWay, "the data of the SYN was not taken");
    let talk = Talk::new().a("S 0 xhello").b("S. 0 6").a(". 6 1");
    assert_eq!(talk.flow().open, Open::ThreeWay, "there was no cookie");
}

#[test]
fn the_words_for_open_and_close_are_each_other_than_all_the_others() {
    let opens = [
        Open::ThreeWay,
        Open::Simultaneous,
        Open::Split,
        Open::FastOpen,
        Open::Refused,
        Open::HalfOpen,
        Open::Midstream,
    ];
    let words: std::collections::BTreeSet<_> = opens.iter().map(|open| open.name()).collect();
    assert_eq!(words.len(), opens.len());
}

/// What follows a connection that was closed by both ends does not change what is known of it.
#[test]
fn a_last_acknowledgment_that_comes_twice_changes_nothing() {
    let talk = Talk::open().a("F. 1 1").b("F. 1 2").a(". 2 2").a(". 2 2");
    assert_eq!(states(&talk.flow()), ["TIME-WAIT", "CLOSED"]);
}
