//! Segment files behind the requests with which the official client asks for a history.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    thread,
};

use serde_json::{Value, json};

/// Serves the segment files of a folder to as many clients as come, as long as the process lives.
/// Returns its `127.0.0.1:PORT`.
pub fn serve(folder: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let folder = folder.to_owned();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let folder = folder.clone();
            // A client that goes away is not of interest.
            thread::spawn(move || answer(&stream.unwrap(), &folder).ok());
        }
    });
    address
}

fn answer(stream: &TcpStream, folder: &Path) -> io::Result<()> {
    let mut request = BufReader::new(stream);
    let mut first = String::new();
    request.read_line(&mut first)?;
    let (mut length, mut line) = (0, String::new());
    while request.read_line(&mut line)? > 2 {
        let header = line.to_ascii_lowercase();
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    request.read_exact(&mut body)?;
    let target = first.split(' ').nth(1).unwrap_or_default();
    if let Some((_, name)) = target.split_once("getSegment?name=") {
        // Not read at once: what this process takes counts for the next one that it starts.
        let file = File::open(folder.join(name))?;
        let len = file.metadata()?.len();
        return send(stream, "200 OK", len, file);
    }
    if target.ends_with("planSnapshot") {
        let plan = plan(folder).to_string();
        return send(stream, "200 OK", plan.len() as u64, plan.as_bytes());
    }
    send(stream, "404 Not Found", 0, &[][..])
}

fn send(mut to: &TcpStream, status: &str, len: u64, mut body: impl Read) -> io::Result<()> {
    let head = "Connection: close\r\nContent-Type: application/json";
    write!(
        to,
        "HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {len}\r\n\r\n"
    )?;
    io::copy(&mut body, &mut to)?;
    Ok(())
}

/// All files, each as a whole.
fn plan(folder: &Path) -> Value {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let mut files: Vec<PathBuf> = files.collect();
    files.sort();
    let mut tip = 0;
    let segment = |(index, path): (usize, &PathBuf)| {
        let mut header = [0; 256];
        File::open(path).unwrap().read_exact(&mut header).unwrap();
        let number = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().unwrap());
        tip = number(34);
        json!({
            "name": path.file_name().unwrap().to_str().unwrap(),
            "index": index,
            "checksum": format!("{:016x}", number(4)),
            "minSeq": number(26),
            "maxSeq": number(34),
            "mode": "segment",
        })
    };
    let segments: Vec<_> = files.iter().enumerate().map(segment).collect();
    let n = segments.len();
    json!({
        "plannedThroughSeq": tip, "sealedTipSeq": tip, "segments": segments,
        "stats": {"segmentsExamined": n, "segmentsMatched": n, "blocksMatched": 0, "entries": n},
    })
}
