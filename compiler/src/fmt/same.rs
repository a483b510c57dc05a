//! Do two texts say the same?  The net under the formatter: a layout that fails here is never written.
//!
//! The same tokens in a tree of the same shape, separators left aside, and the same comments in the same order.

use align_grammar::{SyntaxElement, SyntaxEvent, SyntaxKind, SyntaxNode, tree};

/// What a layout would have lost or changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// In the text before.
    pub before: String,
    /// In the text after.
    pub after: String,
}

/// Compares.
pub fn compare(before: &str, after: &str) -> Result<(), Damage> {
    let (a, b) = (tree(before), tree(after));
    let (mut left, mut right) = (Walk::new(&a), Walk::new(&b));
    loop {
        match (left.next(), right.next()) {
            (None, None) => break,
            (a, b) if a == b => {}
            (a, b) => return Err(damage(a.as_ref(), b.as_ref())),
        }
    }
    if left.comments == right.comments {
        return Ok(());
    }
    let other = |a: &[String], b: &[String]| {
        let at = (0..a.len()).find(|&i| a.get(i) != b.get(i));
        at.and_then(|i| a.get(i).cloned()).unwrap_or_default()
    };
    Err(Damage {
        before: other(&left.comments, &right.comments),
        after: other(&right.comments, &left.comments),
    })
}

fn damage(before: Option<&Step>, after: Option<&Step>) -> Damage {
    let said = |step: Option<&Step>| step.map_or_else(|| "the end".to_owned(), Step::said);
    Damage {
        before: said(before),
        after: said(after),
    }
}

/// A step of a walk.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Enter(SyntaxKind),
    Leave,
    Token(SyntaxKind, String),
}

impl Step {
    fn said(&self) -> String {
        match self {
            Step::Enter(kind) => format!("{kind:?}"),
            Step::Leave => "the end of a part".to_owned(),
            Step::Token(_, text) => text.clone(),
        }
    }
}

struct Walk {
    events: Box<dyn Iterator<Item = SyntaxEvent>>,
    comments: Vec<String>,
}

impl Walk {
    fn new(root: &SyntaxNode) -> Self {
        Self {
            events: Box::new(root.preorder_with_tokens()),
            comments: Vec::new(),
        }
    }

    /// The next step that matters.
    fn next(&mut self) -> Option<Step> {
        loop {
            let step = match self.events.next()? {
                SyntaxEvent::Enter(SyntaxElement::Node(node)) => Step::Enter(node.kind()),
                SyntaxEvent::Leave(SyntaxElement::Node(_)) => Step::Leave,
                SyntaxEvent::Leave(SyntaxElement::Token(_)) => continue,
                SyntaxEvent::Enter(SyntaxElement::Token(token)) => {
                    let text = token.text().trim_end();
                    match token.kind() {
                        SyntaxKind::Comment => {
                            self.comments.push(text.to_owned());
                            continue;
                        }
                        SyntaxKind::Blank => continue,
                        SyntaxKind::Punct if matches!(text, "," | ";") => continue,
                        kind => Step::Token(kind, text.to_owned()),
                    }
                }
            };
            return Some(step);
        }
    }
}
