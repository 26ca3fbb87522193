use super::*;
use core::time::Duration;
use proptest::prelude::*;
use std::vec;

const NOW: Instant = Instant::from_nanos(1_000_000_000);

/// Octets that tell their place in the stream.
fn stream(from: usize, len: usize) -> Vec<u8> {
    (from..from + len).map(|at| (at % 251) as u8).collect()
}

fn read(buffer: &SendBuffer, offset: u64, len: usize) -> Vec<u8> {
    buffer.pieces(offset, len).flatten().copied().collect()
}

#[test]
fn an_empty_buffer_that_rests_holds_no_memory() {
    let mut buffer = SendBuffer::new(1 << 20, 0);
    assert_eq!(buffer.memory(), 0);
    buffer.push_slice(&stream(0, 100_000));
    buffer.push_bytes(Bytes::from(stream(100_000, 5000)));
    assert!(buffer.forget(NOW + Duration::from_secs(9), 105_000));
    assert!(buffer.memory() < 512, "a slow stream keeps no chunk that is large: {}", buffer.memory());
    buffer.push_slice(b"short");
    assert!(buffer.forget(NOW + Duration::from_secs(19), 105_005));
    assert!(buffer.memory() < 1024, "{} octets for short messages", buffer.memory());
    buffer.rest();
    assert_eq!((buffer.memory(), buffer.len(), buffer.range()), (0, 0, 105_005..105_005));
    buffer.push_slice(b"more");
    assert_eq!(read(&buffer, 105_005, 4), b"more");
}

#[test]
fn a_fast_stream_keeps_three_chunks_until_it_rests() {
    let mut buffer = SendBuffer::new(256 << 10, 0);
    let mut kept = false;
    for at in 1..=10 {
        buffer.push_slice(&stream(0, 200_000));
        kept = buffer.forget(NOW, at * 200_000);
    }
    assert!(kept && buffer.memory() < 200_000, "{} octets", buffer.memory());
    buffer.rest();
    assert_eq!(buffer.memory(), 0);
}

#[test]
fn a_one_line_request_takes_a_few_hundred_octets() {
    let mut buffer = SendBuffer::new(1 << 20, 0);
    buffer.push_slice(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
    assert!(buffer.memory() < 600, "{} octets", buffer.memory());
}

#[test]
fn a_slow_stream_keeps_one_small_chunk_for_its_next_message() {
    let mut buffer = SendBuffer::new(1 << 20, 0);
    buffer.push_slice(b"short");
    assert_eq!(buffer.held().spare_count(), 0);
    assert!(buffer.forget(NOW + Duration::from_secs(9), 5));
    assert_eq!((buffer.held().spare_count(), buffer.held().spare_held()), (1, MIN_CHUNK));
}

#[test]
fn however_small_the_limit_there_is_room_for_a_segment() {
    assert!(SendBuffer::new(0, 0).room() >= 1460);
}

#[test]
fn how_far_a_stream_was_when_it_came_here_does_not_make_it_fast() {
    const AT: u64 = 1 << 40;
    let mut buffer = SendBuffer::starting_at(1 << 20, 0, AT);
    buffer.push_slice(&stream(0, 10_000));
    buffer.forget(NOW, AT + 10_000);
    assert_eq!(buffer.held().spare_held(), 0);
}

#[test]
fn small_pieces_share_a_chunk() {
    let mut buffer = SendBuffer::new(1 << 20, 0);
    for at in 0..10_000 {
        buffer.push_slice(&stream(at, 1));
    }
    assert!(buffer.make().chunks.len() < 10, "{} chunks", buffer.make().chunks.len());
    assert!(buffer.memory() < 40_000, "{} octets for 10,000", buffer.memory());
    assert_eq!(read(&buffer, 0, 10_000), stream(0, 10_000));
}

#[test]
fn small_bytes_are_copied_and_large_ones_kept_by_reference() {
    let mut buffer = SendBuffer::new(1 << 20, 0);
    let (small, large) = (Bytes::from(stream(0, 100)), Bytes::from(stream(100, 5000)));
    buffer.push_bytes(small.clone());
    buffer.push_bytes(large.clone());
    let pieces: Vec<&[u8]> = buffer.pieces(0, 5100).collect();
    assert_ne!(pieces[0].as_ptr(), small.as_ptr());
    assert_eq!(pieces[1].as_ptr(), large.as_ptr());
    assert_eq!(pieces.concat(), stream(0, 5100));
}

#[test]
fn what_was_referenced_is_let_go_of_when_it_is_acknowledged() {
    let mut buffer = SendBuffer::new(1 << 20, 0);
    let (first, second) = (Bytes::from(stream(0, 1000)), Bytes::from(stream(1000, 1000)));
    buffer.push_bytes(first.clone());
    buffer.push_bytes(second.clone());
    buffer.forget(NOW, 999);
    assert!(!first.is_unique());
    buffer.forget(NOW, 1000);
    assert!(first.is_unique() && !second.is_unique());
}

#[test]
fn a_large_reference_makes_room_as_it_is_acknowledged() {
    let mut buffer = SendBuffer::new(64 << 10, 0);
    let data = Bytes::from(stream(0, 1 << 20));
    let taken = buffer.room_for_reference(data.len());
    buffer.push_bytes(data.slice(..taken));
    assert!(buffer.room_for_reference(4000) < COPY_BELOW);
    buffer.forget(NOW, 10_000);
    assert!(buffer.room_for_reference(4000) >= 4000);
}

#[test]
fn a_chunk_is_filled_anew_while_there_is_data() {
    let mut buffer = SendBuffer::new(1 << 20, 0);
    let mut at = 0;
    for _ in 0..4 {
        buffer.push_slice(&stream(at, 64 << 10));
        at += 64 << 10;
    }
    let first = buffer.make().chunks[0].octets().as_ptr();
    buffer.forget(NOW, 64 << 10);
    buffer.push_slice(&stream(at, 10));
    assert_eq!(buffer.make().chunks.back().map(|chunk| chunk.octets().as_ptr()), Some(first));
    assert_eq!(read(&buffer, at as u64, 10), stream(at, 10));
}

#[test]
fn a_full_buffer_has_taken_nearly_its_limit_and_room_comes_back_in_quarters() {
    let limit = 256 << 10;
    let mut buffer = SendBuffer::new(limit, 0);
    let room = buffer.room();
    buffer.push_slice(&stream(0, room));
    assert!(buffer.room() < MIN_CHUNK);
    assert!(
        room > limit - 1024 && buffer.memory() <= limit + size_of::<Held>(),
        "{room} octets, {} held",
        buffer.memory()
    );
    buffer.forget(NOW, limit as u64 / 4);
    assert!(buffer.room() >= limit / 4);
}

#[test]
fn another_stream_begins_at_its_first_octet() {
    let mut buffer = SendBuffer::new(8 << 10, 0);
    buffer.push_slice(&stream(0, 3000));
    buffer.forget(NOW, 100);
    buffer.restart();
    assert_eq!((buffer.range(), buffer.memory()), (0..0, 0));
    buffer.push_slice(b"again");
    assert_eq!(read(&buffer, 0, 5), b"again");
}

#[test]
fn the_limit_follows_the_congestion_window_in_steps_of_a_quarter() {
    let mut buffer = SendBuffer::new(64 << 10, 1 << 20);
    for (cwnd, limit) in [
        (14_480, 64 << 10),
        (25_206, 64 << 10),
        (25_207, 81_922),
        (31_508, 81_922),
        (31_509, 102_404),
        (10_000, 102_404),
        (400_000, 900_000 + (64 << 10)),
        (436_906, 900_000 + (64 << 10)),
        (436_907, 1 << 20),
        (u32::MAX, 1 << 20),
    ] {
        buffer.make_room_for(cwnd);
        assert_eq!(buffer.limit(), limit, "for a window of {cwnd}");
        assert!(buffer.limit() >= (2 * u64::from(cwnd)).min(1 << 20) as usize);
    }
}

#[test]
fn what_lists_and_chunks_take_leaves_room_for_two_congestion_windows() {
    for cwnd in [100_000_u32, 1_000_000, 10_000_000] {
        let mut buffer = SendBuffer::new(64 << 10, 1 << 30);
        buffer.make_room_for(cwnd);
        let room = buffer.room();
        assert!(room >= 2 * cwnd as usize, "{room}");
        buffer.push_slice(&vec![0; room]);
        assert!(buffer.memory() <= buffer.limit() + size_of::<Held>());
        // Half of it is acknowledged segment by segment: no chunk that is held up costs the other window.
        let mut acked = 0;
        while acked < u64::from(cwnd) {
            acked += 1_448;
            buffer.forget(NOW, acked);
            assert!(buffer.len() + buffer.room() >= 2 * cwnd as usize, "{acked} of {cwnd}");
        }
    }
}

#[test]
fn a_buffer_that_rests_empty_may_hold_as_much_as_at_the_beginning() {
    let mut buffer = SendBuffer::new(64 << 10, 1 << 20);
    buffer.make_room_for(400_000);
    buffer.push_slice(&stream(0, 900_000));
    buffer.rest();
    assert_eq!(buffer.limit(), 965_536, "not as long as it is in use");
    assert!(buffer.forget(NOW, 900_000), "something is to be given back later");
    buffer.rest();
    assert_eq!((buffer.limit(), buffer.memory()), (64 << 10, 0));
    buffer.push_slice(&stream(0, 100));
    assert!(buffer.forget(NOW + Duration::from_secs(9), 900_100));
    assert!(buffer.memory() < 1024, "little is");
}

#[test]
fn a_cap_that_is_no_larger_keeps_the_limit_as_it_is() {
    let mut buffer = SendBuffer::new(64 << 10, 63 << 10);
    buffer.make_room_for(u32::MAX);
    assert_eq!(buffer.limit(), 64 << 10);
    buffer.rest();
    assert_eq!(buffer.limit(), 64 << 10);
}

#[derive(Clone, Debug)]
enum Step {
    Cwnd(u32),
    Rest,
    Slice(usize),
    Bytes(usize),
    Ack(usize),
    Read(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let len = || prop_oneof![4 => 0_usize..40, 3 => 0_usize..2000, 1 => 0_usize..100_000];
    let step = prop_oneof![
        3 => len().prop_map(Step::Slice),
        3 => len().prop_map(Step::Bytes),
        3 => len().prop_map(Step::Ack),
        2 => (len(), len()).prop_map(|(offset, len)| Step::Read(offset, len)),
        1 => (0_u32..300_000).prop_map(Step::Cwnd),
        1 => Just(Step::Rest),
    ];
    prop::collection::vec(step, 0..80)
}

proptest! {
    /// A plain vector with everything ever queued is the model.
    #[test]
    fn the_buffer_gives_back_what_was_queued_within_its_limit(
        steps in steps(),
        limit in prop_oneof![Just(0_usize), 4_000_usize..20_000, 20_000_usize..400_000],
    ) {
        let most = 2 * limit;
        let mut buffer = SendBuffer::new(limit, most);
        let (mut model, mut acked) = (Vec::new(), 0_usize);
        for step in steps {
            match step {
                Step::Slice(len) => {
                    let data = stream(model.len(), len.min(buffer.room()));
                    buffer.push_slice(&data);
                    model.extend_from_slice(&data);
                }
                Step::Bytes(len) => {
                    let data = stream(model.len(), len.min(buffer.room_for_reference(len)));
                    buffer.push_bytes(Bytes::from(data.clone()));
                    model.extend_from_slice(&data);
                }
                Step::Ack(len) => {
                    acked = model.len().min(acked + len);
                    buffer.forget(NOW, acked as u64);
                }
                Step::Read(skip, len) => {
                    let from = model.len().min(acked + skip);
                    let to = model.len().min(from + len);
                    prop_assert_eq!(read(&buffer, from as u64, to - from), &model[from..to]);
                }
                Step::Cwnd(cwnd) => buffer.make_room_for(cwnd),
                Step::Rest => buffer.rest(),
            }
            prop_assert_eq!(buffer.range(), acked as u64..model.len() as u64);
            prop_assert_eq!(read(&buffer, acked as u64, model.len() - acked), &model[acked..]);
            prop_assert!((limit.max(MIN_LIMIT)..=most.max(MIN_LIMIT)).contains(&buffer.limit()));
            prop_assert!(buffer.memory() <= buffer.limit() + size_of::<Held>(), "{} octets", buffer.memory());
            let held: usize = buffer.make().chunks.iter().map(Chunk::held).sum();
            prop_assert_eq!(buffer.make().octets, held);
        }
    }

    #[test]
    fn whatever_was_queued_there_is_room_again_once_all_is_acknowledged(
        steps in steps(),
        limit in 4_096_usize..100_000,
    ) {
        let mut buffer = SendBuffer::new(limit, 2 * limit);
        let empty = buffer.room();
        for step in steps {
            match step {
                Step::Slice(len) => buffer.push_slice(&vec![0; len.min(buffer.room())]),
                Step::Bytes(len) => {
                    let len = len.min(buffer.room_for_reference(len));
                    buffer.push_bytes(Bytes::from(vec![0; len]));
                }
                Step::Ack(len) => {
                    buffer.forget(NOW, buffer.acked_to + len.min(buffer.len()) as u64);
                }
                Step::Cwnd(cwnd) => buffer.make_room_for(cwnd),
                Step::Rest => buffer.rest(),
                Step::Read(..) => {}
            }
        }
        buffer.forget(NOW, buffer.queued_to());
        buffer.rest();
        prop_assert_eq!(buffer.room(), empty);
    }
}
