use super::{Heard, Prr};

const fn heard(delivered: u64, in_flight: u64, safe: bool) -> Heard {
    Heard { delivered, in_flight, safe, ssthresh: 7_000, smss: 1_000, whole: false }
}

// RFC 9937 §6.2: above the target sndcnt = ceil(prr_delivered * ssthresh / RecoverFS) - prr_out.
#[test]
fn above_the_target_it_sends_in_proportion() {
    let mut prr = Prr::begin(10_000);
    let mut sent = 0;
    for step in 1..=3_u64 {
        let in_flight = 10_000 - step * 1_000 + sent;
        let window = prr.window(&heard(1_000, in_flight, false));
        let out = (window - in_flight) / 1_000 * 1_000;
        prr.sent(out);
        sent += out;
        // 0.7 segments for each that arrives; the first retransmission is never held back.
        assert_eq!(sent, [1_000, 1_000, 2_000][usize::try_from(step).expect("small") - 1], "step {step}");
    }
}

// RFC 9937 §6.2: "Force a fast retransmit upon entering recovery".
#[test]
fn the_first_retransmission_is_never_held_back() {
    let mut prr = Prr::begin(10_000);
    assert_eq!(prr.window(&heard(0, 9_000, false)), 10_000);
    prr.sent(1_000);
    assert_eq!(prr.window(&heard(0, 10_000, false)), 10_000, "only the first");
}

// RFC 9937 §6.2: below the target PRR-CRB, and PRR-SSRB where it is safe.
#[test]
fn below_the_target_it_conserves_and_grows_where_that_is_safe() {
    let mut prr = Prr::begin(20_000);
    prr.sent(1_000);
    assert_eq!(prr.window(&heard(1_000, 3_000, false)), 4_000, "as much as arrives");
    prr.sent(1_000);
    assert_eq!(prr.window(&heard(1_000, 3_000, true)), 5_000, "and a segment more");
    prr.sent(2_000);
    assert_eq!(prr.window(&heard(2_000, 6_500, true)), 7_000, "not beyond the target");
}

#[test]
fn nothing_goes_out_for_what_delivers_nothing() {
    let mut prr = Prr::begin(20_000);
    prr.sent(1_000);
    prr.window(&heard(3_000, 4_000, false));
    assert_eq!(prr.window(&heard(0, 2_000, true)), 2_000);
}

#[test]
fn huge_windows_do_not_overflow() {
    let mut prr = Prr::begin(u64::MAX);
    let heard = Heard {
        delivered: u64::MAX,
        in_flight: 1 << 40,
        safe: true,
        ssthresh: 1 << 30,
        smss: 65_535,
        whole: false,
    };
    assert!(prr.window(&heard) >= 1 << 40);
    prr.sent(u64::MAX);
    assert_eq!(prr.window(&heard), 1 << 40);
}
