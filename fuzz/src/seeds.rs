//! The inputs that the targets begin with.
