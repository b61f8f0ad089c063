//! One answer to `/link/down`, at the gateway: what its connection takes, as it takes it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use pageport_proto::numbered::{Mode, PREAMBLE, record};
use tokio::time::{Instant, Sleep};

use super::line::{HttpLine, Phase, State, wait};

/// The carrier was lost while an answer was open: it must not look as if it had ended in order.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the carrier was lost")]
pub struct Cut;

/// An answer: pull it as the connection takes it.
#[derive(Debug)]
pub struct Download {
    line: HttpLine,
    number: u64,
    mode: Mode,
    begun: bool,
    /// What is left of the message that is on its way.
    parts: VecDeque<Bytes>,
    sent: usize,
    unsent: u32,
    until: Pin<Box<Sleep>>,
    over: bool,
}

/// What an answer does next.
enum Step {
    Message(usize),
    Wait,
    End,
    Cut,
}

impl Download {
    pub(super) fn new(line: HttpLine, number: u64, mode: Mode, unsent: u32) -> Download {
        Download {
            until: Box::pin(tokio::time::sleep_until(Instant::now() + line.limits().answer_time)),
            line,
            number,
            mode,
            begun: false,
            parts: VecDeque::new(),
            sent: 0,
            unsent,
            over: false,
        }
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// [`Cut`].
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        if !std::mem::replace(&mut self.begun, true) {
            return Poll::Ready(Some(Ok(Bytes::from_static(PREAMBLE))));
        }
        if self.over {
            return Poll::Ready(None);
        }
        loop {
            if let Some(part) = self.parts.pop_front() {
                return Poll::Ready(Some(Ok(part)));
            }
            let due = self.until.as_mut().poll(cx).is_ready();
            let line = self.line.clone();
            match line.with(|state| self.step(state, due, cx)) {
                Step::Message(length) => self.sent += length,
                Step::Wait => return Poll::Pending,
                Step::End => {
                    self.end();
                    return Poll::Ready(None);
                }
                Step::Cut => {
                    self.end();
                    return Poll::Ready(Some(Err(Cut)));
                }
            }
        }
    }

    /// How many bytes the kernel below should hold unsent at most, as far as the rate is known.
    #[must_use]
    pub fn unsent_limit(&self) -> u32 {
        self.unsent
    }

    /// Whether the last bytes have been pulled.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    fn step(&mut self, state: &mut State, due: bool, cx: &mut Context<'_>) -> Step {
        if state.reader != self.number {
            return Step::End;
        }
        let ending = match state.phase() {
            Phase::Open => false,
            Phase::Ending(_) => true,
            Phase::Gone => return Step::Cut,
        };
        let limits = self.line.limits();
        let next = state.kept.peek();
        let full = match (self.mode, next) {
            (Mode::Stream, _) => self.sent >= limits.answer_bytes,
            // What one of these brings can be asked for again as a whole.
            (Mode::Poll | Mode::Now, Some(next)) => self.sent > 0 && self.sent + next > limits.kept,
            (Mode::Poll | Mode::Now, None) => false,
        };
        if due || full {
            return Step::End;
        }
        if let Some(message) = state.kept.take() {
            state.pace.wrote(message.len, Instant::now());
            self.unsent = state.pace.unsent_limit();
            state.wake_task();
            self.parts = VecDeque::from(message.parts);
            self.parts.push_front(record(message.len));
            return Step::Message(message.len);
        }
        let done = match self.mode {
            Mode::Stream => ending,
            Mode::Poll => ending || (self.sent > 0 && state.resting),
            Mode::Now => ending || state.resting,
        };
        if done {
            return Step::End;
        }
        wait(&mut state.waiting, cx.waker());
        Step::Wait
    }

    fn end(&mut self) {
        if !std::mem::replace(&mut self.over, true) {
            self.line.answered(self.number);
        }
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        self.end();
    }
}
