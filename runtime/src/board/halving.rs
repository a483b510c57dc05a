//! Which lanes of a sweep go on?  Synchronous successive halving (Jamieson and Talwalkar, arXiv 1502.07943), decided from what is in the
//! store: the same evaluations lead to the same lanes, whoever asks and in whatever order they came.

use std::collections::{BTreeMap, BTreeSet};

use align_plan::{Better, Lane, NodeKind, Sweep};
use align_runtime_api::NodeState;
use align_schema::{Dim, Quantity, Value};

use super::{Board, How, Settled, Start, Work};
use crate::converge::gain;
use crate::extent::counted;
use crate::keep;
use crate::record::{Curve, Done, Manifest, Output, Point, Pos};
use crate::words::number;
use align_plan::Key;

/// What the halvings of a plan come to, as far as the store goes.
#[derive(Clone, Debug, Default)]
pub struct Halved {
    /// Lanes that were stopped.
    pub pruned: BTreeMap<String, Pruned>,
    /// Lanes that have come to a point and wait there for the others.
    pub waiting: BTreeMap<String, String>,
    /// Nodes before a point that is not decided yet: the first evaluation at or past it is where they wait.  None where the point is the end.
    pub hold: BTreeMap<usize, Option<Quantity>>,
    /// Nodes that are at such a point.
    pub held: BTreeSet<usize>,
    /// What was decided, for people, in order.
    pub told: Vec<String>,
}

/// A lane that was stopped.
#[derive(Clone, Debug)]
pub struct Pruned {
    /// The node by which lanes were compared.
    pub node: usize,
    /// Its evaluation that was compared, if it had come so far.
    pub at: Option<Pos>,
    /// What led to it, and the nodes that its lane was compared by.
    pub before: BTreeSet<usize>,
    /// For people.
    pub why: String,
}

/// What is known of a node that is not settled.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Its evaluations, as far as a checkpoint remembers them.
    history: Vec<Point>,
    /// Whether its newest attempt gave up.
    gave_up: bool,
    key: Option<Key>,
    spent: f64,
}

/// `halving(metric, keep, at)` as it was written.
struct Rule<'a> {
    /// The node whose metric it is; none for every stage.
    node: Option<&'a str>,
    metric: &'a str,
    keep: f64,
    at: Vec<f64>,
}

/// How far a lane has come.
enum Reach {
    /// Not to the point.
    NotYet,
    /// It will not: it failed.
    Failed,
    /// Here, with this value.
    At(Pos, Option<f64>),
}

impl Board<'_> {
    fn rule<'s>(&self, sweep: &'s Sweep) -> Option<Rule<'s>> {
        let Value::Call(call) = sweep.prune.as_ref()? else {
            return None;
        };
        let (Value::Name(metric), Value::List(at)) = (call.arg("metric")?, call.arg("at")?) else {
            return None;
        };
        let named = metric
            .split_once('.')
            .filter(|(first, _)| self.plan.nodes.iter().any(|n| n.name == *first));
        Some(Rule {
            node: named.map(|(node, _)| node),
            metric: named.map_or(metric, |(_, metric)| metric),
            keep: call.arg("keep").and_then(Value::number).unwrap_or(0.5),
            at: at.iter().filter_map(Value::number).collect(),
        })
    }

    /// The nodes of a lane by which a rule compares it, in the order in which they run.
    fn compared(&self, rule: &Rule<'_>, lane: &str) -> Vec<usize> {
        let nodes = self.plan.nodes.iter().enumerate();
        let mine = nodes.filter(|(_, n)| n.lane == lane && n.round == 1);
        let Some(name) = rule.node else {
            return mine
                .filter(|(_, n)| n.kind == NodeKind::Stage && n.eval.is_some())
                .map(|(i, _)| i)
                .collect();
        };
        mine.filter(|(_, n)| n.name == name && n.kind != NodeKind::Dataset)
            .filter_map(|(i, n)| match n.kind {
                // The last member, in the first round.
                NodeKind::Sequence => self.find(&n.needs.first()?.node),
                _ => Some(i),
            })
            .collect()
    }

    /// Nodes by which the lanes of some sweep are compared: what they came to counts when that is decided.
    pub fn compared_nodes(&self) -> BTreeSet<usize> {
        let mut out = BTreeSet::new();
        for sweep in &self.plan.sweeps {
            if let Some(rule) = self.rule(sweep) {
                for lane in self.lanes_of(sweep) {
                    out.extend(self.compared(&rule, &lane.id));
                }
            }
        }
        out
    }

    fn lanes_of(&self, sweep: &Sweep) -> Vec<&Lane> {
        let theirs = |l: &&Lane| l.sweep.as_deref() == Some(sweep.name.as_str());
        self.plan.lanes.iter().filter(theirs).collect()
    }

    /// Decides as far as the store goes.  `seen` is what is known of nodes that are not settled; `finished` are results that
    /// wait for this.
    pub fn halve(
        &self,
        seen: &BTreeMap<usize, Seen>,
        finished: &BTreeMap<usize, Settled>,
    ) -> Halved {
        let mut out = Halved::default();
        for sweep in &self.plan.sweeps {
            if let Some(rule) = self.rule(sweep) {
                self.halve_sweep(sweep, &rule, seen, finished, &mut out);
            }
        }
        out
    }

    fn halve_sweep(
        &self,
        sweep: &Sweep,
        rule: &Rule<'_>,
        seen: &BTreeMap<usize, Seen>,
        finished: &BTreeMap<usize, Settled>,
        out: &mut Halved,
    ) {
        let mut alive: Vec<(&Lane, Vec<usize>)> = self
            .lanes_of(sweep)
            .into_iter()
            .map(|lane| (lane, self.compared(rule, &lane.id)))
            .collect();
        let stages = alive.iter().map(|(_, nodes)| nodes.len()).min();
        let mut decided = true;
        for stage in 0..stages.unwrap_or(0) {
            for share in &rule.at {
                let reached: Vec<(&Lane, usize, Reach)> = alive
                    .iter()
                    .filter_map(|(lane, nodes)| {
                        let node = *nodes.get(stage)?;
                        let reach = self.reach(rule, node, *share, seen, finished);
                        Some((*lane, node, reach))
                    })
                    .collect();
                let open = reached.iter().filter(|r| matches!(r.2, Reach::NotYet));
                let open = open.count();
                if decided && open == 0 {
                    let gone = self.decide(sweep, rule, *share, &reached, out);
                    alive.retain(|(lane, _)| !gone.contains(&lane.id));
                    continue;
                }
                for (lane, node, reach) in reached {
                    out.hold.entry(node).or_insert(self.place(node, *share));
                    if matches!(reach, Reach::At(..)) {
                        out.held.insert(node);
                        if decided {
                            let plural = if open == 1 { "" } else { "s" };
                            let why = format!(
                                "waits at {} for {open} lane{plural}",
                                self.point(node, *share)
                            );
                            out.waiting.insert(lane.id.clone(), why);
                        }
                    }
                }
                decided = false;
            }
        }
    }

    /// `25% of fit`.
    fn point(&self, node: usize, share: f64) -> String {
        let name = self.node(node).map(|n| n.name.as_str());
        format!(
            "{} of {}",
            Quantity::new((share * 1e4).round() / 1e4, Dim::Share),
            name.unwrap_or_default()
        )
    }

    /// Where a share of a stage's budget is; none where only its end will do.
    fn place(&self, node: usize, share: f64) -> Option<Quantity> {
        let limits = &self.node(node)?.budget.as_ref()?.any;
        let limit = limits
            .iter()
            .find(|q| matches!(q.dim, Dim::Steps | Dim::EnvSteps))?;
        Some(Quantity::new(share * limit.amount, limit.dim))
    }

    fn reach(
        &self,
        rule: &Rule<'_>,
        i: usize,
        share: f64,
        seen: &BTreeMap<usize, Seen>,
        finished: &BTreeMap<usize, Settled>,
    ) -> Reach {
        let Some(node) = self.node(i) else {
            return Reach::Failed;
        };
        let place = self.place(i, share);
        let fresh = node.need("from").is_none();
        let at = |point: &Point| {
            let value = point.metrics.get(rule.metric).copied();
            Reach::At(point.at, value.filter(|v| v.is_finite()))
        };
        let first = |history: &[Point]| {
            let mut points = counted(history, fresh).iter();
            points
                .find(|p| place.is_some_and(|q| reached(q, p.at)))
                .map(at)
        };
        if let Some(settled) = finished.get(&i).or_else(|| self.settled_at(i)) {
            let Some(done) = &settled.done else {
                // One that was not asked for may still come.
                return match settled.state {
                    NodeState::Waiting => Reach::NotYet,
                    _ => Reach::Failed,
                };
            };
            // It ended before the point: its last evaluation is what there is.
            let last = || match counted(&done.history, fresh).last() {
                Some(point) => at(point),
                None => at(&Point {
                    at: done.at,
                    metrics: done
                        .best
                        .as_ref()
                        .map(|o| o.metrics.clone())
                        .unwrap_or_default(),
                }),
            };
            return first(&done.history).unwrap_or_else(last);
        }
        if let Some(reach) = seen.get(&i).and_then(|s| first(&s.history)) {
            return reach;
        }
        let lane = |k: &usize| self.node(*k).is_some_and(|n| n.lane == node.lane);
        let gave_up = seen.iter().any(|(k, s)| s.gave_up && lane(k));
        if gave_up {
            Reach::Failed
        } else {
            Reach::NotYet
        }
    }

    /// What is known of a node with work left.
    pub fn seen(&self, work: &Work, compared: bool) -> Seen {
        let (history, spent) = match &work.how {
            How::Resume(start) | How::Back(start) if compared => {
                (self.remembered(start), start.spent)
            }
            How::Busy(n) if compared => {
                let at_work = self.at_work(&work.key, *n);
                (at_work.history, at_work.spent)
            }
            _ => (Vec::new(), 0.0),
        };
        Seen {
            history,
            gave_up: work.gave_up.is_some(),
            key: Some(work.key.clone()),
            spent,
        }
    }

    /// What is known of a node that waits for its next attempt.
    pub fn begun_with(&self, key: &Key, start: &Start) -> Seen {
        Seen {
            history: self.remembered(start),
            gave_up: false,
            key: Some(key.clone()),
            spent: start.spent,
        }
    }

    /// What is known of a node that a worker is on: what it began with.
    pub fn at_work(&self, key: &Key, attempt: u32) -> Seen {
        let assignment = self.store.node(key).assignment(attempt).ok().flatten();
        let start = assignment.map(|a| Start {
            resume: a.resume,
            history: a.history,
            spent: a.spent,
            ..Start::default()
        });
        Seen {
            history: start.as_ref().map_or_else(Vec::new, |s| self.remembered(s)),
            gave_up: false,
            key: Some(key.clone()),
            spent: start.map_or(0.0, |s| s.spent),
        }
    }

    /// The evaluations that an attempt begins with.
    fn remembered(&self, start: &Start) -> Vec<Point> {
        let stored = start.resume.iter().find_map(|r| {
            let manifest: Manifest = self.store.get_record(&r.manifest).ok()?;
            Some(manifest.progress.history)
        });
        let stored = stored.unwrap_or_default();
        let Some(history) = &start.history else {
            return stored;
        };
        let known = history.last().map_or(0, |p| p.at.step);
        let later = stored.into_iter().filter(|p| p.at.step > known);
        history.iter().cloned().chain(later).collect()
    }

    /// Ranks the lanes at a point; the ids of those that are stopped.
    fn decide(
        &self,
        sweep: &Sweep,
        rule: &Rule<'_>,
        share: f64,
        reached: &[(&Lane, usize, Reach)],
        out: &mut Halved,
    ) -> Vec<String> {
        let value = |reach: &Reach| match reach {
            Reach::At(_, value) => *value,
            Reach::NotYet | Reach::Failed => None,
        };
        // A stage that has no such metric compares nothing.
        let Some((_, first, _)) = reached.iter().find(|r| value(&r.2).is_some()) else {
            return Vec::new();
        };
        let better = self
            .node(*first)
            .map_or(Better::Up, |n| keep::direction(n, rule.metric));
        let mut ranked: Vec<_> = reached.iter().collect();
        // The sort is stable: of equal lanes the one that is listed first comes first.
        ranked.sort_by(|a, b| match (value(&a.2), value(&b.2)) {
            (Some(a), Some(b)) => gain(better, b, a).total_cmp(&0.0),
            (a, b) => b.is_some().cmp(&a.is_some()),
        });
        let n = ranked.len();
        let most = ((rule.keep * n as f64 - 1e-9).ceil() as usize).clamp(1, n);
        let point = self.point(*first, share);
        let shown = |r: &Reach| value(r).map_or_else(|| "nothing".into(), number);
        let label = |lane: &Lane| crate::report::lane_label(&lane.id);
        let told = |some: &[&(&Lane, usize, Reach)]| {
            let all = some.iter();
            all.map(|(lane, _, reach)| format!("{} {}", label(lane), shown(reach)))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let (best, rest) = ranked.split_at(most);
        if rest.is_empty() {
            return Vec::new();
        }
        out.told.push(format!(
            "{} at {point}: {most} of {n} lanes go on by {} ({}), {} pruned ({})",
            sweep.name,
            rule.metric,
            told(best),
            rest.len(),
            told(rest)
        ));
        for (k, (lane, node, reach)) in rest.iter().enumerate() {
            let failed = matches!(reach, Reach::Failed);
            let place = most + k + 1;
            let why = if failed {
                format!("pruned at {point}, before which it failed: {most} of {n} lanes go on")
            } else {
                format!(
                    "pruned at {point}: {} {} is place {place} of {n} lanes, {most} go on",
                    rule.metric,
                    shown(reach)
                )
            };
            let at = match reach {
                Reach::At(at, _) => Some(*at),
                _ => None,
            };
            out.pruned.insert(
                lane.id.clone(),
                Pruned {
                    node: *node,
                    at,
                    before: self.spared(rule, &lane.id, *node),
                    why,
                },
            );
        }
        rest.iter().map(|(lane, ..)| lane.id.clone()).collect()
    }

    /// What a node needs, directly or not, and all by which its lane is compared.
    fn spared(&self, rule: &Rule<'_>, lane: &str, node: usize) -> BTreeSet<usize> {
        let mut out: BTreeSet<usize> = self.compared(rule, lane).into_iter().collect();
        let mut todo = vec![node];
        while let Some(i) = todo.pop() {
            let needs = self.node(i).map_or(&[][..], |n| n.needs.as_slice());
            let new: Vec<usize> = needs.iter().filter_map(|n| self.find(&n.node)).collect();
            todo.extend(new.into_iter().filter(|j| out.insert(*j)));
        }
        out
    }

    /// What a node of a pruned lane has come to: the node that was compared keeps what it had reached there.
    pub fn stopped(
        &self,
        i: usize,
        pruned: &Pruned,
        seen: Option<&Seen>,
        finished: Option<Settled>,
    ) -> Settled {
        let key = seen
            .and_then(|s| s.key.clone())
            .or_else(|| finished.as_ref().and_then(|s| s.key.clone()));
        let done = finished.as_ref().and_then(|s| s.done.as_ref());
        let history = match (done, seen) {
            (Some(done), _) => Some(done.history.clone()),
            (None, seen) => seen.map(|s| s.history.clone()),
        };
        let seconds = done.map_or_else(|| seen.map_or(0.0, |s| s.spent), |d| d.seconds);
        let at = pruned.at.filter(|_| pruned.node == i);
        let done = at.and_then(|at| self.reached(i, at, history?, seconds, &pruned.why));
        Settled {
            done,
            state: NodeState::Pruned,
            note: Some(pruned.why.clone()),
            reused: true,
            key,
        }
    }

    /// A record without checkpoints: nothing can go on from a stage that was stopped.
    fn reached(
        &self,
        i: usize,
        at: Pos,
        mut history: Vec<Point>,
        seconds: f64,
        why: &str,
    ) -> Option<Done> {
        let node = self.node(i)?;
        history.retain(|p| p.at.step <= at.step);
        let ranked = counted(&history, node.need("from").is_none()).iter();
        let best = keep::best_of(node, ranked.map(|p| (p.at.step, &p.metrics)));
        let point = |step: u64| history.iter().rfind(|p| p.at.step == step);
        let output = |p: &Point| Output {
            at: p.at,
            metrics: p.metrics.clone(),
            ..Output::default()
        };
        let best = best.and_then(|(step, _)| point(step)).map(output);
        Some(Done {
            version: Done::VERSION,
            id: node.id.clone(),
            kind: node.kind,
            extent: crate::extent::extent(node),
            arms: node.arms.clone(),
            skipped: false,
            stop: Some(align_runtime_api::Stop::Rule(why.to_owned())),
            at,
            last_env: 0,
            samples: 0,
            best,
            last: history.last().map(output),
            kept: Vec::new(),
            curve: Curve::default(),
            events: Vec::new(),
            seconds,
            trained: seconds,
            peak: 0,
            spans: crate::record::Spans::default(),
            note: Some(why.to_owned()),
            history,
        })
    }
}

/// Whether an evaluation is at or past a place.
pub fn reached(place: Quantity, at: Pos) -> bool {
    let n = if place.dim == Dim::EnvSteps {
        at.env_steps
    } else {
        at.step
    };
    n as f64 >= place.amount - 1e-6
}
