//! The calls of the user (RFC 9293 §3.10.1 to §3.10.7 and §3.9.1): what each does in each state.

use alloc::sync::Arc;
use core::time::Duration;

use super::command::{Command, CommandError, NetworkError, Queue};
use super::config::{MAX_WINDOW, TcpConfig};
use super::notices::{CloseReason, Notices};
use super::send::ORIGIN;
use super::state::{Event, State};
use super::tcb::Tcb;
use super::timers::Timer;
use crate::Instant;

impl Tcb {
    pub(super) fn call(
        &mut self,
        now: Instant,
        command: Command,
        notices: &mut Notices,
    ) -> Result<(), CommandError> {
        match command {
            Command::Consumed(octets) => return self.consumed(now, octets),
            _ if self.state == State::Closed => return Err(CommandError::Closed),
            Command::Open => self.open(notices)?,
            Command::Queue(queue) => self.queue(queue, notices)?,
            Command::Shutdown => self.shut_down(notices)?,
            Command::Close => self.close(notices),
            Command::Abort => self.abort(CloseReason::Aborted, Event::Abort, notices),
            Command::Flush => self.snd.more = false,
            Command::SetNagle(on) => self.choices().nagle = on,
            Command::SetKeepalive(keepalive) => {
                self.choices().keepalive = keepalive;
                self.keepalive_probes = 0;
                self.timers.stop(Timer::Keepalive);
            }
            Command::SetUserTimeout(timeout) => self.set_user_timeout(timeout),
            Command::SetR2(r2) => self.choices().r2 = r2,
            Command::SetAckDelay(delay) => self.choices().ack_delay = delay,
            Command::QuickAck(on) => self.set_quick_ack(on),
            Command::SetCookie(_) if self.snd.max > ORIGIN => return Err(CommandError::SynSent),
            Command::SetCookie(cookie) => self.rare.make().cookie = Some(cookie),
            Command::NetworkError(error) => self.network_error(error, notices)?,
            Command::PathMtu(report) => self.path_report(now, report)?,
        }
        self.arm(now);
        self.count_memory();
        Ok(())
    }

    /// To change what the user has chosen: from now on it is this connection's own.
    fn choices(&mut self) -> &mut TcpConfig {
        Arc::make_mut(&mut self.config)
    }

    /// Changes choices of a connection that there is: `change` gets them as they are. Each counts from the next time that it
    /// is asked for; timers that run go on, but for the user timeout and keep-alives. What belongs to the version of IP
    /// and its MTU, and what the SYN has offered, stays as it is: the fields about the MSS and path MTU, `window_scaling`,
    /// `timestamps`, `sack`, `ecn`, `fast_open`. A [`receive_window`](TcpConfig::receive_window) that is changed is the size
    /// of the receive buffer at once; the right edge of the window does not move left for it (RFC 9293 SHLD-14), nor further
    /// than the scale of the SYN can express. Another congestion control algorithm goes on with the window that there is.
    ///
    /// ```
    /// use tcpstate::Instant;
    /// use tcpstate::tcp::{Tcb, TcpConfig, Unpredictable};
    ///
    /// let mut tcb = Tcb::connect(&TcpConfig::default(), Unpredictable::default(), Instant::ZERO);
    /// tcb.configure(Instant::ZERO, |config| config.initial_window = 4)?;
    /// assert_eq!(tcb.config().initial_window, 4);
    /// # Ok::<(), tcpstate::tcp::CommandError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`CommandError::Closed`] when the connection is over; then `change` is not called.
    pub fn configure(
        &mut self,
        now: Instant,
        change: impl FnOnce(&mut TcpConfig),
    ) -> Result<(), CommandError> {
        if self.state == State::Closed {
            return Err(CommandError::Closed);
        }
        let mut wanted = *self.config;
        change(&mut wanted);
        let before = *self.config;
        let settled = TcpConfig {
            mss: before.mss,
            mss_limit: before.mss_limit,
            default_mss: before.default_mss,
            ip_header: before.ip_header,
            min_path_mtu: before.min_path_mtu,
            mtu_probing: before.mtu_probing,
            window_scaling: before.window_scaling,
            timestamps: before.timestamps,
            sack: before.sack,
            ecn: before.ecn,
            fast_open: before.fast_open,
            fast_open_unproven: before.fast_open_unproven,
            user_timeout: before.user_timeout,
            ..wanted
        };
        self.set_user_timeout(wanted.user_timeout);
        self.config = Arc::new(TcpConfig { user_timeout: wanted.user_timeout, ..settled });
        if settled.keepalive != before.keepalive {
            self.keepalive_probes = 0;
            self.timers.stop(Timer::Keepalive);
        }
        if settled.receive_window != before.receive_window {
            self.rcv.tuning.window = settled.receive_window.clamp(1, MAX_WINDOW);
        }
        if settled.congestion != before.congestion {
            self.congestion.switch(settled.congestion);
        }
        self.arm(now);
        self.count_memory();
        self.check_invariants();
        Ok(())
    }

    /// A timeout that runs goes on from where it began.
    fn set_user_timeout(&mut self, timeout: Option<Duration>) {
        let began = self.config.user_timeout.map(|before| self.timers.began(Timer::UserTimeout, before));
        self.timers.stop(Timer::UserTimeout);
        if let (Some(Some(began)), Some(timeout)) = (began, timeout) {
            self.timers.set(Timer::UserTimeout, began + timeout);
        }
        self.choices().user_timeout = timeout;
    }

    /// OPEN (§3.10.1).
    fn open(&mut self, notices: &mut Notices) -> Result<(), CommandError> {
        if self.state != State::Listen {
            return Err(CommandError::AlreadyOpen(self.state));
        }
        self.passive = false;
        self.change(Event::ActiveOpen, notices);
        Ok(())
    }

    /// [`Command::Queue`] without the detour through a command, for the one who gives many of them.
    #[inline]
    pub(crate) fn enqueue(&mut self, now: Instant, queue: Queue) -> Result<(), CommandError> {
        if self.state != State::Established {
            return self.on_command(now, Command::Queue(queue)).map(|_| ());
        }
        self.queue(queue, &mut Notices::default())?;
        self.arm(now);
        Ok(())
    }

    /// SEND (§3.10.2).
    fn queue(&mut self, queue: Queue, notices: &mut Notices) -> Result<(), CommandError> {
        if self.snd.fin_queued {
            return Err(CommandError::Closing);
        }
        if self.state == State::Listen {
            self.passive = false;
            self.change(Event::Send, notices);
        }
        let idle = self.snd.outstanding() == 0;
        self.snd.queued += u64::from(queue.len);
        if idle && self.config.is_freebsd() {
            self.rare.make().idle_to = self.snd.queued;
        }
        self.snd.more = queue.more;
        if queue.push {
            self.snd.push = self.snd.queued;
        }
        if queue.urgent {
            self.rare.make().snd_up = self.snd.queued;
            // However much it is (MUST-31), the pointer goes ahead of the octets where the window is closed
            // (RFC 6093 §3.1; MUST-66).
            self.ack_now |= self.snd.wnd == 0 && self.state.is_synchronized();
        }
        Ok(())
    }

    /// RECEIVE (§3.10.3): the user has taken octets, and the window may open.
    pub(crate) fn consumed(&mut self, now: Instant, octets: u32) -> Result<(), CommandError> {
        let readable = self.rcv.unread();
        if octets > readable {
            return Err(CommandError::NotReadable { consumed: octets, readable });
        }
        self.rcv.consumed += u64::from(octets);
        if self.rcv.tuning.is_due(now) {
            self.tune_window(now, octets);
        }
        let receives = matches!(self.state, State::Established | State::FinWait1 | State::FinWait2);
        if self.is_paced_by_user() {
            let opens = receives && self.window_opens_wide();
            self.ack_now |= octets > 0 && (opens || self.reading_acknowledges());
            return Ok(());
        }
        if receives && self.rcv.has_news(&self.config) {
            self.ack_now = true;
        }
        Ok(())
    }

    /// CLOSE (§3.10.4), of a user who goes on reading.
    // RFC 9293 X-11
    fn shut_down(&mut self, notices: &mut Notices) -> Result<(), CommandError> {
        match self.state {
            // The FIN follows the handshake.
            State::SynSent if self.config.is_freebsd() && !self.let_go && !self.snd.fin_queued => {
                self.snd.fin_queued = true;
                Ok(())
            }
            State::Listen | State::SynSent => {
                self.end(Event::Close, CloseReason::Deleted, notices);
                Ok(())
            }
            _ if self.snd.fin_queued => Err(CommandError::Closing),
            _ => {
                self.snd.fin_queued = true;
                Ok(())
            }
        }
    }

    /// CLOSE, of a user who lets go (MAY-1). What he has not read he will never read: the peer is told by a reset
    /// (§3.6.1, SHLD-3).
    // RFC 2525-17
    fn close(&mut self, notices: &mut Notices) {
        let receiving = match self.state {
            State::Established | State::FinWait1 | State::FinWait2 | State::CloseWait => true,
            // What came with the SYN was taken, and the SYN,ACK says so; what was not waits for the handshake.
            State::SynReceived => self.early,
            _ => false,
        };
        // Octets that wait for a gap to be filled will not be read either.
        let unread = self.rcv.unread() > 0 || !self.rcv.ranges.is_empty();
        if self.config.is_freebsd() {
            // It only throws away what was there, and a call that is not answered yet is forgotten.
            self.rcv.consumed = self.rcv.data_end();
            if self.state == State::SynReceived {
                return self.end(Event::Abort, CloseReason::Deleted, notices);
            }
        } else if receiving && unread {
            return self.abort(CloseReason::Discarded, Event::Abort, notices);
        }
        self.let_go = true;
        // "Closing" is no error here: a half-closed user may let go of the other half.
        let _ = self.shut_down(notices);
    }

    /// ABORT (§3.10.5), and what ends like it: the peer is told where it knows of the connection.
    // RFC 9293 X-12
    pub(super) fn abort(&mut self, reason: CloseReason, event: Event, notices: &mut Notices) {
        let told = matches!(
            self.state,
            State::SynReceived | State::Established | State::FinWait1 | State::FinWait2 | State::CloseWait
        ) || self.config.is_freebsd() && matches!(self.state, State::Closing | State::LastAck);
        if told {
            self.reset_peer();
        }
        self.end(event, reason, notices);
    }

    /// An ICMP error (§3.9.2.2, MUST-54). Only one about something in flight is believed (RFC 5927 §4.1), and only an
    /// attempt to connect is given up for it (SHLD-26): on an open connection even a hard error may pass, or be
    /// forged, and is only told, as soft ones are (MUST-47, MUST-56; RFC 5461 §4.1, RFC 5927 §5.2).
    fn network_error(&mut self, error: NetworkError, notices: &mut Notices) -> Result<(), CommandError> {
        let position = self.snd.position(error.seq);
        if self.state == State::Listen || position < self.snd.una || position >= self.snd.max {
            return Err(CommandError::NotInFlight(error.seq));
        }
        // A call that nobody has answered Linux gives up for any error.
        let calls = self.state == State::SynSent && self.config.is_linux();
        let hard = (error.hard || calls) && self.config.heeds_errors;
        match self.state {
            State::SynReceived if hard && self.passive => {
                self.lose_caller(Event::UserTimeout, CloseReason::Unreachable(error.code), notices);
            }
            State::SynSent | State::SynReceived if hard => {
                self.end(Event::UserTimeout, CloseReason::Unreachable(error.code), notices);
            }
            _ => {
                // Before there is a connection nobody can ask, and a row of a listener keeps none.
                if self.state != State::SynReceived || !self.passive {
                    self.rare.make().soft_error = Some(error.code);
                }
                notices.soft_error = Some(error.code);
            }
        }
        Ok(())
    }
}
