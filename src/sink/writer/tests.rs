use std::sync::mpsc as std_mpsc;

use super::*;

/// Takes its time for each write: until it is told to go on.
struct Slow {
    go_on: std_mpsc::Receiver<()>,
    written: u64,
}

impl Target for Slow {
    fn write(&mut self, buffer: &Buffer, _context: &SinkContext) -> Result<(), MemberError> {
        self.go_on.recv().ok();
        self.written = buffer.marks.last().map_or(self.written, |mark| mark.1);
        Ok(())
    }

    fn sync(&mut self, context: &SinkContext) -> Result<(), MemberError> {
        context.accept_up_to(self.written, Vec::new());
        Ok(())
    }

    fn finish(&mut self, _context: &SinkContext) -> Result<(), MemberError> {
        Ok(())
    }
}

fn one_event() -> Batch {
    let mut batch = Batch::new();
    let line = br#"{"did":"did:plc:a","time_us":1,"kind":"identity"}"#;
    batch.buffer().extend_from_slice(line);
    let envelope = batch
        .parse_tail(0, crate::event::LineRules::default())
        .unwrap();
    batch.commit_tail(0, envelope);
    batch
}

/// Writes sometimes nothing at once, sometimes a part, sometimes all; the rest it takes when it may
/// wait.
struct Moody {
    random: fastrand::Rng,
    out: Arc<Mutex<Vec<u8>>>,
    n_at_once: u64,
    noted: u64,
}

impl Moody {
    fn put(&mut self, lines: &[u8]) {
        self.out.lock().unwrap().extend_from_slice(lines);
    }

    fn note(&mut self, marks: &[(usize, u64)]) {
        let last = marks.last().unwrap().1;
        assert!(last > self.noted, "noted twice");
        self.noted = last;
    }
}

impl Target for Moody {
    fn write(&mut self, buffer: &Buffer, _context: &SinkContext) -> Result<(), MemberError> {
        if buffer.written == 0 {
            self.note(&buffer.marks);
        }
        self.put(&buffer.lines[buffer.written..]);
        Ok(())
    }

    fn write_now(&mut self, lines: &[u8], marks: &[(usize, u64)], _context: &SinkContext) -> usize {
        let written = match self.random.u8(..3) {
            0 => return 0,
            1 => self.random.usize(1..=lines.len()),
            _ => lines.len(),
        };
        self.n_at_once += u64::from(written == lines.len());
        self.note(marks);
        self.put(&lines[..written]);
        written
    }

    fn sync(&mut self, context: &SinkContext) -> Result<(), MemberError> {
        context.accept_up_to(self.noted, Vec::new());
        Ok(())
    }

    fn finish(&mut self, context: &SinkContext) -> Result<(), MemberError> {
        assert!(self.n_at_once > 100, "nothing was written at once");
        self.sync(context)
    }
}

#[tokio::test]
async fn direct_and_queued_writes_come_in_order() {
    let mut random = fastrand::Rng::with_seed(6);
    let (out, context) = (Arc::default(), SinkContext::default());
    let target = Moody {
        random: random.fork(),
        out: Arc::clone(&out),
        n_at_once: 0,
        noted: 0,
    };
    let mut writer = Writer::start("moody", target, context.clone()).unwrap();
    let (mut batch, mut expected, mut given) = (Batch::new(), Vec::new(), 0);
    for _ in 0..2000 {
        batch.clear();
        for _ in 0..random.u64(1..200) {
            let line = format!(r#"{{"did":"did:plc:a","time_us":{given},"kind":"identity"}}"#);
            batch.push(line.as_bytes()).unwrap();
            given += 1;
        }
        expected.extend_from_slice(batch.lines());
        writer.write(&mut batch).await.unwrap();
        assert!(batch.is_empty());
        match random.u8(..10) {
            0 => writer.sync().await.unwrap(),
            // Lets the thread have its turn, so that it is idle now and then.
            1..5 => {
                while !writer.is_idle() {
                    tokio::task::yield_now().await;
                }
            }
            _ => {}
        }
    }
    writer.finish().await.unwrap();
    assert_eq!(context.accepted(), given);
    assert!(*out.lock().unwrap() == expected);
}

#[tokio::test]
async fn a_checkpoint_is_not_passed_over_while_the_target_is_behind() {
    let (tell, go_on) = std_mpsc::channel();
    let context = SinkContext::default();
    let target = Slow { go_on, written: 0 };
    let mut writer = Writer::start("slow", target, context.clone()).unwrap();
    let mut given = 0;
    // As many as it takes without anything being written.
    while let Ok(result) = tokio::time::timeout(
        std::time::Duration::from_millis(100),
        writer.write(&mut one_event()),
    )
    .await
    {
        result.unwrap();
        given += 1;
    }
    writer.sync().await.unwrap();
    for _ in 0..given {
        tell.send(()).unwrap();
    }
    writer.finish().await.unwrap();
    assert_eq!(context.accepted(), given);
}
