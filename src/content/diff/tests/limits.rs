//! Texts that are too long to compare word by word.

use super::*;

/// Returns pseudo-random Han characters.
fn noise(mut seed: u64, length: usize, of: u64) -> String {
    let next = |_| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((seed >> 33) % of).ok().and_then(|at| char::from_u32(0x4E00 + at)).unwrap()
    };
    (0..length).map(next).collect()
}

fn kinds(words: &[Segment]) -> usize {
    words.iter().filter(|segment| !matches!(segment, Segment::Same { .. } | Segment::Omitted { .. })).count()
}

#[test]
fn words_then_lines_then_complete_texts_are_compared() {
    let (from, to) = ("甲乙丙丁\n子丑\n天地\n", "甲己丙丁\n子丑\n天人\n");
    let mut budget = Budget { words: 18, lines: 5 };
    let mut compared = || marked(&words::diff_words(from, to, &mut budget).unwrap());
    assert_eq!(compared(), "甲[-乙-]{+己+}丙丁⏎子丑⏎天[-地-]{+人+}⏎");
    // The 18 words are used up, and 6 lines exceed 5; the common beginning and end stay.
    assert_eq!(compared(), "[-甲乙丙丁⏎子丑⏎天地⏎-]{+甲己丙丁⏎子丑⏎天人⏎+}");
    let mut budget = Budget { words: 0, lines: 6 };
    let mut compared = || marked(&words::diff_words(from, to, &mut budget).unwrap());
    assert_eq!(compared(), "[-甲乙丙丁⏎-]{+甲己丙丁⏎+}子丑⏎[-天地⏎-]{+天人⏎+}");
    // A pure addition is free.
    let mut nothing = Budget { words: 0, lines: 0 };
    assert_eq!(marked(&words::diff_words("甲丙", "甲乙丙", &mut nothing).unwrap()), "甲{+乙+}丙");
}

#[test]
fn texts_without_anything_in_common_are_compared_in_bounded_time() {
    // At the limit of words, and above it.
    for (length, of) in [(MAX_WORDS / 2, 300), (1_000_000, 2)] {
        let (from, to) = (noise(1, length, of), noise(2, length, of));
        let found = words::diff_words(&from, &to, &mut Budget::default()).unwrap();
        assert!(kinds(&found) >= 2);
    }
}

#[test]
fn all_sections_share_the_limit() {
    let mut budget = Budget::default();
    // Only a comparison by words finds the common middle.
    let around =
        |seed| format!("{}它的免疫原性较低因此适合异体使用{}", noise(seed, 492, 3000), noise(seed + 1, 492, 3000));
    let (from, to) = (around(1), around(3));
    let by_words = |_: &usize| kinds(&words::diff_words(&from, &to, &mut budget).unwrap()) > 2;
    assert_eq!((0..200).filter(by_words).count(), MAX_WORDS / 2000);
}
