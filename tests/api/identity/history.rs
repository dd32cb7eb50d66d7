//! An article through its edits, and all that was ever served of it.

use std::collections::{BTreeMap, HashMap, HashSet};

use fastrand::Rng;
use lectern::{
    content::{Document, outline},
    error::Error,
    publishing::{drafts::Precondition, revisions},
};
use uuid::Uuid;

use super::{answers::Seen, model::Model};
use crate::harness::{App, article, document};

/// What an editor reads when a trial is over.
pub(super) const TRIAL: &str = "only tried";

/// A revision as the editor meant it, and the ids that its sections have.
pub(super) struct Revision {
    pub(super) model: Model,
    pub(super) ids: Vec<Uuid>,
}

/// An article through its edits, and all that was ever served of it.
pub struct History<'a> {
    pub(super) app: &'a App,
    rng: Rng,
    pub(super) id: Uuid,
    pub(super) slug: String,
    pub(super) earlier_slugs: Vec<String>,
    /// By their numbers, from 1.
    pub(super) revisions: Vec<Revision>,
    /// What readers see; `None` while it is withdrawn.
    pub(super) live: Option<usize>,
    pub(super) today: Vec<Seen>,
    /// Every id and anchor that was ever served, with the id that it means.
    pub(super) served: BTreeMap<String, Uuid>,
    /// Every number that was ever served, with the id that held it last.
    pub(super) numbers: BTreeMap<String, Uuid>,
    /// Which of the editor's sections an id means.
    keys: HashMap<Uuid, u32>,
    /// For a section an earlier one that it shared text with.
    families: HashMap<u32, u32>,
    pub saves: usize,
    pub refused: usize,
    trail: Trail,
}

/// Tells how a sequence came to its failure.
struct Trail {
    seed: u64,
    steps: Vec<String>,
}

impl Drop for Trail {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}, step {}: {}", self.seed, self.steps.len(), self.steps.join("; "));
        }
    }
}

impl<'a> History<'a> {
    pub async fn begin(app: &'a App, seed: u64) -> History<'a> {
        let mut rng = Rng::with_seed(seed);
        let model = Model::new(&mut rng, 7, seed % 4 == 3);
        let slug = format!("plan-{seed}");
        let id = app.publish(&article(&slug, "", &model.body())).await;
        let mut history = History {
            app,
            rng,
            id,
            slug,
            earlier_slugs: Vec::new(),
            revisions: Vec::new(),
            live: Some(1),
            today: Vec::new(),
            served: BTreeMap::new(),
            numbers: BTreeMap::new(),
            keys: HashMap::new(),
            families: HashMap::new(),
            saves: 0,
            refused: 0,
            trail: Trail { seed, steps: Vec::new() },
        };
        let (_, ids) = history.stored(1).await;
        history.know(Revision { model, ids });
        history.see().await;
        history.check().await;
        history
    }

    fn newest(&self) -> &Revision {
        self.revisions.last().unwrap()
    }

    async fn stored(&self, number: usize) -> (Document, Vec<Uuid>) {
        let mut connection = self.app.db.write().await.unwrap();
        let number = i32::try_from(number).unwrap();
        let stored = revisions::read(&mut connection, self.id, number).await.unwrap();
        let (document, ids) = (stored.document, stored.section_ids);
        (document, ids)
    }

    /// Takes a revision into the history: no id of it may have meant another section before.
    fn know(&mut self, revision: Revision) {
        assert_eq!(revision.ids.iter().collect::<HashSet<_>>().len(), revision.model.sections.len());
        for (one, other) in &revision.model.kin {
            let (one, other) = (self.family(*one), self.family(*other));
            self.families.insert(one.max(other), one.min(other));
        }
        if !revision.model.wild {
            for (section, id) in revision.model.sections.iter().zip(&revision.ids) {
                let before = *self.keys.entry(*id).or_insert(section.key);
                let kin = self.family(before) == self.family(section.key);
                assert!(kin, "the section {} has the id of {before}: {}", section.key, revision.model.body());
            }
        }
        self.revisions.push(revision);
    }

    /// The first of the sections that a section shared text with, and they with others.
    fn family(&self, key: u32) -> u32 {
        self.families.get(&key).filter(|first| **first != key).map_or(key, |first| self.family(*first))
    }

    /// One thing that an editor does, and all that must hold after it.
    pub async fn step(&mut self) {
        let (kind, wild) = (self.rng.u8(0..100), self.newest().model.wild);
        match kind {
            0..66 => self.edit().await,
            66..73 => self.restore().await,
            73..80 => {
                let number = self.rng.usize(1..=self.revisions.len());
                self.publish(number).await;
            }
            80..84 => self.withdraw().await,
            84..89 => self.move_article().await,
            89..95 => self.steal(wild).await,
            _ => self.publish(self.revisions.len()).await,
        }
        self.check().await;
    }

    fn say(&mut self, what: impl Into<String>) {
        self.trail.steps.push(what.into());
    }

    async fn edit(&mut self) {
        let mut model = self.newest().model.clone();
        let (mut touched, mut done) = (HashSet::new(), Vec::new());
        for _ in 0..self.rng.usize(1..=3) {
            done.push(model.edit(&mut self.rng, &mut touched));
        }
        self.say(done.join(" and "));
        if !self.save(model.clone()).await {
            return;
        }
        let [.., before, after] = self.revisions.as_slice() else { return };
        if !model.wild {
            let old: HashMap<u32, Uuid> = keys(before).collect();
            for (key, id) in keys(after).filter(|(key, _)| old.contains_key(key)) {
                let (was, is) = (before.model.section(key), after.model.section(key));
                // The anchor of a section that is gone brings that one back.
                let named = is.and_then(|section| self.served.get(section.anchor.as_ref()?));
                let expected = named.unwrap_or(&old[&key]);
                assert_eq!(id, *expected, "the section {key} lost its id: {was:#?}\n{is:#?}\n{}", after.model.body());
            }
        }
        if self.rng.u8(0..10) < 6 {
            self.publish(self.revisions.len()).await;
        }
    }

    /// Brings back the text of an earlier revision.
    async fn restore(&mut self) {
        let number = self.rng.usize(1..=self.revisions.len());
        self.say(format!("bring back {number}"));
        let model = self.revisions[number - 1].model.clone().after(&self.newest().model);
        if self.save(model).await && self.rng.bool() {
            self.publish(self.revisions.len()).await;
        }
    }

    /// Saves a draft; whether it was accepted.
    async fn save(&mut self, model: Model) -> bool {
        let file = document(&article(&self.slug, "", &model.body()));
        let saved = self.app.write(async |tx| tx.save_draft(file, &Precondition::Any).await).await;
        match saved {
            Ok(saved) => {
                let number = usize::try_from(saved.revision).unwrap();
                let (_, ids) = self.stored(number).await;
                self.saves += 1;
                self.say(format!("saved as {number}"));
                if number > self.revisions.len() {
                    self.know(Revision { model, ids });
                    true
                } else {
                    false
                }
            }
            Err(Error::InvalidContent(_) | Error::Conflict(_)) => {
                self.refused += 1;
                self.say("refused");
                false
            }
            Err(error) => panic!("{error}"),
        }
    }

    async fn publish(&mut self, number: usize) {
        self.say(format!("publish {number}"));
        match self.try_publish(number, false).await {
            Ok(()) => {
                self.live = Some(number);
                self.see().await;
            }
            Err(Error::Conflict(_)) if number < self.revisions.len() => {
                self.refused += 1;
                self.say("refused");
            }
            Err(error) => panic!("the revision {number} of {} cannot be published: {error}", self.revisions.len()),
        }
    }

    pub(super) async fn try_publish(&self, number: usize, only_try: bool) -> Result<(), Error> {
        let number = i32::try_from(number).unwrap();
        self.app
            .write(async |tx| {
                tx.publish(self.id, number).await?;
                if only_try { Err(Error::Conflict(TRIAL.into())) } else { Ok(()) }
            })
            .await
    }

    async fn withdraw(&mut self) {
        self.say("withdraw");
        self.app.write(async |tx| tx.withdraw(self.id, "不再有效").await).await.unwrap();
        self.live = None;
        self.today.clear();
    }

    async fn move_article(&mut self) {
        let new = format!("plan-{}-{}", self.trail.seed, self.trail.steps.len());
        let slug = self.rng.choice(self.earlier_slugs.clone()).filter(|_| self.rng.bool()).unwrap_or(new);
        self.say(format!("move to {slug}"));
        let target = slug.parse().unwrap();
        self.app.write(async |tx| tx.move_article(self.id, &target).await).await.unwrap();
        // Readers know a slug once something is published under it.
        let old = std::mem::replace(&mut self.slug, slug);
        self.earlier_slugs.retain(|earlier| *earlier != self.slug);
        if self.live.is_some() {
            self.earlier_slugs.push(old);
        }
    }

    /// Claims an anchor of one section for another.
    async fn steal(&mut self, wild: bool) {
        let (stored, ids) = self.stored(self.revisions.len()).await;
        let mut owners: Vec<(String, Uuid)> = self.served.clone().into_iter().collect();
        owners.retain(|(reference, id)| *reference != id.to_string());
        let all = outline::entries(&stored.sections);
        owners.extend(all.iter().zip(&ids).map(|(at, id)| (at.section.anchor.clone().unwrap().into(), *id)));
        let Some((anchor, owner)) = self.rng.choice(owners) else { return };
        let Some(thief) = self.rng.choice(0..ids.len()).filter(|thief| ids[*thief] != owner) else { return };
        let mut model = self.newest().model.clone();
        let victim = ids.iter().position(|id| *id == owner);
        if let Some(victim) = victim {
            model.sections[victim].anchor = self.rng.bool().then(|| format!("instead-{}", self.trail.steps.len()));
        }
        model.sections[thief].anchor = Some(anchor.clone());
        self.say(format!("claim {anchor}, of the section at {victim:?}, for the one at {thief}"));
        if wild {
            self.save(model).await;
            return;
        }
        let file = document(&article(&self.slug, "", &model.body()));
        let mut outcome = None;
        let trial = self.app.write(async |tx| {
            let saved = tx.save_draft(file, &Precondition::Any).await?;
            outcome = Some(revisions::read(tx.connection(), saved.id, saved.revision).await?.section_ids);
            Err::<(), _>(Error::Conflict(TRIAL.into()))
        });
        let result = trial.await;
        match victim {
            // A heading without text is nobody in particular.
            Some(victim) if model.sections[victim].text.is_empty() => {}
            Some(_) => assert!(matches!(result, Err(Error::InvalidContent(_))), "{result:?}: {}", model.body()),
            None => assert_eq!(outcome.unwrap()[thief], owner, "an author's anchor names its section"),
        }
    }
}

/// The editor's sections of a revision with their ids.
fn keys(revision: &Revision) -> impl Iterator<Item = (u32, Uuid)> {
    revision.model.sections.iter().map(|section| section.key).zip(revision.ids.iter().copied())
}
