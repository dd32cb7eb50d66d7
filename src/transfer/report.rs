//! The reports of an import, an export and a check on the command line.

use std::{fmt::Write, path::Path};

use super::{
    export::Exported,
    file::{Content, Targets},
    import::{Done, FileReport, Imported, Pins},
};
use crate::{
    capture::{LineUse, Role},
    content::{Warning, outline},
    publishing::drafts::Outcome,
};

/// The most characters of a line that a report shows.
const MAX_SHOWN: usize = 40;

/// The report of an import, with its totals.
#[derive(Debug, Default)]
pub struct Summary {
    dry_run: bool,
    created: usize,
    updated: usize,
    unchanged: usize,
    failed: usize,
    other: usize,
}

impl Summary {
    /// Returns the report of an import that has not begun.
    #[must_use]
    pub fn new(dry_run: bool) -> Summary {
        Summary { dry_run, ..Summary::default() }
    }

    /// Returns the number of files that were not imported.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.failed
    }

    /// Returns the text about one file.
    pub fn file(&mut self, report: &FileReport) -> String {
        let path = report.path.display();
        let mut text = String::new();
        let _ = match &report.result {
            Err(faults) => {
                self.failed += 1;
                let _ = writeln!(text, "{path}: not imported");
                list(&mut text, "", faults)
            }
            Ok(Done::Article { article, warnings }) => {
                self.count(article);
                let _ = writeln!(text, "{path}: {}", summary(article));
                list(&mut text, "note: ", warnings)
            }
            Ok(Done::Page { article, encoding, lines, unknown_titles, damage, site_changed }) => {
                self.count(article);
                let _ = writeln!(text, "{path}: {} ({encoding})", summary(article));
                if *site_changed {
                    self.other += 1;
                    let _ = writeln!(text, "  the site took its name and call to action");
                }
                list_lines(&mut text, lines, unknown_titles);
                list(&mut text, "looks damaged: ", damage)
            }
            Ok(done @ Done::Site { changed, pins }) => {
                let words = |changed: bool| if changed { "changed" } else { "unchanged" };
                let _ = write!(text, "{path}: the site, {}; its pins, ", words(*changed));
                self.other += usize::from(done.has_changes());
                match pins {
                    Pins::Skipped => writeln!(text, "left as they are: only --publish sets them, and no dry run"),
                    Pins::Set { changed } => writeln!(text, "{}", words(*changed)),
                    Pins::Refused(faults) => {
                        self.failed += 1;
                        let _ = writeln!(text, "not set:");
                        list(&mut text, "", faults)
                    }
                }
            }
        };
        text
    }

    fn count(&mut self, article: &Imported) {
        match article.outcome {
            Outcome::Created => self.created += 1,
            Outcome::Updated => self.updated += 1,
            // Published only now: readers see a change.
            Outcome::Unchanged if article.published => self.other += 1,
            Outcome::Unchanged => self.unchanged += 1,
        }
    }

    /// Returns the text at the end.
    #[must_use]
    pub fn end(&self) -> String {
        let Summary { created, updated, unchanged, failed, .. } = self;
        let mut text = format!("{created} created, {updated} updated, {unchanged} unchanged, {failed} failed");
        if created + updated + self.other + failed == 0 {
            text += ": nothing changed";
        }
        if self.dry_run {
            text += " (dry run: nothing was done)";
        }
        text + "\n"
    }
}

fn summary(article: &Imported) -> String {
    let outcome = match article.outcome {
        Outcome::Created => "created",
        Outcome::Updated => "updated",
        Outcome::Unchanged => "unchanged",
    };
    let published = if article.published { ", published" } else { "" };
    let Imported { slug, revision, sections, .. } = article;
    format!("{outcome} {slug}, revision {revision}, {sections} sections{published}")
}

fn list(text: &mut String, kind: &str, warnings: &[Warning]) -> std::fmt::Result {
    warnings.iter().try_for_each(|warning| writeln!(text, "  {kind}{warning}"))
}

/// Adds a line about every line of the page that is not blank.
fn list_lines(text: &mut String, lines: &[LineUse], unknown_titles: &[u32]) {
    let unused = |line: &&LineUse| {
        matches!(line.role, Role::NotUsed { .. } | Role::HotLink) || unknown_titles.contains(&line.line)
    };
    let (all, unused) = (lines.len(), lines.iter().filter(unused).count());
    let _ = writeln!(text, "  {all} lines are not blank; not used: {unused}");
    for line in lines {
        let role = match &line.role {
            Role::RelatedLink if unknown_titles.contains(&line.line) => {
                "not used: no address, and no article here has this title".to_owned()
            }
            role => describe_role(role),
        };
        let mut shown: String = line.text.chars().take(MAX_SHOWN).collect();
        if line.text.chars().nth(MAX_SHOWN).is_some() {
            shown.push('…');
        }
        let _ = writeln!(text, "  line {}: {role}: {shown}", line.line);
    }
}

fn describe_role(role: &Role) -> String {
    match role {
        Role::SiteName => "site name".into(),
        Role::CallToAction => "call to action".into(),
        Role::Title => "title".into(),
        Role::Lead => "lead".into(),
        Role::Heading { number, label: Some(label) } => format!("heading of section {number}, printed {label}"),
        Role::Heading { number, label: None } => format!("heading of section {number}"),
        Role::Paragraph { section } => format!("paragraph of section {section}"),
        Role::ListItem { section: Some(section) } => format!("list item of section {section}"),
        Role::ListItem { section: None } => "list item of the lead".into(),
        Role::RelatedHeading => "heading of related reading".into(),
        Role::RelatedLink => "related reading".into(),
        Role::HotHeading => "heading of the hot list".into(),
        Role::HotLink => "not used: the hot list is the site's own".into(),
        Role::BothHeadings => "headings of related reading and the hot list".into(),
        Role::NotUsed { why } => format!("not used: {why}"),
    }
}

/// Returns the report of an export.
#[must_use]
pub fn exported(exported: Exported, folder: &Path) -> String {
    let Exported { articles, unpublished } = exported;
    let mut text = format!("{articles} articles exported to {}", folder.display());
    if unpublished > 0 {
        let _ = write!(text, "; {unpublished} documents that are not published were left out");
    }
    text + "\n"
}

/// The report of a check, with its totals.
#[derive(Debug, Default)]
pub struct Check {
    good: usize,
    failed: usize,
    targets: Targets,
}

impl Check {
    /// Returns the number of files with faults.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.failed
    }

    /// Returns the text about one file.
    pub fn file(&mut self, path: &Path, content: &Result<Content, Vec<Warning>>) -> String {
        let mut text = String::new();
        let content = match content {
            Ok(content) => self.targets.add(path, content).map(|()| content),
            Err(faults) => Err(faults.clone()),
        };
        self.good += usize::from(content.is_ok());
        let path = path.display();
        let _ = match content {
            Err(faults) => {
                self.failed += 1;
                let _ = writeln!(text, "{path}: {} faults", faults.len());
                list(&mut text, "", &faults)
            }
            Ok(Content::Article { document, warnings }) => {
                let sections = outline::entries(&document.sections).len();
                let _ = writeln!(text, "{path}: good, {}, {sections} sections", document.slug);
                list(&mut text, "note: ", warnings)
            }
            Ok(Content::Page(captured)) => {
                let sections = outline::entries(&captured.document.sections).len();
                let (slug, encoding) = (&captured.document.slug, &captured.encoding);
                let _ = writeln!(text, "{path}: good, a captured page, {slug}, {sections} sections ({encoding})");
                list_lines(&mut text, &captured.lines, &[]);
                list(&mut text, "looks damaged: ", &captured.damage)
            }
            Ok(Content::Site(_)) => writeln!(text, "{path}: good, the site"),
        };
        text
    }

    /// Returns the text at the end.
    #[must_use]
    pub fn end(&self) -> String {
        format!("{} good, {} with faults\n", self.good, self.failed)
    }
}
