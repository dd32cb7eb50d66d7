//! The reports of an import, an export and a check on the command line.

use std::{fmt::Write, path::Path};

use super::{
    export::Exported,
    file::{Content, Targets},
    import::{Done, FileReport, Imported, Pins},
};
use crate::{
    capture::report as page_report,
    content::{Warning, outline},
    publishing::drafts::Outcome,
};

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
            Ok(Done::Page { article, page, unknown_titles, site_changed }) => {
                self.count(article);
                let _ = writeln!(text, "{path}: {} ({})", summary(article), page.encoding);
                if *site_changed {
                    self.other += 1;
                    let _ = writeln!(text, "  the site took its name and call to action");
                }
                text.push_str(&page_report::lines(&page.lines, unknown_titles));
                text.push_str(&page_report::doubts(page));
                Ok(())
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
    /// Returns the number of files with errors.
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
                let (slug, encoding) = (&captured.document.slug, &captured.page.encoding);
                let _ = writeln!(text, "{path}: good, a captured page, {slug}, {sections} sections ({encoding})");
                text.push_str(&page_report::lines(&captured.page.lines, &[]));
                text.push_str(&page_report::doubts(&captured.page));
                Ok(())
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
