//! One host per core, nothing shared: a server on four threads, and one caller who does not know it.
//!
//! ```sh
//! cargo run --release --example many_cores -- 4 20000
//! ```
//!
//! All four hosts have the same address and listen on the same port. Each packet goes to the host that the hash of its
//! flow names, as a network card with the symmetric key would do it; what a host sends needs no steering. No
//! host ever sees a packet of another's flow: none is answered with a reset. Hosts call back as well: the ports that
//! they choose lead to themselves.

#![allow(clippy::disallowed_methods, reason = "an example of threads, and of real time")]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use bytes::Bytes;
use tcpstate::Instant;
use tcpstate::connection::Received;
use tcpstate::host::{
    ConnId, Event, Host, HostConfig, ListenConfig, ListenOn, LocalAddress, Readiness, Shard, rss,
};

const SERVER: &str = "192.0.2.1";
const CALLER: &str = "192.0.2.2";
/// What is asked, and answered by as many octets.
const QUESTION: &[u8] = b"which core are you?";
/// Calls that are open at once.
const AT_ONCE: usize = 200;

/// What a thread has done.
#[derive(Default)]
struct Done {
    served: u64,
    called: u64,
    packets_in: u64,
    packets_out: u64,
    resets: u64,
}

/// A host on a thread: packets come in by a channel, and leave by one of several.
struct Core<'a> {
    host: Host,
    packets: Receiver<Bytes>,
    to: &'a [SyncSender<Bytes>],
    epoch: std::time::Instant,
}

impl Core<'_> {
    fn now(&self) -> Instant {
        Instant::from_epoch(self.epoch.elapsed())
    }

    /// Sends what there is to send: each packet to the host that its flow belongs to.
    fn send(&mut self) {
        let (now, mut out) = (self.now(), [0; 1500]);
        while let Some(transmit) = self.host.poll_transmit(now, &mut out) {
            let Some(packet) = out.get(..transmit.len) else { return };
            let shard = rss::packet_hash(packet).map_or(0, |hash| rss::shard(hash, self.to.len() as u32));
            if let Some(to) = self.to.get(shard as usize) {
                // A channel that is full loses the packet, as a card would. TCP sends it again.
                let _ = to.try_send(Bytes::copy_from_slice(packet));
            }
        }
    }

    /// Waits for packets, or the next deadline, and takes in all that have come; `false` when there is nobody left to
    /// send any.
    fn wait(&mut self) -> bool {
        let now = self.now();
        let until = self.host.poll_timeout().map_or(Duration::from_millis(100), |at| at - now);
        let first = self.packets.recv_timeout(until.min(Duration::from_millis(100)));
        let now = self.now();
        let came = self.packets.try_iter().take(64);
        let gone = first == Err(RecvTimeoutError::Disconnected);
        let packets: Vec<Bytes> = first.into_iter().chain(came).collect();
        self.host.handle_packets(now, &packets);
        self.host.handle_timeout(now);
        !gone
    }

    fn done(&self, served: u64, called: u64) -> Done {
        let stats = self.host.stats();
        let (packets_in, packets_out, resets) = (stats.packets_in, stats.packets_out, stats.resets_out);
        Done { served, called, packets_in, packets_out, resets }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let cores: u32 = args.next().map_or(Ok(4), |count| count.parse())?;
    let calls: u64 = args.next().map_or(Ok(2_000), |count| count.parse())?;
    let epoch = std::time::Instant::now();
    let (to_caller, from_servers) = sync_channel(4096);
    let (to_servers, from_caller): (Vec<_>, Vec<_>) = (0..cores.max(1)).map(|_| sync_channel(4096)).unzip();
    let to_caller = [to_caller];

    let (caller, servers) = std::thread::scope(|scope| {
        let mut servers = Vec::new();
        for (index, packets) in (0..).zip(from_caller) {
            let (to, shard) = (&to_caller[..], Shard { index, count: cores });
            servers.push(scope.spawn(move || {
                let host = host(SERVER, Some(shard))?;
                serve(Core { host, packets, to, epoch }).map_err(|error| error.to_string())
            }));
        }
        let caller = host(CALLER, None).and_then(|host| {
            let core = Core { host, packets: from_servers, to: &to_servers, epoch };
            call(core, calls, cores).map_err(|error| error.to_string())
        });
        drop(to_servers); // the servers hear that nobody calls any more
        let servers: Result<Vec<Done>, String> = servers
            .into_iter()
            .map(|server| server.join().unwrap_or_else(|_| Err("a thread has panicked".to_string())))
            .collect();
        Ok::<_, String>((caller?, servers?))
    })?;

    println!("{calls} calls to one address and port, {cores} hosts on {cores} threads\n");
    println!(
        "{:>6}  {:>8}  {:>8}  {:>10}  {:>11}  {:>6}",
        "core", "served", "called", "packets in", "packets out", "resets"
    );
    let line = |name: &str, done: &Done| {
        println!(
            "{name:>6}  {:>8}  {:>8}  {:>10}  {:>11}  {:>6}",
            done.served, done.called, done.packets_in, done.packets_out, done.resets
        );
    };
    for (number, done) in servers.iter().enumerate() {
        line(&number.to_string(), done);
    }
    line("caller", &caller);
    let served: u64 = servers.iter().map(|done| done.served).sum();
    println!("\n{served} served in {:.2} s", epoch.elapsed().as_secs_f64());
    Ok(())
}

fn host(address: &str, shard: Option<Shard>) -> Result<Host, String> {
    let mut config = HostConfig::default();
    let ip = address.parse().map_err(|error| format!("{error}"))?;
    config.addresses.push(LocalAddress::new(ip, 24));
    config.shard = shard;
    // One secret for all hosts of an address: their SYN cookies and sequence numbers agree. Not a secret here.
    Host::new(config, [address.len() as u8; 32]).map_err(|error| error.to_string())
}

/// A server: answers what it is asked, and calls back once.
fn serve(mut core: Core<'_>) -> Result<Done, Box<dyn Error>> {
    core.host.listen(ListenOn::port(7), &ListenConfig::default())?;
    let (mut served, mut called) = (0, 0);
    let back = core.host.connect(core.now(), format!("{CALLER}:9").parse()?)?;
    loop {
        core.send();
        if !core.wait() {
            return Ok(core.done(served, called));
        }
        let now = core.now();
        while let Some(event) = core.host.poll_event() {
            match event {
                Event::Incoming { listener } => while core.host.accept(listener).is_some() {},
                Event::Connection { id, ready, .. } if id == back => {
                    called += u64::from(ready.contains(Readiness::CONNECTED));
                    core.host.release(now, back);
                }
                Event::Connection { id, .. } => served += u64::from(answer(&mut core.host, now, id)),
                _ => {}
            }
        }
    }
}

/// Sends back what comes, until the end of it. It always fits into the buffer.
fn answer(host: &mut Host, now: Instant, id: ConnId) -> bool {
    let Some(mut connection) = host.connection(id) else { return false };
    loop {
        match connection.recv(now, usize::MAX) {
            Received::Data(octets) => {
                let _ = connection.send_bytes(now, octets);
            }
            Received::Empty => return false,
            _ => {
                host.release(now, id);
                return true;
            }
        }
    }
}

/// The caller: so many calls, some at once; and it is called back by every core.
fn call(mut core: Core<'_>, calls: u64, cores: u32) -> Result<Done, Box<dyn Error>> {
    core.host.listen(ListenOn::port(9), &ListenConfig::default())?;
    let mut open: BTreeMap<ConnId, usize> = BTreeMap::new();
    let (mut begun, mut answered, mut called_back) = (0, 0, 0);
    while answered < calls || called_back < cores {
        let now = core.now();
        while begun < calls && open.len() < AT_ONCE {
            let id = core.host.connect(now, format!("{SERVER}:7").parse()?)?;
            if let Some(mut connection) = core.host.connection(id) {
                connection.send(now, QUESTION)?;
            }
            open.insert(id, 0);
            begun += 1;
        }
        core.send();
        core.wait();
        let now = core.now();
        while let Some(event) = core.host.poll_event() {
            match event {
                Event::Incoming { listener } => {
                    while let Some(id) = core.host.accept(listener) {
                        core.host.release(now, id);
                        called_back += 1;
                    }
                }
                Event::Connection { id, ready, .. } => {
                    let Some(mut connection) = core.host.connection(id) else { continue };
                    if ready.contains(Readiness::CONNECTED) {
                        connection.shutdown(now)?; // there is nothing more to ask
                    }
                    while let Received::Data(octets) = connection.recv(now, usize::MAX) {
                        *open.entry(id).or_default() += octets.len();
                    }
                    if connection.recv(now, 1) != Received::Empty {
                        if open.remove(&id) != Some(QUESTION.len()) {
                            return Err(format!("a call ended early: {:?}", connection.close_reason()).into());
                        }
                        core.host.release(now, id);
                        answered += 1;
                    }
                }
                _ => {}
            }
        }
    }
    // What is still to be acknowledged.
    core.send();
    Ok(core.done(u64::from(called_back), answered))
}
