//! A script as data: what [`parse`](super::parse) makes of a text.
//!
//! Nothing here knows how a script is run. Numbers are as they stand in the script: sequence numbers relative or
//! absolute as the author wrote them, times since the start of the script or of the event before.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::TcpFlags;
use crate::tcp::Cookie;

mod display;

/// A script of the packetdrill language.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Script {
    /// The options at its top, in order.
    pub options: Vec<ScriptOption>,
    /// A shell command before the first event.
    pub init: Option<Spanned<String>>,
    /// What happens, in order.
    pub events: Vec<Event>,
    /// A shell command after the last event, without a time.
    pub cleanup: Option<Spanned<String>>,
}

/// Something, and where it begins in the text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spanned<T> {
    /// The line, from 1.
    pub line: u32,
    /// What is there.
    pub value: T,
}

/// `--name` or `--name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptOption {
    /// The line, from 1.
    pub line: u32,
    /// Without the dashes.
    pub name: String,
    /// What stands behind the equals sign.
    pub value: Option<String>,
}

/// One event: when, and what.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// The line on which its time stands, from 1.
    pub line: u32,
    /// Its text as it stands in the script, white space made single, comments left out.
    pub text: String,
    /// When it happens.
    pub when: When,
    /// Of a blocking call: when it returns, in the same terms as [`when`](Self::when): from the same base.
    pub ends: Option<Duration>,
    /// What happens.
    pub action: Action,
}

/// When an event happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum When {
    /// `0.1`: since the start of the script.
    At(Duration),
    /// `+0.1`: since the event before.
    After(Duration),
    /// `0.1~0.2`: between two moments since the start.
    Between(Duration, Duration),
    /// `+0.1~+0.2`: between two moments since the event before.
    AfterBetween(Duration, Duration),
    /// `*`: at any time.
    Any,
}

/// What happens.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// `<` or `>`: a packet arrives, or is expected.
    Packet(Packet),
    /// A system call.
    Call(Call),
    /// A back-quoted shell command.
    Shell(String),
    /// `%{ … }%`: Python.
    Code(String),
}

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// `<`: to the stack under test.
    In,
    /// `>`: from the stack under test.
    Out,
}

/// A packet line.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Packet {
    /// Which way.
    pub direction: Direction,
    /// What is asked of the IP header.
    pub ip: IpInfo,
    /// What is in it.
    pub body: Body,
}

/// `[ect0, ttl 4]`: what is asked of the IP header. Nothing is checked, or set, of what is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IpInfo {
    /// `noecn`, `ect0`, `ect1`, `ce`, `ect01`.
    pub ecn: Option<EcnWord>,
    /// `tos`, `class`: the whole octet; what it says of ECN is in it.
    pub traffic_class: Option<u8>,
    /// `dscp`: 0..=63.
    pub dscp: Option<u8>,
    /// `flowlabel`.
    pub flow_label: Option<u32>,
    /// `ttl`, `hlim`.
    pub hop_limit: Option<u8>,
}

/// The ECN field by its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EcnWord {
    /// `noecn`: 00.
    None,
    /// `ect0`: 10.
    Ect0,
    /// `ect1`: 01.
    Ect1,
    /// `ce`: 11.
    Ce,
    /// `ect01`: 10 or 01; outbound only.
    Ect01,
}

/// What an IP packet carries.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Body {
    /// A TCP segment.
    Tcp(TcpLine),
    /// `udp (N)`: a datagram of N octets.
    Udp(UdpLine),
    /// `icmp …`.
    Icmp(IcmpLine),
}

/// `[8080 > 40000]`: ports that a line names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortPair {
    /// Of who sends.
    pub source: u16,
    /// Of who receives.
    pub destination: u16,
}

/// A TCP segment in the words of a script.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TcpLine {
    /// The ports, if the line names them.
    pub ports: Option<PortPair>,
    /// The flags; ECE and CWR included, and the ACK bit for `.`.
    pub flags: TcpFlags,
    /// A digit among the flags: the ACE field of AccECN (AE, CWR, ECE), 0..=7. The flags have none of the three then.
    pub ace: Option<u8>,
    /// The first sequence number.
    pub seq: u32,
    /// The number behind the last octet; SYN and FIN do not count.
    pub end: u32,
    /// `!` behind the numbers: they are absolute.
    pub absolute: bool,
    /// `...(len)` in place of the numbers: they are not compared, and are 0 here.
    pub any_seq: bool,
    /// Octets of payload; `None` if the line leaves it open (`...`).
    pub len: Option<u32>,
    /// `ack N`.
    pub ack: Option<u32>,
    /// `!` behind that number: it is absolute.
    pub ack_absolute: bool,
    /// `win N`: 16 bits, unscaled.
    pub window: Option<u16>,
    /// `urg N`: the field of the header.
    pub urgent: Option<u16>,
    /// The options, in order.
    pub options: OptionList,
}

/// The options of a segment.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum OptionList {
    /// `<...>`: whatever there is; outbound only.
    Any,
    /// These and no others, in this order; an empty list is none.
    These(Vec<OptionWord>),
}

/// One option of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionWord {
    /// `eol`.
    Eol,
    /// `nop`.
    Nop,
    /// `mss N`.
    Mss(u16),
    /// `wscale N`.
    WindowScale(u8),
    /// `sackOK`.
    SackPermitted,
    /// `sack a:b c:d`: in the script's numbers.
    Sack(Vec<(u32, u32)>),
    /// `TS val N ecr N`; `None` for `...`, which is not checked.
    Timestamps {
        /// TSval.
        val: Option<u32>,
        /// TSecr.
        ecr: Option<u32>,
    },
    /// `FO hex`; empty for a request.
    FastOpen(Cookie),
    /// `FOEXP hex`, `EXP-FO`: kind 254 with the magic number of RFC 7413 §4.1.1.
    FastOpenExperimental(Cookie),
    /// `md5 hex`: 16 octets; `md5 valid`, `md5`: none are told.
    Md5(Vec<u8>),
    /// `ECN e0b N ceb N e1b N`: AccECN's counters (kind 172 for order 0, 174 for order 1): 24 bits each, as far as
    /// there are any.
    AccEcn {
        /// 0 or 1: which of the two orders.
        order: u8,
        /// The counters in the order of the wire.
        counters: Vec<u32>,
    },
    /// Any other, by its kind and what follows its length octet.
    Other {
        /// The kind.
        kind: u8,
        /// What follows kind and length.
        data: Vec<u8>,
    },
}

/// `udp (1000)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpLine {
    /// The ports, if the line names them.
    pub ports: Option<PortPair>,
    /// Octets of payload.
    pub len: u32,
}

/// An ICMP message in the words of a script.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct IcmpLine {
    /// The type, by name as the script has it or `type_N`; what number it is depends on the version of IP.
    pub kind: String,
    /// The code, by name or `code_N`.
    pub code: Option<String>,
    /// `mtu N`.
    pub mtu: Option<u32>,
    /// `id N`, of an echo.
    pub id: Option<u16>,
    /// What it quotes.
    pub quoted: Quoted,
}

/// What an ICMP message quotes of the packet that it is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Quoted {
    /// Whatever was last sent.
    #[default]
    Nothing,
    /// `[1:1461(1460)]`: a segment with these numbers.
    Tcp {
        /// First sequence number, in the script's numbers.
        seq: u32,
        /// The one behind the last octet.
        end: u32,
    },
    /// `[udp (N)]`.
    Udp(u32),
    /// `[raw (N)]`.
    Raw(u32),
}

/// A system call with what it is to answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Call {
    /// `read`, `setsockopt`…
    pub name: String,
    /// Its arguments.
    pub arguments: Vec<Expr>,
    /// What it is to return; `None` for `...`, which is not checked.
    pub result: Option<Expr>,
    /// `EAGAIN`: what errno is to be.
    pub errno: Option<String>,
    /// The text in parentheses behind it.
    pub note: Option<String>,
}

/// An argument or a result.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Expr {
    /// `...`: the tool's own choice.
    Ellipsis,
    /// A number; `0x` too.
    Integer(i64),
    /// A number with a point.
    Float(f64),
    /// A name: `AF_INET`, `NULL`. Macros are replaced already.
    Word(String),
    /// `"text"`, escapes resolved.
    Text(Vec<u8>),
    /// `a|b`.
    Or(Vec<Expr>),
    /// `~a`; `-a` of a word; `&a`, where a call wants a place.
    Unary(char, alloc::boxed::Box<Expr>),
    /// `f(x, y)`: `htons(8080)`, `inet_addr("192.0.2.1")`, and `msg_iov(1)` before an equals sign.
    Function(String, Vec<Expr>),
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `{name=value, …}`, and values without a name: `{…, 1000}`.
    Struct(Vec<Field>),
}

/// A member of a structure.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name, with what stands in parentheses behind it (`msg_iov(1)`) left out; `None` for a plain value.
    pub name: Option<String>,
    /// The count in parentheses, or `...`.
    pub count: Option<Expr>,
    /// The value.
    pub value: Expr,
}
