//! Nests headings, and turns numbered ones without text into lists.

use std::collections::{HashMap, HashSet};

use super::{Form, Heading, Item, MAX_DEPTH, Style};

/// Assigns a level to every heading.
pub(super) fn nest(items: &mut [Item<'_>]) {
    let mut goes_on = vec![false; items.len()];
    let mut later: HashMap<Style, u32> = HashMap::new();
    for (item, goes_on) in items.iter().zip(goes_on.iter_mut()).rev() {
        if let Form::Heading(Heading { style, label: Some(_), ordinal, .. }) = &item.form {
            *goes_on = later.insert(*style, *ordinal) == Some(ordinal + 1);
        }
    }
    let plain = plain_levels(items);
    // The open styles, outermost first, and whether the numbering of each continues later.
    let mut open: Vec<(Style, bool)> = Vec::new();
    // Pairs nested against the customary order. No line after the last outer heading confirms this nesting.
    let mut below: HashSet<(Style, Style)> = HashSet::new();
    for (at, (item, goes_on)) in items.iter_mut().zip(goes_on).enumerate() {
        let Form::Heading(Heading { style, level, .. }) = &mut item.form else { continue };
        if let Some((found, is_outer)) = plain.get(&at) {
            open.clear();
            *level = *found;
            if *is_outer {
                open.resize(*found, (Style::Plain, false));
            }
            continue;
        }
        if let Style::Tag(tag, label) = style
            && let Some((Style::Tag(top, None), _)) = open.last()
            && tag == top
            && label.is_some()
        {
            open.pop();
        }
        if let Some(found) = open.iter().position(|(other, _)| other == style) {
            open.truncate(found);
        } else {
            while let Some((top, goes_on)) = open.last().copied()
                && style.rank() < top.rank()
            {
                if goes_on {
                    below.insert((top, *style));
                }
                if below.contains(&(top, *style)) {
                    break;
                }
                open.pop();
            }
        }
        open.push((*style, goes_on));
        *level = open.len().min(MAX_DEPTH);
    }
}

/// Returns the levels of headings without mark and number, and whether numbered ones nest below them.
///
/// They are on the first level. If two have no text between them, the second one is on the second level, with those up
/// to the last one that begins like it.
fn plain_levels(items: &[Item<'_>]) -> HashMap<usize, (usize, bool)> {
    let title = |at: usize| match items.get(at).map(|item| &item.form) {
        Some(Form::Heading(Heading { style: Style::Plain, title, .. })) => Some(*title),
        _ => None,
    };
    let headings: Vec<(usize, &str)> = (0..items.len()).filter_map(|at| title(at).map(|title| (at, title))).collect();
    let first_label =
        items.iter().position(|item| matches!(&item.form, Form::Heading(heading) if heading.style != Style::Plain));
    let is_outer = headings
        .first()
        .is_some_and(|(at, title)| first_label.is_none_or(|label| *at < label) && !super::is_standard_title(title));
    let start = |title: &str| title.chars().take(3).collect::<String>();
    let mut levels = HashMap::new();
    let mut nested_until = 0;
    for (place, (at, own)) in headings.iter().enumerate() {
        if *at > 0 && title(at - 1).is_some() && place > 0 && *at > nested_until {
            let same = headings.iter().skip(place).take(50).filter(|(_, other)| start(other) == start(own));
            nested_until = same.map(|(at, _)| *at).next_back().unwrap_or(*at);
        }
        let level = if *at <= nested_until && nested_until > 0 { 2 } else { 1 };
        levels.insert(*at, (level, is_outer));
    }
    levels
}

/// The numbered siblings found so far.
struct Run {
    style: Style,
    last: u32,
    empty: bool,
    members: Vec<usize>,
}

/// Turns numbered siblings without content into list items and paragraphs. Returns whether there were any.
pub(super) fn demote(items: &mut [Item<'_>]) -> bool {
    let mut runs: Vec<Option<Run>> = Vec::new();
    let mut lists: Vec<usize> = Vec::new();
    let mut close = |run: Option<Run>| {
        if let Some(run) = run.filter(|run| run.empty && run.members.len() > 1) {
            lists.extend(run.members);
        }
    };
    for (at, item) in items.iter().enumerate() {
        let Form::Heading(Heading { style: style @ Style::Label(_), ordinal, level, .. }) = &item.form else {
            continue;
        };
        while runs.len() > *level {
            close(runs.pop().flatten());
        }
        runs.resize_with(*level, || None);
        let empty = match items.get(at + 1).map(|next| &next.form) {
            None => true,
            Some(Form::Heading(next)) => next.level <= *level || next.style == Style::Plain,
            Some(_) => false,
        };
        let Some(slot) = runs.last_mut() else { continue };
        match slot {
            Some(run) if run.style == *style && run.last < *ordinal => {
                run.last = *ordinal;
                run.empty &= empty;
                run.members.push(at);
            }
            _ => close(slot.replace(Run { style: *style, last: *ordinal, empty, members: vec![at] })),
        }
    }
    for run in runs {
        close(run);
    }
    for at in &lists {
        if let Some(item) = items.get_mut(*at) {
            let as_list = match &item.form {
                Form::Heading(Heading { label: Some(label), ordinal, title, .. })
                    if !title.is_empty() && *label == format!("{ordinal}.") && item.line.markup.is_none() =>
                {
                    Some((*ordinal, *title))
                }
                _ => None,
            };
            item.form = as_list.map_or(Form::Paragraph, |(ordinal, title)| Form::Listed { ordinal, title });
        }
    }
    !lists.is_empty()
}
