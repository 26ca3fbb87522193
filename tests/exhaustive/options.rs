//! TCP options (RFC 9293 §3.2): every short string of octets, against a reader that goes octet by octet.

use crate::{all_seen, each_word};
use tcpstate::SeqNumber;
use tcpstate::wire::{OptionError, OptionsBuilder, TcpOption, TcpOptions};

/// What a string of options says, as the documents of each kind have it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    End,
    Nop,
    Mss(u16),
    Shift(u8),
    MaySack,
    Sack(Vec<(u32, u32)>),
    Stamps(u32, u32),
    Md5(Vec<u8>),
    UserTimeout(bool, u16),
    Ao(u8, u8, Vec<u8>),
    Multipath(Vec<u8>),
    Cookie(Vec<u8>),
    CookieByExperiment(u8, Vec<u8>),
    Other(u8, Vec<u8>),
    /// A length that its kind cannot have: skipped.
    Odd(u8),
    /// Nothing can be found behind it.
    Broken,
}

fn number(octets: &[u8]) -> u32 {
    octets.iter().fold(0, |number, &octet| number * 256 + u32::from(octet))
}

/// A cookie has 4 to 16 octets, an even number of them, or none (RFC 7413 §4.1.1).
fn is_cookie(octets: &[u8]) -> bool {
    matches!(octets.len(), 0 | 4 | 6 | 8 | 10 | 12 | 14 | 16)
}

/// What an option of this kind with this data says.
fn option(kind: u8, data: &[u8]) -> Said {
    let len = data.len() + 2;
    match kind {
        2 if len == 4 => Said::Mss(number(data) as u16),
        3 if len == 3 => Said::Shift(data[0]),
        4 if len == 2 => Said::MaySack,
        5 if matches!(len, 10 | 18 | 26 | 34) => {
            Said::Sack(data.chunks(8).map(|block| (number(&block[..4]), number(&block[4..]))).collect())
        }
        8 if len == 10 => Said::Stamps(number(&data[..4]), number(&data[4..])),
        19 if len == 18 => Said::Md5(data.to_vec()),
        28 if len == 4 => Said::UserTimeout(data[0] > 127, number(&[data[0] % 128, data[1]]) as u16),
        29 if len >= 4 => Said::Ao(data[0], data[1], data[2..].to_vec()),
        30 if len >= 3 => Said::Multipath(data.to_vec()),
        34 if is_cookie(data) => Said::Cookie(data.to_vec()),
        253 | 254 if data.starts_with(&[0xf9, 0x89]) => {
            if is_cookie(&data[2..]) {
                Said::CookieByExperiment(kind, data[2..].to_vec())
            } else {
                Said::Odd(kind)
            }
        }
        2 | 3 | 4 | 5 | 8 | 19 | 28 | 29 | 30 | 34 => Said::Odd(kind),
        _ => Said::Other(kind, data.to_vec()),
    }
}

/// Reads octet by octet: RFC 9293 §3.2, MUST-4, MUST-6, MUST-7 and MUST-68.
fn read(octets: &[u8]) -> Vec<Said> {
    let mut said = Vec::new();
    let mut at = 0;
    while at < octets.len() {
        match (octets[at], octets.get(at + 1)) {
            (0, _) => {
                said.push(Said::End);
                break;
            }
            (1, _) => {
                said.push(Said::Nop);
                at += 1;
            }
            (kind, Some(&len)) if len >= 2 && at + usize::from(len) <= octets.len() => {
                said.push(option(kind, &octets[at + 2..at + usize::from(len)]));
                at += usize::from(len);
            }
            _ => {
                said.push(Said::Broken);
                break;
            }
        }
    }
    said
}

/// The library's answer in the words of the model.
fn word(found: Result<TcpOption<'_>, OptionError>) -> Said {
    let ours = match found {
        Ok(ours) => ours,
        Err(OptionError::WrongLength { kind, .. }) => return Said::Odd(kind),
        Err(_) => return Said::Broken,
    };
    match ours {
        TcpOption::EndOfList => Said::End,
        TcpOption::Nop => Said::Nop,
        TcpOption::Mss(mss) => Said::Mss(mss),
        TcpOption::WindowScale(shift) => Said::Shift(shift),
        TcpOption::SackPermitted => Said::MaySack,
        TcpOption::Sack(blocks) => Said::Sack(blocks.iter().map(|(l, r)| (l.get(), r.get())).collect()),
        TcpOption::Timestamps { val, ecr } => Said::Stamps(val, ecr),
        TcpOption::Md5(digest) => Said::Md5(digest.to_vec()),
        TcpOption::UserTimeout { minutes, value } => Said::UserTimeout(minutes, value),
        TcpOption::TcpAo { key_id, next_key_id, mac } => Said::Ao(key_id, next_key_id, mac.to_vec()),
        TcpOption::Mptcp(data) => Said::Multipath(data.to_vec()),
        TcpOption::FastOpen(cookie) => Said::Cookie(cookie.to_vec()),
        TcpOption::FastOpenExperimental { kind, cookie } => Said::CookieByExperiment(kind, cookie.to_vec()),
        TcpOption::Unknown { kind, data } => Said::Other(kind, data.to_vec()),
        other => panic!("a kind that the model does not know: {other:?}"),
    }
}

/// Everything that holds of a string of octets.
fn check(octets: &[u8]) {
    let options = TcpOptions::new(octets);
    let expected = read(octets);
    let mut walk = options.iter();
    let mut built = OptionsBuilder::new();
    let mut taken = 0;
    for right in &expected {
        let found = walk.next();
        let ours = found.unwrap_or_else(|| panic!("{octets:?} ends before {right:?}"));
        assert_eq!(word(ours), *right, "{octets:?}");
        if let Ok(option) = ours {
            taken += option.wire_len();
            built.push(&option).expect("what was read from a header fits into one");
        }
    }
    assert!(walk.next().is_none() && walk.next().is_none(), "{octets:?} goes on behind its end");
    assert!(taken <= octets.len(), "{octets:?} has options of {taken} octets");
    // Written anew, it means the same; what could not be read is not there.
    let plain = |said: &&Said| !matches!(said, Said::Broken | Said::Odd(_));
    let meaning: Vec<Said> = expected.iter().filter(plain).cloned().collect();
    let mut again = read(built.as_bytes());
    if again.last() == Some(&Said::End) && meaning.last() != Some(&Said::End) {
        again.pop(); // the padding
    }
    assert_eq!(again, meaning, "{octets:?} written anew");
    check_firsts(&options, &expected);
}

/// The questions about single options: the first of a kind answers.
fn check_firsts(options: &TcpOptions<'_>, said: &[Said]) {
    let first = |pick: &dyn Fn(&Said) -> bool| said.iter().find(|said| pick(said)).cloned();
    assert_eq!(options.mss().map(Said::Mss), first(&|said| matches!(said, Said::Mss(_))));
    assert_eq!(options.window_scale().map(Said::Shift), first(&|said| matches!(said, Said::Shift(_))));
    assert_eq!(options.sack_permitted(), said.contains(&Said::MaySack));
    let stamps = options.timestamps().map(|(val, ecr)| Said::Stamps(val, ecr));
    assert_eq!(stamps, first(&|said| matches!(said, Said::Stamps(..))));
    let blocks: Vec<_> = options.sack().iter().map(|(l, r)| (l.get(), r.get())).collect();
    let sack = first(&|said| matches!(said, Said::Sack(_)));
    assert_eq!((!blocks.is_empty()).then_some(Said::Sack(blocks)), sack);
    assert_eq!(options.padding().is_some(), said.contains(&Said::End));
}

/// All strings of `len` octets from an alphabet.
fn check_words(alphabet: &[u8], len: usize) -> u64 {
    let mut seen = 0;
    each_word(alphabet, len, |octets| {
        check(octets);
        seen += 1;
    });
    seen
}

/// Kinds that have a meaning of their own, lengths that some kind has, and such as no kind has.
const TELLING: [u8; 12] = [0, 1, 2, 3, 4, 5, 8, 10, 28, 34, 254, 255];

#[test]
fn every_string_of_up_to_two_octets_is_read_as_octet_by_octet() {
    let all: Vec<u8> = (0..=255).collect();
    let seen = (0..=2).map(|len| check_words(&all, len)).sum();
    all_seen(seen, 1 + 256 + 65_536);
}

#[test]
fn every_string_of_up_to_four_telling_octets_is_read_as_octet_by_octet() {
    let seen = (0..=4).map(|len| check_words(&TELLING, len)).sum();
    all_seen(seen, (12_u64.pow(5) - 1) / 11);
}

#[test]
#[ignore = "16,777,216 cases: in an optimised build"]
fn every_string_of_three_octets_is_read_as_octet_by_octet() {
    let all: Vec<u8> = (0..=255).collect();
    all_seen(check_words(&all, 3), 1 << 24);
}

#[test]
#[ignore = "39,066,624 cases: in an optimised build"]
fn every_string_of_five_to_seven_telling_octets_is_read_as_octet_by_octet() {
    let seen = (5..=7).map(|len| check_words(&TELLING, len)).sum();
    all_seen(seen, 12_u64.pow(5) + 12_u64.pow(6) + 12_u64.pow(7));
}

#[test]
fn every_kind_with_every_length_is_skipped_read_or_refused_by_what_is_left() {
    let mut seen = 0;
    for kind in 0..=255 {
        for len in 0..=255 {
            for room in [2, 3, 4, 5, 9, 10, 11, 17, 18, 19, 26, 34, 40] {
                // Octets that could be options themselves: whoever goes on at a wrong place finds them.
                let mut octets = [3; 40];
                (octets[0], octets[1]) = (kind, len);
                check(&octets[..room]);
                seen += 1;
            }
        }
    }
    all_seen(seen, 256 * 256 * 13);
}

#[test]
fn options_that_the_capture_cuts_are_read_up_to_the_cut_and_blamed_on_it() {
    let header =
        [2, 4, 5, 180, 1, 3, 3, 7, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 8, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0];
    let mut seen = 0;
    for captured in 0..=header.len() {
        for wire_len in captured..=header.len() {
            let found: Vec<_> = TcpOptions::captured(&header[..captured], wire_len).iter().collect();
            let whole: Vec<_> = TcpOptions::new(&header[..wire_len]).iter().collect();
            for (cut, whole) in found.iter().zip(&whole) {
                match cut {
                    Err(OptionError::Cut { .. }) => {
                        assert!(captured < wire_len, "nothing was cut at {captured}")
                    }
                    cut => assert_eq!(cut, whole, "{captured} of {wire_len}"),
                }
            }
            let blamed = found.iter().filter(|found| matches!(found, Err(OptionError::Cut { .. }))).count();
            assert!(found.len() <= whole.len() && blamed <= 1);
            seen += 1;
        }
    }
    all_seen(seen, 33 * 34 / 2);
}

#[test]
fn every_value_of_the_small_fields_is_written_and_read_again() {
    let mut seen = 0;
    let mut again = |option: TcpOption<'_>| {
        let mut built = OptionsBuilder::new();
        built.push(&option).expect("it fits");
        assert_eq!(TcpOptions::new(built.as_bytes()).iter().next(), Some(Ok(option)));
        seen += 1;
    };
    (0..=u16::MAX).for_each(|mss| again(TcpOption::Mss(mss)));
    (0..=u8::MAX).for_each(|shift| again(TcpOption::WindowScale(shift)));
    (0..0x8000).for_each(|value| {
        [false, true].into_iter().for_each(|minutes| again(TcpOption::UserTimeout { minutes, value }))
    });
    all_seen(seen, 65_536 + 256 + 65_536);
}

#[test]
fn user_timeouts_of_sixteen_bits_are_refused_and_nothing_is_written() {
    let mut seen = 0;
    for value in 0x8000..=u16::MAX {
        let mut built = OptionsBuilder::new();
        assert!(built.push(&TcpOption::UserTimeout { minutes: false, value }).is_err());
        assert!(built.as_bytes().is_empty());
        seen += 1;
    }
    all_seen(seen, 0x8000);
}

#[test]
fn sack_blocks_are_written_and_read_in_every_order_and_as_many_as_fit() {
    let edges: Vec<(SeqNumber, SeqNumber)> = [(0, 1), (u32::MAX, 2), (5, 5), (1 << 31, 7)]
        .map(|(l, r)| (SeqNumber::new(l), SeqNumber::new(r)))
        .into();
    let mut seen = 0;
    for room_taken in 0..=40 {
        for count in 0..=5 {
            each_word(&edges, count, |blocks| {
                let mut built = OptionsBuilder::new();
                (0..room_taken).for_each(|_| built.push(&TcpOption::Nop).expect("40 of them fit"));
                let fit = count.min((40_usize - room_taken).saturating_sub(2) / 8);
                assert_eq!(built.push_sack(blocks.iter().copied()), fit, "{room_taken} octets are taken");
                let read: Vec<_> = TcpOptions::new(built.as_bytes()).sack().iter().collect();
                assert_eq!(read, blocks[..fit], "{room_taken}");
                seen += 1;
            });
        }
    }
    all_seen(seen, 41 * (4_u64.pow(6) - 1) / 3);
}
