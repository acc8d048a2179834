//! A web server on this machine that answers as real ones do, well and badly.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::super::folder::Part;
use super::super::idx::make;
use super::tiny;

/// What a server answers for one file.
#[derive(Clone)]
pub(super) enum Answer {
    Whole(Vec<u8>),
    /// Announces the length and closes after half.
    HalfThenClose(Vec<u8>),
    /// Announces the length and goes silent after half.
    HalfThenSilence(Vec<u8>),
    /// Announces no length and sends this many bytes.
    Unannounced(usize),
}

/// A web server on this machine; it ends with the test's process.
pub(super) struct Server {
    pub(super) address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves files by name, and 404 for the rest.
    pub(super) fn new(files: HashMap<String, Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/mirror/", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (files, log) = (files.clone(), Arc::clone(&log));
                thread::spawn(move || answer(stream, &files, &log));
            }
        });
        Self { address, asked }
    }

    /// Serves the tiny files, gzipped, with one of them replaced.
    pub(super) fn with(part: Part, answer: Answer) -> Self {
        let mut files = Self::tiny_files();
        files.insert(format!("{}.gz", part.name()), answer);
        Self::new(files)
    }

    pub(super) fn good() -> Self {
        Self::new(Self::tiny_files())
    }

    fn tiny_files() -> HashMap<String, Answer> {
        let names = Part::ALL.map(|part| format!("{}.gz", part.name()));
        names.into_iter().zip(tiny().map(|c| Answer::Whole(make::gzip(&c)))).collect()
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, files: &HashMap<String, Answer>, log: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut request = String::new();
    reader.read_line(&mut request).unwrap();
    let mut header = String::new();
    while reader.read_line(&mut header).unwrap() > 2 {
        header.clear();
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    let name = path.strip_prefix("/mirror/").unwrap_or_default().to_owned();
    let answer = files.get(&name).cloned();
    log.lock().unwrap().push(name);
    let head = |status: &str, length: Option<usize>| {
        let length = length.map_or(String::new(), |n| format!("Content-Length: {n}\r\n"));
        format!("HTTP/1.1 {status}\r\n{length}Connection: close\r\n\r\n").into_bytes()
    };
    // A client that has seen enough may hang up: a failing write is not the server's business.
    let _ = match answer {
        None => stream.write_all(&head("404 Not Found", Some(0))),
        Some(Answer::Whole(body)) => {
            stream.write_all(&[head("200 OK", Some(body.len())), body].concat())
        }
        Some(Answer::HalfThenClose(body)) => {
            stream.write_all(&[&head("200 OK", Some(body.len())), &body[..body.len() / 2]].concat())
        }
        Some(Answer::HalfThenSilence(body)) => {
            let half = [&head("200 OK", Some(body.len())), &body[..body.len() / 2]].concat();
            let sent = stream.write_all(&half);
            thread::sleep(Duration::from_secs(20));
            sent
        }
        Some(Answer::Unannounced(bytes)) => {
            stream.write_all(&[head("200 OK", None), vec![0; bytes]].concat())
        }
    };
}
