//! Completions and manual pages, made from the definition of the command line.

use std::io;

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::Cli;

/// The completions for a shell.
pub(crate) fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "rocketman", &mut script);
    script
}

/// Every page of the manual, with its file name: that of the program first, then one for each command and each of its own.
pub(crate) fn man_pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let mut pages = Vec::new();
    add_pages("rocketman", program, &mut pages)?;
    Ok(pages)
}

/// Adds the page of a command, which is called rocketman-tail and shows the command as it is typed, and those below it.
fn add_pages(name: &str, command: Command, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    let command = command.display_name(name.to_owned());
    pages.push((format!("{name}.1"), page(command.clone())?));
    for sub in command.get_subcommands() {
        add_pages(&format!("{name}-{}", sub.get_name()), sub.clone(), pages)?;
    }
    Ok(())
}

fn page(command: Command) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    // Without a date, so that the same definition makes the same page on every day.
    Man::new(command)
        .date("")
        .manual("rocketman manual")
        .render(&mut text)?;
    Ok(text)
}
