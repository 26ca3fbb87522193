//! Calls of a user as system calls.

use alloc::format;

use super::Writer;
use crate::ladder::{Call, Returned};
use crate::{Instant, State};

/// The descriptors that a script has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sockets {
    listener: bool,
    /// That of the connection.
    connection: Option<u8>,
    /// The user has let go of the connection.
    closed: bool,
}

impl Sockets {
    /// Whether it is the end that opens.
    pub(super) const fn has_called(&self) -> bool {
        self.connection.is_some() && !self.listener
    }
}

impl Writer<'_> {
    pub(super) fn call(&mut self, at: Instant, call: &Call, returned: &Returned) {
        if let Returned::Failed(why) = returned {
            // It has changed nothing.
            return self.comment(&format!("{call}: {why}"));
        }
        let &Returned::Done(done) = returned else { return };
        match call {
            Call::Listen => self.open_passively(at),
            Call::Connect => self.open_actively(at),
            Call::Close
                if self.sockets.listener
                    && self.sockets.connection.is_none()
                    && self.state == State::Listen =>
            {
                self.sockets.closed = true;
                self.event(at, "close(3) = 0");
            }
            Call::Other(what) => self.leave_out(at, what),
            _ => self.of_connection(at, call, done),
        }
    }

    pub(super) fn open_passively(&mut self, at: Instant) {
        if self.sockets.listener {
            return;
        }
        if self.sockets.connection.is_some() {
            return self.leave_out(at, "a second connection");
        }
        self.forget_flow();
        self.sockets.listener = true;
        self.socket(at);
        self.event(at, "bind(3, ..., ...) = 0");
        self.event(at, "listen(3, 1) = 0");
    }

    pub(super) fn open_actively(&mut self, at: Instant) {
        if self.sockets.listener || self.sockets.connection.is_some() {
            return self.leave_out(at, "a second opening");
        }
        self.forget_flow();
        self.sockets.connection = Some(3);
        self.socket(at);
        self.event(at, "fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0");
        self.event(at, "connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)");
    }

    fn socket(&mut self, at: Instant) {
        self.event(at, "socket(..., SOCK_STREAM, IPPROTO_TCP) = 3");
        for (name, value) in self.chosen {
            self.event(at, &format!("setsockopt(3, IPPROTO_TCP, {name}, [{value}], 4) = 0"));
        }
    }

    /// What came before belongs to no connection: the one that begins counts anew.
    fn forget_flow(&mut self) {
        let ends = (self.ladder.socket(self.end), self.ladder.socket(self.end.peer()));
        self.flows.remove(&ends);
    }

    fn of_connection(&mut self, at: Instant, call: &Call, done: usize) {
        let opening = matches!(self.state, State::Listen | State::SynSent | State::SynReceived);
        let may_come_early = matches!(call, Call::Close | Call::Abort | Call::Nagle(_));
        if opening && !(may_come_early && self.sockets.connection.is_some()) {
            return self.leave_out(at, &format!("{call}, in {}", self.state));
        }
        let Some(fd) = self.descriptor(at) else {
            return self.leave_out(at, &format!("{call}, without a connection"));
        };
        match call {
            Call::Write(0) | Call::Read(0) => self.comment(&format!("{call}")),
            // How much there is room for depends on how the buffer is cut up, which nobody else can see.
            Call::Write(_) if done == 0 => self.comment(&format!("{call}: there is no room")),
            Call::Write(_) => self.event(at, &format!("write({fd}, ..., {done}) = {done}")),
            // A system call would go on where the user's call has stopped.
            Call::Read(asked) => {
                let asked = if done == 0 { *asked } else { done };
                self.event(at, &format!("read({fd}, ..., {asked}) = {done}"));
            }
            Call::Shutdown => self.event(at, &format!("shutdown({fd}, SHUT_WR) = 0")),
            Call::Nagle(on) => {
                let value = i32::from(!on);
                self.event(at, &format!("setsockopt({fd}, SOL_TCP, TCP_NODELAY, [{value}], 4) = 0"));
            }
            Call::Abort => {
                self.event(
                    at,
                    &format!("setsockopt({fd}, SOL_SOCKET, SO_LINGER, {{onoff=1, linger=0}}, 8) = 0"),
                );
                self.event(at, &format!("close({fd}) = 0"));
                self.sockets.closed = true;
            }
            Call::Close => {
                self.event(at, &format!("close({fd}) = 0"));
                self.sockets.closed = true;
            }
            Call::Connect | Call::Listen | Call::Other(_) => {}
        }
    }

    /// The descriptor of the connection, which is accepted now if it was not before.
    fn descriptor(&mut self, at: Instant) -> Option<u8> {
        if self.sockets.closed {
            return None;
        }
        if self.sockets.connection.is_none() && self.sockets.listener {
            self.sockets.connection = Some(4);
            self.event(at, "accept(3, ..., ...) = 4");
            self.event(at, "fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0");
        }
        self.sockets.connection
    }

    /// The state in which the end is left, as far as there is a descriptor to ask.
    pub(super) fn last_state(&mut self, at: Instant) {
        let name = match self.state {
            State::Listen => "LISTEN",
            State::SynSent => "SYN_SENT",
            State::SynReceived => "SYN_RECV",
            State::Established => "ESTABLISHED",
            State::CloseWait => "CLOSE_WAIT",
            State::FinWait1 => "FIN_WAIT1",
            State::FinWait2 => "FIN_WAIT2",
            State::Closing => "CLOSING",
            State::LastAck => "LAST_ACK",
            // A socket in TIME-WAIT is closed: a row waits in its place.
            State::Closed | State::TimeWait => "CLOSE",
        };
        let listens = self.sockets.listener && self.sockets.connection.is_none();
        let there = match self.state {
            _ if !self.is_known => return,
            _ if self.sockets.closed => false,
            State::Listen => listens,
            // FreeBSD's sockets stay what they are.
            State::Closed | State::TimeWait if self.prefix == "TCPS" => false,
            State::SynReceived | State::Closed | State::TimeWait if listens => false,
            _ => self.descriptor(at).is_some(),
        };
        let prefix = self.prefix;
        match there {
            true => self.event(at, &format!("%{{ assert tcpi_state == {prefix}_{name}, tcpi_state }}%")),
            false => self.comment(&format!("left in {}, which no descriptor can tell", self.state)),
        }
    }
}
