//! What the machine sees of a segment, and what it wants sent: header fields and lengths, never octets.

use core::fmt;

use crate::{EcnCodepoint, SeqNumber, TcpFlags};

/// A segment without its octets: what arrives at [`Tcb::on_segment`](super::Tcb::on_segment), and, inside a
/// [`SegmentPlan`], what is to be sent.
///
/// ```
/// use tcpstate::tcp::SegmentMeta;
/// use tcpstate::{SeqNumber, TcpFlags};
///
/// let fin = SegmentMeta {
///     seq: SeqNumber::new(7),
///     flags: TcpFlags::FIN | TcpFlags::ACK,
///     len: 10,
///     ..SegmentMeta::default()
/// };
/// assert_eq!(fin.seq_len(), 11); // SEG.LEN counts the FIN
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SegmentMeta {
    /// SEG.SEQ: the number of the first octet of payload, or of the SYN.
    pub seq: SeqNumber,
    /// SEG.ACK, significant with [`TcpFlags::ACK`].
    pub ack: SeqNumber,
    /// Control bits.
    pub flags: TcpFlags,
    /// SEG.WND as the header has it: unsigned (RFC 9293 MUST-1) and unscaled.
    pub window: u16,
    /// SEG.UP: offset from `seq` to the octet after the urgent data, significant with [`TcpFlags::URG`].
    pub urgent: u16,
    /// Octets of payload.
    pub len: u32,
    /// The ECN field of the IP header around it (RFC 3168 §5).
    pub ecn: EcnCodepoint,
    /// The options that the machine knows; whoever parses skips the others (RFC 9293 MUST-6).
    pub options: SegmentOptions,
}

impl SegmentMeta {
    /// SEG.LEN: the octets of payload, and one each for SYN and FIN (RFC 9293 §3.4).
    #[must_use]
    pub const fn seq_len(&self) -> u32 {
        let syn = self.flags.contains(TcpFlags::SYN) as u32;
        self.len.saturating_add(syn).saturating_add(self.flags.contains(TcpFlags::FIN) as u32)
    }

    /// The sequence number after this segment.
    #[must_use]
    pub fn end_seq(&self) -> SeqNumber {
        self.seq + self.seq_len()
    }

    /// The reset with which a closed socket answers this segment; `None` for a reset, which is never
    /// answered (RFC 9293 §3.10.7.1).
    ///
    /// It carries the number that the sender expects if the segment had an ACK, and else acknowledges all of
    /// the segment, so that the sender believes it.
    // RFC 9293 X-1
    #[must_use]
    pub fn reset_in_answer(&self) -> Option<Self> {
        if self.flags.contains(TcpFlags::RST) {
            return None;
        }
        Some(if self.flags.contains(TcpFlags::ACK) {
            Self { seq: self.ack, flags: TcpFlags::RST, ..Self::default() }
        } else {
            Self { ack: self.end_seq(), flags: TcpFlags::RST | TcpFlags::ACK, ..Self::default() }
        })
    }
}

/// The options of a segment that the machine knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SegmentOptions {
    /// Maximum segment size; counts on a SYN only (RFC 9293 §3.7.1, MUST-65).
    pub mss: Option<u16>,
    /// Window scale shift count; counts on a SYN only (RFC 7323 §2). Above 14 it is taken as 14.
    pub window_scale: Option<u8>,
    /// Whether SACK may be sent to the sender of this SYN (RFC 2018 §2).
    pub sack_permitted: bool,
    /// Timestamps (RFC 7323 §3).
    pub timestamps: Option<Timestamps>,
    /// SACK blocks (RFC 2018 §3), the newest first; a D-SACK block (RFC 2883) before them.
    pub sack: SackList,
    /// A Fast Open cookie or, empty, the request for one (RFC 7413 §4.1.1).
    pub fast_open: Option<Cookie>,
}

/// The values of a timestamps option (RFC 7323 §3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Timestamps {
    /// TSval: the sender's clock.
    pub val: u32,
    /// TSecr: the last value of the other's clock that the sender keeps; significant with ACK.
    pub ecr: u32,
}

/// Up to four SACK blocks in the order of the option.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct SackList {
    blocks: [(SeqNumber, SeqNumber); Self::MAX],
    len: u8,
}

impl SackList {
    /// As many blocks as an option of 40 octets can hold.
    pub const MAX: usize = 4;

    /// Adds a block: its first sequence number, and the one after its last. `false` when four are there.
    pub fn push(&mut self, left: SeqNumber, right: SeqNumber) -> bool {
        let Some(place) = self.blocks.get_mut(usize::from(self.len)) else {
            return false;
        };
        *place = (left, right);
        self.len += 1;
        true
    }

    /// The blocks.
    #[must_use]
    pub fn as_slice(&self) -> &[(SeqNumber, SeqNumber)] {
        self.blocks.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// How many blocks there are: 0..=4.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl FromIterator<(SeqNumber, SeqNumber)> for SackList {
    /// Takes the first four.
    fn from_iter<T: IntoIterator<Item = (SeqNumber, SeqNumber)>>(blocks: T) -> Self {
        let mut list = Self::default();
        for (left, right) in blocks.into_iter().take(Self::MAX) {
            list.push(left, right);
        }
        list
    }
}

impl fmt::Debug for SackList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_slice().iter().map(|(left, right)| (left.get(), right.get()))).finish()
    }
}

/// An opaque cookie of at most 16 octets (RFC 7413 §4.1.1). The machine carries it and never looks into it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cookie {
    octets: [u8; Self::MAX],
    len: u8,
}

impl Cookie {
    /// Octets of the longest cookie.
    pub const MAX: usize = 16;

    /// The cookie with these octets; `None` if there are more than 16.
    #[must_use]
    pub fn new(octets: &[u8]) -> Option<Self> {
        let mut cookie = Self { octets: [0; Self::MAX], len: u8::try_from(octets.len()).ok()? };
        cookie.octets.get_mut(..octets.len())?.copy_from_slice(octets);
        Some(cookie)
    }

    /// Its octets; none in a request for a cookie.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// A segment to be sent now: its header, and which octets of the stream it carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SegmentPlan {
    /// Header fields; `meta.len` octets of payload.
    pub meta: SegmentMeta,
    /// Where the payload begins in the stream that the user sends: 0 is its first octet. Significant when
    /// `meta.len` is not zero.
    pub offset: u64,
    /// What the act of sending changed: a FIN that is sent for the first time moves the state.
    pub notices: super::Notices,
}

/// Where the payload of an accepted segment goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Placed {
    /// Place in the stream that the peer sends: 0 is its first octet.
    pub offset: u64,
    /// Octets of the segment's payload before the first that is to be stored.
    pub skip: u32,
    /// Octets to store; some may be there already, and then the first copy stays.
    pub len: u32,
}

/// What became of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Verdict {
    /// Why the segment, or what was left of it after its acknowledgment was used, was refused.
    pub refused: Option<DropReason>,
    /// Payload to store.
    pub store: Option<Placed>,
    /// All octets before this offset have arrived: the reader may have them. Never moves back; octets that
    /// came with a SYN are held until the handshake is done.
    pub readable_to: u64,
    /// All octets of the user's stream before this offset are acknowledged: they may be forgotten.
    pub acked_to: u64,
    /// What the user should know.
    pub notices: super::Notices,
}

/// Why a segment, or its payload, was refused. Each is counted by whoever drives the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DropReason {
    /// There is no connection. Answer with [`SegmentMeta::reset_in_answer`] (RFC 9293 §3.10.7.1).
    Closed,
    /// A reset that reached a listener (§3.10.7.2).
    ResetInListen,
    /// An acknowledgment that reached a listener: answered by a reset (§3.10.7.2).
    AckInListen,
    /// Neither SYN, ACK nor RST reached a listener (§3.10.7.2).
    NothingForListen,
    /// In SYN-SENT: an acknowledgment of something other than our SYN: answered by a reset (§3.10.7.3).
    AckNotOfOurSyn,
    /// In SYN-SENT: a reset that does not acknowledge our SYN (§3.10.7.3; RFC 5961 §3.2).
    ResetWithoutAckOfSyn,
    /// In SYN-SENT: neither SYN nor RST (§3.10.7.3).
    NoSynInSynSent,
    /// The timestamp is older than one already seen (PAWS, RFC 7323 §5).
    OldTimestamp,
    /// The connection uses timestamps, and this segment has none (RFC 7323 §3.2). Not for a reset, and not for a
    /// SYN, which is challenged instead.
    TimestampMissing,
    /// The segment begins before RCV.NXT, and no part of it that Table 6 counts lies in the window: an old
    /// duplicate (§3.10.7.4).
    BelowWindow,
    /// All of the segment lies behind the receive window (§3.10.7.4).
    AboveWindow,
    /// The receive window is closed: the payload was refused; the acknowledgment counted (§3.10.7.4).
    ZeroWindow,
    /// A reset outside the window (RFC 5961 §3.2).
    ResetOutsideWindow,
    /// A reset inside the window but not at RCV.NXT: challenged (RFC 5961 §3.2).
    ResetNotExact,
    /// A reset in TIME-WAIT (RFC 1337).
    ResetInTimeWait,
    /// A SYN on an open connection: challenged (RFC 5961 §4.2).
    SynOnOpenConnection,
    /// No ACK where every segment has one (§3.10.7.4).
    NoAck,
    /// In SYN-RECEIVED: an acknowledgment of something other than our SYN: answered by a reset (§3.10.7.4).
    AckNotOfSynAck,
    /// An acknowledgment of what was never sent: answered by an ACK (§3.10.7.4).
    AckOfUnsent,
    /// An acknowledgment older than the largest window that the peer ever gave: challenged (RFC 5961 §5.2).
    AckTooOld,
    /// Payload or another FIN behind the peer's FIN.
    DataAfterFin,
    /// The user has closed and reads no more: answered by a reset (§3.6.1, SHLD-3).
    DataAfterClose,
    /// The payload is out of order, and the list of ranges is full.
    TooManyRanges,
    /// All of the payload is there already (answered by a D-SACK where SACK is used).
    Duplicate,
}

impl DropReason {
    /// Every reason.
    pub const ALL: [Self; 24] = [
        Self::Closed,
        Self::ResetInListen,
        Self::AckInListen,
        Self::NothingForListen,
        Self::AckNotOfOurSyn,
        Self::ResetWithoutAckOfSyn,
        Self::NoSynInSynSent,
        Self::OldTimestamp,
        Self::TimestampMissing,
        Self::BelowWindow,
        Self::AboveWindow,
        Self::ZeroWindow,
        Self::ResetOutsideWindow,
        Self::ResetNotExact,
        Self::ResetInTimeWait,
        Self::SynOnOpenConnection,
        Self::NoAck,
        Self::AckNotOfSynAck,
        Self::AckOfUnsent,
        Self::AckTooOld,
        Self::DataAfterFin,
        Self::DataAfterClose,
        Self::TooManyRanges,
        Self::Duplicate,
    ];

    /// The reason as a word for counters: `old_timestamp`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::ResetInListen => "reset_in_listen",
            Self::AckInListen => "ack_in_listen",
            Self::NothingForListen => "nothing_for_listen",
            Self::AckNotOfOurSyn => "ack_not_of_our_syn",
            Self::ResetWithoutAckOfSyn => "reset_without_ack_of_syn",
            Self::NoSynInSynSent => "no_syn_in_syn_sent",
            Self::OldTimestamp => "old_timestamp",
            Self::TimestampMissing => "timestamp_missing",
            Self::BelowWindow => "below_window",
            Self::AboveWindow => "above_window",
            Self::ZeroWindow => "zero_window",
            Self::ResetOutsideWindow => "reset_outside_window",
            Self::ResetNotExact => "reset_not_exact",
            Self::ResetInTimeWait => "reset_in_time_wait",
            Self::SynOnOpenConnection => "syn_on_open_connection",
            Self::NoAck => "no_ack",
            Self::AckNotOfSynAck => "ack_not_of_syn_ack",
            Self::AckOfUnsent => "ack_of_unsent",
            Self::AckTooOld => "ack_too_old",
            Self::DataAfterFin => "data_after_fin",
            Self::DataAfterClose => "data_after_close",
            Self::TooManyRanges => "too_many_ranges",
            Self::Duplicate => "duplicate",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
