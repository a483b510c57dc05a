//! Which statement may stand in which block, and what separates two?  Rules of shape that are clearer on the tree than in the grammar.

use std::rc::Rc;

use crate::EDITION;
use crate::ast::{Arm, Block, File, Item, ItemKind, Span, Stmt, StmtKind, SyntaxError};
use crate::lex::{Token, Tokens};
use crate::map::Map;
use crate::tree::Failure;
use crate::words;

/// The message for a text that pest gave up on.
pub fn unparsable(text: &str, map: &Map, failure: &Failure) -> SyntaxError {
    let at = map.back(failure.at).min(text.len());
    error(
        "A0007",
        Span::new(at, at),
        if failure.gave_up {
            "this file is too large or nested too deep to be read"
        } else {
            "this file cannot be read from here on"
        }
        .to_owned(),
        "reading stopped here".to_owned(),
    )
}

fn error(code: &'static str, span: Span, message: String, label: String) -> SyntaxError {
    SyntaxError {
        code,
        span,
        message,
        label,
        related: Vec::new(),
        help: None,
        fix: None,
    }
}

/// Checks the separators, and which statement stands where; drops statements that may not stand where they are.
pub fn check(text: &str, items: &mut [Item], errors: &mut Vec<SyntaxError>) {
    for item in items {
        self::item(text, item, errors);
    }
}

/// Checks the edition.
pub fn edition(file: &File, errors: &mut Vec<SyntaxError>) {
    let start = Span::new(0, 0);
    let first = format!("align {EDITION}");
    match &file.edition {
        None if errors.iter().any(|e| matches!(e.code, "A0007" | "A0008")) => {}
        None => {
            let mut e = error(
                "A0008",
                start,
                "the edition of the language is missing".to_owned(),
                format!("a file begins with `{first}`"),
            );
            e.fix = Some((start, format!("{first}\n\n")));
            errors.push(e);
        }
        Some(number) if (number.value - f64::from(EDITION)).abs() > 0.0 || number.real => {
            let newer = number.value > f64::from(EDITION);
            let mut e = error(
                "A0008",
                number.span,
                if newer && !number.real {
                    format!(
                        "edition {} is newer than this tool, which knows edition {EDITION}",
                        number.value
                    )
                } else {
                    "there is no such edition of the language".to_owned()
                },
                format!("this tool knows edition {EDITION}"),
            );
            if newer && !number.real {
                e.help = Some("update `align`, or write the file for edition 1".to_owned());
            }
            e.fix = Some((number.span, EDITION.to_string()));
            errors.push(e);
        }
        Some(_) => {}
    }
}

/// A kind of block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Dataset,
    Model,
    Stage,
    Sequence,
    Cascade,
    Sweep,
    Report,
    Eval,
    Checkpoint,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Dataset => "dataset",
            Kind::Model => "model",
            Kind::Stage => "stage",
            Kind::Sequence => "sequence",
            Kind::Cascade => "cascade",
            Kind::Sweep => "sweep",
            Kind::Report => "report",
            Kind::Eval => "eval",
            Kind::Checkpoint => "checkpoint",
        }
    }

    fn named(self) -> String {
        let article = if self == Kind::Eval { "an" } else { "a" };
        format!("{article} `{}`", self.word())
    }

    /// Statements besides fields.
    fn allows(self) -> &'static [&'static str] {
        match self {
            Kind::Stage | Kind::Sequence => &["until", "on", "eval", "checkpoint"],
            Kind::Cascade => &["eval"],
            Kind::Sweep => &["in", "without"],
            Kind::Report => &["expect"],
            Kind::Dataset | Kind::Model | Kind::Eval | Kind::Checkpoint => &[],
        }
    }
}

fn item(text: &str, item: &mut Item, errors: &mut Vec<SyntaxError>) {
    let (kind, block): (Kind, &mut Rc<Block>) = match &mut item.kind {
        ItemKind::Dataset(b) => (Kind::Dataset, b),
        ItemKind::Model(b) => (Kind::Model, b),
        ItemKind::Stage(b) => (Kind::Stage, b),
        ItemKind::Sequence(b) => (Kind::Sequence, b),
        ItemKind::Cascade(b) => (Kind::Cascade, b),
        ItemKind::Sweep(b) => (Kind::Sweep, b),
        ItemKind::Report(b) => (Kind::Report, b),
        ItemKind::Pipeline(p) => {
            return check(text, &mut p.items, errors);
        }
        ItemKind::Policy(p) => {
            arms(text, &p.arms, errors);
            return;
        }
        ItemKind::Use(_) | ItemKind::Param(_) | ItemKind::Let(_) | ItemKind::Broken { .. } => {
            return;
        }
    };
    body(text, kind, &mut Rc::make_mut(block).body, errors);
}

fn body(text: &str, kind: Kind, stmts: &mut Vec<Stmt>, errors: &mut Vec<SyntaxError>) {
    let spans: Vec<Span> = stmts.iter().map(|s| s.span).collect();
    separators(text, &spans, errors);
    stmts.retain_mut(|stmt| {
        let word = match &mut stmt.kind {
            StmtKind::Field { .. } => return true,
            StmtKind::Until(_) => "until",
            StmtKind::On { arms: inner, .. } => {
                arms(text, inner, errors);
                "on"
            }
            StmtKind::Eval { body: inner, .. } => {
                body(text, Kind::Eval, inner, errors);
                "eval"
            }
            StmtKind::Checkpoint { body: inner, .. } => {
                body(text, Kind::Checkpoint, inner, errors);
                "checkpoint"
            }
            StmtKind::Axis { .. } => "in",
            StmtKind::Without(_) => "without",
            StmtKind::Expect(_) => "expect",
        };
        if kind.allows().contains(&word) {
            return true;
        }
        errors.push(misplaced(kind, word, stmt.span));
        false
    });
}

fn misplaced(kind: Kind, word: &str, span: Span) -> SyntaxError {
    let shown = if word == "in" {
        "an axis (`name in values`)".to_owned()
    } else {
        format!("`{word}`")
    };
    let homes: Vec<&str> = [
        Kind::Stage,
        Kind::Sequence,
        Kind::Cascade,
        Kind::Sweep,
        Kind::Report,
    ]
    .into_iter()
    .filter(|k| k.allows().contains(&word))
    .map(Kind::word)
    .collect();
    let mut e = error(
        "A0009",
        if word == "in" {
            span
        } else {
            Span::new(span.start as usize, span.start as usize + word.len())
        },
        format!("{shown} cannot stand in {}", kind.named()),
        match kind.allows() {
            [] => "only fields stand here".to_owned(),
            words => format!("here stand fields, {}", words::quoted(words, "and")),
        },
    );
    if !homes.is_empty() {
        e.help = Some(format!("it belongs in a {}", words::quoted(&homes, "or")));
    }
    e
}

fn arms(text: &str, arms: &[Arm], errors: &mut Vec<SyntaxError>) {
    let spans: Vec<Span> = arms.iter().map(|a| a.span).collect();
    separators(text, &spans, errors);
}

/// Two statements need a new line, `,` or `;` between them.
fn separators(text: &str, spans: &[Span], errors: &mut Vec<SyntaxError>) {
    for pair in spans.windows(2) {
        let [before, after] = pair else { continue };
        let gap = text
            .get(before.end as usize..after.start as usize)
            .unwrap_or("\n");
        let separates = |t: Token| matches!(t.text(gap), "," | ";");
        if gap.contains('\n') || Tokens::of(gap).any(separates) {
            continue;
        }
        let mut e = error(
            "A0005",
            Span::new(before.end as usize, after.start as usize),
            "two statements on one line need a separator".to_owned(),
            "`,`, `;` or a new line is missing here".to_owned(),
        );
        e.fix = Some((
            Span::new(before.end as usize, before.end as usize),
            ";".to_owned(),
        ));
        errors.push(e);
    }
}
