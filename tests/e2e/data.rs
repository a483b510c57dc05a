//! Is a data file that cannot be used refused before anything trains?

use align_tests::binary::align;
use align_tests::root;

use crate::scene::Scene;

/// Runs the Hopper example on a file with this content (none: no file); standard error.
fn refused(content: Option<&[u8]>) -> String {
    let example = root().join("examples/hopper.align");
    let policy = root().join("examples/failure.align");
    let text = std::fs::read_to_string(example).expect("the example");
    let scene = Scene::of(&text);
    std::fs::copy(policy, scene.path().join("failure.align")).expect("the policy");
    if let Some(bytes) = content {
        std::fs::write(scene.path().join("data.hdf5"), bytes).expect("the data file");
    }
    let args = ["run", "main.align", "--set", "data=data.hdf5", "--json"];
    let done = align(scene.path(), &args);
    assert!(
        matches!(done.code, 1 | 3),
        "{}\n{}\n{}",
        done.code,
        done.out,
        done.err
    );
    let trained = done
        .out
        .lines()
        .any(|l| l.contains("\"progress\"") && l.contains("\"stage\""));
    assert!(!trained, "{}", done.out);
    done.err
}

#[test]
fn a_missing_file() {
    let message = refused(None);
    assert!(message.contains("data.hdf5"), "{message}");
}

#[test]
fn a_file_of_another_format() {
    let message = refused(Some(b"observations,actions\n1,2\n"));
    assert!(
        message.contains("data.hdf5") && message.contains("HDF5"),
        "{message}"
    );
}
