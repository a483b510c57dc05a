//! Metrics: which ones does a stage have, and which one does a name mean?

use align_grammar::ast::{Expr, Span};
use align_plan::{Better, MetricRef};
use align_schema::{Dim, Value};
use align_stdlib::rules::{self, Metric};
use rustc_hash::FxHashMap;

use super::{Checker, Spot};
use crate::diag::{Diagnostic, FileId};
use crate::hir::At;
use crate::suggest::{near, suggested};
use std::rc::Rc;

/// Metrics of one stage.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    list: Rc<Vec<Metric>>,
}

/// What metric names can mean where the check stands.
#[derive(Clone, Debug)]
pub(super) enum Scope {
    /// No metric can stand here.
    None,
    /// Any name will do: what would tell is poison.
    Any,
    /// Those of one stage.
    Stage {
        /// Its name.
        name: String,
        /// `stage`, `sequence`.
        word: &'static str,
        /// Its metrics.
        metrics: Metrics,
        /// Whether its model could be evaluated in an environment if there were a task, or with a critic.
        acts: bool,
    },
    /// Those of a pipeline's nodes, as `node.metric`, or `metric` for all of them.
    Report(Rc<FxHashMap<String, Reported>>),
}

/// A node that a report can name.
#[derive(Clone, Debug)]
pub(super) struct Reported {
    /// Its metrics.
    pub metrics: Metrics,
    /// Its file.
    pub file: FileId,
    /// Of its name.
    pub span: Span,
}

impl Metrics {
    /// From lists.
    pub fn new(lists: &[&[Metric]]) -> Self {
        Self {
            list: Rc::new(lists.iter().copied().flatten().copied().collect()),
        }
    }
    /// The metric of this name.
    pub fn find(&self, name: &str) -> Option<&Metric> {
        self.list.iter().find(|m| m.name == name)
    }
    /// Every metric that there is: those of a stage that is wrong.
    pub fn any() -> Self {
        Self::new(&[
            rules::TRAINING,
            rules::DRAWN,
            rules::EVALUATION,
            rules::VALUE,
            rules::LOSSES,
        ])
    }
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Metric> {
        self.list.iter()
    }
    /// Their names.
    pub fn names(&self) -> Vec<&'static str> {
        self.list.iter().map(|m| m.name).collect()
    }
}

fn better(up: bool) -> Better {
    if up { Better::Up } else { Better::Down }
}

impl Checker<'_> {
    /// A metric by name, as a value.
    pub(super) fn metric_value(&mut self, at: At, expr: &Expr, spot: Spot) -> Option<Value> {
        let name = self.metric_name(at, expr, spot)?;
        Some(Value::Name(name))
    }

    fn metric_name(&mut self, at: At, expr: &Expr, spot: Spot) -> Option<String> {
        if let Some(name) = expr.dotted()
            && self.metric_info(&name).is_some()
        {
            return Some(name);
        }
        let program = self.program;
        let (at, expr) = program.unalias(at, expr);
        let Some(name) = expr.dotted() else {
            self.wrong_type(at, expr, align_schema::Ty::Metric, spot);
            return None;
        };
        if self.metric_info(&name).is_some() {
            return Some(name);
        }
        if self.is_poison(at, expr) || self.reaches_itself(at, expr) {
            return None;
        }
        self.no_metric(at, expr.span, &name, spot);
        None
    }

    /// What a metric's name means here.
    pub(super) fn metric_info(&self, name: &str) -> Option<(Better, Dim)> {
        let of = |m: &Metric| (better(m.up), m.dim);
        match &self.metrics {
            Scope::None => None,
            Scope::Any => {
                let plain = name.split_once('.').map_or(name, |(_, metric)| metric);
                let found = rules::metric(name).or_else(|| rules::metric(plain));
                found.map(of)
            }
            Scope::Stage { metrics, .. } => metrics.find(name).map(of),
            Scope::Report(nodes) => {
                let node = parted(nodes, name)
                    .and_then(|(node, metric)| nodes.get(node)?.metrics.find(metric));
                node.or_else(|| nodes.values().find_map(|n| n.metrics.find(name)))
                    .map(of)
            }
        }
    }

    /// A metric that is known to be there.
    pub(super) fn metric_ref(&self, name: &str) -> MetricRef {
        let better = self.metric_info(name).map_or(Better::Up, |(b, _)| b);
        MetricRef {
            name: name.to_owned(),
            better,
        }
    }

    fn no_metric(&mut self, at: At, span: Span, name: &str, spot: Spot) {
        let scope = self.metrics.clone();
        let (error, words): (Diagnostic, Vec<String>) = match &scope {
            Scope::None | Scope::Any => (
                Diagnostic::error(
                    "A2008",
                    at.file,
                    span,
                    format!("there is no metric `{name}` here"),
                ),
                match &scope {
                    Scope::Any => Metrics::any()
                        .names()
                        .into_iter()
                        .map(str::to_owned)
                        .collect(),
                    _ => Vec::new(),
                },
            ),
            Scope::Stage {
                name: stage,
                word,
                metrics,
                acts,
            } => {
                let names = metrics.names();
                let of = |list: &[Metric]| list.iter().any(|m| m.name == name);
                let carry = *word == "sequence" && spot.path.starts_with("carry");
                let error = if carry {
                    Diagnostic::error(
                        "A5014",
                        at.file,
                        span,
                        format!("the last member of sequence `{stage}` has no metric `{name}` to carry by"),
                    )
                    .with_label("unknown metric")
                    .with_help(format!("it has {}", crate::suggest::all_of(&names)))
                } else if of(rules::VALUE) && *acts {
                    Diagnostic::error(
                        "A5002",
                        at.file,
                        span,
                        format!("`{name}` is never evaluated in {word} `{stage}`"),
                    )
                    .with_label("only an evaluation with a critic has it")
                    .with_help("add `eval { critic = .. }` with the checkpoint of a critic")
                } else if of(rules::EVALUATION) || of(rules::VALUE) {
                    let help = if *acts {
                        "an evaluation needs a task: name it in the dataset's source, or train `in env(task)`".to_owned()
                    } else {
                        format!(
                            "a critic does not act; it has {}",
                            crate::suggest::all_of(&names)
                        )
                    };
                    Diagnostic::error(
                        "A5002",
                        at.file,
                        span,
                        format!("`{name}` is never evaluated in {word} `{stage}`"),
                    )
                    .with_label("no evaluation gives this metric")
                    .with_help(help)
                } else {
                    Diagnostic::error(
                        "A2008",
                        at.file,
                        span,
                        format!("{word} `{stage}` has no metric `{name}`"),
                    )
                    .with_label("unknown metric")
                    .with_help(format!("it has {}", crate::suggest::all_of(&names)))
                };
                (error, names.into_iter().map(str::to_owned).collect())
            }
            Scope::Report(nodes) => {
                let mut keys: Vec<&str> = nodes.keys().map(String::as_str).collect();
                keys.sort_unstable();
                keys.retain(|k| !k.contains('.'));
                match parted(nodes, name).or_else(|| name.split_once('.')) {
                    Some((node, metric)) if nodes.contains_key(node) => {
                        let names = nodes
                            .get(node)
                            .map(|n| n.metrics.names())
                            .unwrap_or_default();
                        let error = Diagnostic::error(
                            "A2008",
                            at.file,
                            span,
                            format!("`{node}` has no metric `{metric}`"),
                        )
                        .with_label("unknown metric")
                        .with_help(format!("it has {}", crate::suggest::all_of(&names)));
                        (error, names.iter().map(|n| format!("{node}.{n}")).collect())
                    }
                    Some((node, metric)) if rules::metric(name).is_none() => {
                        let near = near(node, keys.iter().copied());
                        let mut error = Diagnostic::error(
                            "A1001",
                            at.file,
                            span,
                            format!("the pipeline has no stage `{node}`"),
                        )
                        .with_label("unknown stage");
                        for (name, found) in near.iter().filter_map(|n| Some((n, nodes.get(*n)?))) {
                            let text = format!("`{name}` is defined here");
                            error = error.with_place(found.file, found.span, text);
                        }
                        let words = near.iter().map(|n| format!("{n}.{metric}")).collect();
                        (error, words)
                    }
                    _ => {
                        let mut names: Vec<String> = nodes
                            .values()
                            .flat_map(|n| n.metrics.names())
                            .map(str::to_owned)
                            .collect();
                        names.sort_unstable();
                        names.dedup();
                        let error = Diagnostic::error("A2008", at.file, span, format!("no stage has a metric `{name}`"))
                            .with_label("unknown metric")
                            .with_help("name one of a stage, such as `controller.score`, or one of all stages, such as `score`");
                        (error, names)
                    }
                }
            }
        };
        let near = near(name, words.iter().map(String::as_str));
        self.report(suggested(error, span, &near));
    }
}

/// A metric's name as that of a node (`stage`, or `sweep.stage`) and the rest.
fn parted<'n>(nodes: &FxHashMap<String, Reported>, name: &'n str) -> Option<(&'n str, &'n str)> {
    let (node, metric) = name.split_once('.')?;
    if nodes.contains_key(node) {
        return Some((node, metric));
    }
    let at = node.len() + 1 + metric.find('.')?;
    let (node, metric) = (name.get(..at)?, name.get(at + 1..)?);
    nodes.contains_key(node).then_some((node, metric))
}
