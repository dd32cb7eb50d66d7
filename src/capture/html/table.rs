//! Data tables. A layout table is ignored, and its cells are read as part of the page.

use super::{
    dom::{BLOCKS, Dom, Kind, SILENT},
    run::Run,
};
use crate::content::{Align, Block, Cell};

const MAX_COLUMNS: usize = 60;
/// The maximum length of a cell in a data table, in characters.
const MAX_CELL: usize = 400;

/// Returns a data table and its text as one line; `None` for a layout table.
pub(super) fn read(dom: &Dom, node: usize) -> Option<(Block, Run)> {
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    let mut all = Run::default();
    let mut at = node + 1;
    let end = dom.range(node).end;
    while at < end {
        let range = dom.range(at);
        let Some(element) = dom.element(at) else {
            at += 1;
            continue;
        };
        match element.name {
            "table" | "h1" | "h2" | "h3" | "form" | "iframe" => return None,
            "tr" => rows.push(Vec::new()),
            "td" | "th" => {
                let run = cell(dom, range.clone())?;
                let repeat =
                    element.get("colspan").and_then(|n| n.parse::<usize>().ok()).unwrap_or(1).clamp(1, MAX_COLUMNS);
                all.space();
                for (place, text) in dom.nodes.get(range.clone()).unwrap_or_default().iter().enumerate() {
                    if let Kind::Text(text) = &text.kind {
                        all.push(range.start + place, dom.slice(text));
                    }
                }
                let row = rows.last_mut()?;
                row.push(Cell { content: run.content });
                row.resize_with((row.len() + repeat - 1).min(MAX_COLUMNS), || Cell { content: Vec::new() });
                at = range.end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    rows.retain(|row| row.iter().any(|cell| !cell.content.is_empty()));
    let width = rows.iter().map(Vec::len).max().filter(|width| (2..=MAX_COLUMNS).contains(width))?;
    let filled = rows.iter().filter(|row| row.iter().filter(|cell| !cell.content.is_empty()).count() > 1).count();
    if rows.len() < 2 || filled * 2 < rows.len() || all.letters == 0 || all.linked * 2 > all.letters {
        return None;
    }
    for row in &mut rows {
        row.resize_with(width, || Cell { content: Vec::new() });
    }
    let head = rows.remove(0);
    Some((Block::Table { align: vec![Align::None; width], head, rows }, all))
}

/// Returns the text of a cell; `None` if it is too long for data.
fn cell(dom: &Dom, range: std::ops::Range<usize>) -> Option<Run> {
    let mut run = Run::default();
    let mut at = range.start;
    while at < range.end {
        match dom.nodes.get(at).map(|node| &node.kind) {
            Some(Kind::Text(text)) => run.push(at, dom.slice(text)),
            Some(Kind::Element(element)) if element.name == "table" => return None,
            Some(Kind::Element(element)) if SILENT.contains(&element.name) => {
                at = dom.range(at).end;
                continue;
            }
            Some(Kind::Element(element)) if BLOCKS.contains(&element.name) || element.name == "br" => run.space(),
            _ => {}
        }
        at += 1;
    }
    (run.letters <= MAX_CELL).then_some(run)
}
