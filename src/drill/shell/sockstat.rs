//! FreeBSD's `sockstat` and `tcpdrop`, over the connections of the host.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::{ShellOutcome, unsupported};
use crate::drill::kernel::{Kernel, Unsupported};
use crate::{Instant, State};

/// What FreeBSD calls a state.
const fn name(state: State) -> &'static str {
    match state {
        State::Closed => "CLOSED",
        State::Listen => "LISTEN",
        State::SynSent => "SYN_SENT",
        State::SynReceived => "SYN_RCVD",
        State::Established => "ESTABLISHED",
        State::CloseWait => "CLOSE_WAIT",
        State::FinWait1 => "FIN_WAIT_1",
        State::Closing => "CLOSING",
        State::LastAck => "LAST_ACK",
        State::FinWait2 => "FIN_WAIT_2",
        State::TimeWait => "TIME_WAIT",
    }
}

/// What is asked for.
#[derive(Default)]
struct Filter {
    v4: bool,
    v6: bool,
    listening: bool,
    connected: bool,
    ports: Vec<u16>,
}

impl Filter {
    fn parse(arguments: &[&str]) -> Result<Self, Unsupported> {
        let mut filter = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let Some(flags) = argument.strip_prefix('-') else {
                return unsupported(format!("sockstat {argument}"));
            };
            for flag in flags.chars() {
                match flag {
                    '4' => filter.v4 = true,
                    '6' => filter.v6 = true,
                    'l' => filter.listening = true,
                    'c' => filter.connected = true,
                    'n' | 'q' | 's' | 'w' | 'L' => {}
                    'P' if rest.next() == Some(&"tcp") => {}
                    'p' => filter.ports = ports(rest.next())?,
                    _ => return unsupported(format!("sockstat {argument}")),
                }
            }
        }
        Ok(filter)
    }

    fn takes(&self, local: SocketAddr, remote: Option<SocketAddr>, state: State) -> bool {
        let version = !(self.v4 || self.v6) || if local.is_ipv4() { self.v4 } else { self.v6 };
        let listens = state == State::Listen;
        let kind =
            !(self.listening || self.connected) || if listens { self.listening } else { self.connected };
        let named = |at: SocketAddr| self.ports.contains(&at.port());
        version && kind && (self.ports.is_empty() || named(local) || remote.is_some_and(named))
    }
}

fn ports(list: Option<&&str>) -> Result<Vec<u16>, Unsupported> {
    let Some(list) = list else { return unsupported("sockstat -p without a port") };
    let ports: Result<Vec<u16>, _> = list.split(',').map(str::parse).collect();
    ports.map_err(|_| Unsupported(format!("sockstat -p {list}")))
}

/// Every TCP socket: who listens, half-open connections, connections, and those in TIME-WAIT.
fn sockets(kernel: &Kernel, now: Instant) -> Vec<(SocketAddr, Option<SocketAddr>, State)> {
    let mut all: Vec<_> = kernel.listening().into_iter().map(|local| (local, None, State::Listen)).collect();
    let connections = kernel.host.connections(now).filter(|view| view.state != State::TimeWait);
    all.extend(connections.map(|view| (view.tuple.local(), Some(view.tuple.remote()), view.state)));
    all.extend(kernel.host.rows().map(|row| (row.tuple.local(), Some(row.tuple.remote()), row.state)));
    all
}

/// What sockstat prints.
pub(super) fn lines(kernel: &Kernel, now: Instant, arguments: &[&str]) -> Result<Vec<String>, Unsupported> {
    let filter = Filter::parse(arguments)?;
    let line = |(local, remote, state): (SocketAddr, Option<SocketAddr>, State)| {
        let proto = if local.is_ipv4() { "tcp4" } else { "tcp6" };
        let remote = remote.map_or_else(|| String::from("*:*"), |remote| format!("{remote}"));
        format!("root packetdrill 1 3 {proto} {local} {remote} {}", name(state))
    };
    let taken = sockets(kernel, now)
        .into_iter()
        .filter(|(local, remote, state)| filter.takes(*local, *remote, *state));
    Ok(taken.map(line).collect())
}

/// `tcpdrop -s STATE`, `tcpdrop -a`: connections are forgotten; those that live are reset.
pub(super) fn drop_connections(
    kernel: &mut Kernel,
    now: Instant,
    arguments: &[&str],
) -> Result<ShellOutcome, Unsupported> {
    let wanted = match arguments {
        ["-a"] | ["-la"] => None,
        ["-s", state] | ["-a", "-s", state] => Some(*state),
        _ => return unsupported(format!("tcpdrop {}", arguments.join(" "))),
    };
    kernel.drop_connections(now, |state| wanted.is_none_or(|wanted| wanted == name(state)));
    Ok(ShellOutcome::Done)
}
