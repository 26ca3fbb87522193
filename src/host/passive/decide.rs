//! Owners who decide about a caller before it is answered: a proxy that wants to know first whether it can connect.

use super::{Passive, Reply, end};
use crate::Event;
use crate::host::FiveTuple;
use crate::host::id::{ListenerId, RequestId};

/// What the owner of a listener makes of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// The handshake goes on. The connection that comes of it has the [number](RequestId::to_bits) of the request as its
    /// [tag](crate::host::ConnectionMut::tag).
    Accept,
    /// The caller is told by a reset that nobody is there.
    Refuse,
    /// The caller is told nothing. If it sends its SYN again, that is another request.
    Drop,
    /// It is not decided yet: the caller waits, and its SYN is not asked about again. This lasts as long as R2 of a SYN
    /// ([`TcpConfig::syn_r2`](crate::tcp::TcpConfig::syn_r2)), and ends sooner if it has to make room for others.
    Later,
}

/// Why a decision came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecideError {
    /// The caller has given up, had to make room for others, or was decided about before.
    #[error("the caller does not wait any more")]
    Gone,
}

impl Passive {
    /// The next caller whom the owner of a listener is to decide about; each is told of once.
    pub(crate) fn poll_request(&mut self) -> Option<(ListenerId, RequestId)> {
        let index = self.half_open.next_to_ask()?;
        let row = self.half_open.get(index)?;
        Some((
            self.listeners.id(row.listener),
            RequestId { index, generation: self.half_open.generation(index) },
        ))
    }

    /// Who waits for that decision.
    pub(crate) fn request(&self, id: RequestId) -> Option<&FiveTuple> {
        let row = self.half_open.get(id.index)?;
        let waits = row.half.is_waiting() && self.half_open.generation(id.index) == id.generation;
        waits.then_some(&row.tuple)
    }

    /// What the owner has decided. The reset of a refusal is for the caller of this to send.
    pub(crate) fn decide(&mut self, id: RequestId, decision: Decision) -> Result<Option<Reply>, DecideError> {
        self.request(id).ok_or(DecideError::Gone)?;
        let index = id.index;
        let row = self.half_open.get_mut(index).ok_or(DecideError::Gone)?;
        let listener = self.listeners.row(row.listener).ok_or(DecideError::Gone)?;
        match decision {
            Decision::Later => Ok(None),
            Decision::Accept => {
                row.half.accept();
                let config = listener.connection(&row.tuple).clone();
                self.half_open.settle(index, config.tcp());
                Ok(None)
            }
            Decision::Refuse | Decision::Drop => {
                let refused = decision == Decision::Refuse;
                let listener = Some(self.listeners.id(row.listener));
                let reply = Reply { tuple: row.tuple, meta: row.half.reset(), listener };
                end(&mut row.half, &row.tuple, if refused { Event::Abort } else { Event::BackToListen });
                self.stats.gone += 1;
                self.remove(index);
                Ok(refused.then_some(reply))
            }
        }
    }
}

#[cfg(test)]
mod tests;
