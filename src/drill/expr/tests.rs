use alloc::collections::BTreeMap;
use std::format;
use std::string::{String, ToString};

use proptest::prelude::*;

use super::{Code, CodeError, CodeFault, Scope, Value};

fn symbols() -> BTreeMap<&'static str, i128> {
    BTreeMap::from([("tcpi_snd_cwnd", 10), ("tcpi_rto", 200_000), ("tcpi_state", 1), ("TCP_ESTABLISHED", 1)])
}

fn run_in(scope: &mut Scope, text: &str) -> Result<(), CodeError> {
    Code::parse(text)?.run(scope, &symbols())
}

fn run(text: &str) -> Result<(), CodeError> {
    run_in(&mut Scope::default(), text)
}

/// What an expression comes to, as `repr` shows it.
fn value(text: &str) -> String {
    let mut scope = Scope::default();
    match run_in(&mut scope, &format!("x = {text}")) {
        Ok(()) => scope.variables.get("x").map(Value::to_string).unwrap_or_default(),
        Err(error) => format!("{:?}", error.fault),
    }
}

fn fault(text: &str) -> (u32, CodeFault) {
    let error = run(text).expect_err(text);
    (error.line, error.fault)
}

fn is_unsupported(text: &str, says: &str) {
    match fault(text) {
        (_, CodeFault::Unsupported(what)) => assert!(what.contains(says), "{text}: {what}"),
        (_, other) => panic!("{text}: {other:?}"),
    }
}

#[test]
fn an_assertion_over_what_the_kernel_tells_holds_or_is_shown_with_its_values() {
    assert_eq!(run("assert tcpi_snd_cwnd == 10"), Ok(()));
    assert_eq!(run(" assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd "), Ok(()));
    assert_eq!(run("\nassert tcpi_state == TCP_ESTABLISHED\nassert 100 < tcpi_rto / 1000 <= 200\n"), Ok(()));
    let error = run("\n\nassert tcpi_snd_cwnd  ==\\\n 9, 'cwnd=%d' % tcpi_snd_cwnd\n").expect_err("ten");
    assert_eq!(error.line, 3);
    assert_eq!(
        error.to_string(),
        "assert tcpi_snd_cwnd ==\\ 9 does not hold: tcpi_snd_cwnd is 10 \"cwnd=10\""
    );
    let error = run("assert tcpi_snd_cwnd == 9, f\"{tcpi_snd_cwnd} it is\"").expect_err("ten");
    assert_eq!(
        error.to_string(),
        "assert tcpi_snd_cwnd == 9 does not hold: tcpi_snd_cwnd is 10 f\"{tcpi_snd_cwnd} it is\""
    );
}

#[test]
fn variables_live_on_and_symbols_win_over_those_of_earlier_code() {
    let mut scope = Scope::default();
    assert_eq!(run_in(&mut scope, "a = tcpi_snd_cwnd; tcpi_rto = 5\nassert tcpi_rto == 5"), Ok(()));
    assert_eq!(run_in(&mut scope, "a += 1\nassert a == 11 and tcpi_rto == 200000"), Ok(()));
}

#[test]
fn names_that_nobody_knows_are_told_apart() {
    is_unsupported("assert tcpi_never == 1", "`tcpi_never`");
    is_unsupported("assert TCP_NEVER == 1", "`TCP_NEVER`");
    assert_eq!(fault("\nassert never == 1"), (2, CodeFault::UnknownName("never".to_string())));
}

#[test]
fn operators_have_pythons_ranks_and_signs() {
    for (text, expected) in [
        ("1 + 2 * 3 - 4", "3"),
        ("(1 + 2) * 3", "9"),
        ("2 ** 3 ** 2", "512"),
        ("-2 ** 2", "-4"),
        ("2 ** -1", "0.5"),
        ("7 // 2, -7 // 2, 7 // -2, -7 // -2", "(3, -4, -4, 3)"),
        ("7 % 3, -7 % 3, 7 % -3, -7 % -3", "(1, 2, -2, -1)"),
        ("7 / 2", "3.5"),
        ("7.5 // 2, -7.5 % 2", "(3.0, 0.5)"),
        ("1 | 2 ^ 3 & 1", "3"),
        ("1 << 4 >> 1", "8"),
        ("~5, -5, +5", "(-6, -5, 5)"),
        ("1 < 2 < 3, 1 < 3 < 2", "(True, False)"),
        ("1 == 1.0 == True", "True"),
        ("not 0 and 1 or 2", "1"),
        ("0 or [] or 'a'", "\"a\""),
        ("1 if 0 else 2", "2"),
        ("2 in [1, 2], 'b' in 'abc', 3 not in (1, 2)", "(True, True, True)"),
        ("None is None, 1 is not None", "(True, True)"),
        ("True + True, True & False", "(2, False)"),
        ("'a' 'b' + \"c\" * 2", "\"abcc\""),
        ("[1, 2][-1], (3, 4)[0], 'xyz'[1]", "(2, 3, \"y\")"),
        ("[1] + [2] * 2", "[1, 2, 2]"),
        ("(), (1,), [], [1,]", "((), (1,), [], [1])"),
        ("0x10, 0b11, 0o17, 1_000, 1e3, .5", "(16, 3, 15, 1000, 1000.0, 0.5)"),
        ("'%s is %d of %x, %f%%' % ('a', 5, 255, 1.5)", "\"a is 5 of ff, 1.500000%\""),
        ("[1, 2] < [1, 3], 'a' < 'b'", "(True, True)"),
        ("not not 5", "True"),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn functions_compute_what_python_computes() {
    for (text, expected) in [
        ("abs(-5), abs(-1.5)", "(5, 1.5)"),
        ("min(3, 1, 2), max([3, 1]), max(1, 2.5)", "(1, 3, 2.5)"),
        ("int(2.9), int(-2.9), int('12'), int(True)", "(2, -2, 12, 1)"),
        ("float(2), float('1.5')", "(2.0, 1.5)"),
        ("round(2.5), round(3.5), round(-2.5), round(2.6)", "(2, 4, -2, 3)"),
        ("len('abc'), len([1]), str(5), bool([])", "(3, 1, \"5\", False)"),
        ("sum([1, 2.5]), sum(range(4))", "(3.5, 6)"),
        ("range(2, 8, 3), range(3, 0, -1)", "([2, 5], [3, 2, 1])"),
        ("all([1, 0]), any([1, 0])", "(False, True)"),
        ("divmod(7, 2), pow(2, 5), hex(255)", "((3, 1), 32, \"0xff\")"),
        ("math.floor(1.5), math.ceil(1.5)", "(1, 2)"),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn statements_choose_and_repeat() {
    let text = "
import math, sys
total = 0
for i in range(10):
    if i == 2: continue
    elif i == 5:
        break
    else:
        total += i  # 0 1 3 4
while total > 0:
    total -= 3; n = total
a = b = total, n
(c, d) = a
assert c == -1 and d == -1 and b == (-1, -1)
if c:
    if d == 5:
        assert False
    pass
print('x', c, file=sys.stderr)
print \"x\", c
";
    assert_eq!(run(text), Ok(()));
    assert_eq!(run(""), Ok(()));
    assert_eq!(run("# only\n\n"), Ok(()));
}

#[test]
fn the_line_of_the_brace_may_be_indented_as_it_likes() {
    assert_eq!(run(" a = 1\n     b = 2\n     assert a < b\n"), Ok(()));
    assert_eq!(run("  if tcpi_snd_cwnd:\n     b = 2\n"), Ok(()));
    assert_eq!(run("\n\t\tassert (1 ==\n 1)\n\t\tassert 1\n"), Ok(()));
}

#[test]
fn python_that_is_not_done_is_named() {
    for (text, says) in [
        ("def f(): pass", "`def`"),
        ("try:\n  pass", "`try`"),
        ("x = lambda a: a", "`lambda`"),
        ("x = [a for a in []]", "comprehension"),
        ("x = {1: 2}", "`{`"),
        ("x = [1][0:1]", "slice"),
        ("import subprocess", "`import subprocess`"),
        ("from os import path", "`from`"),
        ("os.system('ls')", "`.system`"),
        ("x = 'a'.upper()", "`.upper`"),
        ("x = open('f')", "`open(…)`"),
        ("x = f'{a}'", "text with values"),
        ("x = round(1.25, 1)", "`round(…)`"),
        ("x[0] = 1", "assignment"),
        ("x = '%5.2f' % 1", "`%5`"),
        ("x = min(a=1)", "names"),
        ("x = math.sqrt(2)", "`.sqrt`"),
    ] {
        is_unsupported(text, says);
    }
}

#[test]
fn what_is_no_python_is_told_with_its_line() {
    for (text, line) in [
        ("\nassert", 2),
        ("\n\nassert 1 ==", 3),
        ("a = (1", 1),
        ("\nif 1:\nassert 1", 2),
        ("\na = 1\n  b = 2", 3),
        ("\n  a = 1\nb = 2", 3),
        ("a b", 1),
        ("\n'abc", 2),
        ("a = 1 $ 2", 1),
        ("else: pass", 1),
        ("1x", 1),
    ] {
        let (at, found) = fault(text);
        assert!(matches!(found, CodeFault::Syntax(_)), "{text}: {found:?}");
        assert_eq!(at, line, "{text}");
    }
}

#[test]
fn what_cannot_be_computed_is_told() {
    assert_eq!(fault("x = 1 / 0").1, CodeFault::DivisionByZero);
    assert_eq!(fault("x = 1.0 % 0").1, CodeFault::DivisionByZero);
    assert_eq!(fault("x = 2 ** 127").1, CodeFault::TooLarge);
    assert_eq!(fault("x = 1 << 127").1, CodeFault::TooLarge);
    assert_eq!(fault("x = 'a' * 100000").1, CodeFault::TooLarge);
    assert_eq!(fault("x = range(1000000)").1, CodeFault::TooLarge);
    assert_eq!(fault("x = 999999999999999999999999999999999999999999").1, CodeFault::TooLarge);
    assert_eq!(fault("while True: pass").1, CodeFault::TooLong);
    assert_eq!(fault("x = [1] * 5000\nfor i in x: y = x").1, CodeFault::TooLong);
    assert_eq!(fault("x = []\nwhile True: x = [x]").1, CodeFault::TooLarge);
    for text in
        ["x = 1 + 'a'", "x = 1 < 'a'", "x = 1 in 2", "x = [1][5]", "x = len(1)", "a, b = 1, 2, 3", "x = -'a'"]
    {
        assert!(matches!(fault(text).1, CodeFault::Type(_)), "{text}");
    }
}

#[test]
fn code_that_nests_deep_or_runs_long_harms_nobody() {
    for text in [
        "(".repeat(100_000),
        format!("x = {}1", "-".repeat(100_000)),
        format!("x = {}1", "not ".repeat(100_000)),
        format!("x = {}1", "1 ** ".repeat(100_000)),
        format!("x = {}1", "1 + ".repeat(100_000)),
        format!("x = {}1", "1 if 1 else ".repeat(100_000)),
        format!("x = a{}", "[0]".repeat(100_000)),
        (0..1000).map(|n| format!("{}if 1:\n", " ".repeat(n))).collect(),
        "if 1: ".repeat(100_000),
    ] {
        let _ = run(&text);
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_evaluator_panic(text in "(?s).{0,120}") {
        let _ = run(&text);
    }

    #[test]
    fn no_soup_of_words_makes_the_evaluator_panic(
        words in prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..40),
    ) {
        let _ = run(&words.join(" "));
    }

    #[test]
    fn floor_division_and_rest_belong_together(left in -50_i64..50, right in -9_i64..9) {
        let text = format!("a = {left}; b = {right}\nassert b == 0 or (a // b) * b + a % b == a and abs(a % b) < abs(b)");
        prop_assert_eq!(run(&text), Ok(()));
    }
}

const WORDS: [&str; 48] = [
    "a", "b", "1", "2.5", "'x'", "tcpi_rto", "=", "+=", "==", "<", "+", "-", "*", "/", "//", "%", "**", "<<",
    "(", ")", "[", "]", ",", ":", ";", ".", "\n", "\n ", "\n  ", "assert", "if", "else", "elif", "for", "in",
    "while", "not", "and", "or", "is", "range(9)", "len", "break", "continue", "pass", "True", "None",
    "print",
];
