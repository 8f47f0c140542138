//! A server that is killed loses the end of its archive, and gives what it reads again new numbers
//! and times.

use std::collections::HashSet;

use fastrand::Rng;

use super::*;

/// The rewind of a run that is not told otherwise.
const REWIND: Duration = Duration::from_secs(60);

/// How many events there are in all.
const EVENTS: u64 = 4000;

/// How far events overtake each other on their way into the server.
const OVERTAKING: usize = 12;

/// What makes one world different from another.
#[derive(Debug, Clone, Copy, Default)]
struct World {
    /// Numbers are left out.
    has_holes: bool,
    /// The client sees one event of three.
    is_filtered: bool,
    /// Deleted records go from the archive.
    compacts: bool,
    /// The client is killed too, and goes on from what it saved and what its files hold.
    kills_client: bool,
    /// Some outages are longer than the rewind.
    has_long_outages: bool,
}

/// One event of the archive.
#[derive(Debug, Clone, Copy)]
struct Entry {
    n: u64,
    seq: u64,
    time_us: u64,
}

/// A server whose archive is ahead of its disk.
struct Model {
    world: World,
    rng: Rng,
    log: Vec<Entry>,
    /// So much of it is on the disk.
    durable: usize,
    /// What is still to be read, in the order of the network.
    pending: Vec<u64>,
    next_seq: u64,
    now_us: u64,
}

impl Model {
    fn new(world: World, seed: u64) -> Self {
        Self {
            world,
            rng: Rng::with_seed(seed),
            log: Vec::new(),
            durable: 0,
            pending: (0..EVENTS).collect(),
            next_seq: 1,
            now_us: NOON,
        }
    }

    /// Reads less than `most` events of the network.
    fn ingest_up_to(&mut self, most: usize) {
        let n_events = self.rng.usize(..most).min(self.pending.len());
        for _ in 0..n_events {
            self.ingest();
        }
    }

    fn ingest(&mut self) {
        let reach = OVERTAKING.min(self.pending.len());
        // Most come as they are.
        let nth = if self.rng.u8(..4) == 0 {
            self.rng.usize(..reach)
        } else {
            0
        };
        let n = self.pending.remove(nth);
        self.now_us += self.rng.u64(1..100_000);
        self.log.push(Entry {
            n,
            seq: self.next_seq,
            time_us: self.now_us,
        });
        self.next_seq += 1;
        if self.world.has_holes && self.rng.u8(..8) == 0 {
            self.next_seq += self.rng.u64(1..4);
        }
        if self.rng.u8(..100) == 0 {
            self.durable = self.log.len() - self.rng.usize(..self.log.len() - self.durable);
        }
        if self.world.compacts && self.durable > 0 && self.rng.u8(..50) == 0 {
            self.log.remove(self.rng.usize(..self.durable));
            self.durable -= 1;
        }
    }

    fn kill(&mut self) {
        let lost = self.log.split_off(self.durable);
        self.next_seq = match lost.first() {
            Some(first) => first.seq,
            None => self.next_seq,
        };
        self.pending.extend(lost.iter().map(|entry| entry.n));
        self.pending.sort_unstable();
        let outage_s = if self.world.has_long_outages && self.rng.bool() {
            self.rng.u64(60..600)
        } else {
            self.rng.u64(2..33)
        };
        self.now_us += outage_s * SECOND;
    }

    /// The number from which on it sends what it has.
    fn first(&self, beginning: Beginning) -> u64 {
        match beginning.cursor() {
            // One that it has not given yet is the live tip.
            Some(seq) if seq < EVERYTHING_US => seq.min(self.next_seq),
            Some(time_us) => {
                let first = self.log.partition_point(|entry| entry.time_us < time_us);
                self.log.get(first).map_or(self.next_seq, |entry| entry.seq)
            }
            None => self.next_seq,
        }
    }

    fn is_wanted(&self, n: u64) -> bool {
        !self.world.is_filtered || n.is_multiple_of(3)
    }
}

/// A client and what it has written.
struct Client {
    resume: Resume,
    origin: Arc<Origin>,
    delivered: Vec<Point>,
    /// The events written and the trail when it saved last.
    saved: Option<(usize, Trail)>,
    /// The number that is read next.
    next_seq: u64,
    /// How often the last event came under its old number, and was read again all the same.
    by_chance: usize,
}

impl Client {
    fn new() -> Self {
        Self {
            resume: Resume::new(Some(Start::Time(NOON)), REWIND),
            origin: Arc::new(origin("a")),
            delivered: Vec::new(),
            saved: None,
            next_seq: 0,
            by_chance: 0,
        }
    }

    fn connect(&mut self, model: &Model) {
        self.next_seq = model.first(self.resume.begin(&self.origin));
    }

    /// Reads some of what there is.
    fn read(&mut self, model: &mut Model) {
        let begin = model.log.partition_point(|entry| entry.seq < self.next_seq);
        let end = model.rng.usize(begin..=model.log.len());
        let mut reached = None;
        for at in begin..end {
            let Entry { n, seq, time_us } = model.log[at];
            if !model.is_wanted(n) {
                continue;
            }
            let point = Point {
                seq: Some(seq),
                time_us,
                identity: Some(identity(n)),
            };
            match self.resume.admit(&point) {
                Repeat | Early => {}
                Renumbered => {
                    self.reach(reached);
                    let last = self.resume.last();
                    let is_chance =
                        |last: &Point| last.identity == point.identity && last.seq == point.seq;
                    self.by_chance += usize::from(last.is_some_and(is_chance));
                    self.resume.distrust_numbers();
                    return self.connect(model);
                }
                _ => {
                    self.delivered.push(point);
                    reached = Some(point);
                }
            }
        }
        self.next_seq = model.log.get(end).map_or(model.next_seq, |entry| entry.seq);
        self.reach(reached);
        if reached.is_some() && model.rng.u8(..4) == 0 {
            self.save();
        }
    }

    fn reach(&mut self, point: Option<Point>) {
        if let Some(point) = point {
            self.resume.reached(&self.origin, &point);
        }
    }

    fn save(&mut self) {
        let before = self.saved.take();
        let repeats_until_us = before.map_or(0, |(_, trail)| trail.repeats_until_us);
        let repeats_until_us = repeats_until_us.max(self.resume.repeats_until_us().unwrap_or(0));
        let last_us = self.delivered.last().map_or(0, |point| point.time_us);
        let trail = Trail {
            highest_us: self
                .delivered
                .iter()
                .map(|point| point.time_us)
                .max()
                .unwrap_or(0),
            first_us: NOON,
            repeats_until_us: if last_us > repeats_until_us {
                0
            } else {
                repeats_until_us
            },
            ..Trail::default()
        };
        self.saved = Some((self.delivered.len(), trail));
    }

    /// Begins anew with what was saved: files are cut back to it and read.
    fn restart(&mut self) {
        let Some((len, trail)) = &self.saved else {
            return;
        };
        self.delivered.truncate(*len);
        self.resume = Resume::new(None, REWIND);
        let position = Position {
            origin: (*self.origin).clone(),
            point: self.delivered[len - 1],
        };
        self.resume.restore(&position, trail, true);
        self.resume.recall(&mut self.delivered.iter().copied());
    }
}

/// Lives through a world, to the end of its stream.
fn live_through(world: World, seed: u64) -> (Model, Client) {
    let mut model = Model::new(world, seed);
    let mut client = Client::new();
    client.connect(&model);
    while !model.pending.is_empty() {
        model.ingest_up_to(60);
        client.read(&mut model);
        match model.rng.u8(..12) {
            0 => client.connect(&model),
            1 => {
                model.kill();
                if world.kills_client && model.rng.bool() {
                    client.restart();
                }
                model.ingest_up_to(400);
                client.connect(&model);
            }
            _ => {}
        }
    }
    client.connect(&model);
    // A stream goes on.
    model.pending = (EVENTS..EVENTS + 10).collect();
    while !model.pending.is_empty() {
        model.ingest();
    }
    while client.next_seq < model.next_seq {
        client.read(&mut model);
    }
    (model, client)
}

#[test]
fn nothing_is_lost_or_doubled_over_kills_of_a_server() {
    let worlds = (0..32u8).map(|bits| World {
        has_holes: bits & 1 != 0,
        is_filtered: bits & 2 != 0,
        compacts: bits & 4 != 0,
        kills_client: bits & 8 != 0,
        has_long_outages: bits & 16 != 0,
    });
    let mut by_chance = 0;
    for world in worlds {
        for seed in 0..6 {
            let (model, client) = live_through(world, seed);
            let delivered = client.delivered.iter().filter_map(|point| point.identity);
            let came: HashSet<_> = delivered.collect();
            let archive = model.log.iter().map(|entry| entry.n);
            let wanted = archive.filter(|n| model.is_wanted(*n));
            let lost: Vec<_> = wanted.filter(|n| !came.contains(&identity(*n))).collect();
            assert!(lost.is_empty(), "{world:?}, seed {seed}: {lost:?} are lost");
            let twice = client.delivered.len() - came.len();
            assert_eq!(twice, 0, "{world:?}, seed {seed}: came twice");
            by_chance += client.by_chance;
        }
    }
    // What this is about has happened.
    assert!(by_chance > 10, "{by_chance} times");
}
