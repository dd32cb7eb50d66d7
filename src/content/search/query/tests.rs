use super::{groups::split_quotes, *};

fn phrases(text: &str) -> Vec<String> {
    Query::new(text).phrases.iter().map(|phrase| phrase.terms.join(" ")).collect()
}

#[test]
fn query_is_divided_into_phrases_with_terms() {
    assert_eq!(phrases("干细胞"), ["干细 细胞"]);
    assert_eq!(phrases("药"), ["药"]);
    assert_eq!(phrases("1型糖尿病  CAR-T"), ["1 型糖 尿病 糖尿", "car t"]);
    assert_eq!(phrases("T细胞"), ["t 细胞"]);
    assert_eq!(phrases("干 细胞 干"), ["干", "细胞"]);
    assert_eq!(phrases("🙂 ，。 !!! & | ( ) :*"), Vec::<String>::new());
    assert!(Query::new("").is_empty());
}

#[test]
fn equivalent_queries_have_one_canonical_form() {
    for same in ["幹細胞 CAR-T", " 干细胞  car-t ", "干细胞\u{3000}ＣＡＲ－Ｔ 🙂", "干细胞 CAR-T 干细胞"]
    {
        assert_eq!(Query::new(same).canonical(), "干细胞 car-t", "{same}");
    }
    assert_eq!(Query::new("“干细胞”费用").canonical(), "\"干细胞\" 费用");
    let once = Query::new("“Stem  cell” 费用 x").canonical().to_owned();
    assert_eq!(Query::new(&once).canonical(), once);
}

#[test]
fn quoted_text_is_one_piece() {
    let quoted = |text: &str| -> Vec<(String, bool)> {
        split_quotes(text).into_iter().map(|(piece, quoted)| (piece.to_owned(), quoted)).collect()
    };
    let expected = [("a", false), ("b c", true), ("d", false)].map(|(p, q)| (p.to_owned(), q));
    for text in ["a \"b c\" d", "a “b c” d", "a「b c」d", "a“b c\"d"] {
        assert_eq!(quoted(text), expected, "{text}");
    }
    assert_eq!(quoted("a \"b c"), [("a".into(), false), ("\"b".into(), false), ("c".into(), false)]);
    assert_eq!(quoted("\"\""), [(String::new(), true)]);
}

#[test]
fn each_class_has_its_tsquery() {
    let of = |text: &str, class: Class| class_tsquery(&[Query::new(text)], class);
    assert_eq!(of("药", Class::Title).unwrap(), "('T:药')");
    assert_eq!(of("药", Class::Text).unwrap(), "('药') & !('T:药' | 'h:药')");
    let both = [Query::new("gxb"), Query::new("干细")];
    assert_eq!(class_tsquery(&both, Class::Heading).unwrap(), "('h:gxb' | 'h:干细') & !('T:gxb' | 'T:干细')");
    assert_eq!(
        Query::new("干细胞 费用").condition(Class::Heading).unwrap(),
        "(('h:干细' & 'h:细胞') | ('t:干细' & 't:细胞')) & ('h:费用' | 't:费用') & (('h:干细' & 'h:细胞') | 'h:费用')"
    );
    assert_eq!(of("干细胞", Class::Groups), None);
    assert_eq!(of("", Class::Title), None);
    assert_eq!(of("“干细胞治疗糖尿病”", Class::Groups), None);
    assert_eq!(
        Query::new("aa bb cc").condition(Class::MostGroups).unwrap(),
        "((('aa' | 't:aa') & (('bb' | 't:bb') | ('cc' | 't:cc'))) | (('bb' | 't:bb') & ('cc' | 't:cc')))"
    );
}

#[test]
fn stop_words_are_not_in_groups() {
    let groups = |text: &str| -> Vec<String> {
        Query::new(text).phrases.iter().flat_map(|phrase| &phrase.groups).map(|group| group.join("|")).collect()
    };
    assert_eq!(groups("干细胞治疗糖尿病的费用是多少"), ["干细|细胞|胞治|治疗", "疗糖|糖尿|尿病", "费用"]);
    assert_eq!(groups("CAR-T是什么"), ["car"]);
    assert_eq!(groups("b2"), ["b", "2"]);
    assert_eq!(groups("的"), Vec::<String>::new());
    assert_eq!(groups("药"), ["药"]);
}

/// For every set of terms, a class that `excluded_classes` names matches if and only if any better class matches.
#[test]
fn excluded_classes_cover_every_better_class() {
    let texts = ["药", "干细胞", "干细胞 费用", "1型糖尿病", "car t", "糖尿病的费用是多少", "“细胞” 药", "gvhd"];
    // Terms as a passage has them: headings are also in the text, titles of first passages also in `t:`.
    let words = ["干细", "细胞", "费用", "药", "型糖", "糖尿", "尿病", "1", "car", "t", "gvhd", "费", "用"];
    let mut seed = 7_u64;
    let mut chance = |of: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33).is_multiple_of(of)
    };
    for _ in 0..1_000 {
        let mut terms: std::collections::BTreeSet<String> = std::collections::BTreeSet::new();
        let first = chance(2);
        for word in words {
            let add: &[&str] = match (chance(3), chance(4), chance(3)) {
                (true, ..) if first => &["T:", "t:"],
                (true, ..) => &["t:"],
                (_, true, _) => &["h:", ""],
                (_, _, true) => &[""],
                _ => &[],
            };
            terms.extend(add.iter().map(|field| format!("{field}{word}")));
        }
        for text in texts {
            let query = Query::new(text);
            let matches = |class: Class| query.condition(class).is_some_and(|condition| evaluate(&condition, &terms));
            for class in Class::ALL {
                let better = Class::ALL.into_iter().filter(|better| *better < class).any(matches);
                let excluded = query.excluded_classes(class).iter().any(|class| matches(*class));
                assert!(!matches(class) || better == excluded, "{text} {class:?} {terms:?}");
            }
        }
    }
}

/// Evaluates a `tsquery` of terms, `&`, `|` and parentheses over a set of terms.
fn evaluate(condition: &str, terms: &std::collections::BTreeSet<String>) -> bool {
    fn disjunction(rest: &mut &str, terms: &std::collections::BTreeSet<String>) -> bool {
        let mut value = conjunction(rest, terms);
        while let Some(after) = rest.strip_prefix(" | ") {
            *rest = after;
            value |= conjunction(rest, terms);
        }
        value
    }
    fn conjunction(rest: &mut &str, terms: &std::collections::BTreeSet<String>) -> bool {
        let mut value = operand(rest, terms);
        while let Some(after) = rest.strip_prefix(" & ") {
            *rest = after;
            value &= operand(rest, terms);
        }
        value
    }
    fn operand(rest: &mut &str, terms: &std::collections::BTreeSet<String>) -> bool {
        if let Some(after) = rest.strip_prefix('(') {
            *rest = after;
            let value = disjunction(rest, terms);
            *rest = rest.strip_prefix(')').unwrap();
            value
        } else {
            let (term, after) = rest[1..].split_once('\'').unwrap();
            *rest = after;
            terms.contains(term)
        }
    }
    let mut rest = condition;
    let value = disjunction(&mut rest, terms);
    assert!(rest.is_empty(), "{rest}");
    value
}
