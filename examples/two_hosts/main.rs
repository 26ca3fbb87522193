//! Two hosts on one lossy link: a server and its callers, with a capture to look at and a table to read. No root, no
//! interface, no waiting: the time is virtual, and the same seed gives the same packets.
//!
//! ```sh
//! cargo run --features pcap,sim --example two_hosts -- two_hosts.pcapng
//! ```
//!
//! The client asks for files of several sizes over IPv4 and IPv6, all at once over one link. Each call says what it
//! wants and then that it has no more to say (a half-close); the server answers and closes too. One call goes to a
//! port where nobody listens. Beside that go UDP datagrams, which are sent back, and pings.

#![allow(clippy::indexing_slicing, reason = "an example may fail by panicking")]

use std::error::Error;
use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use tcpstate::Instant;
use tcpstate::capture::PcapngWriter;
use tcpstate::host::{Host, HostConfig, LocalAddress};
use tcpstate::sim::{Fate, HostNode, HostUser, Link, LinkConfig, Probability, World};
use tcpstate::wire::LinkType;

mod client;
mod probes;
mod server;

use client::{Call, Client};
use probes::Probes;
use server::Server;

const SEED: u64 = 7;

/// Whoever sits on a host.
enum User {
    Client(Client),
    Server(Server),
}

impl HostUser for User {
    fn act(&mut self, now: Instant, host: &mut Host) {
        match self {
            Self::Client(client) => client.act(now, host),
            Self::Server(server) => server.act(now, host),
        }
    }

    fn wakes(&self) -> Option<Instant> {
        match self {
            Self::Client(client) => client.wakes(),
            Self::Server(server) => server.wakes(),
        }
    }

    fn raw(&mut self, now: Instant, packet: &[u8]) {
        match self {
            Self::Client(client) => client.raw(now, packet),
            Self::Server(server) => server.raw(now, packet),
        }
    }

    fn poll_raw(&mut self) -> Option<Vec<u8>> {
        match self {
            Self::Client(client) => client.poll_raw(),
            Self::Server(server) => server.poll_raw(),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).map(PathBuf::from);
    let mut server_host = host(["192.0.2.1", "2001:db8::1"], [1; 32])?;
    let server = Server::start(&mut server_host)?;
    let mut client_host = host(["192.0.2.2", "2001:db8::2"], [2; 32])?;
    let probes = Probes::new(&mut client_host, "192.0.2.1:7".parse()?)?;
    let client = Client::new(calls()?, "192.0.2.2".parse()?, probes);

    let mut world = World::new(SEED);
    let a = world.add(HostNode::new(client_host, User::Client(client)));
    let b = world.add(HostNode::new(server_host, User::Server(server)));
    let mut link = LinkConfig::default();
    link.delay = Duration::from_millis(15);
    link.rate = std::num::NonZeroU64::new(20_000_000);
    link.queue = 100_000;
    link.loss = Probability::percent(1);
    let there = world.link(a, b, link).ok_or("no such node")?;
    let back = world.link(b, a, link).ok_or("no such node")?;
    world.record_frames(true);
    world.run()?;

    let mut frames = Vec::new();
    while let Some(frame) = world.poll_frame() {
        frames.push(frame);
    }
    if let Some(path) = &path {
        let mut capture = PcapngWriter::new(File::create(path)?, &[LinkType::RawIp.dlt()])?;
        for frame in &frames {
            let lost = matches!(frame.fate, Fate::Dropped(_)).then_some("lost on the way");
            let (packet, len) = (&frame.packet, u32::try_from(frame.packet.len())?);
            capture.write_frame(frame.time, LinkType::RawIp.dlt(), packet, len, lost)?;
        }
        capture.finish()?;
    }

    let node = |id| world.node(id).ok_or("no such node");
    let (User::Client(client), User::Server(server)) = (node(a)?.user(), node(b)?.user()) else {
        return Err("the hosts have changed places".into());
    };
    println!("two hosts, 15 ms and 20 Mbit/s apart, 1 % of the packets lost; seed {SEED}\n");
    println!(
        "     {:<20} {:>9}  {:>9}  {:>9}  {:>9}  {:>6}  {:>10}  {:<9}",
        "call to", "octets", "connected", "first", "last", "Mbit/s", "sent again", "ended"
    );
    for (number, call) in client.calls().iter().enumerate() {
        print_call(number + 1, call, server);
    }
    println!("\nUDP      {}", client.probes().datagrams.summary());
    println!("ping     {}", client.probes().pings.summary());
    let (there, back) = (world.link_of(there), world.link_of(back));
    let lost = |link: Option<&Link>| link.map_or(0, |link| link.stats().dropped());
    let (host, callers) = (node(b)?.host(), node(a)?.host().stats().packets_out);
    println!(
        "server   {} calls accepted, {} resets sent",
        host.passive_stats().completed,
        host.stats().resets_out
    );
    println!("link     {} packets to the server, {} of them lost", grouped(callers), lost(there));
    println!(
        "         {} packets to the client, {} of them lost",
        grouped(host.stats().packets_out),
        lost(back)
    );
    println!("time     {:.1} s, TIME-WAIT included, none of it real", world.now().as_nanos() as f64 / 1e9);
    if let Some(path) = path {
        println!(
            "capture  {} ({} packets): open it with Wireshark, or with\n         tcpstate replay {}",
            path.display(),
            grouped(frames.len() as u64),
            path.display()
        );
    }
    Ok(())
}

fn print_call(number: usize, call: &Call, server: &Server) {
    let dash = || "–".to_string();
    let time = |at: Option<Instant>| {
        at.map_or_else(dash, |at| format!("{:.1} ms", (at - call.start).as_secs_f64() * 1e3))
    };
    let rate = call.last.filter(|_| call.read > 0).map_or_else(dash, |last| {
        format!("{:.2}", call.read as f64 * 8.0 / (last - call.start).as_secs_f64() / 1e6)
    });
    let its = call.local.and_then(|local| server.told(local));
    println!(
        "{number:>3}  {:<20} {:>9}  {:>9}  {:>9}  {:>9}  {rate:>6}  {:>10}  {}",
        call.to.to_string(),
        grouped(call.read),
        time(call.connected),
        time(call.first),
        time(call.last),
        its.map_or_else(dash, |its| grouped(its.retransmitted)),
        call.ended.as_deref().unwrap_or("never")
    );
}

/// `1,000,000`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

fn host(addresses: [&str; 2], secret: [u8; 32]) -> Result<Host, Box<dyn Error>> {
    let mut config = HostConfig::default();
    for (address, prefix_len) in addresses.into_iter().zip([24, 64]) {
        config.addresses.push(LocalAddress::new(address.parse()?, prefix_len));
    }
    Ok(Host::new(config, secret)?)
}

/// Eight files, 20 ms between one call and the next; and somebody who has the wrong number.
fn calls() -> Result<Vec<Call>, Box<dyn Error>> {
    let sizes: [u64; 8] = [1_000, 10_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000];
    let mut calls = Vec::new();
    for (number, octets) in sizes.into_iter().enumerate() {
        let to = if number % 3 == 2 { "[2001:db8::1]:80" } else { "192.0.2.1:80" };
        let start = Instant::ZERO + Duration::from_millis(20) * u32::try_from(number)?;
        calls.push(Call::new(to.parse()?, octets, start));
    }
    calls.push(Call::new("192.0.2.1:81".parse()?, 1, Instant::ZERO + Duration::from_millis(160)));
    Ok(calls)
}
