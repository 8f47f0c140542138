//! A cursor store of one's own that hangs.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rocketman::{
    Ended, MemberError, Pipeline, PipelineSettings,
    cursor::{CursorStore, Saved},
    source::jetstream::JetstreamSettings,
};

use crate::support::{events::post, jetstream::Server, state_log::StateLog};

/// A database behind a link that dies after the first save, and is back for the third.
#[derive(Default)]
struct DeadLink {
    tries: u64,
    saved: Arc<Mutex<Option<Saved>>>,
}

impl CursorStore for DeadLink {
    async fn load(&mut self) -> Result<Option<Saved>, MemberError> {
        Ok(None)
    }

    async fn save(&mut self, saved: &Saved) -> Result<(), MemberError> {
        self.tries += 1;
        if self.tries == 2 {
            std::future::pending::<()>().await;
        }
        *self.saved.lock().unwrap() = Some(saved.clone());
        Ok(())
    }
}

#[test]
fn a_save_that_hangs_holds_nothing_up_is_bounded_and_said() {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        for n in 0.. {
            if !connection.try_send(post(n)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    let settings = JetstreamSettings {
        endpoints: vec![server.url().parse().unwrap()],
        ..JetstreamSettings::default()
    };
    let (store, said) = (DeadLink::default(), StateLog::default());
    let (saved, stop_at) = (Arc::clone(&store.saved), Duration::from_secs(30));
    let pipeline = Pipeline::events(settings)
        .cursor(store)
        .settings(PipelineSettings {
            save_every: Duration::from_millis(100),
            duration: Some(stop_at),
            ..PipelineSettings::default()
        });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let began = Instant::now();
    let longest = Mutex::new(Duration::ZERO);
    let summary = said.during(|| {
        runtime.block_on(async {
            let mut events = pipeline.into_stream().auto_ack();
            let mut last = Instant::now();
            while let Some(event) = events.next().await {
                event.unwrap();
                let mut longest = longest.lock().unwrap();
                *longest = last.elapsed().max(*longest);
                last = Instant::now();
                if said
                    .lines()
                    .iter()
                    .any(|line| line.contains("is saved again"))
                {
                    break;
                }
            }
            events.finish().await.unwrap()
        })
    });
    let lines = said.lines();
    let about = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
    assert_eq!(about("could not be saved, trying again"), 1, "{lines:#?}");
    assert_eq!(about("the cursor is saved again"), 1, "{lines:#?}");
    assert_eq!(summary.ended, Ended::Stopped);
    // The limit on a save is ten seconds; events came all the while.
    assert!(began.elapsed() >= Duration::from_secs(10));
    let longest = *longest.lock().unwrap();
    assert!(longest < Duration::from_secs(5), "nothing for {longest:?}");
    let saved = saved.lock().unwrap().take().unwrap();
    let position = summary.position.unwrap();
    assert_eq!(saved.place.seq(), position.point.seq);
}
