//! Rejects Markdown on which the parser would take quadratic time, because it visits every open block on every line.

use super::Warnings;

/// The largest number of lists and quotes that are open in a line.
const MAX_OPEN: usize = 200;
/// The largest sum of open blocks over all empty lines. Ten thousand lines in five lists give 50,000.
const MAX_VISITS: usize = 20_000_000;

/// Returns `None` and adds an error if the text would open too many nested blocks. The count includes every marker that could
/// open a block, so it is an upper bound; the exact depth is checked after parsing.
pub(super) fn check(body: &str, first_line: u32, errors: &mut Warnings) -> Option<()> {
    let mut open = 0_usize;
    let mut visits = 0_usize;
    let mut after_empty = true;
    for (line, text) in (first_line + 1..).zip(body.split('\n')) {
        let Some((markers, columns)) = leading_markers(text) else {
            // An empty line continues every open list item.
            after_empty = true;
            visits += open;
            continue;
        };
        // A line continues an item if it is indented by at least two columns for each list. A paragraph continues without
        // indentation, and the blocks around it stay open.
        let here = open.min(columns / 2) + markers;
        open = if after_empty { here } else { open.max(here) };
        after_empty = false;
        if open > MAX_OPEN && markers > 0 || visits > MAX_VISITS {
            errors.add(Some(line), Some(1), "Lists and quotes are nested too deeply.");
            return None;
        }
    }
    Some(())
}

/// Returns the number of list and quote markers at the start of a line and its indentation in columns; `None` for an empty
/// line.
fn leading_markers(line: &str) -> Option<(usize, usize)> {
    let mut markers = 0;
    let mut columns = 0_usize;
    let mut bytes = line.bytes().peekable();
    let first = line.trim_start().bytes().next()?;
    // A line of one repeated character and spaces is a thematic break, not nested lists.
    if matches!(first, b'-' | b'*' | b'+') && line.bytes().all(|b| b == first || b == b' ' || b == b'\t') {
        return Some((usize::from(line.trim().len() < 3), line.len()));
    }
    loop {
        match bytes.peek() {
            Some(b' ') => columns += 1,
            Some(b'\t') => columns += 4,
            Some(b'>' | b'-' | b'+' | b'*') => {
                markers += 1;
                columns += 1;
            }
            Some(b'0'..=b'9') => {
                while bytes.next_if(u8::is_ascii_digit).is_some() {
                    columns += 1;
                }
                if bytes.next_if(|b| matches!(b, b'.' | b')')).is_none() {
                    return Some((markers, columns));
                }
                markers += 1;
                columns += 1;
                continue;
            }
            _ => return Some((markers, columns)),
        }
        bytes.next();
    }
}
