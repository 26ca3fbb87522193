//! Interim listener until the passive side lands.
#![allow(missing_docs, reason = "interim")]
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::event::Subject;
use super::flow::{Flow, Marks};
use super::{ConnId, FiveTuple, Host, IgnoreReason, Ingress, ListenerId};
use crate::connection::{Connection, ConnectionConfig, Payload};
use crate::tcp::SegmentMeta;
use crate::{Instant, TcpFlags};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListenAddress {
    Socket(SocketAddr),
    Port(u16),
    Any,
}

#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ListenConfig {
    pub connection: Option<ConnectionConfig>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Interim(Vec<(ListenAddress, VecDeque<u32>, bool)>);

impl Host {
    pub fn listen(
        &mut self,
        at: ListenAddress,
        _config: ListenConfig,
    ) -> Result<ListenerId, core::convert::Infallible> {
        self.interim.0.push((at, VecDeque::new(), false));
        Ok(ListenerId { index: self.interim.0.len() as u32 - 1, generation: 0 })
    }

    pub fn accept(&mut self, listener: ListenerId) -> Option<ConnId> {
        let row = self.interim.0.get_mut(listener.index as usize)?;
        row.2 = false;
        let index = row.1.pop_front()?;
        if let Some(flow) = self.flows.get_mut(index) {
            flow.marks.clear(Marks::UNACCEPTED);
            flow.tag = 0;
        }
        self.tell(index);
        Some(self.id(index))
    }

    pub(super) fn interim_stray(
        &mut self,
        now: Instant,
        tuple: &FiveTuple,
        meta: &SegmentMeta,
        payload: Payload<'_>,
    ) -> Result<Ingress, IgnoreReason> {
        let local = tuple.local();
        let found = self.interim.0.iter().position(|(at, ..)| match at {
            ListenAddress::Socket(addr) => *addr == local,
            ListenAddress::Port(port) => *port == local.port(),
            ListenAddress::Any => true,
        });
        let Some(at) =
            found.filter(|_| meta.flags.contains(TcpFlags::SYN) && !meta.flags.contains(TcpFlags::ACK))
        else {
            return Err(IgnoreReason::NoConnection);
        };
        let mut connection = Connection::listen(self.profile(local.ip()));
        connection.prepare(self.secret.unpredictable(local, tuple.remote(), now));
        let mut flow = Flow::new(connection, *tuple);
        flow.marks.set(Marks::UNACCEPTED);
        let index = self.admit(flow);
        if let Some(row) = self.interim.0.get_mut(at) {
            row.1.push_back(index);
            if !core::mem::replace(&mut row.2, true) {
                self.events.push(Subject::Listener(ListenerId { index: at as u32, generation: 0 }));
            }
        }
        Ok(self.give_segment(now, index, meta, payload))
    }
}
