//! A name server that fails in the middle of a run.

use std::time::Instant;

use super::{AT_ONCE, script, the_last_of_three};
use crate::support::{
    events::post,
    jetstream::{Connection, Request, Server},
    program::Rocketman,
    resolver::{Answer, Resolver},
};

#[test]
fn a_name_that_is_lost_in_mid_run_is_looked_up_until_it_is_back() {
    for (answer, words) in [
        (Answer::Failure, "cannot look up 'jetstream.test': "),
        (Answer::Unknown, "cannot look up 'jetstream.test': "),
        (Answer::Silence, "no answer within 1s"),
    ] {
        let Some(resolver) = Resolver::start() else {
            return;
        };
        let (fail, may_fail) = std::sync::mpsc::channel();
        let server = Server::expecting([
            script(move |request: Request| {
                let mut connection = request.accept();
                connection.send_all((0..2).map(post));
                may_fail.recv_timeout(crate::support::DEADLINE).unwrap();
                Connection::cut(connection);
            }),
            script(the_last_of_three),
        ]);
        let url = format!("ws://jetstream.test:{}/subscribe", server.port());
        let mut running = Rocketman::tail(&url)
            .logging_each_try()
            .with("-n 3 --connect-timeout 1s --max-backoff 300ms")
            .with_resolver(&resolver.conf())
            .start();
        assert_eq!(running.lines(2), [post(0), post(1)]);
        resolver.answer(answer);
        let begin = Instant::now();
        fail.send(()).unwrap();
        running.message(words);
        let took = begin.elapsed();
        assert!(took < 2 * AT_ONCE, "{answer:?}: {took:?}");
        resolver.answer(Answer::Here);
        assert_eq!(running.line(), post(2), "{answer:?}");
        let output = running.finish();
        let connected = format!("connected again to {url}");
        output.assert_says(0, &[words, &connected, ", 1 repeat dropped"]);
    }
}
