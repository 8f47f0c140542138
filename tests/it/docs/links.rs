//! Where links lead.

use std::collections::BTreeSet;

use super::{Page, root};

/// The targets of a page's links that lead to files of ours.
fn targets(page: &Page) -> Vec<&str> {
    let after = page.text.split("](").skip(1);
    let all = after.filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    all.filter(|target| !target.contains("://")).collect()
}

/// The path from the root that a link leads to, and the heading there.
fn resolve<'a>(page: &Page, target: &'a str) -> (String, Option<&'a str>) {
    let (file, anchor) = match target.split_once('#') {
        Some((file, anchor)) => (file, Some(anchor)),
        None => (target, None),
    };
    if file.is_empty() {
        return (page.path.clone(), anchor);
    }
    let mut parts: Vec<_> = page.path.split('/').collect();
    parts.pop();
    for part in file.split('/') {
        match part {
            ".." => assert!(parts.pop().is_some(), "{}: {target}", page.path),
            "." => {}
            part => parts.push(part),
        }
    }
    (parts.join("/"), anchor)
}

/// The anchors of a page's headings, as Markdown renderers make them.
fn anchors(page: &Page) -> BTreeSet<String> {
    let headings = page.text.lines().filter(|line| line.starts_with('#'));
    let titles = headings.map(|line| line.trim_start_matches('#').trim().to_lowercase());
    titles
        .map(|title| {
            let kept = title
                .chars()
                .filter(|char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_'));
            kept.map(|char| if char == ' ' { '-' } else { char })
                .collect()
        })
        .collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut n_links = 0;
    for page in Page::all() {
        for target in targets(&page) {
            let (path, anchor) = resolve(&page, target);
            let from = &page.path;
            assert!(root().join(&path).exists(), "{from}: no file {target}");
            if let Some(anchor) = anchor {
                let found = anchors(&Page::read(&path));
                assert!(found.contains(anchor), "{from}: no heading {target}");
            }
            n_links += 1;
        }
    }
    assert!(n_links > 30, "{n_links}");
}

#[test]
fn every_page_is_linked_to() {
    let pages = Page::all();
    let linked: BTreeSet<_> = pages
        .iter()
        .flat_map(|page| targets(page).into_iter().map(|to| resolve(page, to).0))
        .collect();
    let mut pages = pages.iter().map(|page| &page.path);
    let lonely = pages.find(|path| path.as_str() != "README.md" && !linked.contains(*path));
    assert_eq!(lonely, None, "nothing links to this page");
}
