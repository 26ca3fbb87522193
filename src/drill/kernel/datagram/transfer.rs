//! Datagrams that are read and written.

use alloc::format;
use alloc::vec::Vec;
use core::net::SocketAddr;

use crate::drill::kernel::args::Address;
use crate::drill::kernel::read::{Flags, Shape, first_difference};
use crate::drill::kernel::returned::{Out, Returned, Stop};
use crate::drill::kernel::socket::as_seen;
use crate::drill::kernel::{CallFailure, Errno, Kernel, unsupported};
use crate::drill::pattern;
use crate::drill::script::Direction;
use crate::host::{UdpSend, UdpSendError};
use crate::{EcnCodepoint, Instant};

/// Datagrams with text of their own: each that is sent is compared with all of them.
const MOST_TEXTS: usize = 1_000;

/// The largest datagram that FreeBSD sends as it comes (`net.inet.udp.maxdgram`).
const FREEBSD_LONGEST: usize = 9_216;

/// A call that reads a datagram.
#[derive(Clone, Debug)]
pub(in crate::drill::kernel) struct Receive {
    pub(in crate::drill::kernel) fd: i64,
    /// Octets that there is room for.
    pub(in crate::drill::kernel) room: usize,
    /// What the script says that comes, from the start; else it is the pattern.
    pub(in crate::drill::kernel) text: Vec<u8>,
    pub(in crate::drill::kernel) flags: Flags,
    /// Behind that room there is none.
    pub(in crate::drill::kernel) bad: bool,
    pub(in crate::drill::kernel) shape: Shape,
    /// The sender's address is asked for.
    pub(in crate::drill::kernel) who: bool,
    /// `read` or `readv`, which look at nothing if there is no room.
    pub(in crate::drill::kernel) plain: bool,
}

/// A call that sends a datagram.
#[derive(Clone, Debug)]
pub(in crate::drill::kernel) struct Send {
    fd: i64,
    octets: Vec<u8>,
    to: Option<SocketAddr>,
}

impl Kernel {
    /// Reads a datagram: what finds no room is gone.
    pub(in crate::drill::kernel) fn try_receive(
        &mut self,
        read: &Receive,
        last: bool,
    ) -> Result<Option<Returned>, Stop> {
        let linux = self.is_linux();
        if read.plain && read.room == 0 && !read.bad && linux {
            return Ok(Some(Returned::value(0)));
        }
        // Linux tells of an error first, FreeBSD when there is nothing to read.
        if let Some(error) = self.sock(read.fd)?.error.take_if(|_| linux) {
            return Err(error.into());
        }
        let Some(next) = self.pull(read.fd).cloned() else {
            return self.nothing_to_receive(read, last);
        };
        if !read.flags.peek
            && let Some(datagram) = self.sock(read.fd)?.datagram_mut()
        {
            datagram.head = None;
            datagram.read += 1;
        }
        let octets = next.data.get(..read.room.min(next.data.len())).unwrap_or_default();
        if read.bad && next.data.len() > read.room {
            return Err(Errno::EFAULT.into());
        }
        if let Some(at) = first_difference(0, &read.text, octets) {
            let told = format!("octet {at} of the datagram is not what was sent");
            return Err(CallFailure::Failed(told).into());
        }
        let cut = octets.len() < next.data.len();
        let len = if read.flags.whole && linux { next.data.len() } else { octets.len() };
        let from = as_seen(next.from, self.at.ip);
        Ok(Some(self.have_received(read, Returned::len(len), from, cut)))
    }

    fn nothing_to_receive(&mut self, read: &Receive, last: bool) -> Result<Option<Returned>, Stop> {
        let linux = self.is_linux();
        let socket = self.sock(read.fd)?;
        if let Some(error) = socket.error.take() {
            return Err(error.into());
        }
        // Linux lets only those go who would wait.
        let shut = socket.datagram().is_some_and(|own| own.shut_read) && (!linux || !last);
        if shut || !linux && read.room == 0 && !read.bad {
            return Ok(Some(Returned::value(0)));
        }
        if last { Err(Errno::EAGAIN.into()) } else { Ok(None) }
    }

    fn have_received(&self, read: &Receive, returned: Returned, from: SocketAddr, cut: bool) -> Returned {
        let len = Out::Int(if from.is_ipv4() { 16 } else { 28 });
        match read.shape {
            Shape::From if read.who => returned.with(4, Out::Address(from)).with(5, len),
            Shape::Plain | Shape::From => returned,
            Shape::Message => {
                let truncated = if self.is_linux() { 0x20 } else { 0x10 };
                let mut members = alloc::vec![
                    ("msg_name", Out::Address(from)),
                    ("msg_namelen", len),
                    ("msg_flags", Out::Int(if cut { truncated } else { 0 })),
                    ("msg_control", Out::List(Vec::new())),
                ];
                let given = ["msg_iov", "msg_iovlen", "msg_controllen"];
                members.extend(given.into_iter().map(|name| (name, Out::Given)));
                returned.with(1, Out::Struct(members))
            }
        }
    }

    /// Looks at what is to be sent, and to whom.
    pub(in crate::drill::kernel) fn datagram_to_send(
        &mut self,
        fd: i64,
        len: usize,
        text: &[u8],
        to: Option<Address>,
    ) -> Result<Send, Stop> {
        let linux = self.is_linux();
        let limit = if linux { usize::from(u16::MAX) } else { FREEBSD_LONGEST };
        let too_long = len > limit;
        if too_long && linux {
            return Err(Errno::EMSGSIZE.into());
        }
        let domain = self.sock(fd)?.domain;
        let own = SocketAddr::new(self.at.remote, self.at.connect_port);
        let to = match to {
            None | Some(Address::None) => None,
            Some(Address::Unspecified) => return Err(unsupported("a datagram to AF_UNSPEC").into()),
            Some(to) => Some(self.address(domain, to, own)?),
        };
        let peer = self.datagram_peer(fd);
        match (to, peer) {
            (Some(to), _) if to.port() == 0 => {
                return Err(if linux { Errno::EINVAL } else { Errno::EADDRNOTAVAIL }.into());
            }
            (Some(_), Some(_)) if !linux => return Err(Errno::EISCONN.into()),
            (Some(to), Some(peer)) if to != peer => {
                return Err(unsupported("sendto of a connected socket to somebody else").into());
            }
            (None, None) if linux => return Err(Errno::EDESTADDRREQ.into()),
            _ => {}
        }
        self.may_send(fd)?;
        if to.is_none() && peer.is_none() {
            return Err(Errno::EDESTADDRREQ.into());
        }
        if too_long {
            return Err(Errno::EMSGSIZE.into());
        }
        if let Some(to) = to {
            self.check_destination(fd, to)?;
        }
        let mut octets: Vec<u8> = text.iter().take(len).copied().collect();
        if !octets.is_empty() && !self.said.contains(&octets) {
            if self.said.len() == MOST_TEXTS {
                return Err(unsupported("so many datagrams with text").into());
            }
            self.said.push(octets.clone());
        }
        octets.extend(pattern::octets(Direction::Out, octets.len() as u64, len - octets.len()));
        Ok(Send { fd, octets, to })
    }

    /// Whether the socket may send, and what has happened that it was not told of. Linux tells of that first.
    fn may_send(&mut self, fd: i64) -> Result<(), Stop> {
        let linux = self.is_linux();
        let socket = self.sock(fd)?;
        let shut = socket.datagram().is_some_and(|own| own.shut_write);
        if shut && !linux {
            return Err(Errno::EPIPE.into());
        }
        match socket.error.take() {
            Some(error) => Err(error.into()),
            None if shut => Err(Errno::EPIPE.into()),
            None => Ok(()),
        }
    }

    /// Queues the datagram.
    pub(in crate::drill::kernel) fn try_send(
        &mut self,
        now: Instant,
        send: &Send,
        last: bool,
    ) -> Result<Option<Returned>, Stop> {
        let linux = self.is_linux();
        let id = self.name_datagram(send.fd)?;
        let settings = &self.sock(send.fd)?.settings;
        let mut how = UdpSend::default();
        (how.hop_limit, how.dscp) = (settings.hop_limit(), settings.dscp());
        how.ecn = EcnCodepoint::from_bits(settings.ecn());
        how.dont_fragment = Some(settings.wants_whole_packets());
        let Some(mut own) = self.host.udp(id) else { return Err(Errno::ENOBUFS.into()) };
        let done = match send.to.filter(|_| own.remote().is_none()) {
            Some(to) => own.send_to(now, &send.octets, to, &how),
            None => own.send(now, &send.octets, &how),
        };
        match done {
            Ok(()) => Ok(Some(Returned::len(send.octets.len()))),
            Err(UdpSendError::WouldBlock) if last => {
                Err(if linux { Errno::EAGAIN } else { Errno::ENOBUFS }.into())
            }
            Err(UdpSendError::WouldBlock) => Ok(None),
            Err(UdpSendError::TooLarge { .. }) => Err(Errno::EMSGSIZE.into()),
            Err(UdpSendError::NotConnected) => Err(Errno::EDESTADDRREQ.into()),
            Err(UdpSendError::NoAddress(_) | UdpSendError::Source(_)) => Err(Errno::ENETUNREACH.into()),
            Err(other) => Err(unsupported(format!("such a datagram: {other}")).into()),
        }
    }
}
