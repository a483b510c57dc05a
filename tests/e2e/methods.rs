//! Does the example beside each builtin of the library run from end to end?  Every `example.align` under `stdlib/src`, with real workers.

use std::collections::BTreeSet;

use align_tests::text_files;

use crate::scene::Scene;

/// Folders of the library whose builtins are each a folder of their own, with an example and cases.
const SHELVES: [&str; 3] = ["losses", "nets", "samplers"];

fn examples() -> Vec<(String, String)> {
    text_files()
        .into_iter()
        .filter_map(|f| {
            let name = f.path.strip_prefix("stdlib/src/")?;
            let name = name.strip_suffix("/example.align")?;
            Some((name.to_owned(), f.text.clone()))
        })
        .collect()
}

#[test]
fn the_example_beside_each_method_runs() {
    let examples = examples();
    assert!(examples.len() >= 25, "{}", examples.len());
    for (name, text) in &examples {
        let scene = Scene::of(text);
        scene.run_well(&[]);
        for (node, state) in scene.status() {
            assert_eq!(state["state"], "done", "{name}: {node}");
        }
    }
}

#[test]
fn every_method_has_an_example_that_names_it_and_cases() {
    let files: BTreeSet<String> = text_files().into_iter().map(|f| f.path.clone()).collect();
    let examples = examples();
    for shelf in SHELVES {
        let lists = match shelf {
            "losses" => align_stdlib::losses::LIST,
            "nets" => align_stdlib::nets::LIST,
            _ => align_stdlib::samplers::LIST,
        };
        for builtin in lists {
            let folder = format!("{shelf}/{}", builtin.name);
            let example = examples.iter().find(|(name, _)| *name == folder);
            let text = example.map_or("", |(_, text)| text);
            assert!(
                text.contains(&format!("{}(", builtin.name)),
                "{folder} has no example"
            );
            let cases = format!("stdlib/src/{folder}/cases.md");
            assert!(files.contains(&cases), "{cases} is missing");
        }
    }
}

#[test]
fn every_method_says_when_to_use_it_when_it_fails_and_where_it_is_from() {
    let lists = [
        align_stdlib::losses::LIST,
        align_stdlib::nets::LIST,
        align_stdlib::samplers::LIST,
        align_stdlib::guidance::LIST,
        align_stdlib::adapters::LIST,
    ];
    for builtin in lists.into_iter().flatten() {
        for wanted in ["Use ", " fail", "Source: "] {
            assert!(
                builtin.docs.contains(wanted),
                "`{}` lacks `{wanted}`",
                builtin.name
            );
        }
    }
}
