//! A server: it is told how many octets are wanted, sends as many, and closes.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::SocketAddr;

use bytes::Bytes;
use tcpstate::Instant;
use tcpstate::connection::Received;
use tcpstate::host::{
    ConnId, Event, Host, ListenConfig, ListenOn, Readiness, UdpBind, UdpId, UdpOptions, UdpSend,
};
use tcpstate::sim::HostUser;
use tcpstate::tcp::TcpInfo;

pub(crate) struct Server {
    /// Datagrams that come here go back.
    echo: UdpId,
    /// What is sent, again and again; never copied.
    file: Bytes,
    open: BTreeMap<ConnId, Answer>,
    /// What the machine of each caller had to tell in the end.
    told: BTreeMap<SocketAddr, TcpInfo>,
}

#[derive(Default)]
struct Answer {
    /// What has come of the eight octets that say how much is wanted.
    wish: Vec<u8>,
    sent: u64,
    closed: bool,
}

impl Server {
    pub(crate) fn start(host: &mut Host) -> Result<Self, Box<dyn Error>> {
        host.listen(ListenOn::port(80), &ListenConfig::default())?;
        let echo = host.udp_bind(UdpBind::Port(7), UdpOptions::default())?;
        Ok(Self { echo, file: vec![b'x'; 65_536].into(), open: BTreeMap::new(), told: BTreeMap::new() })
    }

    /// What the machine knew about the connection with this caller.
    pub(crate) fn told(&self, remote: SocketAddr) -> Option<&TcpInfo> {
        self.told.get(&remote)
    }

    fn go_on(&mut self, now: Instant, host: &mut Host, id: ConnId, ready: Readiness) {
        let (Some(answer), Some(mut connection)) = (self.open.get_mut(&id), host.connection(id)) else {
            return;
        };
        while let Received::Data(octets) = connection.recv(now, usize::MAX) {
            answer.wish.extend_from_slice(&octets);
        }
        if let Some(wish) = answer.wish.first_chunk() {
            let wish = u64::from_be_bytes(*wish);
            while answer.sent < wish {
                let len = self.file.len().min(usize::try_from(wish - answer.sent).unwrap_or(usize::MAX));
                match connection.send_bytes(now, self.file.slice(..len)) {
                    Ok(taken) => answer.sent += taken as u64,
                    Err(_) => break,
                }
                // Not all of it: an event comes when there is room again.
                if connection.send_room() == 0 {
                    break;
                }
            }
            if answer.sent == wish && !answer.closed {
                answer.closed = connection.close(now).is_ok();
            }
        }
        if ready.intersects(Readiness::SENT_ALL | Readiness::CLOSED) {
            if let (Some(tuple), Some(info)) = (connection.tuple(), connection.info(now)) {
                self.told.insert(tuple.remote(), info);
            }
            self.open.remove(&id);
            host.release(now, id);
        }
    }

    fn send_back(&self, now: Instant, host: &mut Host) {
        let Some(mut socket) = host.udp(self.echo) else { return };
        while let Ok(Some(datagram)) = socket.recv_from() {
            let mut how = UdpSend::default();
            how.from = Some(datagram.to);
            // What finds no room in the queue is as good as lost.
            let _ = socket.send_bytes_to(now, datagram.data, datagram.from, &how);
        }
    }
}

impl HostUser for Server {
    fn act(&mut self, now: Instant, host: &mut Host) {
        while let Some(event) = host.poll_event() {
            match event {
                Event::Incoming { listener } => {
                    while let Some(id) = host.accept(listener) {
                        self.open.insert(id, Answer::default());
                    }
                }
                Event::Connection { id, ready, .. } => self.go_on(now, host, id, ready),
                Event::Udp(_) => self.send_back(now, host),
                _ => {}
            }
        }
    }
}
