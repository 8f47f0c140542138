//! The modules of a crate, and which file uses items of which.

use std::collections::{BTreeMap, BTreeSet};

use super::tokens::{Token, tokens};

/// How many imports may lead from one to the next.
const MAX_IMPORTS: usize = 20;

/// The names on the way from the root of a crate to a module.
type Module = Vec<String>;

/// A crate, read from its root.
#[derive(Debug)]
pub struct Tree {
    files: BTreeMap<String, Source>,
    modules: BTreeMap<Module, Scope>,
}

#[derive(Debug, Default)]
struct Source {
    module: Module,
    tokens: Vec<Token>,
    paths: Vec<Path>,
}

#[derive(Debug, Default)]
struct Scope {
    file: String,
    /// What each name is imported from.
    imports: BTreeMap<String, Vec<String>>,
}

/// A path in the text of a file, as it is written.
#[derive(Debug)]
struct Path {
    scope: Module,
    names: Vec<String>,
    /// It is re-exported under this name, and not used by that alone.
    exported_as: Option<String>,
}

impl Tree {
    /// Reads the crate that begins with the file `root`; `read` gives the text of a file.
    pub fn new(root: &str, read: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut tree = Self {
            files: BTreeMap::new(),
            modules: BTreeMap::new(),
        };
        let (folder, _) = root.rsplit_once('/').expect("a root in a folder");
        tree.add(root, folder, Vec::new(), read);
        tree
    }

    fn add(
        &mut self,
        file: &str,
        folder: &str,
        module: Module,
        read: &dyn Fn(&str) -> Option<String>,
    ) {
        let text = read(file).unwrap_or_else(|| panic!("{file} is not there"));
        let source = Source {
            module: module.clone(),
            tokens: tokens(&text),
            paths: Vec::new(),
        };
        let mut reading = Reading::new(file, &source.tokens, module);
        reading.read();
        let Reading {
            scopes,
            paths,
            children,
            ..
        } = reading;
        self.modules.extend(scopes);
        self.files
            .insert(file.to_owned(), Source { paths, ..source });
        for child in children {
            let name = child.last().expect("a name").clone();
            let below = format!("{folder}/{name}");
            let flat = format!("{below}.rs");
            let file = if read(&flat).is_some() {
                flat
            } else {
                format!("{below}/mod.rs")
            };
            self.add(&file, &below, child, read);
        }
    }

    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Whether a file names something of another crate.
    pub fn names(&self, file: &str, krate: &str) -> bool {
        self.files[file].tokens.iter().any(|token| token.is(krate))
    }

    /// The modules of the root that are only there with a feature.
    pub fn behind(&self, feature: &str) -> BTreeSet<String> {
        let tokens = &self.files[&self.modules[&Vec::new()].file].tokens;
        let is_meant = |token: &Token| matches!(token, Token::Text(text) if text == feature);
        let of = |(at, token): (usize, &Token)| {
            let mut behind = tokens.get(at + 1..)?.iter().filter(|_| is_meant(token));
            let mut item = behind.by_ref().take_while(|token| !token.is(";"));
            item.find(|token| token.is("mod"))?;
            match item.next()? {
                Token::Word(name) => Some(name.clone()),
                Token::Mark(_) | Token::Text(_) => None,
            }
        };
        tokens.iter().enumerate().filter_map(of).collect()
    }

    /// The files whose items a file uses.
    pub fn uses(&self, file: &str) -> BTreeSet<String> {
        let source = &self.files[file];
        let of = |path: &Path| {
            let module = self.resolve(&path.scope, &path.names, 0)?;
            let target = &self.modules[&module].file;
            let is_child = self.files[target].module.starts_with(&source.module);
            let is_only_exported = path.exported_as.as_ref().is_some_and(|name| {
                is_child && source.tokens.iter().filter(|token| token.is(name)).count() == 1
            });
            (target != file && !is_only_exported).then(|| target.clone())
        };
        source.paths.iter().filter_map(of).collect()
    }

    /// Which files use which, for the sake of circles: what is an ancestor's own may be used by all
    /// below it.
    pub fn edges(&self) -> BTreeSet<(String, String)> {
        let mut edges = BTreeSet::new();
        for (file, source) in &self.files {
            for target in self.uses(file) {
                if !source.module.starts_with(&self.files[&target].module) {
                    edges.insert((file.clone(), target));
                }
            }
        }
        edges
    }

    /// The module that defines what a path names; `None` for another crate's.
    fn resolve(&self, scope: &Module, names: &[String], depth: usize) -> Option<Module> {
        let (mut module, mut rest) = match names {
            [first, rest @ ..] if first == "crate" => (Vec::new(), rest),
            [first, rest @ ..] if first == "self" => (scope.clone(), rest),
            _ => (scope.clone(), names),
        };
        while let [name, behind @ ..] = rest
            && name == "super"
        {
            module.pop();
            rest = behind;
        }
        while let [name, behind @ ..] = rest {
            module.push(name.clone());
            if self.modules.contains_key(&module) {
                rest = behind;
                continue;
            }
            module.pop();
            let imported = self.modules.get(&module)?.imports.get(name);
            // An import that leads nowhere new is of another crate, or of a name that is its own.
            let Some(import) = imported.filter(|_| depth < MAX_IMPORTS) else {
                break;
            };
            let whole: Vec<_> = import.iter().chain(behind).cloned().collect();
            return self.resolve(&module, &whole, depth + 1);
        }
        let is_ours = ["crate", "self", "super"].contains(&names.first()?.as_str());
        (is_ours || module != *scope).then_some(module)
    }
}

/// Reads the tokens of one file.
struct Reading<'a> {
    file: &'a str,
    tokens: &'a [Token],
    at: usize,
    /// The module that is read, with where each that is written in place ends.
    module: Module,
    ends: Vec<usize>,
    depth: usize,
    scopes: BTreeMap<Module, Scope>,
    paths: Vec<Path>,
    children: Vec<Module>,
}

impl<'a> Reading<'a> {
    fn new(file: &'a str, tokens: &'a [Token], module: Module) -> Self {
        let mut reading = Self {
            file,
            tokens,
            at: 0,
            module,
            ends: Vec::new(),
            depth: 0,
            scopes: BTreeMap::new(),
            paths: Vec::new(),
            children: Vec::new(),
        };
        reading.open();
        reading
    }

    /// Knows the module that begins here.
    fn open(&mut self) {
        let scope = Scope {
            file: self.file.to_owned(),
            imports: BTreeMap::new(),
        };
        self.scopes.insert(self.module.clone(), scope);
    }

    fn read(&mut self) {
        let mut is_public = false;
        while let Some(token) = self.tokens.get(self.at) {
            match token {
                Token::Word(word) if word == "pub" => {
                    self.at += 1;
                    if self.is("(") {
                        self.skip_to(")");
                    }
                    is_public = true;
                    continue;
                }
                Token::Word(word) if word == "mod" => self.declaration(),
                Token::Word(word) if word == "use" => {
                    self.at += 1;
                    self.import(&[], is_public);
                }
                Token::Word(_) => self.path(),
                Token::Mark('{') => self.depth += 1,
                Token::Mark('}') => {
                    self.depth -= 1;
                    if self.ends.last() == Some(&self.depth) {
                        self.ends.pop();
                        self.module.pop();
                    }
                }
                Token::Mark(_) | Token::Text(_) => {}
            }
            is_public = false;
            self.at += 1;
        }
    }

    fn is(&self, text: &str) -> bool {
        self.tokens.get(self.at).is_some_and(|token| token.is(text))
    }

    fn skip_to(&mut self, text: &str) {
        while self.at < self.tokens.len() && !self.is(text) {
            self.at += 1;
        }
        self.at += 1;
    }

    fn word(&self) -> Option<String> {
        match self.tokens.get(self.at)? {
            Token::Word(word) => Some(word.clone()),
            Token::Mark(_) | Token::Text(_) => None,
        }
    }

    /// Steps over `::` if it comes next.
    fn separator(&mut self) -> bool {
        let next = self.tokens.get(self.at..self.at + 2);
        let is_next = next.is_some_and(|next| next.iter().all(|token| token.is(":")));
        self.at += if is_next { 2 } else { 0 };
        is_next
    }

    /// A module, in a file of its own or in place.
    fn declaration(&mut self) {
        self.at += 1;
        let Some(name) = self.word() else {
            return;
        };
        self.at += 1;
        self.module.push(name);
        if self.is("{") {
            self.ends.push(self.depth);
            self.depth += 1;
            self.open();
        } else {
            self.children.push(self.module.clone());
            self.module.pop();
        }
    }

    /// The tree of names behind `use`, up to its end.
    fn import(&mut self, before: &[String], is_public: bool) {
        let mut names = before.to_vec();
        loop {
            if self.is("{") {
                self.at += 1;
                while !self.is("}") {
                    self.import(&names, is_public);
                    if self.is(",") {
                        self.at += 1;
                    }
                }
                self.at += 1;
                return;
            }
            let is_glob = self.is("*");
            let Some(name) = self.word().or_else(|| is_glob.then(|| "*".to_owned())) else {
                return;
            };
            self.at += 1;
            if name != "self" || names.is_empty() {
                names.push(name);
            }
            if !self.separator() {
                break;
            }
        }
        let mut alias = names.last().cloned().unwrap_or_default();
        if self.is("as") {
            self.at += 1;
            alias = self.word().unwrap_or_default();
            self.at += 1;
        }
        let scope = self.scopes.get_mut(&self.module).expect("an open module");
        scope.imports.insert(alias.clone(), names.clone());
        self.paths.push(Path {
            scope: self.module.clone(),
            names,
            exported_as: is_public.then_some(alias),
        });
    }

    /// A path in an expression or a type, of two names at least.
    fn path(&mut self) {
        let mut names = Vec::new();
        while let Some(name) = self.word() {
            names.push(name);
            self.at += 1;
            if !self.separator() {
                break;
            }
        }
        // The caller steps over the last token by itself.
        self.at -= 1;
        if names.len() > 1 {
            self.paths.push(Path {
                scope: self.module.clone(),
                names,
                exported_as: None,
            });
        }
    }
}
