//! poll, and what each system says that a descriptor is ready for.

use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

use super::args::{self, int};
use super::returned::{Out, Returned, Stop};
use super::socket::{Role, Standing, standing};
use super::{CallFailure, Kernel, Op, Patience, Progress, unsupported};
use crate::drill::script::{Call, Expr};
use crate::tcp::Tcb;
use crate::{Instant, State};

pub(super) const IN: i64 = 0x1;
const PRI: i64 = 0x2;
pub(super) const OUT: i64 = 0x4;
pub(super) const ERR: i64 = 0x8;
pub(super) const HUP: i64 = 0x10;
const NVAL: i64 = 0x20;
pub(super) const RDNORM: i64 = 0x40;
/// Linux' `POLLWRNORM`; FreeBSD's is `POLLOUT`.
pub(super) const WRNORM: i64 = 0x100;
pub(super) const RDHUP: i64 = 0x2000;
/// FreeBSD's `POLLRDHUP`.
pub(super) const RDHUP_FREEBSD: i64 = 0x4000;

/// `poll` that waits.
#[derive(Clone, Debug)]
pub(super) struct Poll {
    /// Descriptors, and what each is asked about.
    asked: Vec<(i64, i64)>,
}

/// A timeout in milliseconds: none if it is negative.
pub(super) fn patience(now: Instant, millis: i64) -> Patience {
    match u64::try_from(millis) {
        Ok(0) => Patience::None,
        Ok(millis) => Patience::Until(Some(now + Duration::from_millis(millis))),
        Err(_) => Patience::Until(None),
    }
}

impl Kernel {
    pub(super) fn poll(&mut self, now: Instant, call: &Call) -> Result<Progress, Stop> {
        let args = self.args(call, 3..=3)?;
        let personality = self.personality();
        let mut asked = Vec::new();
        for item in args::items(args.expr(0)?) {
            let Expr::Struct(fields) = item else {
                return Err(unsupported(format!("{} as a pollfd", args::show(item))).into());
            };
            args::check_names("a pollfd", fields, &["fd", "events", "revents"])?;
            let part = |name, place| match args::field(fields, name, place) {
                Some(value) => int(personality, value),
                None => Err(unsupported(format!("a pollfd without {name}"))),
            };
            asked.push((part("fd", 0)?, part("events", 1)?));
        }
        let count = args.int(1)?;
        if usize::try_from(count) != Ok(asked.len()) {
            return Err(unsupported(format!("poll of {count} descriptors out of {}", asked.len())).into());
        }
        let patience = patience(now, args.int(2)?);
        self.begin(now, Op::Poll(Poll { asked }), patience)
    }

    pub(super) fn try_poll(
        &mut self,
        now: Instant,
        poll: &Poll,
        last: bool,
    ) -> Result<Option<Returned>, Stop> {
        let mut told = Vec::new();
        let mut ready = 0;
        for &(fd, events) in &poll.asked {
            let found = match fd {
                0.. => self.bits(now, fd)?.unwrap_or(NVAL),
                // A place that is not looked at.
                _ => 0,
            };
            let revents = found & (events | ERR | HUP | NVAL);
            ready += i64::from(revents != 0);
            told.push(Out::Struct(alloc::vec![
                ("fd", Out::Int(fd)),
                ("events", Out::Int(events)),
                ("revents", Out::Int(revents)),
            ]));
        }
        if ready == 0 && !last {
            return Ok(None);
        }
        Ok(Some(Returned::value(ready).with(0, Out::List(told))))
    }

    /// What a descriptor is ready for; `None` if there is no such one.
    pub(super) fn bits(&mut self, now: Instant, fd: i64) -> Result<Option<i64>, CallFailure> {
        if self.epolls.contains_key(&fd) {
            return Err(unsupported("a poll of an epoll descriptor"));
        }
        let linux = self.is_linux();
        let Some(socket) = self.sockets.get(&fd) else { return Ok(None) };
        Ok(Some(match socket.role {
            Role::Listener(id) => {
                let any = self.host.waiting(id) > 0;
                if any { IN | RDNORM } else { 0 }
            }
            // Not connected: closed for Linux, and not ready for anything on FreeBSD.
            Role::Fresh if linux && socket.deferred.is_some() => OUT | WRNORM,
            Role::Fresh if linux => OUT | WRNORM | HUP | if socket.error.is_some() { ERR } else { 0 },
            Role::Fresh => 0,
            Role::Datagram(_) => self.datagram_bits(fd),
            Role::Stream(_) if linux => self.linux_bits(now, fd),
            Role::Stream(_) => self.freebsd_bits(fd),
        }))
    }

    fn linux_bits(&mut self, now: Instant, fd: i64) -> i64 {
        let Some(socket) = self.sockets.get(&fd) else { return 0 };
        let Some(stream) = socket.stream() else { return 0 };
        let (id, low, error) = (stream.id, socket.settings.receive_low(), socket.error.is_some());
        let lowat = socket.settings.get("TCP_NOTSENT_LOWAT");
        let machine = self.host.machine(id);
        let standing = standing(machine, stream.connecting);
        let over = standing == Standing::Over;
        let read_over = over || stream.shut_read || machine.is_some_and(Tcb::peer_has_closed);
        let write_over = over || machine.is_some_and(Tcb::has_shut_down);
        let unsent = machine.map_or(0, |machine| machine.info(now).unsent);
        let urgent = self.has_urgent(fd);
        let mut bits = 0;
        if over || read_over && write_over {
            bits |= HUP;
        }
        if read_over {
            bits |= IN | RDNORM | RDHUP;
        }
        if error {
            bits |= ERR;
        }
        if machine.map(Tcb::state) == Some(State::SynSent) || standing == Standing::Opening {
            return bits;
        }
        if self.unread_in_band(fd) >= low {
            bits |= IN | RDNORM;
        }
        let below = lowat.is_none_or(|low| i64::try_from(unsent).is_ok_and(|unsent| unsent * 2 < low));
        let room = self.host.connection(id).is_some_and(|connection| connection.is_writable());
        if write_over || room && below {
            bits |= OUT | WRNORM;
        }
        if urgent {
            bits |= PRI;
        }
        bits
    }

    fn freebsd_bits(&mut self, fd: i64) -> i64 {
        let Some(socket) = self.sockets.get(&fd) else { return 0 };
        let Some(stream) = socket.stream() else { return 0 };
        let (id, low, error) = (stream.id, socket.settings.receive_low(), socket.error.is_some());
        let machine = self.host.machine(id);
        let standing = standing(machine, stream.connecting);
        let over = standing == Standing::Over;
        let read_over = over || stream.shut_read || machine.is_some_and(Tcb::peer_has_closed);
        let write_over = over || machine.is_some_and(Tcb::has_shut_down);
        let open = standing == Standing::Open;
        let urgent = self.has_urgent(fd);
        let mut bits = 0;
        if self.unread_in_band(fd) >= low || read_over || error {
            bits |= IN | RDNORM;
        }
        let room = self.host.connection(id).is_some_and(|connection| connection.send_room() > 0);
        if write_over || error || open && room {
            bits |= OUT;
        }
        if read_over {
            bits |= RDHUP_FREEBSD;
        }
        if read_over && write_over {
            bits |= HUP;
            bits &= !OUT;
        }
        if urgent {
            bits |= PRI;
        }
        bits
    }
}
