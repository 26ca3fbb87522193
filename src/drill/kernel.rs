//! Stands in for the system calls until `kernel/` is there: enough to run the tests of the runner.
#![allow(dead_code, reason = "stands in for the system calls until they are there")]

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString as _};
use core::fmt;
use core::net::{IpAddr, SocketAddr};

use super::Profile;
use super::pattern;
use super::script::{Call, Direction, Expr};
use crate::Instant;
use crate::connection::Received;
use crate::host::{ConnId, FiveTuple, Host, ListenOn, ListenerId, LocalAddress};

pub(super) struct Addresses {
    pub(super) ip: IpMode,
    pub(super) local: IpAddr,
    pub(super) prefix_len: u8,
    pub(super) remote: IpAddr,
    pub(super) mtu: u16,
    pub(super) bind_port: u16,
    pub(super) connect_port: u16,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IpMode {
    V4,
    MappedV6,
    V6,
}
pub(super) struct Kernel {
    pub(super) host: Host,
    at: Addresses,
    listener: Option<ListenerId>,
    conn: Option<ConnId>,
    written: u64,
    read: u64,
    profile: Profile,
}
pub(super) enum Progress {
    Returned(Returned),
    Blocked(Blocked),
}
pub(super) struct Blocked {
    call: Call,
}
impl Blocked {
    pub(super) fn deadline(&self) -> Option<Instant> {
        None
    }
}
pub(super) struct Returned {
    pub(super) value: i64,
}
impl fmt::Display for Returned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.value)
    }
}
pub(super) enum CallFailure {
    Unsupported(String),
    Failed(String),
}
pub(super) struct Unsupported(pub(super) String);
pub(super) enum ShellOutcome {
    Done,
    Failed(String),
}
pub(super) type Symbols = BTreeMap<&'static str, i128>;

fn int(call: &Call, at: usize) -> i64 {
    match call.arguments.get(at) {
        Some(&Expr::Integer(n)) => n,
        _ => 0,
    }
}

impl Kernel {
    pub(super) fn new(profile: &Profile, at: Addresses) -> Result<Self, Unsupported> {
        let mut config = profile.host.clone();
        config.addresses.push(LocalAddress::new(at.local, at.prefix_len));
        config.mtu = at.mtu;
        let host = Host::new(config, [7; 32]).map_err(|error| Unsupported(error.to_string()))?;
        Ok(Self { host, at, listener: None, conn: None, written: 0, read: 0, profile: profile.clone() })
    }
    fn try_call(&mut self, now: Instant, call: &Call) -> Result<Progress, CallFailure> {
        let done = |value| Ok(Progress::Returned(Returned { value }));
        match call.name.as_str() {
            "socket" => done(3),
            "bind" | "setsockopt" | "fcntl" => done(0),
            "listen" => {
                let on = ListenOn::port(self.at.bind_port);
                self.listener = self.host.listen(on, &self.profile.listen).ok();
                done(0)
            }
            "connect" => {
                if self.conn.is_none() {
                    let remote = SocketAddr::new(self.at.remote, self.at.connect_port);
                    self.conn = self.host.connect(now, remote).ok();
                    if call.errno.is_some() {
                        return done(-1);
                    }
                }
                let id = self.conn;
                match id.and_then(|id| self.host.connection(id)).map(|c| c.state()) {
                    Some(crate::State::SynSent | crate::State::SynReceived) => {
                        Ok(Progress::Blocked(Blocked { call: call.clone() }))
                    }
                    _ => done(0),
                }
            }
            "accept" => match self.listener.and_then(|listener| self.host.accept(listener)) {
                Some(id) => {
                    self.conn = Some(id);
                    done(4)
                }
                None => Ok(Progress::Blocked(Blocked { call: call.clone() })),
            },
            "write" => {
                let octets = pattern::octets(Direction::Out, self.written, int(call, 2) as usize);
                let sent = self.conn.and_then(|id| self.host.connection(id)?.send(now, &octets).ok());
                self.written += sent.unwrap_or(0) as u64;
                done(sent.unwrap_or(0) as i64)
            }
            "read" => {
                let Some(mut connection) = self.conn.and_then(|id| self.host.connection(id)) else {
                    return done(-1);
                };
                match connection.recv(now, int(call, 2) as usize) {
                    Received::Data(octets) => {
                        if pattern::first_difference(Direction::In, self.read, &octets).is_some() {
                            return Err(CallFailure::Failed("what was read differs".into()));
                        }
                        self.read += octets.len() as u64;
                        done(octets.len() as i64)
                    }
                    Received::Empty => Ok(Progress::Blocked(Blocked { call: call.clone() })),
                    _ => done(0),
                }
            }
            "shutdown" => {
                self.conn.and_then(|id| self.host.connection(id)?.shutdown(now).ok());
                done(0)
            }
            "close" => {
                self.conn.and_then(|id| self.host.connection(id)?.close(now).ok());
                done(0)
            }
            other => Err(CallFailure::Unsupported(format!("system call {other}"))),
        }
    }
    pub(super) fn start(&mut self, now: Instant, call: &Call) -> Result<Progress, CallFailure> {
        self.try_call(now, call)
    }
    pub(super) fn resume(&mut self, now: Instant, blocked: &mut Blocked) -> Result<Progress, CallFailure> {
        let call = blocked.call.clone();
        self.try_call(now, &call)
    }
    pub(super) fn settle(&mut self, _now: Instant) {
        while self.host.poll_event().is_some() {}
    }
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        None
    }
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.host.handle_timeout(now);
    }
    pub(super) fn check(&self, call: &Call, got: &Returned) -> Result<(), String> {
        match call.result {
            Some(Expr::Integer(n)) if n != got.value => Err(format!("expected {n}, got {}", got.value)),
            _ => Ok(()),
        }
    }
    pub(super) fn symbols(&self, _now: Instant) -> Symbols {
        Symbols::new()
    }
    pub(super) fn shell(&mut self, _now: Instant, line: &str) -> Result<ShellOutcome, Unsupported> {
        match line {
            "true" => Ok(ShellOutcome::Done),
            "false" => Ok(ShellOutcome::Failed("it fails".into())),
            _ => Err(Unsupported(format!("shell command {line}"))),
        }
    }
    pub(super) fn bound(&self) -> Option<SocketAddr> {
        None
    }
    pub(super) fn under_test(&self) -> Option<FiveTuple> {
        None
    }
    pub(super) fn sent_octet(&self, _tuple: &FiveTuple, _place: u64) -> Option<u8> {
        None
    }
}
