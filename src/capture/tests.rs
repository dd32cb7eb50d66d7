use proptest::prelude::*;

use super::{Encoding, LinkLine, MAX_BYTES, MAX_LINES, MAX_WARNINGS, NO_ROLE, Page, PageError, Role, read};
use crate::content::{Block, Inline, Related, Section};

mod around;
mod html;

const STANDARD: &str = include_str!("../../tests/fixtures/pages/standard.txt");

fn page(text: &str) -> Page {
    read(text.as_bytes()).expect("text")
}

fn damage(text: &str) -> Vec<(u32, u32)> {
    page(text).damage.iter().map(|warning| (warning.line.unwrap_or(0), warning.column.unwrap_or(0))).collect()
}

/// The roles in short, one line for each line of the page.
fn account(page: &Page) -> String {
    let short = |role: &Role| match role {
        Role::SiteName => "site".to_owned(),
        Role::CallToAction => "call".to_owned(),
        Role::Title => "title".to_owned(),
        Role::Lead => "lead".to_owned(),
        Role::Heading { number, label } => format!("# {number} [{}]", label.as_deref().unwrap_or_default()),
        Role::Paragraph { section } => format!("  {section}"),
        Role::ListItem { section } => format!("- {}", section.as_deref().unwrap_or("lead")),
        Role::RelatedHeading => "related:".to_owned(),
        Role::RelatedLink => "related".to_owned(),
        Role::HotHeading => "hot:".to_owned(),
        Role::HotLink => "hot".to_owned(),
        Role::BothHeadings => "both:".to_owned(),
        Role::NotUsed { why } => format!("! {why}"),
    };
    page.lines.iter().fold(String::new(), |list, line| list + &format!("{} {}\n", line.line, short(&line.role)))
}

fn words(content: &[Inline]) -> String {
    content.iter().map(|inline| if let Inline::Text { text, .. } = inline { text.as_str() } else { "" }).collect()
}

fn section<'a>(page: &'a Page, number: &str) -> &'a Section {
    let mut list = &page.sections;
    let mut found = None;
    for place in number.split('.') {
        let next = list.get(place.parse::<usize>().expect("a number") - 1).expect(number);
        list = &next.children;
        found = Some(next);
    }
    found.expect(number)
}

/// The lines of a text that are not blank, as far as a document can hold them.
fn shown(text: &str) -> Vec<String> {
    let taken = |c: char| {
        (c.is_control() && !c.is_whitespace())
            || c == '\u{FEFF}'
            || matches!(c, '\u{FDD0}'..='\u{FDEF}')
            || u32::from(c) & 0xFFFE == 0xFFFE
    };
    let blank = |c: char| crate::content::label::blank(c) || taken(c);
    text.replace("\r\n", "\n")
        .split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
        .map(|line| line.trim_matches(blank).replace(['\t', '\u{B}', '\u{C}'], " "))
        .map(|line| line.chars().filter(|c| !taken(*c)).collect::<String>())
        .filter(|line| !line.is_empty())
        .collect()
}

/// Asserts that the page has every line of the text in order, with the content for its role, and nothing else.
fn assert_accounted(page: &Page, text: &str) {
    let expected = shown(text);
    let given: Vec<&str> = page.lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(given, expected);

    let mut texts: std::collections::HashMap<Option<String>, std::collections::VecDeque<String>> =
        std::collections::HashMap::new();
    let mut put = |place: Option<String>, blocks: &[Block]| {
        let queue = texts.entry(place).or_default();
        for block in blocks {
            match block {
                Block::Paragraph { content } => queue.push_back(words(content)),
                Block::List { start, items, ordered: true, .. } => {
                    for (number, item) in (*start..).zip(items) {
                        let [Block::Paragraph { content }] = item.content.as_slice() else { panic!("{item:?}") };
                        queue.push_back(format!("{number}.{}", words(content)));
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    };
    put(None, &page.lead);
    let mut all: Vec<(String, &Section)> = Vec::new();
    let mut open: Vec<(String, &Section)> =
        page.sections.iter().enumerate().map(|(i, s)| ((i + 1).to_string(), s)).rev().collect();
    while let Some((number, section)) = open.pop() {
        put(Some(number.clone()), &section.blocks);
        for (i, child) in section.children.iter().enumerate().rev() {
            open.push((format!("{number}.{}", i + 1), child));
        }
        all.push((number, section));
    }
    let mut headings = all.into_iter();
    let mut related = page.related.iter();
    let mut hot = page.hot.iter();
    let mut next = |place: Option<String>| texts.get_mut(&place).and_then(std::collections::VecDeque::pop_front);
    for line in &page.lines {
        let text = line.text.as_str();
        match &line.role {
            Role::SiteName => assert_eq!(page.site_name.as_deref(), Some(text)),
            Role::CallToAction => assert_eq!(page.call_to_action.as_deref(), Some(text)),
            Role::Title => assert!(page.title.as_deref().is_some_and(|title| text.starts_with(title)), "{text}"),
            Role::Lead => assert_eq!(next(None).as_deref(), Some(text)),
            Role::Paragraph { section } => assert_eq!(next(Some(section.clone())).as_deref(), Some(text)),
            Role::ListItem { section } => {
                let (mark, title) = text.split_once('.').expect("a label");
                let title = title.trim_start_matches(crate::content::label::blank);
                assert_eq!(next(section.clone()), Some(format!("{mark}.{title}")));
            }
            Role::Heading { number, label } => {
                let (place, section) = headings.next().expect("a section");
                assert_eq!((&place, &section.label), (number, label));
                let rest = text.strip_prefix(label.as_deref().unwrap_or_default()).expect("the label");
                // An ornament or a bare number before a title is not part of it.
                assert!(rest.trim_matches(crate::content::label::blank).ends_with(&section.title), "{text}");
            }
            Role::RelatedLink | Role::HotLink => {
                let link = if line.role == Role::HotLink { hot.next() } else { related.next() }.expect("a link");
                assert_eq!(link.line, line.line);
                assert!(!link.title.is_empty() && text.contains(&link.title));
                assert!(link.url.as_ref().is_none_or(|url| text.contains(url.as_str())));
            }
            Role::RelatedHeading | Role::HotHeading | Role::BothHeadings => {}
            Role::NotUsed { why } => assert!(!why.is_empty() && *why != NO_ROLE, "{text}"),
        }
    }
    assert!(headings.next().is_none() && related.next().is_none() && hot.next().is_none());
    assert!(texts.values().all(std::collections::VecDeque::is_empty), "text from nowhere");
}

#[test]
fn a_page_as_they_come() {
    let page = page(STANDARD);
    assert_accounted(&page, STANDARD);
    assert_eq!(page.site_name.as_deref(), Some("示例网站"));
    assert_eq!(page.call_to_action.as_deref(), Some("免费在线咨询"));
    assert_eq!(page.title.as_deref(), Some("干细胞是什么??它从哪里来？使用前要问清哪些事?"));
    assert_eq!(page.questions, ["干细胞是什么??", "它从哪里来？", "使用前要问清哪些事?"]);
    assert_eq!(
        account(&page),
        "1 site\n3 call\n5 title\n7 lead\n9 # 1 [一、]\n11   1\n13   1\n15 # 2 [二、]\n17   2\n19 # 2.1 [1.]\n21   2.1\n\
         23 # 2.2 [2.]\n25   2.2\n27 # 3 [三、]\n29 # 3.1 [1.]\n31   3.1\n33 # 3.2 [2.]\n35   3.2\n37 # 4 [四、]\n39   4\n\
         41 related:\n42 related\n43 related\n45 hot:\n46 hot\n47 hot\n"
    );
    assert_eq!(section(&page, "2.2").title, "调节免疫");
    let link = |line, title: &str, url: Option<&str>| LinkLine { line, title: title.into(), url: url.map(Into::into) };
    assert_eq!(
        page.related,
        [link(42, "造血干细胞移植的过程", None), link(43, "间充质干细胞", Some("https://example.org/msc"))]
    );
    assert_eq!(
        page.hot,
        [link(46, "怎样查询一项研究", Some("https://example.org/registry?id=1")), link(47, "什么是脐带血？", None)]
    );
    // Only the doubled punctuation of the title.
    assert_eq!(page.damage.len(), 1, "{:?}", page.damage);
    assert_eq!((page.damage[0].line, page.damage[0].column), (Some(5), Some(7)));

    let mut page = page;
    let document = page.take_document("stem-cells".parse().expect("a slug")).expect("a title");
    assert_eq!(document.source.map(|source| source.name).as_deref(), Some("示例网站"));
    let [Related::External { url, title, reason: None }] = document.related.as_slice() else {
        panic!("one link has an address")
    };
    assert_eq!((url.as_str(), title.as_str()), ("https://example.org/msc", "间充质干细胞"));
}

#[test]
fn every_encoding_reads_the_same() {
    let expected = page(STANDARD);
    let utf16 = |mark: bool, big: bool| -> Vec<u8> {
        let units = mark.then_some(0xFEFF).into_iter().chain(STANDARD.encode_utf16());
        units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    };
    for (bytes, encoding) in [
        ([b"\xEF\xBB\xBF", STANDARD.as_bytes()].concat(), Encoding::Utf8),
        (utf16(true, false), Encoding::Utf16Le),
        (utf16(false, false), Encoding::Utf16Le),
        (utf16(true, true), Encoding::Utf16Be),
        (utf16(false, true), Encoding::Utf16Be),
        (include_bytes!("../../tests/fixtures/pages/standard.gb18030.txt").to_vec(), Encoding::Gb18030),
        (include_bytes!("../../tests/fixtures/pages/standard.utf-16le.txt").to_vec(), Encoding::Utf16Le),
        (include_bytes!("../../tests/fixtures/pages/standard.utf-16be-bom.txt").to_vec(), Encoding::Utf16Be),
    ] {
        assert_eq!(read(&bytes), Ok(Page { encoding, ..expected.clone() }), "{encoding}");
    }
    for end in ["\r\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"] {
        assert_eq!(page(&STANDARD.replace('\n', end)), expected, "{end:?}");
    }
    let framed: String =
        STANDARD.lines().fold(String::new(), |text, line| text + &format!("\u{3000}\u{a0}{line}\u{200b}\t\n"));
    let roles = |page: &Page| account(page);
    assert_eq!(roles(&page(&framed)), roles(&expected));
}

#[test]
fn what_cannot_be_decoded_is_reported() {
    let mut bytes = STANDARD.as_bytes().to_vec();
    let place = STANDARD.find("本文").expect("it is there");
    bytes[place] = 0xFF;
    let page = read(&bytes).expect("text");
    assert_eq!(page.encoding, Encoding::Utf8);
    assert_eq!(page.damage[0].line, None);
    assert!(
        page.damage.iter().any(|warning| warning.line == Some(7) && warning.message.contains("U+FFFD")),
        "{:?}",
        page.damage
    );
    let page = read("标题\n\n正文\u{0}里有\u{FDD0}控制字符。".as_bytes()).expect("text");
    assert_eq!(page.lines[1].text, "正文里有控制字符。");
    assert!(page.damage[0].message.starts_with("2 characters"), "{:?}", page.damage);
}

#[test]
fn what_is_no_page_is_refused() {
    assert_eq!(read(&vec![b'a'; MAX_BYTES + 1]), Err(PageError::TooLarge(MAX_BYTES + 1)));
    assert!(read(&vec![b'a'; MAX_BYTES]).is_ok());
    assert_eq!(read("a\n".repeat(MAX_LINES + 1).as_bytes()), Err(PageError::TooManyLines));
    for bytes in [&b"\x89PNG\r\n\x1A\n...."[..], b"\x7FELF\x02\x01", b"PK\x03\x04", &[1; 64]] {
        assert!(matches!(read(bytes), Err(PageError::NotText(_))), "{bytes:?}");
    }
}

#[test]
fn nesting_follows_the_labels() {
    let text = include_str!("../../tests/fixtures/pages/nested.txt");
    let page = page(text);
    assert_accounted(&page, text);
    assert_eq!(
        account(&page),
        "1 title\n3 # 1 [第一章]\n5 # 1.1 [一、]\n7 # 1.1.1 [（一）]\n9 # 1.1.1.1 [1.]\n11 # 1.1.1.1.1 [（1）]\n13   1.1.1.1.1\n\
         15 # 1.1.1.1.2 [（2）]\n17   1.1.1.1.2\n19 # 1.1.1.2 [2.]\n21   1.1.1.2\n23 # 1.1.2 [（二）]\n25   1.1.2\n27 # 2 [第二章]\n\
         29 # 2.1 [一、]\n31   2.1\n"
    );
    assert_eq!(page.damage, []);
    for (outer, inner) in [
        (["一、", "二、"], ["1.", "2."]),
        (["一、", "二、"], ["（一）", "（二）"]),
        (["1、", "2、"], ["（1）", "（2）"]),
        (["1.", "2."], ["1、", "2、"]),
        (["（1）", "（2）"], ["1.", "2."]),
        (["第1节", "第2节"], ["2.1", "2.2"]),
        (["I.", "II."], ["1)", "2)"]),
        (["１．", "２．"], ["①", "②"]),
        (["第一部分", "第二部分"], ["第一章", "第二章"]),
    ] {
        let body = |label: &str| format!("{label} 小标题\n这里是正文。\n");
        let part = |label: &str| format!("{label} 标题\n{}{}", body(inner[0]), body(inner[1]));
        let text = format!("文章的标题\n{}{}", part(outer[0]), part(outer[1]));
        let page = self::page(&text);
        assert_accounted(&page, &text);
        let [a, b, c, d] = [outer[0], outer[1], inner[0], inner[1]];
        assert_eq!(
            account(&page),
            format!(
                "1 title\n2 # 1 [{a}]\n3 # 1.1 [{c}]\n4   1.1\n5 # 1.2 [{d}]\n6   1.2\n7 # 2 [{b}]\n8 # 2.1 [{c}]\n9   2.1\n10 # 2.2 [{d}]\n11   2.2\n"
            )
        );
    }
}

#[test]
fn pages_without_numbers_have_headings_too() {
    let text = include_str!("../../tests/fixtures/pages/unnumbered.txt");
    let page = page(text);
    assert_accounted(&page, text);
    assert_eq!(
        account(&page),
        "1 title\n3 lead\n5 # 1 []\n7   1\n9 # 2 []\n11   2\n13   2\n15   2\n17   2\n19   2\n21   2\n"
    );
    assert_eq!(page.damage, []);
}

#[test]
fn labelled_lines_with_nothing_under_them_are_lists() {
    let text = include_str!("../../tests/fixtures/pages/lists.txt");
    let page = page(text);
    assert_accounted(&page, text);
    assert_eq!(
        account(&page),
        "1 title\n3 lead\n5 - lead\n6 - lead\n7 - lead\n9 # 1 [一、]\n11   1\n13   1\n14   1\n16 # 2 [二、]\n18   2\n20   2\n21   2\n"
    );
    assert!(matches!(page.lead[1], Block::List { ordered: true, start: 1, ref items, .. } if items.len() == 3));
    assert_eq!(page.damage, []);
}

#[test]
fn damage_is_found_and_sound_text_is_not() {
    let found = damage(include_str!("../../tests/fixtures/pages/damaged.txt"));
    assert_eq!(
        found,
        [(1, 6), (3, 9), (3, 10), (3, 14), (3, 22), (7, 3), (7, 10), (7, 22), (9, 18), (11, 5), (11, 10), (11, 26)]
    );
    for sound in [
        "安全的、有效的治疗",
        "安全的、有效、可靠的治疗",
        "目的、方法",
        "真的吗？！",
        "等等……然后——结束",
        "总和。它们的和。",
        "需要参与。",
        "累及。",
        "从而，我们",
        "然而，",
        "“和”字",
        "和/或",
        "1）甲；2）乙。",
        "a) 甲",
        "区间[0, 1)之内",
        "见（图1）。",
        "https://example.org/?a=??&b=((",
        "café”，",
        "（见图 1）",
        "(2) 甲（乙）",
        "用了“引号，没有关",
        "安全的、和谐的",
    ] {
        assert_eq!(page(&format!("标题\n{sound}")).damage, [], "{sound}");
    }
    for broken in [
        "患者自身或",
        "甲和。",
        "（甲以及）",
        "甲，，乙",
        "甲、、",
        "甲（ ）",
        "甲「」",
        "甲）乙",
        "甲（乙",
        "干细胞的、分化效率。",
        "甲。。",
    ] {
        assert_eq!(page(&format!("标题\n{broken}")).damage.len(), 1, "{broken}");
    }
    let many = page(&format!("标题\n{}", "甲，，".repeat(5_000)));
    assert_eq!(many.damage.len(), MAX_WARNINGS + 1);
    // Deeper than brackets are followed, each is still reported, once.
    let deep = page(&format!("标题\n甲{}乙", "（".repeat(600)));
    assert_eq!(deep.damage.len(), 600);
}

/// A line such as pages are made of, or anything.
fn line() -> impl Strategy<Value = String> {
    let label = proptest::sample::select(vec![
        "一、",
        "二、",
        "三、",
        "（一）",
        "（二）",
        "1.",
        "2.",
        "3.",
        "1、",
        "2、",
        "（1）",
        "（2）",
        "1)",
        "第一章",
        "第二章",
        "2.1",
        "2.2",
        "①",
        "②",
        "I.",
    ]);
    let words = proptest::sample::select(vec![
        "概念",
        "什么是干细胞？",
        "这里是正文。",
        "如下：",
        "",
        "很短",
        "干细胞的、分化",
        "患者自身或）",
        "，，",
        "https://example.org/x",
        "[甲](https://example.org/)",
    ]);
    let whole = proptest::sample::select(vec![
        "示例网站",
        "免费在线咨询",
        "相关阅读 更多+",
        "热门推荐",
        "更多>>",
        "相关阅读 热门推荐",
        "结语",
        "首页 > 正文",
        "来源：示例",
        "版权所有",
        "友情链接",
        "",
        "\u{a0}",
        "\u{200b}",
        "·",
        "- ",
        "上一篇：甲",
    ]);
    prop_oneof![
        3 => (label, words.clone()).prop_map(|(label, words)| format!("{label} {words}")),
        3 => words.prop_map(str::to_owned),
        2 => whole.prop_map(str::to_owned),
        1 => "\\PC{0,30}",
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_line_is_accounted_for(lines in proptest::collection::vec(line(), 0..40), end in proptest::sample::select(vec!["\n", "\r\n", "\r", "\u{2028}"])) {
        let text = lines.join(end);
        // A text is refused if it begins like another type of file or has mostly control characters.
        if let Ok(page) = read(text.as_bytes()) && page.encoding == Encoding::Utf8 {
            assert_accounted(&page, text.strip_prefix('\u{FEFF}').unwrap_or(&text));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _: Result<Page, PageError> = read(&bytes);
    }
}
