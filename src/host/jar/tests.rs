use super::*;

fn server(n: u32) -> IpAddr {
    IpAddr::V4((0x0a00_0000 + n).into())
}

fn cookie(n: u32) -> Cookie {
    Cookie::new(&n.to_be_bytes()).unwrap()
}

#[test]
fn the_last_cookie_of_a_server_is_kept_and_goes_to_nobody_else() {
    let (secret, mut jar) = (Secret::new([1; 32]), CookieJar::default());
    assert_eq!((jar.take_out(&secret, server(1)), jar.memory()), (Cookie::default(), 0));
    jar.put(&secret, server(1), cookie(1));
    jar.put(&secret, server(1), cookie(2));
    assert_eq!(jar.take_out(&secret, server(1)), cookie(2));
    for n in 2..5_000 {
        assert_eq!(jar.take_out(&secret, server(n)), Cookie::default());
    }
}

#[test]
fn there_are_only_so_many() {
    let (secret, mut jar) = (Secret::new([1; 32]), CookieJar::default());
    for n in 0..100_000 {
        jar.put(&secret, server(n), cookie(n));
        assert_eq!(jar.take_out(&secret, server(n)), cookie(n));
    }
    assert!(jar.memory() <= 64 << 10, "{}", jar.memory());
}
