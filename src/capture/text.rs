//! The plain text of a page, as a browser copies it.

use super::{
    Confidence, Format, MAX_LINES, Page, PageError, PageMetadata, Role, account, boilerplate, decode::Decoded, guess,
    head, lines, links, region, tree,
};

/// Reads a page.
pub(super) fn read(decoded: &Decoded) -> Result<Page, PageError> {
    let mut damage = decoded.warnings();
    let lines = lines::lines(&decoded.text, MAX_LINES, &mut damage).ok_or(PageError::TooManyLines)?;
    let mut roles: Vec<Option<Role>> = vec![None; lines.len()];

    let head = head::read(&lines, &mut roles);
    let lists = links::read(&lines, head.end, &mut roles);
    region::mark(&lines, head.end, &mut roles);
    boilerplate::foot(&lines, head.end, &mut roles);
    boilerplate::contents(&lines, head.end, &mut roles);
    let tree = tree::build(&lines, &mut roles);
    let uses = account(lines, roles, &mut damage);
    let mut guesses = guess::of_lines(&uses, &tree.unsure);
    if let Some(full) = head.cut_from {
        let reading = format!("the title is “{}”", head.title.as_deref().unwrap_or_default());
        guesses.insert(0, guess::of_page(reading, &format!("“{full}”"), Confidence::Medium));
    }

    Ok(Page {
        format: Format::Text,
        encoding: decoded.encoding,
        site_name: head.site_name,
        call_to_action: head.call_to_action,
        questions: head.title.as_deref().map(head::questions).unwrap_or_default(),
        title: head.title,
        metadata: PageMetadata::default(),
        lead: tree.lead,
        sections: tree.sections,
        related: lists.related,
        hot: lists.hot,
        lines: uses,
        guesses,
        damage,
    })
}
