use alloc::format;
use alloc::string::ToString;

use super::*;

fn tuple(local: &str, remote: &str) -> FiveTuple {
    FiveTuple::new(IpProtocol::TCP, local.parse().unwrap(), remote.parse().unwrap())
}

#[test]
fn it_takes_44_octets() {
    assert_eq!(size_of::<FiveTuple>(), 44);
}

#[test]
fn the_scope_tells_link_local_flows_apart_and_no_others() {
    let on_link = |scope: u32| tuple(&format!("[fe80::1%{scope}]:80"), &format!("[fe80::2%{scope}]:5"));
    assert_ne!(on_link(1), on_link(2));
    assert_eq!(on_link(2).remote().to_string(), "[fe80::2%2]:5");
    assert_eq!(tuple("[2001:db8::1%3]:80", "[2001:db8::2]:5").scope(), 0);
}

#[test]
fn reversed_twice_is_the_same_flow() {
    let flow = tuple("10.0.0.1:80", "10.0.0.2:5000");
    assert_ne!(flow.reversed(), flow);
    assert_eq!(flow.reversed().reversed(), flow);
    assert_eq!(flow.reversed().local(), flow.remote());
}
