//! The state that events lead to, folded without a database, as the rules of a table say; and
//! histories to fold.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::events::{EPOCH, STEP};

/// One thing that was said of a record or an account.
#[derive(Debug, Clone)]
struct Said {
    rev: String,
    server: usize,
    seq: u64,
    time_us: u64,
    content: Option<(String, Value)>,
}

impl Said {
    /// Whether it counts against another of the same record.
    fn beats(&self, other: &Self) -> bool {
        if self.rev != other.rev {
            return self.rev > other.rev;
        }
        if self.server == other.server {
            return self.seq > other.seq;
        }
        match (&self.content, &other.content) {
            (Some((cid, _)), Some((other, _))) => cid > other,
            (mine, other) => mine.is_none() && other.is_some(),
        }
    }
}

/// What an account was emptied by.
#[derive(Debug)]
struct Floor {
    server: usize,
    seq: u64,
    time_us: u64,
    /// Of a repository that was reset; `None` for an account that was deleted.
    rev: Option<String>,
}

impl Floor {
    fn is_above(&self, said: &Said) -> bool {
        if self.server == said.server {
            return said.seq < self.seq;
        }
        match &self.rev {
            Some(rev) => said.rev < *rev,
            None => said.time_us < self.time_us,
        }
    }
}

/// Everything that was said, and what follows from it.
#[derive(Debug, Default)]
pub struct Fold {
    said: HashMap<String, Said>,
    floors: HashMap<String, Vec<Floor>>,
    statuses: HashMap<String, (u64, Option<String>)>,
}

impl Fold {
    /// Adds the events of a server. Those about accounts first: the outcome does not depend on the
    /// order.
    pub fn add<'a>(&mut self, server: usize, lines: impl IntoIterator<Item = &'a String>) {
        let events = lines.into_iter();
        let events: Vec<Value> = events
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        for event in &events {
            self.add_account(server, event);
        }
        for event in &events {
            self.add_commit(server, event);
        }
    }

    fn add_account(&mut self, server: usize, event: &Value) {
        let did = event["did"].as_str().unwrap().to_owned();
        let floor = |rev| Floor {
            server,
            seq: event["cursor"].as_u64().unwrap(),
            time_us: event["time_us"].as_u64().unwrap(),
            rev,
        };
        match event["kind"].as_str().unwrap() {
            "account" => {
                let status = event["account"]["status"].as_str().map(str::to_owned);
                if status.as_deref() == Some("deleted") {
                    self.floors
                        .entry(did.clone())
                        .or_default()
                        .push(floor(None));
                }
                let seq = event["account"]["seq"].as_u64().unwrap();
                let newest = self.statuses.entry(did).or_default();
                if seq >= newest.0 {
                    *newest = (seq, status);
                }
            }
            "sync" => {
                let rev = event["sync"]["rev"].as_str().unwrap().to_owned();
                self.floors.entry(did).or_default().push(floor(Some(rev)));
            }
            _ => {}
        }
    }

    fn add_commit(&mut self, server: usize, event: &Value) {
        if event["kind"] != "commit" {
            return;
        }
        let (did, commit) = (event["did"].as_str().unwrap(), &event["commit"]);
        let text = |key: &str| commit[key].as_str().unwrap();
        let uri = format!("at://{did}/{}/{}", text("collection"), text("rkey"));
        let is_delete = text("operation") == "delete";
        let said = Said {
            rev: text("rev").to_owned(),
            server,
            seq: event["cursor"].as_u64().unwrap(),
            time_us: event["time_us"].as_u64().unwrap(),
            content: (!is_delete).then(|| (text("cid").to_owned(), commit["record"].clone())),
        };
        let floors = self.floors.get(did).map_or(&[][..], Vec::as_slice);
        if !is_delete && floors.iter().any(|floor| floor.is_above(&said)) {
            return;
        }
        match self.said.get(&uri) {
            Some(known) if !said.beats(known) => {}
            _ => drop(self.said.insert(uri, said)),
        }
    }

    /// The records there are, hidden ones too: their hash and their content, by their address.
    pub fn records(&self) -> BTreeMap<String, (String, Value)> {
        let records = self.said.iter();
        records
            .filter_map(|(uri, said)| Some((uri.clone(), said.content.clone()?)))
            .collect()
    }

    /// Those of accounts that can be seen.
    pub fn visible(&self) -> BTreeMap<String, (String, Value)> {
        let is_hidden = |uri: &str| {
            let did = uri.split('/').nth(2).unwrap();
            let status = self
                .statuses
                .get(did)
                .and_then(|(_, status)| status.as_deref());
            matches!(status, Some("takendown" | "suspended" | "deactivated"))
        };
        let mut records = self.records();
        records.retain(|uri, _| !is_hidden(uri));
        records
    }
}

/// Draws histories: what accounts write, change, delete, and become.
pub struct Accounts {
    rng: fastrand::Rng,
    of: u64,
    /// What each account has.
    records: BTreeMap<u64, Vec<(String, String)>>,
    n: u64,
}

impl Accounts {
    pub fn new(seed: u64, of: u64) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            of,
            records: BTreeMap::new(),
            n: 0,
        }
    }

    /// The next events: as a rule one, and several where a repository is reset.
    pub fn step(&mut self) -> Vec<String> {
        let account = self.rng.u64(..self.of);
        match self.rng.u8(..100) {
            0..2 => {
                let statuses = ["takendown", "suspended", "deactivated", "throttled"];
                let status = self.rng.choice(statuses).unwrap();
                vec![self.account(account, json!({"active": false, "status": status}))]
            }
            2..4 => vec![self.account(account, json!({"active": true}))],
            4 => {
                self.records.remove(&account);
                vec![self.account(account, json!({"active": false, "status": "deleted"}))]
            }
            5 => self.reset(account),
            6..50 => vec![self.write(account)],
            50..75 => vec![self.change(account)],
            _ => vec![self.delete(account)],
        }
    }

    fn line(&mut self, account: u64, kind: &str, content: &Value) -> String {
        let n = self.n;
        self.n += 1;
        let (did, time_us, seq) = (did(account), EPOCH + n * STEP, n + 1);
        let content = content.to_string();
        format!(
            r#"{{"did":"{did}","time_us":{time_us},"cursor":{seq},"kind":"{kind}","{kind}":{content}}}"#
        )
    }

    fn account(&mut self, account: u64, mut content: Value) -> String {
        content["did"] = did(account).into();
        content["seq"] = (self.n + 1000).into();
        content["time"] = "2026-07-04T14:38:07.877Z".into();
        self.line(account, "account", &content)
    }

    /// The repository is what is written behind, all of one revision.
    fn reset(&mut self, account: u64) -> Vec<String> {
        let rev = self.rev();
        let content = json!({"did": did(account), "rev": rev, "seq": self.n + 1000});
        let mut lines = vec![self.line(account, "sync", &content)];
        let mut kept = self.records.remove(&account).unwrap_or_default();
        kept.retain(|_| self.rng.bool());
        for (collection, rkey) in &kept {
            lines.push(self.commit(account, "create", (collection, rkey), &rev));
        }
        self.records.insert(account, kept);
        lines
    }

    fn write(&mut self, account: u64) -> String {
        let collection = self.rng.choice(["a.b.c", "d.e.f"]).unwrap().to_owned();
        let rkey = format!("3l{:011}", self.n);
        let record = (collection, rkey);
        self.records
            .entry(account)
            .or_default()
            .push(record.clone());
        let rev = self.rev();
        self.commit(account, "create", (&record.0, &record.1), &rev)
    }

    fn change(&mut self, account: u64) -> String {
        let Some((collection, rkey)) = self.any(account) else {
            return self.write(account);
        };
        let rev = self.rev();
        self.commit(account, "update", (&collection, &rkey), &rev)
    }

    fn delete(&mut self, account: u64) -> String {
        let Some(record) = self.any(account) else {
            return self.write(account);
        };
        let records = self.records.entry(account).or_default();
        records.retain(|other| *other != record);
        let rev = self.rev();
        self.commit(account, "delete", (&record.0, &record.1), &rev)
    }

    fn any(&mut self, account: u64) -> Option<(String, String)> {
        let records = self.records.get(&account)?;
        self.rng.choice(records).cloned()
    }

    fn rev(&self) -> String {
        format!("3k{:011}", self.n)
    }

    fn commit(
        &mut self,
        account: u64,
        operation: &str,
        (collection, rkey): (&str, &str),
        rev: &str,
    ) -> String {
        let mut content = json!({
            "rev": rev, "operation": operation, "collection": collection, "rkey": rkey,
        });
        if operation != "delete" {
            content["record"] = json!({"$type": collection, "text": format!("héllo {}", self.n)});
            content["cid"] = cid_of(&content["record"]).into();
        }
        self.line(account, "commit", &content)
    }
}

/// The hash of a record, which segment files hold it against.
fn cid_of(record: &Value) -> String {
    let record = serde_ipld_dagcbor::to_vec(record).unwrap();
    let digest = ring::digest::digest(&ring::digest::SHA256, &record);
    let hash = cid::multihash::Multihash::<64>::wrap(0x12, digest.as_ref()).unwrap();
    cid::Cid::new_v1(0x71, hash).to_string()
}

fn did(account: u64) -> String {
    format!("did:plc:{account:024}")
}
