//! What stands between hostile Markdown and the parser: the parser is linear in the size of ordinary text, but some
//! shapes make it walk long chains of open blocks for every line.

use super::Faults;

/// How many list and quote marks a line may begin with, those of the lines above that it may stand in included.
const MAX_OPEN: usize = 200;
/// How many open blocks may be passed on empty lines in all. Ten thousand lines in five lists are 50,000.
const MAX_WALK: usize = 20_000_000;

/// Stands for a single `~` while the parser runs, which would take it for strikethrough. It is a noncharacter, so no
/// text holds it already.
const TILDE: char = '\u{FDD1}';

/// Refuses text that would open too many blocks within each other. This counts every mark that could open a block,
/// so it is never too low; what it lets pass is counted exactly later.
pub(super) fn check(body: &str, first_line: u32, faults: &mut Faults) -> Option<()> {
    let mut open = 0_usize;
    let mut walk = 0_usize;
    let mut after_empty = true;
    for (line, text) in (first_line + 1..).zip(body.split('\n')) {
        let Some((marks, columns)) = opening(text) else {
            // An empty line is matched by every open list item.
            after_empty = true;
            walk += open;
            continue;
        };
        // An item goes on in a line that is indented by two columns or more for each list around it. A paragraph goes
        // on without, and then what is around it stays open.
        let here = open.min(columns / 2) + marks;
        open = if after_empty { here } else { open.max(here) };
        after_empty = false;
        if open > MAX_OPEN && marks > 0 || walk > MAX_WALK {
            faults.push(Some(line), Some(1), "Lists and quotes stand too deep in each other here.");
            return None;
        }
    }
    Some(())
}

/// How many marks of lists and quotes a line begins with, and how many columns it is indented; `None` for an empty
/// line.
fn opening(line: &str) -> Option<(usize, usize)> {
    let mut marks = 0;
    let mut columns = 0_usize;
    let mut bytes = line.bytes().peekable();
    let first = line.trim_start().bytes().next()?;
    // A line of one character and spaces is a rule, not lists in lists.
    if matches!(first, b'-' | b'*' | b'+') && line.bytes().all(|b| b == first || b == b' ' || b == b'\t') {
        return Some((usize::from(line.trim().len() < 3), line.len()));
    }
    loop {
        match bytes.peek() {
            Some(b' ') => columns += 1,
            Some(b'\t') => columns += 4,
            Some(b'>' | b'-' | b'+' | b'*') => {
                marks += 1;
                columns += 1;
            }
            Some(b'0'..=b'9') => {
                while bytes.next_if(u8::is_ascii_digit).is_some() {
                    columns += 1;
                }
                if bytes.next_if(|b| matches!(b, b'.' | b')')).is_none() {
                    return Some((marks, columns));
                }
                marks += 1;
                columns += 1;
                continue;
            }
            _ => return Some((marks, columns)),
        }
        bytes.next();
    }
}

/// The text with every `~` that stands alone and is not escaped put out of the parser's sight.
pub(super) fn hide_tildes(body: &str) -> String {
    let mut out = String::with_capacity(body.len());
    let mut escaped = false;
    let mut chars = body.chars().peekable();
    let mut before = '\0';
    while let Some(c) = chars.next() {
        let alone = c == '~' && !escaped && before != '~' && chars.peek() != Some(&'~');
        out.push(if alone { TILDE } else { c });
        escaped = c == '\\' && !escaped;
        before = c;
    }
    out
}

/// What [`hide_tildes`] hid, shown again.
pub(super) fn show_tildes(text: &str) -> String {
    text.replace(TILDE, "~")
}
