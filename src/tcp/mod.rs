//! One connection in sequence space, without payload, addresses or wire formats.
//!
//! [`Tcb`] is the machine; [`State::on`](crate::State::on) the table of its states. Where each part of
//! RFC 9293, and of what goes with it, is to be found:
//!
//! | RFC | here |
//! |---|---|
//! | 9293 §3.3.1, the variables | `send.rs` (SND.\*), `receive.rs` (RCV.\*), [`segment`] (SEG.\*), `tcb.rs` |
//! | 9293 §3.3.2, Figure 5 | [`state`] |
//! | 9293 §3.4.1, ISS (RFC 6528) | [`Unpredictable`]: from the owner of the secret |
//! | 9293 §3.5, opening; §3.10.7.2 and .3: segments in LISTEN and SYN-SENT | `opening.rs`; without a machine: `half_open.rs` |
//! | 9293 §3.6, closing | `calls.rs` (CLOSE, ABORT), `text.rs` (FIN), `arrival.rs` (ACK of FIN) |
//! | 9293 §3.6.1, TIME-WAIT; RFC 1337, RFC 6191 | `text.rs`, `arrival.rs`, [`Tcb::may_reopen`]; without a machine: `time_wait.rs` |
//! | 9293 §3.7.1, MSS; RFC 7323 §2, window scale | `opening.rs`, `output.rs` |
//! | 9293 §3.7.2, path MTU; RFC 1191, 8201, 4821, 5927 §7 | `mtu.rs` |
//! | 9293 §3.7.4, Nagle; §3.8.6.2.1, the sender's silly windows | `output.rs` |
//! | 9293 §3.8.1, RTO; RFC 6298; RFC 7323 appendix G | `rtt.rs`, `ack.rs`, `expiry.rs` |
//! | 9293 §3.8.2, congestion; RFC 5681, 9438, 9406, 7661, 6928 | `congestion/`, `output.rs` |
//! | 9293 §3.8.2, ECN; RFC 3168 | `ecn.rs` |
//! | losses: RFC 6675, 8985, 9937, 6582, 3042; undone: 3522, 3708, 4015, 5682 | `repair.rs`, `recovery/` |
//! | the like of TCP_INFO; delivery rate | [`info`], `rate.rs` |
//! | 9293 §3.8.3, R1 and R2; §3.8.4, keep-alives; §3.10.8, timeouts | `expiry.rs` |
//! | 9293 §3.8.5, urgent data; RFC 6093 | `calls.rs`, `output.rs`, `arrival.rs` |
//! | 9293 §3.8.6.1, closed windows | `expiry.rs` |
//! | 9293 §3.8.6.2.2, the receiver's silly windows | `receive.rs` |
//! | 9293 §3.8.6, how large the window is | `tuning.rs` |
//! | 9293 §3.8.6.3, delayed acknowledgments | `text.rs`; as Linux has them: `quick_ack.rs` |
//! | where stacks differ | `rules.rs` |
//! | 9293 §3.9.1, §3.10.1 to §3.10.6, the user's calls | [`command`], `calls.rs` |
//! | 9293 §3.9.2.2, ICMP; RFC 5461, RFC 5927 | `calls.rs` |
//! | 9293 §3.10.7.4, segments in all other states; RFC 5961 | `arrival.rs`, `ack.rs`, `text.rs` |
//! | RFC 2018, RFC 2883, SACK at the receiver | `ranges.rs`, `receive.rs` |
//! | what kernels do otherwise than the RFCs | [`dialect`] |
//! | RFC 7413, Fast Open | `fast_open.rs` |
//! | RFC 7323 §3 to §5, timestamps and PAWS | `timestamps.rs`, `arrival.rs` |
//!
//! Inside, places in sequence space are 64-bit positions that count from the initial number and never wrap;
//! the 32 bits of the wire appear where a segment comes in or goes out, and nowhere else.

mod ack;
mod arrival;
mod calls;
pub mod command;
pub(crate) mod compact;
pub mod config;
mod congestion;
pub mod dialect;
mod ecn;
mod expiry;
mod fast_open;
pub mod fingerprint;
mod getters;
mod half_open;
pub mod info;
mod mtu;
pub mod notices;
mod opening;
mod output;
mod predicted;
mod quick_ack;
mod ranges;
mod rare;
mod rate;
mod receive;
mod recovery;
mod repair;
mod rtt;
mod rules;
pub mod segment;
mod send;
pub mod state;
mod tcb;
mod text;
mod time_wait;
mod timers;
mod timestamps;
mod tuning;

pub use command::{Command, CommandError, NetworkError, PathMtu, Queue};
pub use config::{
    CongestionAlgorithm, Ecn, Keepalive, MtuProbing, OptionLayout, PathReports, TcpConfig, Unpredictable,
};
pub use dialect::{Dialect, LossDetection, Persist};
pub use fingerprint::{Fingerprint, Horizon};
pub use half_open::{HalfOpen, Heard};
pub use info::{Outstanding, RecoveryPhase, TcpInfo};
pub use notices::{CloseReason, Notices, Transitions};
pub use rules::{AckPolicy, RtoRule, SmallSegments, WindowProbe, WindowRules};
pub use segment::{
    Cookie, DropReason, Placed, SackList, SegmentMeta, SegmentOptions, SegmentPlan, Timestamps, Verdict,
};
pub use tcb::{Input, Output, Tcb};
pub use time_wait::{TimeWait, Waited};
pub use timers::Timer;

#[cfg(test)]
mod tests;
