//! Packets and tokens of every kind.

use super::*;

/// Pieces that the language is made of.
pub(super) const TOKENS: [&str; 64] = [
    "0",
    "+0",
    "*",
    "0.1",
    "~",
    "...",
    "<",
    ">",
    "S",
    "S.",
    ".",
    "-",
    "P.5",
    "1:1(0)",
    "0:0(0)",
    ":",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "=",
    ",",
    "|",
    "ack",
    "1",
    "win",
    "urg",
    "<mss 1460>",
    "nop",
    "sack",
    "1:2",
    "TS",
    "val",
    "ecr",
    "FO",
    "0a0b",
    "md5",
    "ECN",
    "e0b",
    "gen-30",
    "icmp",
    "unreachable",
    "mtu",
    "id",
    "udp",
    "raw",
    "read",
    "f(1)",
    "EAGAIN",
    "\"a\"",
    "\"",
    "`b`",
    "`",
    "%{",
    "}%",
    "//",
    "/*",
    "*/",
    "\n",
    "!",
    "ect0",
    "--define=A=B",
];

fn octets(range: core::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), range)
}

fn option() -> impl Strategy<Value = OptionWord> {
    let cookie = || octets(0..17).prop_map(|octets| Cookie::new(&octets).expect("short"));
    prop_oneof![
        Just(OptionWord::Eol),
        Just(OptionWord::Nop),
        any::<u16>().prop_map(OptionWord::Mss),
        any::<u8>().prop_map(OptionWord::WindowScale),
        Just(OptionWord::SackPermitted),
        prop::collection::vec(any::<(u32, u32)>(), 0..5).prop_map(OptionWord::Sack),
        any::<(Option<u32>, Option<u32>)>().prop_map(|(val, ecr)| OptionWord::Timestamps { val, ecr }),
        cookie().prop_map(OptionWord::FastOpen),
        cookie().prop_map(OptionWord::FastOpenExperimental),
        prop_oneof![Just(vec![]), octets(16..17)].prop_map(OptionWord::Md5),
        (0..2_u8, prop::collection::vec(0..1_u32 << 24, 0..4))
            .prop_map(|(order, counters)| OptionWord::AccEcn { order, counters }),
        (any::<u8>(), octets(0..39)).prop_map(|(kind, data)| OptionWord::Other { kind, data }),
    ]
}

fn ports() -> impl Strategy<Value = Option<PortPair>> {
    any::<Option<(u16, u16)>>()
        .prop_map(|ports| ports.map(|(source, destination)| PortPair { source, destination }))
}

fn ip(direction: Direction) -> impl Strategy<Value = IpInfo> {
    let words = vec![EcnWord::None, EcnWord::Ect0, EcnWord::Ect1, EcnWord::Ce, EcnWord::Ect01];
    let words: Vec<_> = words.into_iter().take(if direction == Direction::In { 4 } else { 5 }).collect();
    let ecn = prop::option::of(prop::sample::select(words));
    let label = prop::option::of(0..1_u32 << 20);
    let numbers = (any::<Option<u8>>(), prop::option::of(0..64_u8), label, any::<Option<u8>>());
    (ecn, numbers).prop_map(|(ecn, (traffic_class, dscp, flow_label, hop_limit))| IpInfo {
        ecn,
        traffic_class,
        dscp,
        flow_label,
        hop_limit,
    })
}

fn tcp(direction: Direction) -> impl Strategy<Value = TcpLine> {
    let inbound = direction == Direction::In;
    let options = prop::collection::vec(option(), 0..6).prop_map(OptionList::These);
    let options = prop_oneof![3 => options, 1 => Just(OptionList::Any)];
    let head = (ports(), 0..0x200_u16, prop::option::of(0..8_u8), any::<(u32, u16, bool, bool, bool)>());
    (head, any::<(Option<u32>, bool, Option<u16>, Option<u16>)>(), options).prop_map(
        move |(
            (ports, bits, ace, (seq, len, absolute, any_seq, open)),
            (ack, loud, window, urgent),
            options,
        )| {
            let (any_seq, open) = (any_seq && !inbound, open && !inbound);
            let mut flags = TcpFlags::from_bits(bits);
            if ace.is_some() {
                flags = flags.without(TcpFlags::ECE | TcpFlags::CWR | TcpFlags::AE);
            }
            TcpLine {
                ports,
                flags,
                ace,
                seq: if any_seq { 0 } else { seq },
                end: if any_seq { 0 } else { seq.wrapping_add(len.into()) },
                absolute: absolute && !any_seq,
                any_seq,
                len: (!open).then_some(len.into()),
                ack,
                ack_absolute: loud && ack.is_some(),
                window: if inbound { Some(window.unwrap_or(1)) } else { window },
                urgent,
                options: if inbound && options == OptionList::Any {
                    OptionList::These(vec![])
                } else {
                    options
                },
            }
        },
    )
}

fn icmp() -> impl Strategy<Value = IcmpLine> {
    let quoted = prop_oneof![
        Just(Quoted::Nothing),
        any::<(u32, u32)>().prop_map(|(seq, end)| Quoted::Tcp { seq, end }),
        any::<u32>().prop_map(Quoted::Udp),
        any::<u32>().prop_map(Quoted::Raw),
    ];
    let code = prop::option::of("(code_[0-9]{1,3}|[a-z_]{4,20})");
    ("(type_[0-9]{1,3}|[a-z_]{3,20})", code, any::<(Option<u32>, Option<u16>)>(), quoted)
        .prop_map(|(kind, code, (mtu, id), quoted)| IcmpLine { kind, code, mtu, id, quoted })
}

pub(super) fn packet() -> impl Strategy<Value = Packet> {
    prop::sample::select(vec![Direction::In, Direction::Out]).prop_flat_map(|direction| {
        let udp = (ports(), any::<u16>()).prop_map(|(ports, len)| UdpLine { ports, len: len.into() });
        let body = prop_oneof![
            4 => tcp(direction).prop_map(Body::Tcp),
            1 => udp.prop_map(Body::Udp),
            1 => icmp().prop_map(Body::Icmp),
        ];
        (ip(direction), body).prop_map(move |(ip, body)| Packet { direction, ip, body })
    })
}
