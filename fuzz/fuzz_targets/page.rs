//! Any bytes are read as a captured page, in HTML or plain text, or refused, without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = lectern::capture::read(bytes);
    let _ = lectern::capture::read_html(bytes);
});
