//! `tcpstate states`

use super::{Diagram, Failure, StatesArgs};
use std::io::{self, Write};
use std::process::ExitCode;
use tcpstate::State;

pub(crate) fn run(args: &StatesArgs) -> Result<ExitCode, Failure> {
    let text = match args.format {
        Diagram::Table => State::text_table(),
        Diagram::Mermaid => State::mermaid(),
        Diagram::Dot => State::dot(),
    };
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
