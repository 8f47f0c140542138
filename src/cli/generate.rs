//! Completions and manual pages, made from the definition of the command line.

use std::io;

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::Cli;

/// The completions for a shell.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "rocketman", &mut script);
    script
}

/// Every page of the manual, with its file name: that of the program first, then one for each command.
pub fn man_pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let commands = program.get_subcommands().cloned().map(|command| {
        // The page is called rocketman-tail, and shows the command as it is typed.
        let name = format!("rocketman-{}", command.get_name());
        (format!("{name}.1"), command.display_name(name))
    });
    let pages = std::iter::once(("rocketman.1".to_owned(), program.clone())).chain(commands);
    pages
        .map(|(file, command)| Ok((file, page(command)?)))
        .collect()
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
