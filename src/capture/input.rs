//! The octets of a capture: one bounded buffer over a source that may be gzipped.

use std::boxed::Box;
use std::io::{self, BufRead, BufReader, Read};
use std::string::ToString;
use std::vec;
use std::vec::Vec;

use flate2::bufread::MultiGzDecoder;

use super::fault::FaultReason;

/// Octets of the buffer at the start: enough for a few hundred frames at a time.
const FIRST_BUFFER_LEN: usize = 256 * 1024;

/// The most compressed octets that the decompressor gets at a time: where a stream is damaged, it loses what it
/// made of the octets of that one call.
const SIP_LEN: usize = 256;

/// The first octets of a gzip member (RFC 1952 §2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A window over the decompressed octets of the source.
///
/// Invariant: `start <= end <= buffer.len()`; the octets in between have been read and not consumed.
pub(super) struct Input<R: Read> {
    source: Source<R>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
    max_len: usize,
}

impl<R: Read> Input<R> {
    /// Looks at the first octets of `source` for gzip. `max_len` is the most that the buffer grows to.
    pub(super) fn new(source: R, max_len: usize) -> Result<Self, FaultReason> {
        let mut raw = Raw { source, head: [0; 2], head_len: 0, head_read: 0, octets: 0, failed: false };
        raw.peek().map_err(|error| FaultReason::from_io(&error))?;
        let source = if raw.head_len == 2 && raw.head == GZIP_MAGIC {
            Source::Gzip(Box::new(MultiGzDecoder::new(Sips(BufReader::new(raw)))))
        } else {
            Source::Plain(raw)
        };
        let buffer = vec![0; FIRST_BUFFER_LEN.min(max_len)];
        Ok(Self { source, buffer, start: 0, end: 0, ended: false, max_len })
    }

    /// Reads until `wanted` octets are available or the source ends; answers how many are.
    pub(super) fn ensure(&mut self, wanted: usize) -> Result<usize, FaultReason> {
        debug_assert!(wanted <= self.max_len, "the caller checks the length that a file claims");
        while self.len() < wanted && !self.ended {
            self.make_room();
            let Some(room) = self.buffer.get_mut(self.end..).filter(|room| !room.is_empty()) else {
                break;
            };
            let room_len = room.len();
            match self.source.read(room) {
                Ok(0) => self.ended = true,
                Ok(count) => self.end += count.min(room_len),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.source.fault(&error)),
            }
        }
        Ok(self.len())
    }

    /// Consumes `count` octets without keeping them; answers how many there were.
    pub(super) fn skip(&mut self, count: u64) -> Result<u64, FaultReason> {
        let mut left = count;
        while left > 0 && self.ensure(1)? > 0 {
            let step = usize::try_from(left).unwrap_or(usize::MAX).min(self.len());
            self.consume(step);
            left -= step as u64;
        }
        Ok(count - left)
    }

    /// The octets read and not consumed.
    pub(super) fn available(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn len(&self) -> usize {
        self.end - self.start
    }

    /// Passes over `count` octets. They stay in the buffer until the next [`ensure`](Self::ensure) or
    /// [`skip`](Self::skip).
    pub(super) fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.len(), "only what is available is consumed");
        self.start += count.min(self.len());
    }

    /// Where the next octet stands in the buffer, for [`held`](Self::held).
    pub(super) fn position(&self) -> usize {
        self.start
    }

    /// `len` octets from `position`, which have been available since the last [`ensure`](Self::ensure).
    pub(super) fn held(&self, position: usize, len: usize) -> &[u8] {
        position.checked_add(len).and_then(|end| self.buffer.get(position..end)).unwrap_or_default()
    }

    /// Octets taken from the source, before decompression.
    pub(super) fn octets_read(&self) -> u64 {
        self.source.raw().octets
    }

    pub(super) fn is_gzip(&self) -> bool {
        matches!(self.source, Source::Gzip(_))
    }

    /// Moves what is left to the front, and grows the buffer if it is full even so. Growth follows octets that
    /// have been read, never a length that the file only claims.
    fn make_room(&mut self) {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            let grown = self.buffer.len().saturating_mul(2).min(self.max_len);
            self.buffer.resize(grown.max(self.end), 0);
        }
    }
}

enum Source<R: Read> {
    Plain(Raw<R>),
    Gzip(Box<MultiGzDecoder<Sips<Raw<R>>>>),
}

impl<R: Read> Source<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(raw) => raw.read(room),
            Self::Gzip(decoder) => decoder.read(room),
        }
    }

    fn raw(&self) -> &Raw<R> {
        match self {
            Self::Plain(raw) => raw,
            Self::Gzip(decoder) => decoder.get_ref().0.get_ref(),
        }
    }

    /// Tells a source that failed from a gzip stream that is damaged.
    fn fault(&self, error: &io::Error) -> FaultReason {
        if self.is_gzip_damage() {
            FaultReason::Gzip { message: error.to_string() }
        } else {
            FaultReason::from_io(error)
        }
    }

    fn is_gzip_damage(&self) -> bool {
        matches!(self, Self::Gzip(_)) && !self.raw().failed
    }
}

/// Hands out what is buffered in small pieces.
struct Sips<R>(BufReader<R>);

impl<R: Read> Read for Sips<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0.read(room)
    }
}

impl<R: Read> BufRead for Sips<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let buffered = self.0.fill_buf()?;
        Ok(buffered.get(..SIP_LEN).unwrap_or(buffered))
    }

    fn consume(&mut self, count: usize) {
        self.0.consume(count);
    }
}

/// The source itself: counts octets, retries what was interrupted, and gives back the two octets looked at.
struct Raw<R> {
    source: R,
    head: [u8; 2],
    head_len: usize,
    head_read: usize,
    octets: u64,
    failed: bool,
}

impl<R: Read> Raw<R> {
    fn peek(&mut self) -> io::Result<()> {
        while let Some(room) = self.head.get_mut(self.head_len..).filter(|room| !room.is_empty()) {
            match self.source.read(room) {
                Ok(0) => break,
                Ok(count) => self.head_len += count.min(room.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Raw<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let head = self.head.get(self.head_read..self.head_len).unwrap_or_default();
        if !head.is_empty() {
            let count = head.len().min(room.len());
            for (to, from) in room.iter_mut().zip(head) {
                *to = *from;
            }
            self.head_read += count;
            self.octets += count as u64;
            return Ok(count);
        }
        loop {
            match self.source.read(room) {
                Ok(count) => {
                    let count = count.min(room.len());
                    self.octets += count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed = true;
                    return Err(error);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
