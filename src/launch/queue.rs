//! Which trial is next: one that no other process is at work on.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Mutex;

use super::Job;
use crate::record::{TrialDir, TrialLock};

/// The trials of a run that are not begun yet.
pub struct Queue<'a> {
    open: Mutex<Open<'a>>,
}

struct Open<'a> {
    ahead: VecDeque<Job<'a>>,
    /// Another process is at work on these. They come last: it may finish them, or die.
    elsewhere: Vec<Job<'a>>,
    /// Trials that are the same as one that comes before them, by their identity.
    twins: HashMap<&'a str, Vec<Job<'a>>>,
    closed: bool,
    waited: bool,
}

/// What a worker is to do.
pub enum Next<'a> {
    /// Train this, which is this process' as long as the lock lives.
    Start(Job<'a>, TrialLock),
    /// Report that this cannot be begun.
    Broken(Job<'a>, anyhow::Error),
    /// Ask again in a while: other processes are at work on all that is left, so many trials. They
    /// are told the first time.
    Wait(Option<Vec<String>>),
    /// Nothing is left.
    End,
}

impl<'a> Queue<'a> {
    /// These trials, in this order.
    pub fn new(jobs: Vec<Job<'a>>) -> Self {
        let mut seen = HashSet::new();
        let (ahead, later): (Vec<_>, Vec<_>) =
            jobs.into_iter().partition(|job| seen.insert(&*job.trial.hash));
        let mut twins: HashMap<&str, Vec<Job<'a>>> = HashMap::new();
        for job in later {
            twins.entry(&job.trial.hash).or_default().push(job);
        }
        let ahead = ahead.into();
        let open = Open { ahead, elsewhere: Vec::new(), twins, closed: false, waited: false };
        Self { open: Mutex::new(open) }
    }

    /// The next trial that can be had.
    pub fn next(&self) -> Next<'a> {
        let mut open = self.open.lock().expect("no panics here");
        if open.closed {
            return Next::End;
        }
        while let Some(job) = open.ahead.pop_front() {
            match TrialLock::take(&job.trial.dir) {
                Ok(Some(lock)) => return Next::Start(job, lock),
                Ok(None) => open.elsewhere.push(job),
                Err(error) => return Next::Broken(job, error),
            }
        }
        for index in 0..open.elsewhere.len() {
            match TrialLock::take(&open.elsewhere[index].trial.dir) {
                Ok(Some(lock)) => return Next::Start(open.elsewhere.remove(index), lock),
                Ok(None) => {}
                Err(error) => return Next::Broken(open.elsewhere.remove(index), error),
            }
        }
        if open.elsewhere.is_empty() {
            return Next::End;
        }
        let first = !std::mem::replace(&mut open.waited, true);
        Next::Wait(first.then(|| open.elsewhere.iter().map(|job| job.trial.title()).collect()))
    }

    /// A trial has ended; its results, if it has some, are those of its twins.
    pub fn ended(&self, job: &Job<'a>, results: Option<&TrialDir>) {
        let mut open = self.open.lock().expect("no panics here");
        for twin in open.twins.remove(&*job.trial.hash).unwrap_or_default().into_iter().rev() {
            open.ahead.push_front(Job { from: results.cloned(), ..twin });
        }
    }

    /// Nothing more is begun.
    pub fn close(&self) {
        self.open.lock().expect("no panics here").closed = true;
    }

    /// How many trials were not begun.
    pub fn left(self) -> usize {
        let open = self.open.into_inner().expect("no panics here");
        let twins: usize = open.twins.values().map(Vec::len).sum();
        open.ahead.len() + open.elsewhere.len() + twins
    }
}
