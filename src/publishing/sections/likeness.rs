//! How much two texts have in common.

/// The bigrams of title and text without white space, sorted.
pub(super) fn bigrams(title: &str, text: &str) -> Vec<(char, char)> {
    let characters: Vec<char> = title.chars().chain(text.chars()).filter(|c| !c.is_whitespace()).collect();
    let mut pairs: Vec<_> = characters.windows(2).filter_map(|pair| Some((*pair.first()?, *pair.get(1)?))).collect();
    pairs.sort_unstable();
    pairs
}

/// Dice's coefficient of two sorted multisets: twice what they share over what they hold.
#[expect(clippy::cast_precision_loss, reason = "a text has far fewer than 2^52 bigrams")]
pub(super) fn dice(a: &[(char, char)], b: &[(char, char)]) -> f64 {
    let (mut i, mut j, mut shared) = (0, 0, 0_usize);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        match x.cmp(y) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                shared += 1;
                i += 1;
                j += 1;
            }
        }
    }
    if a.is_empty() && b.is_empty() { 0.0 } else { 2.0 * shared as f64 / (a.len() + b.len()) as f64 }
}
