use super::*;

fn server(n: u32) -> IpAddr {
    IpAddr::V4((0x0a00_0000 + n).into())
}

fn cookie(n: u32) -> Cookie {
    Cookie::new(&n.to_be_bytes()).unwrap()
}

fn kept(jar: &CookieJar, secret: &Secret, n: u32) -> Option<(Cookie, u16)> {
    jar.take_out(secret, server(n)).map(|kept| (kept.cookie, kept.mss))
}

#[test]
fn the_last_cookie_of_a_server_is_kept_with_its_mss_and_goes_to_nobody_else() {
    let (secret, mut jar) = (Secret::new([1; 32]), CookieJar::default());
    assert_eq!((kept(&jar, &secret, 1), jar.memory()), (None, 0));
    jar.put(&secret, server(1), cookie(1), 1400);
    jar.put(&secret, server(1), cookie(2), 1300);
    assert_eq!(kept(&jar, &secret, 1), Some((cookie(2), 1300)));
    for n in 2..5_000 {
        assert_eq!(kept(&jar, &secret, n), None);
    }
}

#[test]
fn there_are_only_so_many() {
    let (secret, mut jar) = (Secret::new([1; 32]), CookieJar::default());
    for n in 0..100_000 {
        jar.put(&secret, server(n), cookie(n), 1460);
        assert_eq!(kept(&jar, &secret, n), Some((cookie(n), 1460)));
    }
    assert!(jar.memory() <= 64 << 10, "{}", jar.memory());
}
