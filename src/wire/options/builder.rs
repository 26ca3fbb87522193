//! Writing options one after the other.

use super::{MAX_OPTIONS_LEN, TcpOption, kind};
use crate::SeqNumber;
use crate::wire::EmitError;

/// Puts options into the form of a header: one after the other, padded with zeros to a multiple of four
/// octets.
///
/// ```
/// use tcpstate::wire::{OptionsBuilder, TcpOption};
///
/// let mut options = OptionsBuilder::new();
/// options.push(&TcpOption::Mss(1460))?;
/// options.push(&TcpOption::WindowScale(7))?;
/// assert_eq!(options.as_bytes(), [2, 4, 5, 180, 3, 3, 7, 0]);
/// # Ok::<(), tcpstate::wire::EmitError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OptionsBuilder {
    /// Zero from `len` on: end of list, and the padding that RFC 9293 MUST-69 asks for.
    bytes: [u8; MAX_OPTIONS_LEN],
    len: usize,
}

impl Default for OptionsBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl OptionsBuilder {
    /// No options yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; MAX_OPTIONS_LEN], len: 0 }
    }

    /// Adds an option after those added before. Align with [`TcpOption::Nop`] where it matters.
    ///
    /// # Errors
    ///
    /// [`EmitError`] when 40 octets do not suffice, or from [`TcpOption::emit`]; nothing is then added.
    pub fn push(&mut self, option: &TcpOption<'_>) -> Result<(), EmitError> {
        let len = self.len.saturating_add(option.wire_len());
        if len > MAX_OPTIONS_LEN {
            return Err(EmitError::OptionsTooLong { len });
        }
        self.len += option.emit(self.bytes.get_mut(self.len..).unwrap_or_default())?;
        Ok(())
    }

    /// Adds a SACK option with as many of these blocks as still fit, at most four, and says how many that
    /// was. None: nothing is added.
    pub fn push_sack(&mut self, blocks: impl IntoIterator<Item = (SeqNumber, SeqNumber)>) -> usize {
        let room = self.bytes.get_mut(self.len..).unwrap_or_default();
        let Some((head, room)) = room.split_first_chunk_mut::<2>() else {
            return 0;
        };
        let mut taken = 0_u8;
        for (place, (left, right)) in room.chunks_exact_mut(8).zip(blocks) {
            let edges = left.get().to_be_bytes().into_iter().chain(right.get().to_be_bytes());
            place.iter_mut().zip(edges).for_each(|(place, octet)| *place = octet);
            taken += 1;
        }
        if taken > 0 {
            *head = [kind::SACK, 2 + 8 * taken];
            self.len += 2 + 8 * usize::from(taken);
        }
        usize::from(taken)
    }

    /// The options, padded: 0..=40 octets, a multiple of four.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len.next_multiple_of(4)).unwrap_or_default()
    }

    /// Octets that are left for more options.
    #[must_use]
    pub const fn room(&self) -> usize {
        MAX_OPTIONS_LEN - self.len
    }
}
