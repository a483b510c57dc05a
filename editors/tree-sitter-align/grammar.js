// The grammar of `.align` for tree-sitter.  `grammar/src/align.pest` is normative; `tests/treesitter` holds this one to it, text by text.
//
// A rule has the name that it has there, or that the lossless tree of the compiler gives to it.  What a rule cannot say about words,
// numbers, texts, comments and line ends is in `src/scanner.c`.

// Words that can never be a name; the scanner takes them, so that no place reads them as one.
const RESERVED = ['until', 'trains', 'every', 'and', 'or', 'not', 'else', 'by', 'from'];

// Words that open a statement, and may name a field all the same.
const STATEMENT_WORDS = ['on', 'eval', 'checkpoint', 'without', 'expect'];

const PREC = {
    by: 1,
    or: 2,
    and: 3,
    not: 4,
    compare: 5,
    range: 6,
    add: 7,
    multiply: 8,
    negate: 9,
    postfix: 10,
};

// One or more with commas between, and perhaps one more after the last.
function commaSep(rule) {
    return seq(rule, repeat(seq(',', rule)), optional(','));
}

// Entries of a block: two of them are parted by a line end, `,` or `;`.
function block($, ...entries) {
    const entry = entries.length === 1 ? entries[0] : choice(...entries);
    return seq(
        '{',
        repeat(choice($.doc_comment, seq(entry, choice(',', ';', $._line_break)))),
        optional(entry),
        '}',
    );
}

function asIdentifier($, words) {
    return alias(choice(...words), $.identifier);
}

module.exports = grammar({
    name: 'align',

    word: $ => $.identifier,

    extras: $ => [/[ \t-\r]/, $.comment],

    // In the order of `enum TokenType` in `src/scanner.c`.
    externals: $ => [
        $.comment,
        $.doc_comment,
        $._line_break,
        $.number,
        $._number_before_unit,
        $.string,
        ...RESERVED,
        '{',
        '(',
        '[',
        '}',
        ')',
        ']',
        // Stands in no rule: what the scanner finds wrong by itself.
        $._wrong,
        // Stands in no rule either, so that it is awaited in error recovery alone.
        $._recovering,
    ],

    supertypes: $ => [$._item, $._expression],

    // In `use a.b.{c}` the dot before the brace looks like one more of the path.
    conflicts: $ => [[$.path]],

    rules: {
        source_file: $ => seq(
            repeat($.doc_comment),
            $.edition,
            repeat(choice($.doc_comment, $._item)),
        ),

        // There is one edition.
        edition: $ => seq('align', alias(/0[0_]*1_*|1_*/, $.number)),

        _item: $ => choice(
            $.use,
            $.param,
            $.let,
            $.pipeline,
            $.dataset,
            $.model,
            $.stage,
            $.sequence,
            $.cascade,
            $.sweep,
            $.policy,
            $.report,
        ),

        use: $ => seq(
            'use',
            choice(
                seq(
                    field('file', $.string),
                    optional(seq('.', choice(field('names', $.names), field('name', $.identifier)))),
                ),
                seq(field('path', $.path), optional(seq('.', field('names', $.names)))),
            ),
            optional(seq('as', field('alias', $.identifier))),
        ),
        names: $ => seq('{', commaSep($.identifier), '}'),

        param: $ => seq('param', $._parameter),
        let: $ => seq(
            'let',
            field('name', $.identifier),
            optional(seq(':', field('type', $.type))),
            '=',
            field('value', $._expression),
        ),

        pipeline: $ => seq(
            'pipeline',
            field('name', $.identifier),
            optional(field('formals', $.formals)),
            field('items', $.items),
        ),
        formals: $ => seq('(', optional(commaSep($.formal)), ')'),
        formal: $ => $._parameter,
        _parameter: $ => seq(
            field('name', $.identifier),
            ':',
            field('type', $.type),
            optional(seq('=', field('value', $._expression))),
        ),
        items: $ => seq(
            '{',
            repeat(choice(
                $.doc_comment,
                $.let,
                $.dataset,
                $.model,
                $.stage,
                $.sequence,
                $.cascade,
            )),
            '}',
        ),

        dataset: $ => seq(
            'dataset',
            field('name', $.identifier),
            optional(seq('from', field('from', $._expression))),
            field('body', alias($._field_body, $.body)),
        ),
        model: $ => seq(
            'model',
            field('name', $.identifier),
            field('body', alias($._field_body, $.body)),
        ),
        stage: $ => seq(
            'stage',
            field('name', $.identifier),
            'trains',
            field('model', $._expression),
            optional(seq('on', field('on', $._expression))),
            optional(seq('in', field('env', $._expression))),
            optional(seq('from', field('from', $._expression))),
            field('body', alias($._stage_body, $.body)),
        ),
        sequence: $ => seq(
            'sequence',
            field('name', $.identifier),
            '=',
            field('member', $.path),
            repeat1(seq('->', field('member', $.path))),
            field('body', alias($._stage_body, $.body)),
        ),
        cascade: $ => seq(
            'cascade',
            field('name', $.identifier),
            '=',
            field('member', $.path),
            repeat(seq('->', field('member', $.path))),
            field('body', alias($._cascade_body, $.body)),
        ),
        sweep: $ => seq(
            'sweep',
            field('name', $.identifier),
            'of',
            field('of', $.path),
            field('body', alias($._sweep_body, $.body)),
        ),
        policy: $ => seq('policy', field('name', $.identifier), field('arms', $.arms)),
        report: $ => seq(
            'report',
            field('of', $.path),
            field('body', alias($._report_body, $.body)),
        ),

        // A body for each set of statements that may stand in it; all of them are a `body` in the tree.
        _field_body: $ => block($, $.field),
        _stage_body: $ => block($, $.field, $.until, $.on, $.eval, $.checkpoint),
        _cascade_body: $ => block($, $.field, $.eval),
        _sweep_body: $ => block($, $.field, $.axis, $.without),
        _report_body: $ => block($, $.field, $.expect),

        field: $ => seq(
            field('name', choice($.path, alias($._keyword_path, $.path))),
            '=',
            field('value', $._expression),
        ),
        until: $ => seq('until', field('condition', $._expression)),
        on: $ => seq(
            'on',
            field('event', $.identifier),
            optional(field('arguments', $.arguments)),
            choice(
                seq('=>', field('action', $._expression)),
                field('arms', $.arms),
            ),
        ),
        arms: $ => block($, $.arm),
        arm: $ => seq(
            field('event', choice($.identifier, 'else')),
            '=>',
            field('action', $._expression),
        ),
        eval: $ => seq(
            'eval',
            optional(seq('every', field('every', $._expression))),
            field('body', alias($._field_body, $.body)),
        ),
        checkpoint: $ => seq(
            'checkpoint',
            'every',
            field('every', $._expression),
            optional(field('body', alias($._field_body, $.body))),
        ),
        axis: $ => seq(
            field('name', choice($.identifier, asIdentifier($, STATEMENT_WORDS))),
            'in',
            field('values', $._expression),
        ),
        without: $ => seq('without', $.record),
        expect: $ => seq('expect', field('condition', $._expression)),

        path: $ => seq($.identifier, repeat(seq('.', $.identifier))),
        _keyword_path: $ => seq(
            asIdentifier($, STATEMENT_WORDS),
            repeat(seq('.', $.identifier)),
        ),

        type: $ => choice(
            seq(field('name', $.identifier), optional($.type_args)),
            $.type_list,
        ),
        type_args: $ => seq('<', $.type, repeat(seq(',', $.type)), '>'),
        type_list: $ => seq('[', $.type, ']'),

        _expression: $ => choice(
            $.quantity,
            $.string,
            $.bool,
            $.ref,
            $.list,
            $.record,
            $.paren,
            $.call,
            $.member,
            $.index,
            $.prefix,
            $.infix,
        ),

        quantity: $ => choice(
            seq($.number, optional(alias(token.immediate('%'), $.unit))),
            // The scanner saw the unit on the number's own line.
            seq(alias($._number_before_unit, $.number), alias($.identifier, $.unit)),
        ),
        bool: _ => choice('true', 'false', 'off'),
        ref: $ => $.identifier,
        list: $ => seq('[', optional(commaSep($._expression)), ']'),
        record: $ => seq('{', optional(commaSep($.entry)), '}'),
        entry: $ => seq(field('name', $.path), ':', field('value', $._expression)),
        paren: $ => seq('(', $._expression, ')'),

        call: $ => prec(PREC.postfix, seq(
            field('function', $._expression),
            field('arguments', $.arguments),
        )),
        arguments: $ => seq('(', optional(commaSep($.argument)), ')'),
        argument: $ => seq(
            optional(seq(field('name', $._label), ':')),
            field('value', $._expression),
        ),
        // An argument may be called by a word that is taken: `collect(task, by: waypoint)`.
        _label: $ => choice(
            $.identifier,
            asIdentifier($, [...RESERVED, 'true', 'false', 'off']),
        ),
        member: $ => prec(PREC.postfix, seq(
            field('value', $._expression),
            '.',
            field('name', $.identifier),
        )),
        index: $ => prec(PREC.postfix, seq(
            field('value', $._expression),
            '[',
            field('index', $._expression),
            ']',
        )),

        prefix: $ => choice(
            prec(PREC.not, seq('not', $._expression)),
            prec(PREC.negate, seq('-', $._expression)),
        ),
        infix: $ => choice(...[
            [PREC.by, 'by'],
            [PREC.or, 'or'],
            [PREC.and, 'and'],
            [PREC.compare, choice('==', '!=', '>=', '<=', '>', '<')],
            [PREC.range, choice('..<', '..=')],
            [PREC.add, choice('+', '-')],
            [PREC.multiply, choice('*', '/')],
        ].map(([level, operator]) => prec.left(level, seq(
            field('left', $._expression),
            field('operator', operator),
            field('right', $._expression),
        )))),

        identifier: _ => /[A-Za-z_][A-Za-z0-9_]*/,
    },
});
