//! Text that was read in the wrong encoding: its characters, written back in that encoding, are good UTF-8.

use std::{ops::RangeInclusive, sync::LazyLock};

use super::Placed;

/// Most characters that result from reading UTF-8 as GB18030: the basic block of Han.
const HAN: RangeInclusive<char> = '\u{4E00}'..='\u{9FFF}';

/// Returns runs of such characters: index and length. A run counts from two hidden characters on where it was read as
/// windows-1252, from four where it was read as GB18030: fewer occur in good text.
pub(super) fn runs(chars: &[Placed]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut place = 0;
    while place < chars.len() {
        let rest = || chars.iter().skip(place).map(|(_, c)| *c);
        let latin: Vec<u8> = rest().map_while(windows_1252).collect();
        let han = if latin.is_empty() { rest().take_while(|c| HAN.contains(c)).count() } else { 0 };
        if hidden(&latin, 2) || read_as_gb18030(rest().take(han)) {
            found.push((place, latin.len().max(han)));
        }
        place += latin.len().max(han).max(1);
    }
    found
}

/// Returns whether the bytes contain at least `wanted` adjacent UTF-8 sequences of more than one byte.
fn hidden(bytes: &[u8], wanted: usize) -> bool {
    bytes.utf8_chunks().any(|chunk| chunk.valid().chars().filter(|c| !c.is_ascii()).count() >= wanted)
}

/// Returns whether six neighbours could be the bytes of four characters in UTF-8, two of them by two.
fn read_as_gb18030(chars: impl Iterator<Item = char>) -> bool {
    // The number of characters that fit so far, for each of the three phases of the first byte.
    let mut fits = [0_usize; 3];
    for (place, c) in chars.enumerate() {
        let pairs = place_of(c).and_then(|place| PAIRS.get(place)).copied().unwrap_or_default();
        for (phase, count) in fits.iter_mut().enumerate() {
            *count = if pairs & (1 << ((place + phase) % 3)) == 0 { 0 } else { *count + 1 };
            if *count >= 6 {
                return true;
            }
        }
    }
    false
}

/// Pairs of UTF-8 bytes that make a character in GB18030: bit 0, a first and a second byte of three; bit 1, a third byte
/// and the first of the next three; bit 2, a second and a third. First bytes are those of CJK punctuation, Han and
/// full-width forms. Decoding all pairs once is quick, and encoding every text is not.
static PAIRS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut pairs = vec![0; HAN.count()];
    let first = || (0xE3..=0xE9_u8).chain([0xEF]);
    let later = || 0x80..=0xBF_u8;
    let mut put = |bit: u8, a: u8, b: u8| {
        let bytes = [a, b];
        let text = encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(&bytes);
        let place = text.and_then(|text| text.chars().next()).and_then(place_of);
        if let Some(pair) = place.and_then(|place| pairs.get_mut(place)) {
            *pair |= bit;
        }
    };
    for a in first() {
        later().for_each(|b| put(1, a, b));
    }
    for a in later() {
        first().for_each(|b| put(2, a, b));
        later().for_each(|b| put(4, a, b));
    }
    pairs
});

/// Returns the index of a Han character in [`PAIRS`].
fn place_of(c: char) -> Option<usize> {
    HAN.contains(&c).then(|| u32::from(c) - u32::from(*HAN.start())).and_then(|place| usize::try_from(place).ok())
}

/// The byte of a character above ASCII in windows-1252 (WHATWG Encoding, index windows-1252).
fn windows_1252(c: char) -> Option<u8> {
    const HIGH: [char; 27] = [
        '€', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 'Ž', '‘', '’', '“', '”', '•', '–', '—', '˜', '™',
        'š', '›', 'œ', 'ž', 'Ÿ',
    ];
    const BYTES: [u8; 27] = [
        0x80, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8B, 0x8C, 0x8E, 0x91, 0x92, 0x93, 0x94, 0x95,
        0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9E, 0x9F,
    ];
    match c {
        '\u{80}'..='\u{FF}' => u8::try_from(u32::from(c)).ok(),
        _ => HIGH.iter().position(|high| *high == c).and_then(|place| BYTES.get(place)).copied(),
    }
}
