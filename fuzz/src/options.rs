//! Any octets, read as the options of a TCP header: the walk ends and stays inside them, what was read is written
//! as it stood, and where etherparse understands an option, both read the same. And any options, written: what is
//! not refused fits and can be read again.
//!
//! Input: an octet that says how much was not captured, the options.

use arbitrary::{Arbitrary, Unstructured};
use etherparse::{TcpOptionElement, TcpOptionsIterator};
use tcpstate::SeqNumber;
use tcpstate::wire::{OptionError, OptionsBuilder, SackBlocks, TcpOption, TcpOptions};

/// What the data offset of a header leaves for options.
const MAX_LEN: usize = 40;

/// One input.
pub fn run(input: &[u8]) {
    if let Some((&not_captured, octets)) = input.split_first() {
        // Half of the inputs are whole.
        let wire_len = octets.len() + usize::from(not_captured.saturating_sub(128));
        let options = TcpOptions::captured(octets, wire_len);
        check_walk(&options);
        if !options.is_cut() {
            check_same(octets);
        }
    }
    check_writing(&mut Unstructured::new(input));
}

/// Walks the options, keeping count of where each stands.
fn check_walk(options: &TcpOptions<'_>) {
    let octets = options.as_bytes();
    let mut builder = OptionsBuilder::new();
    let mut at = 0;
    let mut ended = false;
    let mut sound = true;
    for option in options.iter() {
        assert!(!ended, "nothing comes after the end");
        match option {
            Ok(option) => {
                let end = at + option.wire_len();
                let stood = octets.get(at..end).expect("an option lies inside the octets");
                assert_eq!(stood[0], option.kind());
                at = end;
                ended = option == TcpOption::EndOfList;
                if stood.len() <= MAX_LEN {
                    let mut out = [0xff; MAX_LEN];
                    assert_eq!(option.emit(&mut out), Ok(stood.len()));
                    assert_eq!(&out[..stood.len()], stood, "written as it stood");
                }
                sound &= builder.push(&option).is_ok();
            }
            Err(OptionError::WrongLength { kind, len }) => {
                assert_eq!(octets[at..at + 2], [kind, len]);
                at += usize::from(len);
                assert!(at <= octets.len());
                sound = false;
            }
            Err(error) => {
                assert!(options.is_cut() || !matches!(error, OptionError::Cut { .. }));
                (ended, sound) = (true, false);
            }
        }
    }
    assert!(ended || at == octets.len(), "the walk ends where the octets do");
    if sound && octets.len() <= MAX_LEN {
        assert_eq!(&builder.as_bytes()[..at], &octets[..at]);
        assert!(builder.as_bytes()[at..].iter().all(|&octet| octet == 0));
    }
    check_lookups(options);
    assert!(options.padding().is_none_or(|padding| padding.len() < octets.len()));
    assert_eq!(options.to_string().is_empty(), octets.is_empty());
}

/// The look-ups answer the first of their kind.
fn check_lookups(options: &TcpOptions<'_>) {
    let mut found = (None, None, None, false, None);
    for option in options.iter().flatten() {
        match option {
            TcpOption::Mss(mss) => found.0 = found.0.or(Some(mss)),
            TcpOption::WindowScale(shift) => found.1 = found.1.or(Some(shift)),
            TcpOption::Timestamps { val, ecr } => found.2 = found.2.or(Some((val, ecr))),
            TcpOption::SackPermitted => found.3 = true,
            TcpOption::Sack(blocks) => found.4 = found.4.or(Some(blocks)),
            _ => {}
        }
    }
    let (mss, shift, timestamps, sack_permitted, sack) = found;
    assert_eq!((options.mss(), options.window_scale()), (mss, shift));
    assert_eq!((options.timestamps(), options.sack_permitted()), (timestamps, sack_permitted));
    assert_eq!(options.sack(), sack.unwrap_or_default());
    assert_eq!(options.sack().iter().len(), options.sack().len());
}

/// etherparse ends at the first option that it does not know or that is malformed; up to there both agree.
fn check_same(octets: &[u8]) {
    let mut ours = TcpOptions::new(octets).iter();
    for theirs in TcpOptionsIterator::from_slice(octets).map_while(Result::ok) {
        let ours = ours.next().expect("as many").expect("well formed");
        let same = match (ours, theirs.clone()) {
            (TcpOption::Nop, TcpOptionElement::Noop) => true,
            (TcpOption::Mss(ours), TcpOptionElement::MaximumSegmentSize(theirs)) => ours == theirs,
            (TcpOption::WindowScale(ours), TcpOptionElement::WindowScale(theirs)) => ours == theirs,
            (TcpOption::SackPermitted, TcpOptionElement::SelectiveAcknowledgementPermitted) => true,
            (TcpOption::Timestamps { val, ecr }, TcpOptionElement::Timestamp(their_val, their_ecr)) => {
                (val, ecr) == (their_val, their_ecr)
            }
            (TcpOption::Sack(blocks), TcpOptionElement::SelectiveAcknowledgement(first, more)) => {
                let theirs = std::iter::once(first).chain(more.into_iter().flatten());
                blocks.iter().map(|(left, right)| (left.get(), right.get())).eq(theirs)
            }
            _ => false,
        };
        assert!(same, "{ours:?} is {theirs:?} to etherparse");
    }
}

/// The values of an option, whether they make sense or not.
#[derive(Arbitrary, Debug)]
enum Values<'a> {
    EndOfList,
    Nop,
    Mss(u16),
    WindowScale(u8),
    SackPermitted,
    Sack(&'a [u8]),
    SackOf(Vec<(u32, u32)>),
    Timestamps { val: u32, ecr: u32 },
    Md5(&'a [u8]),
    UserTimeout { minutes: bool, value: u16 },
    TcpAo { key_id: u8, next_key_id: u8, mac: &'a [u8] },
    Mptcp(&'a [u8]),
    FastOpen(&'a [u8]),
    FastOpenExperimental { kind: u8, cookie: &'a [u8] },
    Unknown { kind: u8, data: &'a [u8] },
}

impl<'a> Values<'a> {
    /// The option with these values; `None` when the types already rule it out.
    fn option(&self) -> Option<TcpOption<'a>> {
        Some(match *self {
            Self::EndOfList => TcpOption::EndOfList,
            Self::Nop => TcpOption::Nop,
            Self::Mss(mss) => TcpOption::Mss(mss),
            Self::WindowScale(shift) => TcpOption::WindowScale(shift),
            Self::SackPermitted => TcpOption::SackPermitted,
            Self::Sack(octets) => TcpOption::Sack(SackBlocks::new(octets)?),
            Self::SackOf(_) => return None,
            Self::Timestamps { val, ecr } => TcpOption::Timestamps { val, ecr },
            Self::Md5(octets) => TcpOption::Md5(octets.first_chunk()?),
            Self::UserTimeout { minutes, value } => TcpOption::UserTimeout { minutes, value },
            Self::TcpAo { key_id, next_key_id, mac } => TcpOption::TcpAo { key_id, next_key_id, mac },
            Self::Mptcp(data) => TcpOption::Mptcp(data),
            Self::FastOpen(cookie) => TcpOption::FastOpen(cookie),
            Self::FastOpenExperimental { kind, cookie } => TcpOption::FastOpenExperimental { kind, cookie },
            Self::Unknown { kind, data } => TcpOption::Unknown { kind, data },
        })
    }
}

/// Puts options together until the input ends or one is refused.
fn check_writing(input: &mut Unstructured<'_>) {
    let mut builder = OptionsBuilder::new();
    while let (false, Ok(values)) = (input.is_empty(), Values::arbitrary(input)) {
        let before = builder;
        let written = match (&values, values.option()) {
            (Values::SackOf(blocks), _) => {
                let edges = blocks.iter().map(|&(left, right)| (SeqNumber::new(left), SeqNumber::new(right)));
                let taken = builder.push_sack(edges);
                assert!(taken <= 4 && taken <= blocks.len());
                if taken == 0 { 0 } else { 2 + 8 * taken }
            }
            (_, None) => 0,
            (_, Some(option)) => match builder.push(&option) {
                Ok(()) => option.wire_len(),
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    0
                }
            },
        };
        assert_eq!(before.room() - builder.room(), written);
        if written == 0 {
            assert_eq!(builder, before, "what is refused changes nothing");
        }
        let octets = builder.as_bytes();
        assert!(octets.len() <= MAX_LEN && octets.len().is_multiple_of(4));
        assert_eq!(octets.len(), (MAX_LEN - builder.room()).next_multiple_of(4));
        check_walk(&TcpOptions::new(octets));
    }
}
