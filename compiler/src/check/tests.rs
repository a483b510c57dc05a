#[test]
fn dbg_spec() {
    let out = check_files(&[("spec.align", &SPEC.split("report study").next().unwrap()), ("lab/failure.align", FAILURE)]);
    eprintln!("{:?}", out.diagnostics);
    let plan = crate::plan(&out).unwrap();
    for l in &plan.lanes { eprintln!("{} {}", l.id, l.seed); }
    for n in plan.nodes.iter().take(60) { eprintln!("{}", n.id); }
}
