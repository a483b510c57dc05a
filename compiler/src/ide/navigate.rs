//! Where is a name defined, where is it used, and what changes when it is renamed?

use align_grammar::ast::Span;
use align_grammar::lex::{ITEM_WORDS, Kind as Token, STATEMENT_WORDS, is_reserved, lex};

use super::Analysis;
use super::index::What;
use crate::diag::FileId;
use crate::hir::{DefId, Kind, join};

/// A place in a file, by its path: files have other numbers in another program.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Spot {
    /// The file's path.
    pub path: String,
    /// Where.
    pub span: Span,
    /// Whether the name is defined there.
    pub defines: bool,
}

/// A definition, named by its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The file's path.
    pub path: String,
    /// Of its name.
    pub span: Span,
    /// Its name.
    pub name: String,
}

/// The definition that the word at a byte stands for; a file that a `use` names is its beginning.
pub fn definition(analysis: &Analysis, file: FileId, offset: u32) -> Option<Target> {
    let mention = analysis.mention(file, offset)?;
    match mention.what {
        What::Def(id) => target(analysis, id),
        What::File => {
            let quoted = analysis.sources.slice(file, mention.span);
            let path = join(analysis.sources.path(file), quoted.trim_matches('"'));
            analysis.file(&path)?;
            Some(Target {
                path,
                span: Span::default(),
                name: String::new(),
            })
        }
        _ => None,
    }
}

fn target(analysis: &Analysis, id: DefId) -> Option<Target> {
    let def = analysis.def(id);
    if matches!(def.kind, Kind::Std(_)) {
        return None;
    }
    Some(Target {
        path: analysis.sources.path(def.at.file).to_owned(),
        span: def.name.span,
        name: def.name.text.clone(),
    })
}

/// Every place of a program where a definition is named, and where it is defined.
pub fn references(analysis: &Analysis, target: &Target) -> Vec<Spot> {
    let Some(id) = analysis
        .file(&target.path)
        .and_then(|f| analysis.defined_at(f, target.span))
    else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for (file, source) in analysis.sources.iter() {
        for mention in analysis.mentions(file) {
            if matches!(mention.what, What::Def(other) if other == id) {
                out.push(Spot {
                    path: source.path.clone(),
                    span: mention.span,
                    defines: mention.defines,
                });
            }
        }
    }
    out
}

/// Places of one file that name the same as the word at a byte.
pub fn highlights(analysis: &Analysis, file: FileId, offset: u32) -> Vec<Spot> {
    let Some(Target { path, span, name }) = definition(analysis, file, offset) else {
        return Vec::new();
    };
    let all = references(analysis, &Target { path, span, name });
    let own = analysis.sources.path(file);
    all.into_iter().filter(|s| s.path == own).collect()
}

/// What may be renamed at a byte: the word, and the definition.
pub fn renamed(analysis: &Analysis, file: FileId, offset: u32) -> Result<(Span, Target), String> {
    let nothing = || "there is no name here that the program defines".to_owned();
    let mention = analysis.mention(file, offset).ok_or_else(nothing)?;
    match mention.what {
        What::Def(id) => {
            let known = target(analysis, id).ok_or_else(|| {
                "it is a name of the standard library, renamed by a `use`".to_owned()
            })?;
            Ok((mention.span, known))
        }
        What::Builtin(b) => Err(format!("`{}` is a name of the standard library", b.name)),
        _ => Err(nothing()),
    }
}

/// Why a text cannot be the new name of a definition.
pub fn refuses(analysis: &Analysis, target: &Target, new: &str) -> Option<String> {
    let tokens = lex(new);
    let word = matches!(tokens.as_slice(), [only] if only.kind == Token::Word);
    if !word {
        return Some(format!(
            "`{new}` is not a name: letters, digits and `_`, a letter first"
        ));
    }
    let opens = ITEM_WORDS.contains(&new) || STATEMENT_WORDS.contains(&new);
    if is_reserved(new) || opens {
        return Some(format!("`{new}` is a word of the language"));
    }
    let id = analysis.defined_at(analysis.file(&target.path)?, target.span)?;
    let scope = analysis.def(id).at.scope;
    let other = analysis.program.lookup(scope, new)?;
    let other = analysis.def(other);
    let (place, _) = analysis.sources.places(other.at.file, other.name.span);
    let path = analysis.sources.path(other.at.file);
    Some(format!(
        "`{new}` is {} already, in {path}:{}",
        other.kind.what(),
        place.line
    ))
}

/// The places of a program to change for a rename: those where the definition goes by the name that is being changed.  A `use .. as` name
/// of one file is changed in that file only.
pub fn renames(analysis: &Analysis, target: &Target, from: (&str, Span, &str)) -> Vec<Spot> {
    let (path, _, word) = from;
    let alias = word != target.name;
    let all = references(analysis, target).into_iter();
    all.filter(|s| {
        let file = analysis.file(&s.path);
        let written = file.map_or("", |f| analysis.sources.slice(f, s.span));
        written == word && (!alias || s.path == path)
    })
    .collect()
}
