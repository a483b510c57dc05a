//! What makes other compilers slow, or overflow: depth, length, numbers, circles, and files that are no text.

/// Every extreme, in sizes that a parser of linear cost takes in well under a second.
///
/// The gate leaves the largest out.
pub fn inputs(large: bool) -> Vec<String> {
    let mut all = brackets(if large {
        &[10, 1_000, 30_000]
    } else {
        &[10, 300]
    });
    if large {
        all.extend(long());
    }
    all.extend(numbers());
    all.extend(strange());
    all.extend(circles());
    all
}

fn brackets(sizes: &[usize]) -> Vec<String> {
    let mut all = Vec::new();
    for &times in sizes {
        for open in [
            "(",
            "[",
            "{",
            "f(",
            "a: {",
            "[(",
            "{a: [",
            "\"",
            "/*",
            "x<",
            "stage a {\n",
            "on failure {\n",
            "eval {\n",
        ] {
            let deep = open.repeat(times);
            all.push(format!("align 1\nmodel m {{\n    net = {deep}\n}}\n"));
            all.push(format!("align 1\n{deep}"));
        }
        for (open, close) in [("(", ")"), ("[", "]"), ("{ a: ", " }"), ("f(", ")")] {
            all.push(format!(
                "align 1\nlet x = {}1{}\n",
                open.repeat(times),
                close.repeat(times)
            ));
        }
        all.push(format!("align 1\n{}", "}".repeat(times)));
        all.push(format!("align 1\nlet x = 1{}\n", ")".repeat(times)));
    }
    for depth in [63, 64, 65] {
        all.push(format!(
            "align 1\nlet x = {}1{}\n",
            "[".repeat(depth),
            "]".repeat(depth)
        ));
    }
    all
}

fn long() -> Vec<String> {
    let stage =
        |n: usize| format!("stage s{n} trains m on d {{ loss = denoise(); budget = 5k steps }}\n");
    let head = "align 1\ndataset d { source = collect(\"maze2d-umaze-v1\") }\nmodel m { net = temporal_unet(width: 16) }\n";
    let many: String = (0..300).map(stage).collect();
    vec![
        format!("align 1\n// {}\n", "x".repeat(2_000_000)),
        format!("align 1\nlet x = \"{}\"\n", "y".repeat(2_000_000)),
        format!("align 1\nlet x = {}\n", "z".repeat(300_000)),
        format!("align 1\nlet x = {}\n", "9".repeat(300_000)),
        format!("align 1\nlet x = 1{}\n", " + 1".repeat(20_000)),
        format!("align 1\nlet x = {}1\n", "-".repeat(30_000)),
        format!("align 1\nlet x = {}true\n", "not ".repeat(20_000)),
        format!("align 1\nlet x = y{}\n", ".a".repeat(30_000)),
        format!("align 1\nlet x = y{}\n", "(1)".repeat(20_000)),
        format!("align 1\nlet x = [{}]\n", "1, ".repeat(50_000)),
        format!("align 1\nparam x: {}int\n", "a<".repeat(20_000)),
        format!("align 1\nmodel m {{ {} }}\n", "net = mlp() ".repeat(5_000)),
        format!("align 1\nmodel m {{\n{}}}\n", "bad bad\n".repeat(3_000)),
        format!("align 1\nmodel m {{\n{}}}\n", "net = mlp(\n".repeat(3_000)),
        format!("align 1\n{}", "sweeep s of p { }\n".repeat(2_000)),
        format!("align 1\n{}", "dataset { }\n".repeat(2_000)),
        format!("align 1\n{}", "use \"nowhere.align\".x\n".repeat(2_000)),
        format!("{head}{many}"),
        format!("{head}{}", many.replace(" on d", " on e")),
        format!("{head}{}", many.replace("stage s", "stage x")),
        format!(
            "{head}{}",
            "stage a trains m on d { loss = denoise(); budget = 1 steps }\n".repeat(400)
        ),
        "\n".repeat(200_000),
        "\"\n".repeat(20_000),
        "align 1\n".repeat(5_000),
    ]
}

/// A small study with one part left open.
fn study(budget: &str, sweep: &str, rounds: &str) -> String {
    format!(
        "align 1\npipeline p(seed: Seed, width: int, rate: float) {{
    dataset d {{ source = collect(\"maze2d-umaze-v1\", episodes: 10) }}
    model m {{
        net = temporal_unet(width: width)
        sampler = ddim(train: 20 denoise_steps, act: 5 denoise_steps)
    }}
    stage a trains m on d {{
        loss = denoise()
        optim = adamw(lr: rate)
        budget = {budget}
        until plateau(valid.loss, improve: 1%, patience: 2 evals)
    }}
    stage b trains m on d from a.best {{
        loss = denoise()
        budget = {budget}
    }}
    sequence s = a -> b {{
        rounds = {rounds}
        carry = best(valid.loss)
    }}
}}
sweep w of p {{
{sweep}
}}
"
    )
}

fn numbers() -> Vec<String> {
    let plain = "seed in 0..<2\nwidth in [16]\nrate in [0.1]";
    let mut all = Vec::new();
    for number in [
        "1e999 steps",
        "99999999999999999999 steps",
        "18446744073709551616 steps",
        "1e300 min",
        "0 steps",
        "-5 steps",
        "1/0 steps",
        "0.5 steps",
        "1e-300 s",
    ] {
        all.push(study(number, plain, "2 rounds"));
    }
    for rounds in [
        "0 rounds",
        "1000000 rounds",
        "99999999999999999999 rounds",
        "1e300 rounds",
        "-1 rounds",
    ] {
        all.push(study("5k steps", plain, rounds));
    }
    for sweep in [
        "seed in 0..<1000000000000\nwidth in [16]\nrate in [0.1]",
        "seed in 0..<10000\nwidth in 1..<10000\nrate in [0.1]",
        "seed in 0..=9223372036854775807\nwidth in [16]\nrate in [0.1]",
        "seed in 5..<0\nwidth in 0..<0\nrate in []",
        "seed in -5..<5\nwidth in [1e300]\nrate in 0..<1e12",
        "seed in 0..<1e999\nwidth in [1/0]\nrate in [0/0]",
    ] {
        all.push(study("5k steps", sweep, "2 rounds"));
    }
    for evals in [
        "99999999999999999999 evals",
        "1e300 evals",
        "0 evals",
        "0.5 evals",
    ] {
        let text = study("5k steps", plain, "2 rounds");
        all.push(text.replace("2 evals", evals));
    }
    all
}

fn strange() -> Vec<String> {
    let program = "align 1\ndataset d { source = collect(\"maze2d-umaze-v1\") }\n";
    vec![
        String::new(),
        "\0".to_owned(),
        format!("\u{feff}{program}"),
        format!("{program}\u{feff}"),
        program.replace('\n', "\r"),
        program.replace('\n', "\r\n"),
        program.replace(' ', "\0"),
        program.replace(' ', "\u{a0}"),
        String::from_utf8_lossy(b"align 1\n\xff\xfe\x80dataset d {\xc3\x28}\n").into_owned(),
        "align 1\nlet é = 1\nlet e\u{301} = 2\nlet 🦀 = \"🦀\"\n".to_owned(),
        "align 1\nlet x = \"\\".to_owned(),
        "align 1\nlet x = \"\\\"\n\"".to_owned(),
        "/".to_owned(),
        "///".to_owned(),
        "/*/".to_owned(),
    ]
}

fn circles() -> Vec<String> {
    let joined = |count: usize, line: &dyn Fn(usize) -> String| -> String {
        let lines: Vec<String> = (0..count).map(line).collect();
        lines.concat()
    };
    let chain = joined(400, &|n| format!("let v{n} = v{}\n", n + 1));
    let doubled = joined(60, &|n| format!("let v{n} = [v{0}, v{0}]\n", n + 1));
    let sums = joined(60, &|n| format!("let v{n} = v{0} + v{0}\n", n + 1));
    let use_all = |body: &str, last: usize| {
        format!("align 1\n{body}let v{last} = 1\nmodel m {{ net = temporal_unet(width: v0) }}\n")
    };
    vec![
        "align 1\nuse \"input.align\".x\nlet x = x\n".to_owned(),
        "align 1\nuse \"../examples/input.align\".x as y\nlet x = y\n".to_owned(),
        "align 1\nlet a = b\nlet b = a\nmodel m { net = a }\n".to_owned(),
        "align 1\nstage a trains m on d from a.best { loss = denoise() }\n".to_owned(),
        "align 1\npipeline p { sequence a = a -> a { rounds = 2 rounds } }\n".to_owned(),
        use_all(&chain, 400),
        use_all(&doubled, 60),
        use_all(&sums, 60),
    ]
}
