//! A kernel and a peer, wired by hand.

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::*;
use crate::connection::Received;
use crate::drill::parse;
use crate::drill::pattern;
use crate::drill::script::{Action, Direction};
use crate::host::{ConnId, ConnectOptions, HostConfig, ListenConfig, ListenOn, ListenerId};

/// A kernel and its peer on one wire, in virtual time.
pub(in crate::drill) struct World {
    pub(in crate::drill) kernel: Kernel,
    pub(in crate::drill) peer: Host,
    pub(in crate::drill) now: Instant,
    listening: Option<ListenerId>,
    pub(super) blocked: Option<(Blocked, Call)>,
}

const LOCAL: &str = "192.168.0.1";
const REMOTE: &str = "192.0.2.1";

fn addresses() -> Addresses {
    Addresses {
        ip: IpMode::V4,
        local: LOCAL.parse().unwrap(),
        prefix_len: 16,
        remote: REMOTE.parse().unwrap(),
        mtu: 1500,
        bind_port: 8080,
        connect_port: 8080,
    }
}

pub(super) fn call(text: &str) -> Call {
    let script = parse(&alloc::format!("0 {text}"), &[]).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    match &script.events[0].action {
        Action::Call(call) => call.clone(),
        other => panic!("{other:?}"),
    }
}

impl World {
    pub(in crate::drill) fn linux() -> Self {
        Self::new(&Profile::linux())
    }

    pub(in crate::drill) fn freebsd() -> Self {
        Self::new(&Profile::freebsd())
    }

    pub(in crate::drill) fn new(profile: &Profile) -> Self {
        let mut config = HostConfig::default();
        (config.connection.tcp.nagle, config.connection.tcp.ack_delay) = (false, Duration::ZERO);
        config.addresses.push(LocalAddress::new(REMOTE.parse().unwrap(), 24));
        Self {
            kernel: Kernel::new(profile, addresses()).unwrap(),
            peer: Host::new(config, [7; 32]).unwrap(),
            now: Instant::ZERO,
            listening: None,
            blocked: None,
        }
    }

    /// A call that returns at once, as it says.
    #[track_caller]
    pub(in crate::drill) fn call(&mut self, text: &str) -> &mut Self {
        let call = call(text);
        match self.kernel.start(self.now, &call) {
            Ok(Progress::Returned(returned)) => {
                self.kernel.check(&call, &returned).unwrap_or_else(|why| panic!("{text}: {why:?}"));
            }
            other => panic!("{text}: {other:?}"),
        }
        self
    }

    #[track_caller]
    pub(in crate::drill) fn calls(&mut self, texts: &[&str]) -> &mut Self {
        for text in texts {
            self.call(text);
        }
        self
    }

    /// A call that waits.
    #[track_caller]
    pub(in crate::drill) fn blocks(&mut self, text: &str) -> &mut Self {
        let call = call(text);
        match self.kernel.start(self.now, &call) {
            Ok(Progress::Blocked(blocked)) => self.blocked = Some((blocked, call)),
            other => panic!("{text}: {other:?}"),
        }
        self
    }

    /// The call that waits goes on waiting.
    #[track_caller]
    pub(in crate::drill) fn waits(&mut self) -> &mut Self {
        let (blocked, call) = self.blocked.as_mut().unwrap();
        match self.kernel.resume(self.now, blocked) {
            Ok(Progress::Blocked(_)) => {}
            other => panic!("{call:?}: {other:?}"),
        }
        self
    }

    /// The call that waits returns, as it says.
    #[track_caller]
    pub(in crate::drill) fn returns(&mut self) -> &mut Self {
        let (mut blocked, call) = self.blocked.take().unwrap();
        match self.kernel.resume(self.now, &mut blocked) {
            Ok(Progress::Returned(returned)) => {
                self.kernel.check(&call, &returned).unwrap_or_else(|why| panic!("{call:?}: {why:?}"));
            }
            other => panic!("{call:?}: {other:?}"),
        }
        self
    }

    /// A call of which something is not supported; what that is contains `what`.
    #[track_caller]
    pub(in crate::drill) fn refuses(&mut self, text: &str, what: &str) -> &mut Self {
        let call = call(text);
        let refused = match self.kernel.start(self.now, &call) {
            Ok(Progress::Returned(returned)) => self.kernel.check(&call, &returned),
            Ok(Progress::Blocked(_)) => Ok(()),
            Err(failure) => Err(failure),
        };
        match refused {
            Err(CallFailure::Unsupported(why)) if why.contains(what) => {}
            other => panic!("{text}: {other:?}"),
        }
        self
    }

    /// Carries packets both ways until there are none.
    pub(in crate::drill) fn carry(&mut self) -> &mut Self {
        loop {
            let ours = packets(&mut self.kernel.host, self.now);
            let theirs = packets(&mut self.peer, self.now);
            if ours.is_empty() && theirs.is_empty() {
                self.kernel.settle(self.now);
                return self;
            }
            for packet in &ours {
                self.peer.handle_packet(self.now, &packet[..]);
            }
            for packet in &theirs {
                self.kernel.host.handle_packet(self.now, &packet[..]);
            }
        }
    }

    /// What the kernel sends is lost.
    pub(in crate::drill) fn lose(&mut self) -> usize {
        packets(&mut self.kernel.host, self.now).len()
    }

    pub(in crate::drill) fn pass(&mut self, millis: u64) -> &mut Self {
        self.now = self.now + Duration::from_millis(millis);
        self.kernel.handle_timeout(self.now);
        self.peer.handle_timeout(self.now);
        self
    }

    pub(in crate::drill) fn peer_listens(&mut self) -> &mut Self {
        let on = ListenOn::port(8080);
        self.listening = Some(self.peer.listen(on, &ListenConfig::default()).unwrap());
        self
    }

    /// The peer listens, and gives Fast Open cookies.
    pub(in crate::drill) fn peer_listens_fast(&mut self) -> &mut Self {
        let config = ListenConfig { fast_open: true, ..ListenConfig::default() };
        self.listening = Some(self.peer.listen(ListenOn::port(8080), &config).unwrap());
        self
    }

    /// The peer connects with Fast Open, and sends octets with its SYN if it has a cookie.
    pub(in crate::drill) fn peer_connects_fast(&mut self, octets: &[u8]) -> ConnId {
        let to: SocketAddr = alloc::format!("{LOCAL}:8080").parse().unwrap();
        let mut connection = self.peer.config().connection;
        connection.tcp.fast_open = true;
        let options = ConnectOptions { connection: Some(connection), ..ConnectOptions::default() };
        let id = self.peer.connect_with(self.now, to, &options).unwrap();
        self.peer.connection(id).unwrap().send(self.now, octets).unwrap();
        self.carry();
        id
    }

    pub(in crate::drill) fn peer_accepts(&mut self) -> ConnId {
        self.peer.accept(self.listening.unwrap()).unwrap()
    }

    pub(in crate::drill) fn peer_connects(&mut self) -> ConnId {
        let to: SocketAddr = alloc::format!("{LOCAL}:8080").parse().unwrap();
        let id = self.peer.connect(self.now, to).unwrap();
        self.carry();
        id
    }

    /// A listening socket 3, and an accepted one 4; both without blocking if `nonblocking`.
    #[track_caller]
    pub(in crate::drill) fn accepted(&mut self) -> ConnId {
        self.calls(&[
            "socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
            "setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0",
            "bind(3, ..., ...) = 0",
            "listen(3, 1) = 0",
        ]);
        let id = self.peer_connects();
        self.call("accept(3, ..., ...) = 4");
        id
    }

    #[track_caller]
    pub(in crate::drill) fn connected(&mut self) -> ConnId {
        self.peer_listens();
        self.calls(&[
            "socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
            "fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0",
            "connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)",
        ]);
        self.carry();
        self.peer_accepts()
    }

    /// The peer writes so many octets from that place of its stream.
    pub(in crate::drill) fn peer_writes(&mut self, id: ConnId, place: u64, len: usize) -> &mut Self {
        let octets = pattern::octets(Direction::In, place, len);
        assert_eq!(self.peer.connection(id).unwrap().send(self.now, &octets), Ok(len));
        self.carry()
    }

    /// What the peer has read is what was written, from that place on.
    #[track_caller]
    pub(in crate::drill) fn peer_reads(&mut self, id: ConnId, place: u64, len: usize) -> &mut Self {
        let mut all = Vec::new();
        while let Received::Data(octets) = self.peer.connection(id).unwrap().recv(self.now, usize::MAX) {
            all.extend_from_slice(&octets);
        }
        assert_eq!(all.len(), len);
        assert_eq!(pattern::first_difference(Direction::Out, place, &all), None);
        self.carry()
    }

    pub(in crate::drill) fn peer_closes(&mut self, id: ConnId) -> &mut Self {
        self.peer.connection(id).unwrap().shutdown(self.now).unwrap();
        self.carry()
    }

    pub(in crate::drill) fn peer_resets(&mut self, id: ConnId) -> &mut Self {
        self.peer.connection(id).unwrap().abort(self.now).unwrap();
        self.carry()
    }

    pub(in crate::drill) fn state(&mut self, id: ConnId) -> Received {
        self.peer.connection(id).unwrap().recv(self.now, usize::MAX)
    }

    pub(in crate::drill) fn shows(&self, name: &str) -> Option<i128> {
        self.kernel.symbols(self.now).get(name).copied()
    }
}

pub(super) fn packets(host: &mut Host, now: Instant) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut out = [0; 2000];
    while let Some(transmit) = host.poll_transmit(now, &mut out) {
        all.push(out[..transmit.len].to_vec());
    }
    all
}

impl Kernel {
    pub(in crate::drill) fn fin_wait_2(&self, fd: i64) -> Option<Duration> {
        Some(self.machine(fd)?.config().fin_wait_2)
    }
}
