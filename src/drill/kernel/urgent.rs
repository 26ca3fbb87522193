//! Urgent data as sockets have it (RFC 6093 §3): one octet, the last before the pointer, out of band unless `SO_OOBINLINE`
//! is on. In band, a read stops before it, and the next steps over it.

use alloc::format;

use super::returned::{Returned, Stop};
use super::socket::{Socket, Standing, Urgent, standing};
use super::{CallFailure, Errno, Kernel};
use crate::Instant;
use crate::connection::Received;
use crate::drill::pattern;
use crate::drill::script::Direction;
use crate::host::Host;
use crate::tcp::Tcb;

impl Socket {
    /// Notices an urgent pointer that is new, and one that was read past.
    pub(super) fn note_urgent(&mut self, host: &Host) {
        let Some(stream) = self.stream_mut() else { return };
        let Some(machine) = host.machine(stream.id) else { return };
        let ahead = machine.urgent_remaining();
        if ahead > 0 {
            let at = machine.consumed_to() + ahead - 1;
            if stream.urgent.is_none_or(|urgent| urgent.at < at) {
                stream.urgent = Some(Urgent { at, taken: false });
            }
        }
        if stream.urgent.is_some_and(|urgent| urgent.at < machine.consumed_to()) {
            stream.urgent = None;
        }
    }
}

impl Kernel {
    fn urgent(&self, fd: i64) -> Option<Urgent> {
        self.stream(fd)?.urgent
    }

    /// Whether urgent data stays in the stream.
    fn is_inline(&self, fd: i64) -> bool {
        self.sockets.get(&fd).is_some_and(|socket| socket.settings.is_on("SO_OOBINLINE"))
    }

    /// Whether an urgent octet is there that nobody has read.
    pub(super) fn has_urgent(&self, fd: i64) -> bool {
        let arrived = self.machine(fd).map_or(0, Tcb::readable_to);
        self.urgent(fd).is_some_and(|urgent| !urgent.taken && urgent.at < arrived)
    }

    /// Octets before the urgent one that is ahead.
    pub(super) fn urgent_ahead(&self, fd: i64) -> Option<u64> {
        let read = self.machine(fd)?.consumed_to();
        self.urgent(fd)?.at.checked_sub(read)
    }

    /// `SIOCATMARK`.
    pub(super) fn is_at_mark(&self, fd: i64) -> bool {
        self.urgent_ahead(fd) == Some(0)
    }

    /// Octets that wait to be read in band.
    pub(super) fn unread_in_band(&self, fd: i64) -> usize {
        let out = self.is_at_mark(fd) && !self.is_inline(fd);
        self.unread(fd).saturating_sub(usize::from(out))
    }

    /// A read begins at the mark: it is passed, and the urgent octet with it, unless that is in band.
    pub(super) fn step_over_urgent(&mut self, now: Instant, fd: i64) -> Result<(), Stop> {
        if !self.is_at_mark(fd) || self.unread(fd) == 0 {
            return Ok(());
        }
        let inline = self.is_inline(fd);
        let Some(stream) = self.sock(fd)?.stream_mut() else { return Ok(()) };
        let (id, place) = (stream.id, stream.read);
        stream.urgent = None;
        if inline {
            return Ok(());
        }
        stream.read += 1;
        let mut octet = [0];
        let read = self.host.connection(id).map(|mut own| own.recv_slice(now, &mut octet));
        if read == Some(Received::Data(1)) { as_sent(place, octet) } else { Ok(()) }
    }

    /// `recv(…, MSG_OOB)`.
    pub(super) fn read_urgent(
        &mut self,
        fd: i64,
        room: usize,
        peek: bool,
        last: bool,
    ) -> Result<Option<Returned>, Stop> {
        let urgent = self.urgent(fd).filter(|urgent| !urgent.taken && !self.is_inline(fd));
        let urgent = urgent.ok_or(Errno::EINVAL)?;
        if !self.has_urgent(fd) {
            let connecting = self.stream(fd).is_some_and(|stream| stream.connecting);
            if standing(self.machine(fd), connecting) == Standing::Over {
                return Ok(Some(Returned::value(0)));
            }
            return if last || !self.is_linux() { Err(Errno::EAGAIN.into()) } else { Ok(None) };
        }
        let ahead = self.urgent_ahead(fd).and_then(|ahead| usize::try_from(ahead).ok()).unwrap_or(0);
        let Some(stream) = self.sock(fd)?.stream_mut() else { return Err(Errno::EINVAL.into()) };
        let id = stream.id;
        if !peek {
            stream.urgent = Some(Urgent { taken: true, ..urgent });
        }
        let mut octet = [0];
        if self.host.connection(id).is_some_and(|own| own.peek(ahead, &mut octet) == 1) {
            as_sent(urgent.at, octet)?;
        }
        Ok(Some(Returned::len(room.min(1))))
    }
}

/// Whether that octet is what the peer sends there.
fn as_sent(place: u64, octet: [u8; 1]) -> Result<(), Stop> {
    match pattern::first_difference(Direction::In, place, &octet) {
        None => Ok(()),
        Some(_) => {
            Err(CallFailure::Failed(format!("octet {place} of the stream is not what was sent")).into())
        }
    }
}
