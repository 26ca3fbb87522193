//! close and shutdown.

use super::returned::{Returned, Stop};
use super::socket::{Role, Socket, Standing, standing};
use super::{Errno, Kernel, Op, Patience, Progress};
use crate::drill::script::Call;
use crate::host::ConnId;
use crate::{Instant, State};

/// `close` that lingers.
#[derive(Clone, Debug)]
pub(super) struct Close {
    id: ConnId,
}

impl Kernel {
    pub(super) fn close(&mut self, now: Instant, call: &Call) -> Result<Progress, Stop> {
        let args = self.args(call, 1..=1)?;
        let fd = args.fd(0)?;
        let at_once = Ok(Progress::Returned(Returned::value(0)));
        if self.close_watched(fd) {
            return at_once;
        }
        let Some(socket) = self.sockets.remove(&fd) else { return Err(Errno::EBADF.into()) };
        let linger = socket.settings.linger;
        match socket.role {
            Role::Fresh => {}
            Role::Datagram(datagram) => self.close_datagram(&datagram),
            Role::Listener(listening) => {
                self.host.unlisten(now, listening);
            }
            Role::Stream(stream) => {
                let id = stream.id;
                self.gone.push(stream);
                let opening = self.host.machine(id).map(crate::tcp::Tcb::state) == Some(State::SynSent);
                match linger {
                    Some(span) if span.is_zero() => {
                        self.with(id, |connection| connection.abort(now));
                    }
                    Some(span) if !opening && (self.is_linux() || !socket.nonblocking) => {
                        self.with(id, |connection| connection.close(now));
                        return self.begin(now, Op::Close(Close { id }), Patience::Until(Some(now + span)));
                    }
                    _ => {}
                }
                self.host.release(now, id);
            }
        }
        at_once
    }

    /// Calls a connection; one that is over refuses, and there is nothing to do about that.
    fn with<E>(
        &mut self,
        id: ConnId,
        call: impl FnOnce(&mut crate::host::ConnectionMut<'_>) -> Result<(), E>,
    ) {
        if let Some(mut connection) = self.host.connection(id) {
            let _ = call(&mut connection);
        }
    }

    /// Lingers until our FIN is acknowledged.
    pub(super) fn try_close(
        &mut self,
        now: Instant,
        close: &Close,
        last: bool,
    ) -> Result<Option<Returned>, Stop> {
        let state = self.host.machine(close.id).map(crate::tcp::Tcb::state);
        let waits = matches!(
            state,
            Some(State::Established | State::CloseWait | State::FinWait1 | State::Closing | State::LastAck)
        );
        if waits && !last {
            return Ok(None);
        }
        self.host.release(now, close.id);
        if waits && !self.is_linux() {
            return Err(Errno::EAGAIN.into());
        }
        Ok(Some(Returned::value(0)))
    }

    pub(super) fn shutdown(&mut self, now: Instant, call: &Call) -> Result<Returned, Stop> {
        let args = self.args(call, 2..=2)?;
        let (fd, how) = (args.fd(0)?, args.int(1)?);
        let (reads, writes) = match how {
            0 => (true, false),
            1 => (false, true),
            2 => (true, true),
            _ => {
                self.sock(fd)?;
                return Err(Errno::EINVAL.into());
            }
        };
        let linux = self.is_linux();
        match self.sock(fd)?.role {
            Role::Listener(_) if linux => {
                if reads {
                    self.disconnect(now, fd);
                }
                Ok(Returned::value(0))
            }
            Role::Datagram(_) => self.shut_datagram(fd, reads, writes),
            Role::Fresh | Role::Listener(_) => Err(Errno::ENOTCONN.into()),
            Role::Stream(_) => self.shut(now, fd, reads, writes),
        }
    }

    fn shut(&mut self, now: Instant, fd: i64, reads: bool, writes: bool) -> Result<Returned, Stop> {
        let linux = self.is_linux();
        let Some(stream) = self.sockets.get_mut(&fd).and_then(Socket::stream_mut) else {
            return Err(Errno::ENOTCONN.into());
        };
        let id = stream.id;
        let machine = self.host.machine(id);
        let state = machine.map_or(State::Closed, crate::tcp::Tcb::state);
        if standing(machine, stream.connecting) == Standing::Over {
            return Err(Errno::ENOTCONN.into());
        }
        stream.shut_read |= reads;
        if linux && state == State::SynSent {
            self.disconnect(now, fd);
            return Ok(Returned::value(0));
        }
        if writes {
            self.with(id, |connection| connection.shutdown(now));
        }
        if reads && !linux {
            self.discard(now, id);
        }
        Ok(Returned::value(0))
    }

    /// What was not read is forgotten: FreeBSD, when nothing is to be read any more.
    pub(super) fn discard(&mut self, now: Instant, id: ConnId) {
        let Some(mut connection) = self.host.connection(id) else { return };
        while matches!(connection.recv(now, usize::MAX), crate::connection::Received::Data(_)) {}
    }
}
