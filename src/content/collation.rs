//! Sort keys of titles: Han characters by pinyin, letters without case. They do not depend on the collations of Postgres.

use pinyin::ToPinyin;

/// Returns the sort key of a title, to be compared by bytes: each Han character becomes its pinyin with a tone digit.
#[must_use]
pub fn key(title: &str) -> String {
    let mut key = String::with_capacity(title.len() * 2);
    for c in title.chars() {
        match c.to_pinyin() {
            Some(syllable) => {
                key.push_str(syllable.with_tone_num_end());
                key.push(' ');
            }
            None => key.extend(c.to_lowercase()),
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::key;

    #[test]
    fn han_by_pinyin_letters_without_case() {
        let mut titles = ["造血干细胞", "干细胞", "Blood", "安全", "apple", "间充质"];
        titles.sort_by_key(|title| key(title));
        assert_eq!(titles, ["安全", "apple", "Blood", "干细胞", "间充质", "造血干细胞"]);
    }
}
