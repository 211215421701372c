//! Whether a JPEG file is all there.

use std::io::Read;

use super::source::Source;
use crate::{Error, Result};

const MARK: u8 = 0xff;
const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: u8 = 0xd9;

/// Refuses a file that ends before the picture does: the decoder would fill
/// up with gray what is missing.
pub(super) fn check_complete(source: &Source) -> Result<()> {
    let mut bytes = Vec::new();
    let read = source.open_again()?.read_to_end(&mut bytes);
    read.map_err(|error| Error::io(source.path(), error))?;
    let complete = first_scan(&bytes).is_some_and(|scan| {
        // Within a scan this pair cannot occur, and after it comes little, so the end is where to look.
        scan.windows(2).rev().any(|pair| pair == [MARK, END_OF_IMAGE])
    });
    if complete { Ok(()) } else { Err(source.cut_short()) }
}

/// Everything from the first scan on; before it a thumbnail may hold a whole picture of its own.
fn first_scan(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.get(2..)?;
    loop {
        let (&[MARK, kind], after) = rest.split_first_chunk::<2>()? else {
            // Filling between segments.
            rest = rest.get(1..)?;
            continue;
        };
        if kind == START_OF_SCAN {
            return Some(after);
        }
        if kind == MARK {
            rest = rest.get(1..)?;
            continue;
        }
        let length = u16::from_be_bytes(*after.first_chunk()?);
        rest = after.get(usize::from(length)..)?;
    }
}
