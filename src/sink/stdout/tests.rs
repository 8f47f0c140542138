use std::io::{Read, pipe};

use super::*;

/// Some whole lines, and their marks.
fn lines(n: u64) -> Buffer {
    let mut buffer = Buffer::default();
    for events in 1..=n {
        buffer
            .lines
            .extend_from_slice(format!("line {events}\n").as_bytes());
        buffer.marks.push((buffer.lines.len(), events));
    }
    buffer
}

#[test]
fn what_a_pipe_does_not_take_at_once_follows() {
    let (mut reader, writer) = pipe().unwrap();
    let mut target = StdoutTarget::new(writer.into());
    let context = SinkContext::default();
    let mut buffer = lines(20_000);
    assert!(buffer.lines.len() > 2 * target.unread);
    buffer.written = target.write_now(&buffer.lines, &buffer.marks, &context);
    // Older kernels refuse, and then the rest is all of it.
    assert!(buffer.written <= target.unread, "{}", buffer.written);
    assert_eq!(target.write_now(b"more\n", &[(5, 1)], &context), 0);
    assert_eq!(context.accepted(), 0, "nothing is certainly read yet");
    let expected = buffer.lines.clone();
    let read = thread::spawn(move || {
        let mut read = Vec::new();
        reader.read_to_end(&mut read).map(|_| read)
    });
    target.write(&buffer, &context).unwrap();
    assert!((1..20_000).contains(&context.accepted()));
    target.finish(&context).unwrap();
    assert_eq!(context.accepted(), 20_000);
    drop(target);
    assert!(read.join().unwrap().unwrap() == expected);
}

#[test]
fn a_file_is_asked_once_and_a_device_takes_all_at_once() {
    let buffer = lines(100);
    let context = SinkContext::default();
    let mut file = StdoutTarget::new(tempfile::tempfile().unwrap().into());
    let written = file.write_now(&buffer.lines, &buffer.marks, &context);
    assert!(written == buffer.lines.len() || !file.may_refuse);
    let context = SinkContext::default();
    let device = File::options().write(true).open("/dev/null").unwrap();
    let mut device = StdoutTarget::new(device.into());
    let written = device.write_now(&buffer.lines, &buffer.marks, &context);
    assert!(written == buffer.lines.len() || !device.may_refuse);
    assert_eq!(context.accepted() == 100, written > 0);
}
