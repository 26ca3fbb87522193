//! What SACK tells the peer: RFC 2018 §3 and §4, RFC 2883.

use tcpstate::tcp::TcpConfig;

use super::script::{plain, plain_but, play};

fn with_sack() -> TcpConfig {
    plain_but(|config| config.sack = true)
}

/// RFC 2018 §4: the first block is the one that the segment which caused this ACK belongs to; those after it
/// are the most recently reported ones.
// RFC 2018-7, 2018-9
#[test]
fn the_newest_block_comes_first() {
    play(|stage| {
        let mut s = stage.established(&with_sack());
        send!(s, seq: 1_001, ack: 1, len: 500);
        expect!(s, seq: 1, ack: 1, sack: [(1_001, 1_501)]);
        send!(s, seq: 3_001, ack: 1, len: 500);
        expect!(s, seq: 1, ack: 1, sack: [(3_001, 3_501), (1_001, 1_501)]);
        send!(s, seq: 2_001, ack: 1, len: 500);
        expect!(s, seq: 1, ack: 1, sack: [(2_001, 2_501), (3_001, 3_501), (1_001, 1_501)]);
        // One that was reported grows, and becomes the newest.
        send!(s, seq: 1_501, ack: 1, len: 100);
        expect!(s, seq: 1, ack: 1, sack: [(1_001, 1_601), (2_001, 2_501), (3_001, 3_501)]);
    });
}

/// RFC 2018 §3: without other options four blocks fit.
// RFC 2018-5, 2018-8
#[test]
fn four_blocks_fit() {
    play(|stage| {
        let mut s = stage.established(&with_sack());
        for k in 1..=5 {
            send!(s, seq: 1_001 * k, ack: 1, len: 10);
            let _acks = (k < 5).then(|| s.burst());
        }
        expect!(s, seq: 1, ack: 1, sack: [
            (5_005, 5_015), (4_004, 4_014), (3_003, 3_013), (2_002, 2_012)
        ]);
    });
}

/// RFC 2018 §3: with timestamps only three.
// RFC 2018-5
#[test]
fn three_blocks_fit_beside_timestamps() {
    play(|stage| {
        let mut config = with_sack();
        config.timestamps = true;
        let mut s = stage.established(&config);
        for k in 1..=4 {
            send!(s, seq: 1_001 * k, ack: 1, len: 10, ts: (k, 0));
            let _acks = (k < 4).then(|| s.burst());
        }
        expect!(s, seq: 1, ack: 1, ts: (0, 0), sack: [(4_004, 4_014), (3_003, 3_013), (2_002, 2_012)]);
    });
}

/// RFC 2018 §4: a block that is filled up from the left is acknowledged and no longer reported.
// RFC 2018-10
#[test]
fn blocks_go_when_their_gap_is_filled() {
    play(|stage| {
        let mut s = stage.established(&with_sack());
        send!(s, seq: 1_001, ack: 1, len: 500);
        expect!(s, seq: 1, ack: 1, sack: [(1_001, 1_501)]);
        send!(s, seq: 3_001, ack: 1, len: 500);
        expect!(s, seq: 1, ack: 1, sack: [(3_001, 3_501), (1_001, 1_501)]);
        send!(s, seq: 1, ack: 1, len: 1_000);
        expect!(s, seq: 1, ack: 1_501, win: 8_500, sack: [(3_001, 3_501)]);
        send!(s, seq: 1_501, ack: 1, len: 1_500);
        expect!(s, seq: 1, ack: 3_501, win: 6_500);
    });
}

/// Blocks that meet become one.
// RFC 2018-4
#[test]
fn blocks_that_meet_become_one() {
    play(|stage| {
        let mut s = stage.established(&with_sack());
        send!(s, seq: 1_001, ack: 1, len: 500);
        expect!(s, seq: 1, ack: 1, sack: [(1_001, 1_501)]);
        send!(s, seq: 2_001, ack: 1, len: 500);
        expect!(s, seq: 1, ack: 1, sack: [(2_001, 2_501), (1_001, 1_501)]);
        send!(s, seq: 1_501, ack: 1, len: 500);
        expect!(s, seq: 1, ack: 1, sack: [(1_001, 2_501)]);
    });
}

/// RFC 2018 §2: only to a peer that permitted it.
// RFC 2018-2
#[test]
fn without_permission_nothing_is_reported() {
    play(|stage| {
        let mut s = stage.answered(&with_sack(), &seg!(SYN, seq: 0, ack: 1, mss: 1_000));
        send!(s, seq: 1_001, ack: 1, len: 500);
        expect!(s, seq: 1, ack: 1);

        let mut s = stage.established(&plain());
        send!(s, seq: 1_001, ack: 1, len: 500);
        expect!(s, seq: 1, ack: 1);
    });
}

/// RFC 2018 §2: SACK-permitted goes out with our SYN only if we want blocks; a peer that permits them unasked neither gets
/// any nor is heard with its own.
// RFC 2018-3
#[test]
fn who_has_not_offered_sack_does_not_use_it() {
    play(|stage| {
        let mut s = stage.answered(&plain(), &seg!(SYN, seq: 0, ack: 1, mss: 1_000, sack_ok));
        send!(s, seq: 1_001, ack: 1, len: 500);
        expect!(s, seq: 1, ack: 1);
        call!(s, queue 5_000);
        assert_eq!(s.burst().len(), 5);
        send!(s, seq: 1, ack: 1, sack: [(1_001, 5_001)]);
        expect_none!(s);
    });
}

/// RFC 2018 §4: blocks go "in all ACKs which do not ACK the highest sequence number": on data as well, which
/// gets shorter by the option (RFC 9293 §3.7.1).
// RFC 9293 MUST-16
// RFC 2018-6
#[test]
fn blocks_ride_on_data_and_shorten_it() {
    play(|stage| {
        let mut s = stage.established(&with_sack());
        send!(s, seq: 1_001, ack: 1, len: 500);
        expect!(s, seq: 1, ack: 1, sack: [(1_001, 1_501)]);
        call!(s, queue 2_000);
        expect!(s, seq: 1, ack: 1, len: 988, sack: [(1_001, 1_501)]);
        expect!(s, seq: 989, ack: 1, len: 988, sack: [(1_001, 1_501)]);
        send!(s, seq: 1, ack: 1_977, len: 1_000);
        expect!(s, PSH, seq: 1_977, ack: 1_501, win: 8_500, len: 24);
    });
}

/// RFC 2883 §4: a segment that lies before RCV.NXT is reported in a first block, once.
// RFC 2883-1, 2883-2
#[test]
fn a_duplicate_below_is_reported_once() {
    play(|stage| {
        let mut s = stage.established(&with_sack());
        send!(s, seq: 1, ack: 1, len: 1_000);
        also!(s, seq: 1_001, ack: 1, len: 1_000);
        expect!(s, seq: 1, ack: 2_001, win: 8_000);
        refuse!(s, BelowWindow, seq: 1_001, ack: 1, len: 1_000);
        expect!(s, seq: 1, ack: 2_001, win: 8_000, sack: [(1_001, 2_001)]);
        send!(s, seq: 2_001, ack: 1, len: 10);
        advance!(s, 40 ms, { 40 ms => (seq: 1, ack: 2_011, win: 7_990) });
    });
}

/// RFC 2883 §4: the usual blocks follow it.
// RFC 2883-5
#[test]
fn the_usual_blocks_follow_a_duplicate_below() {
    play(|stage| {
        let mut s = stage.established(&with_sack());
        send!(s, seq: 1, ack: 1, len: 500);
        also!(s, seq: 1_001, ack: 1, len: 500);
        expect!(s, seq: 1, ack: 501, win: 9_500, sack: [(1_001, 1_501)]);
        refuse!(s, BelowWindow, seq: 1, ack: 1, len: 500);
        expect!(s, seq: 1, ack: 501, win: 9_500, sack: [(1, 501), (1_001, 1_501)]);
        send!(s, seq: 2_001, ack: 1, len: 500);
        expect!(s, seq: 1, ack: 501, win: 9_500, sack: [(2_001, 2_501), (1_001, 1_501)]);
    });
}

/// RFC 2883 §4 (3): a duplicate inside a block is reported first, and the block that contains it second.
// RFC 2883-1, 2883-4
#[test]
fn a_duplicate_inside_is_reported_before_its_block() {
    play(|stage| {
        let mut s = stage.established(&with_sack());
        send!(s, seq: 1_001, ack: 1, len: 1_000);
        expect!(s, seq: 1, ack: 1, sack: [(1_001, 2_001)]);
        send!(s, seq: 5_001, ack: 1, len: 500);
        expect!(s, seq: 1, ack: 1, sack: [(5_001, 5_501), (1_001, 2_001)]);
        refuse!(s, Duplicate, seq: 1_201, ack: 1, len: 300);
        expect!(s, seq: 1, ack: 1, sack: [(1_201, 1_501), (1_001, 2_001), (5_001, 5_501)]);
    });
}

/// RFC 2883 §4.1: a whole block again is reported twice: as the duplicate, and as the block.
// RFC 2883-4
#[test]
fn a_block_again_is_reported_as_duplicate_and_as_block() {
    play(|stage| {
        let mut s = stage.established(&with_sack());
        send!(s, seq: 1_001, ack: 1, len: 500);
        expect!(s, seq: 1, ack: 1, sack: [(1_001, 1_501)]);
        refuse!(s, Duplicate, seq: 1_001, ack: 1, len: 500);
        expect!(s, seq: 1, ack: 1, sack: [(1_001, 1_501), (1_001, 1_501)]);
    });
}

/// RFC 2883 §4.2: of a segment that is old in part, that part is reported.
// RFC 2883-6
#[test]
fn the_old_part_of_a_segment_is_reported() {
    play(|stage| {
        let mut s = stage.established(&with_sack());
        send!(s, seq: 1, ack: 1, len: 500);
        advance!(s, 40 ms, { 40 ms => (seq: 1, ack: 501, win: 9_500) });
        send!(s, seq: 1, ack: 1, len: 1_000);
        assert_eq!(s.stored(), Some((500, 500, 500)));
        advance!(s, 40 ms, { 40 ms => (seq: 1, ack: 1_001, win: 9_000, sack: [(1, 501)]) });
    });
}

/// RFC 2883 §4.3: of two old parts the first is reported.
// RFC 2883-3
#[test]
fn of_two_old_parts_the_first_is_reported() {
    play(|stage| {
        let mut s = stage.established(&with_sack());
        send!(s, seq: 501, ack: 1, len: 100);
        expect!(s, seq: 1, ack: 1, sack: [(501, 601)]);
        send!(s, seq: 701, ack: 1, len: 100);
        expect!(s, seq: 1, ack: 1, sack: [(701, 801), (501, 601)]);
        send!(s, seq: 401, ack: 1, len: 500);
        expect!(s, seq: 1, ack: 1, sack: [(501, 601), (401, 901)]);
    });
}

/// RFC 9293 §3.7.1: timestamps and a block take 24 octets of a data segment.
// RFC 9293 MUST-16
#[test]
fn timestamps_and_blocks_both_shorten_data() {
    play(|stage| {
        let mut config = with_sack();
        config.timestamps = true;
        let mut s = stage.established(&config);
        send!(s, seq: 1_001, ack: 1, len: 500, ts: (0, 0));
        call!(s, queue 976);
        expect!(s, PSH, seq: 1, ack: 1, len: 976, ts: (0, 0), sack: [(1_001, 1_501)]);
        call!(s, SetNagle(false));
        call!(s, queue 977);
        expect!(s, seq: 977, ack: 1, len: 976, ts: (0, 0), sack: [(1_001, 1_501)]);
        expect!(s, PSH, seq: 1_953, ack: 1, len: 1, ts: (0, 0), sack: [(1_001, 1_501)]);
    });
}

/// A FIN behind a gap keeps its place, and no octet stands for it in a block beyond the sequence number that it
/// takes: the block ends at the data or after the FIN, never elsewhere.
// RFC 2018-4
#[test]
fn a_fin_behind_a_gap_is_remembered_beside_the_blocks() {
    play(|stage| {
        let mut s = stage.established(&with_sack());
        send!(s, FIN, seq: 101, ack: 1, len: 100);
        let sent = s.burst();
        let with_fin = seg!(seq: 1, ack: 1, win: 10_000, sack: [(101, 202)]);
        let without = seg!(seq: 1, ack: 1, win: 10_000, sack: [(101, 201)]);
        assert!(sent == [with_fin] || sent == [without], "{sent:?}");
        send!(s, seq: 1, ack: 1, len: 100);
        state!(s, CloseWait);
        expect!(s, seq: 1, ack: 202, win: 9_799);
    });
}
