//! Similarity of two articles, estimated from signatures of 64 bytes each.
//!
//! A signature has one bit for each of 512 hash functions: the lowest bit of the minimum hash of all terms under that
//! function (1-bit minwise hashing: P. Li and A. C. König, "b-Bit Minwise Hashing", WWW 2010). The signatures of two sets
//! with Jaccard index J agree in a bit with probability (1 + J) / 2. The estimate is J ≈ 2 × (equal bits / 512) − 1, with a
//! standard error of at most 0.045.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

/// Number of bits of a signature, one for each hash function.
pub const BITS: usize = 512;

/// Returns the signature of a set of terms; all bits are 0 for an empty set.
#[must_use]
pub fn signature(terms: &BTreeSet<String>) -> [u8; BITS / 8] {
    let mut bits = [0; BITS / 8];
    let hashes: Vec<u64> = terms.iter().map(|term| first_bytes(Sha256::digest(term.as_bytes()).as_slice())).collect();
    if hashes.is_empty() {
        return bits;
    }
    for function in 0..BITS {
        let least = hashes.iter().map(|hash| mixed(hash ^ mixed(function as u64))).min().unwrap_or(0);
        if least & 1 == 1 {
            bits[function / 8] |= 0x80 >> (function % 8);
        }
    }
    bits
}

fn first_bytes(digest: &[u8]) -> u64 {
    digest.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// Mixes all bits by the finisher of `SplitMix64` (G. L. Steele, D. Lea, C. H. Flood, OOPSLA 2014), a bijection.
fn mixed(n: u64) -> u64 {
    let n = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(numbers: std::ops::Range<u32>) -> BTreeSet<String> {
        numbers.map(|n| format!("term {n}")).collect()
    }

    fn estimated(a: &BTreeSet<String>, b: &BTreeSet<String>) -> f64 {
        let (a, b) = (signature(a), signature(b));
        let equal: u32 = a.iter().zip(&b).map(|(a, b)| (a ^ b).count_zeros()).sum();
        2.0 * f64::from(equal) / 512.0 - 1.0
    }

    #[test]
    fn estimate_is_close_to_the_jaccard_index() {
        for (other, index) in [(0..100, 1.0), (50..150, 1.0 / 3.0), (20..120, 80.0 / 120.0), (100..200, 0.0)] {
            let estimate = estimated(&terms(0..100), &terms(other.clone()));
            assert!((estimate - index).abs() < 0.15, "{other:?}: {estimate} for {index}");
        }
    }

    /// Signatures are stored: a change needs a new renderer version.
    #[test]
    fn signatures_are_stable() {
        let sum: u32 = signature(&terms(0..10)).iter().map(|byte| u32::from(*byte)).sum();
        assert_eq!(sum, 7793);
        assert_eq!(signature(&BTreeSet::new()), [0; 64]);
    }
}
