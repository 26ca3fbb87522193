//! What owners of hosts and users of connections do.

use std::net::SocketAddr;
use std::time::Duration;

use tcpstate::State;
use tcpstate::connection::SendFlags;
use tcpstate::host::{ConnectOptions, Decision, ListenOn, UdpBind, UdpSend};
use tcpstate::tcp::Keepalive;

use super::{Op, Run, User, address};
use crate::choice;
use crate::record::{Call, Entry, Recorder};

impl<R: Recorder + ?Sized> Run<'_, '_, R> {
    /// What the owner of a host does.
    pub(super) fn owner(&mut self, op: Op) {
        let now = self.now;
        match op {
            Op::Listen(which, how) => {
                let config = choice::listen(&mut self.from);
                let end = &mut self.ends[usize::from(which)];
                let on = match how & 3 {
                    0 => ListenOn::port(7 + u16::from(how >> 4)),
                    1 => ListenOn::ANYTHING,
                    2 => ListenOn::any_port(address(how & 4 == 0, end.number)),
                    _ => ListenOn::from(SocketAddr::new(
                        address(how & 4 == 0, end.number),
                        u16::from(how >> 3),
                    )),
                };
                match end.listeners.first() {
                    Some(&listener) if how & 8 != 0 => drop(end.host.set_listen(listener, &config)),
                    _ => end.listeners.extend(end.host.listen(on, &config)),
                }
            }
            Op::Unlisten(which) => {
                let end = self.end(which);
                if let Some(listener) = end.listeners.pop() {
                    assert!(end.host.unlisten(now, listener), "it listens");
                    assert!(!end.host.unlisten(now, listener), "it has just stopped");
                }
            }
            Op::Connect(which, how) => self.connect(which, how),
            Op::Release(which, id) => {
                let end = &mut self.ends[usize::from(which)];
                if let Some(id) = end.id(id) {
                    let (which, call) = (end.number_of(id), Call::Release);
                    self.recorder.entry(now, &Entry::Call { end: end.number, which, call });
                    end.host.release(now, id);
                    assert!(end.host.connection(id).is_none());
                }
            }
            Op::Decide(which, how) => {
                let decision = [Decision::Accept, Decision::Refuse, Decision::Drop, Decision::Later]
                    [usize::from(how & 3)];
                let end = self.end(which);
                for request in std::mem::take(&mut end.undecided) {
                    let there = end.host.request(request).is_some();
                    assert_eq!(end.host.decide(request, decision).is_ok(), there);
                    if decision == Decision::Later {
                        end.undecided.push(request);
                    }
                }
            }
            Op::Reconfigure(which, how) => {
                let end = self.end(which);
                let mut config = end.host.config().clone();
                config.dscp = how & 63;
                config.reset_closed_ports = how & 64 != 0;
                config.ports = if how & 128 != 0 { 6..=9 } else { 49_152..=65_535 };
                end.host.set_config(&config).expect("these may change");
                end.host.forget_time_wait(|tuple| tuple.local_port() % 2 == 0);
            }
            Op::Bind(..) | Op::Datagram(..) | Op::Close(_) => self.udp(op),
            _ => {}
        }
    }

    fn connect(&mut self, which: bool, how: u8) {
        let now = self.now;
        let mut options = ConnectOptions::default();
        if how & 8 != 0 {
            options.connection = Some(choice::connection(&mut self.from));
        }
        let (end, v6) = (usize::from(which), how & 1 == 1);
        if how & 16 != 0 {
            options.local = Some(SocketAddr::new(address(v6, end), 7 + u16::from(how >> 5 & 1)));
        }
        // To itself, now and then.
        let to = if how & 4 == 0 { 1 - end } else { end };
        let remote = SocketAddr::new(address(v6, to), 7 + u16::from(how >> 1 & 1));
        let (which, call) = (self.ends[end].begun.len(), Call::Connect);
        self.recorder.entry(now, &Entry::Call { end, which, call });
        let end = &mut self.ends[end];
        if let Ok(id) = end.host.connect_with(now, remote, &options) {
            assert!(end.host.connection(id).is_some() && !end.ids.contains(&id), "a new id");
            end.begin(id);
        }
    }

    fn udp(&mut self, op: Op) {
        let now = self.now;
        match op {
            Op::Bind(which, how) => {
                let options = choice::udp(&mut self.from);
                let end = &mut self.ends[usize::from(which)];
                let own = SocketAddr::new(address(how & 4 == 0, end.number), u16::from(how >> 4));
                let peer = SocketAddr::new(address(how & 4 == 0, 1 - end.number), 7);
                let bound = match how & 3 {
                    0 => end.host.udp_bind(UdpBind::Port(u16::from(how >> 4)), options).ok(),
                    1 => end.host.udp_bind(UdpBind::Everything, options).ok(),
                    2 => end.host.udp_bind(UdpBind::Socket(own), options).ok(),
                    _ => end.host.udp_connect(SocketAddr::new(own.ip(), 0), peer, options).ok(),
                };
                end.sockets.extend(bound);
                if let Some(id) = end.sockets.last()
                    && how & 8 != 0
                    && let Some(mut socket) = end.host.udp(*id)
                {
                    let _ = if how & 16 != 0 { socket.connect(peer) } else { socket.disconnect() };
                }
            }
            Op::Datagram(which, socket, len, how) => {
                let end = &mut self.ends[usize::from(which)];
                let to = SocketAddr::new(address(how & 1 == 0, 1 - end.number), 7 + u16::from(how >> 1 & 1));
                let octets = vec![7; usize::from(len)];
                let mut send = UdpSend::default();
                send.dont_fragment = (how & 4 != 0).then_some(how & 8 != 0);
                if let Some(&flow) = end.flows.get(usize::from(socket) % end.flows.len().max(1))
                    && let Some(mut flow) = end.host.udp_flow(flow)
                {
                    let _ = flow.send(now, &octets, &send);
                    let _ = flow.recv();
                }
                let Some(&id) = end.sockets.get(usize::from(socket) % end.sockets.len().max(1)) else {
                    return;
                };
                let Some(mut socket) = end.host.udp(id) else { return };
                let _ = socket.send_to(now, &octets, to, &send);
                let _ = if how & 16 == 0 {
                    socket.recv_from().map(drop)
                } else {
                    socket.recv_from_slice(&mut [0; 50]).map(drop)
                };
                let _ = (socket.take_error(), socket.next_report());
            }
            _ => {
                let Op::Close(which) = op else { return };
                let end = self.end(which);
                if let Some(flow) = end.flows.pop() {
                    end.host.udp_close_flow(flow);
                } else if let Some(id) = end.sockets.pop() {
                    end.host.udp_close(id);
                    assert!(end.host.udp(id).is_none(), "it was closed");
                }
            }
        }
    }

    pub(super) fn user(&mut self, which: bool, id: u8, call: User) {
        let now = self.now;
        let number = usize::from(which);
        let end = &mut self.ends[number];
        let Some(id) = end.id(id) else { return };
        let at = end.number_of(id);
        let Some(mut connection) = end.host.connection(id) else { return };
        let ms = |ms: u16| Duration::from_millis(ms.into());
        let mut told = Call::Other("set");
        let done = match call {
            User::Send(len, how) => {
                let flags = SendFlags { push: how & 1 != 0, more: how & 2 != 0, urgent: how & 4 != 0 };
                let taken = connection.send_with(now, &vec![1; usize::from(len)], flags).unwrap_or(0);
                assert!(taken <= usize::from(len));
                told = Call::Send(taken);
                Ok(())
            }
            User::Read(len) => {
                let before = connection.unread();
                let _ = connection.recv(now, usize::from(len));
                told = Call::Recv(before - connection.unread());
                Ok(())
            }
            User::Shutdown => {
                told = Call::Shutdown;
                connection.shutdown(now)
            }
            User::Close => {
                told = Call::Close;
                connection.close(now)
            }
            User::Abort => {
                told = Call::Abort;
                let done = connection.abort(now);
                assert!(matches!(connection.state(), State::Closed | State::TimeWait), "it was aborted");
                done
            }
            User::Look => {
                let _ = (connection.info(now), connection.close_reason(), connection.is_writable());
                Ok(())
            }
            User::Nagle(on) => connection.set_nagle(now, on),
            User::Flush => connection.flush(now),
            User::Keepalive(idle) => {
                let of = |s: u8| Duration::from_secs(u64::from(s) + 1);
                let keepalive = idle.map(|s| Keepalive { idle: of(s), interval: of(s), count: s });
                connection.set_keepalive(now, keepalive)
            }
            User::Timeout(timeout) => connection.set_user_timeout(now, timeout.map(ms)),
            User::R2(r2) => connection.set_r2(now, ms(r2)),
            User::AckDelay(delay) => connection.set_ack_delay(now, ms(delay)),
            User::Quick(on) => connection.set_quick_ack(now, on),
            User::Window(window) => connection.configure(now, |tcp| tcp.receive_window = window),
            User::Buffer(octets) => {
                connection.set_send_buffer(usize::from(octets), 0);
                Ok(())
            }
            User::Header(dscp, hops) => {
                connection.set_dscp(dscp);
                connection.set_hop_limit(hops);
                Ok(())
            }
        };
        let is_closed = connection.state() == State::Closed;
        assert!(done.is_ok() || is_closed || connection.state() != State::Listen, "refused: {done:?}");
        self.recorder.entry(now, &Entry::Call { end: number, which: at, call: told });
    }
}
