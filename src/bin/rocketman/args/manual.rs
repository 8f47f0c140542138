//! Pages of the manual, in the macros of man(7), made from the definition of the command line.

mod roff;

use clap::{Arg, ArgAction, Command};

use self::roff::{Page, escaped};

/// Every page of the manual, with its file name: that of the program first, then one for each
/// command and each of its own.
pub(crate) fn man_pages() -> Vec<(String, String)> {
    let mut program = super::command().disable_help_subcommand(true);
    program.build();
    let mut pages = Vec::new();
    add_pages("rocketman", "rocketman", &program, &mut pages);
    pages
}

/// Adds the page of a command, which is called `rocketman-tail` and typed as `rocketman tail`, and
/// those below it.
fn add_pages(name: &str, typed: &str, command: &Command, pages: &mut Vec<(String, String)>) {
    pages.push((format!("{name}.1"), page(name, typed, command)));
    for sub in command.get_subcommands() {
        let (name, typed) = (
            format!("{name}-{}", sub.get_name()),
            format!("{typed} {}", sub.get_name()),
        );
        add_pages(&name, &typed, sub, pages);
    }
}

fn page(name: &str, typed: &str, command: &Command) -> String {
    let mut page = Page::default();
    // Without a date, so that the same definition makes the same page on every day.
    let version = env!("CARGO_PKG_VERSION");
    page.line(&format!(
        ".TH {} 1 \"\" \"rocketman {version}\" \"rocketman manual\"",
        name.to_uppercase()
    ));
    // Lines of flags and addresses are not to be stretched, nor words to be parted.
    page.line(".ad l");
    page.line(".nh");
    let about = command.get_about().map(ToString::to_string);
    page.section("NAME");
    page.text(&format!("{name} - {}", about.unwrap_or_default()));
    page.section("SYNOPSIS");
    page.synopsis(typed, command);
    page.section("DESCRIPTION");
    let long = command.get_long_about().or(command.get_about());
    page.paragraphs(&long.map(ToString::to_string).unwrap_or_default());
    page.arguments(command);
    page.commands(name, command);
    if let Some(examples) = command.get_before_help() {
        page.blocks(&examples.to_string());
    }
    if let Some(after) = command.get_after_long_help() {
        page.blocks(&after.to_string());
    }
    page.section("SEE ALSO");
    page.see_also(name, command);
    page.0
}

impl Page {
    fn synopsis(&mut self, typed: &str, command: &Command) {
        let positionals = command.get_positionals().map(|argument| {
            let name = escaped(&value_names(argument));
            let dots = if takes_many(argument) { "..." } else { "" };
            if argument.is_required_set() {
                format!("\\fI{name}\\fR{dots}")
            } else {
                format!("[\\fI{name}\\fR]{dots}")
            }
        });
        let command_word = command
            .has_subcommands()
            .then(|| "\\fICOMMAND\\fR".to_owned());
        let words: Vec<_> = [
            format!("\\fB{}\\fR", escaped(typed)),
            "[\\fIOPTIONS\\fR]".to_owned(),
        ]
        .into_iter()
        .chain(positionals)
        .chain(command_word)
        .collect();
        self.line(&words.join(" "));
    }

    /// Arguments first, and then the flags by their headings.
    fn arguments(&mut self, command: &Command) {
        let shown = || command.get_arguments().filter(|arg| !arg.is_hide_set());
        let positionals: Vec<_> = shown().filter(|arg| arg.is_positional()).collect();
        if !positionals.is_empty() {
            self.section("ARGUMENTS");
            for argument in positionals {
                self.line(".TP");
                let name = escaped(&value_names(argument));
                self.line(&format!("\\fI{name}\\fR"));
                self.explained(argument);
            }
        }
        let mut headings: Vec<&str> = Vec::new();
        for flag in shown().filter(|arg| !arg.is_positional()) {
            let heading = heading(flag);
            if !headings.contains(&heading) {
                headings.push(heading);
            }
        }
        // Those of every command come last.
        headings.sort_by_key(|heading| *heading == GENERAL);
        for of in headings {
            self.section(&of.to_uppercase());
            for flag in shown().filter(|arg| !arg.is_positional() && heading(arg) == of) {
                self.line(".TP");
                self.line(&flag_line(flag));
                self.explained(flag);
            }
        }
    }

    /// What a flag or an argument means.
    fn explained(&mut self, arg: &Arg) {
        let help = arg.get_long_help().or(arg.get_help());
        let help = help.map(ToString::to_string).unwrap_or_default();
        for (n, paragraph) in help.split("\n\n").enumerate() {
            if n > 0 {
                self.line(".sp");
            }
            self.paragraph(paragraph);
        }
        if let Some(values) = values(arg) {
            self.line(".sp");
            self.text(&format!("It takes {values}."));
        }
        if let Some(variable) = arg.get_env().filter(|_| !arg.is_hide_env_set()) {
            self.line(".sp");
            self.text(&format!(
                "The variable {} sets it too.",
                variable.to_string_lossy()
            ));
        }
        let defaults: Vec<_> = arg
            .get_default_values()
            .iter()
            .map(|value| value.to_string_lossy())
            .collect();
        if takes_value(arg) && !defaults.is_empty() {
            self.line(".sp");
            self.text(&format!("The default is {}.", defaults.join(" ")));
        }
    }

    fn commands(&mut self, name: &str, command: &Command) {
        if !command.has_subcommands() {
            return;
        }
        self.section("COMMANDS");
        for sub in command.get_subcommands() {
            self.line(".TP");
            self.line(&format!(
                "\\fB{}\\fR(1)",
                escaped(&format!("{name}-{}", sub.get_name()))
            ));
            let about = sub.get_about().map(ToString::to_string);
            self.text(&about.unwrap_or_default());
        }
    }

    fn see_also(&mut self, name: &str, command: &Command) {
        let above = name.rsplit_once('-').map(|(above, _)| above.to_owned());
        let below = command.get_subcommands();
        let below = below.map(|sub| format!("{name}-{}", sub.get_name()));
        let pages: Vec<_> = above
            .into_iter()
            .chain(below)
            .map(|page| format!("\\fB{}\\fR(1)", escaped(&page)))
            .collect();
        self.line(&pages.join(", "));
    }
}

/// The heading of flags that have none.
const GENERAL: &str = "Options";

fn heading(arg: &Arg) -> &str {
    arg.get_help_heading().unwrap_or(GENERAL)
}

/// `-c, --collection NSID`, in bold and italics.
fn flag_line(flag: &Arg) -> String {
    let short = flag
        .get_short()
        .map(|letter| format!("\\fB\\-{letter}\\fR"));
    let long = flag
        .get_long()
        .map(|name| format!("\\fB\\-\\-{}\\fR", escaped(name)));
    let names: Vec<_> = short.into_iter().chain(long).collect();
    let names = names.join(", ");
    if !takes_value(flag) {
        return names;
    }
    let is_a_line = flag.get_num_args().is_some_and(|n| n.max_values() > 1);
    let dots = if is_a_line { "..." } else { "" };
    format!("{names} \\fI{}\\fR{dots}", escaped(&value_names(flag)))
}

pub(super) fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

fn takes_many(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
        || arg.get_num_args().is_some_and(|n| n.max_values() > 1)
}

fn value_names(arg: &Arg) -> String {
    match arg.get_value_names() {
        Some(names) => names.join(" "),
        None => arg.get_id().as_str().to_uppercase(),
    }
}

/// The values that are possible, where there are a few.
fn values(arg: &Arg) -> Option<String> {
    if !takes_value(arg) || arg.is_hide_possible_values_set() {
        return None;
    }
    let values: Vec<_> = arg
        .get_possible_values()
        .into_iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| match value.get_help() {
            Some(help) => format!("{} ({help})", value.get_name()),
            None => value.get_name().to_owned(),
        })
        .collect();
    let (last, others) = values.split_last()?;
    Some(if others.is_empty() {
        last.clone()
    } else {
        format!("{} or {last}", others.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_of_every_page_has_a_text() {
        let pages = man_pages();
        assert!(pages.len() > 8);
        for (name, page) in pages {
            let lines: Vec<_> = page.lines().collect();
            for (at, _) in lines.iter().enumerate().filter(|(_, line)| **line == ".TP") {
                let text = lines[at + 2];
                assert!(
                    !text.starts_with('.') && text.len() > 3,
                    "{name}: {} has no text",
                    lines[at + 1]
                );
            }
        }
    }

    #[test]
    fn a_page_has_the_sections_that_readers_look_for() {
        let pages = man_pages();
        let (_, tail) = pages
            .iter()
            .find(|(name, _)| name == "rocketman-tail.1")
            .unwrap();
        for section in [
            "NAME",
            "SYNOPSIS",
            "DESCRIPTION",
            "ARGUMENTS",
            "EXAMPLES",
            "ENVIRONMENT",
            "EXIT STATUS",
            "FILES",
            "SEE ALSO",
        ] {
            let heading = format!(".SH \"{section}\"\n");
            assert_eq!(tail.matches(&heading).count(), 1, "{section}");
        }
        assert!(tail.contains("\\fBrocketman tail\\fR [\\fIOPTIONS\\fR] [\\fISOURCE\\fR]...\n"));
    }
}
