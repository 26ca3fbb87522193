//! The life of a connection on both sides, walked through the transition table: no network, no capture.
//!
//! ```sh
//! cargo run --example state_walk
//! ```

use tcpstate::{Event, State};

/// What happens, and to which side.
const LIFE: [(&str, Option<Event>, Option<Event>); 9] = [
    ("the server waits for callers", None, Some(Event::PassiveOpen)),
    ("the client calls: SYN", Some(Event::ActiveOpen), None),
    ("the server hears the SYN and answers SYN,ACK", None, Some(Event::Syn)),
    ("the client hears SYN,ACK and sends ACK", Some(Event::SynAck), None),
    ("the server hears ACK: data may flow", None, Some(Event::AckOfSyn)),
    ("the client has no more to say: FIN", Some(Event::Close), Some(Event::Fin)),
    ("the server's ACK comes: half closed", Some(Event::AckOfFin), None),
    ("the server is done too: FIN", Some(Event::Fin), Some(Event::Close)),
    ("the client's last ACK comes", None, Some(Event::AckOfFin)),
];

fn main() {
    let (mut client, mut server) = (State::Closed, State::Closed);
    println!("{:<48} {:<14} server", "", "client");
    println!("{:<48} {client:<14} {server}", "nothing yet");
    for (what, at_client, at_server) in LIFE {
        for (side, event) in [(&mut client, at_client), (&mut server, at_server)] {
            if let Some(event) = event {
                match side.on(event) {
                    Some(next) => *side = next,
                    None => println!("{event} is not legal in {side}"),
                }
            }
        }
        println!("{what:<48} {client:<14} {server}");
    }
    println!("… and after 2·MSL the client is {}", client.on(Event::TimeWaitTimeout).unwrap_or(client));
}
