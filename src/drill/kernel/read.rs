//! read, recv, recvfrom, recvmsg, readv.

use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

use super::args::{self, Address, Args};
use super::datagram::Receive;
use super::returned::{Out, Returned, Stop};
use super::socket::{Role, Standing, standing};
use super::{CallFailure, Errno, Kernel, Op, Patience, Progress, unsupported};
use crate::Instant;
use crate::connection::Received;
use crate::drill::pattern;
use crate::drill::script::{Call, Direction, Expr, Field};
use crate::tcp::Tcb;

/// A call that reads.
#[derive(Clone, Debug)]
pub(super) struct Read {
    fd: i64,
    /// Octets that there is room for.
    room: usize,
    /// What the script says that comes, from the start; else it is the pattern.
    text: Vec<u8>,
    flags: Flags,
    /// Behind that room there is none.
    bad: bool,
    /// Octets that were read so far.
    done: usize,
    shape: Shape,
}

/// The flags of a call that reads.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags {
    pub(super) peek: bool,
    wait_all: bool,
    out_of_band: bool,
    /// `MSG_TRUNC`: the whole length of a datagram is told.
    pub(super) whole: bool,
}

/// Which arguments the call writes beside the octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Plain,
    /// recvfrom: an address at 4, its length at 5.
    From,
    /// recvmsg: a structure at 1.
    Message,
}

/// Buffers of a call, as one: how long, and what the script puts in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffers {
    pub(super) len: usize,
    pub(super) text: Vec<u8>,
    /// The next one is nowhere: what goes on from there faults.
    pub(super) bad: bool,
}

impl Buffers {
    /// Adds a buffer: `...` or a text, and its length.
    pub(super) fn add(&mut self, octets: &Expr, len: usize) -> Result<(), CallFailure> {
        if self.bad {
            return Ok(());
        }
        match octets {
            Expr::Ellipsis => {}
            Expr::Word(null) if null == "NULL" => {
                self.bad = len > 0;
                return Ok(());
            }
            Expr::Text(text) if text.len() < len => {
                return Err(unsupported(format!("a text of {} octets for {len}", text.len())));
            }
            Expr::Text(text) if self.text.len() == self.len => {
                self.text.extend(text.iter().take(len));
            }
            other => return Err(unsupported(format!("a buffer {}", args::show(other)))),
        }
        self.len += len;
        Ok(())
    }

    /// `msg_iov(2)=[…]` among the members of a `msghdr`.
    pub(super) fn of_message(args: &Args<'_>, fields: &[Field]) -> Result<Self, CallFailure> {
        let Some(field) = fields.iter().find(|field| field.name.as_deref() == Some("msg_iov")) else {
            return Ok(Self::default());
        };
        let count = match &field.count {
            None | Some(Expr::Ellipsis) => None,
            Some(count) => Some(args::int(args.personality, count)?),
        };
        Self::vectors(args, &field.value, count)
    }

    /// `[{..., 1000}, {..., 500}]`, and how many the call says there are.
    pub(super) fn vectors(args: &Args<'_>, list: &Expr, count: Option<i64>) -> Result<Self, CallFailure> {
        let mut all = Self::default();
        let there = args::items(list).len();
        if let Some(count) = count.filter(|&count| usize::try_from(count) != Ok(there)) {
            return Err(unsupported(format!("a list of {there} iovecs for {count}")));
        }
        for item in args::items(list) {
            let fields =
                args::fields(item).ok_or_else(|| unsupported(format!("{} as an iovec", args::show(item))))?;
            args::check_names("an iovec", fields, &["iov_base", "iov_len"])?;
            let (Some(base), Some(len)) =
                (args::field(fields, "iov_base", 0), args::field(fields, "iov_len", 1))
            else {
                return Err(unsupported(format!("{} as an iovec", args::show(item))));
            };
            let len = args::len(args::int(args.personality, len)?)?;
            all.add(base, len)?;
        }
        Ok(all)
    }
}

/// The members of a `msghdr`.
pub(super) const MESSAGE: [&str; 7] =
    ["msg_name", "msg_namelen", "msg_iov", "msg_iovlen", "msg_control", "msg_controllen", "msg_flags"];

impl Kernel {
    pub(super) fn read(&mut self, now: Instant, call: &Call) -> Result<Progress, Stop> {
        let (args, buffers, flags, shape) = self.read_arguments(call)?;
        let fd = args.fd(0)?;
        let bit = |name| flags & super::constants::number(args.personality, name).unwrap_or(0) != 0;
        let told = ["MSG_PEEK", "MSG_DONTWAIT", "MSG_WAITALL", "MSG_TRUNC", "MSG_OOB", "MSG_NOSIGNAL"];
        let known = told
            .iter()
            .fold(0, |known, name| known | super::constants::number(args.personality, name).unwrap_or(0));
        if flags & !known != 0 {
            return Err(unsupported(format!("the flags {flags:#x} of {}", call.name)).into());
        }
        let dont_wait = bit("MSG_DONTWAIT");
        let flags = Flags {
            peek: bit("MSG_PEEK"),
            wait_all: bit("MSG_WAITALL"),
            out_of_band: bit("MSG_OOB"),
            whole: bit("MSG_TRUNC"),
        };
        let socket = self.sock(fd)?;
        let waits = !dont_wait && !socket.nonblocking;
        let patience = patience(now, waits, socket.settings.receive_timeout);
        if self.is_datagram(fd) {
            if flags.out_of_band {
                return Err(unsupported("MSG_OOB of a datagram socket").into());
            }
            let who =
                shape == Shape::From && args::address(args.personality, args.expr(4)?) != Ok(Address::None);
            let plain = matches!(call.name.as_str(), "read" | "readv");
            let Buffers { len: room, text, bad } = buffers;
            let op = Receive { fd, room, text, flags, bad, shape, who, plain };
            return self.begin(now, Op::Receive(op), patience);
        }
        let op = Read { fd, room: buffers.len, text: buffers.text, flags, bad: buffers.bad, done: 0, shape };
        self.begin(now, Op::Read(op), patience)
    }

    /// Takes the arguments apart: where to, with which flags.
    fn read_arguments<'a>(&self, call: &'a Call) -> Result<(Args<'a>, Buffers, i64, Shape), CallFailure> {
        let mut buffers = Buffers::default();
        let name = call.name.as_str();
        let counts = match name {
            "recv" => 4..=4,
            "recvfrom" => 6..=6,
            _ => 3..=3,
        };
        let args = self.args(call, counts)?;
        let (flags, shape) = match name {
            "readv" => {
                buffers = Buffers::vectors(&args, args.expr(1)?, Some(args.int(2)?))?;
                (0, Shape::Plain)
            }
            "recvmsg" => {
                let fields = args::fields(args.expr(1)?).ok_or_else(|| unsupported("such a msghdr"))?;
                args::check_names("a msghdr", fields, &MESSAGE)?;
                buffers = Buffers::of_message(&args, fields)?;
                (args.int(2)?, Shape::Message)
            }
            _ => {
                buffers.add(args.expr(1)?, args.len(2)?)?;
                match name {
                    "recv" => (args.int(3)?, Shape::Plain),
                    "recvfrom" => (args.int(3)?, Shape::From),
                    _ => (0, Shape::Plain),
                }
            }
        };
        Ok((args, buffers, flags, shape))
    }

    pub(super) fn try_read(
        &mut self,
        now: Instant,
        read: &mut Read,
        last: bool,
    ) -> Result<Option<Returned>, Stop> {
        let socket = self.sock(read.fd)?;
        let lowat = socket.settings.receive_low();
        if !matches!(socket.role, Role::Stream(_)) {
            return Err(Errno::ENOTCONN.into());
        }
        if read.flags.out_of_band {
            return self.read_urgent(read.fd, read.room, read.flags.peek, last);
        }
        let target = if read.flags.wait_all { read.room } else { lowat.min(read.room) }.max(1);
        self.take_octets(now, read)?;
        if read.bad && read.room == 0 && self.unread(read.fd) > 0 {
            return Err(Errno::EFAULT.into());
        }
        let full = !read.bad && read.room == 0 || read.room > 0 && read.done >= read.room;
        let at_mark = read.done > 0 && self.urgent_ahead(read.fd) == Some(0);
        if full || at_mark || read.done >= target {
            return Ok(Some(self.have_read(read)));
        }
        match self.end_of_reading(read, last)? {
            Some(ended) if read.done == 0 => {
                let mut returned = self.have_read(read);
                returned.value = ended;
                Ok(Some(returned))
            }
            Some(_) => Ok(Some(self.have_read(read))),
            None => Ok(None),
        }
    }

    /// Reads what there is, and compares it.
    fn take_octets(&mut self, now: Instant, read: &mut Read) -> Result<(), Stop> {
        if read.done == 0 && !read.flags.peek && read.room > 0 {
            self.step_over_urgent(now, read.fd)?;
        }
        let ahead = self.urgent_ahead(read.fd);
        let Some(stream) = self.stream(read.fd) else { return Ok(()) };
        let (id, begun) = (stream.id, stream.read);
        let Some(mut connection) = self.host.connection(id) else { return Ok(()) };
        let to_mark = ahead.map_or(usize::MAX, |ahead| usize::try_from(ahead).unwrap_or(usize::MAX));
        let wanted = (read.room - read.done).min(connection.unread()).min(to_mark);
        let mut octets = alloc::vec![0; wanted];
        let taken = if read.flags.peek {
            read.done = 0;
            connection.peek(0, &mut octets)
        } else if wanted > 0 {
            match connection.recv_slice(now, &mut octets) {
                Received::Data(taken) => taken,
                _ => 0,
            }
        } else {
            0
        };
        octets.truncate(taken);
        let place = begun;
        let text = read.text.get(read.done..).unwrap_or_default();
        if let Some(at) = first_difference(place, text, &octets) {
            let told = format!("octet {} of the stream is not what was sent", place + at as u64);
            return Err(CallFailure::Failed(told).into());
        }
        read.done += taken;
        if !read.flags.peek
            && let Some(stream) = self.sock(read.fd)?.stream_mut()
        {
            stream.read += taken as u64;
        }
        Ok(())
    }

    /// Why there is no more to read: with a result, with an error, or because it has to wait.
    fn end_of_reading(&mut self, read: &Read, last: bool) -> Result<Option<i64>, Stop> {
        let linux = self.is_linux();
        let machine = self.machine(read.fd);
        let after_fin = machine.is_some_and(Tcb::peer_has_closed);
        let Some(stream) = self.stream(read.fd) else { return Err(Errno::ENOTCONN.into()) };
        let over = standing(machine, stream.connecting) == Standing::Over;
        let shut = stream.shut_read;
        if read.done > 0 && (after_fin || over || shut || last) {
            return Ok(Some(0));
        }
        if linux && after_fin {
            return Ok(Some(0));
        }
        let socket = self.sock(read.fd)?;
        let error = if read.flags.peek && !linux { socket.error } else { socket.error.take() };
        if let Some(error) = error {
            return Err(error.into());
        }
        if after_fin || over || shut {
            return Ok(Some(0));
        }
        if last { Err(Errno::EAGAIN.into()) } else { Ok(None) }
    }

    fn have_read(&self, read: &Read) -> Returned {
        let returned = Returned::len(read.done);
        match read.shape {
            Shape::Plain => returned,
            // A stream tells no address.
            Shape::From => returned.with(5, Out::Int(0)),
            Shape::Message => {
                let given = ["msg_name", "msg_namelen", "msg_iov", "msg_iovlen", "msg_controllen"];
                let mut members: Vec<_> = given.into_iter().map(|name| (name, Out::Given)).collect();
                members.push(("msg_flags", Out::Int(0)));
                members.push(("msg_control", self.control_messages(read)));
                returned.with(1, Out::Struct(members))
            }
        }
    }

    /// The control messages that go with what was read.
    fn control_messages(&self, read: &Read) -> Out {
        let wanted = self.sockets.get(&read.fd).is_some_and(|socket| socket.settings.is_on("TCP_INQ"));
        let mut list = Vec::new();
        if wanted && self.is_linux() {
            let unread = self.unread(read.fd);
            list.push(Out::Struct(alloc::vec![
                ("cmsg_level", Out::Int(6)),
                ("cmsg_type", Out::Int(36)),
                ("cmsg_data", Out::Int(i64::try_from(unread).unwrap_or(i64::MAX))),
            ]));
        }
        Out::List(list)
    }

    /// Octets that wait to be read.
    pub(super) fn unread(&self, fd: i64) -> usize {
        let Some(machine) = self.machine(fd) else { return 0 };
        usize::try_from(machine.readable_to().saturating_sub(machine.consumed_to())).unwrap_or(0)
    }
}

/// How long a call may wait.
pub(super) fn patience(now: Instant, waits: bool, timeout: Option<Duration>) -> Patience {
    if waits { Patience::Until(timeout.map(|span| now + span)) } else { Patience::None }
}

/// Where octets that were read at that place differ from what the peer sends there: what the script says of the first of
/// them, and the pattern.
pub(super) fn first_difference(place: u64, text: &[u8], octets: &[u8]) -> Option<usize> {
    let (chosen, rest) = octets.split_at_checked(text.len()).unwrap_or((octets, &[]));
    let in_text = chosen.iter().zip(text).position(|(is, wanted)| is != wanted);
    let behind = place + chosen.len() as u64;
    in_text.or_else(|| pattern::first_difference(Direction::In, behind, rest).map(|at| at + chosen.len()))
}
