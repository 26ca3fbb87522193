//! What the passive side has seen and done, in numbers.

/// Counters of a host's listeners. They never go back, and wrap after 2⁶⁴.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PassiveStats {
    /// SYNs to a listener.
    pub syns: u64,
    /// SYN,ACKs sent, cookies not among them.
    pub syn_acks: u64,
    /// Half-open connections that became connections, those by cookies not among them.
    pub completed: u64,
    /// Half-open connections that ended by a reset or a SYN in the window, or whose owner did not want them.
    pub gone: u64,
    /// Half-open connections that were given up at R2.
    pub timed_out: u64,
    /// Half-open connections that had to make room for newer ones.
    pub evicted: u64,
    /// SYNs for which there was no room at all.
    pub no_room: u64,
    /// Ends of handshakes that were dropped because too many connections waited to be accepted, or the host had as
    /// many as it may have. They come again.
    pub backlog_full: u64,
    /// SYN,ACKs sent that were cookies.
    pub cookies_sent: u64,
    /// Cookies that came back.
    pub cookies_accepted: u64,
    /// Acknowledgments that could have been of a cookie, and were not.
    pub cookies_failed: u64,
    /// SYNs with a good Fast Open cookie whose octets were taken at once.
    pub opened_early: u64,
    /// Connections in TIME-WAIT that were given to the table.
    pub time_waits: u64,
    /// Those that had to make room for newer ones.
    pub time_wait_evicted: u64,
    /// Those whose peer, or whose own user, began a new connection (RFC 6191).
    pub reopened: u64,
}
