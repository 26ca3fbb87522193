//! `stream`: no octet is delivered twice, out of order or invented.

use super::{Cause, Step};

/// What an end has stored is what its peer has sent, each octet at its place, and nothing else; what it calls readable is
/// there without a gap, was sent, and never becomes less; the end of the stream is told where the peer has put it (RFC 9293
/// §3.4, §3.10.7.4 seventh and eighth check; §3.8.6: what is read is read once).
pub fn stream(step: &Step) -> Option<String> {
    let (own, peer, name) = (&step.after, &step.peer, step.name());
    let wrong = |what: String| Some(format!("{name}: {what}"));
    if let Cause::Segment(seg, offset, Some(verdict)) = &step.cause
        && let Some(placed) = verdict.store
    {
        let fits = placed.len > 0 && u64::from(placed.skip) + u64::from(placed.len) <= u64::from(seg.len);
        if !fits || placed.offset != offset + u64::from(placed.skip) {
            return wrong(format!(
                "of {} octets at {offset} it stores {} behind {} at {}",
                seg.len, placed.len, placed.skip, placed.offset
            ));
        }
    }
    for (at, &octet) in step.inbox.iter().enumerate() {
        if octet != 0 && usize::from(octet) != at + 1 {
            return wrong(format!("at place {at} of the stream stands octet {}", octet - 1));
        }
        if octet == 0 && (at as u64) < own.readable {
            return wrong(format!("octet {at} is called readable and has not arrived"));
        }
    }
    if own.consumed > own.readable {
        return wrong(format!("{} octets are read of {}", own.consumed, own.readable));
    }
    let same = step.before.irs == own.irs && step.before.knows_peer() && own.knows_peer();
    if same && own.readable < step.before.readable {
        return wrong(format!("{} octets were readable, and now {}", step.before.readable, own.readable));
    }
    if !own.knows_peer() || own.irs != peer.iss {
        return None;
    }
    if own.readable > peer.queued {
        return wrong(format!("{} octets are readable and {} were sent", own.readable, peer.queued));
    }
    if own.peer_closed && !(peer.fin_sent() && own.readable == peer.queued) {
        let fin = if peer.fin_sent() { "sent" } else { "not sent" };
        return wrong(format!(
            "the stream ends at {} of {} octets, with the FIN {fin}",
            own.readable, peer.queued
        ));
    }
    None
}

mod tests {
    use super::super::testing::{arrives, open};
    use super::*;
    use tcpstate::TcpFlags;
    use tcpstate::tcp::{Placed, Verdict};

    /// A has received two octets of B.
    fn received() -> Step {
        let mut step = open();
        step.peer.queued = 2;
        step.peer.max = 3;
        step.after.readable = 2;
        step.after.rcv_nxt = 3;
        step.inbox = [1, 2, 0, 0, 0, 0, 0, 0];
        step
    }

    #[test]
    fn an_octet_at_another_s_place_is_found() {
        let mut step = received();
        assert_eq!(stream(&step), None);
        step.inbox = [1, 1, 0, 0, 0, 0, 0, 0];
        assert!(stream(&step).is_some_and(|why| why.contains("at place 1 of the stream stands octet 0")));
        step.inbox = [0, 2, 0, 0, 0, 0, 0, 0];
        assert!(stream(&step).is_some_and(|why| why.contains("octet 0 is called readable")));
    }

    #[test]
    fn octets_that_were_never_sent_are_found() {
        let mut step = received();
        step.peer.queued = 1;
        assert!(stream(&step).is_some_and(|why| why.contains("2 octets are readable and 1 were sent")));
        let mut step = received();
        step.after.consumed = 3;
        assert!(stream(&step).is_some_and(|why| why.contains("3 octets are read of 2")));
    }

    #[test]
    fn octets_that_are_taken_back_are_found() {
        let mut step = received();
        step.before.readable = 3;
        assert!(stream(&step).is_some_and(|why| why.contains("3 octets were readable, and now 2")));
    }

    #[test]
    fn an_end_before_the_last_octet_is_found() {
        let mut step = received();
        step.after.peer_closed = true;
        assert!(stream(&step).is_some_and(|why| why.contains("the FIN not sent")));
        step.peer.shut_down = true;
        step.peer.max = 4;
        assert_eq!(stream(&step), None);
        step.after.readable = 1;
        assert!(stream(&step).is_some_and(|why| why.contains("ends at 1 of 2 octets")));
    }

    #[test]
    fn octets_that_are_stored_elsewhere_than_they_stand_are_found() {
        let mut step = arrives(received(), TcpFlags::ACK, 2);
        let Cause::Segment(_, _, verdict) = &mut step.cause else { panic!("a segment") };
        let store = Placed { offset: 0, skip: 0, len: 2 };
        *verdict = Some(Verdict { store: Some(store), ..Verdict::default() });
        assert_eq!(stream(&step), None);
        for placed in
            [Placed { offset: 1, ..store }, Placed { len: 3, ..store }, Placed { skip: 1, len: 1, ..store }]
        {
            let Cause::Segment(_, _, Some(verdict)) = &mut step.cause else { panic!("a segment") };
            verdict.store = Some(placed);
            assert!(stream(&step).is_some_and(|why| why.contains("it stores")), "{placed:?}");
        }
    }
}
