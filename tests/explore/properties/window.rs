//! `window`: what is sent stands in the window, and what is acknowledged has arrived.

use tcpstate::tcp::SegmentMeta;
use tcpstate::{State, TcpFlags};

use super::{Sent, Sight, Step};

/// The variables keep their order: SND.UNA ≤ SND.MAX, no more is acknowledged than the peer has received and no more received
/// than was sent (RFC 9293 §3.3.1, §3.4); the right edge of the window does not move left, neither the one kept nor the one
/// told (§3.8.6, SHLD-14); nothing is sent that was not queued, before SND.UNA, or beyond what the peer has offered (SHLD-15,
/// SHLD-16), but for the one octet of a probe (§3.8.6.1); and every segment acknowledges RCV.NXT.
pub fn window(step: &Step) -> Option<String> {
    let (before, own, peer) = (&step.before, &step.after, &step.peer);
    let why = variables(before, own, peer).or_else(|| step.sent.iter().find_map(|sent| segment(step, sent)));
    why.map(|why| format!("{}: {why}", step.name()))
}

fn variables(before: &Sight, own: &Sight, peer: &Sight) -> Option<String> {
    if own.una < 0 || own.una > own.max || own.max > own.fin_at() + i64::from(own.shut_down) {
        return Some(format!("SND.UNA {}, sent up to {}, queued up to {}", own.una, own.max, own.fin_at()));
    }
    if own.knows_peer() && peer.iss == own.irs && peer.state != State::Listen && own.rcv_nxt > peer.max {
        return Some(format!("RCV.NXT is {}, and its peer has sent up to {}", own.rcv_nxt, peer.max));
    }
    let same = before.knows_peer() && own.knows_peer() && before.irs == own.irs;
    if same && (own.rcv_nxt < before.rcv_nxt || own.una < before.una || own.max < before.max) {
        return Some(format!(
            "RCV.NXT {}, SND.UNA {}, sent up to {}; and before that {}, {}, {}",
            own.rcv_nxt, own.una, own.max, before.rcv_nxt, before.una, before.max
        ));
    }
    // A machine that is over has no window any more.
    if same && own.state != State::Closed && own.rcv_edge < before.rcv_edge {
        return Some(format!(
            "the right edge of its window goes from {} to {}",
            before.rcv_edge, own.rcv_edge
        ));
    }
    let acknowledged = own.una > 0 && peer.irs == own.iss && peer.knows_peer();
    if acknowledged && own.una > peer.rcv_nxt {
        return Some(format!("SND.UNA is {}, and its peer has received up to {}", own.una, peer.rcv_nxt));
    }
    None
}

/// One segment that goes out.
fn segment(step: &Step, sent: &Sent) -> Option<String> {
    let (before, own, peer) = (&step.before, &step.after, &step.peer);
    let meta = &sent.meta;
    if meta.flags.contains(TcpFlags::RST) {
        return None;
    }
    let (start, len) = (own.place_sent(meta.seq), i64::from(meta.seq_len()));
    let end = start + len;
    let what = format!("{} at {start} to {end}", meta.flags);
    if len > 0 && start < before.una.min(own.una) {
        return Some(format!("{what} goes out, and SND.UNA is {}", own.una));
    }
    if meta.len > 0 && (sent.offset as i64 + 1 != start || sent.offset + u64::from(meta.len) > own.queued) {
        return Some(format!("{what} carries octets from {}, of {}", sent.offset, own.queued));
    }
    if meta.flags.contains(TcpFlags::FIN) && (!own.shut_down || end != own.fin_at() + 1) {
        return Some(format!("{what} carries a FIN, which stands at {}", own.fin_at()));
    }
    // A keep-alive stands one before what the peer expects (§3.8.4); all else without octets in the window.
    let least = if len == 0 { own.una.min(before.una) - 1 } else { 0 };
    if start < least || start > own.max {
        return Some(format!("{what} stands outside of {} to {}", own.una, own.max));
    }
    if meta.flags.contains(TcpFlags::ACK) && own.place_received(meta.ack) != own.rcv_nxt {
        return Some(format!(
            "{what} acknowledges {}, and RCV.NXT is {}",
            own.place_received(meta.ack),
            own.rcv_nxt
        ));
    }
    if let Some(told) = edge_of(own, meta)
        && told < before.rcv_edge.min(own.rcv_edge)
        && before.irs == own.irs
        && before.knows_peer()
    {
        return Some(format!("{what} offers octets up to {told}, and {} were offered", before.rcv_edge));
    }
    // No more than this end has heard of; and that is no more than the peer has offered, who takes back nothing.
    let heard = own.una.max(before.una) + i64::from(own.snd_wnd.max(before.snd_wnd));
    let is_known = peer.knows_peer() && peer.irs == own.iss && peer.state != State::Closed;
    let most = if is_known { heard.min(peer.rcv_edge) } else { heard };
    let probe = own.snd_wnd == 0 && len == 1 && start == own.una;
    if len > 0 && !meta.flags.contains(TcpFlags::SYN) && end > most && !probe {
        return Some(format!("{what} goes beyond the window, which ends at {most}"));
    }
    None
}

/// The right edge that a segment offers. Windows are not scaled on a SYN, and a shift rounds: with one there is no exact edge.
pub fn edge_of(own: &Sight, meta: &SegmentMeta) -> Option<i64> {
    let exact = own.scale == 0 && meta.flags.contains(TcpFlags::ACK) && !meta.flags.contains(TcpFlags::RST);
    exact.then(|| own.place_received(meta.ack) + i64::from(meta.window))
}

mod tests {
    use super::super::testing::open;
    use super::*;

    /// A, with two octets queued, sends them.
    fn sends(len: u32, flags: TcpFlags) -> Step {
        let mut step = open();
        (step.before.queued, step.after.queued, step.after.max) = (2, 2, 3);
        let meta = SegmentMeta {
            seq: step.after.iss + 1,
            ack: step.after.irs + 1,
            flags: flags | TcpFlags::ACK,
            window: u16::try_from(step.after.rcv_edge - 1).expect("a small window"),
            len,
            ..SegmentMeta::default()
        };
        step.sent.push(Sent { meta, offset: 0 });
        step
    }

    fn said(step: &Step, part: &str) {
        let why = window(step);
        assert!(why.as_ref().is_some_and(|why| why.contains(part)), "{why:?}");
    }

    #[test]
    fn variables_out_of_order_are_found() {
        let good = sends(2, TcpFlags::PSH);
        assert_eq!(window(&good), None);
        let mut step = good.clone();
        step.after.una = 4;
        said(&step, "SND.UNA 4, sent up to 3");
        let mut step = good.clone();
        step.after.una = 2;
        said(&step, "its peer has received up to 1");
        let mut step = good.clone();
        step.after.rcv_nxt = 2;
        said(&step, "RCV.NXT is 2, and its peer has sent up to 1");
        let mut step = good;
        step.before.max = 5;
        said(&step, "before that 1, 1, 5");
    }

    #[test]
    fn an_edge_that_moves_left_is_found() {
        let mut step = sends(2, TcpFlags::PSH);
        step.after.rcv_edge -= 1;
        said(&step, "the right edge of its window goes from 5 to 4");
        let mut step = sends(2, TcpFlags::PSH);
        step.sent[0].meta.window -= 1;
        said(&step, "offers octets up to 4, and 5 were offered");
    }

    #[test]
    fn octets_beyond_the_window_are_found() {
        let mut step = sends(2, TcpFlags::PSH);
        (step.before.snd_wnd, step.after.snd_wnd) = (1, 1);
        said(&step, "goes beyond the window, which ends at 2");
        (step.before.snd_wnd, step.after.snd_wnd) = (0, 0);
        said(&step, "goes beyond the window, which ends at 1");
        step.sent[0].meta.len = 1;
        assert_eq!(window(&step), None, "a probe");
    }

    #[test]
    fn octets_beyond_what_the_peer_has_offered_are_found_whatever_this_end_has_heard() {
        let mut step = sends(2, TcpFlags::PSH);
        step.peer.rcv_edge = 2;
        said(&step, "goes beyond the window, which ends at 2");
        step.peer.state = State::Closed;
        assert_eq!(window(&step), None, "it has no window any more");
    }

    #[test]
    fn octets_that_nobody_has_queued_are_found() {
        let mut step = sends(2, TcpFlags::PSH);
        step.sent[0].offset = 1;
        said(&step, "carries octets from 1, of 2");
        said(&sends(2, TcpFlags::FIN), "carries a FIN, which stands at 3");
    }

    #[test]
    fn an_acknowledgment_of_something_else_is_found() {
        let mut step = sends(0, TcpFlags::ACK);
        step.sent[0].meta.ack = step.after.irs + 3;
        said(&step, "acknowledges 3, and RCV.NXT is 1");
        let mut step = sends(0, TcpFlags::ACK);
        step.sent[0].meta.seq = step.after.iss + 4;
        said(&step, "stands outside of 1 to 3");
    }
}
