//! fcntl and ioctl.

use alloc::format;

use super::returned::{Out, Returned, Stop};
use super::socket::Role;
use super::{Errno, Kernel, constants, unsupported};
use crate::Instant;
use crate::drill::script::Call;
use crate::tcp::Tcb;

impl Kernel {
    fn constant(&self, name: &str) -> i64 {
        constants::number(self.personality(), name).unwrap_or(0)
    }

    pub(super) fn fcntl(&mut self, call: &Call) -> Result<Returned, Stop> {
        let args = self.args(call, 2..=3)?;
        let (fd, command) = (args.fd(0)?, args.int(1)?);
        let (get, set) = (self.constant("F_GETFL"), self.constant("F_SETFL"));
        let nonblock = self.constant("O_NONBLOCK");
        let socket = self.sock(fd)?;
        match command {
            get_fl if get_fl == get => {
                let bits = if socket.nonblocking { nonblock } else { 0 };
                Ok(Returned::value(2 | bits))
            }
            set_fl if set_fl == set => {
                let flags = args.int(2)?;
                if flags & !(3 | nonblock) != 0 {
                    return Err(unsupported(format!("the flags {flags:#x} of F_SETFL")).into());
                }
                socket.nonblocking = flags & nonblock != 0;
                Ok(Returned::value(0))
            }
            // Nobody executes another program here.
            1 => Ok(Returned::value(0)),
            2 => args.int(2).map(|_| Returned::value(0)).map_err(Stop::from),
            other => Err(unsupported(format!("the command {other} of fcntl")).into()),
        }
    }

    pub(super) fn ioctl(&mut self, now: Instant, call: &Call) -> Result<Returned, Stop> {
        let args = self.args(call, 3..=3)?;
        let (fd, name) = (args.fd(0)?, args.word(1)?);
        let linux = self.is_linux();
        let told = |value: u64| {
            Ok(Returned::value(0)
                .with(2, Out::List(alloc::vec![Out::Int(i64::try_from(value).unwrap_or(i64::MAX))])))
        };
        if self.is_datagram(fd) && name != "FIONBIO" {
            return match name {
                "SIOCINQ" | "SIOCOUTQ" if !linux => Err(Errno::ENOTTY.into()),
                "SIOCINQ" | "TIOCINQ" | "FIONREAD" => told(self.unread_datagram(fd)?),
                // A datagram is out at once.
                "SIOCOUTQ" | "TIOCOUTQ" | "FIONWRITE" => told(0),
                other => Err(unsupported(format!("ioctl {other} of a datagram socket")).into()),
            };
        }
        let listens = matches!(self.sock(fd)?.role, Role::Listener(_));
        match name {
            "FIONBIO" => {
                let on = super::args::boxed_int(self.personality(), args.expr(2)?)? != 0;
                self.sock(fd)?.nonblocking = on;
                Ok(Returned::value(0))
            }
            "SIOCINQ" | "SIOCOUTQ" | "SIOCOUTQNSD" if !linux => Err(Errno::ENOTTY.into()),
            "SIOCINQ" | "FIONREAD" | "TIOCINQ" | "SIOCOUTQ" | "TIOCOUTQ" | "SIOCOUTQNSD"
                if listens && linux =>
            {
                Err(Errno::EINVAL.into())
            }
            "SIOCATMARK" => told(u64::from(self.is_at_mark(fd))),
            "SIOCINQ" | "TIOCINQ" | "FIONREAD" => {
                let to_mark = self.urgent_ahead(fd).unwrap_or(u64::MAX);
                told((self.unread(fd) as u64).min(to_mark))
            }
            "SIOCOUTQ" | "TIOCOUTQ" | "FIONWRITE" => told(self.unacknowledged(fd)),
            "SIOCOUTQNSD" => told(self.unsent(now, fd)),
            "FIONSPACE" if !linux => {
                let id = self.stream(fd).map(|stream| stream.id);
                let room = id.and_then(|id| self.host.connection(id)).map_or(0, |own| own.send_room());
                told(room as u64)
            }
            other => Err(unsupported(format!("ioctl {other}")).into()),
        }
    }

    /// What was written, and the FIN on Linux, and is not acknowledged.
    fn unacknowledged(&self, fd: i64) -> u64 {
        let Some(machine) = self.machine(fd) else { return 0 };
        if !machine.state().is_synchronized() {
            return 0;
        }
        let octets = machine.queued_to().saturating_sub(machine.acked_to());
        let fin = self.is_linux() && machine.has_shut_down() && !is_fin_acknowledged(machine);
        octets + u64::from(fin)
    }

    /// What was written, and the FIN, and was not sent yet.
    fn unsent(&self, now: Instant, fd: i64) -> u64 {
        let Some(machine) = self.machine(fd) else { return 0 };
        if !machine.state().is_synchronized() {
            return 0;
        }
        let fin = machine.has_shut_down() && !machine.state().has_sent_fin();
        machine.info(now).unsent + u64::from(fin)
    }
}

/// Whether the peer has acknowledged our FIN.
fn is_fin_acknowledged(machine: &Tcb) -> bool {
    use crate::State;
    matches!(machine.state(), State::FinWait2 | State::TimeWait | State::Closed)
}
