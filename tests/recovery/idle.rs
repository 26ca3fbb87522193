//! Users who send little, or nothing for a while: RFC 5681 §4.1, RFC 7661.

use std::time::Duration;

use tcpstate::Instant;
use tcpstate::sim::{Pace, Sends};

use super::path::{Path, SEGMENT, Setup};

const RTT: Duration = Duration::from_millis(50);
const INITIAL_WINDOW: u32 = 10 * SEGMENT as u32;

/// Writes so many octets at a time, and rests.
fn in_pieces(octets: u32, pause: Duration, pieces: u64) -> Setup {
    let mut setup = Setup::new(u64::from(octets) * pieces);
    setup.ends[0].app.sends = Sends::Octets(u64::from(octets) * pieces);
    setup.ends[0].app.writes = Pace::Steady { octets, pause };
    setup
}

/// RFC 7661 §3, RFC 9438 §5.8: a window that is not used says nothing about the path, and does not grow: not in slow
/// start, not by two segments at a time for a minute.
#[test]
fn a_window_that_is_not_used_does_not_grow() {
    let mut path = in_pieces(2 * SEGMENT as u32, RTT * 2, 600).open();
    path.run_until_read(600 * 2 * SEGMENT);
    let highest = path.trace.iter().map(|thought| thought.cwnd).max();
    assert_eq!(highest, Some(INITIAL_WINDOW));
    assert_eq!(path.repeats().count(), 0);
}

/// How many octets are sent within a round trip from `begin` on, before any acknowledgment of them can be there.
fn burst(path: &Path, begin: Instant) -> u64 {
    let sent = path.sender().sent.iter();
    sent.filter(|packet| packet.at >= begin && packet.at < begin + RTT).map(|packet| packet.len).sum()
}

/// RFC 5681 §4.1: after an idle time longer than the RTO, sending begins with the restart window: the initial one,
/// of ten segments (RFC 6928), whatever cwnd was before.
#[test]
fn after_ten_idle_seconds_sending_begins_with_the_restart_window() {
    let mut path = in_pieces(600_000, Duration::from_secs(10), 2).open();
    let end = path.run_until_read(600_000);
    path.run_until(end + Duration::from_secs(5));
    assert!(path.tcb().cwnd() > 3 * INITIAL_WINDOW, "it had grown to {}", path.tcb().cwnd());
    path.run_until_read(600_001);
    let begin = path.sender().sent.iter().find(|packet| packet.offset >= 600_000).expect("it goes on").at;
    assert!(begin - end > Duration::from_secs(8), "it was idle");
    path.run_until_read(1_200_000);
    assert_eq!(burst(&path, begin), u64::from(INITIAL_WINDOW));
}

/// RFC 7661 §4.3 (after RFC 2861): what the path held before is remembered in ssthresh: the second time the window grows
/// by doubling up to three quarters of it.
#[test]
fn after_an_idle_time_slow_start_leads_back_to_three_quarters() {
    let mut path = in_pieces(600_000, Duration::from_secs(10), 2).open();
    path.run_until_read(600_000);
    path.run_for(Duration::from_secs(5));
    let before = path.tcb().cwnd();
    path.run_until_read(600_001);
    path.run_until_read(1_200_000);
    path.run_for(RTT);
    assert!(path.tcb().ssthresh() >= before / 4 * 3, "{} after {before}", path.tcb().ssthresh());
    assert!(path.tcb().cwnd() >= before / 2, "{} after {before}", path.tcb().cwnd());
}

/// A pause shorter than the RTO changes nothing: no burst is held back.
#[test]
fn a_short_pause_is_no_idle_time() {
    let mut path = in_pieces(300_000, Duration::from_millis(700), 2).open();
    path.run_until_read(300_000);
    let before = path.tcb().cwnd();
    path.run_until_read(300_001);
    assert!(path.tcb().cwnd() >= before);
}
