//! Do the documents say what they must, and do the examples say what to expect?

use align_tests::{TextFile, root, text_files};

/// An example opens with what it does, how long it takes and the number to expect.
pub fn example_header(file: &TextFile) -> Vec<String> {
    if !file.path.starts_with("examples/") || file.extension() != "align" {
        return Vec::new();
    }
    let header: Vec<&str> = file
        .text
        .lines()
        .take_while(|l| l.starts_with("//"))
        .collect();
    ["What:", "Time:", "Expect:"]
        .iter()
        .filter(|word| {
            !header
                .iter()
                .any(|l| l.trim_start_matches('/').trim_start().starts_with(**word))
        })
        .map(|word| format!("{}: its header has no line `// {word} ..`", file.path))
        .collect()
}

fn document(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn the_changelog_has_this_version() {
    let text = document("CHANGELOG.md");
    let version = env!("CARGO_PKG_VERSION");
    let found = text
        .lines()
        .any(|l| l.starts_with("## ") && (l.contains(version) || l.contains("Unreleased")));
    assert!(found, "CHANGELOG.md has no section `## {version}`");
}

#[test]
fn both_licences_are_there_in_full() {
    assert!(document("LICENSE-MIT").contains("WITHOUT WARRANTY OF"));
    assert!(document("LICENSE-APACHE").contains("END OF TERMS AND CONDITIONS"));
}

/// The mistakes in the README are what the command line says (`tests/cli` replays that session).
#[test]
fn the_error_of_the_readme_is_real() {
    let session = document("tests/cli/sessions/readme.txt");
    let shown: Vec<&str> = session
        .lines()
        .filter_map(|l| l.strip_prefix('|'))
        .map(|l| l.strip_prefix(' ').unwrap_or(l))
        .collect();
    let shown = shown.join("\n");
    assert!(shown.contains("error["), "{session}");
    assert!(
        document("README.md").contains(&shown),
        "README.md lacks\n{shown}"
    );
}

/// Relative links of the Markdown documents lead to a file or a folder.
#[test]
fn links_lead_somewhere() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for file in text_files().iter().filter(|f| f.extension() == "md") {
        let folder = root().join(&file.path);
        let folder = folder.parent().unwrap_or(&folder);
        for target in links(&file.text) {
            seen += 1;
            if !folder.join(&target).exists() {
                wrong.push(format!("{}: `{target}` is not there", file.path));
            }
        }
    }
    assert!(seen > 5, "only {seen} links were found");
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// The targets of `[text](target)` that are paths, without their fragments.
fn links(text: &str) -> Vec<String> {
    let mut fenced = false;
    let mut out = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for part in line.split("](").skip(1) {
            let Some((target, _)) = part.split_once(')') else {
                continue;
            };
            let path = target.split('#').next().unwrap_or("");
            if !path.is_empty() && !target.contains("://") && !target.contains(' ') {
                out.push(path.to_owned());
            }
        }
    }
    out
}

#[test]
fn links_are_found_outside_fences_only() {
    let text = "a [b](c/d.md#e) [f](https://g)\n```\n[h](i)\n```\n";
    assert_eq!(links(text), ["c/d.md"]);
}
