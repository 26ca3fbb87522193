//! Numbers at an offset, in the byte order of the file.

/// Which octet of a number comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Big,
    Little,
}

impl ByteOrder {
    /// The 16-bit number at `at`, if all of it is there.
    pub(super) fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let octets = octets(bytes, at)?;
        Some(match self {
            Self::Big => u16::from_be_bytes(octets),
            Self::Little => u16::from_le_bytes(octets),
        })
    }

    /// The 32-bit number at `at`, if all of it is there.
    pub(super) fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let octets = octets(bytes, at)?;
        Some(match self {
            Self::Big => u32::from_be_bytes(octets),
            Self::Little => u32::from_le_bytes(octets),
        })
    }

    /// The signed 64-bit number at `at`, if all of it is there.
    pub(super) fn i64(self, bytes: &[u8], at: usize) -> Option<i64> {
        let octets = octets(bytes, at)?;
        Some(match self {
            Self::Big => i64::from_be_bytes(octets),
            Self::Little => i64::from_le_bytes(octets),
        })
    }
}

fn octets<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}
