//! Does the tree-sitter grammar say of a text what the compiler's own grammar says, are its queries right, and is what was generated from it
//! up to date?

mod committed;
mod parity;
mod queries;

#[path = "../fuzz/mutate.rs"]
mod mutate;
#[path = "../slips/plant.rs"]
#[allow(dead_code)] // Where a message may stand is the business of `slips`.
mod plant;

use tree_sitter::{Node, Parser, Tree};

fn parser() -> Parser {
    let mut parser = Parser::new();
    parser
        .set_language(&tree_sitter_align::LANGUAGE.into())
        .expect("the library reads the ABI that the parser was generated for");
    parser
}

fn tree(text: &str) -> Tree {
    parser()
        .parse(text, None)
        .expect("a parser without a time limit")
}

/// The first node that is an error or was made up.
fn fault(node: Node<'_>) -> Option<Node<'_>> {
    if node.is_error() || node.is_missing() {
        return Some(node);
    }
    let mut cursor = node.walk();
    let children: Vec<_> = node.children(&mut cursor).collect();
    children.into_iter().filter(Node::has_error).find_map(fault)
}
