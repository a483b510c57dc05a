//! `align watch FILE`: runs a program, and goes on watching it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{BufRead, IsTerminal};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use align_plan::{NodeId, Plan};
use align_runtime::report::format::duration as told;
use align_runtime::{Interrupt, Loss, Orders, Outcome, Outlook, Paces, RunOptions, Store, report};
use align_runtime_api::{Library, NodeState, RunEvent};
use clap::Args;

use super::drive::DriveArgs;
use super::ended::{Ended, show, write_page};
use super::{Exit, ProgramArgs, duration};
use crate::eyes::Eyes;
use crate::host;
use crate::ui::live::label;
use crate::ui::progress::Progress;
use crate::ui::term::{Look, fail, outln};

const AFTER: &str = "\
A save takes effect at once.  What it does not touch goes on; another budget, rule or cadence is taken
over at the next step; what became another computation writes a checkpoint and stops, and goes on from
there when the edit is taken back.  A save with errors shows them and leaves everything as it is.
Ctrl-C once writes checkpoints and stops, twice stops at once; where nothing is left to do it ends with 0.

Examples:
  align watch study.align
  align watch study.align --keep-over 10min     put aside without asking what took less
  align watch study.align --poll                on file systems that tell no changes
  align watch study.align --json | jq -c 'select(.event == \"edited\")'";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    program: ProgramArgs,
    #[command(flatten)]
    drive: DriveArgs,
    /// Look at the files every so often instead of waiting for the system to tell.
    #[arg(long, value_name = "TIME", num_args = 0..=1, default_missing_value = "250 ms", value_parser = duration)]
    poll: Option<f64>,
    /// Ask before any work is stopped, however short it is.
    #[arg(long)]
    ask: bool,
    /// Work longer than this is stopped only when you say so: on a terminal you are asked, otherwise the edit waits for its end.
    #[arg(long, value_name = "TIME", default_value = "2 min", value_parser = duration)]
    keep_over: f64,
}

/// Where events go.
struct Screen {
    json: bool,
    progress: Progress,
}

impl Screen {
    fn on(&mut self, event: &RunEvent) {
        if self.json {
            outln(&serde_json::to_string(event).unwrap_or_default());
        } else {
            self.progress.on(event);
        }
    }

    /// Another plan has other names.
    fn begin(&mut self, plan: &Plan) {
        self.progress.close();
        self.progress = Progress::new(plan.lanes.len() > 1, plan.nodes.iter().map(|n| &n.id));
    }
}

/// What a person types, a line at a time.
struct Answers(Option<Receiver<String>>);

impl Answers {
    /// A line that has come since the last look.
    fn next(&mut self) -> Option<String> {
        let lines = self.0.get_or_insert_with(|| {
            let (tell, lines) = channel();
            // It ends with the process: reading a terminal cannot be called off.
            std::thread::spawn(move || {
                for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                    if tell.send(line).is_err() {
                        return;
                    }
                }
            });
            lines
        });
        lines.try_recv().ok()
    }
}

/// The program on the disk, for the runtime.
struct Desk<'a> {
    args: &'a WatchArgs,
    store: &'a Store,
    /// Workers at a time.
    jobs: usize,
    eyes: &'a Eyes,
    screen: &'a RefCell<Screen>,
    answers: Answers,
    /// The nodes that were asked about.
    asked: BTreeSet<NodeId>,
    /// Nodes that came from the store, so far.
    reused: &'a RefCell<BTreeSet<NodeId>>,
    /// Text of the program that runs.
    program: Option<String>,
    library: &'a dyn Library,
    options: &'a RunOptions,
}

impl Desk<'_> {
    /// Fetches what a plan needs and this machine does not have.  What cannot be had is said; its node fails for the lack of it.
    fn fetch(&self, plan: &Plan) {
        let mut tell = |event: RunEvent| self.screen.borrow_mut().on(&event);
        let (drive, options) = (&self.args.drive, self.options);
        let failed = drive.download.fetch(
            plan,
            self.library,
            options,
            &options.interrupt,
            drive.json,
            &mut tell,
        );
        for (id, why) in failed.into_iter().flatten() {
            tell(RunEvent::Note {
                text: format!("the data of `{}` cannot be had: {why}", label(&id, true)),
            });
        }
    }
}

impl Orders for Desk<'_> {
    fn plan(&mut self, pause: Duration) -> Option<Plan> {
        let files = self.eyes.wait(pause)?;
        let mut screen = self.screen.borrow_mut();
        screen.on(&RunEvent::Edited { files });
        let planned = look(self.args, self.eyes, &mut screen)?;
        self.asked.clear();
        self.program = planned.program;
        screen.begin(&planned.plan);
        drop(screen);
        self.fetch(&planned.plan);
        Some(planned.plan)
    }

    fn foreseen(&mut self, plan: &Plan, outlook: &Outlook) {
        let timing = align_runtime::timing(plan, self.store, outlook, self.jobs, &Paces::default());
        let budget = self.args.drive.machine.budget;
        for text in host::remarks(outlook, &timing, budget) {
            self.screen.borrow_mut().on(&RunEvent::Note { text });
        }
    }

    fn may_stop(&mut self, losses: &[Loss]) -> bool {
        let limit = if self.args.ask {
            0.0
        } else {
            self.args.keep_over
        };
        let dear: Vec<&Loss> = losses.iter().filter(|l| l.seconds > limit).collect();
        if dear.is_empty() {
            return true;
        }
        let terminal = Look::err().terminal && std::io::stdin().is_terminal();
        let news = dear.iter().any(|l| !self.asked.contains(&l.id));
        if news {
            self.asked.extend(dear.iter().map(|l| l.id.clone()));
            let what: Vec<String> = dear
                .iter()
                .map(|l| format!("`{}` ({})", label(&l.id, true), told(l.seconds)))
                .collect();
            let then = if terminal {
                "y and Enter stops it now, from its checkpoint the edit can be taken back; otherwise the edit waits for its end"
            } else {
                "the edit waits for its end"
            };
            let text = format!(
                "this edit stops work of some length, {}: {then}",
                what.join(", ")
            );
            self.screen.borrow_mut().on(&RunEvent::Note { text });
        }
        terminal
            && self
                .answers
                .next()
                .is_some_and(|a| matches!(a.trim(), "y" | "Y" | "yes"))
    }

    fn settled(&mut self, plan: &Plan, outcome: &Outcome) {
        let count = |state| outcome.nodes.iter().filter(|n| n.state == state).count();
        let (done, failed) = (count(NodeState::Done), count(NodeState::Failed));
        let skipped = count(NodeState::Skipped) + count(NodeState::Pruned);
        self.screen.borrow_mut().on(&RunEvent::Settled {
            done,
            failed,
            skipped,
        });
        let ended = Ended {
            statuses: outcome.nodes.clone(),
            reused: self.reused.borrow().clone(),
            interrupted: false,
            unwritten: outcome.unwritten.clone(),
            timed_out: false,
        };
        let claims = report::claims(plan, &ended.statuses);
        let (page, around) = (self.args.drive.page(), self.args.drive.around());
        let program = self.program.as_deref();
        let written = write_page(
            &page,
            &around,
            plan,
            program,
            &ended,
            &claims,
            outcome.seconds,
        );
        if self.args.drive.json {
            return;
        }
        show(plan, &ended, &claims);
        if written {
            outln(&format!("report: {}", page.display()));
        }
        for why in &ended.unwritten {
            fail(why, None);
        }
        let text = "nothing is left to do: watching the files (Ctrl-C ends)".to_owned();
        self.screen.borrow_mut().on(&RunEvent::Note { text });
    }
}

/// Reads the program as it stands; says what is wrong with it.
fn look(args: &WatchArgs, eyes: &Eyes, screen: &mut Screen) -> Option<host::Planned> {
    let sight = host::sight(&args.program, args.drive.machine.machine());
    eyes.follow(sight.prints);
    if sight.planned.is_none() {
        screen.on(&RunEvent::Refused {
            errors: sight.errors,
            text: sight.text,
        });
    } else if !sight.text.is_empty() {
        let text = sight.text.trim_end().to_owned();
        screen.on(&RunEvent::Note { text });
    }
    sight.planned
}

pub(crate) fn run(args: &WatchArgs) -> Exit {
    let refuse = |message: &str| {
        fail(message, None);
        Exit::Usage
    };
    if Path::new(&args.program.file).extension() == Some("json".as_ref()) {
        fail(
            "a saved plan does not change: there is nothing to watch",
            Some("watch the program: `align watch FILE.align`"),
        );
        return Exit::Usage;
    }
    let Some(library) = host::trainer() else {
        return refuse(
            "this `align` was built without the feature `exec`: it checks and plans, and cannot train",
        );
    };
    let store = match Store::open(&args.drive.store.store) {
        Ok(store) => store,
        Err(e) => return host::refuse_store(&e),
    };
    let interrupt = match Interrupt::listen() {
        Ok(interrupt) => interrupt,
        Err(e) => return refuse(&format!("signals cannot be watched: {e}")),
    };
    let options = match args.drive.options(interrupt.clone()) {
        Ok(options) => options,
        Err(why) => return refuse(&why),
    };
    let poll = args
        .poll
        .map(|s| Duration::from_secs_f64(s.clamp(0.01, 3600.0)));
    let (eyes, why) = Eyes::open(poll);
    let screen = RefCell::new(Screen {
        json: args.drive.json,
        progress: Progress::new(false, std::iter::empty()),
    });
    if let Some(text) = why {
        screen.borrow_mut().on(&RunEvent::Note { text });
    }
    let mut first = look(args, &eyes, &mut screen.borrow_mut());
    while first.is_none() {
        if interrupt.asked() {
            return Exit::Interrupted;
        }
        if let Some(files) = eyes.wait(Duration::from_millis(100)) {
            let mut screen = screen.borrow_mut();
            screen.on(&RunEvent::Edited { files });
            first = look(args, &eyes, &mut screen);
        }
    }
    let Some(planned) = first else {
        return Exit::Diagnostics;
    };
    // The time begins with the work.
    args.drive.limit(&interrupt);
    let mut plan = planned.plan;
    screen.borrow_mut().begin(&plan);
    let reused = RefCell::new(BTreeSet::new());
    let mut desk = Desk {
        args,
        store: &store,
        jobs: options.jobs,
        eyes: &eyes,
        screen: &screen,
        answers: Answers(None),
        asked: BTreeSet::new(),
        reused: &reused,
        program: planned.program,
        library,
        options: &options,
    };
    desk.fetch(&plan);
    let mut on_event = |event: RunEvent| {
        if let RunEvent::Finished { status, reused: r } = &event {
            let mut reused = reused.borrow_mut();
            if *r {
                reused.insert(status.id.clone());
            } else {
                reused.remove(&status.id);
            }
        }
        screen.borrow_mut().on(&event);
    };
    let ended = align_runtime::watch(
        &mut plan,
        &store,
        library,
        &options,
        &mut desk,
        &mut on_event,
    );
    screen.borrow_mut().progress.close();
    match ended {
        Ok(outcome) if outcome.interrupted => Exit::Interrupted,
        Ok(outcome) if !outcome.failed.is_empty() => Exit::NodeFailed,
        Ok(_) => Exit::Fine,
        Err(align_runtime::RunError::Store(e)) => host::refuse_store(&e),
        Err(e) => refuse(&e.to_string()),
    }
}
