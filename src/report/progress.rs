//! On a terminal: one line per build that moves, and above them one line per step that is done.
//!
//! indicatif does the drawing; what a line says is decided here, by a function of state, time and width, so that no
//! two builds can garble each other and nothing ever wraps.

use super::at_line_start::AtLineStart;
use super::lines::{name, outcome};
use super::running::{Build, Running, Wait};
use super::ticker::Ticker;
use super::wrap::wrap;
use super::{Style, duration, visible};
use crate::pipeline::{Event, Outcome, Sink};
use console::{measure_text_width, pad_str, truncate_str};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(100);
/// From this width on there is room for a bar, of this many columns.
const WIDE: usize = 100;
const BAR: usize = 16;
/// Draws per second.
const RATE: u8 = 15;
const FRAMES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// The sink. Dropped or closed, it removes its bars; what stood above them stays.
pub struct Progress {
    shared: Arc<Mutex<Shared>>,
    begun: Instant,
    ticker: Mutex<Option<Ticker>>,
}

struct Shared {
    running: Running,
    bars: BTreeMap<String, ProgressBar>,
    /// An empty line under the bars, there until the end: see [`AtLineStart`].
    floor: Option<ProgressBar>,
    /// The widest label so far: columns don't move back when its build ends.
    widest: usize,
    multi: MultiProgress,
    style: Style,
    width: Box<dyn Fn() -> usize + Send>,
}

impl Progress {
    /// Draws on standard error.
    pub fn new(style: Style) -> Progress {
        let width = || usize::from(console::Term::stderr().size().1).max(20);
        Progress::on(console::Term::buffered_stderr(), RATE, style, Box::new(width))
    }

    /// Draws on a terminal of this width.
    fn on(term: impl TermLike + 'static, rate: u8, style: Style, width: Box<dyn Fn() -> usize + Send>) -> Progress {
        let begun = Instant::now();
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(AtLineStart(term)), rate);
        let multi = MultiProgress::with_draw_target(target);
        let shared =
            Shared { running: Running::default(), bars: BTreeMap::new(), floor: None, widest: 0, multi, style, width };
        let shared = Arc::new(Mutex::new(shared));
        let ticking = Arc::clone(&shared);
        let ticker = Ticker::every(TICK, move || {
            ticking.lock().unwrap_or_else(PoisonError::into_inner).draw(begun.elapsed());
        });
        Progress { shared, begun, ticker: Mutex::new(Some(ticker)) }
    }
}

impl Sink for Progress {
    fn event(&self, event: &Event) {
        let now = self.begun.elapsed();
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = shared.note(event, now);
        shared.floor();
        for line in lines {
            let width = (shared.width)();
            // A terminal that went away stops no build.
            let _ = shared.multi.println(truncate_str(&line, width.saturating_sub(1), "…"));
        }
        // Parts of steps come by the hundred: the ticker shows those.
        if !matches!(event, Event::StepProgress { .. }) {
            shared.draw(now);
        }
    }

    fn close(&self) {
        // The ticker first, without the lock that its thread may be waiting for.
        drop(self.ticker.lock().unwrap_or_else(PoisonError::into_inner).take());
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.running = Running::default();
        for (_, bar) in std::mem::take(&mut shared.bars) {
            bar.finish_and_clear();
        }
        if let Some(floor) = shared.floor.take() {
            floor.finish_and_clear();
        }
        let _ = shared.multi.clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    /// Takes note of an event; gives the lines that stay on the screen for it.
    fn note(&mut self, event: &Event, now: Duration) -> Vec<String> {
        let style = self.style;
        self.running.note(event, now);
        self.widest = self.widest.max(self.widest_now());
        match event {
            Event::StepFinished { build, step, ms, repeated } => {
                let took = if *repeated {
                    style.dim("had been done")
                } else {
                    format!("{:>7}", duration::human(Duration::from_millis(*ms)))
                };
                let label = self.running.label(build);
                vec![format!("{} {}  {step:<10} {took}", style.green("✓"), self.padded(&label))]
            }
            Event::StepFailed { build, step, failure } => {
                let label = self.running.label(build);
                let what = visible::first_line(&failure.what);
                vec![format!("{} {}  {step:<10} {what}", style.red("✗"), self.padded(&label))]
            }
            Event::Notice { build, text } => {
                let label = build.as_ref().map(|build| self.running.label(build) + ": ").unwrap_or_default();
                self.marked(&style.yellow("!"), &format!("{label}{}", visible::joined(text)))
            }
            Event::RolloutStep { text, .. } => self.marked(&style.cyan("→"), &visible::joined(text)),
            Event::BuildFinished(result) => {
                self.running.finish(result);
                // The last build's end is what the summary begins with.
                let others = !self.running.builds.is_empty() || !self.running.waiting.is_empty();
                let mark = match result.outcome {
                    Outcome::Built | Outcome::UpToDate => style.green("✓"),
                    Outcome::Failed | Outcome::Refused => style.red("✗"),
                };
                let line = || format!("{mark} {}  {}", style.bold(&self.padded(&name(result))), outcome(result));
                if others { vec![line()] } else { Vec::new() }
            }
            Event::BuildStarted { .. } | Event::UpToDate { .. } | Event::Waiting { .. } => Vec::new(),
            Event::StepStarted { .. } | Event::StepProgress { .. } => Vec::new(),
        }
    }

    /// A text that stays on the screen, with a mark before it.
    fn marked(&self, mark: &str, text: &str) -> Vec<String> {
        let lines = wrap(text, (self.width)().saturating_sub(3)).into_iter().enumerate();
        lines.map(|(n, line)| if n == 0 { format!("{mark} {line}") } else { format!("  {line}") }).collect()
    }

    fn padded(&self, label: &str) -> String {
        pad_str(label, self.label_width(), console::Alignment::Left, Some("…")).into_owned()
    }

    /// As wide as the widest label, within a third of the terminal.
    fn label_width(&self) -> usize {
        self.widest.max(self.widest_now()).min((self.width)() / 3)
    }

    fn widest_now(&self) -> usize {
        let builds = self.running.builds.values().map(|build| measure_text_width(&build.label));
        let waiting = self.running.waiting.keys().map(|recipe| recipe.as_str().len());
        builds.chain(waiting).max().unwrap_or(0)
    }

    /// The line under all bars, made if it is not there yet.
    fn floor(&mut self) -> ProgressBar {
        let multi = &self.multi;
        let floor = self.floor.get_or_insert_with(|| {
            let floor = multi.add(ProgressBar::new_spinner().with_style(message()));
            floor.tick();
            floor
        });
        floor.clone()
    }

    /// Brings the bars into line with what is under way.
    fn draw(&mut self, now: Duration) {
        // One column stays free: a full last column makes some terminals wrap.
        let width = (self.width)().saturating_sub(1);
        let label_width = self.label_width();
        let frame = FRAMES[(now.as_millis() / TICK.as_millis()) as usize % FRAMES.len()];
        let mut lines = BTreeMap::new();
        for (id, build) in &self.running.builds {
            lines.insert(id.to_string(), build_line(build, now, label_width, width, frame, self.style));
        }
        for (recipe, wait) in &self.running.waiting {
            // A colon is in no build id.
            let line = wait_line(recipe.as_str(), wait, now, label_width, width, frame, self.style);
            lines.insert(format!("waiting:{recipe}"), line);
        }
        if self.bars.is_empty() && lines.is_empty() {
            return;
        }
        let floor = self.floor();
        let multi = &self.multi;
        self.bars.retain(|id, bar| {
            let under_way = lines.contains_key(id);
            if !under_way {
                bar.finish_and_clear();
                multi.remove(bar);
            }
            under_way
        });
        for (id, line) in lines {
            let bar = self
                .bars
                .entry(id)
                .or_insert_with(|| multi.insert_before(&floor, ProgressBar::new_spinner().with_style(message())));
            bar.set_message(line);
            bar.tick();
        }
    }
}

fn message() -> ProgressStyle {
    // The template is a constant without mistakes; the spinner is what indicatif falls back to.
    ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn build_line(build: &Build, now: Duration, label_width: usize, width: usize, frame: &str, style: Style) -> String {
    let label = pad_str(&build.label, label_width, console::Alignment::Left, Some("…"));
    let total = duration::ticking(now.saturating_sub(build.started));
    let mut line = format!("{} {}", style.cyan(frame), style.bold(&label));
    let Some(step) = &build.step else {
        line.push_str(&style.dim(&format!("  build {total}")));
        return truncate_str(&line, width, "…").into_owned();
    };
    let narrow = width < 60;
    line.push_str(&if narrow { format!("  {}", step.name) } else { format!("  {:<10}", step.name) });
    let took = duration::ticking(now.saturating_sub(step.started));
    let counted = if step.total > 0 { format!("{}/{}", step.done, step.total) } else { String::new() };
    if narrow {
        if step.total > 0 {
            let digits = step.total.to_string().len();
            line.push_str(&format!(" {:>digits$}/{}", step.done, step.total));
        }
        line.push_str(&format!("  {took}"));
    } else {
        // Columns of their own, filled or not: builds stand under each other.
        if width >= WIDE {
            let bar = if step.total > 0 { bar(step.done, step.total, BAR, style) } else { " ".repeat(BAR) };
            line.push_str(&format!(" {bar}"));
        }
        line.push_str(&format!(" {counted:>7}  {took:>7}"));
        line.push_str(&style.dim(&format!(", build {total:>7}")));
    }
    let left = width.saturating_sub(measure_text_width(&line) + 2);
    if !step.detail.is_empty() && left >= 8 {
        line.push_str(&format!("  {}", style.dim(&truncate_str(&step.detail, left, "…"))));
    }
    truncate_str(&line, width, "…").into_owned()
}

fn wait_line(
    recipe: &str,
    wait: &Wait,
    now: Duration,
    label_width: usize,
    width: usize,
    frame: &str,
    style: Style,
) -> String {
    let label = pad_str(recipe, label_width, console::Alignment::Left, Some("…"));
    let since = duration::ticking(now.saturating_sub(wait.since));
    let line =
        format!("{} {}  waiting for {}  {}", style.yellow(frame), style.bold(&label), wait.holder, style.dim(&since));
    truncate_str(&line, width, "…").into_owned()
}

fn bar(done: usize, total: usize, width: usize, style: Style) -> String {
    let filled = (done.min(total) * width).checked_div(total).unwrap_or(0);
    style.cyan(&"━".repeat(filled)) + &style.dim(&"─".repeat(width - filled))
}

#[cfg(test)]
mod tests;
