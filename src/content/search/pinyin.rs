//! Pinyin keys of Han text: `ganxibao` and `gxb` for 干细胞.
//!
//! A run of Han characters has keys from each of its characters on, so that a query may begin anywhere in the run and match
//! as a prefix. Characters with several readings give one key for each combination of readings, most frequent first, up to
//! 12.

use pinyin::{Pinyin, ToPinyin, ToPinyinMulti};

use super::fold::{Folded, fold};

/// Maximum number of characters of a run that a key covers.
const MAX_KEY_CHARS: usize = 8;

/// Maximum number of readings of a run.
const MAX_READINGS: usize = 12;

/// Minimum number of letters of a query that is tried as pinyin; two letters are too often an abbreviation.
const MIN_QUERY_LETTERS: usize = 3;

/// A pinyin key of a run of Han characters, from the first character on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The syllables, concatenated.
    Syllables(String),
    /// The first letter of each syllable.
    Initials(String),
}

/// Returns the pinyin keys of a text without duplicates; with `from_every_character` also those that begin inside a run.
#[must_use]
pub fn keys(folded: &[char], from_every_character: bool) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut rest = folded;
    while let Some(start) = rest.iter().position(|c| c.to_pinyin().is_some()) {
        let run = &rest[start..];
        let end = run.iter().position(|c| c.to_pinyin().is_none()).unwrap_or(run.len());
        let starts = if from_every_character { end } else { 1 };
        for from in 0..starts {
            keys.extend(run_keys(&run[from..end]));
        }
        rest = &run[end..];
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Returns the keys of a run from its first character on.
fn run_keys(run: &[char]) -> Vec<Key> {
    let run = &run[..run.len().min(MAX_KEY_CHARS)];
    let syllables: Vec<Vec<String>> = run.iter().map(|c| readings(*c)).collect();
    let mut combinations: Vec<Vec<&str>> =
        vec![syllables.iter().filter_map(|readings| readings.first()).map(String::as_str).collect()];
    // Breadth first: all combinations with one less frequent reading, then those with two. Each is changed only behind its
    // last change, so that none comes twice.
    let mut first_free: Vec<usize> = vec![0];
    let mut next = 0;
    while next < combinations.len() && combinations.len() < MAX_READINGS {
        for index in first_free[next]..syllables.len() {
            for other in syllables[index].iter().skip(1).take(MAX_READINGS.saturating_sub(combinations.len())) {
                let mut combination = combinations[next].clone();
                combination[index] = other;
                combinations.push(combination);
                first_free.push(index + 1);
            }
        }
        next += 1;
    }
    let initial = |syllable: &&str| syllable.chars().next();
    let initials = combinations.iter().map(|reading| Key::Initials(reading.iter().filter_map(initial).collect()));
    let syllables = combinations.iter().map(|reading| Key::Syllables(reading.concat()));
    initials.chain(syllables).collect()
}

/// Returns the readings of a character as typed, most frequent first; `ü` is typed as `v` or `u`.
fn readings(c: char) -> Vec<String> {
    let usual = c.to_pinyin().map(Pinyin::plain);
    let others = c.to_pinyin_multi().into_iter().flatten().map(Pinyin::plain);
    let mut readings: Vec<String> = Vec::new();
    for reading in usual.into_iter().chain(others) {
        for typed in [reading.replace('ü', "v"), reading.replace('ü', "u")] {
            if !readings.contains(&typed) {
                readings.push(typed);
            }
        }
    }
    readings
}

/// Returns the letters of a query without spaces, punctuation and tones, if it is long enough and may be pinyin.
#[must_use]
pub fn query_letters(text: &str) -> Option<String> {
    letters(text).filter(|letters| letters.len() >= MIN_QUERY_LETTERS)
}

/// Returns the same for input of any length.
#[must_use]
pub fn letters(text: &str) -> Option<String> {
    let mut letters = String::new();
    for c in fold(text).chars() {
        match c {
            'a'..='z' => letters.push(c),
            '1'..='5' if !letters.is_empty() => {}
            c if !c.is_alphanumeric() => {}
            _ => return None,
        }
    }
    (!letters.is_empty()).then_some(letters)
}

/// Returns the first Han characters of a text whose pinyin or initials match `query`.
#[must_use]
pub fn find_match(folded: &Folded, query: &str) -> Option<String> {
    let chars = &folded.chars;
    (0..chars.len()).find_map(|from| {
        let run: Vec<char> =
            chars[from..].iter().take(MAX_KEY_CHARS).take_while(|c| c.to_pinyin().is_some()).copied().collect();
        (2..=run.len()).map(|length| &run[..length]).find_map(|part| {
            let sounds = |key: &Key| match key {
                // The last syllable may be incomplete.
                Key::Syllables(key) => key.starts_with(query),
                Key::Initials(key) => key == query,
            };
            run_keys(part).iter().any(sounds).then(|| part.iter().collect())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(text: &str, typed: &str) -> bool {
        let chars: Vec<char> = text.chars().collect();
        keys(&chars, true).iter().any(|key| match key {
            Key::Syllables(key) | Key::Initials(key) => key.starts_with(typed),
        })
    }

    #[test]
    fn keys_begin_at_each_character() {
        for typed in ["ganxibao", "gxbhs", "xibaohuishu", "huishu", "ganx", "hs"] {
            assert!(has("1型干细胞回输：原理", typed), "{typed}");
        }
        for typed in ["xingganxibaohuishu", "yuanli", "yl"] {
            assert!(has("1型干细胞回输：原理", typed), "{typed}");
        }
        assert!(!has("干细胞：原理", "baoyuan"), "punctuation ends a run");
    }

    #[test]
    fn each_reading_of_a_character_has_a_key() {
        for typed in ["mianyitiaojie", "mianyidiaojie", "mytj", "mydj"] {
            assert!(has("免疫调节", typed), "{typed}");
        }
        for (title, typed) in [
            ("重新调整用药", "chongxintiaozheng"),
            ("重新调整用药", "cxtz"),
            ("重庆音乐会", "chongqingyinyuehui"),
            ("银行行长", "yinhanghangzhang"),
        ] {
            assert!(has(title, typed), "{typed}");
        }
        assert!(has("女性", "nvxing") && has("女性", "nuxing"));
    }

    #[test]
    fn query_letters_ignore_tones_and_punctuation() {
        for (text, read) in [
            ("gan xi bao", Some("ganxibao")),
            ("Gàn xì bāo", Some("ganxibao")),
            ("gan1xi4bao1", Some("ganxibao")),
            ("xi'an", Some("xian")),
            ("nǚxìng", Some("nuxing")),
            ("ＧＸＢ", Some("gxb")),
            ("gx", None),
            ("gan-xi-bao。", Some("ganxibao")),
            ("il-6", None),
            ("干xi", None),
            ("123", None),
            ("", None),
        ] {
            assert_eq!(query_letters(text).as_deref(), read, "{text}");
        }
    }

    #[test]
    fn find_match_returns_the_first_matching_characters() {
        let part = |text: &str, typed: &str| find_match(&Folded::new(text), typed);
        assert_eq!(part("1型糖尿病与細胞治疗", "tangniaobing").as_deref(), Some("糖尿病"));
        assert_eq!(part("1型糖尿病与細胞治疗", "xbzl").as_deref(), Some("细胞治疗"));
        assert_eq!(part("间充质干细胞", "ganxib").as_deref(), Some("干细胞"));
        assert_eq!(part("间充质干细胞", "tang"), None);
    }
}
