//! What a host takes of memory: nothing for a packet in the steady state, little for what is idle; and that it says
//! itself how much it holds.
//!
//! Counted by the allocator itself, for each test's own thread.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

#[path = "common/counting.rs"]
mod counting;

use std::time::Duration;

use counting::account;
use tcpstate::Instant;
use tcpstate::connection::Received;
use tcpstate::host::{ConnId, Host, HostConfig, ListenConfig, ListenOn, LocalAddress};

const NOW: Instant = Instant::from_nanos(1 << 40);
const MIB: usize = 1 << 20;

fn host(ip: &str) -> Host {
    let mut config = HostConfig::default();
    config.addresses.push(LocalAddress::new(ip.parse().expect("an address"), 8));
    config.limits.half_open = 100_000;
    Host::new(config, [7; 32]).expect("the configuration does")
}

/// Carries what there is to carry, and lets time go on with it.
fn carry(now: &mut Instant, ends: &mut [Host; 2]) {
    let mut out = [0; 1500];
    loop {
        let mut quiet = true;
        for from in [0, 1] {
            while let Some(transmit) = ends[from].poll_transmit(*now, &mut out) {
                ends[1 - from].handle_packet(*now, &out[..transmit.len]);
                quiet = false;
            }
        }
        *now = *now + Duration::from_micros(50);
        let due = ends.iter_mut().filter_map(Host::poll_timeout).min().is_some_and(|at| at <= *now);
        ends.iter_mut().for_each(|end| end.handle_timeout(*now));
        if quiet && !due {
            return;
        }
    }
}

fn connected(now: &mut Instant, ends: &mut [Host; 2], count: usize) -> Vec<[ConnId; 2]> {
    let mut listen = ListenConfig::default();
    listen.backlog = 1_000;
    let listener = ends[1].listen(ListenOn::port(80), &listen).expect("nobody else listens");
    let server = "10.0.0.2:80".parse().expect("a socket");
    (0..count)
        .map(|_| {
            let client = ends[0].connect(*now, server).expect("there is a port");
            carry(now, ends);
            let served = ends[1].accept(listener).expect("a connection");
            ends.iter_mut().for_each(|end| while end.poll_event().is_some() {});
            [client, served]
        })
        .collect()
}

#[test]
fn a_bulk_transfer_through_two_hosts_allocates_at_most_once_for_64_kib() {
    let (mut now, mut ends) = (NOW, [host("10.0.0.1"), host("10.0.0.2")]);
    let [client, server] = connected(&mut now, &mut ends, 1)[0];
    let (data, mut page) = (vec![0x5a; 64 << 10], vec![0; 64 << 10]);
    let mut transfer = |octets: usize| {
        let (before, mut read) = (account().allocations, 0);
        while read < octets {
            ends[0].connection(client).expect("it is open").send(now, &data).expect("it is open");
            carry(&mut now, &mut ends);
            while let Received::Data(len) =
                ends[1].connection(server).expect("it is open").recv_slice(now, &mut page)
            {
                read += len;
            }
            ends.iter_mut().for_each(|end| while end.poll_event().is_some() {});
        }
        account().allocations - before
    };
    transfer(8 * MIB);
    let allocations = transfer(32 * MIB);
    assert!(allocations <= 32 * MIB as u64 / (64 << 10), "{allocations} allocations for 32 MiB");
}

#[test]
fn an_idle_connection_takes_less_than_1_kib_and_the_host_knows() {
    const COUNT: usize = 2_000;
    let (mut now, mut ends) = (NOW, [host("10.0.0.1"), host("10.0.0.2")]);
    let before = account().live;
    let told_before: usize = ends.iter().map(Host::memory).sum();
    let ids = connected(&mut now, &mut ends, COUNT);
    for [client, server] in &ids {
        for (end, id) in [(0, client), (1, server)] {
            ends[end].connection(*id).expect("it is open").send(now, &[1; 4_000]).expect("it is open");
        }
        carry(&mut now, &mut ends);
        for (end, id) in [(0, client), (1, server)] {
            let mut connection = ends[end].connection(*id).expect("it is open");
            while let Received::Data(_) = connection.recv(now, usize::MAX) {}
        }
        ends.iter_mut().for_each(|end| while end.poll_event().is_some() {});
    }
    carry(&mut now, &mut ends);
    while let Some(at) = ends.iter_mut().filter_map(Host::poll_timeout).min() {
        now = at;
        ends.iter_mut().for_each(|end| end.handle_timeout(now));
        carry(&mut now, &mut ends);
    }
    let held = account().live - before;
    let told: usize = ends.iter().map(Host::memory).sum::<usize>() - told_before;
    let each = held as usize / (2 * COUNT);
    assert!(each <= 1_024, "{each} octets for a connection at rest");
    // What a host says it holds is what the allocator gave it, but for the places of lists.
    assert!(told.abs_diff(held as usize) * 20 <= held as usize, "it says {told}, and it is {held}");
}
