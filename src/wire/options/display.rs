//! Options in the form that people read.

use core::fmt;

use super::{SackBlocks, TcpOption, TcpOptions};

/// The form that people read: `mss 1460, sackOK, TS val 1 ecr 0, nop, wscale 7`. What is wrong stands in
/// brackets.
impl fmt::Display for TcpOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, option) in self.iter().enumerate() {
            f.write_str(if at > 0 { ", " } else { "" })?;
            match option {
                Ok(option) => write!(f, "{option}")?,
                Err(error) => write!(f, "[{error}]")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for TcpOption<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::EndOfList => f.write_str("eol"),
            Self::Nop => f.write_str("nop"),
            Self::Mss(mss) => write!(f, "mss {mss}"),
            Self::WindowScale(shift) => write!(f, "wscale {shift}"),
            Self::SackPermitted => f.write_str("sackOK"),
            Self::Sack(blocks) => write!(f, "sack {blocks}"),
            Self::Timestamps { val, ecr } => write!(f, "TS val {val} ecr {ecr}"),
            Self::Md5(digest) => write!(f, "md5 {}", Hex(digest)),
            Self::UserTimeout { minutes, value } => {
                write!(f, "user-timeout {value}{}", if minutes { "min" } else { "s" })
            }
            Self::TcpAo { key_id, next_key_id, mac } => {
                write!(f, "tcp-ao keyid {key_id} rnextkeyid {next_key_id} mac {}", Hex(mac))
            }
            Self::Mptcp(data) => write!(f, "mptcp {}", Hex(data)),
            Self::FastOpen([]) => f.write_str("tfo cookiereq"),
            Self::FastOpen(cookie) => write!(f, "tfo cookie {}", Hex(cookie)),
            Self::FastOpenExperimental { cookie: [], .. } => f.write_str("exp-tfo cookiereq"),
            Self::FastOpenExperimental { cookie, .. } => write!(f, "exp-tfo cookie {}", Hex(cookie)),
            Self::Unknown { kind, data: [] } => write!(f, "unknown-{kind}"),
            Self::Unknown { kind, data } => write!(f, "unknown-{kind} {}", Hex(data)),
        }
    }
}

/// Octets as hexadecimal digits.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// `{1:100}{200:300}`.
impl fmt::Display for SackBlocks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|(left, right)| write!(f, "{{{left}:{right}}}"))
    }
}
