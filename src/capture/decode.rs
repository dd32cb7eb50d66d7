//! From bytes to characters: which encoding a page is in, and whether it is text at all.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{BIG5, GB18030, GBK, UTF_8, UTF_16BE, UTF_16LE};

use super::{Encoding, PageError};
use crate::content::Warning;

/// A page's characters, and the encoding that they were in.
pub(super) struct Decoded {
    pub(super) text: String,
    pub(super) encoding: Encoding,
    /// True if byte sequences were invalid in the encoding; each became U+FFFD.
    pub(super) damaged: bool,
}

impl Decoded {
    /// Returns the warning about bytes that were not valid, if there were any.
    pub(super) fn warnings(&self) -> Vec<Warning> {
        let message = || format!("some bytes are not valid {}; “\u{FFFD}” replaces them", self.encoding);
        self.damaged.then(|| Warning { line: None, column: None, message: message() }).into_iter().collect()
    }
}

/// Decodes plain text, in this order: a byte order mark; a signature of something that is not text; NUL bytes (then
/// UTF-16 or nothing); UTF-8, also with some damage; Big5 if it is detected, and GB18030, without errors; UTF-16; and
/// last whichever of UTF-8 and GB18030 loses less. A text with more than one control or lost character in ten is
/// refused.
pub(super) fn text(bytes: &[u8]) -> Result<Decoded, PageError> {
    if let Some(decoded) = marked(bytes) {
        return checked(decoded);
    }
    if let Some(what) = signature(bytes) {
        return Err(PageError::NotText(what));
    }
    if bytes.contains(&0) {
        return checked(unmarked_utf16(bytes).unwrap_or_else(|| utf8(bytes)));
    }
    let as_utf8 = utf8(bytes);
    if !as_utf8.damaged || mostly_utf8(bytes) {
        return checked(as_utf8);
    }
    let as_gb18030 = gb18030(bytes);
    if detected(bytes) == BIG5 {
        let as_big5 = other(bytes, BIG5);
        if !as_big5.damaged {
            return checked(as_big5);
        }
    }
    if !as_gb18030.damaged {
        return checked(as_gb18030);
    }
    if let Some(found) = unmarked_utf16(bytes) {
        return checked(found);
    }
    checked(if lost(&as_gb18030.text) < lost(&as_utf8.text) { as_gb18030 } else { as_utf8 })
}

/// Decodes HTML, in this order: a byte order mark; UTF-8 without errors, because browsers save pages in it and leave
/// the declaration unchanged; the encoding that `charset` or the page declares; the one that is detected.
pub(super) fn html(bytes: &[u8], charset: Option<&str>) -> Result<Decoded, PageError> {
    if let Some(decoded) = marked(bytes) {
        return checked(decoded);
    }
    if bytes.contains(&0)
        && let Some(decoded) = unmarked_utf16(bytes)
    {
        return checked(decoded);
    }
    let as_utf8 = utf8(bytes);
    if !as_utf8.damaged {
        return checked(as_utf8);
    }
    let declared = charset.map(str::as_bytes).or_else(|| declared(bytes)).and_then(encoding_rs::Encoding::for_label);
    let encoding = match declared {
        Some(declared) if declared != UTF_8 => declared,
        Some(_) if mostly_utf8(bytes) => return checked(as_utf8),
        _ => detected(bytes),
    };
    checked(if encoding == GBK || encoding == GB18030 { gb18030(bytes) } else { other(bytes, encoding) })
}

/// Decodes a text that begins with a byte order mark.
fn marked(bytes: &[u8]) -> Option<Decoded> {
    if let Some(body) = bytes.strip_prefix(b"\xEF\xBB\xBF") {
        return Some(utf8(body));
    }
    if let Some(body) = bytes.strip_prefix(b"\xFF\xFE") {
        return Some(utf16(body, Encoding::Utf16Le));
    }
    if let Some(body) = bytes.strip_prefix(b"\xFE\xFF") {
        return Some(utf16(body, Encoding::Utf16Be));
    }
    bytes.strip_prefix(b"\x84\x31\x95\x33").map(gb18030)
}

/// Returns the label of the encoding that a page declares in its first bytes.
fn declared(bytes: &[u8]) -> Option<&[u8]> {
    const KEY: &[u8] = b"charset=";
    let head = bytes.get(..bytes.len().min(8192))?;
    let at = head.windows(KEY.len()).position(|window| window.eq_ignore_ascii_case(KEY))?;
    let rest = head.get(at + KEY.len()..)?;
    let start = rest.iter().position(u8::is_ascii_alphanumeric).filter(|start| *start <= 2)?;
    let rest = rest.get(start..)?;
    let end = rest.iter().position(|byte| !(byte.is_ascii_alphanumeric() || b"-_".contains(byte)))?;
    rest.get(..end)
}

fn detected(bytes: &[u8]) -> &'static encoding_rs::Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    detector.guess(None, Utf8Detection::Allow)
}

fn other(bytes: &[u8], encoding: &'static encoding_rs::Encoding) -> Decoded {
    let (text, damaged) = encoding.decode_without_bom_handling(bytes);
    Decoded { text: text.into_owned(), encoding: Encoding::Other(encoding.name()), damaged }
}

fn utf8(bytes: &[u8]) -> Decoded {
    let sound = str::from_utf8(bytes).ok();
    Decoded {
        damaged: sound.is_none(),
        text: sound.map_or_else(|| String::from_utf8_lossy(bytes).into_owned(), str::to_owned),
        encoding: Encoding::Utf8,
    }
}

fn gb18030(bytes: &[u8]) -> Decoded {
    let (text, damaged) = GB18030.decode_without_bom_handling(bytes);
    Decoded { text: text.into_owned(), encoding: Encoding::Gb18030, damaged }
}

fn utf16(bytes: &[u8], encoding: Encoding) -> Decoded {
    let decoder = if encoding == Encoding::Utf16Be { UTF_16BE } else { UTF_16LE };
    let (text, damaged) = decoder.decode_without_bom_handling(bytes);
    Decoded { text: text.into_owned(), encoding, damaged }
}

/// UTF-16 without a mark: an even number of bytes that decode without an error. Nine in ten characters
/// must be typical of a Chinese or Latin page, in one byte order and not more of them in the other.
fn unmarked_utf16(bytes: &[u8]) -> Option<Decoded> {
    if bytes.is_empty() || bytes.len() % 2 == 1 {
        return None;
    }
    let judge = |encoding| {
        let decoded = utf16(bytes, encoding);
        let total = decoded.text.chars().count();
        let likely = decoded.text.chars().filter(|c| likely(*c)).count();
        (!decoded.damaged && likely * 10 >= total * 9).then_some((likely, decoded))
    };
    match (judge(Encoding::Utf16Le), judge(Encoding::Utf16Be)) {
        (Some(little), Some(big)) => Some(if big.0 > little.0 { big.1 } else { little.1 }),
        (little, big) => little.or(big).map(|(_, decoded)| decoded),
    }
}

/// ASCII without controls, Latin-1, general and CJK punctuation, Han of the basic block, full-width forms.
fn likely(c: char) -> bool {
    matches!(c,
        '\t' | '\n' | '\r' | ' '..='~' | '\u{A0}'..='\u{FF}' | '\u{2000}'..='\u{206F}' | '\u{2460}'..='\u{24FF}'
        | '\u{3000}'..='\u{303F}' | '\u{4E00}'..='\u{9FFF}' | '\u{FEFF}' | '\u{FF00}'..='\u{FFEF}')
}

/// Returns whether the bytes are UTF-8 with some damage: valid sequences of more than one byte outnumber errors four to
/// one. In GB18030, errors outnumber them.
fn mostly_utf8(bytes: &[u8]) -> bool {
    let (mut good, mut bad) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    good > bad * 4
}

fn lost(text: &str) -> usize {
    text.chars().filter(|c| *c == char::REPLACEMENT_CHARACTER).count()
}

fn checked(decoded: Decoded) -> Result<Decoded, PageError> {
    let (mut total, mut foreign) = (0_usize, 0_usize);
    for c in decoded.text.chars() {
        total += 1;
        let control = c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{B}' | '\u{C}' | '\u{85}');
        foreign += usize::from(control || c == char::REPLACEMENT_CHARACTER);
    }
    if foreign >= 8 && foreign * 10 > total {
        return Err(PageError::NotText("no text: more than one character in ten is a control or cannot be decoded"));
    }
    Ok(decoded)
}

/// Returns the kind of a file that begins as no text does.
fn signature(bytes: &[u8]) -> Option<&'static str> {
    const SIGNATURES: [(&[u8], &str); 15] = [
        (b"\x89PNG\r\n\x1A\n", "a PNG image"),
        (b"\xFF\xD8\xFF", "a JPEG image"),
        (b"GIF87a", "a GIF image"),
        (b"GIF89a", "a GIF image"),
        (b"RIFF", "a RIFF container (WebP, WAV, AVI)"),
        (b"%PDF-", "a PDF document"),
        (b"PK\x03\x04", "a ZIP archive or an Office document"),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "an old Office document"),
        (b"{\\rtf", "an RTF document"),
        (b"\x7FELF", "a program"),
        (b"\x1F\x8B\x08", "gzip-compressed"),
        (b"\x28\xB5\x2F\xFD", "zstd-compressed"),
        (b"\xFD7zXZ\x00", "xz-compressed"),
        (b"7z\xBC\xAF\x27\x1C", "a 7z archive"),
        (b"SQLite format 3\x00", "a database"),
    ];
    SIGNATURES.iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, what)| *what)
}
