//! Chosen names and their keys: who may have what, and until when. No clock and no file here; seconds are arguments.

use std::collections::HashMap;

use pageport_proto::Code;
use pageport_proto::claim::Key;
use pageport_proto::name::{Name, Skeleton};

use super::record::Record;
use crate::config::Limits;

/// A name goes to no other key for 30 days after its last use. Two more, since uses are written down once a day only.
const KEPT: u64 = 32 * DAY;
const DAY: u64 = 86_400;
/// Between two searches for names that are free again, in seconds.
const PAUSE: u64 = 60;

/// All bindings.
#[derive(Default)]
pub(crate) struct Bindings {
    by_name: HashMap<Name, Binding>,
    /// Names that look alike; they belong to one key.
    by_skeleton: HashMap<Skeleton, Vec<Name>>,
    /// How many names a key has.
    by_key: HashMap<Key, u64>,
    searched: u64,
}

struct Binding {
    key: Key,
    /// The last use, in seconds of Unix time.
    used: u64,
    /// The last use that is on disk; `None` while none is.
    written: Option<u64>,
}

impl Bindings {
    /// Gives a name to a key. What is returned must be written before that is acknowledged.
    ///
    /// # Errors
    /// [`Code::ERR_NAME_TAKEN`] when the name, or one that looks like it, belongs to another key; [`Code::ERR_NAME_LIMIT`].
    pub(crate) fn bind(
        &mut self,
        name: &Name,
        key: &Key,
        limits: &Limits,
        now: u64,
    ) -> Result<Option<Record>, Code> {
        let alike = self.by_skeleton.get(&name.skeleton()).cloned().unwrap_or_default();
        for other in alike {
            match self.by_name.get(&other) {
                Some(binding) if binding.key == *key => {}
                Some(binding) if binding.is_kept(now) => return Err(Code::ERR_NAME_TAKEN),
                _ => self.remove(&other),
            }
        }
        if !self.by_name.contains_key(name) {
            if !self.has_room(key, limits) {
                self.remove_free(now);
            }
            if !self.has_room(key, limits) {
                return Err(Code::ERR_NAME_LIMIT);
            }
            self.insert(Record { name: name.clone(), key: key.clone(), used: now }, None);
        }
        Ok(self.touch(std::slice::from_ref(name), now).pop())
    }

    /// These names are used now. What is returned should be written some time: it was not for a day.
    pub(crate) fn touch(&mut self, names: &[Name], now: u64) -> Vec<Record> {
        let mut records = Vec::new();
        for name in names {
            let Some(binding) = self.by_name.get_mut(name) else { continue };
            binding.used = binding.used.max(now);
            if binding.written.is_none_or(|written| binding.used - written.min(binding.used) >= DAY) {
                records.push(Record { name: name.clone(), key: binding.key.clone(), used: binding.used });
            }
        }
        records
    }

    /// A record is on disk, or could not be written; then a binding that never was is none. Says whether it may be acknowledged.
    pub(crate) fn written(&mut self, record: &Record, done: bool) -> bool {
        let Some(binding) = self.by_name.get_mut(&record.name).filter(|binding| binding.key == record.key)
        else {
            return false;
        };
        if done {
            binding.written = binding.written.max(Some(record.used));
        } else if binding.written.is_none() {
            self.remove(&record.name);
        }
        done
    }

    /// What a file says; of several records for a name the last one counts. Names that are free again are left out.
    pub(crate) fn load(records: Vec<Record>, now: u64) -> Bindings {
        let mut bindings = Bindings::default();
        for record in records {
            bindings.remove(&record.name);
            let used = record.used;
            bindings.insert(record, Some(used));
        }
        bindings.remove_free(now);
        bindings
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Everything that is worth writing.
    pub(crate) fn records(&self) -> Vec<Record> {
        let record = |(name, binding): (&Name, &Binding)| Record {
            name: name.clone(),
            key: binding.key.clone(),
            used: binding.used,
        };
        self.by_name.iter().map(record).collect()
    }

    fn has_room(&self, key: &Key, limits: &Limits) -> bool {
        let all = u64::try_from(self.by_name.len()).unwrap_or(u64::MAX);
        all < limits.names && self.by_key.get(key).is_none_or(|own| *own < limits.names_per_key)
    }

    /// Goes through all names, so not more often than once a minute.
    fn remove_free(&mut self, now: u64) {
        if now < self.searched + PAUSE {
            return;
        }
        self.searched = now;
        let free = |(name, binding): (&Name, &Binding)| (!binding.is_kept(now)).then(|| name.clone());
        let free: Vec<Name> = self.by_name.iter().filter_map(free).collect();
        free.iter().for_each(|name| self.remove(name));
    }

    fn insert(&mut self, record: Record, written: Option<u64>) {
        let Record { name, key, used } = record;
        self.by_skeleton.entry(name.skeleton()).or_default().push(name.clone());
        *self.by_key.entry(key.clone()).or_default() += 1;
        self.by_name.insert(name, Binding { key, used, written });
    }

    fn remove(&mut self, name: &Name) {
        let Some(Binding { key, .. }) = self.by_name.remove(name) else { return };
        let skeleton = name.skeleton();
        if let Some(alike) = self.by_skeleton.get_mut(&skeleton) {
            alike.retain(|other| other != name);
            if alike.is_empty() {
                self.by_skeleton.remove(&skeleton);
            }
        }
        if let Some(own) = self.by_key.get_mut(&key) {
            *own -= 1;
            if *own == 0 {
                self.by_key.remove(&key);
            }
        }
    }
}

impl Binding {
    fn is_kept(&self, now: u64) -> bool {
        now < self.used.saturating_add(KEPT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn name(text: &str) -> Name {
        Name::parse(text).expect(text)
    }

    fn key(byte: u8) -> Key {
        Key::new([byte; 32])
    }

    fn bind(bindings: &mut Bindings, text: &str, owner: u8, now: u64) -> Result<(), Code> {
        let limits = Limits { names_per_key: 2, names: 3, ..Limits::default() };
        bindings.bind(&name(text), &key(owner), &limits, now).map(drop)
    }

    #[test]
    fn a_name_and_what_looks_like_it_go_to_no_other_key_for_thirty_days() {
        let mut bindings = Bindings::default();
        assert_eq!(bind(&mut bindings, "paypal", 1, NOW), Ok(()));
        for late in [0, 30 * DAY] {
            for alike in ["paypal", "paypa1", "pay-pal"] {
                assert_eq!(bind(&mut bindings, alike, 2, NOW + late), Err(Code::ERR_NAME_TAKEN), "{alike}");
            }
        }
        assert_eq!(bind(&mut bindings, "pay-pal", 1, NOW), Ok(()), "the same key may have both");
        bindings.touch(&[name("paypal")], NOW + 20 * DAY);
        assert_eq!(
            bind(&mut bindings, "paypal", 2, NOW + 50 * DAY),
            Err(Code::ERR_NAME_TAKEN),
            "it was used"
        );
        assert_eq!(bind(&mut bindings, "paypal", 2, NOW + 53 * DAY), Ok(()));
        assert_eq!(bind(&mut bindings, "pay-pal", 1, NOW + 53 * DAY), Err(Code::ERR_NAME_TAKEN));
    }

    #[test]
    fn a_key_and_the_gateway_have_so_many_names_and_no_more() {
        let mut bindings = Bindings::default();
        assert_eq!(bind(&mut bindings, "one", 1, NOW), Ok(()));
        assert_eq!(bind(&mut bindings, "two", 1, NOW), Ok(()));
        assert_eq!(bind(&mut bindings, "three", 1, NOW), Err(Code::ERR_NAME_LIMIT));
        assert_eq!(bind(&mut bindings, "two", 1, NOW), Ok(()), "what it has stays");
        assert_eq!(bind(&mut bindings, "three", 2, NOW), Ok(()));
        assert_eq!(bind(&mut bindings, "four", 3, NOW), Err(Code::ERR_NAME_LIMIT));
        assert_eq!(bind(&mut bindings, "four", 3, NOW + 32 * DAY), Ok(()), "old ones make room");
    }

    #[test]
    fn what_could_not_be_written_is_not_bound_and_uses_are_written_once_a_day() {
        let mut bindings = Bindings::default();
        let limits = Limits::default();
        let record =
            bindings.bind(&name("shop"), &key(1), &limits, NOW).expect("free").expect("to be written");
        let again = bindings.bind(&name("shop"), &key(1), &limits, NOW).expect("its own");
        assert!(again.is_some(), "nothing is on disk yet");
        bindings.written(&record, false);
        assert_eq!(bind(&mut bindings, "shop", 2, NOW), Ok(()));
        let record = Record { key: key(2), ..record };
        bindings.written(&record, true);
        assert_eq!(bindings.touch(&[name("shop")], NOW + DAY - 1), []);
        assert_eq!(bindings.touch(&[name("shop")], NOW + DAY), [Record { used: NOW + DAY, ..record }]);
    }

    #[test]
    fn what_is_loaded_is_what_was_written_last() {
        let record = |text, owner, used| Record { name: name(text), key: key(owner), used };
        let records = vec![record("shop", 1, NOW), record("old", 1, 0), record("shop", 2, NOW)];
        let mut bindings = Bindings::load(records, NOW);
        assert_eq!(bindings.records(), [record("shop", 2, NOW)]);
        assert_eq!(bind(&mut bindings, "sh0p", 1, NOW), Err(Code::ERR_NAME_TAKEN));
        assert_eq!(bindings.by_key.len(), 1);
    }
}
