//! The wire between two hosts: buffers that packets are written into, and read from by the other host.

use bytes::{Bytes, BytesMut};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant as Micros;

/// Some packets on their way, in the order in which they were written. Their memory is used again.
pub(crate) struct Batch {
    octets: Octets,
    /// Octets for each packet.
    slot: usize,
    lens: Vec<usize>,
    room: usize,
    /// So many were read.
    read: usize,
}

/// Memory that can be written, or was handed out by reference.
enum Octets {
    Own(BytesMut),
    Shared(Bytes),
}

impl Batch {
    /// Room for a number of packets of so many octets.
    pub(crate) fn new(packets: usize, slot: usize) -> Self {
        let octets = Octets::Own(BytesMut::zeroed(packets * slot));
        Self { octets, slot, lens: Vec::with_capacity(packets), room: packets, read: 0 }
    }

    /// Writes a packet: `write` gets the memory, and says how many octets it took.
    pub(crate) fn push(&mut self, write: impl FnOnce(&mut [u8]) -> Option<usize>) -> bool {
        if self.is_full() {
            return false;
        }
        let (slot, start) = (self.slot, self.lens.len() * self.slot);
        let len = write(&mut self.own()[start..start + slot]);
        self.lens.extend(len);
        len.is_some()
    }

    fn own(&mut self) -> &mut [u8] {
        if let Octets::Shared(octets) = &mut self.octets {
            // Whoever keeps a packet keeps its memory; the next ones get other memory.
            let own = std::mem::take(octets).try_into_mut();
            self.octets = Octets::Own(own.unwrap_or_else(|_| BytesMut::zeroed(self.room * self.slot)));
        }
        match &mut self.octets {
            Octets::Own(octets) => octets,
            Octets::Shared(_) => &mut [],
        }
    }

    fn take(&mut self) -> Option<(usize, usize)> {
        let Some(len) = self.lens.get(self.read) else {
            self.lens.clear();
            self.read = 0;
            return None;
        };
        self.read += 1;
        Some(((self.read - 1) * self.slot, *len))
    }

    /// The next packet; after the last one there is room again.
    pub(crate) fn next(&mut self) -> Option<&[u8]> {
        let (start, len) = self.take()?;
        let octets: &[u8] = match &self.octets {
            Octets::Own(octets) => octets,
            Octets::Shared(octets) => octets,
        };
        Some(&octets[start..start + len])
    }

    /// The next packet, to be kept by reference.
    pub(crate) fn next_bytes(&mut self) -> Option<Bytes> {
        let (start, len) = self.take()?;
        if let Octets::Own(octets) = &mut self.octets {
            self.octets = Octets::Shared(std::mem::take(octets).freeze());
        }
        match &self.octets {
            Octets::Own(_) => None,
            Octets::Shared(octets) => Some(octets.slice(start..start + len)),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lens.len() == self.read
    }

    /// Packets that were written since there was room for all.
    pub(crate) fn len(&self) -> usize {
        self.lens.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.lens.len() == self.room
    }
}

/// Both directions as smoltcp sees them.
pub(crate) struct Wires<'w> {
    pub(crate) came: &'w mut Batch,
    pub(crate) goes: &'w mut Batch,
    pub(crate) mtu: usize,
}

pub(crate) struct Came<'a>(&'a [u8]);

pub(crate) struct Goes<'a>(&'a mut Batch);

impl Device for Wires<'_> {
    type RxToken<'a>
        = Came<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = Goes<'a>
    where
        Self: 'a;

    fn receive(&mut self, _: Micros) -> Option<(Came<'_>, Goes<'_>)> {
        // What arrives may have to be answered at once.
        if self.goes.is_full() {
            return None;
        }
        Some((Came(self.came.next()?), Goes(self.goes)))
    }

    fn transmit(&mut self, _: Micros) -> Option<Goes<'_>> {
        (!self.goes.is_full()).then_some(Goes(self.goes))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        capabilities
    }
}

impl RxToken for Came<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

impl TxToken for Goes<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut result = None;
        self.0.push(|octets| {
            result = Some(f(&mut octets[..len]));
            Some(len)
        });
        result.expect("a token is given only where there is room")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(batch: &mut Batch, packet: &[u8]) -> bool {
        batch.push(|octets| {
            octets[..packet.len()].copy_from_slice(packet);
            Some(packet.len())
        })
    }

    #[test]
    fn packets_come_out_as_they_went_in() {
        let mut batch = Batch::new(2, 4);
        for _ in 0..3 {
            assert!(write(&mut batch, b"one") && write(&mut batch, b"four"));
            assert!(batch.is_full() && !write(&mut batch, b"more"));
            assert_eq!(batch.next(), Some(&b"one"[..]));
            assert_eq!(batch.next(), Some(&b"four"[..]));
            assert_eq!(batch.next(), None);
            assert!(batch.is_empty() && !batch.is_full());
        }
        assert!(!batch.push(|_| None) && batch.is_empty());
    }

    #[test]
    fn what_is_kept_by_reference_stays_as_it_is() {
        let mut batch = Batch::new(2, 4);
        write(&mut batch, b"keep");
        let kept = batch.next_bytes().unwrap();
        assert_eq!(batch.next_bytes(), None);
        write(&mut batch, b"over");
        assert_eq!((&kept[..], batch.next()), (&b"keep"[..], Some(&b"over"[..])));
    }
}
