use super::*;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn day(n: u32) -> Instant {
    Instant::ZERO + DAY * n
}

/// RFC 7413 §4.1.2.
#[test]
fn a_cookie_counts_for_its_address_for_a_day_or_two() {
    let secret = Secret::new([3; 32]);
    let [client, other]: [IpAddr; 2] = ["10.0.0.1", "2001:db8::1"].map(|ip| ip.parse().unwrap());
    let given = give(&secret, client, day(5)).unwrap();
    assert_eq!(given.as_bytes().len(), 8);
    assert_eq!([4, 5, 6, 7].map(|n| accepts(&secret, client, day(n), &given)), [false, true, true, false]);
    assert!(!accepts(&secret, other, day(5), &given));
    assert!(!accepts(&Secret::new([4; 32]), client, day(5), &given));
    assert!(accepts(&Secret::new([3; 32]), "::ffff:10.0.0.1".parse().unwrap(), day(5), &given));
}

#[test]
fn neither_a_request_nor_a_piece_of_a_cookie_is_one() {
    let secret = Secret::new([3; 32]);
    let client = "10.0.0.1".parse().unwrap();
    let given = give(&secret, client, day(0)).unwrap();
    for len in 0..8 {
        let piece = Cookie::new(&given.as_bytes()[..len]).unwrap();
        assert!(!accepts(&secret, client, day(0), &piece));
    }
}
