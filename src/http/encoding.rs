//! Content codings: which one a client wants (RFC 9110 section 12.5.3), and making it.

use std::io::Write;

use actix_web::http::header::{ACCEPT_ENCODING, HeaderMap};

/// A content coding (RFC 9110 section 8.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentEncoding {
    /// Brotli (RFC 7932).
    Br,
    /// Zstandard (RFC 8878).
    Zstd,
    /// gzip (RFC 1952).
    Gzip,
    /// The bytes as they are.
    Identity,
}

/// Bodies below this are not made smaller by any coding, headers considered.
const WORTH_IT: usize = 256;

impl ContentEncoding {
    /// The codings that change the bytes, the one that makes them smallest first.
    pub const CODED: [ContentEncoding; 3] = [ContentEncoding::Br, ContentEncoding::Zstd, ContentEncoding::Gzip];

    /// Its name in `Content-Encoding`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ContentEncoding::Br => "br",
            ContentEncoding::Zstd => "zstd",
            ContentEncoding::Gzip => "gzip",
            ContentEncoding::Identity => "identity",
        }
    }

    /// The coding that the client likes best; of those that it likes equally the one that makes the bytes smallest.
    ///
    /// A client that takes none of them, not even the bytes as they are, is given the bytes as they are: RFC 9110 section
    /// 12.5.3 lets a server do that instead of refusing.
    #[must_use]
    pub fn wanted(headers: &HeaderMap) -> ContentEncoding {
        let mut fields = headers.get_all(ACCEPT_ENCODING).filter_map(|value| value.to_str().ok()).peekable();
        if fields.peek().is_none() {
            return ContentEncoding::Identity;
        }
        // Thousandths, by place in `CODED` and the identity; and of everything that is not named.
        let mut named: [Option<u16>; 4] = [None; 4];
        let mut others = None;
        for item in fields.flat_map(|field| field.split(',')) {
            let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
            let quality = quality(parameters);
            let place = match name.trim() {
                "*" => {
                    others = Some(quality);
                    continue;
                }
                name if name.eq_ignore_ascii_case("br") => 0,
                name if name.eq_ignore_ascii_case("zstd") => 1,
                name if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => 2,
                name if name.eq_ignore_ascii_case("identity") => 3,
                _ => continue,
            };
            named[place] = Some(quality);
        }
        let mut best = (ContentEncoding::Identity, named[3].unwrap_or(0));
        for (place, coding) in ContentEncoding::CODED.into_iter().enumerate().rev() {
            let quality = named[place].or(others).unwrap_or(0);
            if quality > 0 && quality >= best.1 {
                best = (coding, quality);
            }
        }
        best.0
    }

    /// `body` in this coding; `None` where that would not be smaller.
    #[must_use]
    pub fn encode(self, body: &[u8]) -> Option<Vec<u8>> {
        if body.len() < WORTH_IT {
            return None;
        }
        let mut coded = Vec::with_capacity(body.len() / 3);
        let written = match self {
            ContentEncoding::Br => {
                // Quality 9 of 11: an article of 12 KB takes milliseconds, once; 11 takes ten times that for 2 % less.
                let parameters = brotli::enc::BrotliEncoderParams {
                    quality: 9,
                    size_hint: body.len(),
                    ..brotli::enc::BrotliEncoderParams::default()
                };
                brotli::BrotliCompress(&mut &*body, &mut coded, &parameters).map(drop)
            }
            ContentEncoding::Zstd => zstd::stream::copy_encode(body, &mut coded, 15),
            ContentEncoding::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(&mut coded, flate2::Compression::best());
                encoder.write_all(body).and_then(|()| encoder.finish().map(drop))
            }
            ContentEncoding::Identity => return None,
        };
        written.ok().map(|()| coded).filter(|coded| coded.len() < body.len())
    }
}

/// The weight of a coding in thousandths (RFC 9110 section 12.4.2); what cannot be read weighs 1.
fn quality(parameters: &str) -> u16 {
    let weight = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    let Some(weight) = weight else { return 1000 };
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    let decimals = decimals.get(..decimals.len().min(3)).unwrap_or_default();
    let thousandths = format!("{decimals:0<3}").parse::<u16>();
    match (whole, thousandths) {
        ("0", Ok(thousandths)) => thousandths,
        _ => 1000,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use actix_web::http::header::HeaderValue;

    use super::*;

    fn wanted(fields: &[&'static str]) -> ContentEncoding {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(ACCEPT_ENCODING, HeaderValue::from_static(field));
        }
        ContentEncoding::wanted(&headers)
    }

    #[test]
    fn the_client_chooses_and_ties_go_to_the_smallest() {
        for (field, coding) in [
            ("gzip, deflate, br, zstd", ContentEncoding::Br),
            ("gzip, deflate, zstd", ContentEncoding::Zstd),
            ("gzip, deflate", ContentEncoding::Gzip),
            ("X-GZIP", ContentEncoding::Gzip),
            ("deflate, compress", ContentEncoding::Identity),
            ("", ContentEncoding::Identity),
            ("*", ContentEncoding::Br),
            ("br;q=0, *", ContentEncoding::Zstd),
            ("br;q=0.5, gzip;q=0.9", ContentEncoding::Gzip),
            ("br;q=0.001, identity;q=0.002", ContentEncoding::Identity),
            ("identity, br;q=0.9", ContentEncoding::Identity),
            ("br;q=0", ContentEncoding::Identity),
            ("identity;q=0", ContentEncoding::Identity),
            ("*;q=0", ContentEncoding::Identity),
            ("br ; q=1.0 , gzip", ContentEncoding::Br),
            ("br;q=nonsense", ContentEncoding::Br),
            (";;;,,,q=", ContentEncoding::Identity),
        ] {
            assert_eq!(wanted(&[field]), coding, "{field}");
        }
        assert_eq!(wanted(&[]), ContentEncoding::Identity);
        assert_eq!(wanted(&["gzip;q=0.2", "zstd"]), ContentEncoding::Zstd);
    }

    #[test]
    fn what_is_encoded_is_the_body() {
        let body = "干细胞回输是一个笼统的说法。".repeat(100);
        let decoded = |coding: ContentEncoding| {
            let coded = coding.encode(body.as_bytes()).unwrap();
            assert!(coded.len() < body.len() / 2);
            let mut text = String::new();
            match coding {
                ContentEncoding::Br => brotli::Decompressor::new(&*coded, 4096).read_to_string(&mut text),
                ContentEncoding::Zstd => zstd::Decoder::new(&*coded).unwrap().read_to_string(&mut text),
                _ => flate2::read::GzDecoder::new(&*coded).read_to_string(&mut text),
            }
            .unwrap();
            text
        };
        for coding in ContentEncoding::CODED {
            assert_eq!(decoded(coding), body);
        }
    }

    #[test]
    fn what_does_not_get_smaller_stays_as_it_is() {
        assert_eq!(ContentEncoding::Br.encode(b"{}"), None);
        let mut noise = vec![0; 4096];
        fastrand::Rng::with_seed(1).fill(&mut noise);
        for coding in ContentEncoding::CODED {
            assert!(coding.encode(&noise).is_none_or(|coded| coded.len() < noise.len()));
        }
    }
}
