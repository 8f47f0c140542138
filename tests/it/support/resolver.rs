//! A name server of the test's own.

use std::{
    fs,
    net::UdpSocket,
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex},
    thread,
};

use tempfile::TempDir;

/// What every question is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The name is this machine's.
    Here,
    /// The name server has a fault of its own.
    Failure,
    /// There is no such name.
    Unknown,
    /// None at all.
    Silence,
}

/// The name server.
pub struct Resolver {
    folder: TempDir,
    answer: Arc<Mutex<Answer>>,
}

impl Resolver {
    /// `None`, with the reason printed, where the program cannot be made to ask it.
    pub fn start() -> Option<Self> {
        let can_mount = Command::new("unshare").args(["-m", "true"]).status();
        // Each test has one of its own; a port other than 53 cannot be named in a resolv.conf.
        let mut addresses = (60..=250).map(|n| format!("127.0.0.{n}"));
        let socket = addresses.find_map(|address| {
            let socket = UdpSocket::bind((address.as_str(), 53)).ok()?;
            Some((socket, address))
        });
        let (Some((socket, address)), true) =
            (socket, can_mount.is_ok_and(|status| status.success()))
        else {
            println!("skipped: it takes root and unshare to replace the resolver");
            return None;
        };
        let resolver = Self {
            folder: tempfile::tempdir().unwrap(),
            answer: Arc::new(Mutex::new(Answer::Here)),
        };
        let conf = format!("nameserver {address}\noptions timeout:30 attempts:1\n");
        fs::write(resolver.conf(), conf).unwrap();
        let answer = Arc::clone(&resolver.answer);
        thread::spawn(move || {
            let mut question = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question) {
                let answer = *answer.lock().unwrap();
                if answer != Answer::Silence {
                    let answer = reply(&question[..length], answer);
                    socket.send_to(&answer, from).ok();
                }
            }
        });
        Some(resolver)
    }

    /// The `resolv.conf` that leads to it.
    pub fn conf(&self) -> PathBuf {
        self.folder.path().join("resolv.conf")
    }

    /// Answers in this way from now on.
    pub fn answer(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }
}

/// The answer to one question (RFC 1035, section 4).
fn reply(question: &[u8], answer: Answer) -> Vec<u8> {
    const ADDRESS: u8 = 1;
    let mut end = 12;
    while question[end] != 0 {
        end += 1 + usize::from(question[end]);
    }
    // The length of no further label, the type and the class.
    end += 5;
    let is_here = answer == Answer::Here && question[end - 3] == ADDRESS;
    let code = match answer {
        Answer::Failure => 2,
        Answer::Unknown => 3,
        Answer::Here | Answer::Silence => 0,
    };
    let mut reply = question[..2].to_vec();
    reply.extend([0x81, 0x80 | code, 0, 1, 0, u8::from(is_here), 0, 0, 0, 0]);
    reply.extend(&question[12..end]);
    if is_here {
        // The name of the question, for no time at all.
        reply.extend([0xc0, 12, 0, ADDRESS, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);
    }
    reply
}
