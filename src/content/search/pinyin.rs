//! Titles by the sound of their Han characters: `ganxibao` and `gxb` for 干细胞.
//!
//! A run of Han characters is known by what it sounds like from each of its characters on, so that a query that begins
//! anywhere in it is the beginning of one of these keys. A run whose characters have several readings has a key for each way
//! to read it, those with the most usual readings first, and twelve at most.

use pinyin::{Pinyin, ToPinyin, ToPinyinMulti};

use super::fold::{Folded, fold};

/// The most characters of a run that a key goes on for: nobody types more.
const LONGEST: usize = 8;

/// The most ways to read a run.
const WAYS: usize = 12;

/// The shortest query that is read as pinyin, in letters. Two initials are every other abbreviation.
const SHORTEST: usize = 3;

/// The keys of a run of characters that begins at its start.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// Whole syllables, one behind the other.
    Syllables(String),
    /// The first letter of each.
    Initials(String),
}

/// The keys of a text, each once, in no particular order; `anywhere` also those that begin within a run.
#[must_use]
pub fn keys(folded: &[char], anywhere: bool) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut rest = folded;
    while let Some(start) = rest.iter().position(|c| c.to_pinyin().is_some()) {
        let run = &rest[start..];
        let end = run.iter().position(|c| c.to_pinyin().is_none()).unwrap_or(run.len());
        let starts = if anywhere { end } else { 1 };
        for from in 0..starts {
            keys.extend(from_start(&run[from..end]));
        }
        rest = &run[end..];
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The keys of a run from its first character on.
fn from_start(run: &[char]) -> Vec<Key> {
    let run = &run[..run.len().min(LONGEST)];
    let sounds: Vec<Vec<String>> = run.iter().map(|c| readings(*c)).collect();
    let mut whole: Vec<Vec<&str>> =
        vec![sounds.iter().filter_map(|sounds| sounds.first()).map(String::as_str).collect()];
    // Each way is changed at one more place behind the last that was changed: first all with one change, then with two.
    let mut at: Vec<usize> = vec![0];
    let mut next = 0;
    while next < whole.len() && whole.len() < WAYS {
        for place in at[next]..sounds.len() {
            for other in sounds[place].iter().skip(1).take(WAYS.saturating_sub(whole.len())) {
                let mut reading = whole[next].clone();
                reading[place] = other;
                whole.push(reading);
                at.push(place + 1);
            }
        }
        next += 1;
    }
    let initial = |syllable: &&str| syllable.chars().next();
    let initials = whole.iter().map(|reading| Key::Initials(reading.iter().filter_map(initial).collect()));
    let syllables = whole.iter().map(|reading| Key::Syllables(reading.concat()));
    initials.chain(syllables).collect()
}

/// How a character is read, the most frequent first, as it is typed: `ü` as `v`, and as the `u` that it is without dots.
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

/// What a query is as pinyin, if it may be that: its letters without spaces, punctuation and tones.
#[must_use]
pub fn query(text: &str) -> Option<String> {
    letters(text).filter(|letters| letters.len() >= SHORTEST)
}

/// The same of what is only typed so far, however short.
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

/// The Han characters of a text that sound like `query`, where some do: the first such part.
#[must_use]
pub fn sounding_like(folded: &Folded, query: &str) -> Option<String> {
    let chars = &folded.chars;
    (0..chars.len()).find_map(|from| {
        let run: Vec<char> =
            chars[from..].iter().take(LONGEST).take_while(|c| c.to_pinyin().is_some()).copied().collect();
        (2..=run.len()).map(|length| &run[..length]).find_map(|part| {
            let sounds = |key: &Key| match key {
                // A last syllable that is not typed to its end counts.
                Key::Syllables(key) => key.starts_with(query),
                Key::Initials(key) => key == query,
            };
            from_start(part).iter().any(sounds).then(|| part.iter().collect())
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
    fn keys_begin_at_every_character() {
        for typed in ["ganxibao", "gxbhs", "xibaohuishu", "huishu", "ganx", "hs"] {
            assert!(has("1型干细胞回输：原理", typed), "{typed}");
        }
        for typed in ["xingganxibaohuishu", "yuanli", "yl"] {
            assert!(has("1型干细胞回输：原理", typed), "{typed}");
        }
        assert!(!has("干细胞：原理", "baoyuan"), "punctuation parts runs");
    }

    #[test]
    fn a_character_with_several_readings_has_each() {
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
    fn queries() {
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
            assert_eq!(query(text).as_deref(), read, "{text}");
        }
    }

    #[test]
    fn the_part_that_sounds_like_it() {
        let part = |text: &str, typed: &str| sounding_like(&Folded::new(text), typed);
        assert_eq!(part("1型糖尿病与細胞治疗", "tangniaobing").as_deref(), Some("糖尿病"));
        assert_eq!(part("1型糖尿病与細胞治疗", "xbzl").as_deref(), Some("细胞治疗"));
        assert_eq!(part("间充质干细胞", "ganxib").as_deref(), Some("干细胞"));
        assert_eq!(part("间充质干细胞", "tang"), None);
    }
}
