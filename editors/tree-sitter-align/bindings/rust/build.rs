//! How does the parser get into the crate?  The generated C and its scanner are compiled.

fn main() {
    println!("cargo:rerun-if-changed=src");
    cc::Build::new()
        .std("c11")
        .include("src")
        // Generated code is not held to a style.
        .warnings(false)
        .files(["src/parser.c", "src/scanner.c"])
        .compile("tree-sitter-align");
}
