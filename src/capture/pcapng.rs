//! pcapng: a chain of blocks, <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html>.
//!
//! `pcap-file` takes the chain apart into blocks. What is in a block is read here: the library's own state cannot
//! go on after an interface description with any damaged option (a name in Latin-1), a set reserved field or a
//! clock finer than a nanosecond, refuses a whole packet for the sake of a comment, and keeps every option of
//! every interface. What a capture needs is little: three packet blocks and two options. Blocks that hold
//! neither are passed over without being held, however long they are.

use std::io::Read;
use std::vec::Vec;

use byteorder_slice::{BigEndian, LittleEndian};
use pcap_file::pcapng::{PcapNgFormatError, RawBlock, RawBlockParseError};

use super::bytes::ByteOrder;
use super::fault::{BlockProblem, FaultReason};
use super::input::Input;
use super::read::Found;
use super::{MAX_FRAME_LEN, MAX_INTERFACES};
use crate::time::Instant;

/// The type of a section header, which reads the same in both byte orders.
pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// The least length of a block: type, length, length again.
const MIN_BLOCK_LEN: u32 = 12;
/// Octets of type and length, in front of the body.
const HEAD_LEN: usize = 8;
/// The most that a block which has to be kept whole may take: a frame and its options.
pub(super) const MAX_BLOCK_LEN: u32 = MAX_FRAME_LEN + 1024 * 1024;

const OPTION_END: u16 = 0;
const OPTION_TSRESOL: u16 = 9;
const OPTION_TSOFFSET: u16 = 14;

/// One block, or the end of the file.
pub(super) enum Step {
    Frame(Found),
    /// A packet that cannot be read, in a block that can be passed over.
    Damaged(FaultReason),
    /// A block that describes the section, its byte order or an interface.
    Described,
    /// A block that holds no packet.
    Other,
    End,
}

/// The state of the current section.
pub(super) struct Pcapng {
    order: ByteOrder,
    interfaces: Vec<Interface>,
    last_time: Instant,
}

impl Pcapng {
    pub(super) fn is_magic(magic: [u8; 4]) -> bool {
        u32::from_be_bytes(magic) == SECTION_HEADER
    }

    /// Reads the first section header.
    pub(super) fn start<R: Read>(input: &mut Input<R>) -> Result<Self, FaultReason> {
        let mut this = Self { order: ByteOrder::Little, interfaces: Vec::new(), last_time: Instant::ZERO };
        match this.next(input) {
            Ok(_) => Ok(this),
            Err(FaultReason::CutBlock { needed, available }) => {
                Err(FaultReason::CutHeader { needed, available })
            }
            Err(reason) => Err(reason),
        }
    }

    /// Takes the next block.
    pub(super) fn next<R: Read>(&mut self, input: &mut Input<R>) -> Result<Step, FaultReason> {
        let Some(head) = self.head(input)? else {
            return Ok(Step::End);
        };
        if !head.is_kept() {
            let passed = u64::from(head.len - 4);
            let available = input.skip(passed)? + input.ensure(4)?.min(4) as u64;
            if available < u64::from(head.len) {
                return Err(FaultReason::CutBlock { needed: u64::from(head.len), available });
            }
            head.check_trailer(input.available())?;
            input.consume(4);
            return Ok(Step::Other);
        }
        if head.len > MAX_BLOCK_LEN {
            return Err(head.too_long());
        }
        let len = head.len as usize;
        let available = input.ensure(len)?;
        let block = input.available();
        let raw = match head.order {
            ByteOrder::Big => RawBlock::from_slice::<BigEndian>(block),
            ByteOrder::Little => RawBlock::from_slice::<LittleEndian>(block),
        };
        let body = match &raw {
            Ok((_, raw)) => &*raw.body,
            Err(RawBlockParseError::InvalidFormat(PcapNgFormatError::BlockLengthMismatch(first, last))) => {
                return Err(head.bad(BlockProblem::LengthsDiffer { first: *first, last: *last }));
            }
            // Everything else that the library checks has been checked with the head of the block.
            Err(_) => return Err(head.cut(available as u64)),
        };
        let step = match head.kind {
            SECTION_HEADER => self.section(&head, body)?,
            INTERFACE_DESCRIPTION => self.interface(&head, body)?,
            _ => self.packet(head.kind, body, input.position() + HEAD_LEN),
        };
        input.consume(len);
        Ok(step)
    }

    /// Reads type and length of the next block and leaves them in the input; `None` at the end of the file.
    fn head<R: Read>(&self, input: &mut Input<R>) -> Result<Option<Head>, FaultReason> {
        let available = input.ensure(MIN_BLOCK_LEN as usize)?;
        if available == 0 {
            return Ok(None);
        }
        let bytes = input.available();
        let cut = FaultReason::CutBlock { needed: u64::from(MIN_BLOCK_LEN), available: available as u64 };
        let (Some(kind), Some(mark)) = (self.order.u32(bytes, 0), ByteOrder::Big.u32(bytes, HEAD_LEN)) else {
            return Err(cut);
        };
        let order = match (kind, mark) {
            (SECTION_HEADER, 0x1a2b_3c4d) => ByteOrder::Big,
            (SECTION_HEADER, 0x4d3c_2b1a) => ByteOrder::Little,
            (SECTION_HEADER, mark) => {
                return Err(FaultReason::BadBlock {
                    block: kind,
                    problem: BlockProblem::ByteOrderMark { mark },
                });
            }
            _ => self.order,
        };
        let head = Head { kind, order, len: order.u32(bytes, 4).ok_or(cut)? };
        if !head.len.is_multiple_of(4) {
            return Err(head.bad(BlockProblem::Unaligned { length: head.len }));
        }
        head.check_len(MIN_BLOCK_LEN)?;
        Ok(Some(head))
    }

    /// A section header: a new byte order, and no interface.
    fn section(&mut self, head: &Head, body: &[u8]) -> Result<Step, FaultReason> {
        head.check_len(28)?;
        let (major, minor) = (head.order.u16(body, 4), head.order.u16(body, 6));
        // Minor version 2 was written by mistake in place of 0.
        let (Some(1), Some(0 | 2)) = (major, minor) else {
            let (major, minor) = (major.unwrap_or(0), minor.unwrap_or(0));
            return Err(FaultReason::UnsupportedVersion { format: "pcapng", major, minor });
        };
        self.order = head.order;
        self.interfaces.clear();
        Ok(Step::Described)
    }

    fn interface(&mut self, head: &Head, body: &[u8]) -> Result<Step, FaultReason> {
        if self.interfaces.len() >= MAX_INTERFACES {
            return Err(FaultReason::TooManyInterfaces { limit: MAX_INTERFACES as u64 });
        }
        let interface = Interface::read(self.order, body);
        self.interfaces.push(interface.ok_or_else(|| head.too_short(20))?);
        Ok(Step::Described)
    }

    /// A packet of any of the three kinds; `at` is where `body` stands in the input.
    fn packet(&mut self, kind: u32, body: &[u8], at: usize) -> Step {
        let Some(packet) = self.fields(kind, body) else {
            return Step::Damaged(FaultReason::BadPacket { claimed: 0, available: body.len() as u64 });
        };
        let known = u32::try_from(self.interfaces.len()).unwrap_or(u32::MAX);
        let index = usize::try_from(packet.interface).unwrap_or(usize::MAX);
        let Some(interface) = self.interfaces.get(index) else {
            return Step::Damaged(FaultReason::UnknownInterface { interface: packet.interface, known });
        };
        let room = body.len().saturating_sub(packet.data_at);
        let len = match packet.captured {
            Some(captured) => captured as usize,
            None => room.min(interface.captured(packet.original)),
        };
        if len > room {
            let (claimed, available) = (len as u64, room as u64);
            return Step::Damaged(FaultReason::BadPacket { claimed, available });
        }
        let captured = u32::try_from(len).unwrap_or(u32::MAX);
        if captured > MAX_FRAME_LEN {
            let (claimed, limit) = (len as u64, u64::from(MAX_FRAME_LEN));
            return Step::Damaged(FaultReason::FrameTooLarge { claimed, limit });
        }
        if let Some(ticks) = packet.ticks {
            self.last_time = interface.time(ticks);
        }
        Step::Frame(Found {
            time: self.last_time,
            dlt: interface.dlt,
            at: at + packet.data_at,
            len,
            wire_len: packet.original.max(captured),
        })
    }

    /// The fixed fields of a packet block; `None` if it is too short for them.
    fn fields(&self, kind: u32, body: &[u8]) -> Option<Packet> {
        let order = self.order;
        if kind == SIMPLE_PACKET {
            let original = order.u32(body, 0)?;
            return Some(Packet { interface: 0, ticks: None, captured: None, original, data_at: 4 });
        }
        let interface = match kind {
            OBSOLETE_PACKET => u32::from(order.u16(body, 0)?),
            _ => order.u32(body, 0)?,
        };
        let ticks = u64::from(order.u32(body, 4)?) << 32 | u64::from(order.u32(body, 8)?);
        Some(Packet {
            interface,
            ticks: Some(ticks),
            captured: Some(order.u32(body, 12)?),
            original: order.u32(body, 16)?,
            data_at: 20,
        })
    }
}

/// Type and length of a block.
struct Head {
    kind: u32,
    order: ByteOrder,
    len: u32,
}

impl Head {
    fn is_packet(&self) -> bool {
        matches!(self.kind, ENHANCED_PACKET | SIMPLE_PACKET | OBSOLETE_PACKET)
    }

    /// Whether the block is needed whole; any other is passed over, whatever its length.
    fn is_kept(&self) -> bool {
        self.is_packet() || matches!(self.kind, SECTION_HEADER | INTERFACE_DESCRIPTION)
    }

    fn check_len(&self, minimum: u32) -> Result<(), FaultReason> {
        if self.len < minimum { Err(self.too_short(minimum)) } else { Ok(()) }
    }

    fn check_trailer(&self, trailer: &[u8]) -> Result<(), FaultReason> {
        match self.order.u32(trailer, 0) {
            Some(last) if last != self.len => {
                Err(self.bad(BlockProblem::LengthsDiffer { first: self.len, last }))
            }
            _ => Ok(()),
        }
    }

    fn bad(&self, problem: BlockProblem) -> FaultReason {
        FaultReason::BadBlock { block: self.kind, problem }
    }

    fn too_short(&self, minimum: u32) -> FaultReason {
        self.bad(BlockProblem::TooShort { length: self.len, minimum })
    }

    fn too_long(&self) -> FaultReason {
        if self.is_packet() {
            let (claimed, limit) = (u64::from(self.len), u64::from(MAX_FRAME_LEN));
            FaultReason::FrameTooLarge { claimed, limit }
        } else {
            self.bad(BlockProblem::TooLong { length: self.len, limit: MAX_BLOCK_LEN })
        }
    }

    fn cut(&self, available: u64) -> FaultReason {
        let needed = u64::from(self.len);
        if self.is_packet() {
            FaultReason::CutFrame { needed, available }
        } else {
            FaultReason::CutBlock { needed, available }
        }
    }
}

/// The fixed fields of a packet block.
struct Packet {
    interface: u32,
    /// Time in ticks of the interface's clock; simple packets have none.
    ticks: Option<u64>,
    /// Octets in the block; simple packets leave it to the interface's snap length.
    captured: Option<u32>,
    original: u32,
    data_at: usize,
}

/// What an interface description says that a frame needs.
struct Interface {
    dlt: u32,
    /// The most octets captured of a packet; 0 is no limit.
    snap_len: u32,
    /// `if_tsresol`: ticks are 10^-n seconds, or 2^-n if the highest bit is set.
    resolution: u8,
    /// `if_tsoffset`, seconds to add to every time.
    offset_secs: i64,
}

impl Interface {
    /// Reads the two options that matter here and stops at the first damaged one.
    fn read(order: ByteOrder, body: &[u8]) -> Option<Self> {
        let dlt = u32::from(order.u16(body, 0)?);
        let snap_len = order.u32(body, 4)?;
        let (mut resolution, mut offset_secs) = (None, None);
        let mut options = body.get(8..)?;
        while let (Some(code), Some(len)) = (order.u16(options, 0), order.u16(options, 2)) {
            let len = usize::from(len);
            let Some(value) = options.get(4..4 + len).filter(|_| code != OPTION_END) else {
                break;
            };
            match (code, value) {
                (OPTION_TSRESOL, [octet]) => resolution = resolution.or(Some(*octet)),
                (OPTION_TSOFFSET, _) if len == 8 => offset_secs = offset_secs.or(order.i64(value, 0)),
                _ => {}
            }
            options = options.get(4 + len.next_multiple_of(4)..).unwrap_or_default();
        }
        let (resolution, offset_secs) = (resolution.unwrap_or(6), offset_secs.unwrap_or(0));
        Some(Self { dlt, snap_len, resolution, offset_secs })
    }

    /// The octets that a simple packet of this original length has in the file.
    fn captured(&self, original: u32) -> usize {
        let captured = if self.snap_len == 0 { original } else { original.min(self.snap_len) };
        captured as usize
    }

    /// The moment of a tick, to the nanosecond below; the ends of the range of [`Instant`] stand for what lies
    /// beyond them.
    fn time(&self, ticks: u64) -> Instant {
        let nanos_if_seconds = u128::from(ticks) * 1_000_000_000;
        let exponent = u32::from(self.resolution & 0x7f);
        let nanos = if self.resolution & 0x80 == 0 {
            10_u128.checked_pow(exponent).map_or(0, |ticks_per_second| nanos_if_seconds / ticks_per_second)
        } else {
            nanos_if_seconds >> exponent
        };
        // Below 2^94 and 2^93: the sum is far from the ends of the type.
        let nanos = i128::try_from(nanos).unwrap_or(i128::MAX);
        let shifted = nanos.saturating_add(i128::from(self.offset_secs) * 1_000_000_000).max(0);
        Instant::from_nanos(u64::try_from(shifted).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests;
