//! Packet lines: what is asked of the IP header, and TCP segments and datagrams.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::super::lexer::{Kind, Token};
use super::super::script::{
    Body, Direction, EcnWord, IpInfo, OptionList, Packet, PortPair, TcpLine, UdpLine,
};
use super::{Parser, ScriptError, fault, is_mark, unsupported};
use crate::TcpFlags;

/// The sequence numbers of a segment.
#[derive(Default)]
struct Numbers {
    seq: u32,
    end: u32,
    absolute: bool,
    any_seq: bool,
    len: Option<u32>,
}

impl Parser<'_> {
    /// From the `<` or `>` on.
    pub(super) fn packet(&mut self, direction: Direction) -> Result<Packet, ScriptError> {
        self.next();
        let token = self.peek();
        if token.kind == Kind::Word {
            let what = match token.text {
                "ipv4" | "ipv6" => Some("encapsulation in IP"),
                "gre" => Some("encapsulation in GRE"),
                "mpls" => Some("MPLS labels"),
                "sctp" => Some("SCTP packets"),
                "udplite" => Some("UDP-Lite packets"),
                _ => None,
            };
            if let Some(what) = what {
                return Err(unsupported(token, format!("{what} (`{}`)", token.text)));
            }
        }
        let ip = self.ip_info(direction)?;
        let ports = self.ports()?;
        let body = if self.take_word("icmp") || self.take_word("icmpv4") || self.take_word("icmpv6") {
            Body::Icmp(self.icmp()?)
        } else if self.take_word("udp") {
            self.expect_mark("(", "before the octets of the datagram")?;
            let len = self.number_to(0xffff, "the octets of the datagram")?;
            self.expect_mark(")", "behind the octets of the datagram")?;
            Body::Udp(UdpLine { ports, len: u32::try_from(len).unwrap_or(0) })
        } else if self.at_word("sctp") || self.at_word("udplite") {
            let token = self.peek();
            return Err(unsupported(token, format!("packets of `{}`", token.text)));
        } else {
            Body::Tcp(self.tcp(direction, ports)?)
        };
        Ok(Packet { direction, ip, body })
    }

    /// `[ect0, ttl 4]` or `(ect0, ttl 4)`, if there is one.
    fn ip_info(&mut self, direction: Direction) -> Result<IpInfo, ScriptError> {
        let mut info = IpInfo::default();
        let close = match self.peek().text {
            "[" => "]",
            "(" => ")",
            _ => return Ok(info),
        };
        if self.ahead(1).kind == Kind::Integer {
            return Ok(info);
        }
        self.next();
        loop {
            let token = self.peek();
            let mut item = IpInfo::default();
            self.ip_item(direction, &mut item)?;
            // Of two words about a field one would be lost.
            if !add(&mut info, item) {
                return Err(fault(token, format!("`{}`: a word before has said this already", token.text)));
            }
            if !self.take_mark(",") {
                break;
            }
        }
        self.expect_mark(close, "behind what is asked of the IP header")?;
        Ok(info)
    }

    fn ip_item(&mut self, direction: Direction, info: &mut IpInfo) -> Result<(), ScriptError> {
        let token = self.peek();
        match self.expect_word("`noecn`, `ect0`, `ect1`, `ce`, `ect01`, `tos`, `ttl`, `flowlabel`…")? {
            "noecn" => info.ecn = Some(EcnWord::None),
            "ect0" => info.ecn = Some(EcnWord::Ect0),
            "ect1" => info.ecn = Some(EcnWord::Ect1),
            "ce" => info.ecn = Some(EcnWord::Ce),
            "ect01" if direction == Direction::In => {
                return Err(fault(
                    token,
                    "a packet that arrives has one mark: `ect0` or `ect1`, not `ect01`",
                ));
            }
            "ect01" => info.ecn = Some(EcnWord::Ect01),
            "ecn" if self.peek().kind == Kind::Word => return self.ip_item(direction, info),
            "ecn" => {
                info.ecn = Some(match self.number_to(3, "the ECN field")? {
                    0 => EcnWord::None,
                    1 => EcnWord::Ect1,
                    2 => EcnWord::Ect0,
                    _ => EcnWord::Ce,
                });
            }
            "tos" | "class" => info.traffic_class = Some(self.number("the type of service")?),
            "dscp" => info.dscp = Some(self.dscp()?),
            "ttl" | "hlim" => info.hop_limit = Some(self.number("the hop limit")?),
            "flowlabel" => {
                info.flow_label = u32::try_from(self.number_to(0xf_ffff, "the flow label")?).ok();
            }
            other => return Err(unsupported(token, format!("`{other}` of the IP header"))),
        }
        Ok(())
    }

    /// A DSCP as a number or by its name (RFC 2474 §4.2.2, RFC 2597 §6, RFC 3246, RFC 8622).
    fn dscp(&mut self) -> Result<u8, ScriptError> {
        let token = self.peek();
        if token.kind != Kind::Word {
            return Ok(u8::try_from(self.number_to(63, "the DSCP")?).unwrap_or(63));
        }
        self.next();
        let digit = |at: usize, least: u8, most: u8| {
            let digit = token.text.get(at..)?.chars().next()?.to_digit(10)?;
            u8::try_from(digit).ok().filter(|digit| (least..=most).contains(digit))
        };
        let named = match (token.text.get(..2), token.text.len()) {
            (Some("cs"), 3) => digit(2, 0, 7).map(|class| class << 3),
            (Some("af"), 4) => digit(2, 1, 4).zip(digit(3, 1, 3)).map(|(class, drop)| class << 3 | drop << 1),
            (Some("ef"), 2) => Some(46),
            (Some("le"), 2) => Some(1),
            _ => None,
        };
        named.ok_or_else(|| unsupported(token, format!("the DSCP `{}`", token.text)))
    }

    /// `8080 > 40000`, in brackets or before a colon or bare, if there are any.
    fn ports(&mut self) -> Result<Option<PortPair>, ScriptError> {
        let open = self.at_mark("[") || self.at_mark("(");
        let first = self.ahead(usize::from(open));
        let arrow = self.ahead(usize::from(open) + 1);
        if first.kind != Kind::Integer || !is_mark(arrow, ">") {
            return Ok(None);
        }
        let close = if self.at_mark("[") { "]" } else { ")" };
        self.at += usize::from(open);
        let source = self.number("a port")?;
        self.next();
        let destination = self.number("a port")?;
        if open {
            self.expect_mark(close, "behind the ports")?;
        }
        self.take_mark(":");
        Ok(Some(PortPair { source, destination }))
    }

    fn tcp(&mut self, direction: Direction, ports: Option<PortPair>) -> Result<TcpLine, ScriptError> {
        let (flags, ace) = self.flags()?;
        let numbers = self.numbers(direction)?;
        let (mut ack, mut ack_absolute) = (None, false);
        if self.take_word("ack") {
            ack = Some(self.number("an acknowledgment number")?);
            ack_absolute = self.take_mark("!");
        }
        let mut window = None;
        let behind = self.gap();
        if self.take_word("win") && !(direction == Direction::Out && self.take_ellipsis()) {
            window = Some(self.number("a window of 16 bits")?);
        }
        if direction == Direction::In && window.is_none() {
            return Err(fault(behind, "a segment that arrives has a window: `win N` is missing here"));
        }
        let urgent = if self.take_word("urg") { Some(self.number("an urgent pointer")?) } else { None };
        let options = self.tcp_options(direction)?;
        let tail = self.peek();
        if is_mark(tail, "/") {
            let by = self.ahead(1);
            return Err(unsupported(tail, format!("encapsulation in `{}`", by.text)));
        }
        let Numbers { seq, end, absolute, any_seq, len } = numbers;
        Ok(TcpLine {
            ports,
            flags,
            ace,
            seq,
            end,
            absolute,
            any_seq,
            len,
            ack,
            ack_absolute,
            window,
            urgent,
            options,
        })
    }

    /// Letters, `.` for ACK, digits for the ACE field; `-` for none.
    fn flags(&mut self) -> Result<(TcpFlags, Option<u8>), ScriptError> {
        const WANTED: &str = "the flags of a segment (`S`, `S.`, `P.`, `-`…), `icmp` or `udp`";
        let token = self.peek();
        let fits = matches!(token.kind, Kind::Word | Kind::Integer | Kind::Float)
            || is_mark(token, ".")
            || is_mark(token, "-");
        if !fits {
            return Err(self.expected(WANTED));
        }
        let text = self.glued();
        if text == "-" {
            return Ok((TcpFlags::NONE, None));
        }
        let (mut flags, mut ace) = (TcpFlags::NONE, None);
        for character in text.chars() {
            let flag = match character {
                'S' => TcpFlags::SYN,
                'F' => TcpFlags::FIN,
                'R' => TcpFlags::RST,
                'P' => TcpFlags::PSH,
                '.' => TcpFlags::ACK,
                'U' => TcpFlags::URG,
                'E' => TcpFlags::ECE,
                'W' => TcpFlags::CWR,
                'A' => TcpFlags::AE,
                '0'..='7' if ace.is_none() => {
                    ace = character.to_digit(8).and_then(|digit| u8::try_from(digit).ok());
                    TcpFlags::NONE
                }
                _ => return Err(fault(token, bad_flags(&text, character))),
            };
            if flags.intersects(flag) {
                return Err(fault(token, format!("the flag `{character}` stands here twice")));
            }
            flags |= flag;
        }
        if ace.is_some() && flags.intersects(TcpFlags::ECE | TcpFlags::CWR | TcpFlags::AE) {
            return Err(fault(token, "flags have a digit or the letters `E`, `W` and `A`, not both"));
        }
        Ok((flags, ace))
    }

    /// `1:1461(1460)`, with `!` for absolute numbers; `...` for what is not compared.
    fn numbers(&mut self, direction: Direction) -> Result<Numbers, ScriptError> {
        let first = self.peek();
        let mut numbers = Numbers::default();
        let mut told = None;
        if self.take_ellipsis() {
            numbers.any_seq = true;
            if !self.at_mark("(") {
                return if direction == Direction::In { Err(open_inbound(first)) } else { Ok(numbers) };
            }
        } else {
            numbers.seq = self.number("a sequence number")?;
            numbers.absolute = self.take_mark("!");
            self.expect_mark(":", "behind the first sequence number")?;
            let end = self.peek();
            numbers.end = self.number("the sequence number behind the last octet")?;
            numbers.absolute |= self.take_mark("!");
            told = Some((end, numbers.end.wrapping_sub(numbers.seq)));
        }
        self.expect_mark("(", "before the octets of the segment")?;
        if !self.take_ellipsis() {
            numbers.len = Some(self.number("the octets of the segment")?);
        }
        self.expect_mark(")", "behind the octets of the segment")?;
        numbers.absolute |= self.take_mark("!");
        if direction == Direction::In && (numbers.any_seq || numbers.len.is_none()) {
            return Err(open_inbound(first));
        }
        match (told, numbers.len) {
            (Some((at, between)), Some(len)) if between != len => {
                let message = if between > u32::MAX / 2 {
                    "the second number lies before the first".into()
                } else {
                    format!("{between} octets lie between these numbers, not {len}: SYN and FIN do not count")
                };
                Err(fault(at, message))
            }
            _ => Ok(numbers),
        }
    }

    /// `<mss 1460,nop,…>`, `<...>`, or none.
    fn tcp_options(&mut self, direction: Direction) -> Result<OptionList, ScriptError> {
        let mut options = Vec::new();
        // An event behind this one begins with a time, so this `<` is no direction.
        if !self.take_mark("<") {
            return Ok(OptionList::These(options));
        }
        let first = self.peek();
        if self.take_ellipsis() {
            self.expect_mark(">", "behind the options")?;
            if direction == Direction::In {
                return Err(fault(first, "the options of a segment that arrives are told, not left open"));
            }
            return Ok(OptionList::Any);
        }
        if self.take_mark(">") {
            return Ok(OptionList::These(options));
        }
        loop {
            options.push(self.tcp_option()?);
            if !self.take_mark(",") {
                break;
            }
        }
        self.expect_mark(">", "or `,` behind an option")?;
        Ok(OptionList::These(options))
    }
}

/// Adds a word about the IP header to those before it; `false` if one of them was about the same field.
fn add(info: &mut IpInfo, item: IpInfo) -> bool {
    fn put<T>(field: &mut Option<T>, item: Option<T>) -> bool {
        let again = field.is_some() && item.is_some();
        *field = item.or(field.take());
        !again
    }
    put(&mut info.ecn, item.ecn)
        & put(&mut info.traffic_class, item.traffic_class)
        & put(&mut info.dscp, item.dscp)
        & put(&mut info.flow_label, item.flow_label)
        & put(&mut info.hop_limit, item.hop_limit)
}

fn bad_flags(text: &str, character: char) -> String {
    let text: String = text.chars().take(40).collect();
    format!(
        "`{character}` in `{text}` is no flag: they are S F R P U E W A, `.` for ACK, and one digit up to 7"
    )
}

fn open_inbound(token: Token<'_>) -> ScriptError {
    fault(token, "the numbers of a segment that arrives are told, not left open")
}
