use super::*;
use core::time::Duration;

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn ends() -> (SocketAddr, SocketAddr) {
    (addr("192.0.2.1:80"), addr("192.0.2.2:49152"))
}

#[test]
fn the_same_secret_and_sockets_give_the_same_values() {
    let (local, remote) = ends();
    let of = |secret: Secret| {
        (secret.unpredictable(local, remote, Instant::ZERO), secret.identification(local, remote))
    };
    assert_eq!(of(Secret::new([1; 32])), of(Secret::new([1; 32])));
    assert_ne!(of(Secret::new([1; 32])), of(Secret::new([2; 32])));
}

// RFC 9293 MUST-9
#[test]
fn every_octet_of_the_secret_counts() {
    let (local, remote) = ends();
    let iss = |octets| Secret::new(octets).unpredictable(local, remote, Instant::ZERO).iss;
    let first = iss([0; 32]);
    for at in 0..32 {
        let mut octets = [0; 32];
        octets[at] = 1;
        assert_ne!(iss(octets), first, "octet {at}");
    }
}

// RFC 9293 MUST-8, SHLD-1
#[test]
fn the_iss_grows_by_one_every_four_microseconds_and_passes_zero() {
    let ((local, remote), secret) = (ends(), Secret::new([9; 32]));
    let first = secret.unpredictable(local, remote, Instant::ZERO).iss;
    for ticks in [1_u64, 250_000, 1 << 31, 1 << 33] {
        let later = secret.unpredictable(local, remote, Instant::from_nanos(ticks * 4000 + 3999)).iss;
        assert_eq!(later - first, ticks as u32, "after {ticks} ticks");
    }
}

#[test]
fn the_iss_depends_on_all_four_parts_of_the_sockets_and_on_their_roles() {
    let ((local, remote), secret) = (ends(), Secret::new([9; 32]));
    let iss = |local, remote| secret.unpredictable(local, remote, Instant::ZERO).iss;
    let others = [
        (addr("192.0.2.3:80"), remote),
        (addr("192.0.2.1:81"), remote),
        (local, addr("192.0.2.3:49152")),
        (local, addr("192.0.2.2:49153")),
        (remote, local),
    ];
    for (here, there) in others {
        assert_ne!(iss(here, there), iss(local, remote), "{here} and {there}");
    }
}

/// RFC 7323 §5.4: one clock per pair of addresses, so that connections between them see it go forward.
// RFC 7323-27
#[test]
fn the_timestamp_offset_depends_on_the_addresses_only() {
    let ((local, remote), secret) = (ends(), Secret::new([9; 32]));
    let later = Instant::ZERO + Duration::from_secs(77);
    let offset = |local, remote, now| secret.unpredictable(local, remote, now).timestamp_offset;
    let first = offset(local, remote, Instant::ZERO);
    assert_eq!(offset(addr("192.0.2.1:9"), addr("192.0.2.2:8"), later), first);
    assert_ne!(offset(addr("192.0.2.9:80"), remote, later), first);
    assert_ne!(offset(local, addr("192.0.2.9:80"), later), first);
    let other = Secret::new([8; 32]).unpredictable(local, remote, Instant::ZERO);
    assert_ne!(other.timestamp_offset, first, "and on the secret");
}

#[test]
fn a_flow_label_has_twenty_bits() {
    let secret = Secret::new([9; 32]);
    for port in 1..100 {
        let remote = SocketAddr::new(addr("[2001:db8::2]:1").ip(), port);
        assert!(secret.flow_label(addr("[2001:db8::1]:80"), remote) < 1 << 20);
    }
}

#[test]
fn a_secret_is_not_printed() {
    assert_eq!(std::format!("{:?}", Secret::new([42; 32])), "Secret(..)");
}

/// Who has kept a value, a seed of a run or a cookie, finds it again.
#[test]
fn the_values_stay_what_they_were() {
    let secret = Secret::new(core::array::from_fn(|at| at as u8));
    let (local, remote) = ends();
    let drawn = secret.unpredictable(local, remote, Instant::ZERO);
    let six = (addr("[2001:db8::1]:80"), addr("[2001:db8::2]:49152"));
    let cookie = secret.syn_cookie(six.0, six.1, SeqNumber::new(7), 9, 11);
    let seen = [drawn.iss.get(), drawn.timestamp_offset, cookie, secret.flow_label(six.0, six.1)];
    assert_eq!(seen, [3172518, 1497220924, 1653562958, 83102]);
}
