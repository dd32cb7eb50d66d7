//! Web archives (MHTML, RFC 2557): finds the page among the parts.

use base64::Engine;

/// The page of a web archive.
pub(super) struct Part {
    pub(super) bytes: Vec<u8>,
    /// The charset of its content type.
    pub(super) charset: Option<String>,
    /// Its address.
    pub(super) url: Option<String>,
}

/// Returns the first HTML part of a web archive; `None` if the file is none.
pub(super) fn page(bytes: &[u8]) -> Option<Part> {
    let (headers, body) = headers(bytes)?;
    let kind = value(&headers, "content-type")?;
    if value(&headers, "mime-version").is_none() || !kind.to_ascii_lowercase().starts_with("multipart/related") {
        return None;
    }
    let border = [b"\n--", parameter(&kind, "boundary")?.as_bytes()].concat();
    let url = value(&headers, "snapshot-content-location");
    let mut rest = body.get(find(body, border.get(1..)?)?..)?;
    loop {
        let start = rest.iter().position(|byte| *byte == b'\n')?;
        rest = rest.get(start + 1..)?;
        let end = find(rest, &border).unwrap_or(rest.len());
        let part = rest.get(..end)?;
        if let Some((headers, body)) = self::headers(part)
            && let Some(kind) = value(&headers, "content-type")
            && kind.to_ascii_lowercase().starts_with("text/html")
        {
            let bytes =
                match value(&headers, "content-transfer-encoding").unwrap_or_default().to_ascii_lowercase().as_str() {
                    "quoted-printable" => quoted_printable(body),
                    "base64" => {
                        let body: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
                        base64::engine::general_purpose::STANDARD.decode(body).ok()?
                    }
                    _ => body.to_vec(),
                };
            let url = url.or_else(|| value(&headers, "content-location")).filter(|url| url.contains("://"));
            return Some(Part { bytes, charset: parameter(&kind, "charset"), url });
        }
        rest = rest.get(end + 1..)?;
    }
}

/// Names in lower case, and values.
type Headers = Vec<(String, String)>;

/// Splits headers and body; `None` if the text does not begin with headers.
fn headers(bytes: &[u8]) -> Option<(Headers, &[u8])> {
    let mut headers = Headers::new();
    let mut rest = bytes;
    loop {
        let end = rest.iter().take(4096).position(|byte| *byte == b'\n')?;
        let line = String::from_utf8_lossy(rest.get(..end)?).trim_end().to_owned();
        rest = rest.get(end + 1..)?;
        match line.split_once(':') {
            _ if line.is_empty() => return (!headers.is_empty()).then_some((headers, rest)),
            _ if line.starts_with([' ', '\t']) => headers.last_mut()?.1.push_str(line.trim_start()),
            Some((name, value)) if headers.len() < 64 && !name.contains(' ') => {
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
            _ => return None,
        }
    }
}

fn value(headers: &[(String, String)], name: &str) -> Option<String> {
    headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
}

fn parameter(value: &str, name: &str) -> Option<String> {
    value.split(';').skip(1).find_map(|pair| {
        let (own, value) = pair.split_once('=')?;
        own.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|byte| *byte == first) {
        if bytes.get(from + at..)?.starts_with(wanted) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

fn quoted_printable(bytes: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| {
        byte.and_then(|byte| char::from(*byte).to_digit(16)).and_then(|digit| u8::try_from(digit).ok())
    };
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        if *byte != b'=' {
            out.push(*byte);
        } else if let (Some(high), Some(low)) = (digit(bytes.get(at)), digit(bytes.get(at + 1))) {
            out.push(high * 16 + low);
            at += 2;
        } else if bytes.get(at) == Some(&b'\r') && bytes.get(at + 1) == Some(&b'\n') {
            at += 2;
        } else if bytes.get(at) == Some(&b'\n') {
            at += 1;
        } else {
            out.push(b'=');
        }
    }
    out
}
