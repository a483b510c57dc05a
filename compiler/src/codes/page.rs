//! The pages of the codes, and the examples in them.

/// The page of one code.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Its code.
    pub code: &'static str,
    /// Markdown: title, what is wrong, why it matters, a failing example, a fixed one.
    pub text: &'static str,
}

/// A fenced program of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The words after the first on the fence: `fail`, `ok`, `file=lab.align`, `memory=1GiB`.
    pub words: Vec<String>,
    /// The program, or the transcript.
    pub text: String,
}

impl Example {
    /// Whether the fence has this word.
    pub fn is(&self, word: &str) -> bool {
        self.words.iter().any(|w| w == word)
    }
    /// The value of a `key=value` word.
    pub fn get(&self, key: &str) -> Option<&str> {
        let value = |w: &'_ String| w.strip_prefix(key).is_some_and(|v| v.starts_with('='));
        let word = self.words.iter().find(|w| value(w))?;
        word.get(key.len() + 1..)
    }
}

impl Page {
    /// The fenced `align` programs, in order.
    pub fn examples(&self) -> Vec<Example> {
        examples(self.text)
    }

    /// The fenced `console` transcripts, in order: what depends on a store is shown on the command line.
    pub fn transcripts(&self) -> Vec<Example> {
        fences(self.text, "console")
    }
}

/// The fenced `align` programs of a Markdown text, in order.
pub fn examples(markdown: &str) -> Vec<Example> {
    fences(markdown, "align")
}

fn fences(markdown: &str, language: &str) -> Vec<Example> {
    let opening = format!("```{language}");
    let mut out = Vec::new();
    let mut open: Option<Example> = None;
    for line in markdown.lines() {
        if let Some(example) = &mut open {
            if line.trim_end() == "```" {
                out.extend(open.take());
            } else {
                example.text.push_str(line);
                example.text.push('\n');
            }
        } else if let Some(info) = line.strip_prefix(opening.as_str()) {
            open = Some(Example {
                words: info.split_whitespace().map(str::to_owned).collect(),
                text: String::new(),
            });
        }
    }
    out
}

/// The page of a code, if it has one.
pub fn page(code: &str) -> Option<&'static Page> {
    PAGES.iter().find(|p| p.code.eq_ignore_ascii_case(code))
}

macro_rules! pages {
    ($($code:literal)*) => {
        /// Every page, sorted by code.
        pub const PAGES: &[Page] = &[$(Page {
            code: $code,
            text: include_str!(concat!("pages/", $code, ".md")),
        }),*];
    };
}

pages! {
    "A0001"
    "A0002"
    "A0003"
    "A0004"
    "A0005"
    "A0006"
    "A0007"
    "A0008"
    "A0009"
    "A1001"
    "A1002"
    "A1003"
    "A1004"
    "A1005"
    "A1006"
    "A1007"
    "A1008"
    "A1009"
    "A1010"
    "A1011"
    "A1012"
    "A2001"
    "A2002"
    "A2003"
    "A2004"
    "A2005"
    "A2006"
    "A2007"
    "A2008"
    "A2009"
    "A2010"
    "A2011"
    "A2012"
    "A2013"
    "A2014"
    "A2015"
    "A2016"
    "A2017"
    "A3001"
    "A3002"
    "A3003"
    "A3004"
    "A3005"
    "A3006"
    "A3007"
    "A3008"
    "A3009"
    "A4001"
    "A4002"
    "A4003"
    "A4004"
    "A4005"
    "A4006"
    "A4007"
    "A4008"
    "A4009"
    "A4010"
    "A5001"
    "A5002"
    "A5003"
    "A5004"
    "A5005"
    "A5006"
    "A5007"
    "A5008"
    "A5009"
    "A5010"
    "A5011"
    "A5012"
    "A5013"
    "A5014"
    "A5015"
    "A5016"
    "A5017"
    "A5018"
    "A6001"
    "A6002"
    "A6003"
    "A6004"
    "A6005"
    "A6006"
    "A6007"
    "A6008"
    "A6009"
    "A6010"
    "A6011"
    "A7001"
    "A7002"
    "A7003"
    "A7004"
    "A7005"
    "A7006"
    "A7007"
    "A7008"
    "A8001"
    "A8002"
    "A8003"
    "A8004"
    "A8005"
    "A8006"
    "A8007"
    "A8008"
}
