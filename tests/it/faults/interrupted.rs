//! Streams of three events with a fault in them, and what the program makes of that.

use std::{
    ops::Range,
    sync::mpsc,
    time::{Duration, Instant},
};

use crate::support::{
    DEADLINE,
    events::post,
    jetstream::{Connection, Request, Server},
    program::{Output, Rocketman, Running},
};

/// A stream with a fault in it, and what the program made of that.
pub struct Survived {
    pub output: Output,
    /// From the fault to the line that tells of it.
    pub noticed_after: Duration,
}

impl Survived {
    /// Wants the line that tells of the fault to say this, and to come in this time.
    #[track_caller]
    pub fn assert_told(&self, words: &str, within: Range<Duration>) {
        let Output { stderr, .. } = &self.output;
        let told = stderr.lines().filter(|line| line.contains(words)).count();
        assert_eq!(told, 1, "lines with {words:?} in {stderr}");
        let after = self.noticed_after;
        assert!(within.contains(&after), "{words:?} came after {after:?}");
    }
}

/// Three events, and between the second and the third a fault of the open connection, which costs
/// no event and brings none again. Each change of state is one line.
pub fn interrupted(arguments: &str, fault: impl FnOnce(Connection) + Send + 'static) -> Survived {
    let (go_on, may_go_on) = mpsc::channel();
    let server = Server::expecting([
        script(move |request| {
            assert_eq!(request.cursor(), None);
            let mut connection = request.accept();
            connection.send_all((0..2).map(post));
            // What is not read yet, a reset would destroy.
            may_go_on.recv_timeout(DEADLINE).unwrap();
            fault(connection);
        }),
        script(the_last_of_three),
    ]);
    let call = Rocketman::tail(&server.url());
    let (running, lines) = before_the_fault(call, arguments);
    let begin = Instant::now();
    go_on.send(()).unwrap();
    running.message(": lost ");
    let noticed_after = begin.elapsed();
    survived(running.finish(), &lines, noticed_after, 4)
}

/// Three events, and between the second and the third a cut, and a fault before the next connection
/// is open.
pub fn unreachable(arguments: &str, fault: impl FnOnce(Request) + Send + 'static) -> Survived {
    let (tell, began) = mpsc::channel();
    let server = Server::expecting([
        script(two_and_a_cut),
        script(move |request| {
            tell.send(Instant::now()).unwrap();
            fault(request);
        }),
        script(the_last_of_three),
    ]);
    let call = Rocketman::tail(&server.url()).logging_each_try();
    let (running, lines) = before_the_fault(call, arguments);
    running.message(": cannot reach ");
    let noticed_after = began.recv().unwrap().elapsed();
    survived(running.finish(), &lines, noticed_after, 5)
}

/// The program that reads three events, once the first two of them came.
fn before_the_fault(call: Rocketman, arguments: &str) -> (Running, Vec<String>) {
    let mut running = call.with("-n 3").with(arguments).start();
    let lines = running.lines(2);
    (running, lines)
}

/// The lines that were read before come out whole with the rest, and on stderr there are this many
/// lines.
fn survived(
    mut output: Output,
    before: &[String],
    noticed_after: Duration,
    messages: usize,
) -> Survived {
    output.stdout.insert_str(0, &(before.join("\n") + "\n"));
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert_eq!(output.lines(), [0, 1, 2].map(post));
    let changes = output.stderr.lines();
    let changes = changes.filter(|line| !line.contains("skipped a message"));
    assert_eq!(changes.count(), messages, "{output:#?}");
    output.assert_says(0, &["connected again to ", ", 1 repeat dropped"]);
    Survived {
        output,
        noticed_after,
    }
}

pub fn script(script: impl FnOnce(Request) + Send + 'static) -> Box<dyn FnOnce(Request) + Send> {
    Box::new(script)
}

pub fn two_and_a_cut(request: Request) {
    assert_eq!(request.cursor(), None);
    let mut connection = request.accept();
    connection.send_all((0..2).map(post));
    connection.cut();
}

/// Goes on with the second event again, as asked for, and a third.
pub fn the_last_of_three(request: Request) {
    assert_eq!(request.cursor(), Some(2));
    let mut connection = request.accept();
    connection.send_all((1..3).map(post));
    connection.until_closed();
}
