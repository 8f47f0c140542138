//! A terminal that is closed while a run writes to a file.

use std::{fs, path::Path};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{terminal::Terminal, wait_until};

#[test]
fn a_closed_terminal_ends_a_run_that_a_hang_up_does_not() {
    let Some(terminal) = Terminal::run(
        "echo $$ > started; mv started pid; exec $R tail 'demo:?rate=100' -o out --cursor-file c",
    ) else {
        return;
    };
    let pid = || fs::read_to_string(terminal.path("pid")).ok();
    wait_until("the program", || pid().is_some());
    let pid: i32 = pid().unwrap().trim().parse().unwrap();
    let has_lines = || fs::metadata(terminal.path("out")).is_ok_and(|file| file.len() > 0);
    wait_until("its file", has_lines);
    fs::rename(terminal.path("out"), terminal.path("first")).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::HUP).unwrap();
    wait_until("its second file", has_lines);
    terminal.close();
    wait_until("its end", || !Path::new(&format!("/proc/{pid}")).exists());
    let written = fs::read_to_string(terminal.path("out")).unwrap();
    assert!(written.ends_with("}\n"), "{written}");
    let cursor: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(terminal.path("c")).unwrap()).unwrap();
    assert_eq!(cursor["files"][0]["bytes"], written.len(), "{cursor}");
}
