//! Where options stand in a header: see [`OptionLayout`].
//!
//! What the short way writes, timestamps behind two no-operations and nothing else, is the same in every layout.

use crate::tcp::{OptionLayout, SegmentOptions, Timestamps};
use crate::wire::options::MAX_OPTIONS_LEN;
use crate::wire::{EmitError, OptionsBuilder, TcpOption};

/// The options of a segment, in their places.
pub(super) fn write_options(
    options: &SegmentOptions,
    syn: bool,
    layout: OptionLayout,
) -> Result<OptionsBuilder, EmitError> {
    let mut out = OptionsBuilder::new();
    match layout {
        OptionLayout::FreeBsd => write_by_alignment(&mut out, options, syn)?,
        OptionLayout::Usual | OptionLayout::Linux => write_by_words(&mut out, options, syn)?,
    }
    if layout == OptionLayout::Linux {
        // Only a cookie leaves part of a word free.
        let free = (MAX_OPTIONS_LEN - out.room()).next_multiple_of(4) - (MAX_OPTIONS_LEN - out.room());
        (0..free).try_for_each(|_| out.push(&TcpOption::Nop))?;
    }
    Ok(out)
}

/// The places that Linux has for them, so that what reads headers by pattern finds them there; numbers of four octets
/// are aligned.
fn write_by_words(out: &mut OptionsBuilder, options: &SegmentOptions, syn: bool) -> Result<(), EmitError> {
    if syn {
        if let Some(mss) = options.mss {
            out.push(&TcpOption::Mss(mss))?;
        }
        if options.sack_permitted {
            // Shares its word with the timestamps; without them it is padded in front.
            if options.timestamps.is_none() {
                push_nops(out)?;
            }
            out.push(&TcpOption::SackPermitted)?;
        }
    }
    if let Some(Timestamps { val, ecr }) = options.timestamps {
        if !(syn && options.sack_permitted) {
            push_nops(out)?;
        }
        out.push(&TcpOption::Timestamps { val, ecr })?;
    }
    if syn {
        if let Some(shift) = options.window_scale {
            out.push(&TcpOption::Nop)?;
            out.push(&TcpOption::WindowScale(shift))?;
        }
        if let Some(cookie) = &options.fast_open {
            out.push(&TcpOption::FastOpen(cookie.as_bytes()))?;
        }
    } else if !options.sack.is_empty() {
        push_nops(out)?;
        out.push_sack(options.sack.as_slice().iter().copied());
    }
    Ok(())
}

/// The order and the places of FreeBSD: no-operations before an option bring it to where its numbers are aligned, and
/// what is left of the last word is the end of the list.
fn write_by_alignment(
    out: &mut OptionsBuilder,
    options: &SegmentOptions,
    syn: bool,
) -> Result<(), EmitError> {
    if syn {
        if let Some(mss) = options.mss {
            out.push(&TcpOption::Mss(mss))?;
        }
        if let Some(shift) = options.window_scale {
            align(out, 2, 1)?;
            out.push(&TcpOption::WindowScale(shift))?;
        }
        if options.sack_permitted {
            align(out, 2, 0)?;
            out.push(&TcpOption::SackPermitted)?;
        }
    }
    if let Some(Timestamps { val, ecr }) = options.timestamps {
        align(out, 4, 2)?;
        out.push(&TcpOption::Timestamps { val, ecr })?;
    }
    if syn {
        if let Some(cookie) = &options.fast_open {
            out.push(&TcpOption::FastOpen(cookie.as_bytes()))?;
        }
    } else if !options.sack.is_empty() {
        align(out, 4, 2)?;
        out.push_sack(options.sack.as_slice().iter().copied());
    }
    Ok(())
}

/// No-operations until the next option stands at `rest` beyond a multiple of `unit`.
fn align(out: &mut OptionsBuilder, unit: usize, rest: usize) -> Result<(), EmitError> {
    while (MAX_OPTIONS_LEN - out.room()) % unit != rest {
        out.push(&TcpOption::Nop)?;
    }
    Ok(())
}

fn push_nops(out: &mut OptionsBuilder) -> Result<(), EmitError> {
    out.push(&TcpOption::Nop)?;
    out.push(&TcpOption::Nop)
}

#[cfg(test)]
mod tests;
