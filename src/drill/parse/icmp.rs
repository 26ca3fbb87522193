//! ICMP lines.

use alloc::format;
use alloc::string::ToString;

use super::super::lexer::Kind;
use super::super::script::{IcmpLine, Quoted};
use super::{Parser, ScriptError, fault};

impl Parser<'_> {
    /// From behind `icmp` on.
    pub(super) fn icmp(&mut self) -> Result<IcmpLine, ScriptError> {
        let kind = self.expect_word("a type of ICMP (`unreachable`, `type_3`…)")?.to_string();
        let mut line = IcmpLine { kind, code: None, mtu: None, id: None, quoted: Quoted::Nothing };
        if self.peek().kind == Kind::Word && !self.at_word("mtu") && !self.at_word("id") {
            line.code = Some(self.next().text.to_string());
        }
        loop {
            if self.take_word("mtu") {
                line.mtu = Some(self.number("an MTU")?);
            } else if self.take_word("id") {
                line.id = Some(self.number("an identifier")?);
            } else if line.quoted == Quoted::Nothing && self.at_mark("[") {
                line.quoted = self.quoted_packet()?;
            } else {
                return Ok(line);
            }
        }
    }

    /// `[1:1461(1460)]`, `[udp (N)]`, `[raw (N)]`.
    fn quoted_packet(&mut self) -> Result<Quoted, ScriptError> {
        self.expect_mark("[", "before what is quoted")?;
        let quoted = if self.take_word("udp") {
            Quoted::Udp(self.quoted_len()?)
        } else if self.take_word("raw") {
            Quoted::Raw(self.quoted_len()?)
        } else {
            let seq: u32 = self.number("`udp`, `raw` or the sequence number of what is quoted")?;
            self.expect_mark(":", "behind the first sequence number")?;
            let end: u32 = self.number("the sequence number behind the last octet")?;
            self.expect_mark("(", "before the octets of the segment")?;
            let at = self.peek();
            let len = self.number::<u32>("the octets of the segment")?;
            let between = end.wrapping_sub(seq);
            if between != len {
                return Err(fault(at, format!("{between} octets lie between these numbers, not {len}")));
            }
            self.expect_mark(")", "behind the octets of the segment")?;
            Quoted::Tcp { seq, end }
        };
        self.expect_mark("]", "behind what is quoted")?;
        Ok(quoted)
    }

    fn quoted_len(&mut self) -> Result<u32, ScriptError> {
        self.expect_mark("(", "before its octets")?;
        let len = self.number("its octets")?;
        self.expect_mark(")", "behind its octets")?;
        Ok(len)
    }
}
