// What the rules of grammar.js cannot say: comments that are no `///`, texts, words that are never a name, numbers with what is glued to
// them, the line end between two statements, and how deep brackets may be nested.  Each follows `grammar/src/lex.rs` and `grammar/src/blocks.rs`.

#include "tree_sitter/alloc.h"
#include "tree_sitter/parser.h"

#include <string.h>

// In the order of `externals` in grammar.js.
enum TokenType {
    COMMENT,
    DOC_COMMENT,
    LINE_BREAK,
    NUMBER,
    NUMBER_BEFORE_UNIT,
    STRING,
    RESERVED_FIRST,
    RESERVED_LAST = RESERVED_FIRST + 8,
    OPEN_BRACE,
    OPEN_PAREN,
    OPEN_BRACKET,
    CLOSE_BRACE,
    CLOSE_PAREN,
    CLOSE_BRACKET,
    WRONG,
    RECOVERING,
};

static const char *const RESERVED[] = {
    "until", "trains", "every", "and", "or", "not", "else", "by", "from",
};

// Words that go on with the value in the line above.
static const char *const INFIX[] = {"and", "or", "by"};

// What other languages call `true` and `false`: names elsewhere, and no value.
static const char *const NO_VALUE[] = {"True", "TRUE", "False", "FALSE"};

// In the order of their tokens; the first three open.
static const char BRACKETS[] = "{([})]";

// How deep they may be nested.
#define DEPTH 64

// No word of interest is longer.
#define WORD_SIZE 16

// The digits of the smallest number that 64 bits do not hold, as far as they are compared.
#define DIGITS 21
static const char TOO_LARGE[DIGITS + 1] = "179769313486231580794";
#define TOO_LARGE_EXPONENT 308

typedef struct {
    uint16_t depth;
    // A comment was taken after which `LINE_BREAK` comes, whatever else stands between.
    bool break_follows;
} State;

static bool is_blank(int32_t c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(int32_t c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(int32_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word_start(int32_t c) {
    return is_letter(c) || c == '_';
}

static bool is_word(int32_t c) {
    return is_word_start(c) || is_digit(c);
}

static void advance(TSLexer *lexer) {
    lexer->advance(lexer, false);
}

static bool take(TSLexer *lexer, TSSymbol token) {
    lexer->mark_end(lexer);
    lexer->result_symbol = token;
    return true;
}

// Reads a word whose first letters were read already, and says whether it has a digit.  What does not fit is left out: no word of interest
// is that long.
static bool read_word_after(TSLexer *lexer, int32_t begun, char word[WORD_SIZE]) {
    unsigned length = 0;
    bool digit = false;
    if (begun) {
        word[length++] = (char)begun;
    }
    for (; is_word(lexer->lookahead); advance(lexer)) {
        digit |= is_digit(lexer->lookahead);
        if (length < WORD_SIZE - 1) {
            word[length++] = (char)lexer->lookahead;
        }
    }
    word[length] = '\0';
    return digit;
}

static void read_word(TSLexer *lexer, char word[WORD_SIZE]) {
    read_word_after(lexer, 0, word);
}

static int find(const char *word, const char *const words[], int count) {
    for (int i = 0; i < count; i++) {
        if (strcmp(word, words[i]) == 0) {
            return i;
        }
    }
    return -1;
}

#define FIND(word, words) find(word, words, (int)(sizeof(words) / sizeof(words[0])))

// What begins with a slash.
typedef enum {
    SLASH_DIVISION,
    SLASH_COMMENT,
    SLASH_DOC,
    SLASH_UNCLOSED,
} Slash;

// Reads what begins with the slash that stands here, and notes whether a line ended in it.
static Slash read_slash(TSLexer *lexer, bool *newline) {
    advance(lexer);
    if (lexer->lookahead == '*') {
        advance(lexer);
        for (bool star = false; !lexer->eof(lexer); advance(lexer)) {
            int32_t c = lexer->lookahead;
            if (star && c == '/') {
                advance(lexer);
                return SLASH_COMMENT;
            }
            star = c == '*';
            *newline |= c == '\n';
        }
        return SLASH_UNCLOSED;
    }
    if (lexer->lookahead != '/') {
        return SLASH_DIVISION;
    }
    advance(lexer);
    Slash found = lexer->lookahead == '/' ? SLASH_DOC : SLASH_COMMENT;
    while (lexer->lookahead != '\n' && !lexer->eof(lexer)) {
        advance(lexer);
    }
    return found;
}

// Reads blanks and comments up to what says something.  Whether that begins a statement which is parted from the one before: by a line
// end, or by a `///`, which a line end follows.
static bool break_ahead(TSLexer *lexer, bool newline) {
    for (;;) {
        int32_t c = lexer->lookahead;
        if (is_blank(c)) {
            newline |= c == '\n';
            advance(lexer);
        } else if (c == '/') {
            Slash slash = read_slash(lexer, &newline);
            if (slash != SLASH_COMMENT) {
                return slash == SLASH_DOC;
            }
        } else {
            char word[WORD_SIZE];
            read_word(lexer, word);
            return newline && is_word_start(c) && FIND(word, INFIX) < 0;
        }
    }
}

// Whether a colon follows, so that the word before it names something.
static bool colon_ahead(TSLexer *lexer) {
    for (;;) {
        bool newline = false;
        if (is_blank(lexer->lookahead)) {
            advance(lexer);
        } else if (lexer->lookahead != '/') {
            return lexer->lookahead == ':';
        } else if (read_slash(lexer, &newline) != SLASH_COMMENT) {
            return false;
        }
    }
}

// The size of a number, as far as that tells whether it is finite.
typedef struct {
    // The first digits that count.
    char digits[DIGITS + 1];
    unsigned count;
    // Power of ten of the first of them.
    long exponent;
} Size;

static void add_digit(Size *size, int32_t c, bool fraction) {
    if (size->count == 0 && c == '0') {
        size->exponent -= fraction;
        return;
    }
    if (size->count > 0) {
        size->exponent += !fraction;
    } else if (fraction) {
        size->exponent--;
    }
    if (size->count < DIGITS) {
        size->digits[size->count] = (char)c;
    }
    size->count++;
}

static bool is_finite(const Size *size) {
    if (size->count == 0 || size->exponent != TOO_LARGE_EXPONENT) {
        return size->count == 0 || size->exponent < TOO_LARGE_EXPONENT;
    }
    return strncmp(size->digits, TOO_LARGE, DIGITS) < 0;
}

static void read_digits(TSLexer *lexer, Size *size, bool fraction) {
    while (is_digit(lexer->lookahead) || (lexer->lookahead == '_' && !fraction)) {
        if (lexer->lookahead != '_') {
            add_digit(size, lexer->lookahead, fraction);
        }
        advance(lexer);
    }
}

static long read_exponent(TSLexer *lexer) {
    long value = 0;
    for (; is_digit(lexer->lookahead); advance(lexer)) {
        // More than any text has digits.
        if (value < 1000000000) {
            value = value * 10 + (lexer->lookahead - '0');
        }
    }
    return value;
}

static TSSymbol number_before(const char *word) {
    return FIND(word, RESERVED) < 0 ? NUMBER_BEFORE_UNIT : NUMBER;
}

// Whether a number may end before the point that stands here: `1..<5`, `1.field`.
static bool may_end_before_point(TSLexer *lexer) {
    advance(lexer);
    return lexer->lookahead == '.' || is_word_start(lexer->lookahead);
}

// A number: `NUMBER`, `NUMBER_BEFORE_UNIT` or, for what is none, `WRONG`.  Marks its end.
static TSSymbol read_number(TSLexer *lexer, Size *size) {
    // A letter that was read and may belong to a unit.
    int32_t begun = 0;
    char word[WORD_SIZE];

    read_digits(lexer, size, false);
    lexer->mark_end(lexer);
    if (lexer->lookahead == '.') {
        advance(lexer);
        if (!is_digit(lexer->lookahead)) {
            return lexer->lookahead == '.' || is_word_start(lexer->lookahead) ? NUMBER : WRONG;
        }
        read_digits(lexer, size, true);
        lexer->mark_end(lexer);
    }
    if (lexer->lookahead == 'e' || lexer->lookahead == 'E') {
        begun = lexer->lookahead;
        advance(lexer);
        bool minus = lexer->lookahead == '-';
        bool sign = minus || lexer->lookahead == '+';
        if (sign) {
            advance(lexer);
        }
        if (is_digit(lexer->lookahead)) {
            long exponent = read_exponent(lexer);
            size->exponent += minus ? -exponent : exponent;
            lexer->mark_end(lexer);
            begun = 0;
        } else if (sign || !is_word(lexer->lookahead)) {
            return WRONG;
        }
    }
    int32_t c = lexer->lookahead;
    if (!begun && (c == 'k' || c == 'M' || c == 'G' || c == 'K')) {
        begun = c;
        advance(lexer);
        if (!is_word(lexer->lookahead)) {
            if (c == 'K') {
                return WRONG;
            }
            size->exponent += c == 'k' ? 3 : c == 'M' ? 6 : 9;
            lexer->mark_end(lexer);
            begun = 0;
        }
    }
    if (begun || is_word_start(lexer->lookahead)) {
        bool digit = read_word_after(lexer, begun, word);
        return digit || word[0] == '_' ? WRONG : number_before(word);
    }
    if (lexer->lookahead == '.') {
        return may_end_before_point(lexer) ? NUMBER : WRONG;
    }
    // A unit stands on the number's own line.
    while (lexer->lookahead == ' ' || lexer->lookahead == '\t') {
        advance(lexer);
    }
    if (!is_letter(lexer->lookahead)) {
        return NUMBER;
    }
    read_word(lexer, word);
    return number_before(word);
}

static bool scan_number(TSLexer *lexer, const bool *valid) {
    Size size = {.count = 0};
    TSSymbol token = read_number(lexer, &size);
    if (token == WRONG || !is_finite(&size)) {
        // In error recovery a number that is none is one, so that what follows is read as usual.
        token = valid[RECOVERING] ? NUMBER : WRONG;
    }
    lexer->result_symbol = token;
    return true;
}

// A text ends on its own line; any byte may stand in it, also the zero that a rule of grammar.js cannot take.
static bool scan_string(TSLexer *lexer, const bool *valid) {
    advance(lexer);
    while (lexer->lookahead != '\n' && !lexer->eof(lexer)) {
        int32_t c = lexer->lookahead;
        advance(lexer);
        if (c == '"') {
            return take(lexer, STRING);
        }
        if (c == '\\' && lexer->lookahead != '\n' && !lexer->eof(lexer)) {
            advance(lexer);
        }
    }
    // In error recovery the quote alone is passed over, so that what follows it is read.
    return !valid[RECOVERING] && take(lexer, WRONG);
}

// A word that is never a name, or `true` as other languages write it; before it, the end of the statement in the line above.
static bool scan_word(TSLexer *lexer, const bool *valid, bool may_break) {
    char word[WORD_SIZE];
    read_word(lexer, word);
    if (may_break && FIND(word, INFIX) < 0) {
        // The end was marked before the blanks.
        lexer->result_symbol = LINE_BREAK;
        return true;
    }
    int reserved = FIND(word, RESERVED);
    if (reserved >= 0) {
        return take(lexer, valid[RESERVED_FIRST + reserved] ? RESERVED_FIRST + reserved : WRONG);
    }
    // Where a number may stand, a value may.
    if (!valid[NUMBER] || valid[RECOVERING] || FIND(word, NO_VALUE) < 0) {
        return false;
    }
    lexer->mark_end(lexer);
    lexer->result_symbol = WRONG;
    return !colon_ahead(lexer);
}

static bool scan_bracket(State *state, TSLexer *lexer, const bool *valid) {
    int kind = (int)(strchr(BRACKETS, lexer->lookahead) - BRACKETS);
    if (!valid[OPEN_BRACE + kind]) {
        return false;
    }
    advance(lexer);
    if (kind >= 3) {
        state->depth -= state->depth > 0;
    } else if (state->depth < DEPTH || valid[RECOVERING]) {
        state->depth += state->depth < UINT16_MAX;
    } else {
        return take(lexer, WRONG);
    }
    return take(lexer, OPEN_BRACE + kind);
}

// A comment; in a state where a statement may end also whether the line ends with it.
static bool scan_slash(State *state, TSLexer *lexer, const bool *valid, bool newline) {
    Slash slash = read_slash(lexer, &newline);
    if (slash == SLASH_DIVISION) {
        return false;
    }
    bool may_break = valid[LINE_BREAK] && !valid[RECOVERING];
    if (slash == SLASH_DOC && may_break) {
        // Its end was marked before the blanks.
        lexer->result_symbol = LINE_BREAK;
        return true;
    }
    if (slash == SLASH_COMMENT) {
        take(lexer, COMMENT);
        state->break_follows = may_break && break_ahead(lexer, newline);
        return true;
    }
    bool sound = slash == SLASH_DOC && valid[DOC_COMMENT];
    return take(lexer, sound ? DOC_COMMENT : WRONG);
}

void *tree_sitter_align_external_scanner_create(void) {
    return ts_calloc(1, sizeof(State));
}

void tree_sitter_align_external_scanner_destroy(void *payload) {
    ts_free(payload);
}

unsigned tree_sitter_align_external_scanner_serialize(void *payload, char *buffer) {
    const State *state = payload;
    buffer[0] = (char)state->break_follows;
    buffer[1] = (char)(state->depth & 0xff);
    buffer[2] = (char)(state->depth >> 8);
    return 3;
}

void tree_sitter_align_external_scanner_deserialize(void *payload, const char *buffer, unsigned length) {
    State *state = payload;
    bool stored = length == 3;
    state->break_follows = stored && buffer[0];
    state->depth = stored ? (uint16_t)((uint8_t)buffer[1] | (uint8_t)buffer[2] << 8) : 0;
}

bool tree_sitter_align_external_scanner_scan(void *payload, TSLexer *lexer, const bool *valid) {
    State *state = payload;
    bool newline = false;
    bool may_break = valid[LINE_BREAK] && !valid[RECOVERING];
    bool break_follows = state->break_follows;
    state->break_follows = false;

    // Until something else is marked, a token is empty and stands before the blanks.
    lexer->mark_end(lexer);
    if (break_follows && may_break) {
        lexer->result_symbol = LINE_BREAK;
        return true;
    }
    for (; is_blank(lexer->lookahead); lexer->advance(lexer, true)) {
        newline |= lexer->lookahead == '\n';
    }
    int32_t c = lexer->lookahead;
    if (c == '/') {
        return scan_slash(state, lexer, valid, newline);
    }
    if (is_word_start(c)) {
        return scan_word(lexer, valid, may_break && newline);
    }
    if (c == '"') {
        return valid[STRING] && scan_string(lexer, valid);
    }
    if (is_digit(c)) {
        return (valid[NUMBER] || valid[NUMBER_BEFORE_UNIT]) && scan_number(lexer, valid);
    }
    return c != 0 && c < 128 && strchr(BRACKETS, c) && scan_bracket(state, lexer, valid);
}
