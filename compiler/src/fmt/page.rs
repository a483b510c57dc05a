//! How do texts, possible breaks and groups become lines of at most [`WIDTH`] columns?
//!
//! A small document language after Oppen and Wadler, as one list of operations: a group is printed on one line if it fits, and with
//! all of its own breaks otherwise.  Nothing here knows the language.

/// Columns of a line.
pub const WIDTH: usize = 100;

/// What is printed.
#[derive(Clone, Copy, Debug)]
pub enum Op<'a> {
    /// A text without line ends.
    Text(&'a str),
    /// So many blanks where the group is broken.
    PadIfBroken(usize),
    /// A text where the group is broken.
    IfBroken(&'static str),
    /// A text where the group is on one line.
    IfFlat(&'static str),
    /// A line end where the group is broken, else this text.
    Line(&'static str),
    /// A line end.
    Hard,
    /// An empty line, if there is none yet.
    Blank,
    /// A group begins; whether it is broken in any case.
    Open(bool),
    /// It ends.
    Close,
    /// Later lines are moved right.
    In(usize),
    /// And back.
    Out(usize),
    /// A comment for the end of the line; whether a line ends here in any case.
    Trail(&'a str, bool),
    /// A comment with a line of its own.
    Own(&'a str),
    /// A text with its own line ends and indentation.
    Raw(&'a str),
    /// A comment between two tokens; behind one that waits for the end of the line it waits too, so that their order stays.
    Inside(&'a str),
    /// A place that [`print`] gives the line of.
    Mark,
}

impl Op<'_> {
    /// Whether what holds it cannot be on one line.
    fn breaks(&self) -> bool {
        match self {
            Op::Hard | Op::Blank | Op::Own(_) => true,
            Op::Trail(_, ends) => *ends,
            Op::Raw(text) | Op::Inside(text) => text.contains('\n'),
            _ => false,
        }
    }
}

/// Operations in the making.
#[derive(Debug, Default)]
pub struct Ops<'a> {
    list: Vec<Op<'a>>,
    open: Vec<usize>,
}

impl<'a> Ops<'a> {
    /// Adds one; groups that hold a line end are broken.
    pub fn push(&mut self, op: Op<'a>) {
        match op {
            Op::Open(broken) => {
                if broken {
                    self.break_open();
                }
                self.open.push(self.list.len());
            }
            Op::Close => {
                self.open.pop();
            }
            _ if op.breaks() => self.break_open(),
            _ => {}
        }
        self.list.push(op);
    }

    fn break_open(&mut self) {
        for &at in self.open.iter().rev() {
            match self.list.get_mut(at) {
                // What holds a broken group was broken with it.
                Some(Op::Open(true)) => break,
                Some(open) => *open = Op::Open(true),
                None => {}
            }
        }
    }
}

/// A line without its end.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// With its indentation.
    pub text: String,
    /// What trails it.
    comment: String,
    indent: usize,
}

/// The lines, and the line of each [`Op::Mark`].
#[derive(Debug, Default)]
pub struct Printed {
    /// Lines.
    pub lines: Vec<Line>,
    /// Lines that a mark stands before.
    pub marks: Vec<usize>,
}

/// Prints; the comments still wait for [`align_comments`].
pub fn print(ops: &Ops<'_>) -> Printed {
    let mut printer = Printer {
        ops: &ops.list,
        out: Printed::default(),
        line: Line::default(),
        fresh: true,
        column: 0,
        indent: 0,
        broken: vec![true],
    };
    for (at, op) in ops.list.iter().enumerate() {
        printer.op(at, op);
    }
    if !printer.fresh {
        printer.end_line();
    }
    printer.out
}

struct Printer<'o, 'a> {
    ops: &'o [Op<'a>],
    out: Printed,
    line: Line,
    /// Whether nothing stands on the line.
    fresh: bool,
    column: usize,
    indent: usize,
    /// Of each open group.
    broken: Vec<bool>,
}

impl Line {
    /// Whether nothing stands on it.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.comment.is_empty()
    }
}

impl Printer<'_, '_> {
    fn op(&mut self, at: usize, op: &Op<'_>) {
        let broken = self.broken.last().copied().unwrap_or(true);
        match *op {
            Op::Text(text) => self.text(text),
            Op::IfBroken(text) if broken => self.text(text),
            Op::IfFlat(text) if !broken => self.text(text),
            Op::PadIfBroken(count) if broken => self.pad(count),
            Op::IfBroken(_) | Op::IfFlat(_) | Op::PadIfBroken(_) => {}
            Op::Line(text) if !broken => self.text(text),
            Op::Line(_) | Op::Hard => self.new_line(),
            Op::Blank => {
                self.new_line();
                if self.out.lines.last().is_some_and(|l| !l.text.is_empty()) {
                    self.out.lines.push(Line::default());
                }
            }
            Op::Open(forced) => {
                let breaks = forced || (broken && !self.fits(at + 1));
                self.broken.push(breaks);
            }
            Op::Close => {
                self.broken.pop();
            }
            Op::In(count) => self.indent += count,
            Op::Out(count) => self.indent = self.indent.saturating_sub(count),
            Op::Trail(text, _) => self.trail(text),
            Op::Own(text) => {
                self.new_line();
                self.raw(text);
                self.new_line();
            }
            Op::Inside(text) if !self.line.comment.is_empty() => self.trail(text),
            Op::Raw(text) | Op::Inside(text) => self.raw(text),
            Op::Mark => self.out.marks.push(self.out.lines.len()),
        }
    }

    /// Whether the group that begins here and what follows it up to the next line end fit on this line.
    fn fits(&self, from: usize) -> bool {
        let column = if self.fresh { self.indent } else { self.column };
        let Some(mut left) = WIDTH.checked_sub(column) else {
            return false;
        };
        let mut depth = 1_usize;
        for op in self.ops.get(from..).unwrap_or(&[]) {
            let size = match op {
                Op::Text(text) => width(text),
                Op::PadIfBroken(count) if depth == 0 => *count,
                Op::IfFlat(text) | Op::Line(text) if depth > 0 => width(text),
                Op::IfBroken(text) if depth == 0 => width(text),
                Op::Line(_) | Op::Hard | Op::Blank | Op::Own(_) | Op::Trail(_, true) => {
                    return true;
                }
                Op::Raw(text) | Op::Inside(text) => match text.split_once('\n') {
                    Some((first, _)) => return width(first) <= left,
                    None => width(text),
                },
                Op::Open(_) if depth > 0 => {
                    depth += 1;
                    0
                }
                Op::Close => {
                    depth = depth.saturating_sub(1);
                    0
                }
                _ => 0,
            };
            match left.checked_sub(size) {
                Some(rest) => left = rest,
                None => return false,
            }
        }
        true
    }

    fn text(&mut self, text: &str) {
        if text.trim().is_empty() && self.fresh {
            return;
        }
        self.begin();
        self.line.text.push_str(text);
        self.column += width(text);
    }

    fn pad(&mut self, count: usize) {
        if !self.fresh {
            self.line.text.extend(std::iter::repeat_n(' ', count));
            self.column += count;
        }
    }

    fn begin(&mut self) {
        if self.fresh {
            self.line.text = " ".repeat(self.indent);
            self.line.indent = self.indent;
            self.column = self.indent;
            self.fresh = false;
        }
    }

    fn raw(&mut self, text: &str) {
        let mut lines = text.split('\n');
        self.text(lines.next().unwrap_or(""));
        for line in lines {
            let done = std::mem::take(&mut self.line);
            self.out.lines.push(done);
            self.line.text.push_str(line);
            self.column = width(line);
        }
    }

    fn trail(&mut self, text: &str) {
        if self.line.comment.contains("//") {
            self.new_line();
        }
        self.begin();
        if !self.line.comment.is_empty() {
            self.line.comment.push(' ');
        }
        self.line.comment.push_str(text);
    }

    fn new_line(&mut self) {
        if !self.fresh {
            self.end_line();
        }
    }

    fn end_line(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        let end = line.text.trim_end().len();
        line.text.truncate(end);
        self.out.lines.push(line);
        self.fresh = true;
        self.column = 0;
    }
}

fn width(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.chars().count()
    }
}

/// Puts comments behind their lines, those of neighbouring lines under each other where that leaves them within the width.
pub fn align_comments(lines: &mut [Line]) {
    let plain = |line: &Line| !line.comment.is_empty() && !line.comment.contains('\n');
    let mut at = 0;
    while at < lines.len() {
        let indent = lines.get(at).map_or(0, |l| l.indent);
        let rest = lines.get_mut(at..).unwrap_or(&mut []);
        let count = rest
            .iter()
            .take_while(|l| plain(l) && l.indent == indent)
            .count()
            .max(1);
        let run = rest.get_mut(..count).unwrap_or(&mut []);
        let column = run.iter().map(|l| width(&l.text)).max().unwrap_or(0);
        let fits = |l: &Line| column + 2 + width(&l.comment) <= WIDTH;
        let aligned = run.iter().all(fits);
        for line in run.iter_mut().filter(|l| !l.comment.is_empty()) {
            let comment = std::mem::take(&mut line.comment);
            let gap = match width(&line.text) {
                // Only a comment that another one pushed off its line has no text before it.
                size if line.text.trim().is_empty() => line.indent.saturating_sub(size),
                size if aligned => column + 2 - size,
                _ => 2,
            };
            line.text.extend(std::iter::repeat_n(' ', gap));
            line.text.push_str(&comment);
        }
        at += count;
    }
}
