use core::time::Duration;

use super::{Delivered, LimitedBy, Limits};
use crate::Instant;
use crate::tcp::recovery::{Delivery, Records};

const MS: u64 = 1_000_000;

const fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * MS)
}

/// Sends segments of 1,000 octets at these times, and acknowledges each at those; answers the last rate.
fn rate(sent: &[u64], acked: &[u64]) -> (u64, bool) {
    let (mut delivered, mut records) = (Delivered::new(), Records::new());
    for (number, &sent) in (0_u64..).zip(sent) {
        let in_flight = records.in_flight();
        let stamp = delivered.stamp(&mut records.clocks, at(sent), in_flight);
        records.sent(number * 1_000..number * 1_000 + 1_000, at(sent), stamp, false);
    }
    for (number, &acked) in (1_u64..).zip(acked) {
        let mut news = Delivery::default();
        records.acked_to(number * 1_000, &mut news, |_| true);
        delivered.on_delivery(&mut records.clocks, at(acked), &news, Some(Duration::from_millis(10)));
    }
    delivered.rate()
}

#[test]
fn the_rate_is_what_was_delivered_in_the_time_that_it_took() {
    // A segment each 10 ms, acknowledged 100 ms later: 100,000 octets a second.
    let sent: [u64; 20] = core::array::from_fn(|number| number as u64 * 10);
    let acked = sent.map(|sent| sent + 100);
    let (rate, low) = rate(&sent, &acked);
    assert!((60_000..=110_000).contains(&rate), "{rate}");
    assert!(!low);
}

#[test]
fn acknowledgments_that_were_squeezed_together_do_not_look_like_a_fast_path() {
    let sent: [u64; 10] = core::array::from_fn(|number| number as u64 * 10);
    let (rate, _) = rate(&sent, &[200; 10]);
    assert!(rate <= 111_112, "no faster than it was sent: {rate}");
}

#[test]
fn what_the_user_has_limited_says_so() {
    let (mut delivered, mut records) = (Delivered::new(), Records::new());
    delivered.on_app_limited(0);
    let stamp = delivered.stamp(&mut records.clocks, at(0), 0);
    records.sent(0..1_000, at(0), stamp, false);
    let mut news = Delivery::default();
    records.acked_to(1_000, &mut news, |_| true);
    delivered.on_delivery(&mut records.clocks, at(100), &news, None);
    assert_eq!((delivered.rate(), delivered.octets()), ((10_000, true), 1_000));
}

#[test]
fn time_is_counted_for_what_holds_sending_back() {
    let mut limits = Limits::default();
    limits.set(at(10), LimitedBy::User);
    limits.set(at(30), LimitedBy::Network);
    limits.set(at(40), LimitedBy::Network);
    limits.set(at(70), LimitedBy::Peer);
    let spent = limits.spent(at(100)).map(|spent| spent.as_millis());
    assert_eq!(spent, [20, 40, 30]);
}
