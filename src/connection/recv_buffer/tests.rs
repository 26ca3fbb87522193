use super::*;
use core::time::Duration;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

const NOW: Instant = Instant::from_nanos(1_000_000_000);
const WINDOW: u32 = 256 << 10;

/// Octets that tell their place in the stream.
fn stream(from: u64, len: usize) -> Vec<u8> {
    (from..from + len as u64).map(|at| (at % 251) as u8).collect()
}

fn slice(octets: &[u8]) -> Payload<'_> {
    Payload::Slice(octets)
}

/// A payload inside a packet of `pinned` octets.
fn bytes(octets: &[u8], pinned: usize) -> Payload<'static> {
    let mut packet = octets.to_vec();
    packet.resize(pinned.max(octets.len()), 0xaa);
    Payload::Bytes { octets: Bytes::from(packet).slice(..octets.len()), pinned }
}

fn put(buffer: &mut RecvBuffer, offset: u64, payload: Payload<'_>) -> u32 {
    let conflict = buffer.store(NOW, WINDOW, offset, payload);
    let in_order_to = buffer.make(WINDOW).in_order_to;
    buffer.set_readable(in_order_to);
    conflict
}

fn drain(buffer: &mut RecvBuffer) -> Vec<u8> {
    core::iter::from_fn(|| buffer.read(NOW, usize::MAX)).flatten().collect()
}

#[test]
fn octets_come_out_as_they_went_in() {
    let mut buffer = RecvBuffer::new(0);
    put(&mut buffer, 0, slice(b"hello "));
    put(&mut buffer, 6, slice(b"world"));
    assert_eq!(buffer.readable(), 11);
    assert_eq!(buffer.read(NOW, 5).as_deref(), Some(b"hello".as_slice()));
    let mut out = [0; 4];
    assert_eq!((buffer.read_slice(NOW, &mut out), &out), (4, b" wor"));
    assert_eq!(drain(&mut buffer), b"ld");
    assert_eq!(buffer.read(NOW, 5), None);
}

#[test]
fn bytes_are_handed_on_without_copying() {
    let mut buffer = RecvBuffer::new(0);
    let [first, second] = [0, 1448].map(|at| Bytes::from(stream(at, 1500)).slice(52..));
    for (offset, octets) in [(1448, &second), (0, &first)] {
        put(&mut buffer, offset, Payload::Bytes { octets: octets.clone(), pinned: 1500 });
    }
    let read = [buffer.read(NOW, 3000), buffer.read(NOW, 3000)].map(Option::unwrap);
    assert_eq!(read.each_ref().map(|octets| octets.as_ptr()), [first.as_ptr(), second.as_ptr()]);
}

#[test]
fn copied_octets_are_read_without_copying_them_again() {
    let mut buffer = RecvBuffer::new(0);
    put(&mut buffer, 0, slice(&stream(0, 1000)));
    let here = buffer.make(WINDOW).tail.as_ptr();
    let read = buffer.read(NOW, 400).unwrap();
    assert_eq!((read.as_ptr(), read.len()), (here, 400));
}

#[test]
fn an_empty_buffer_that_rests_holds_no_memory() {
    let mut buffer = RecvBuffer::new(0);
    assert_eq!(buffer.memory(), 0);
    put(&mut buffer, 10, slice(b"later"));
    put(&mut buffer, 0, slice(b"0123456789"));
    assert_eq!(drain(&mut buffer).len(), 15);
    assert!(buffer.is_ready_for_more());
    assert!(buffer.memory() < KEPT, "a slow stream keeps little for what may come: {}", buffer.memory());
    buffer.rest();
    assert_eq!((buffer.memory(), buffer.consumed_to()), (0, 15));
    assert!(!buffer.is_ready_for_more());
    put(&mut buffer, 15, slice(b"more"));
    assert_eq!(drain(&mut buffer), b"more");
    put(&mut buffer, 19, slice(&[7; 2 * KEPT]));
    assert_eq!(drain(&mut buffer).len(), 2 * KEPT);
    assert!(buffer.memory() < KEPT, "no chunk that is large: {}", buffer.memory());
}

#[test]
fn what_is_kept_by_reference_is_no_less_than_half_of_its_memory_and_not_short() {
    const LEAST: usize = COPY_BELOW;
    for (len, pinned, is) in
        [(LEAST, 2 * LEAST, true), (LEAST - 1, LEAST - 1, false), (LEAST, 2 * LEAST + 2, false)]
    {
        assert_eq!(worth_keeping(len, pinned), is, "{len} of {pinned}");
    }
}

#[test]
fn places_in_the_list_count_as_memory() {
    let mut buffer = RecvBuffer::new(0);
    put(&mut buffer, 0, bytes(&stream(0, 1000), 1000));
    let places = buffer.make(WINDOW).chunks.capacity();
    assert!(places > 0);
    assert_eq!(buffer.memory(), size_of::<Held>() + 1000 + places * size_of::<Chunk>());
}

#[test]
fn a_full_tail_is_counted_until_what_stands_behind_it_is_read() {
    let mut buffer = RecvBuffer::new(0);
    put(&mut buffer, 0, slice(&stream(0, 1024)));
    put(&mut buffer, 1024, bytes(&stream(1024, 1000), 1000));
    put(&mut buffer, 2024, slice(b"more"));
    assert_eq!(buffer.make(WINDOW).held, 2024);
    assert_eq!(drain(&mut buffer).len(), 2028);
    assert_eq!(buffer.make(WINDOW).held, 0);
}

#[test]
fn what_goes_on_behind_a_gap_takes_the_room_that_is_ready_for_it() {
    let mut buffer = RecvBuffer::new(0);
    for at in [10_000, 11_448] {
        put(&mut buffer, at, slice(&stream(at, 1448)));
    }
    // The second has room for as much as there was before it.
    let before = buffer.memory();
    put(&mut buffer, 12_896, slice(&stream(12_896, 1448)));
    assert_eq!(buffer.memory(), before);
}

#[test]
fn a_one_line_request_takes_a_few_hundred_octets() {
    let mut buffer = RecvBuffer::new(0);
    put(&mut buffer, 0, slice(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"));
    assert!(buffer.memory() < 600, "{} octets", buffer.memory());
}

#[test]
fn a_fast_stream_keeps_its_chunk_until_it_rests() {
    let mut buffer = RecvBuffer::new(0);
    let mut at = 0;
    while at < 1 << 20 {
        put(&mut buffer, at, slice(&stream(at, 1448)));
        at += 1448;
        drain(&mut buffer);
    }
    assert!(buffer.is_ready_for_more());
    // Who reads each segment as it comes needs no more than that, and it stays in the processor's cache.
    let size = buffer.make(WINDOW).tail_held;
    assert!((1448..=2 * 1448).contains(&size), "{size}");
    let here = buffer.make(WINDOW).tail.as_ptr() as usize;
    for _ in 0..1000 {
        put(&mut buffer, at, slice(&stream(at, 1448)));
        at += 1448;
        drain(&mut buffer);
    }
    let there = buffer.make(WINDOW).tail.as_ptr() as usize;
    assert!(here.abs_diff(there) < size, "the chunk is filled anew when the reader has let go of it");
    buffer.rest();
    assert_eq!(buffer.memory(), 0);
}

#[test]
fn what_the_machine_holds_back_is_not_readable() {
    let mut buffer = RecvBuffer::new(0);
    buffer.store(NOW, WINDOW, 0, slice(b"with the SYN"));
    assert_eq!((buffer.readable(), buffer.read(NOW, 10)), (0, None));
    assert!(buffer.islands().eq(Some(0..12)));
    buffer.set_readable(12);
    assert_eq!(drain(&mut buffer), b"with the SYN");
}

#[test]
fn what_the_machine_held_back_goes_with_what_waits() {
    for payload in [slice(b"with the SYN"), bytes(&stream(0, 1400), 1500)] {
        let mut buffer = RecvBuffer::new(0);
        buffer.store(NOW, WINDOW, 0, payload);
        assert!(buffer.forget_waiting() > 0);
        assert_eq!(buffer.islands().count(), 0);
        put(&mut buffer, 0, slice(b"again"));
        assert_eq!(drain(&mut buffer), b"again");
    }
}

#[test]
fn the_first_copy_stays_and_octets_that_differ_are_counted() {
    let mut buffer = RecvBuffer::new(0);
    assert_eq!(put(&mut buffer, 4, slice(b"efgh")), 0);
    assert_eq!(put(&mut buffer, 10, slice(b"kl")), 0);
    assert_eq!(put(&mut buffer, 2, slice(b"cdEFghijklmn")), 2);
    assert_eq!(put(&mut buffer, 0, slice(b"abcD")), 1);
    assert_eq!(drain(&mut buffer), b"abcdefghijklmn");
}

#[test]
fn in_order_a_thousand_tiny_segments_do_not_keep_a_thousand_packets() {
    let mut buffer = RecvBuffer::new(0);
    for at in 0..1000 {
        put(&mut buffer, at, bytes(&stream(at, 1), 1500));
    }
    assert!(buffer.memory() < 4 << 10, "{} octets", buffer.memory());
    assert_eq!(drain(&mut buffer), stream(0, 1000));
}

#[test]
fn out_of_order_a_thousand_tiny_segments_do_not_keep_a_thousand_packets() {
    let orders: [(&str, Vec<u64>); 4] = [
        ("ascending", (1..=1000).collect()),
        ("descending", (1..=1000).rev().collect()),
        ("odd, then even", (1..=500).map(|at| 2 * at).chain((0..500).map(|at| 2 * at + 1)).collect()),
        ("mixed", (1..=1000).map(|at| at * 377 % 1009).filter(|&at| at != 0 && at <= 1000).collect()),
    ];
    for (name, order) in orders {
        let mut buffer = RecvBuffer::new(0);
        for &at in &order {
            put(&mut buffer, at, bytes(&stream(at, 1), 1500));
        }
        let missing: Vec<u64> = (1..=1000).filter(|at| !order.contains(at)).collect();
        for at in missing {
            put(&mut buffer, at, bytes(&stream(at, 1), 1500));
        }
        assert!(buffer.memory() < 6 << 10, "{name}: {} octets", buffer.memory());
        put(&mut buffer, 0, slice(&[0]));
        assert!(buffer.memory() < 6 << 10, "{name}: {} octets", buffer.memory());
        assert_eq!(drain(&mut buffer), stream(0, 1001), "{name}");
        buffer.rest();
        assert_eq!(buffer.memory(), 0, "{name}");
    }
}

#[test]
fn sixty_four_separate_octets_take_a_few_hundred_octets_each() {
    let mut buffer = RecvBuffer::new(0);
    for at in 0..64 {
        put(&mut buffer, 2 * at + 1, bytes(&stream(2 * at + 1, 1), 1500));
    }
    assert_eq!(buffer.islands().count(), 64);
    assert!(buffer.memory() < 64 * 200, "{} octets", buffer.memory());
}

#[test]
fn a_full_window_out_of_order_costs_no_more_than_twice_its_octets() {
    for (len, pinned) in [(1, 1500), (536, 576), (1448, 1500), (1448, 65_536)] {
        for by_reference in [false, true] {
            let mut buffer = RecvBuffer::new(0);
            let mut at = 1;
            while at + len as u64 <= u64::from(WINDOW) {
                let octets = stream(at, len);
                let payload = if by_reference { bytes(&octets, pinned) } else { slice(&octets) };
                put(&mut buffer, at, payload);
                at += len as u64;
            }
            let memory = buffer.memory();
            assert!(memory < 2 * WINDOW as usize + 4096, "{len} octets in {pinned}: {memory} octets");
            put(&mut buffer, 0, slice(&[0]));
            let memory = buffer.memory();
            assert!(memory < 2 * WINDOW as usize + 4096, "{len} octets in {pinned}, in order: {memory}");
        }
    }
}

#[test]
fn nothing_is_left_of_a_stream_that_nobody_reads() {
    let mut buffer = RecvBuffer::new(0);
    put(&mut buffer, 0, slice(&stream(0, 3000)));
    put(&mut buffer, 5000, bytes(&stream(5000, 1400), 1500));
    buffer.discard();
    assert_eq!((buffer.memory(), buffer.readable()), (0, 0));
    buffer.restart();
    put(&mut buffer, 0, slice(b"again"));
    assert_eq!(drain(&mut buffer), b"again");
}

/// The plain model: for each offset the first octet that came.
#[derive(Default)]
struct Model {
    first: Vec<Option<u8>>,
    read: usize,
    in_order_to: usize,
}

impl Model {
    /// Counts only what waits out of order, as the buffer does.
    fn store(&mut self, offset: usize, octets: &[u8]) -> u32 {
        let in_order = self.in_order_to;
        let mut conflict = 0;
        for (at, &octet) in (offset..).zip(octets) {
            if self.first.len() <= at {
                self.first.resize(at + 1, None);
            }
            match self.first[at] {
                Some(first) => conflict += u32::from(at >= in_order && first != octet),
                None => self.first[at] = Some(octet),
            }
        }
        self.in_order_to += self.first[in_order..].iter().take_while(|first| first.is_some()).count();
        conflict
    }

    fn islands(&self) -> Vec<Range<u64>> {
        let mut islands: Vec<Range<u64>> = Vec::new();
        for at in self.in_order_to..self.first.len() {
            if self.first[at].is_none() {
                continue;
            }
            match islands.last_mut() {
                Some(last) if last.end == at as u64 => last.end += 1,
                _ => islands.push(at as u64..at as u64 + 1),
            }
        }
        islands
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Distance from what is in order (less 100), octets, the packet's size if by reference, the octets'
    /// seed.
    Store(usize, usize, Option<usize>, u8),
    Read(usize),
    ReadSlice(usize),
    Wait(u64),
    Rest,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let len = || prop_oneof![3 => 1_usize..4, 3 => 1_usize..300, 2 => 1_usize..1500, 1 => 1_usize..9_000];
    let pinned = prop::option::of(1_usize..3000);
    let place = prop_oneof![3 => Just(100_usize), 3 => 0_usize..400, 2 => 0_usize..9_000];
    let step = prop_oneof![
        6 => (place, len(), pinned, 0_u8..3).prop_map(|(at, len, pin, seed)| Step::Store(at, len, pin, seed)),
        2 => len().prop_map(Step::Read),
        2 => len().prop_map(Step::ReadSlice),
        1 => (0_u64..3000).prop_map(Step::Wait),
        1 => Just(Step::Rest),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    #[test]
    fn the_buffer_does_what_a_plain_vector_does(steps in steps()) {
        let (mut buffer, mut model, mut now) = (RecvBuffer::new(0), Model::default(), NOW);
        for step in steps {
            match step {
                Step::Store(at, len, pinned, seed) => {
                    let offset = (model.in_order_to + at).saturating_sub(100);
                    // Seeds agree about most octets, so that copies conflict here and there.
                    let octets: Vec<u8> = stream(offset as u64, len).into_iter()
                        .map(|octet| if octet % 7 == 0 { octet ^ seed } else { octet })
                        .collect();
                    let payload = match pinned {
                        Some(pinned) => bytes(&octets, pinned.max(len)),
                        None => slice(&octets),
                    };
                    let conflict = buffer.store(now, WINDOW, offset as u64, payload);
                    prop_assert_eq!(conflict, model.store(offset, &octets));
                    buffer.set_readable(model.in_order_to as u64);
                }
                Step::Read(max) => {
                    let octets = buffer.read(now, max).unwrap_or_default();
                    let expected: Vec<u8> =
                        model.first[model.read..][..octets.len()].iter().map(|octet| octet.unwrap()).collect();
                    prop_assert_eq!(&octets[..], &expected[..]);
                    prop_assert!(octets.len() <= max);
                    prop_assert!(!octets.is_empty() || model.read == model.in_order_to);
                    model.read += octets.len();
                }
                Step::ReadSlice(max) => {
                    let mut out = vec![0; max];
                    let len = buffer.read_slice(now, &mut out);
                    prop_assert_eq!(len, max.min(model.in_order_to - model.read));
                    let expected: Vec<u8> =
                        model.first[model.read..][..len].iter().map(|octet| octet.unwrap()).collect();
                    prop_assert_eq!(&out[..len], &expected[..]);
                    model.read += len;
                }
                Step::Wait(millis) => now = now + Duration::from_millis(millis),
                Step::Rest => buffer.rest(),
            }
            prop_assert_eq!(buffer.consumed_to(), model.read as u64);
            prop_assert_eq!(buffer.readable_to(), model.in_order_to as u64);
            prop_assert_eq!(buffer.readable(), model.in_order_to - model.read);
            prop_assert_eq!(buffer.islands().collect::<Vec<_>>(), model.islands());
            // Twice what is buffered, the entries of separate ranges, the chunk being read and the tail.
            let buffered = model.first.iter().skip(model.read).flatten().count();
            let bound = 3 * buffered + 400 * model.islands().len() + 2 * MAX_CHUNK + 4096;
            prop_assert!(buffer.memory() <= bound, "{} held for {}", buffer.memory(), buffered);
        }
        let rest = drain(&mut buffer);
        prop_assert_eq!(rest.len(), model.in_order_to - model.read);
    }
}
