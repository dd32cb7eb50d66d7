//! An article through its edits, and all that was ever served of it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt::Write,
};

use diesel_async::AsyncConnection;
use fastrand::Rng;
use futures_util::{StreamExt, stream};
use lectern::{
    content::{Document, outline},
    error::Error,
    publishing::{
        draft::{self, Expected},
        moves, publish, revisions, withdraw,
    },
};
use reqwest::Method;
use uuid::Uuid;

use super::model::Model;
use crate::house::{App, Reply, article, author, document};

/// What an editor reads when a trial is over.
const TRIAL: &str = "only tried";

/// A revision as the editor meant it, and the ids that its sections have.
struct Revision {
    model: Model,
    ids: Vec<Uuid>,
}

/// A section as readers see it.
struct Seen {
    id: Uuid,
    anchor: String,
    number: String,
}

/// An article through its edits, and all that was ever served of it.
pub struct History<'a> {
    app: &'a App,
    rng: Rng,
    id: Uuid,
    slug: String,
    earlier_slugs: Vec<String>,
    /// By their numbers, from 1.
    revisions: Vec<Revision>,
    /// What readers see; `None` while it is withdrawn.
    live: Option<usize>,
    today: Vec<Seen>,
    /// Every id and anchor that was ever served, with the id that it means.
    served: BTreeMap<String, Uuid>,
    /// Every number that was ever served, with the id that held it last.
    numbers: BTreeMap<String, Uuid>,
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
                assert_eq!(id, old[&key], "the section {key} lost its id: {was:#?}\n{is:#?}\n{}", after.model.body());
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
        let mut connection = self.app.db.write().await.unwrap();
        let saved =
            connection.transaction(async |c| draft::save(c, file.clone(), &author(), &Expected::Whatever).await).await;
        drop(connection);
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

    async fn try_publish(&self, number: usize, only_try: bool) -> Result<(), Error> {
        let number = i32::try_from(number).unwrap();
        let mut connection = self.app.db.write().await.unwrap();
        connection
            .transaction(async |c| {
                publish::publish(c, self.id, number, &author()).await?;
                if only_try { Err(Error::Conflict(TRIAL.into())) } else { Ok(()) }
            })
            .await
    }

    async fn withdraw(&mut self) {
        self.say("withdraw");
        let mut connection = self.app.db.write().await.unwrap();
        connection.transaction(async |c| withdraw::withdraw(c, self.id, "不再有效", &author()).await).await.unwrap();
        self.live = None;
        self.today.clear();
    }

    async fn move_article(&mut self) {
        let new = format!("plan-{}-{}", self.trail.seed, self.trail.steps.len());
        let slug = self.rng.choice(self.earlier_slugs.clone()).filter(|_| self.rng.bool()).unwrap_or(new);
        self.say(format!("move to {slug}"));
        let target = slug.parse().unwrap();
        let mut connection = self.app.db.write().await.unwrap();
        connection.transaction(async |c| moves::move_to(c, self.id, &target, &author()).await).await.unwrap();
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
        let mut connection = self.app.db.write().await.unwrap();
        let trial = connection.transaction(async |c| {
            let saved = draft::save(c, file.clone(), &author(), &Expected::Whatever).await?;
            outcome = Some(revisions::read(c, saved.id, saved.revision).await?.section_ids);
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

    /// Reads what is served, and takes it into the books.
    async fn see(&mut self) {
        self.app.settle().await;
        let list = self.ask("?flat=true&format=text").await.ok();
        let Revision { model, ids } = &self.revisions[self.live.unwrap() - 1];
        self.today.clear();
        for (place, part) in list["data"].as_array().unwrap().iter().enumerate() {
            let text = |name: &str| part[name].as_str().unwrap().to_owned();
            let (id, anchor): (Uuid, _) = (text("id").parse().unwrap(), text("anchor"));
            assert_eq!(id, ids[place]);
            assert_eq!(text("text").trim(), model.sections[place].text.concat(), "another text at {anchor}");
            for reference in [id.to_string(), anchor.clone()] {
                assert_eq!(*self.served.entry(reference).or_insert(id), id, "{anchor} went to another section");
            }
            self.numbers.insert(text("number"), id);
            self.today.push(Seen { id, anchor, number: text("number") });
        }
        assert_eq!(self.today.len(), ids.len());
    }

    async fn ask(&self, tail: &str) -> Reply {
        self.app.send(Method::GET, &format!("/v1/articles/{}/sections{tail}", self.slug), &[]).await
    }

    /// Every address that was ever served answers as it must, and the newest draft can be published.
    async fn check(&mut self) {
        self.app.settle().await;
        let numbers = self.numbers.iter().filter(|(number, _)| self.today.iter().all(|seen| seen.number != **number));
        let today = self.today.iter().map(|seen| (&seen.number, &seen.id));
        let all: Vec<_> = self.served.iter().chain(numbers).chain(today).collect();
        let faults: Vec<String> = stream::iter(all)
            .map(async |(reference, id)| self.fault(reference, *id).await)
            .buffer_unordered(4)
            .filter_map(std::future::ready)
            .collect()
            .await;
        assert!(faults.is_empty(), "{faults:#?}");
        if let Some((reference, slug)) = self.served.keys().next().zip(self.earlier_slugs.last()) {
            let reply = self.app.send(Method::GET, &format!("/v1/articles/{slug}/sections/{reference}"), &[]).await;
            if self.live.is_some() {
                assert_eq!(reply.header("location"), format!("/v1/articles/{}/sections/{reference}", self.slug));
            }
            assert_eq!(reply.status, if self.live.is_some() { 308 } else { 410 });
        }
        if self.live != Some(self.revisions.len()) {
            let trial = self.try_publish(self.revisions.len(), true).await;
            assert!(matches!(&trial, Err(Error::Conflict(why)) if why == TRIAL), "the newest draft: {trial:?}");
        }
    }

    /// What is wrong with the answer at `reference`, which means the section `id`.
    async fn fault(&self, reference: &str, id: Uuid) -> Option<String> {
        // A withdrawn article may have moved meanwhile: its id is an address that stays.
        let article = if self.live.is_some() { self.slug.clone() } else { self.id.to_string() };
        let reply = self.app.send(Method::GET, &format!("/v1/articles/{article}/sections/{reference}"), &[]).await;
        let expected = match self.today.iter().find(|seen| seen.id == id) {
            None => "410".to_owned(),
            Some(Seen { anchor, number, .. }) if [anchor, number, &id.to_string()].contains(&&reference.to_owned()) => {
                format!("200 {id}")
            }
            Some(Seen { anchor, .. }) => format!("308 /v1/articles/{}/sections/{anchor}", self.slug),
        };
        let mut given = reply.status.as_u16().to_string();
        match reply.status.as_u16() {
            200 => {
                let _ = write!(given, " {}", reply.json()["id"].as_str().unwrap_or_default());
            }
            308 => {
                let _ = write!(given, " {}", reply.header("location"));
            }
            _ => {}
        }
        (given != expected).then(|| format!("{reference} answers {given}, not {expected}"))
    }
}

/// The editor's sections of a revision with their ids.
fn keys(revision: &Revision) -> impl Iterator<Item = (u32, Uuid)> {
    revision.model.sections.iter().map(|section| section.key).zip(revision.ids.iter().copied())
}
