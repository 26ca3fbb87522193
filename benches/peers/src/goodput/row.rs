//! A line of results: what a peer got in a cell.

use super::peer::Peer;
use serde_json::Value;
use tcpstate::sim::Path;

/// The cell of a row, in whole numbers, so that cells can be compared and sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cell {
    pub(crate) rtt_ms: u64,
    pub(crate) mbit_s: u64,
    /// Parts of 10⁹.
    pub(crate) loss: u32,
    pub(crate) reorder: bool,
    /// Percent of the bandwidth-delay product.
    pub(crate) buffer: u32,
}

impl Cell {
    pub(crate) fn of(path: &Path) -> Self {
        Self {
            rtt_ms: path.rtt.as_millis() as u64,
            mbit_s: path.rate.get() / 1_000_000,
            loss: path.loss.as_parts_per_billion(),
            reorder: path.reorder,
            buffer: path.buffer,
        }
    }

    pub(crate) fn loss(self) -> f64 {
        f64::from(self.loss) / 1e9
    }

    pub(crate) fn buffer_bdp(self) -> f64 {
        f64::from(self.buffer) / 100.0
    }
}

/// `20 ms, 10 Mbit/s, loss 1 %, reordering, buffer 0.5 BDP`
impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let reorder = if self.reorder { ", reordering" } else { "" };
        let Self { rtt_ms, mbit_s, .. } = self;
        let (loss, buffer) = (self.loss() * 100.0, self.buffer_bdp());
        write!(f, "{rtt_ms} ms, {mbit_s} Mbit/s, loss {loss} %{reorder}, buffer {buffer} BDP")
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) cell: Cell,
    pub(crate) peer: Peer,
    /// Of the link's payload.
    pub(crate) share: f64,
    /// Of the payload that was sent.
    pub(crate) retransmitted: f64,
    /// What the response function of RFC 9438 §5 gives, of the link.
    pub(crate) reference: f64,
}

impl Row {
    /// The line, with its keys in a fixed order. All values are numbers and words that need no escapes.
    pub(crate) fn json(&self) -> String {
        let Self { cell, peer, share, retransmitted, reference } = *self;
        let (Cell { rtt_ms, mbit_s, reorder, .. }, peer) = (cell, peer.name());
        let (loss, buffer) = (cell.loss(), cell.buffer_bdp());
        format!(
            "{{\"bench\":\"goodput\",\"rtt_ms\":{rtt_ms},\"mbit_s\":{mbit_s},\"loss\":{loss},\"reorder\":{reorder},\
             \"buffer_bdp\":{buffer},\"peer\":\"{peer}\",\"share\":{share},\"retransmitted\":{retransmitted},\
             \"reference\":{reference}}}"
        )
    }

    /// The row of a line; `None` for a line of something else, such as a summary.
    pub(crate) fn from_json(line: &Value) -> Option<Self> {
        let number = |key: &str| line.get(key)?.as_f64();
        let whole = |key: &str, unit: f64| Some((number(key)? * unit).round() as u64);
        Some(Self {
            cell: Cell {
                rtt_ms: whole("rtt_ms", 1.0)?,
                mbit_s: whole("mbit_s", 1.0)?,
                loss: whole("loss", 1e9)?.try_into().ok()?,
                reorder: line.get("reorder")?.as_bool()?,
                buffer: whole("buffer_bdp", 100.0)?.try_into().ok()?,
            },
            peer: Peer::named(line.get("peer")?.as_str()?)?,
            share: number("share")?,
            retransmitted: number("retransmitted")?,
            reference: number("reference")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_written_with_its_keys_in_order_and_read_back() {
        let cell = Cell { rtt_ms: 20, mbit_s: 10, loss: 100_000, reorder: true, buffer: 10 };
        let row = Row { cell, peer: Peer::Pktkit, share: 0.5, retransmitted: 0.000_123, reference: 1.0 };
        let text = row.json();
        assert_eq!(
            text,
            "{\"bench\":\"goodput\",\"rtt_ms\":20,\"mbit_s\":10,\"loss\":0.0001,\"reorder\":true,\"buffer_bdp\":0.1,\
             \"peer\":\"pktkit\",\"share\":0.5,\"retransmitted\":0.000123,\"reference\":1}"
        );
        let read = |text: &str| Row::from_json(&serde_json::from_str(text).unwrap());
        assert_eq!(read(&text), Some(row));
        for path in Path::grid() {
            let row = Row { cell: Cell::of(&path), ..row };
            assert_eq!(read(&row.json()), Some(row), "{path:?}");
        }
        assert_eq!(read(r#"{"bench":"goodput","summary":{}}"#), None);
    }
}
