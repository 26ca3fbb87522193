//! Any octets, read as a capture to the end: what the reader promises holds whatever the file says.
//!
//! The promises: it ends, without a panic and in bounded memory; frames are numbered from 1 on; none is longer
//! than it was on the wire or than the limit; a fault names the frame after the last good one and is told once;
//! and how the octets arrive makes no difference.

use std::io::{self, Read};

use tcpstate::capture::{CaptureFault, CaptureReader, MAX_FRAME_LEN, PcapngWriter};

/// One file.
pub fn run(data: &[u8]) {
    let (frames, fault, rewritten) = read(data);
    if !data.starts_with(&[0x1f, 0x8b]) {
        let (in_pieces, fault_in_pieces, _) = read(Pieces { octets: data, turn: 0 });
        assert_eq!((in_pieces, fault_in_pieces), (frames, fault), "pieces make no difference");
    }
    let (copies, fault, copy_of_copy) = read(rewritten.as_slice());
    assert_eq!((copies, fault), (frames, None), "what was read can be written and read again");
    assert_eq!(copy_of_copy, rewritten, "and is the same then");
}

/// Reads to the end; answers the number of frames, the fault, and the frames written anew.
fn read(source: impl Read) -> (u64, Option<CaptureFault>, Vec<u8>) {
    let mut writer = PcapngWriter::new(Vec::new(), &[]).expect("a vector takes everything");
    let mut reader = match CaptureReader::new(source) {
        Ok(reader) => reader,
        Err(fault) => {
            assert_eq!(fault.frame, 1);
            assert!(!fault.to_string().is_empty());
            return (0, Some(fault), writer.finish().expect("a vector takes everything"));
        }
    };
    let mut frames = 0;
    let fault = loop {
        match reader.next_frame() {
            Ok(Some(frame)) => {
                frames += 1;
                assert_eq!(frame.number, frames);
                assert!(frame.data.len() <= frame.wire_len as usize);
                assert!(frame.data.len() <= MAX_FRAME_LEN as usize);
                assert!(frame.dlt <= 0xffff);
                writer
                    .write_frame(frame.time, frame.dlt, frame.data, frame.wire_len, None)
                    .expect("what was read can be written");
            }
            Ok(None) => break None,
            Err(fault) => break Some(fault),
        }
    };
    assert_eq!(reader.frames_read(), frames);
    assert_eq!(reader.next_frame(), Ok(None), "nothing comes after the end");
    assert_eq!(reader.skipped().damaged_packets > 0, reader.first_damage().is_some());
    if let Some(fault) = &fault {
        assert_eq!(fault.frame, frames + 1);
        assert!(!fault.to_string().is_empty());
    }
    (frames, fault, writer.finish().expect("a vector takes everything"))
}

/// Gives one to seven octets per call, and is interrupted now and then.
struct Pieces<'a> {
    octets: &'a [u8],
    turn: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.turn += 1;
        if self.turn.is_multiple_of(5) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let count = (self.turn % 7 + 1).min(room.len());
        self.octets.take(count as u64).read(room).inspect(|count| self.octets = &self.octets[*count..])
    }
}
