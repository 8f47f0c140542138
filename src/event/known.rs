//! Collections that many people write to, and which name somebody may have meant.

use super::CollectionPattern;

/// Collections that are common on the network.
const KNOWN: [&str; 36] = [
    "app.bsky.actor.profile",
    "app.bsky.actor.status",
    "app.bsky.feed.generator",
    "app.bsky.feed.like",
    "app.bsky.feed.post",
    "app.bsky.feed.postgate",
    "app.bsky.feed.repost",
    "app.bsky.feed.threadgate",
    "app.bsky.graph.block",
    "app.bsky.graph.follow",
    "app.bsky.graph.list",
    "app.bsky.graph.listblock",
    "app.bsky.graph.listitem",
    "app.bsky.graph.starterpack",
    "app.bsky.graph.verification",
    "app.bsky.labeler.service",
    "app.bsky.notification.declaration",
    "blue.flashes.actor.profile",
    "chat.bsky.actor.declaration",
    "com.atproto.lexicon.schema",
    "com.shinolabs.pinksea.oekaki",
    "com.whtwnd.blog.entry",
    "community.lexicon.bookmarks.bookmark",
    "community.lexicon.calendar.event",
    "community.lexicon.calendar.rsvp",
    "events.smokesignal.calendar.event",
    "fm.teal.alpha.feed.play",
    "fyi.unravel.frontpage.post",
    "link.pastesphere.snippet",
    "my.skylights.rel",
    "place.stream.livestream",
    "pub.leaflet.document",
    "sh.tangled.repo",
    "sh.tangled.repo.issue",
    "social.grain.gallery",
    "xyz.statusphere.status",
];

impl CollectionPattern {
    /// Collections that are common on the network, in order: examples, and what completion offers.
    pub fn common() -> &'static [&'static str] {
        &KNOWN
    }

    /// Whether this collection is one of those that are meant.
    pub(crate) fn matches(&self, collection: &str) -> bool {
        match self.prefix() {
            Some(prefix) => collection.starts_with(prefix),
            None => collection == self.as_str(),
        }
    }

    /// Whether it means a collection that is common on the network.
    pub(crate) fn is_known(&self) -> bool {
        KNOWN.iter().any(|known| self.matches(known))
    }

    /// The name of a common collection, or of one of `seen`, that is nearest to this one: most
    /// likely what was meant. `None` where none is near. For a prefix it is a prefix.
    pub(crate) fn nearest<'a>(&self, seen: impl Iterator<Item = &'a str>) -> Option<String> {
        let (wanted, end) = match self.prefix() {
            Some(prefix) => (prefix.trim_end_matches('.'), ".*"),
            None => (self.as_str(), ""),
        };
        seen.chain(KNOWN)
            .flat_map(|name| candidates(name, !end.is_empty()))
            .map(|name| (distance(wanted, name), name))
            .filter(|(distance, name)| *distance <= wanted.len().max(name.len()) / 3)
            // A whole last part that is right weighs more than a few letters.
            .map(|(distance, name)| {
                (
                    distance.saturating_sub(2 * usize::from(ends_alike(wanted, name))),
                    name,
                )
            })
            .min()
            .map(|(_, name)| format!("{name}{end}"))
    }
}

/// The name itself, or every prefix of it that ends before a dot.
fn candidates(name: &str, are_prefixes: bool) -> impl Iterator<Item = &str> {
    let dots = name.match_indices('.').map(|(at, _)| at);
    let prefixes = dots.filter_map(move |at| name.get(..at).filter(|_| are_prefixes));
    prefixes.chain((!are_prefixes).then_some(name))
}

fn ends_alike(a: &str, b: &str) -> bool {
    a.rsplit('.').next() == b.rsplit('.').next()
}

/// How many letters have to be put in, left out, replaced, or swapped with the next to make one of
/// the other (optimal string alignment). Capitals are letters like others: names differ by them,
/// and people mistype them.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<_>, Vec<_>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(x != y);
            let mut least = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest(text: &str, seen: &[&str]) -> Option<String> {
        let pattern = CollectionPattern::parse(text).unwrap();
        pattern.nearest(seen.iter().copied())
    }

    #[test]
    fn the_nearest_name_is_what_was_meant() {
        for (typed, meant) in [
            ("app.bsky.feed.pots", "app.bsky.feed.post"),
            ("app.bsky.feed.Like", "app.bsky.feed.like"),
            ("app.bsky.post", "app.bsky.feed.post"),
            ("app.bsky.feed.follow", "app.bsky.graph.follow"),
            ("app.bsky.fed.*", "app.bsky.feed.*"),
            ("app.bksy.*", "app.bsky.*"),
            ("com.example.invented.thing", "com.example.invented.things"),
        ] {
            let found = nearest(typed, &["com.example.invented.things"]);
            assert_eq!(found.as_deref(), Some(meant), "{typed}");
        }
        assert_eq!(nearest("com.example.invented.thing", &[]), None);
        assert_eq!(nearest("org.example.*", &[]), None);
    }

    #[test]
    fn what_is_common_is_known() {
        let is_known = |text| CollectionPattern::parse(text).unwrap().is_known();
        assert!(is_known("app.bsky.feed.post") && is_known("app.bsky.graph.*"));
        assert!(!is_known("app.bsky.feed.pots") && !is_known("app.bsky.fed.*"));
    }

    #[test]
    fn a_prefix_matches_what_it_begins() {
        let prefix = CollectionPattern::parse("app.bsky.feed.*").unwrap();
        assert!(prefix.matches("app.bsky.feed.post"));
        assert!(!prefix.matches("app.bsky.feeds.post") && !prefix.matches(""));
    }

    #[test]
    fn distances_count_single_changes() {
        for (a, b, expected) in [
            ("", "", 0),
            ("a", "", 1),
            ("post", "pots", 1),
            ("post", "posts", 1),
            ("kitten", "sitting", 3),
            ("ca", "abc", 3),
        ] {
            assert_eq!(
                (distance(a, b), distance(b, a)),
                (expected, expected),
                "{a} {b}"
            );
        }
    }
}
