use super::*;

/// The peer has asked and we have agreed.
fn agreed() -> EcnVars {
    let mut vars = EcnVars::new();
    vars.hear_syn(TcpFlags::SYN | ASKING);
    vars.syn_ack(Ecn::Accept);
    assert!(vars.may_be_marked());
    vars
}

/// The memory of a connection is bounded by what it says of it: a mark or a reduction is remembered on the heap.
#[test]
fn what_is_remembered_of_marks_counts_as_memory() {
    let mut vars = EcnVars::new();
    assert_eq!((vars.memory(), vars.counts()), (0, (0, 0)));
    vars.answered();
    assert_eq!((vars.memory(), vars.counts()), (size_of::<Marked>(), (0, 1)));
    let mut reduced = agreed();
    reduced.reduced(7);
    assert_eq!((reduced.memory(), reduced.counts()), (size_of::<Marked>(), (0, 0)));
}

/// RFC 3168 §6.1.2: once in a window of data, and no longer after the reduction was taken back.
// RFC 3168-10
#[test]
fn an_echo_is_news_once_what_was_sent_before_the_reduction_is_acknowledged() {
    let mut vars = agreed();
    assert!(vars.is_news(1));
    vars.reduced(1_000);
    assert_eq!([999, 1_000, 1_001].map(|una| vars.is_news(una)), [false, false, true]);
    vars.restored();
    assert!(vars.is_news(1));
}
