use alloc::string::String;
use alloc::vec::Vec;

use super::testing::{World, call, packets};
use super::*;
use crate::connection::Received;

mod closing;
mod fast_open;
mod network;
mod opening;
mod options;
mod streams;
mod waiting;
