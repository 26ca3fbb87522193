//! Buffers that tune themselves, over simulated paths: they cost no time against buffers that are as large as can be
//! from the start, no memory where the reader is slow, and nothing that arrived is thrown away.

#![cfg(feature = "sim")]
#![allow(clippy::expect_used, reason = "a test may fail by panicking")]

use std::num::NonZeroU64;
use std::time::Duration;

use tcpstate::Instant;
use tcpstate::sim::{Ending, EndpointConfig, Limits, LinkConfig, Pace, Pair, Sends};

/// A path, and a transfer over it.
#[derive(Clone, Copy)]
struct Path {
    /// Milliseconds there and back.
    rtt: u64,
    /// Megabits per second.
    rate: u64,
    /// Octets that may wait.
    queue: u64,
    /// Octets to be sent.
    octets: u64,
    /// The largest window, and nearly the largest send buffer.
    most: u32,
    timestamps: bool,
}

impl Path {
    /// A queue that takes everything, and a window of three bandwidth-delay products.
    fn without_loss(rtt: u64, rate: u64) -> Self {
        let bdp = rtt * rate * 125;
        let most = u32::try_from(3 * bdp).expect("a window").max(128 << 10);
        Self { rtt, rate, queue: u64::MAX, octets: 10 * bdp + 200_000, most, timestamps: true }
    }

    fn pair(&self, tuned: bool, reads: Pace) -> Pair {
        let mut a = EndpointConfig::new("192.0.2.1:49152".parse().expect("a socket"));
        let mut b = EndpointConfig::new("192.0.2.2:9".parse().expect("a socket"));
        a.remote = Some(b.local);
        (a.app.sends, a.app.ending) = (Sends::Octets(self.octets), Ending::ShutdownWhenSent);
        b.app.reads = reads;
        for end in [&mut a, &mut b] {
            let single = &mut end.single;
            (single.tcp.receive_window_max, single.send_buffer_max) = (self.most, self.most as usize / 8 * 9);
            if !tuned {
                (single.tcp.receive_window, single.send_buffer) = (self.most, single.send_buffer_max);
            }
            (single.tcp.timestamps, single.tcp.time_wait) = (self.timestamps, Duration::ZERO);
        }
        let mut link = LinkConfig::default();
        (link.delay, link.queue) = (Duration::from_micros(self.rtt * 500), self.queue);
        link.rate = NonZeroU64::new(self.rate * 1_000_000);
        let mut pair = Pair::new(1, [a, b], [link; 2]).expect("the sockets do");
        let mut limits = Limits::default();
        limits.events = u64::MAX;
        pair.world_mut().set_limits(limits);
        pair
    }

    /// How long the transfer takes.
    fn time(&self, tuned: bool) -> Duration {
        let mut pair = self.pair(tuned, Pace::AtOnce);
        pair.run().expect("no promise is broken");
        let [_, b] = pair.ends();
        assert_eq!(b.app().read(), self.octets);
        b.app().last_read().expect("everything was read") - Instant::ZERO
    }
}

/// The window is ahead of slow start, on short paths and on long ones, and the sender's buffer ahead of its window.
#[test]
fn buffers_that_begin_small_cost_no_time() {
    for (rtt, rate) in [(1, 100), (20, 10), (20, 100), (100, 10), (100, 100), (300, 10), (300, 100)] {
        for timestamps in [true, false] {
            let path = Path { timestamps, ..Path::without_loss(rtt, rate) };
            let (tuned, fixed) = (path.time(true), path.time(false));
            let most = fixed + fixed / 20;
            assert!(tuned <= most, "{tuned:?} and not {fixed:?}: {rtt} ms, {rate} Mbit/s, {timestamps}");
        }
    }
}

/// A path of 100 Mbit/s and 300 ms whose queue has room for a fifth of what is in flight: slow start fills it, and about
/// every second segment of the last round trip is lost. What arrived between the gaps is kept, all of it.
#[test]
fn nothing_that_has_arrived_is_thrown_away_when_slow_start_overshoots() {
    let path = Path { queue: 750_000, octets: 20_000_000, most: 16 << 20, ..Path::without_loss(300, 100) };
    let mut pair = path.pair(true, Pace::AtOnce);
    pair.run().expect("no promise is broken");
    let [a, b] = pair.ends();
    assert_eq!(b.app().read(), path.octets);
    assert!(a.stats().retransmissions > 100, "there were gaps: {:?}", a.stats());
    assert!(b.stats().refused.is_empty(), "{:?}", b.stats().refused);
}

/// He reads 80 kbit/s of what comes with 100 Mbit/s: the window stays as it was, and so does the memory behind it.
#[test]
fn a_slow_reader_is_given_no_memory() {
    let path = Path { octets: 300_000, ..Path::without_loss(20, 100) };
    let reads = Pace::Steady { octets: 1_000, pause: Duration::from_millis(100) };
    let mut pair = path.pair(true, reads);
    let mut most = 0;
    while pair.step().expect("no promise is broken").is_some() {
        let [_, b] = pair.ends();
        if let Some(single) = b.single() {
            let connection = single.connection();
            let buffer = connection.tcb().info(pair.world().now()).receive_buffer;
            assert_eq!(buffer, 64 << 10);
            most = most.max(connection.memory());
        }
    }
    assert!(most <= 2 * (64 << 10) + (128 << 10), "{most} octets");
    assert_eq!(pair.ends()[1].app().read(), path.octets);
}
