//! Circles in a graph of files.

use std::collections::{BTreeMap, BTreeSet};

type Edges = BTreeSet<(String, String)>;

/// The groups of files that all reach each other, each in order of its names.
pub fn circles(edges: &Edges) -> Vec<Vec<String>> {
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to) in edges {
        next.entry(from).or_default().push(to);
    }
    let reached = |from: &str| {
        let mut reached = BTreeSet::new();
        let mut waiting = vec![from];
        while let Some(file) = waiting.pop() {
            for to in next.get(file).into_iter().flatten().copied() {
                if reached.insert(to) {
                    waiting.push(to);
                }
            }
        }
        reached
    };
    let all: BTreeMap<&str, BTreeSet<&str>> =
        next.keys().map(|from| (*from, reached(from))).collect();
    let mut found = BTreeSet::new();
    for (from, reached) in &all {
        let back = |file: &&&str| all.get(*file).is_some_and(|reached| reached.contains(from));
        let group: Vec<_> = reached
            .iter()
            .filter(back)
            .map(ToString::to_string)
            .collect();
        if !group.is_empty() {
            found.insert(group);
        }
    }
    found.into_iter().collect()
}
