use alloc::vec::Vec;

use super::testing::{World, call, packets};
use super::*;
use crate::connection::Received;

mod closing;
mod opening;
mod options;
mod streams;
