//! What is wrong with a script.

use alloc::string::String;

use thiserror::Error;

/// A script could not be read, or asks for something that is not done here.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {message}")]
#[non_exhaustive]
pub struct ScriptError {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What was found and what was expected, or what is not done.
    pub message: String,
    /// The language has this, and we do not do it. Otherwise the script is at fault.
    pub unsupported: bool,
}
