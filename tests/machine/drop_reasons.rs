//! Every reason for which a segment is refused, provoked; and what is answered.

use tcpstate::tcp::DropReason;

use super::script::{Script, Stage, plain, plain_but, play};

/// Makes a test of each entry: its body plays a scene whose last segment is refused for that reason.
macro_rules! provoke {
    ($($(#[$doc:meta])* $name:ident => $reason:ident: |$stage:ident| $scene:block)+) => {
        const PROVOKED: &[DropReason] = &[$(DropReason::$reason),+];

        $(
            $(#[$doc])*
            #[test]
            fn $name() {
                play(|$stage| {
                    let s: Script = $scene;
                    assert_eq!(s.verdict.refused, Some(DropReason::$reason));
                    assert_eq!(s.verdict.store, None, "what is refused is not stored");
                });
            }
        )+
    };
}

/// A reason without a scene above would never be seen.
#[test]
fn every_reason_is_provoked() {
    for reason in DropReason::ALL {
        assert!(PROVOKED.contains(&reason), "{reason} is not provoked by any scene of this file");
    }
    assert_eq!(PROVOKED.len(), DropReason::ALL.len());
}

/// A SYN is out and unanswered.
fn syn_sent(stage: Stage) -> Script {
    let mut s = stage.connect(&plain());
    expect!(s, SYN, seq: 0, mss: 1_000);
    s
}

/// The peer has called, and has not acknowledged the answer.
fn syn_received(stage: Stage) -> Script {
    let mut s = stage.listen(&plain());
    send!(s, SYN, seq: 0, mss: 1_000);
    expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
    s
}

/// Both FINs are exchanged.
fn time_wait(stage: Stage) -> Script {
    let mut s = stage.established(&plain());
    call!(s, Shutdown);
    expect!(s, FIN, seq: 1, ack: 1);
    send!(s, FIN, seq: 1, ack: 2);
    expect!(s, seq: 2, ack: 2, win: 9_999);
    s
}

provoke! {
    /// RFC 9293 §3.10.7.1; the owner answers.
    a_segment_finds_no_connection => Closed: |stage| {
        let mut s = syn_sent(stage);
        call!(s, Abort);
        refuse!(s, Closed, SYN, seq: 0, ack: 1);
        expect_none!(s);
        s
    }
    /// RFC 9293 §3.10.7.2, first.
    a_reset_finds_a_listener => ResetInListen: |stage| {
        let mut s = stage.listen(&plain());
        refuse!(s, ResetInListen, RST, seq: 0);
        expect_none!(s);
        s
    }
    /// RFC 9293 §3.10.7.2, second.
    an_ack_finds_a_listener => AckInListen: |stage| {
        let mut s = stage.listen(&plain());
        refuse!(s, AckInListen, seq: 0, ack: 9);
        expect!(s, RST, seq: 9);
        s
    }
    /// RFC 9293 §3.10.7.2, fourth.
    something_else_finds_a_listener => NothingForListen: |stage| {
        let mut s = stage.listen(&plain());
        refuse!(s, NothingForListen, PSH, seq: 0, len: 10);
        expect_none!(s);
        s
    }
    /// RFC 9293 §3.10.7.3, first.
    an_ack_of_something_else_finds_syn_sent => AckNotOfOurSyn: |stage| {
        let mut s = syn_sent(stage);
        refuse!(s, AckNotOfOurSyn, SYN, seq: 0, ack: 0);
        expect!(s, RST, seq: 0);
        s
    }
    /// RFC 9293 §3.10.7.3, second.
    a_reset_without_ack_finds_syn_sent => ResetWithoutAckOfSyn: |stage| {
        let mut s = syn_sent(stage);
        refuse!(s, ResetWithoutAckOfSyn, RST, seq: 0);
        expect_none!(s);
        s
    }
    /// RFC 9293 §3.10.7.3, fifth.
    an_ack_without_syn_finds_syn_sent => NoSynInSynSent: |stage| {
        let mut s = syn_sent(stage);
        refuse!(s, NoSynInSynSent, seq: 1, ack: 1);
        expect_none!(s);
        s
    }
    /// RFC 7323 §5.3 R1.
    the_timestamp_is_old => OldTimestamp: |stage| {
        let mut s = stage.established(&plain_but(|config| config.timestamps = true));
        refuse!(s, OldTimestamp, seq: 1, ack: 1, len: 10, ts: (-1, 0));
        expect!(s, seq: 1, ack: 1, ts: (0, 0));
        s
    }
    /// RFC 7323 §3.2.
    the_timestamp_is_missing => TimestampMissing: |stage| {
        let mut s = stage.established(&plain_but(|config| config.timestamps = true));
        refuse!(s, TimestampMissing, seq: 1, ack: 1, len: 10);
        expect_none!(s);
        s
    }
    /// RFC 9293 §3.10.7.4, first.
    the_segment_lies_before_the_window => BelowWindow: |stage| {
        let mut s = stage.established(&plain());
        refuse!(s, BelowWindow, seq: -9, ack: 1, len: 10);
        expect!(s, seq: 1, ack: 1);
        s
    }
    /// RFC 9293 §3.10.7.4, first.
    the_segment_lies_behind_the_window => AboveWindow: |stage| {
        let mut s = stage.established(&plain());
        refuse!(s, AboveWindow, seq: 10_001, ack: 1, len: 10);
        expect!(s, seq: 1, ack: 1);
        s
    }
    /// RFC 9293 §3.10.7.4, first, and §3.8.6.1.
    the_window_is_closed => ZeroWindow: |stage| {
        let mut s = stage.established(&plain_but(|config| config.receive_window = 2_000));
        send!(s, seq: 1, ack: 1, len: 2_000);
        expect!(s, seq: 1, ack: 2_001, win: 0);
        refuse!(s, ZeroWindow, seq: 2_001, ack: 1, len: 1);
        expect!(s, seq: 1, ack: 2_001, win: 0);
        s
    }
    /// RFC 5961 §3.2 (1).
    a_reset_lies_outside_the_window => ResetOutsideWindow: |stage| {
        let mut s = stage.established(&plain());
        refuse!(s, ResetOutsideWindow, RST, seq: 10_001);
        expect_none!(s);
        s
    }
    /// RFC 5961 §3.2 (3).
    a_reset_is_not_exact => ResetNotExact: |stage| {
        let mut s = stage.established(&plain());
        refuse!(s, ResetNotExact, RST, seq: 2);
        expect!(s, seq: 1, ack: 1);
        s
    }
    /// RFC 1337 §3.
    a_reset_finds_time_wait => ResetInTimeWait: |stage| {
        let mut s = time_wait(stage);
        refuse!(s, ResetInTimeWait, RST, seq: 2);
        expect_none!(s);
        s
    }
    /// RFC 5961 §4.2.
    a_syn_finds_an_open_connection => SynOnOpenConnection: |stage| {
        let mut s = stage.established(&plain());
        refuse!(s, SynOnOpenConnection, SYN, seq: 1);
        expect!(s, seq: 1, ack: 1);
        s
    }
    /// RFC 9293 §3.10.7.4, fifth.
    the_segment_has_no_ack => NoAck: |stage| {
        let mut s = stage.established(&plain());
        refuse!(s, NoAck, seq: 1, len: 10);
        expect_none!(s);
        s
    }
    /// RFC 9293 §3.10.7.4, fifth, SYN-RECEIVED.
    an_ack_of_something_else_finds_syn_received => AckNotOfSynAck: |stage| {
        let mut s = syn_received(stage);
        refuse!(s, AckNotOfSynAck, seq: 1, ack: 5);
        expect!(s, RST, seq: 5);
        s
    }
    /// RFC 9293 §3.10.7.4, fifth, ESTABLISHED.
    the_ack_is_of_what_was_never_sent => AckOfUnsent: |stage| {
        let mut s = stage.established(&plain());
        refuse!(s, AckOfUnsent, seq: 1, ack: 2, len: 10);
        expect!(s, seq: 1, ack: 1);
        s
    }
    /// RFC 5961 §5.2; the largest window so far is 30,000.
    the_ack_is_too_old => AckTooOld: |stage| {
        let mut s = stage.established(&plain());
        refuse!(s, AckTooOld, seq: 1, ack: -30_000, len: 10);
        expect!(s, seq: 1, ack: 1);
        s
    }
    /// RFC 9293 §3.10.7.4, seventh, CLOSE-WAIT.
    the_payload_lies_behind_the_fin => DataAfterFin: |stage| {
        let mut s = stage.established(&plain());
        send!(s, FIN, seq: 1, ack: 1);
        expect!(s, seq: 1, ack: 2, win: 9_999);
        refuse!(s, DataAfterFin, seq: 2, ack: 1, len: 10);
        expect!(s, seq: 1, ack: 2, win: 9_999);
        s
    }
    /// RFC 9293 §3.6.1.
    nobody_will_read_the_payload => DataAfterClose: |stage| {
        let mut s = stage.established(&plain());
        call!(s, Close);
        expect!(s, FIN, seq: 1, ack: 1);
        refuse!(s, DataAfterClose, seq: 1, ack: 1, len: 10);
        expect!(s, RST, seq: 2, ack: 1);
        closed!(s, Discarded);
        s
    }
    /// The bound on what a peer can make us remember. What extends a range is still taken.
    the_list_of_ranges_is_full => TooManyRanges: |stage| {
        let mut s = stage.established(&plain_but(|config| config.max_ranges = 2));
        for seq in [101, 301] {
            send!(s, seq: seq, ack: 1, len: 10);
            expect!(s, seq: 1, ack: 1);
        }
        send!(s, seq: 311, ack: 1, len: 10);
        expect!(s, seq: 1, ack: 1);
        refuse!(s, TooManyRanges, seq: 501, ack: 1, len: 10);
        expect!(s, seq: 1, ack: 1);
        s
    }
    /// RFC 9293 §3.10.7.4, seventh.
    all_of_the_payload_is_there_already => Duplicate: |stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 101, ack: 1, len: 100);
        expect!(s, seq: 1, ack: 1);
        refuse!(s, Duplicate, seq: 111, ack: 1, len: 50);
        expect!(s, seq: 1, ack: 1);
        s
    }
}
