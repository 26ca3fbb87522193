use alloc::format;
use alloc::vec::Vec;
use core::mem::size_of;
use core::time::Duration;

use super::super::ingress::Udp;
use super::super::tests::{Tester, addr, at_secs, parse, tester};
use super::super::{
    UdpBind, UdpConfig, UdpEvent, UdpId, UdpNetworkError, UdpOptions, UdpQueue, UdpReady, UdpSend,
    UdpSendError,
};
use super::*;

const SERVER: &str = "192.0.2.1:443";

fn everything(host: &mut Tester, flows: UdpFlows) -> UdpId {
    let options = UdpOptions { flows: Some(flows), tag: 5, ..UdpOptions::default() };
    host.try_bind(UdpBind::Everything, options).unwrap()
}

/// The only event there is: its flow.
fn flow_of_event(host: &mut Tester) -> UdpFlowId {
    let events = host.events();
    assert_eq!(events.len(), 1, "{events:?}");
    events[0].flow.unwrap()
}

fn ended(why: FlowEnd) -> UdpReady {
    UdpReady { ended: Some(why), ..UdpReady::default() }
}

#[test]
fn a_flow_takes_128_octets_at_most() {
    assert!(size_of::<Channel>() <= 128, "{}", size_of::<Channel>());
}

#[test]
fn each_five_tuple_is_a_flow_and_news() {
    let mut host = tester();
    let id = everything(&mut host, UdpFlows::default());
    assert_eq!(host.arrive("10.0.0.9:1", SERVER, b"1"), Udp::Delivered(id));
    assert_eq!(host.arrive("10.0.0.9:1", SERVER, b"2"), Udp::Delivered(id));
    assert_eq!(host.arrive("10.0.0.9:1", "192.0.2.1:444", b"3"), Udp::Delivered(id));
    assert_eq!(host.arrive("10.0.0.9:2", SERVER, b"4"), Udp::Delivered(id));
    let events = host.events();
    let new = UdpReady { new: true, readable: true, ..UdpReady::default() };
    assert!(events.iter().all(|event| event.id == id && event.tag == 5 && event.ready == new));
    let flows: Vec<UdpFlowId> = events.iter().map(|event| event.flow.unwrap()).collect();
    let ends =
        flows.iter().map(|&flow| (host.flow(flow).local().unwrap(), host.flow(flow).remote().unwrap()));
    assert_eq!(
        ends.collect::<Vec<_>>(),
        [
            (addr(SERVER), addr("10.0.0.9:1")),
            (addr("192.0.2.1:444"), addr("10.0.0.9:1")),
            (addr(SERVER), addr("10.0.0.9:2"))
        ]
    );
    assert_eq!(host.flow(flows[0]).socket(), Some(id));
    assert_eq!(host.flow(flows[0]).recv().unwrap().unwrap().data, &b"1"[..]);
    assert_eq!(host.flow(flows[0]).recv().unwrap().unwrap().data, &b"2"[..]);
    assert_eq!(host.flow(flows[0]).recv(), Ok(None));
    assert_eq!(host.udp(id).recv_from(), Ok(None), "the socket has its datagrams in the flows");
    assert_eq!(host.events(), []);
}

#[test]
fn a_flow_answers_from_the_address_that_was_called() {
    let mut host = tester();
    everything(&mut host, UdpFlows::default());
    host.arrive("10.0.0.9:1", SERVER, b"");
    let flow = flow_of_event(&mut host);
    let now = host.now;
    host.flow(flow).send(now, b"answer", &UdpSend::default()).unwrap();
    assert_eq!(parse(&host.packet().unwrap()), (addr(SERVER), addr("10.0.0.9:1"), b"answer".to_vec()));
    let how = UdpSend { from: Some(addr("192.0.2.2:443")), ..UdpSend::default() };
    assert_eq!(host.flow(flow).send(now, b"", &how), Err(UdpSendError::Source(how.from)));
}

#[test]
fn who_cannot_be_answered_begins_no_flow() {
    let mut host = tester();
    everything(&mut host, UdpFlows::default());
    for from in ["10.0.0.9:0", "0.0.0.0:68"] {
        assert_eq!(host.arrive(from, SERVER, b""), Udp::Dropped(UdpDrop::Source));
    }
    assert_eq!(host.table.channels.rows.len(), 1);
}

/// RFC 4787 REQ-5: two minutes where nothing else is chosen.
#[test]
fn a_flow_ends_after_two_idle_minutes() {
    let mut host = tester();
    let id = everything(&mut host, UdpFlows::default());
    host.arrive("10.0.0.9:1", SERVER, b"");
    let flow = flow_of_event(&mut host);
    assert_eq!(host.table.poll_timeout(), Some(at_secs(120)));
    host.now = at_secs(100);
    host.arrive("10.0.0.9:1", SERVER, b"");
    assert_eq!(host.table.poll_timeout(), Some(at_secs(220)));
    host.table.handle_timeout(at_secs(219));
    host.flow(flow).recv().unwrap().unwrap();
    host.table.handle_timeout(at_secs(220));
    assert!(host.table.flow(flow, &host.here).is_none(), "its id is stale");
    assert_eq!(host.events(), [UdpEvent { id, flow: Some(flow), tag: 5, ready: ended(FlowEnd::Idle) }]);
    assert_eq!((host.table.poll_timeout(), host.table.channels.rows.len()), (None, 1));
    assert_eq!((host.table.stats().flows, host.table.stats().flows_idle), (1, 1));
    assert_eq!((host.table.received.held(), host.table.stats().unread), (0, 1));
}

/// RFC 4787 REQ-6.
#[test]
fn an_answer_keeps_a_flow_alive_unless_that_is_not_wanted() {
    for (refreshes, at) in [(true, 170), (false, 120)] {
        let mut host = tester();
        everything(&mut host, UdpFlows { sending_refreshes: refreshes, ..UdpFlows::default() });
        host.arrive("10.0.0.9:1", SERVER, b"");
        let flow = flow_of_event(&mut host);
        host.flow(flow).send(at_secs(50), b"", &UdpSend::default()).unwrap();
        assert_eq!(host.table.poll_timeout(), Some(at_secs(at)));
    }
}

/// RFC 4787 REQ-5 (a): less than two minutes for well-known ports only.
#[test]
fn flows_to_port_53_may_end_earlier() {
    let mut host = tester();
    everything(&mut host, UdpFlows { dns_idle: Some(Duration::from_secs(10)), ..UdpFlows::default() });
    host.arrive("10.0.0.9:53", SERVER, b"");
    assert_eq!(host.table.poll_timeout(), Some(at_secs(120)), "it is the port called that counts");
    host.arrive("10.0.0.9:1", "192.0.2.1:53", b"");
    assert_eq!(host.table.poll_timeout(), Some(at_secs(10)));
}

#[test]
fn a_clock_that_steps_back_ends_no_flow_early() {
    let mut host = tester();
    everything(&mut host, UdpFlows::default());
    host.now = at_secs(1000);
    host.arrive("10.0.0.9:1", SERVER, b"");
    host.now = at_secs(10);
    host.arrive("10.0.0.9:1", SERVER, b"");
    assert_eq!(host.table.poll_timeout(), Some(at_secs(1120)));
    host.table.handle_timeout(at_secs(500));
    assert_eq!(host.table.flows.len(), 1);
}

#[test]
fn at_the_limit_the_flow_that_was_idle_longest_goes() {
    let mut host = tester();
    everything(&mut host, UdpFlows { max: 3, ..UdpFlows::default() });
    let flows: Vec<UdpFlowId> = (1..=3)
        .map(|port| {
            host.arrive(&format!("10.0.0.9:{port}"), SERVER, b"");
            flow_of_event(&mut host)
        })
        .collect();
    host.arrive("10.0.0.9:1", SERVER, b"");
    host.arrive("10.0.0.9:4", SERVER, b"");
    assert!(host.table.flow(flows[1], &host.here).is_none());
    let events = host.events();
    assert_eq!((events[0].flow, events[0].ready), (Some(flows[1]), ended(FlowEnd::Evicted)));
    assert!(events[1].ready.new);
    assert_eq!((events.len(), host.table.flows.len()), (2, 3));
    assert_eq!(host.table.stats().flows_evicted, 1);
}

#[test]
fn a_flood_of_flows_that_nobody_polls_takes_no_more_rows() {
    let mut host = tester();
    everything(&mut host, UdpFlows { max: 10, ..UdpFlows::default() });
    for port in 1..1000 {
        host.arrive(&format!("10.0.0.9:{port}"), SERVER, &[0; 100]);
        assert!(host.table.channels.rows.len() <= 11);
    }
    assert_eq!((host.events().len(), host.table.stats().flows_evicted), (10, 989));
}

#[test]
fn flows_that_are_over_and_not_polled_are_counted_too() {
    let config = UdpConfig { max_flows: 5, ..UdpConfig::default() };
    let mut host = Tester::with(config);
    let id = everything(&mut host, UdpFlows::default());
    let mut known = 0;
    for round in 0_u64..20 {
        for port in 1..=5 {
            host.arrive(&format!("10.0.0.9:{port}"), SERVER, b"");
        }
        // The news of the new ones are polled in the first two rounds only.
        if round < 2 {
            known += host.events().iter().filter(|event| event.ready.new).count();
        }
        host.now = at_secs(round * 200 + 120);
        host.table.handle_timeout(host.now);
        assert!(host.table.channels.rows.len() <= 11);
    }
    assert_eq!(known, 10);
    assert_eq!(host.events().iter().filter(|event| event.ready.ended.is_some()).count(), 5);
    assert_eq!(host.arrive("10.0.0.9:1", SERVER, b""), Udp::Delivered(id));
}

#[test]
fn a_flow_that_ended_before_it_was_polled_is_no_news() {
    let mut host = tester();
    everything(&mut host, UdpFlows::default());
    host.arrive("10.0.0.9:1", SERVER, b"");
    host.table.handle_timeout(at_secs(120));
    assert_eq!(host.events(), []);
    assert_eq!(host.table.channels.rows.len(), 1);
}

#[test]
fn a_flow_that_was_closed_is_over_without_an_event_and_begins_anew() {
    let mut host = tester();
    everything(&mut host, UdpFlows::default());
    host.arrive("10.0.0.9:1", SERVER, b"old");
    let flow = flow_of_event(&mut host);
    let now = host.now;
    host.flow(flow).send(now, b"last words", &UdpSend::default()).unwrap();
    assert!(host.table.close_flow(flow));
    assert!(!host.table.close_flow(flow));
    host.arrive("10.0.0.9:1", SERVER, b"new");
    let next = flow_of_event(&mut host);
    assert_ne!(next, flow);
    assert_eq!(host.flow(next).recv().unwrap().unwrap().data, &b"new"[..]);
    assert_eq!(parse(&host.packet().unwrap()).2, b"last words");
}

#[test]
fn a_closed_socket_takes_its_flows_along() {
    let mut host = tester();
    let id = everything(&mut host, UdpFlows::default());
    for port in 1..=5 {
        host.arrive(&format!("10.0.0.9:{port}"), SERVER, b"");
    }
    let flow = host.events()[0].flow.unwrap();
    host.now = at_secs(60);
    host.arrive("10.0.0.9:9", SERVER, b"");
    host.table.handle_timeout(at_secs(120));
    host.table.close(id);
    assert!(host.table.flow(flow, &host.here).is_none());
    assert_eq!(host.events(), []);
    let table = &mut host.table;
    assert_eq!((table.channels.rows.len(), table.flows.len(), table.ended), (0, 0, 0));
    assert_eq!((table.received.held(), table.poll_timeout()), (0, None));
}

#[test]
fn the_flows_of_a_socket_hold_so_much_memory_and_no_more() {
    let mut host = tester();
    let limit = UdpQueue { datagrams: 3, octets: 5_000 };
    let id =
        everything(&mut host, UdpFlows { receive: limit, receive_memory: 20_000, ..UdpFlows::default() });
    for _ in 0..4 {
        host.arrive("10.0.0.9:1", SERVER, b"");
    }
    assert_eq!(host.table.stats().dropped_for(UdpDrop::QueueFull), 1);
    for _ in 0..4 {
        host.arrive("10.0.0.9:2", SERVER, &[0; 1000]);
    }
    assert_eq!(host.table.stats().dropped_for(UdpDrop::MemoryFull), 0);
    for _ in 0..4 {
        host.arrive("10.0.0.9:3", SERVER, &[0; 2000]);
    }
    assert_eq!(host.table.stats().dropped_for(UdpDrop::MemoryFull), 2);
    for port in 4..100 {
        host.arrive(&format!("10.0.0.9:{port}"), SERVER, &[0; 1000]);
    }
    assert!(host.table.received.held() <= 20_000);
    let before = host.table.flows.len();
    assert!(before < 50, "a flow that would begin with nothing does not begin");
    let flows: Vec<UdpFlowId> = host.events().iter().filter_map(|event| event.flow).collect();
    for flow in flows {
        while host.flow(flow).recv().unwrap().is_some() {}
    }
    assert_eq!(host.table.sockets.get(id.index).unwrap().flows_held, 0);
}

#[test]
fn more_specific_sockets_take_over_and_the_flow_stays_until_it_is_idle() {
    let mut host = tester();
    let all = everything(&mut host, UdpFlows::default());
    assert_eq!(host.arrive("10.0.0.9:1", "10.0.0.1:7", b""), Udp::Delivered(all));
    let exact = host.bind("10.0.0.1:7");
    assert_eq!(host.arrive("10.0.0.9:1", "10.0.0.1:7", b""), Udp::Delivered(exact));
    host.table.close(exact);
    let options = UdpOptions { flows: Some(UdpFlows::default()), ..UdpOptions::default() };
    let exact = host.bind_with("10.0.0.1:7", options);
    assert_eq!(host.arrive("10.0.0.9:1", "10.0.0.1:7", b""), Udp::Delivered(exact));
    assert_eq!((host.table.flows.len(), host.table.stats().flows_evicted), (1, 1), "one flow, one owner");
}

#[test]
fn an_error_about_a_flow_is_the_answer_of_its_next_call() {
    let mut host = tester();
    everything(&mut host, UdpFlows::default());
    host.arrive("10.0.0.9:1", SERVER, b"");
    let flow = flow_of_event(&mut host);
    assert!(host.error(SERVER, "10.0.0.9:1", UdpNetworkError::Refused));
    assert!(host.events()[0].ready.error);
    assert_eq!(host.flow(flow).recv(), Err(UdpNetworkError::Refused));
    assert!(host.flow(flow).recv().unwrap().is_some());
}

/// A flow that could have been told of room, and is over before: with it goes its wish for room, so that the list of those
/// who wait for the memory of all has no row that is gone.
#[test]
fn a_flow_that_ends_before_it_is_told_of_room_waits_for_no_memory() {
    let mut host = Tester::with(UdpConfig { send_memory: 8_000, ..UdpConfig::default() });
    let mut flows = UdpFlows { idle: Duration::from_secs(30), ..UdpFlows::default() };
    flows.send.datagrams = 3;
    let id = everything(&mut host, flows);
    let greedy = host.bind("10.0.0.1:8");
    host.arrive("10.0.0.9:1", SERVER, b"");
    let flow = flow_of_event(&mut host);
    let now = host.now;
    while host.flow(flow).send(now, b"x", &UdpSend::default()).is_ok() {}
    host.packet().unwrap();
    while host.send(greedy, &[0; 1000], "10.0.0.9:9").is_ok() {}
    host.now = at_secs(31);
    host.table.handle_timeout(host.now);
    assert_eq!(host.events(), [UdpEvent { id, flow: Some(flow), tag: 5, ready: ended(FlowEnd::Idle) }]);
    while host.packet().is_some() {}
    let told: Vec<UdpId> = host.events().iter().map(|event| event.id).collect();
    assert_eq!(told, [greedy]);
    assert_eq!(host.events(), []);
}
