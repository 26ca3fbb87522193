use super::{Probed, TailProbe};

fn repeated() -> TailProbe {
    let mut probe = TailProbe::new();
    probe.make_due();
    assert!(probe.take_due());
    probe.sent(1_000, true);
    probe
}

// RFC 8985 §7.3: one at a time, and a sample between two.
// RFC 8985-22
#[test]
fn one_probe_at_a_time_and_a_sample_between_two() {
    let mut probe = repeated();
    probe.on_sample();
    assert!(!probe.is_allowed(), "one is outstanding");
    assert_eq!(probe.hear(1_000, Some(1_000), false), Probed::Nothing);
    assert!(probe.is_allowed());
    probe.sent(2_000, false);
    assert_eq!(probe.hear(2_000, None, false), Probed::Nothing);
    assert!(!probe.is_allowed(), "no sample since");
    probe.on_sample();
    assert!(probe.is_allowed());
}

// RFC 8985 §7.4.2: the four cases.
#[test]
fn a_probe_of_new_data_repairs_nothing() {
    let mut probe = TailProbe::new();
    probe.sent(1_000, false);
    assert_eq!(probe.hear(1_100, None, false), Probed::Nothing);
}

#[test]
fn both_copies_have_arrived_when_a_dsack_says_so() {
    let mut probe = repeated();
    assert_eq!(probe.hear(1_000, None, false), Probed::Nothing);
    assert_eq!(probe.hear(1_000, Some(1_000), false), Probed::Nothing);
    assert_eq!(probe.hear(1_100, None, false), Probed::Nothing, "settled before");
}

#[test]
fn both_copies_have_arrived_when_a_plain_duplicate_follows() {
    let mut probe = repeated();
    assert_eq!(probe.hear(1_000, None, true), Probed::Nothing);
    assert_eq!(probe.hear(1_100, None, false), Probed::Nothing, "settled before");
}

// RFC 8985-25
#[test]
fn the_probe_has_repaired_a_loss_when_no_duplicate_was_heard_of() {
    let mut probe = repeated();
    assert_eq!(probe.hear(900, None, true), Probed::Nothing, "not acknowledged yet");
    assert_eq!(probe.hear(1_000, None, false), Probed::Nothing, "one copy has arrived");
    assert_eq!(probe.hear(1_100, None, false), Probed::Repaired);
    assert_eq!(probe.hear(1_200, None, false), Probed::Nothing, "once");
}

/// RFC 8985 §7.4.2: a D-SACK explains the probe if it is about where that ended, and only if the probe repeated something.
#[test]
fn a_dsack_for_the_end_of_a_repeated_probe_is_explained_by_it() {
    assert!(repeated().explains(1_000));
    assert!(!repeated().explains(900));
    let mut new = TailProbe::new();
    new.sent(1_000, false);
    assert!(!new.explains(1_000));
}
