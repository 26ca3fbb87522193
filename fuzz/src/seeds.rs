//! The inputs that the targets begin with, as far as they are made: of the captures of the tests, and of small stories for
//! the targets whose inputs are operations. The command `seeds` writes them, and says whether they are what they were.
//!
//! Inputs of `replay` and `drill` are not among them: the captures and scripts of the tests serve as they are.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use tcpstate::capture::{CaptureReader, PcapngWriter};
use tcpstate::wire::{IpProtocol, LinkType, Network, link};

use crate::packet::LINK_TYPES;

/// Seeds by target and name.
pub type Seeds = BTreeMap<(&'static str, String), Vec<u8>>;

/// The longest seed that is made of a frame.
const LONGEST: usize = 200;

/// All seeds that are made; `captures` are those of the tests, by name, in order.
pub fn all(captures: &[(String, Vec<u8>)]) -> Seeds {
    let mut seeds = Seeds::new();
    of_frames(&mut seeds, captures);
    files(&mut seeds, captures);
    for (name, octets) in machine() {
        seeds.insert(("tcb_ops", name.to_owned()), octets);
    }
    for (name, octets) in pair() {
        seeds.insert(("pair", name.to_owned()), octets);
    }
    for (name, octets) in host() {
        seeds.insert(("host", name.to_owned()), octets);
    }
    seeds
}

/// Of each shape of packet the first frame that has it, for `packet`; of each list of kinds the first options, for
/// `options`.
fn of_frames(seeds: &mut Seeds, captures: &[(String, Vec<u8>)]) {
    let mut seen = BTreeSet::new();
    for (name, file) in captures {
        let Ok(mut reader) = CaptureReader::new(&file[..]) else { continue };
        while let Ok(Some(frame)) = reader.next_frame() {
            let link_type = LinkType::from_dlt(frame.dlt);
            let Some(number) = LINK_TYPES.iter().position(|&known| known == link_type) else { continue };
            let Ok(Network::Ip { bytes, .. }) = link::network_layer(link_type, frame.data, frame.data.len())
            else {
                continue;
            };
            let (shape, options) = shape(bytes);
            let octets = frame.data[..frame.data.len().min(LONGEST)].to_vec();
            if seen.insert((number, shape.clone())) {
                let seed = [&[number as u8, 0], &octets[..]].concat();
                seeds.insert(("packet", format!("{name}-{}", frame.number)), seed);
            }
            if seen.insert((usize::MAX, shape[shape.len().min(3)..].to_vec())) && !options.is_empty() {
                let seed = [&[0], &options[..]].concat();
                seeds.insert(("options", format!("{name}-{}", frame.number)), seed);
            }
        }
    }
}

/// Version, protocol, flags and kinds of options; and the options.
fn shape(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let Ok(packet) = tcpstate::wire::IpPacket::parse(bytes, bytes.len()) else { return Default::default() };
    let mut shape = vec![bytes[0] >> 4, packet.protocol.0, u8::from(packet.fragment.is_some())];
    if packet.protocol != IpProtocol::TCP {
        return (shape, Vec::new());
    }
    let Ok(segment) = tcpstate::wire::TcpSegment::parse(packet.payload, packet.payload_len) else {
        return (shape, Vec::new());
    };
    shape.push(segment.flags.bits() as u8);
    shape.extend(segment.options.iter().flatten().map(|option| option.kind()));
    (shape, segment.options.as_bytes().to_vec())
}

/// Short files in every format that is read: the first frames of a capture.
fn files(seeds: &mut Seeds, captures: &[(String, Vec<u8>)]) {
    let Some((_, file)) = captures.iter().find(|(name, _)| name == "reset") else { return };
    let Ok(mut reader) = CaptureReader::new(&file[..]) else { return };
    let mut frames = Vec::new();
    while let Ok(Some(frame)) = reader.next_frame() {
        frames.push((frame.time, frame.dlt, frame.data.to_vec(), frame.wire_len));
        if frames.len() == 4 {
            break;
        }
    }
    let mut writer = PcapngWriter::new(Vec::new(), &[]).expect("a vector takes everything");
    for (time, dlt, data, wire_len) in &frames {
        writer.write_frame(*time, *dlt, data, *wire_len, Some("why")).expect("it was read");
    }
    let pcapng = writer.finish().expect("a vector takes everything");
    seeds.insert(("capture", "pcapng-comments".to_owned()), pcapng);
    for (name, magic, is_big) in [
        ("pcap-micro-le", 0xa1b2_c3d4_u32, false),
        ("pcap-micro-be", 0xa1b2_c3d4, true),
        ("pcap-nano-le", 0xa1b2_3c4d, false),
        ("pcap-nano-be", 0xa1b2_3c4d, true),
    ] {
        let four = |word: u32| if is_big { word.to_be_bytes() } else { word.to_le_bytes() };
        let two = |word: u16| if is_big { word.to_be_bytes() } else { word.to_le_bytes() };
        let mut file = [four(magic), [0; 4], [0; 4], [0; 4], four(65_535), four(frames[0].1)].concat();
        file[4..6].copy_from_slice(&two(2));
        file[6..8].copy_from_slice(&two(4));
        for (at, (_, _, data, wire_len)) in frames.iter().enumerate() {
            file.extend(
                [four(1_000 + at as u32), four(7), four(data.len() as u32), four(*wire_len)].concat(),
            );
            file.extend(data);
        }
        seeds.insert(("capture", name.to_owned()), file);
    }
}

/// Writes operations as `arbitrary` reads them.
#[derive(Clone, Default)]
struct Story(Vec<u8>);

impl Story {
    fn of(beginning: &[u8]) -> Self {
        Self(beginning.to_vec())
    }

    /// The `number`th variant of an enum of so many.
    fn variant(mut self, number: u64, of: u64) -> Self {
        let word = ((number << 32).div_ceil(of)) as u32;
        self.0.extend(word.to_le_bytes());
        self
    }

    /// An operation of a machine.
    fn op(self, number: u64) -> Self {
        self.variant(number, 26)
    }

    /// An operation of two hosts.
    fn deed(self, number: u64) -> Self {
        self.variant(number, 30)
    }

    /// What a user does, at the first host or the second, with which of the connections.
    fn user(self, end: u8, which: u8, number: u64) -> Self {
        self.deed(22).octets(&[end, which]).variant(number, 16)
    }

    fn octets(mut self, octets: &[u8]) -> Self {
        self.0.extend_from_slice(octets);
        self
    }

    fn word(self, word: u16) -> Self {
        self.octets(&word.to_le_bytes())
    }

    /// The peer of a machine sends.
    fn peer(self, flags: u8, len: u16) -> Self {
        self.op(1).octets(&[flags]).word(len).word(60_000)
    }

    fn queue(self, len: u16) -> Self {
        self.op(3).word(len).octets(&[0, 0, 0])
    }

    fn sack(self, missing: u16, there: u16) -> Self {
        self.op(2).word(missing).word(there).word(0).octets(&[0])
    }

    fn wait(self, ms: u16) -> Self {
        self.op(23).word(ms)
    }

    fn deadlines(mut self, count: usize) -> Self {
        for _ in 0..count {
            self = self.op(22);
        }
        self
    }

    /// All that both hosts have to say arrives, a few times.
    fn exchange(mut self, rounds: usize) -> Self {
        for _ in 0..rounds {
            for end in [0, 1] {
                self = self.deed(29).octets(&[end]).deed(0).octets(&[end, 15]);
            }
        }
        self
    }
}

/// Beginnings of a machine: the presets; those with bits differ in one group of fields each.
const BEGINNINGS: [(&str, &[u8]); 8] = [
    ("usual", &[0, 0]),
    ("linux", &[1, 0]),
    ("freebsd", &[2, 0]),
    ("plain", &[3, 0]),
    ("at-once", &[4, 0]),
    ("listens", &[0, 2]),
    ("linux-listens", &[1, 2]),
    ("freebsd-listens", &[2, 2]),
];

/// Stories of one machine.
fn machine() -> Vec<(String, Vec<u8>)> {
    let mut stories = Vec::new();
    for (name, beginning) in BEGINNINGS {
        let begin = Story::of(beginning).peer(0, 0x37).peer(0, 0);
        let sends = begin.clone().queue(20_000).wait(50);
        let told = [
            ("loss", sends.clone().sack(1_448, 2_896).sack(1_448, 4_344).wait(10).peer(0, 0).deadlines(3)),
            ("timeouts", sends.clone().deadlines(8).peer(0, 0).deadlines(4)),
            (
                "closed-window",
                sends.clone().op(1).octets(&[0, 0, 0, 0, 0]).queue(100).deadlines(6).peer(0, 0),
            ),
            ("reads", begin.clone().peer(8, 1_448).peer(8, 1_448).op(4).word(2_000).wait(50).peer(1, 10)),
            ("closes", begin.clone().op(5).peer(0, 0).peer(1, 0).deadlines(2)),
            ("is-closed", begin.clone().peer(1, 0).queue(10).op(6).peer(0, 0).deadlines(2)),
            ("aborts", sends.clone().op(7)),
            ("is-reset", sends.clone().peer(4, 0)),
            (
                "path",
                sends.clone().op(18).word(1_000).word(1_448).deadlines(2).peer(0, 0).queue(9_000).wait(10),
            ),
            ("errors", sends.op(17).octets(&[1, 3]).word(1_448).op(10).octets(&[1, 9]).deadlines(3)),
        ];
        stories.extend(told.map(|(what, story)| (format!("{name}-{what}"), story.0)));
    }
    // Every field otherwise than usual, for each of a few values.
    for value in 0..6 {
        let beginning = [&[0x80; 1][..], &[0xff; 8], &[value; 45], &[0]].concat();
        let story = Story::of(&beginning).peer(0, 0x37).peer(0, 0).queue(9_000).wait(50);
        let story =
            story.sack(1_448, 1_448).deadlines(3).peer(8, 500).op(4).word(400).op(6).peer(1, 0).deadlines(3);
        stories.push((format!("otherwise-{value}"), story.0));
    }
    stories
}

/// Stories of a pair: see `pair::op` for what the octets mean.
fn pair() -> Vec<(String, Vec<u8>)> {
    let mut stories: Vec<(String, Vec<u8>)> = Vec::new();
    let send = |end: u8, len: u16| [&[11 | end << 7, 0, 1][..], &len.to_le_bytes()].concat();
    let open = vec![8, 0, 3, 3];
    let usual = [0; 11];
    let weather = |bits: u8, masks: &[u16], delay: u8, late: u8| {
        let mut octets = vec![19, bits];
        masks.iter().for_each(|mask| octets.extend(mask.to_le_bytes()));
        octets.extend([delay, late]);
        octets
    };
    let both = [open.clone(), send(0, 20_000), send(0x01, 9_000), vec![3, 3, 3]].concat();
    let mut add = |name: &str, beginning: &[u8], parts: &[&[u8]]| {
        stories.push((name.to_owned(), [beginning, &parts.concat()].concat()));
    };
    let close = [15, 0, 4, 15 | 0x80, 0, 4];
    for (name, preset) in [("usual", 0_u8), ("linux", 1), ("freebsd", 2), ("plain", 3), ("at-once", 4)] {
        let mut beginning = usual;
        (beginning[1], beginning[4]) = (preset, preset);
        add(&format!("{name}-calm"), &beginning, &[&both, &close]);
        add(
            &format!("{name}-loss"),
            &beginning,
            &[&weather(1, &[0x1011], 0, 0), &both, &[4], &send(0, 30_000), &[4]],
        );
        let storm = weather(31, &[0x0210, 0x0101, 0x2222, 0x0800, 0x4444], 3, 2);
        add(&format!("{name}-storm"), &beginning, &[&storm, &both, &[4], &send(0, 30_000), &[4], &close]);
        add(&format!("{name}-meets"), &beginning, &[&[10, 0, 3, 3], &send(0, 5_000), &[3], &close]);
        add(
            &format!("{name}-lets-go"),
            &beginning,
            &[&both, &[17, 0, 3, 8, 1, 3, 16 | 0x80, 0, 3, 18, 0, 4]],
        );
    }
    let blind: Vec<u8> = (0..7).flat_map(|kind| [24, kind, 0, 9, 0, 77, 0]).collect();
    add("blind", &usual, &[&both, &blind, &[3], &send(0, 9_000), &[24 | 0x80, 0, 0, 1, 0, 1, 0, 3]]);
    add("forged", &usual, &[&both, &[21, 7, 9, 0, 99, 3, 24, 7, 0, 0, 4, 0x10, 0], &send(0, 900), &[3]]);
    add("path", &usual, &[&both, &[31, 3, 26, 0, 0x58, 0x02, 3], &send(0, 9_000), &[26, 0, 0xe8, 3, 4]]);
    add(
        "leap",
        &usual,
        &[&weather(1, &[0xffff], 0, 0), &both, &[7, 0xff, 0x7f, 19 | 64, 4, 7, 0xff, 0xff, 4]],
    );
    add("set", &usual, &[&both, &(0..12).flat_map(|what| [27, 0, what, 200, 40]).collect::<Vec<_>>(), &[4]]);
    // Both sides want Fast Open: a bit of the first one's choices, and two of the listener's.
    let early = [0, 0x80, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 3, 0];
    add("early", &early, &[&both, &close, &[6, 0, 4], &both]);
    let mut decides = usual;
    decides[9] = 4;
    add("decides", &decides, &[&[29, 1], &both, &[29, 0], &send(0, 900), &[4]]);
    let mut tight = vec![0, 0, 0, 0x20, 0xff];
    tight.extend([0; 9 + 3 + 4]);
    add("tight", &tight, &[&both, &both, &close, &[4]]);
    stories
}

/// Stories of two hosts with everything.
fn host() -> Vec<(String, Vec<u8>)> {
    // Both as usual, and a listener and a socket each.
    let begin = Story::of(&[0; 12]);
    let call = |story: Story, how: u8| story.deed(21).octets(&[0, how]);
    let open = call(begin.clone(), 0).exchange(3);
    let six = call(begin.clone(), 1).exchange(3);
    let send = |story: Story, end: u8, len: u16| story.user(end, 0, 0).word(len).octets(&[0]);
    let bytes = |story: Story, octets: &[u8]| {
        octets.iter().fold(story, |story, octet| story.octets(&[1, *octet])).octets(&[0])
    };
    let near = |story: Story, flags: u8, seq: u16| {
        let story = story.deed(8).octets(&[1, 0, flags]).word(seq).word(0).word(100).octets(&[9]);
        bytes(story, &[1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 9])
    };
    let stories = [
        ("talks", send(send(open.clone(), 0, 4_000).exchange(3), 1, 900).exchange(2).user(0, 0, 1).word(500)),
        ("talks-six", send(six.clone(), 0, 9_000).exchange(4).user(0, 0, 3).exchange(3)),
        ("closes", open.clone().user(0, 0, 2).exchange(2).user(1, 0, 3).exchange(2).deed(16).octets(&[0])),
        ("is-near", near(near(near(open.clone(), 0x10, 0), 0x04, 5), 0x02, 9).exchange(1)),
        (
            "pieces",
            send(open.clone(), 0, 1_400).deed(29).octets(&[0]).deed(6).octets(&[0, 90, 5]).exchange(1),
        ),
        (
            "reports",
            send(six, 0, 1_400).deed(29).octets(&[0]).deed(7).octets(&[0, 0]).word(1_280).exchange(1),
        ),
        ("datagrams", {
            let story = begin.clone().deed(25).octets(&[0, 0]).word(900).octets(&[0]);
            bytes(
                story.exchange(1).deed(12).octets(&[1, 0, 1]).word(50).deed(13).octets(&[1, 1]),
                &[0, 0, 1, 2],
            )
        }),
        ("to-itself", call(begin.clone(), 4).exchange(2)),
        ("time", send(open.clone(), 0, 900).deed(14).word(5_000).deed(16).octets(&[0]).exchange(2)),
        ("owner", {
            let story = begin.deed(19).octets(&[1, 1, 0, 0]).deed(20).octets(&[1]);
            story.deed(28).octets(&[0, 200]).deed(24).octets(&[0, 3, 0x20, 0, 0, 0])
        }),
        ("forged", bytes(send(open, 0, 100).deed(29).octets(&[0]).deed(4).octets(&[0]), &[])),
    ];
    stories.map(|(name, story)| (name.to_owned(), story.0)).into()
}
