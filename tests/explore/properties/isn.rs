//! `isn`: two ends that are both synchronized agree on both initial numbers.

use super::Step;

/// Never are both ends in ESTABLISHED or beyond with different ideas of the initial sequence numbers: each has for IRS what the
/// other has for ISS (RFC 9293 §3.5; §3.10.7.3).
pub fn isn(step: &Step) -> Option<String> {
    let (own, peer) = (&step.after, &step.peer);
    if !own.state.is_synchronized() || !peer.state.is_synchronized() {
        return None;
    }
    let (name, states) = (step.name(), format!("it is in {}, its peer in {}", own.state, peer.state));
    if own.irs != peer.iss {
        Some(format!("{name} has IRS {} and its peer ISS {}: {states}", own.irs.get(), peer.iss.get()))
    } else if own.iss != peer.irs {
        Some(format!("{name} has ISS {} and its peer IRS {}: {states}", own.iss.get(), peer.irs.get()))
    } else {
        None
    }
}

mod tests {
    use super::super::testing::open;
    use super::*;

    #[test]
    fn ends_that_know_each_other_by_other_numbers_are_found() {
        let good = open();
        assert_eq!(isn(&good), None);
        let mut bad = good.clone();
        bad.after.irs += 1;
        assert!(isn(&bad).is_some_and(|why| why.starts_with("A has IRS")));
        let mut bad = good;
        bad.peer.irs += 1;
        assert!(isn(&bad).is_some_and(|why| why.starts_with("A has ISS")));
        bad.peer.state = tcpstate::State::SynSent;
        assert_eq!(isn(&bad), None, "nothing is agreed on as yet");
    }
}
