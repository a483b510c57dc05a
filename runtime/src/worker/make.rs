//! Work without training steps: a dataset, or the evaluation of a cascade.

use std::sync::Arc;
use std::time::Duration;

use align_plan::NodeKind;
use align_runtime_api::{Episodes, Library};

use super::{Beat, Desk, Halt, Stopped, event, from_error, leave};
use crate::extent::extent;
use crate::inject::What;
use crate::record::{Done, Ending, Metrics, Output, Point, content};

pub(super) fn artifact(desk: &mut Desk<'_>, library: &dyn Library) -> Result<Ending, Halt> {
    let job = &desk.assignment.job;
    let stop = Arc::clone(&desk.stop);
    std::thread::spawn(move || {
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(100));
        }
        // The progress call unwinds the job; one that never calls is left like this.
        std::thread::sleep(Duration::from_secs(2));
        leave();
    });
    fault(desk)?;
    let mut failed = None;
    let mut progress = |share: f64, words: &str| {
        if desk.stopping() {
            std::panic::resume_unwind(Box::new(Stopped));
        }
        if failed.is_none() && desk.due() {
            let seconds = desk.seconds();
            let left = (share > 0.01).then(|| seconds * (1.0 - share) / share);
            failed = desk
                .beat(Beat {
                    rate: 0.0,
                    used: share,
                    left,
                    metrics: Metrics::new(),
                    nearest: Some(words.to_owned()),
                })
                .err();
        }
    };
    let made = if job.node.kind == NodeKind::Cascade {
        library.cascade(job, &mut progress)
    } else {
        library.dataset(job, &mut progress)
    };
    if let Some(e) = failed {
        return Err(e.into());
    }
    let made = made.map_err(|e| Halt::Event(from_error(&e, 0)))?;
    let files = desk.store.put(&made.files)?;
    let mut metrics = made.metrics;
    let mut episodes = Episodes::default();
    if let Some(evaluation) = made.evaluation {
        metrics.extend(evaluation.metrics);
        episodes = evaluation.episodes;
    }
    metrics.retain(|_, v| v.is_finite());
    episodes.keep_finite();
    let output = Output {
        digest: Some(content(&files)),
        files,
        metrics: metrics.clone(),
        episodes,
        ..Output::default()
    };
    let done = Done {
        version: Done::VERSION,
        id: job.node.id.clone(),
        kind: job.node.kind,
        extent: extent(&job.node),
        arms: job.node.arms.clone(),
        skipped: false,
        stop: None,
        at: desk.at,
        last_env: 0,
        samples: 0,
        best: None,
        last: Some(output),
        kept: Vec::new(),
        history: vec![Point {
            at: desk.at,
            metrics,
        }],
        curve: crate::record::Curve::default(),
        events: desk.assignment.events.clone(),
        seconds: desk.assignment.spent + desk.seconds(),
        trained: desk.seconds(),
        peak: super::peak(),
        spans: crate::record::Spans::default(),
        note: None,
    };
    let published = desk
        .folder
        .finish(&desk.assignment.extent, desk.attempt, &done)?;
    Ok(if published {
        Ending::Done
    } else {
        Ending::Fenced
    })
}

/// Faults that are asked for at "step" 0.
fn fault(desk: &Desk<'_>) -> Result<(), Halt> {
    for fault in desk.assignment.faults.iter().filter(|f| f.at == 0) {
        let kind = match fault.what {
            What::Nan => "nan",
            What::Oom => "oom",
            What::Data => "data",
            What::Crash => "crash",
            What::Kill => {
                super::train::kill_self();
                "crash"
            }
            What::Worsen { .. } | What::Silent { .. } => continue,
        };
        return Err(Halt::Event(event(kind, "injected".into(), 0)));
    }
    Ok(())
}
