//! Where the binary finds libtorch, and which one it is: in the folder that it was built with, with no environment variable set.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let wanted = std::env::var_os("CARGO_FEATURE_LIBTORCH").is_some();
    if let (true, Ok(folder)) = (wanted, std::env::var("LIBTORCH")) {
        println!("cargo:rustc-link-arg-bins=-Wl,-rpath,{folder}/lib");
        let header = format!("{folder}/include/torch/csrc/api/include/torch/version.h");
        println!("cargo:rerun-if-changed={header}");
        let text = std::fs::read_to_string(header).unwrap_or_default();
        let part = |name: &str| {
            let start = format!("#define TORCH_VERSION_{name} ");
            text.lines().find_map(|l| l.strip_prefix(start.as_str()))
        };
        if let (Some(a), Some(b), Some(c)) = (part("MAJOR"), part("MINOR"), part("PATCH")) {
            println!("cargo:rustc-env=ALIGN_LIBTORCH={a}.{b}.{c}");
        }
    }
}
