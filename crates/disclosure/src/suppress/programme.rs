//! Linear programmes (microlp) for tables where circuits are long: placeholder
use std::collections::VecDeque;
use super::cover::Cover;
pub(super) fn protect_together(_cover: &mut Cover<'_>, _queue: &mut VecDeque<u32>) {}
