//! Lists that may grow with a flow's traffic, kept in a few octets of memory: what does not fit goes to a
//! store, in chunks that point back at each other.

use alloc::boxed::Box;
use alloc::vec::Vec;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// How many octets of a list stay in memory before they are moved to the store.
const TAIL_LIMIT: usize = 48;
/// Space for one more number; a varint of 64 bits takes ten octets.
const VARINT_MAX: usize = 10;

/// Where the parts of long lists go that must not stay in memory.
///
/// [`MemorySpill`] keeps them anyway; [`FileSpill`] writes them to a file, such as an unnamed temporary one.
pub trait Spill {
    /// Appends `bytes` and answers where they begin.
    ///
    /// # Errors
    /// Whatever the medium reports.
    fn append(&mut self, bytes: &[u8]) -> io::Result<u64>;

    /// Fills `into` with what was appended at `at`.
    ///
    /// # Errors
    /// Whatever the medium reports; [`io::ErrorKind::UnexpectedEof`] if so much was never appended there.
    fn read_at(&mut self, at: u64, into: &mut [u8]) -> io::Result<()>;
}

/// A store in memory, for small captures and tests.
#[derive(Debug, Default)]
pub struct MemorySpill(Vec<u8>);

impl Spill for MemorySpill {
    fn append(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let at = self.0.len() as u64;
        self.0.extend_from_slice(bytes);
        Ok(at)
    }

    fn read_at(&mut self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let stored = usize::try_from(at)
            .ok()
            .and_then(|at| self.0.get(at..))
            .and_then(|rest| rest.get(..into.len()))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(stored);
        Ok(())
    }
}

/// A store in a file. Writes are gathered; the file is touched once per 64 KiB.
#[derive(Debug)]
pub struct FileSpill<F> {
    file: F,
    flushed: u64,
    pending: Vec<u8>,
}

impl<F: Read + Write + Seek> FileSpill<F> {
    const GATHER: usize = 64 * 1024;

    /// A store that begins at the start of `file`, which must be empty.
    pub const fn new(file: F) -> Self {
        Self { file, flushed: 0, pending: Vec::new() }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.flushed))?;
        self.file.write_all(&self.pending)?;
        self.flushed += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }
}

impl<F: Read + Write + Seek> Spill for FileSpill<F> {
    fn append(&mut self, bytes: &[u8]) -> io::Result<u64> {
        if self.pending.len() + bytes.len() > Self::GATHER {
            self.flush()?;
        }
        let at = self.flushed + self.pending.len() as u64;
        self.pending.extend_from_slice(bytes);
        Ok(at)
    }

    fn read_at(&mut self, at: u64, into: &mut [u8]) -> io::Result<()> {
        if !self.pending.is_empty() {
            self.flush()?;
        }
        self.file.seek(SeekFrom::Start(at))?;
        self.file.read_exact(into)
    }
}

/// A growing list of numbers, a few octets each: callers store differences. Any number of entries takes at
/// most [`TAIL_LIMIT`] octets of memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct NumberList {
    tail: Vec<u8>,
    /// Where the newest stored chunk begins, and its length; 0: none is stored.
    stored: (u64, u32),
}

/// A chunk begins with the place and length of the chunk before it (length 0: there is none).
const CHUNK_HEADER: usize = 12;

impl NumberList {
    pub(crate) fn push(&mut self, number: u64, spill: &mut dyn Spill) -> io::Result<()> {
        if self.tail.len() + VARINT_MAX > TAIL_LIMIT {
            self.store(spill)?;
        }
        let mut rest = number;
        while rest >= 0x80 {
            self.tail.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        self.tail.push(rest as u8);
        Ok(())
    }

    /// Moves everything to the store.
    pub(crate) fn put_away(&mut self, spill: &mut dyn Spill) -> io::Result<()> {
        if !self.tail.is_empty() {
            self.store(spill)?;
        }
        self.tail = Vec::new();
        Ok(())
    }

    fn store(&mut self, spill: &mut dyn Spill) -> io::Result<()> {
        let (at, len) = self.stored;
        let mut chunk = Vec::with_capacity(CHUNK_HEADER + self.tail.len());
        chunk.extend_from_slice(&at.to_le_bytes());
        chunk.extend_from_slice(&len.to_le_bytes());
        chunk.extend_from_slice(&self.tail);
        let at = spill.append(&chunk)?;
        self.stored = (at, chunk.len() as u32);
        self.tail.clear();
        Ok(())
    }

    /// Every number, in the order in which they were pushed.
    pub(crate) fn read(&self, spill: &mut dyn Spill) -> io::Result<Vec<u64>> {
        let mut chunks: Vec<Box<[u8]>> = Vec::new();
        let mut next = Some(self.stored).filter(|(_, len)| *len > 0);
        while let Some((at, len)) = next {
            let mut chunk = alloc::vec![0; len as usize].into_boxed_slice();
            spill.read_at(at, &mut chunk)?;
            let header = chunk.first_chunk::<CHUNK_HEADER>().ok_or(io::ErrorKind::InvalidData)?;
            let [a, b, c, d, e, f, g, h, i, j, k, l] = *header;
            let earlier = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
            next = match u32::from_le_bytes([i, j, k, l]) {
                0 => None,
                // Chunks only point backwards: the walk ends.
                len if earlier < at => Some((earlier, len)),
                _ => return Err(io::ErrorKind::InvalidData.into()),
            };
            chunks.push(chunk);
        }
        let mut numbers = Vec::new();
        for chunk in chunks.iter().rev() {
            decode(chunk.get(CHUNK_HEADER..).unwrap_or_default(), &mut numbers);
        }
        decode(&self.tail, &mut numbers);
        Ok(numbers)
    }
}

fn decode(bytes: &[u8], into: &mut Vec<u64>) {
    let mut number = 0;
    let mut shift = 0;
    for &byte in bytes {
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            into.push(number);
            number = 0;
            shift = 0;
        }
    }
}

#[cfg(test)]
mod tests;
