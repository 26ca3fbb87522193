use alloc::vec::Vec;

use super::*;
use crate::host::tests::{A, B, carry, host};
use crate::host::{HostConfig, HostError, ListenConfig, ListenError, ListenOn};
use crate::{State, TcpFlags};

const NOW: Instant = Instant::from_nanos(1_000_000_000);

fn server() -> SocketAddr {
    "10.0.0.2:80".parse().unwrap()
}

fn packet(host: &mut Host) -> Vec<u8> {
    let mut out = [0; 2000];
    let transmit = host.poll_transmit(NOW, &mut out).unwrap();
    out[..transmit.len].to_vec()
}

#[test]
fn a_connection_is_opened_as_the_options_say() {
    let mut a = host(A);
    let mut connection = a.config().connection;
    connection.tcp.mss_limit = 1000;
    let options = ConnectOptions {
        local: Some("10.0.0.1:5000".parse().unwrap()),
        connection: Some(connection),
        hop_limit: Some(7),
        dscp: Some(46),
    };
    let id = a.connect_with(NOW, server(), &options).unwrap();
    assert_eq!(a.connection(id).unwrap().tuple().unwrap().local(), options.local.unwrap());
    assert_eq!(a.machine(id).unwrap().config().mss, 1000);
    let syn = packet(&mut a);
    assert_eq!((syn[1] >> 2, syn[8], syn[33]), (46, 7, TcpFlags::SYN.bits() as u8));
    a.connection(id).unwrap().set_hop_limit(9);
    let other = a.connect(NOW, server()).unwrap();
    assert_eq!(a.machine(other).unwrap().config().mss, 1460);
    assert_eq!(packet(&mut a)[8], 64);
}

#[test]
fn options_that_do_not_do_open_nothing() {
    let mut a = host(A);
    let dscp = ConnectOptions { dscp: Some(64), ..ConnectOptions::default() };
    let hops = ConnectOptions { hop_limit: Some(0), ..ConnectOptions::default() };
    assert_eq!(a.connect_with(NOW, server(), &dscp), Err(ConnectError::Dscp(64)));
    assert_eq!(a.connect_with(NOW, server(), &hops), Err(ConnectError::HopLimit));
    assert!(a.is_empty());
}

#[test]
fn what_a_host_gives_can_change_while_it_runs_and_the_rest_cannot() {
    let mut a = host(A);
    let before = a.connect(NOW, server()).unwrap();
    let mut config = a.config().clone();
    (config.connection.tcp.initial_window, config.dscp) = (4, 10);
    a.set_config(&config).unwrap();
    let behind = a.connect(NOW, server()).unwrap();
    let window = |id| a.machine(id).unwrap().config().initial_window;
    assert_eq!((window(before), window(behind)), (10, 4));
    let fixed = HostConfig { mtu: 1400, ..config.clone() };
    assert_eq!(a.set_config(&fixed), Err(HostError::Fixed));
    assert_eq!(a.set_config(&HostConfig { dscp: 64, ..config.clone() }), Err(HostError::Dscp(64)));
    assert_eq!(a.config(), &config);
}

#[test]
fn time_wait_is_forgotten_on_demand_and_its_length_stays_while_there_is_any() {
    let (mut a, mut b) = (host(A), host(B));
    let listener = b.listen(ListenOn::port(80), &ListenConfig::default()).unwrap();
    let id = a.connect(NOW, server()).unwrap();
    carry(NOW, &mut a, &mut b);
    let other = b.accept(listener).unwrap();
    a.release(NOW, id);
    carry(NOW, &mut a, &mut b);
    b.release(NOW, other);
    carry(NOW, &mut a, &mut b);
    assert_eq!(a.rows().map(|row| row.state).collect::<Vec<_>>(), [State::TimeWait]);
    let mut config = a.config().clone();
    config.connection.tcp.time_wait /= 2;
    assert_eq!(a.set_config(&config), Err(HostError::Fixed));
    assert_eq!(a.forget_time_wait(|tuple| tuple.remote_port() == 81), 0);
    assert_eq!(a.forget_time_wait(|tuple| tuple.remote_port() == 80), 1);
    assert_eq!((a.rows().count(), a.set_config(&config)), (0, Ok(())));
}

#[test]
fn a_listener_changes_for_those_who_call_from_then_on() {
    let (mut a, mut b) = (host(A), host(B));
    let listener = b.listen(ListenOn::port(80), &ListenConfig::default()).unwrap();
    a.connect(NOW, server()).unwrap();
    carry(NOW, &mut a, &mut b);
    assert_eq!(b.waiting(listener), 1);
    let mut connection = b.config().connection;
    connection.tcp.mss_limit = 1000;
    let config = ListenConfig { connection: Some(connection), ..ListenConfig::default() };
    b.set_listen(listener, &config).unwrap();
    a.connect(NOW, server()).unwrap();
    let syn = packet(&mut a);
    b.handle_packet(NOW, &syn[..]);
    assert_eq!(b.set_listen(listener, &ListenConfig::default()), Err(ListenError::HalfOpen(1)));
    carry(NOW, &mut a, &mut b);
    let sizes: Vec<u16> = core::iter::from_fn(|| b.accept(listener))
        .collect::<Vec<_>>()
        .into_iter()
        .map(|id| b.machine(id).unwrap().config().mss)
        .collect();
    assert_eq!(sizes, [1460, 1000]);
    b.unlisten(NOW, listener);
    assert_eq!(b.set_listen(listener, &config), Err(ListenError::Gone));
}

#[test]
fn a_cookie_is_kept_with_the_mss_of_its_server() {
    let (mut a, mut b) = (host(A), host(B));
    let fast = ListenConfig { fast_open: true, ..ListenConfig::default() };
    b.listen(ListenOn::port(80), &fast).unwrap();
    let mut connection = a.config().connection;
    connection.tcp.fast_open = true;
    let options = ConnectOptions { connection: Some(connection), ..ConnectOptions::default() };
    assert_eq!(a.fast_open_cookie(server().ip()), None);
    let id = a.connect_with(NOW, server(), &options).unwrap();
    assert_eq!(a.machine(id).unwrap().syn_room(), 0);
    carry(NOW, &mut a, &mut b);
    assert!(a.fast_open_cookie(server().ip()).is_some());
    let id = a.connect_with(NOW, server(), &options).unwrap();
    // What the server takes, less room for options (RFC 7413 §4.1.3).
    assert_eq!(a.machine(id).unwrap().syn_room(), 1420);
    a.connection(id).unwrap().send(NOW, &[7; 3000]).unwrap();
    let syn = packet(&mut a);
    assert_eq!(syn.len(), 20 + 52 + 1420);
    b.handle_packet(NOW, &syn[..]);
    carry(NOW, &mut a, &mut b);
    assert!(a.machine(id).unwrap().took_syn_data());
}

/// RFC 2474 §3: a code point has six bits.
#[test]
fn a_connection_may_have_the_largest_code_point() {
    let mut a = host(A);
    let options = ConnectOptions { dscp: Some(63), ..ConnectOptions::default() };
    a.connect_with(NOW, server(), &options).unwrap();
    assert_eq!(packet(&mut a)[1] >> 2, 63);
}

#[test]
fn nobody_is_called_at_a_broadcast_address_or_at_port_0() {
    let mut a = host(A);
    for remote in ["10.0.0.255:80", "10.0.0.2:0"] {
        let remote = remote.parse().unwrap();
        assert_eq!(a.connect(NOW, remote), Err(ConnectError::Address(remote)));
    }
}
