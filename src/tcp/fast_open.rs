//! TCP Fast Open (RFC 7413): octets with the SYN, and octets that are taken and sent before the handshake is done.
//!
//! The machine carries cookies and looks into none: its owner says which to send, and whether one that came is good.
//! All of it is off unless [`TcpConfig::fast_open`](super::TcpConfig::fast_open) is set.

use super::congestion::{CongestionControl as _, initial_window};
use super::output::OPTIONS_LEN;
use super::segment::{Cookie, SegmentMeta};
use super::send::ORIGIN;
use super::state::State;
use super::tcb::Tcb;

impl Tcb {
    /// Takes the octets that came with the SYN before the handshake is done, and lets octets go out behind our SYN,ACK,
    /// which acknowledges what was taken (RFC 7413 §4.2.2). For the owner of a server who has found the cookie of the
    /// SYN good: whoever sent it can receive at its address.
    ///
    /// Possible in SYN-RECEIVED after a passive open, before the SYN,ACK is polled for, with
    /// [`TcpConfig::fast_open`](super::TcpConfig::fast_open); says whether it was. From then on a reset, or silence, is
    /// the end of the connection and no way back to LISTEN. A FIN that came with the SYN waits for the handshake.
    pub fn open_early(&mut self) -> bool {
        let unanswered = self.state == State::SynReceived && self.passive && self.snd.max == ORIGIN;
        if !unanswered || !self.config.fast_open {
            return false;
        }
        self.early = true;
        self.rcv.nxt = self.rcv.ranges.take_through(self.rcv.nxt);
        let window = initial_window(self.config.initial_window, self.effective_send_mss());
        self.congestion.set_initial(window);
        true
    }

    /// What the peer has said of its MSS on an earlier connection, as far as octets with the SYN go (RFC 7413 §4.1.3:
    /// without, they are as few as every host takes). Its SYN,ACK says it anew. Once our SYN was sent this does nothing.
    pub(crate) fn expect_mss(&mut self, theirs: u16) {
        if self.state == State::SynSent && self.snd.max == ORIGIN {
            self.path.expect(&self.config, theirs);
        }
    }

    /// Octets of the largest segment to the peer, options included.
    pub(crate) const fn segment_size(&self) -> u32 {
        self.path.size()
    }

    /// The cookie that the peer has given us for the next connection, if it has (RFC 7413 §4.1.2).
    #[must_use]
    pub fn fast_open_cookie(&self) -> Option<Cookie> {
        self.rare.get()?.granted
    }

    /// Octets that our SYN can carry, were they queued before it is sent (RFC 7413 §4.1.3): none without a cookie, unless
    /// [`TcpConfig::fast_open_unproven`](super::TcpConfig::fast_open_unproven) is set.
    #[must_use]
    pub fn syn_room(&self) -> u32 {
        let unsent = self.state == State::SynSent && self.snd.max == ORIGIN && !self.syn_repeated;
        let cookie = self.rare.get().and_then(|rare| rare.cookie);
        let shown = cookie.is_some_and(|cookie| !cookie.as_bytes().is_empty());
        if !unsent || !self.config.fast_open || !(shown || self.config.fast_open_unproven) {
            return 0;
        }
        self.path.size().saturating_sub(OPTIONS_LEN)
    }

    /// Whether octets went with the SYN, ours or the peer's, and were taken before the handshake was done.
    #[must_use]
    pub fn took_syn_data(&self) -> bool {
        let end = self.rare.read(|rare| rare.syn_data_end);
        self.early || end > 0 && self.snd.una >= end
    }

    /// Octets of the SYN that is sent now: what the user has queued, and fits into a segment that every host takes, for
    /// the peer's MSS is not known yet (§4.1.3, §4.2.1). None without a cookie, and none where the SYN has to be
    /// repeated: some box on the path may not like it (§4.1.3.1).
    pub(super) fn syn_data(&self) -> u32 {
        u32::try_from(self.snd.queued - (ORIGIN + 1)).unwrap_or(u32::MAX).min(self.syn_room())
    }

    /// Whether our SYN, or our SYN,ACK if it `answers`, has the option. A SYN that is repeated has none (§4.2.1); a
    /// SYN,ACK has one if it was not us who began.
    pub(super) const fn shows_cookie(&self, answers: bool) -> bool {
        if answers { self.passive } else { !self.syn_repeated }
    }

    /// Takes the cookie of a SYN,ACK, if we have asked for one, or have shown one that is not good any more.
    pub(super) fn take_cookie(&mut self, seg: &SegmentMeta) {
        let given = seg.options.fast_open.filter(|cookie| !cookie.as_bytes().is_empty());
        if let Some(rare) = self.rare.if_any().filter(|rare| rare.cookie.is_some()) {
            rare.granted = given;
        }
    }

    /// The handshake is done. What went with our SYN and was not acknowledged was not taken: it goes again, and says
    /// nothing about the network (§4.2.1).
    pub(super) fn resend_syn_data(&mut self) {
        let Some(end) = self.rare.get().map(|rare| rare.syn_data_end).filter(|&end| self.snd.una < end)
        else {
            return;
        };
        self.snd.nxt = self.snd.max;
        self.records.lose_where(|record| record.start < end);
        self.rare.make().syn_data_end = 0;
    }
}
