//! Any bytes are a captured page, or are refused; nothing panics.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = lectern::capture::read(bytes);
});
