//! Is a formatted program the same program, in the one style?

mod cases;
mod corpus;

fn main() {
    let args = libtest_mimic::Arguments::from_args();
    let mut trials = cases::trials();
    trials.extend(corpus::trials());
    libtest_mimic::run(&args, trials).exit();
}
