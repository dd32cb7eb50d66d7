//! Content codings: which one a client wants (RFC 9110 section 12.5.3), and making it.

use std::io::Write;

use actix_web::http::header::{ACCEPT_ENCODING, HeaderMap};

/// A content coding (RFC 9110 section 8.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
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

impl Coding {
    /// The codings that change the bytes, the one that makes them smallest first.
    pub const CODED: [Coding; 3] = [Coding::Br, Coding::Zstd, Coding::Gzip];

    /// Its name in `Content-Encoding`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Coding::Br => "br",
            Coding::Zstd => "zstd",
            Coding::Gzip => "gzip",
            Coding::Identity => "identity",
        }
    }

    /// The coding that the client likes best; of those that it likes equally the one that makes the bytes smallest.
    ///
    /// A client that takes none of them, not even the bytes as they are, is given the bytes as they are: RFC 9110 section
    /// 12.5.3 lets a server do that instead of refusing.
    #[must_use]
    pub fn wanted(headers: &HeaderMap) -> Coding {
        let mut fields = headers.get_all(ACCEPT_ENCODING).filter_map(|value| value.to_str().ok()).peekable();
        if fields.peek().is_none() {
            return Coding::Identity;
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
        let mut best = (Coding::Identity, named[3].unwrap_or(0));
        for (place, coding) in Coding::CODED.into_iter().enumerate().rev() {
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
            Coding::Br => {
                // Quality 9 of 11: an article of 12 KB takes milliseconds, once; 11 takes ten times that for 2 % less.
                let parameters = brotli::enc::BrotliEncoderParams {
                    quality: 9,
                    size_hint: body.len(),
                    ..brotli::enc::BrotliEncoderParams::default()
                };
                brotli::BrotliCompress(&mut &*body, &mut coded, &parameters).map(drop)
            }
            Coding::Zstd => zstd::stream::copy_encode(body, &mut coded, 15),
            Coding::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(&mut coded, flate2::Compression::best());
                encoder.write_all(body).and_then(|()| encoder.finish().map(drop))
            }
            Coding::Identity => return None,
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

    fn wanted(fields: &[&'static str]) -> Coding {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(ACCEPT_ENCODING, HeaderValue::from_static(field));
        }
        Coding::wanted(&headers)
    }

    #[test]
    fn the_client_chooses_and_ties_go_to_the_smallest() {
        for (field, coding) in [
            ("gzip, deflate, br, zstd", Coding::Br),
            ("gzip, deflate, zstd", Coding::Zstd),
            ("gzip, deflate", Coding::Gzip),
            ("X-GZIP", Coding::Gzip),
            ("deflate, compress", Coding::Identity),
            ("", Coding::Identity),
            ("*", Coding::Br),
            ("br;q=0, *", Coding::Zstd),
            ("br;q=0.5, gzip;q=0.9", Coding::Gzip),
            ("br;q=0.001, identity;q=0.002", Coding::Identity),
            ("identity, br;q=0.9", Coding::Identity),
            ("br;q=0", Coding::Identity),
            ("identity;q=0", Coding::Identity),
            ("*;q=0", Coding::Identity),
            ("br ; q=1.0 , gzip", Coding::Br),
            ("br;q=nonsense", Coding::Br),
            (";;;,,,q=", Coding::Identity),
        ] {
            assert_eq!(wanted(&[field]), coding, "{field}");
        }
        assert_eq!(wanted(&[]), Coding::Identity);
        assert_eq!(wanted(&["gzip;q=0.2", "zstd"]), Coding::Zstd);
    }

    #[test]
    fn what_is_encoded_is_the_body() {
        let body = "干细胞回输是一个笼统的说法。".repeat(100);
        let decoded = |coding: Coding| {
            let coded = coding.encode(body.as_bytes()).unwrap();
            assert!(coded.len() < body.len() / 2);
            let mut text = String::new();
            match coding {
                Coding::Br => brotli::Decompressor::new(&*coded, 4096).read_to_string(&mut text),
                Coding::Zstd => zstd::Decoder::new(&*coded).unwrap().read_to_string(&mut text),
                _ => flate2::read::GzDecoder::new(&*coded).read_to_string(&mut text),
            }
            .unwrap();
            text
        };
        for coding in Coding::CODED {
            assert_eq!(decoded(coding), body);
        }
    }

    #[test]
    fn what_does_not_get_smaller_stays_as_it_is() {
        assert_eq!(Coding::Br.encode(b"{}"), None);
        let mut noise = vec![0; 4096];
        fastrand::Rng::with_seed(1).fill(&mut noise);
        for coding in Coding::CODED {
            assert!(coding.encode(&noise).is_none_or(|coded| coded.len() < noise.len()));
        }
    }
}
