use super::*;
use crate::SeqNumber;
use crate::tcp::{Cookie, SackList};
use crate::wire::TcpOptions;
use std::string::{String, ToString as _};

const BOTH: [OptionLayout; 2] = [OptionLayout::Usual, OptionLayout::Linux];

fn written(layout: OptionLayout, syn: bool, options: &SegmentOptions) -> String {
    let out = write_options(options, syn, layout).unwrap();
    let options = TcpOptions::new(out.as_bytes());
    assert!(options.padding_is_zero());
    options.to_string()
}

/// What a SYN offers.
fn offers(window_scale: bool, sack_permitted: bool, timestamps: bool) -> SegmentOptions {
    SegmentOptions {
        mss: Some(1460),
        window_scale: window_scale.then_some(6),
        sack_permitted,
        timestamps: timestamps.then_some(Timestamps { val: 1, ecr: 2 }),
        ..SegmentOptions::default()
    }
}

fn blocks(count: u32) -> SackList {
    (0..count).map(|n| (SeqNumber::new(n * 10), SeqNumber::new(n * 10 + 5))).collect()
}

#[test]
fn a_syn_of_linux_has_the_timestamps_in_the_word_of_sack_permitted() {
    for layout in BOTH {
        let syn = |options: &SegmentOptions| written(layout, true, options);
        assert_eq!(syn(&offers(true, true, true)), "mss 1460, sackOK, TS val 1 ecr 2, nop, wscale 6");
        assert_eq!(syn(&offers(true, true, false)), "mss 1460, nop, nop, sackOK, nop, wscale 6");
        assert_eq!(syn(&offers(true, false, true)), "mss 1460, nop, nop, TS val 1 ecr 2, nop, wscale 6");
        assert_eq!(syn(&offers(false, true, false)), "mss 1460, nop, nop, sackOK");
        assert_eq!(syn(&offers(false, false, false)), "mss 1460");
    }
}

#[test]
fn a_syn_of_freebsd_has_the_window_scale_behind_the_mss() {
    let syn = |options: &SegmentOptions| written(OptionLayout::FreeBsd, true, options);
    assert_eq!(syn(&offers(true, true, true)), "mss 1460, nop, wscale 6, sackOK, TS val 1 ecr 2");
    assert_eq!(syn(&offers(true, true, false)), "mss 1460, nop, wscale 6, sackOK, eol");
    assert_eq!(syn(&offers(true, false, true)), "mss 1460, nop, wscale 6, nop, nop, TS val 1 ecr 2");
    assert_eq!(syn(&offers(true, false, false)), "mss 1460, nop, wscale 6");
    assert_eq!(syn(&offers(false, true, true)), "mss 1460, sackOK, TS val 1 ecr 2");
    assert_eq!(syn(&offers(false, true, false)), "mss 1460, sackOK, eol");
    assert_eq!(syn(&offers(false, false, true)), "mss 1460, nop, nop, TS val 1 ecr 2");
    assert_eq!(syn(&offers(false, false, false)), "mss 1460");
}

#[test]
fn what_is_left_behind_a_cookie_is_padded_as_the_layout_has_it() {
    let cookie = Cookie::new(&[7; 8]);
    let options = SegmentOptions { fast_open: cookie, ..offers(true, true, true) };
    let padding = |layout, options| {
        let out = write_options(options, true, layout).unwrap();
        *out.as_bytes().last_chunk::<2>().unwrap()
    };
    assert_eq!(padding(OptionLayout::Usual, &options), [0, 0]);
    assert_eq!(padding(OptionLayout::Linux, &options), [1, 1]);
    assert_eq!(padding(OptionLayout::FreeBsd, &options), [0, 0]);
    let longest = SegmentOptions { fast_open: Cookie::new(&[7; 16]), ..options };
    for layout in [OptionLayout::Usual, OptionLayout::Linux, OptionLayout::FreeBsd] {
        let out = write_options(&longest, true, layout).unwrap();
        assert_eq!(out.as_bytes().len(), MAX_OPTIONS_LEN, "{layout:?}");
        assert!(written(layout, true, &longest).contains("wscale 6"));
    }
}

/// The machine counts with these lengths (RFC 9293 MUST-16).
#[test]
fn after_the_handshake_all_layouts_are_one() {
    for layout in [OptionLayout::Usual, OptionLayout::Linux, OptionLayout::FreeBsd] {
        for (timestamps, sack, len) in [(true, 0, 12), (true, 3, 40), (false, 1, 12), (false, 4, 36)] {
            let timestamps = timestamps.then_some(Timestamps { val: 1, ecr: 2 });
            let options = SegmentOptions { timestamps, sack: blocks(sack), ..SegmentOptions::default() };
            let out = write_options(&options, false, layout).unwrap();
            let usual = write_options(&options, false, OptionLayout::Usual).unwrap();
            assert_eq!((out.as_bytes().len(), out.as_bytes()), (len, usual.as_bytes()));
            assert_eq!(TcpOptions::new(out.as_bytes()).sack().len(), sack as usize);
        }
    }
}

#[test]
fn every_layout_takes_as_many_octets_as_another() {
    for bits in 0..8 {
        let options = offers(bits & 1 > 0, bits & 2 > 0, bits & 4 > 0);
        let len = |layout| write_options(&options, true, layout).unwrap().as_bytes().len();
        assert_eq!(len(OptionLayout::Usual), len(OptionLayout::Linux));
        assert!(len(OptionLayout::FreeBsd) <= len(OptionLayout::Linux), "{options:?}");
    }
}

/// RFC 9293 §3.2: whatever is written is read again, and only on the segments that it belongs on.
#[test]
fn every_choice_of_options_in_every_layout_is_read_as_it_was_meant() {
    let cookies = [0, 4, 6, 8, 10, 12, 14, 16];
    let mut seen = 0;
    for layout in [OptionLayout::Usual, OptionLayout::Linux, OptionLayout::FreeBsd] {
        for syn in [false, true] {
            for choice in 0..16_u8 {
                for cookie in 0..=cookies.len() {
                    for count in 0..=4 {
                        let has = |bit: u8| choice >> bit & 1 == 1;
                        let options = SegmentOptions {
                            mss: has(0).then_some(1220),
                            window_scale: has(1).then_some(9),
                            sack_permitted: has(2),
                            timestamps: has(3).then_some(Timestamps { val: u32::MAX, ecr: 1 }),
                            fast_open: cookies.get(cookie).and_then(|&len| Cookie::new(&[7; 16][..len])),
                            sack: blocks(count),
                        };
                        let out = write_options(&options, syn, layout).unwrap();
                        let read = super::super::read_options(&TcpOptions::new(out.as_bytes()), syn);
                        // Three blocks find room beside timestamps.
                        let fit = count.min(if has(3) { 3 } else { 4 });
                        let meant = if syn {
                            SegmentOptions { sack: SackList::default(), ..options }
                        } else {
                            SegmentOptions {
                                timestamps: options.timestamps,
                                sack: blocks(fit),
                                ..SegmentOptions::default()
                            }
                        };
                        assert_eq!(read, meant, "{layout:?} {syn} {options:?}");
                        seen += 1;
                    }
                }
            }
        }
    }
    assert_eq!(seen, 3 * 2 * 16 * 9 * 5);
}
