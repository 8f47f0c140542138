//! Blocks of code in a page, and the commands in them.

use super::Page;

/// A block of code.
pub(super) struct Block {
    /// What stands after the fence: a language, and a mark of ours.
    pub(super) info: String,
    pub(super) text: String,
    /// The line of its fence, counted from 1.
    pub(super) line: usize,
}

impl Block {
    /// Whether a shell can take it: all of it, or what stands after its prompts.
    fn is_shell(&self) -> bool {
        ["sh", "sh network", "sh nats", "console"].contains(&self.info.as_str())
    }

    /// What a user types: without the output of a console, and with the installed program in place
    /// of a build of it.
    pub(super) fn script(&self) -> Option<String> {
        let typed = |line: &str| match self.info.as_str() {
            "console" => line.strip_prefix("$ ").map(str::to_owned),
            _ => Some(line.replace("cargo run --release -- ", "rocketman ")),
        };
        let lines = self.text.lines().filter_map(typed);
        let lines: Vec<_> = lines.filter(|line| !line.starts_with("cargo ")).collect();
        (self.is_shell() && !lines.is_empty()).then(|| lines.join("\n"))
    }

    /// Whether a line of it calls the program.
    fn calls_us(&self) -> bool {
        let mut typed = self.text.lines().map(|line| line.trim_start_matches("$ "));
        typed.any(|line| line.starts_with("rocketman ") && !line.starts_with("rocketman = "))
    }
}

impl Page {
    pub(super) fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<Block> = None;
        for (index, line) in self.text.lines().enumerate() {
            match (line.strip_prefix("```"), &mut open) {
                (Some(info), None) => {
                    open = Some(Block {
                        info: info.to_owned(),
                        text: String::new(),
                        line: index + 1,
                    });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (None, Some(block)) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a block does not end", self.path);
        blocks
    }
}

#[test]
fn blocks_with_commands_of_ours_are_run() {
    for page in Page::all() {
        for block in page.blocks() {
            let (path, line) = (&page.path, block.line);
            assert!(
                block.is_shell() || !block.calls_us(),
                "{path}:{line}: mark the block as sh or console, so that its commands are run"
            );
        }
    }
}
