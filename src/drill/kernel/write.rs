//! write, send, sendto, sendmsg, writev.

use alloc::format;
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::args::{self, Address, Args};
use super::read::{Buffers, MESSAGE, patience};
use super::returned::{Returned, Stop};
use super::socket::{Role, Standing, standing};
use super::{CallFailure, Errno, Kernel, Op, Patience, Progress, unsupported};
use crate::Instant;
use crate::connection::SendFlags;
use crate::drill::pattern;
use crate::drill::script::{Call, Direction};
use crate::tcp::Tcb;

/// A call that writes.
#[derive(Clone, Debug)]
pub(super) struct Write {
    fd: i64,
    /// Octets to be written.
    len: usize,
    /// What the first of them are; the others are the pattern.
    text: Vec<u8>,
    flags: Flags,
    /// Behind them is nothing that could be written.
    bad: bool,
    /// Octets that were written so far.
    done: usize,
    /// Where the stream was when the call began to write.
    base: Option<u64>,
}

/// The flags of a call that writes.
#[derive(Clone, Copy, Debug, Default)]
struct Flags {
    more: bool,
    urgent: bool,
    end: bool,
}

impl Kernel {
    pub(super) fn write(&mut self, now: Instant, call: &Call) -> Result<Progress, Stop> {
        let (args, buffers, flags, to) = self.write_arguments(call)?;
        let fd = args.fd(0)?;
        let linux = self.is_linux();
        let bit = |name| flags & super::constants::number(args.personality, name).unwrap_or(0) != 0;
        let told =
            ["MSG_DONTWAIT", "MSG_NOSIGNAL", "MSG_MORE", "MSG_OOB", "MSG_EOR", "MSG_EOF", "MSG_FASTOPEN"];
        let known = told
            .iter()
            .fold(0, |known, name| known | super::constants::number(args.personality, name).unwrap_or(0));
        if flags & !known != 0 {
            return Err(unsupported(format!("the flags {flags:#x} of {}", call.name)).into());
        }
        if bit("MSG_EOR") {
            // FreeBSD has no records in a stream.
            return Err(if linux { unsupported("MSG_EOR").into() } else { Errno::EINVAL.into() });
        }
        let socket = self.sock(fd)?;
        let waits = !bit("MSG_DONTWAIT") && !socket.nonblocking;
        let patience = patience(now, waits, socket.settings.send_timeout);
        if self.is_datagram(fd) {
            if bit("MSG_OOB") {
                return Err(Errno::EOPNOTSUPP.into());
            }
            if let Some(name) = ["MSG_MORE", "MSG_EOF", "MSG_FASTOPEN"].iter().find(|&&name| bit(name)) {
                return Err(unsupported(format!("{name} of a datagram socket")).into());
            }
            if buffers.bad {
                return Err(Errno::EFAULT.into());
            }
            let op = self.datagram_to_send(fd, buffers.len, &buffers.text, to)?;
            return self.begin(now, Op::Send(op), patience);
        }
        let flags = Flags { more: bit("MSG_MORE"), urgent: bit("MSG_OOB"), end: bit("MSG_EOF") };
        let Buffers { len, text, bad } = buffers;
        let op = Write { fd, len, text, flags, bad, done: 0, base: None };
        let opens = matches!(to, Some(Address::Own | Address::Socket(_))) && !linux;
        if bit("MSG_FASTOPEN") || self.sock(fd)?.deferred.is_some() || opens {
            return self.write_to(now, op, to, patience);
        }
        self.begin(now, Op::Write(op), patience)
    }

    /// Takes the arguments apart: what, with which flags, to whom.
    fn write_arguments<'a>(
        &self,
        call: &'a Call,
    ) -> Result<(Args<'a>, Buffers, i64, Option<Address>), CallFailure> {
        let mut buffers = Buffers::default();
        let name = call.name.as_str();
        let counts = match name {
            "send" => 4..=4,
            "sendto" => 6..=6,
            _ => 3..=3,
        };
        let args = self.args(call, counts)?;
        let (mut flags, mut to) = (0, None);
        match name {
            "writev" => buffers = Buffers::vectors(&args, args.expr(1)?, Some(args.int(2)?))?,
            "sendmsg" => {
                let fields = args::fields(args.expr(1)?).ok_or_else(|| unsupported("such a msghdr"))?;
                args::check_names("a msghdr", fields, &MESSAGE)?;
                if args::field(fields, "msg_control", usize::MAX).is_some_and(|control| {
                    !args::items(control).is_empty() && *control != crate::drill::script::Expr::Ellipsis
                }) {
                    return Err(unsupported("msg_control of sendmsg"));
                }
                buffers = Buffers::of_message(&args, fields)?;
                if let Some(name) = args::field(fields, "msg_name", usize::MAX) {
                    to = Some(args::address(args.personality, name)?);
                }
                flags = args.int(2)?;
            }
            _ => {
                buffers.add(args.expr(1)?, args.len(2)?)?;
                if name != "write" {
                    flags = args.int(3)?;
                }
                if name == "sendto" {
                    to = Some(args.address(4)?);
                }
            }
        }
        Ok((args, buffers, flags, to))
    }

    pub(super) fn try_write(
        &mut self,
        now: Instant,
        write: &mut Write,
        last: bool,
    ) -> Result<Option<Returned>, Stop> {
        let linux = self.is_linux();
        let socket = self.sock(write.fd)?;
        if !matches!(socket.role, Role::Stream(_)) {
            let gone = if linux { Errno::EPIPE } else { Errno::ENOTCONN };
            return Err(socket.error.take().filter(|_| linux).unwrap_or(gone).into());
        }
        if let Some(error) = self.cannot_write(write.fd) {
            let some = (write.done > 0).then(|| Returned::len(write.done));
            return match some {
                Some(returned) => Ok(Some(returned)),
                None => Err(self.write_error(write.fd, error).into()),
            };
        }
        let machine = self.machine(write.fd);
        let connecting = self.stream(write.fd).is_some_and(|stream| stream.connecting);
        if standing(machine, connecting) == Standing::Opening {
            return match (linux, last) {
                (false, _) => Err(Errno::ENOTCONN.into()),
                (true, true) => Err(Errno::EAGAIN.into()),
                (true, false) => Ok(None),
            };
        }
        self.give_octets(now, write)?;
        if write.done >= write.len {
            if write.flags.end {
                self.finish(now, write.fd);
            }
            return Ok(Some(Returned::len(write.done)));
        }
        match (last, write.done) {
            (false, _) => Ok(None),
            (true, 0) => Err(Errno::EAGAIN.into()),
            (true, done) => Ok(Some(Returned::len(done))),
        }
    }

    /// Writes and opens the connection by that (RFC 7413 §4.1.3.1): `MSG_FASTOPEN`, the first octets behind a `connect` that
    /// was put off, and on FreeBSD `sendto` to an address.
    fn write_to(
        &mut self,
        now: Instant,
        mut op: Write,
        to: Option<Address>,
        patience: Patience,
    ) -> Result<Progress, Stop> {
        let linux = self.is_linux();
        let own = SocketAddr::new(self.at.remote, self.at.connect_port);
        let allowed = if linux { self.sysctls.fast_open } else { self.profile.host.connection.tcp.fast_open };
        let connecting = self.stream(op.fd).is_some_and(|stream| stream.connecting);
        let standing = standing(self.machine(op.fd), connecting);
        let socket = self.sock(op.fd)?;
        let (domain, deferred) = (socket.domain, socket.deferred);
        match &mut socket.role {
            Role::Fresh => {}
            Role::Stream(_) if connecting && linux && standing == Standing::Opening => {
                return Err(Errno::EALREADY.into());
            }
            // As `connect` does, it notices that the connection is there.
            Role::Stream(stream) if connecting && linux => {
                stream.connecting = false;
                return self.begin(now, Op::Write(op), patience);
            }
            _ => return Err(Errno::EISCONN.into()),
        }
        if !linux && !socket.settings.is_on("TCP_FASTOPEN") {
            return Err(unsupported("an address for a connection without Fast Open").into());
        }
        let remote = match (deferred, to) {
            (Some(remote), _) => remote,
            _ if !allowed && linux => return Err(Errno::EOPNOTSUPP.into()),
            (None, Some(Address::Unspecified)) if linux => return Err(Errno::EOPNOTSUPP.into()),
            (None, to) => self.address(domain, to.unwrap_or(Address::None), own)?,
        };
        self.open_connection(now, op.fd, remote, allowed)?;
        let whole = op.len;
        let room = self.machine(op.fd).map_or(0, Tcb::syn_room);
        // FreeBSD takes as much as there is room for: what the SYN cannot carry follows it.
        op.len = if linux { whole.min(usize::try_from(room).unwrap_or(usize::MAX)) } else { whole };
        self.give_octets(now, &mut op)?;
        op.len = whole;
        let returned = Progress::Returned(Returned::len(op.done));
        match (linux, patience, op.done) {
            (false, ..) => Ok(returned),
            (true, Patience::None, 0) => Err(Errno::EINPROGRESS.into()),
            (true, Patience::None, _) => Ok(returned),
            (true, patience, _) => self.begin(now, Op::Write(op), patience),
        }
    }

    /// `MSG_EOF`: the half-close comes with the last octets.
    fn finish(&mut self, now: Instant, fd: i64) {
        let Some(id) = self.stream(fd).map(|stream| stream.id) else { return };
        if let Some(mut connection) = self.host.connection(id) {
            // It was open just now.
            let _ = connection.shutdown(now);
        }
    }

    /// Whether nothing can be written any more, and what FreeBSD says then.
    fn cannot_write(&self, fd: i64) -> Option<Errno> {
        let socket = self.sockets.get(&fd)?;
        let machine = self.machine(fd);
        let connecting = socket.stream().is_some_and(|stream| stream.connecting);
        let over = standing(machine, connecting) == Standing::Over;
        let shut = machine.is_some_and(Tcb::has_shut_down);
        if over || shut {
            return Some(Errno::EPIPE);
        }
        socket.error
    }

    /// The error of a writer: Linux tells first of what has happened, FreeBSD of what cannot be.
    fn write_error(&mut self, fd: i64, error: Errno) -> Errno {
        let linux = self.is_linux();
        let Some(socket) = self.sockets.get_mut(&fd) else { return error };
        if linux || error != Errno::EPIPE { socket.error.take().unwrap_or(error) } else { error }
    }

    /// Queues what there is room for.
    fn give_octets(&mut self, now: Instant, write: &mut Write) -> Result<(), Stop> {
        let linux = self.is_linux();
        let socket = self.sock(write.fd)?;
        let more = write.flags.more || socket.settings.is_corked();
        let low = socket.settings.get("TCP_NOTSENT_LOWAT").and_then(|low| usize::try_from(low).ok());
        let Some(stream) = socket.stream_mut() else { return Ok(()) };
        let id = stream.id;
        if write.bad && write.len == 0 {
            return Err(Errno::EFAULT.into());
        }
        let base = *write.base.get_or_insert(stream.sent);
        if write.done == 0 && !write.text.is_empty() {
            stream.choose(base, &write.text);
        }
        while write.done < write.len {
            let Some(mut connection) = self.host.connection(id) else { break };
            let left = write.len - write.done;
            let unsent = connection.info(now).map_or(0, |info| info.unsent);
            let unsent = usize::try_from(unsent).unwrap_or(usize::MAX);
            let below_low = low.is_none_or(|low| unsent < low);
            let len = left.min(connection.send_room());
            if len == 0 || !below_low {
                break;
            }
            let whole = len == left;
            let flags =
                SendFlags { push: linux && whole && !more, more, urgent: write.flags.urgent && whole };
            let octets = write.octets(base, len);
            let taken = connection.send_with(now, &octets, flags).unwrap_or(0);
            if taken == 0 {
                break;
            }
            write.done += taken;
        }
        if let Some(stream) = self.sock(write.fd)?.stream_mut() {
            stream.sent = base + write.done as u64;
        }
        Ok(())
    }
}

impl Write {
    /// The next octets to be written, at the place where the stream was when the call began.
    fn octets(&self, base: u64, len: usize) -> Vec<u8> {
        let mut octets: Vec<u8> = self.text.iter().skip(self.done).take(len).copied().collect();
        let at = base + (self.done + octets.len()) as u64;
        octets.extend(pattern::octets(Direction::Out, at, len - octets.len()));
        octets
    }
}
