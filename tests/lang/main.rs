//! The language, case by case: pages of codes, cases in Markdown, whole programs.

mod broken;
mod cases;
mod census;
mod corpus;
mod pages;

use align_tests::world;

fn main() {
    let args = libtest_mimic::Arguments::from_args();
    let mut trials = pages::trials();
    trials.extend(broken::trials());
    trials.extend(census::trials());
    trials.extend(cases::own());
    trials.extend(cases::trials());
    trials.extend(corpus::trials());
    libtest_mimic::run(&args, trials).exit();
}
