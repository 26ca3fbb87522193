//! A bottleneck that marks instead of dropping, and two ends that understand it (RFC 3168).

#![cfg(feature = "sim")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use std::num::NonZeroU64;
use std::time::Duration;

use tcpstate::Instant;
use tcpstate::sim::{Ending, EndpointConfig, LinkConfig, Pair, Sends};
use tcpstate::tcp::{CongestionAlgorithm, Ecn, Tcb};

/// Octets that a round trip holds: 20 Mbit/s for 40 ms.
const BDP: u64 = 100_000;
const RTT: Duration = Duration::from_millis(40);
const ABOVE: u64 = BDP / 2;
const OCTETS: u64 = 30_000_000;

/// `a` sends to `b` over a link with much room.
fn pair(v6: bool, ecn: Ecn, algorithm: CongestionAlgorithm) -> Pair {
    let sockets =
        if v6 { ["[2001:db8::1]:49152", "[2001:db8::2]:9"] } else { ["192.0.2.1:49152", "192.0.2.2:9"] };
    let mut ends = sockets.map(|socket| EndpointConfig::new(socket.parse().expect("a socket")));
    ends[0].remote = Some(ends[1].local);
    for end in &mut ends {
        end.single.send_buffer = 4 << 20;
        end.single.tcp.receive_window = 4 << 20;
        end.single.tcp.ecn = ecn;
        end.single.tcp.congestion = algorithm;
    }
    ends[0].app.sends = Sends::Octets(OCTETS);
    ends[0].app.ending = Ending::ShutdownWhenSent;
    ends[1].app.ending = Ending::CloseAfterPeer;
    let mut link = LinkConfig::default();
    link.delay = RTT / 2;
    link.rate = NonZeroU64::new(20_000_000);
    link.queue = 20 * BDP;
    link.mark_above = Some(ABOVE);
    Pair::new(1, ends, [link; 2]).expect("the sockets and options do")
}

fn sender(pair: &Pair) -> Option<&Tcb> {
    Some(pair.ends()[0].single()?.connection().tcb())
}

/// Nothing is lost and nothing sent again; the link stays busy; what waits stays near the mark; and however many
/// segments of a window are marked, the window comes down once.
// RFC 9293 SHLD-8
// RFC 3168 §6.1.2
#[test]
fn a_transfer_over_a_link_that_marks_loses_nothing_and_keeps_the_queue_short() {
    for (v6, algorithm) in [
        (false, CongestionAlgorithm::Cubic),
        (true, CongestionAlgorithm::Cubic),
        (false, CongestionAlgorithm::NewReno),
    ] {
        let mut pair = pair(v6, Ecn::Request, algorithm);
        let warm = Instant::ZERO + Duration::from_secs(2);
        let (mut reductions, mut slowest) = (Vec::new(), Duration::ZERO);
        while pair.step().expect("no promise is broken").is_some() {
            let now = pair.world().now();
            let Some(tcb) = sender(&pair) else { continue };
            if tcb.info(now).marks_answered as usize > reductions.len() {
                reductions.push(now);
            }
            if now > warm {
                slowest = slowest.max(tcb.srtt().expect("a measured path"));
            }
        }
        pair.finished().expect("everything arrives");
        let (stats, ends) = (pair.links()[0].stats(), pair.ends());
        assert_eq!((stats.dropped(), ends[0].stats().retransmissions), (0, 0), "{algorithm:?}");
        let receiver = ends[1].single().expect("it is open").connection().tcb();
        assert_eq!(u64::from(receiver.info(warm).marks_received), stats.marked);
        assert!(stats.marked > 0);
        // Slow start ends with the first mark, a round trip late.
        assert!(stats.longest_queue < ABOVE + 2 * BDP, "{} octets waited", stats.longest_queue);
        let mark = Duration::from_nanos(ABOVE * 8_000_000_000 / 20_000_000);
        assert!(slowest < RTT + mark * 3 / 2, "{slowest:?}");
        let took = ends[1].app().last_read().expect("it was read").since(Instant::ZERO);
        let goodput = OCTETS as f64 * 8.0 / took.as_secs_f64();
        assert!(goodput > 0.9 * 20e6, "{goodput} bit/s");
        assert!(reductions.len() > 3, "{reductions:?}");
        for two in reductions.windows(2) {
            assert!(two[1].since(two[0]) >= RTT, "{algorithm:?} has reduced twice in a round trip: {two:?}");
        }
    }
}

/// Who has not agreed is not marked: the queue fills.
// RFC 9293 SHLD-8
// RFC 3168 §6.1.1
#[test]
fn without_ecn_nothing_is_marked_and_the_queue_fills() {
    for ecn in [Ecn::Off, Ecn::Accept] {
        let mut pair = pair(false, ecn, CongestionAlgorithm::Cubic);
        pair.run().expect("no promise is broken");
        pair.finished().expect("everything arrives");
        let stats = pair.links()[0].stats();
        assert_eq!(stats.marked, 0);
        assert!(stats.longest_queue > 5 * BDP, "{} octets waited", stats.longest_queue);
    }
}
