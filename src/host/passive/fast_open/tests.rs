use core::net::SocketAddr;

use super::*;
use crate::wire::IpProtocol;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn day(n: u32) -> Instant {
    Instant::ZERO + DAY * n
}

/// RFC 7413 §4.1.2.
#[test]
fn a_cookie_counts_for_its_address_for_a_day_or_two() {
    let client = call("10.0.0.9", "10.0.0.1");
    let given = give([3; 32], &client, day(5)).unwrap();
    assert_eq!(given.as_bytes().len(), 8);
    let accepts = |secret, tuple: &FiveTuple, at| baker(&Secret::new(secret), tuple).accepts(at, &given);
    assert_eq!([4, 5, 6, 7].map(|n| accepts([3; 32], &client, day(n))), [false, true, true, false]);
    assert!(!accepts([3; 32], &call("2001:db8::9", "2001:db8::1"), day(5)));
    assert!(!accepts([4; 32], &client, day(5)));
    assert!(accepts([3; 32], &call("::ffff:10.0.0.9", "::ffff:10.0.0.1"), day(5)));
}

fn call(server: &str, client: &str) -> FiveTuple {
    let end = |ip: &str, port| SocketAddr::new(ip.parse().unwrap(), port);
    FiveTuple::new(IpProtocol::TCP, end(server, 80), end(client, 40_000))
}

const fn baker<'a>(secret: &'a Secret, tuple: &'a FiveTuple) -> Baker<'a> {
    Baker { cookies: FastOpenCookies::OfSecret, secret, tuple }
}

fn give(secret: [u8; 32], tuple: &FiveTuple, now: Instant) -> Option<Cookie> {
    baker(&Secret::new(secret), tuple).give(now)
}

/// The key `a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4`, and the cookies that Linux makes of it and of no key at all.
#[test]
fn cookies_of_a_key_are_those_of_linux() {
    let key = [0xa1_u8, 0xb2, 0xc3, 0xd4].map(|octet| [octet; 4]).concat().try_into().unwrap();
    let v4 = call("192.168.0.1", "192.0.2.1");
    let v6 = call("fd3d:a0b:17d6::1", "fd3d:fa7b:d17d::1");
    let mapped = call("::ffff:192.168.0.1", "::ffff:192.0.2.1");
    for (key, tuple, cookie) in [
        (key, v4, 0x3021_b9d8_8901_7eeb_u64),
        (key, mapped, 0x3021_b9d8_8901_7eeb),
        (key, v6, 0xc1d1_e974_2a47_a9bc),
        ([0; 16], v4, 0xb7c1_2350_a90d_c8f5),
        ([0; 16], v6, 0x82af_1a8f_9a20_5c34),
    ] {
        let secret = Secret::new([3; 32]);
        let baker = Baker { cookies: FastOpenCookies::OfAddresses(key), ..baker(&secret, &tuple) };
        let given = baker.give(day(1)).unwrap();
        assert_eq!(given.as_bytes(), cookie.to_be_bytes());
        assert!(baker.accepts(day(100), &given));
        let other = Baker { cookies: FastOpenCookies::OfClient(key), ..baker };
        assert!(!other.accepts(day(1), &given));
        assert!(other.accepts(day(9), &other.give(day(1)).unwrap()));
    }
}

#[test]
fn neither_a_request_nor_a_piece_of_a_cookie_is_one() {
    let (secret, client) = (Secret::new([3; 32]), call("10.0.0.9", "10.0.0.1"));
    let given = give([3; 32], &client, day(0)).unwrap();
    for len in 0..8 {
        let piece = Cookie::new(&given.as_bytes()[..len]).unwrap();
        assert!(!baker(&secret, &client).accepts(day(0), &piece));
    }
}
