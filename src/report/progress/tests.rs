use super::*;
use crate::hardening::Tally;
use crate::identity::{BuildId, Digest, TargetKind};
use crate::pipeline::BuildResult;
use crate::report::running::Step;
use indicatif::TermLike;
use std::io;

/// A screen of plain characters.
#[derive(Debug, Clone)]
struct Screen(Arc<Mutex<Cells>>);

#[derive(Debug)]
struct Cells {
    width: usize,
    rows: Vec<Vec<char>>,
    row: usize,
    column: usize,
}

impl Screen {
    fn new(width: usize) -> Screen {
        Screen(Arc::new(Mutex::new(Cells { width, rows: vec![vec![]], row: 0, column: 0 })))
    }

    fn text(&self) -> Vec<String> {
        let cells = self.0.lock().unwrap();
        let rows = cells.rows.iter().map(|row| row.iter().collect::<String>().trim_end().to_owned());
        rows.filter(|row| !row.is_empty()).collect()
    }

    fn at(&self, change: impl FnOnce(&mut Cells)) -> io::Result<()> {
        let mut cells = self.0.lock().unwrap();
        change(&mut cells);
        let row = cells.row;
        if cells.rows.len() <= row {
            cells.rows.resize(row + 1, vec![]);
        }
        Ok(())
    }
}

impl Cells {
    fn put(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '\n' => {
                    (self.row, self.column) = (self.row + 1, 0);
                    self.rows.resize(self.rows.len().max(self.row + 1), vec![]);
                }
                '\r' => self.column = 0,
                c => {
                    // As terminals do it: a full line wraps when more comes. indicatif fills its lines for that.
                    if self.column == self.width {
                        self.put("\n");
                    }
                    let row = &mut self.rows[self.row];
                    row.resize(row.len().max(self.column + 1), ' ');
                    row[self.column] = c;
                    self.column += 1;
                }
            }
        }
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.0.lock().unwrap().width as u16
    }
    fn height(&self) -> u16 {
        50
    }
    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.at(|cells| cells.row -= n)
    }
    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.at(|cells| cells.row += n)
    }
    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.at(|cells| cells.column += n)
    }
    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.at(|cells| cells.column = cells.column.saturating_sub(n))
    }
    fn write_line(&self, text: &str) -> io::Result<()> {
        self.at(|cells| {
            cells.put(text);
            cells.put("\n");
        })
    }
    fn write_str(&self, text: &str) -> io::Result<()> {
        self.at(|cells| cells.put(text))
    }
    fn clear_line(&self) -> io::Result<()> {
        self.at(|cells| {
            let row = cells.row;
            cells.rows[row].clear();
            cells.column = 0;
        })
    }
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

fn sink(width: usize) -> (Screen, Progress) {
    let screen = Screen::new(width);
    let progress = Progress::on(screen.clone(), 200, Style { color: false, width }, Box::new(move || width));
    (screen, progress)
}

fn id(recipe: &str) -> BuildId {
    format!("{recipe}-0123456789ab-1").parse().unwrap()
}

fn started(recipe: &str) -> Event {
    Event::BuildStarted {
        build: id(recipe),
        recipe: recipe.parse().unwrap(),
        version: "1.0.0".parse().unwrap(),
        digest: Digest::of(recipe),
        target: TargetKind::Local,
    }
}

fn finished(recipe: &str) -> Event {
    Event::BuildFinished(Box::new(BuildResult {
        recipe: recipe.parse().unwrap(),
        version: Some("1.0.0".parse().unwrap()),
        digest: Some(Digest::of(recipe)),
        outcome: Outcome::Built,
        image: Some("img-0123456789abcdef".parse().unwrap()),
        target: TargetKind::Local,
        build: Some(id(recipe)),
        controls: Tally::default(),
        score: Some(91.5),
        duration_s: 3.0,
        calls: 9,
        warnings: Vec::new(),
        reasons: vec![],
        unmet: vec![],
        revoked: None,
        revoked_by: None,
        failure: None,
    }))
}

#[test]
fn builds_at_once_have_a_line_each_and_leave_none_behind() {
    for width in [30, 80, 200] {
        let (screen, sink) = sink(width);
        let sink = Arc::new(sink);
        let recipes = ["web-tier", "app-tier", "bastion", "cis-base"];
        recipes.iter().for_each(|recipe| sink.event(&started(recipe)));
        let threads = recipes.map(|recipe| {
            let sink = Arc::clone(&sink);
            std::thread::spawn(move || {
                for step in ["launch", "apply", "audit"] {
                    let build = id(recipe);
                    sink.event(&Event::StepStarted { build: build.clone(), step });
                    for done in 0..40 {
                        let detail = format!("control some-control-with-a-long-name-{done}");
                        sink.event(&Event::StepProgress { build: build.clone(), step, done, total: 40, detail });
                    }
                    sink.event(&Event::StepFinished { build, step, ms: 1500, repeated: step == "launch" });
                }
                sink.event(&Event::Notice { build: None, text: "a notice \u{1b}[2J of some length ".repeat(5) });
                sink.event(&finished(recipe));
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        drop(Arc::into_inner(sink).unwrap());
        let text = screen.text();
        // Whole lines only: every step of every build once, all notices, and the ends of all but the last build.
        let done: Vec<&String> = text.iter().filter(|line| line.starts_with('✓')).collect();
        assert_eq!(done.len(), 12 + 3, "{text:#?}");
        let rest = text.iter().filter(|line| !line.starts_with(['✓', '!']) && !line.starts_with("  "));
        assert_eq!(rest.collect::<Vec<_>>(), Vec::<&String>::new(), "bars that were left");
        let notices = text.iter().filter(|line| line.starts_with('!')).count();
        assert_eq!(notices, 4);
    }
}

#[test]
fn a_bar_is_drawn_while_the_build_goes_on_and_removed_on_close() {
    let (screen, sink) = sink(100);
    sink.event(&started("web-tier"));
    sink.event(&Event::StepStarted { build: id("web-tier"), step: "apply" });
    sink.event(&Event::StepProgress {
        build: id("web-tier"),
        step: "apply",
        done: 3,
        total: 60,
        detail: "control x".into(),
    });
    let shown = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        screen
            .text()
            .iter()
            .any(|line| line.contains("web-tier 1.0.0") && line.contains("3/60") && line.ends_with("control x"))
    });
    assert!(shown, "{:?}", screen.text());
    sink.close();
    assert_eq!(screen.text(), Vec::<String>::new());
}

#[test]
fn what_the_terminal_echoes_leaves_no_bar_behind() {
    for builds in [&["web-tier"][..], &["web-tier", "cis-base"]] {
        let (screen, sink) = sink(60);
        sink.event(&Event::Notice { build: None, text: "before any build".into() });
        sink.event(&Event::Notice { build: None, text: "and one more".into() });
        builds.iter().for_each(|recipe| sink.event(&started(recipe)));
        let drawn = |screen: &Screen| builds.iter().all(|b| screen.text().iter().any(|line| line.contains(b)));
        assert!((0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            drawn(&screen)
        }));
        screen.at(|cells| cells.put("^C")).unwrap();
        // Some more draws, as there are until the build has been told to stop.
        std::thread::sleep(Duration::from_millis(350));
        screen.at(|cells| cells.put("^C")).unwrap();
        sink.close();
        assert_eq!(screen.text(), ["! before any build", "! and one more"]);
    }
}

#[test]
fn builds_stand_under_each_other() {
    let line = |label: &str, step: Step| {
        let mut running = Running::default();
        running.note(&started("web-tier"), Duration::ZERO);
        let mut build = running.builds.remove(&id("web-tier")).unwrap();
        (build.label, build.step) = (label.to_owned(), Some(step));
        build_line(&build, Duration::from_secs(95), 16, 120, "⠋", Style::PLAIN)
    };
    let step = |name, at, done, total| Step {
        name,
        started: Duration::from_secs(at),
        done,
        total,
        detail: "detail".to_owned(),
    };
    let lines = [
        line("a 1.0.0", step("apply", 0, 3, 9)),
        line("web-tier 10.0.12", step("launch", 90, 0, 0)),
        line("b 1.0.0", step("audit", 60, 120, 171)),
    ];
    let columns = |text: &str| {
        lines.iter().map(|line| line.find(text).map(|at| measure_text_width(&line[..at]))).collect::<Vec<_>>()
    };
    for text in [", build", "detail"] {
        let at = columns(text);
        assert!(at[0].is_some() && at.iter().all(|column| *column == at[0]), "{text}: {lines:#?}");
    }
}

#[test]
fn lines_fit_any_width_and_keep_what_matters() {
    let seconds = Duration::from_secs;
    let build = |detail: &str| {
        let mut running = Running::default();
        running.note(&started("web-tier"), seconds(10));
        let mut build = running.builds.remove(&id("web-tier")).unwrap();
        build.step =
            Some(Step { name: "apply", started: seconds(40), done: 34, total: 120, detail: detail.to_owned() });
        build
    };
    let line =
        |width| build_line(&build("control ssh-root-login-disabled"), seconds(100), 14, width, "⠋", Style::PLAIN);
    insta::assert_snapshot!([40, 60, 79, 99, 119].map(line).join("\n"));
    for width in 1..200 {
        assert!(measure_text_width(&line(width)) <= width, "{width}");
    }
    assert_eq!(bar(0, 0, 4, Style::PLAIN), "────");
    assert_eq!(bar(9, 3, 4, Style::PLAIN), "━━━━", "more done than there is");
}
