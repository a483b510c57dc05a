//! Censuses: do the valid programs of the corpus and the examples use all that the language has?  Each counts names out of the
//! definitions themselves, so that a new field or builtin without a program that shows it fails here.

use std::collections::BTreeSet;

use align_compiler::language::EVENTS;
use align_grammar::ast::{
    Arg, Block, Expr, ExprKind, File, Formal, Item, ItemKind, Stmt, StmtKind, UnaryOp,
};
use align_grammar::lex::ITEM_WORDS;
use align_schema::{BlockKind, Builtin, Dim, UNITS};
use align_stdlib::{block, builtins};
use align_tests::text_files;
use libtest_mimic::Trial;

/// The operators, as the tree names them.
const OPERATORS: &[&str] = &[
    "By",
    "Or",
    "And",
    "Eq",
    "Ne",
    "Ge",
    "Le",
    "Gt",
    "Lt",
    "Range",
    "RangeInclusive",
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Neg",
    "Not",
];

/// One a kind of name.
pub fn trials() -> Vec<Trial> {
    let used = || {
        let mut used = Used::default();
        for file in text_files() {
            if file.extension() == "align" && align_tests::sound(&file.path) {
                used.file(&align_grammar::parse(&file.text).file);
            }
        }
        used
    };
    let trial = |name: &str, wanted: fn() -> Vec<String>, of: fn(&Used) -> &Names| {
        Trial::test(format!("census::{name}"), move || {
            let used = used();
            let found = of(&used);
            let mut missing = wanted();
            missing.retain(|w| !found.contains(w));
            if missing.is_empty() {
                Ok(())
            } else {
                Err(format!("in no valid program: {}", missing.join(", ")).into())
            }
        })
    };
    vec![
        trial("items", || owned(&ITEM_WORDS), |u| &u.items),
        trial("fields", fields, |u| &u.fields),
        trial("library", || builtins().map(named).collect(), |u| &u.calls),
        trial("arguments", arguments, |u| &u.arguments),
        trial(
            "events",
            || {
                EVENTS
                    .iter()
                    .map(|e| e.name)
                    .chain(["failure"])
                    .map(str::to_owned)
                    .collect()
            },
            |u| &u.events,
        ),
        trial("operators", || owned(OPERATORS), |u| &u.operators),
        trial(
            "units",
            || {
                // No field takes a size in edition 1.
                let taken = UNITS.iter().filter(|u| u.dim != Dim::Size);
                taken.map(|u| u.name.to_owned()).collect()
            },
            |u| &u.units,
        ),
    ]
}

type Names = BTreeSet<String>;

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

fn named(builtin: &Builtin) -> String {
    builtin.name.to_owned()
}

const BLOCKS: &[BlockKind] = &[
    BlockKind::Dataset,
    BlockKind::Model,
    BlockKind::Stage,
    BlockKind::Sequence,
    BlockKind::Cascade,
    BlockKind::Sweep,
    BlockKind::Report,
    BlockKind::Eval,
    BlockKind::Checkpoint,
];

/// `stage.loss`, ...
fn fields() -> Vec<String> {
    let all = BLOCKS.iter().filter_map(|kind| block(*kind));
    all.flat_map(|b| b.fields.iter().map(|f| format!("{}.{}", b.word, f.name)))
        .collect()
}

/// `ppo(clip)`, ...
fn arguments() -> Vec<String> {
    builtins()
        .flat_map(|b| b.params.iter().map(|p| format!("{}({})", b.name, p.name)))
        .collect()
}

/// What programs use.
#[derive(Default)]
struct Used {
    items: Names,
    fields: Names,
    calls: Names,
    arguments: Names,
    events: Names,
    operators: Names,
    units: Names,
}

impl Used {
    fn file(&mut self, file: &File) {
        for item in &file.items {
            self.item(item);
        }
    }

    fn item(&mut self, item: &Item) {
        let word = match &item.kind {
            ItemKind::Use(_) => "use".to_owned(),
            ItemKind::Param(formal) => self.formal("param", formal),
            ItemKind::Let(formal) => self.formal("let", formal),
            ItemKind::Pipeline(pipeline) => {
                for formal in &pipeline.formals {
                    self.formal("", formal);
                }
                for item in &pipeline.items {
                    self.item(item);
                }
                "pipeline".to_owned()
            }
            ItemKind::Dataset(b) => self.block("dataset", b),
            ItemKind::Model(b) => self.block("model", b),
            ItemKind::Stage(b) => self.block("stage", b),
            ItemKind::Sequence(b) => self.block("sequence", b),
            ItemKind::Cascade(b) => self.block("cascade", b),
            ItemKind::Sweep(b) => self.block("sweep", b),
            ItemKind::Report(b) => self.block("report", b),
            ItemKind::Policy(policy) => {
                for arm in &policy.arms {
                    self.events.insert(arm.event.text.clone());
                    self.expr(&arm.action);
                }
                "policy".to_owned()
            }
            ItemKind::Broken { .. } => return,
        };
        self.items.insert(word);
    }

    fn block(&mut self, word: &str, block: &Block) -> String {
        let head = [&block.trains, &block.on, &block.env, &block.from];
        for expr in head.into_iter().flatten() {
            self.expr(expr);
        }
        self.body(word, &block.body);
        word.to_owned()
    }

    fn formal(&mut self, word: &str, formal: &Formal) -> String {
        if let Some(e) = &formal.value {
            self.expr(e);
        }
        word.to_owned()
    }

    fn body(&mut self, word: &str, body: &[Stmt]) {
        for stmt in body {
            match &stmt.kind {
                StmtKind::Field { path, value } => {
                    let first = path.parts.first().map_or("", |p| p.text.as_str());
                    self.fields.insert(format!("{word}.{first}"));
                    self.expr(value);
                }
                StmtKind::Until(e) | StmtKind::Without(e) | StmtKind::Expect(e) => self.expr(e),
                StmtKind::Axis { values, .. } => self.expr(values),
                StmtKind::On {
                    event,
                    args,
                    action,
                    arms,
                } => {
                    self.events.insert(event.text.clone());
                    for a in args.iter().flatten() {
                        self.expr(&a.value);
                    }
                    if let Some(e) = action {
                        self.expr(e);
                    }
                    for arm in arms {
                        self.events.insert(arm.event.text.clone());
                        self.expr(&arm.action);
                    }
                }
                StmtKind::Eval { every, body } => {
                    if let Some(e) = every {
                        self.expr(e);
                    }
                    self.body("eval", body);
                }
                StmtKind::Checkpoint { every, body } => {
                    self.expr(every);
                    self.body("checkpoint", body);
                }
            }
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Number { unit, .. } => {
                self.units.extend(unit.iter().map(|u| u.text.clone()));
            }
            ExprKind::List(list) => {
                for e in list {
                    self.expr(e);
                }
            }
            ExprKind::Record(entries) => {
                for (_, e) in entries {
                    self.expr(e);
                }
            }
            // `skip` is `skip()`.
            ExprKind::Ref(name) => {
                self.calls.insert(name.text.clone());
            }
            ExprKind::Member { base, .. } => self.expr(base),
            ExprKind::Call { callee, args, .. } => {
                let name = match &callee.kind {
                    ExprKind::Ref(name) => name,
                    ExprKind::Member { field, .. } => field,
                    _ => return,
                };
                self.call(&name.text, args);
            }
            ExprKind::Index { base, index } => {
                self.expr(base);
                self.expr(index);
            }
            ExprKind::Unary { op, operand } => {
                let op = match op {
                    UnaryOp::Neg => "Neg",
                    UnaryOp::Not => "Not",
                };
                self.operators.insert(op.to_owned());
                self.expr(operand);
            }
            ExprKind::Binary {
                op, left, right, ..
            } => {
                self.operators.insert(format!("{op:?}"));
                self.expr(left);
                self.expr(right);
            }
            ExprKind::Str(_) | ExprKind::Bool(_) | ExprKind::Error => {}
        }
    }

    fn call(&mut self, name: &str, args: &[Arg]) {
        self.calls.insert(name.to_owned());
        for builtin in builtins().filter(|b| b.name == name) {
            let plain = args.iter().filter(|a| a.name.is_none()).count();
            let by_place = builtin.params.iter().take(plain).map(|p| p.name);
            let by_name = args.iter().filter_map(|a| a.name.as_ref());
            let all = by_place.chain(by_name.map(|n| n.text.as_str()));
            self.arguments
                .extend(all.map(|arg| format!("{name}({arg})")));
        }
        for a in args {
            self.expr(&a.value);
        }
    }
}
