//! What a seed stands for: hosts, their choices and limits, the network, and what is done.

use std::net::SocketAddr;
use std::time::Duration;

use tcpstate::connection::ConnectionConfig;
use tcpstate::host::{HostConfig, ListenConfig, LocalAddress, RateLimit, SynCookies};
use tcpstate::sim::Prng;
use tcpstate::tcp::{Ecn, Keepalive};

use super::ends::{Ending, Plan};
use super::net::{MS, Weather};
use super::world::World;

/// Ports that hosts listen on. Nobody listens on the one behind them.
pub(crate) const PORTS: [u16; 3] = [80, 81, 82];
/// Where callers call from who do not leave it to the host; listened on as well, so that calls can cross.
const FIXED: [u16; 3] = [4_000, 4_001, 80];

#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) hosts: Vec<HostConfig>,
    pub(crate) weather: Weather,
    /// Things done before the network becomes perfect.
    pub(crate) deeds: u64,
    /// Users get few octets each.
    is_small: bool,
    pub(crate) habits: Habits,
}

/// How the hosts are driven.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Habits {
    /// Packets are handed in by reference.
    pub(crate) by_reference: bool,
    /// Packets are polled before events.
    pub(crate) packets_first: bool,
    /// Percent of the moments at which no packets are polled: the line is busy.
    pub(crate) busy: u32,
    /// The clock of the hosts steps back now and then, by up to so many nanoseconds.
    pub(crate) steps_back: u64,
}

/// One of the values, each as likely as the others.
fn one_of<T: Copy>(rng: &mut Prng, values: &[T]) -> T {
    values[rng.below(values.len() as u64) as usize]
}

fn one_in(rng: &mut Prng, many: u64) -> bool {
    rng.below(many) == 0
}

pub(crate) fn scene(seed: u64) -> Scene {
    let mut rng = Prng::stream(seed, 1);
    let rng = &mut rng;
    let count = rng.between(2, 4);
    let versions = one_of(rng, &[(true, false), (false, true), (true, true)]);
    let is_small = !one_in(rng, 5);
    let mut hosts: Vec<_> = (0..count).map(|host| config(rng, host as u8 + 1, versions)).collect();
    if is_small && one_in(rng, 8) {
        // Octet by octet.
        hosts[0].connection.tcp.receive_window = 1;
    }
    let habits = Habits {
        by_reference: one_in(rng, 2),
        packets_first: one_in(rng, 2),
        busy: one_of(rng, &[0, 0, 0, 20, 70]),
        steps_back: if one_in(rng, 10) { 50 * MS } else { 0 },
    };
    Scene { hosts, weather: weather(rng), deeds: rng.between(3, 24), is_small, habits }
}

fn weather(rng: &mut Prng) -> Weather {
    let delay = one_of(rng, &[0, MS / 10, 5 * MS, 80 * MS]);
    let calm = Weather { delay, jitter: one_of(rng, &[0, delay / 10]), ..Weather::default() };
    if one_in(rng, 4) {
        return calm;
    }
    Weather {
        delay,
        jitter: one_of(rng, &[0, delay / 4, 3 * delay, 20 * MS]),
        loss: one_of(rng, &[0, 1, 5, 25]),
        duplicate: one_of(rng, &[0, 2, 20]),
        corrupt: one_of(rng, &[0, 2, 10]),
        hold: one_of(rng, &[0, 0, 2]),
    }
}

fn config(rng: &mut Prng, number: u8, (v4, v6): (bool, bool)) -> HostConfig {
    let mut config = HostConfig::default();
    let mtus: &[u16] = if v6 { &[1280, 1500, 9000] } else { &[128, 576, 1500, 9000] };
    config.mtu = one_of(rng, mtus);
    if v4 {
        config.addresses.push(LocalAddress::new([10, 0, 0, number].into(), 24));
    }
    if v6 {
        let ip = [0xfd00, 0, 0, 0, 0, 0, 0, u16::from(number)];
        config.addresses.push(LocalAddress::new(ip.into(), 64));
    }
    if one_in(rng, 3) {
        config.offload.checksum = true;
        config.offload.segmentation = one_of(rng, &[0, 4_000, 65_535]);
    }
    config.reset_closed_ports = !one_in(rng, 5);
    let (per_second, burst) = one_of(rng, &[(1, 1), (0, 0), (1_000, 1_000), (1_000, 1_000)]);
    config.resets = RateLimit { per_second, burst };
    config.connection = connection(rng);
    limits(rng, &mut config);
    config
}

/// Limits that are felt, in some hosts.
fn limits(rng: &mut Prng, config: &mut HostConfig) {
    let limits = &mut config.limits;
    if one_in(rng, 3) {
        limits.connections = one_of(rng, &[2, 5, 12]);
    }
    if one_in(rng, 3) {
        limits.unreleased = one_of(rng, &[0, 1, 3]);
    }
    if one_in(rng, 3) {
        limits.orphans = one_of(rng, &[0, 1, 3]);
    }
    if one_in(rng, 3) {
        limits.orphan_time = Duration::from_millis(one_of(rng, &[0, 500, 60_000]));
    }
    if one_in(rng, 3) {
        limits.half_open = one_of(rng, &[1, 3]);
        limits.time_wait = one_of(rng, &[0, 1, 3]);
        limits.replies = one_of(rng, &[1, 4]);
    }
    if one_in(rng, 4) {
        limits.memory = one_of(rng, &[180 << 10, 220 << 10, 400 << 10]);
    }
}

fn connection(rng: &mut Prng) -> ConnectionConfig {
    let mut config = ConnectionConfig::default();
    config.send_buffer = one_of(rng, &[4 << 10, 20_000, 64 << 10]);
    config.send_buffer_max = one_of(rng, &[0, 128 << 10]);
    let tcp = &mut config.tcp;
    tcp.receive_window = one_of(rng, &[600, 5_000, 64 << 10, 64 << 10]);
    tcp.receive_window_max = one_of(rng, &[0, 128 << 10, 4 << 20]);
    tcp.timestamps = !one_in(rng, 4);
    tcp.sack = !one_in(rng, 4);
    tcp.window_scaling = !one_in(rng, 4);
    tcp.nagle = !one_in(rng, 3);
    tcp.pacing = !one_in(rng, 3);
    tcp.fast_open = one_in(rng, 3);
    tcp.ecn = one_of(rng, &[Ecn::Off, Ecn::Accept, Ecn::Request]);
    tcp.ack_delay = Duration::from_millis(one_of(rng, &[0, 40, 200]));
    tcp.time_wait = Duration::from_secs(one_of(rng, &[1, 60, 240]));
    tcp.fin_wait_2 = Duration::from_secs(one_of(rng, &[1, 60]));
    // Who waits for a peer that is gone would wait for ever.
    tcp.keepalive = Some(Keepalive { idle: Duration::from_secs(30), ..Keepalive::default() });
    config
}

/// What a new user wants.
pub(crate) fn plan(rng: &mut Prng, is_small: bool) -> Plan {
    let goal = if is_small { one_of(rng, &[0, 1, 700, 9_000]) } else { one_of(rng, &[0, 30_000, 250_000]) };
    let ending = match rng.below(10) {
        0..=3 => Ending::Shutdown,
        4 | 5 => Ending::Close,
        6 => Ending::Abort,
        7 => Ending::Release,
        _ => Ending::AfterPeer,
    };
    Plan {
        goal: if goal > 1 { rng.between(1, goal) } else { goal },
        piece: one_of(rng, &[100, 1_460, 3_000, 65_000]),
        by_reference: one_in(rng, 2),
        gulp: one_of(rng, &[500, 4_000, 65_000]),
        rest: if is_small { one_of(rng, &[0, 0, MS, 300 * MS]) } else { one_of(rng, &[0, 0, MS]) },
        ending,
        linger: one_of(rng, &[0, 0, 1_000 * MS, 90_000 * MS]),
    }
}

/// Does what the seed wants done while the network is bad.
pub(crate) fn play(world: &mut World, scene: &Scene, seed: u64) {
    let mut rng = Prng::stream(seed, 3);
    world.is_small = scene.is_small;
    for host in 0..world.len() {
        for port in PORTS {
            listen(world, &mut rng, host, port);
        }
    }
    for _ in 0..scene.deeds {
        match rng.below(12) {
            0..=3 => call(world, &mut rng),
            4 => {
                // Many call one.
                let crowd = rng.between(2, 12);
                let to = rng.below(world.len() as u64) as usize;
                for _ in 0..crowd {
                    let from = rng.below(world.len() as u64) as usize;
                    call_one(world, &mut rng, from, to);
                }
            }
            5 => {
                let delay = world.net.weather.delay;
                world.net.weather = Weather { delay, ..weather(&mut rng) };
            }
            6 | 7 => world.interfere(),
            8 => {
                let host = rng.below(world.len() as u64) as usize;
                if one_in(&mut rng, 2) {
                    world.unlisten(host);
                }
                listen(world, &mut rng, host, 80);
            }
            9 => world.decide_all(),
            10 => {
                world.pass(rng.between(2_000, 8_000) * MS);
                world.reopen();
            }
            _ => {}
        }
        match rng.below(10) {
            0 => world.pass(rng.between(1, 3_000) * MS),
            1 => world.pass(rng.between(1, 60_000) * MS),
            _ => world.run(rng.below(40)),
        }
    }
}

/// A host listens on a port, in most cases.
fn listen(world: &mut World, rng: &mut Prng, host: usize, port: u16) {
    let mut config = ListenConfig::default();
    if one_in(rng, 3) {
        config.half_open = one_of(rng, &[1, 2]);
        config.backlog = one_of(rng, &[1, 2]);
        config.cookies = one_of(rng, &[SynCookies::Off, SynCookies::UnderPressure, SynCookies::Always]);
    }
    config.decide = one_in(rng, 8);
    config.fast_open = one_in(rng, 2);
    if one_in(rng, 4) {
        config.connection = Some(connection(rng));
    }
    match rng.below(10) {
        0 => {}
        1 => world.listen(host, false, port, &config),
        _ => world.listen(host, true, port, &config),
    }
}

/// Somebody calls somebody.
fn call(world: &mut World, rng: &mut Prng) {
    let count = world.len() as u64;
    let from = rng.below(count) as usize;
    let mut to = rng.below(count) as usize;
    if from == to && !one_in(rng, 4) {
        to = (to + 1) % world.len();
    }
    call_one(world, rng, from, to);
}

fn call_one(world: &mut World, rng: &mut Prng, from: usize, to: usize) {
    let v6 = world.address(from, true).is_some() && (world.address(from, false).is_none() || one_in(rng, 2));
    let (Some(local), Some(remote)) = (world.address(from, v6), world.address(to, v6)) else { return };
    let port = one_of(rng, &[80, 80, 80, 81, 81, 82, 83]);
    match rng.below(6) {
        0 => {
            let (local, remote) =
                (SocketAddr::new(local, one_of(rng, &FIXED)), SocketAddr::new(remote, port));
            if local != remote {
                world.connect(from, Some(local), remote);
            }
        }
        1 => {
            // Both call each other from the ports that they call.
            let (a, b) = (SocketAddr::new(local, 4_000), SocketAddr::new(remote, 4_001));
            world.connect(from, Some(a), b);
            world.connect(to, Some(b), a);
        }
        _ => world.connect(from, None, SocketAddr::new(remote, port)),
    }
}
