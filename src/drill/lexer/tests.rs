use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::{Kind, tokens};

fn kinds(text: &str) -> Vec<(Kind, &str)> {
    tokens(text, &[]).into_iter().map(|token| (token.kind, token.text)).collect()
}

fn with(text: &str, defines: &[(&str, &str)]) -> Vec<String> {
    let defines: Vec<_> =
        defines.iter().map(|&(name, value)| (name.to_string(), value.to_string())).collect();
    tokens(text, &defines).iter().map(|token| token.text.to_string()).collect()
}

#[test]
fn numbers_and_points_part_as_the_time_forms_need_it() {
    use Kind::{Ellipsis, End, Float, Hex, Integer, Mark};
    assert_eq!(
        kinds("+0...0.2"),
        [(Mark, "+"), (Integer, "0"), (Ellipsis, "..."), (Float, "0.2"), (End, "")]
    );
    assert_eq!(kinds("0.1....5"), [(Float, "0.1"), (Ellipsis, "..."), (Float, ".5"), (End, "")]);
    assert_eq!(kinds(".1~0x1F"), [(Float, ".1"), (Mark, "~"), (Hex, "0x1F"), (End, "")]);
}

#[test]
fn comments_are_blank_and_places_go_on_behind_them() {
    let tokens = tokens("# top\n// a\n/* b\n c */ x/y\n  \"a // b\"", &[]);
    let seen: Vec<_> = tokens.iter().map(|t| (t.text, t.line, t.column, t.glued)).collect();
    assert_eq!(
        seen,
        [
            ("x", 4, 7, false),
            ("/", 4, 8, true),
            ("y", 4, 9, true),
            ("a // b", 5, 3, false),
            ("", 5, 11, true)
        ]
    );
}

#[test]
fn options_take_their_value_with_quotes_and_blanks() {
    let text = "--a\n--b=c=d // why\n--e = \"f g\"\n--h=1/*i*/--j=k/l";
    let expected = ["a", "b=c=d", "e = \"f g\"", "h=1", "j=k/l"].map(|text| (Kind::Option, text));
    let mut seen = kinds(text);
    assert_eq!(seen.pop(), Some((Kind::End, "")));
    assert_eq!(seen, expected);
}

#[test]
fn shell_and_code_keep_their_lines() {
    assert_eq!(kinds("`a\n b`")[0], (Kind::Shell, "a\n b"));
    assert_eq!(kinds("%{\nassert a\n}%")[0], (Kind::Code, "\nassert a\n"));
}

#[test]
fn what_does_not_end_is_told_where_it_begins() {
    for text in ["x /* y", "x \"y\nz\"", "x `y", "x %{ y }"] {
        let last = *tokens(text, &[]).last().expect("one at least");
        assert_eq!((last.kind, last.line, last.column), (Kind::Bad, 1, 3), "{text}");
    }
}

#[test]
fn a_macro_stands_for_its_tokens_and_never_for_itself() {
    assert_eq!(with("A b", &[("A", "x B"), ("B", "A 1")]), ["x", "A", "1", "b", ""]);
    assert_eq!(with("--define=A=3\nA AB \"A\"", &[]), ["define=A=3", "3", "AB", "A", ""]);
    assert_eq!(with("--define=\"A=b c\"\nA", &[])[1..], ["b", "c", ""]);
    assert_eq!(with("--define=A=\"b c\"\nA", &[])[1..], ["b c", ""]);
    assert_eq!(with("<FO A>", &[("A", "3021b9d8")])[2..4], ["3021", "b9d8"]);
    assert_eq!(with("--define=A=3\nA", &[("A", "4")]), ["define=A=3", "4", ""], "the caller's wins");
}

#[test]
fn macros_that_double_each_other_come_to_an_end() {
    for last in [14, 30] {
        let mut defines: Vec<_> = (0..last)
            .map(|n| (std::format!("D{n}"), std::format!("D{} D{} D{}", n + 1, n + 1, n + 1)))
            .collect();
        defines.push((std::format!("D{last}"), String::new()));
        let tokens = tokens("D0", &defines);
        assert_eq!(tokens.last().map(|token| token.kind), Some(Kind::Bad), "{last}");
    }
}

proptest! {
    #[test]
    fn any_text_has_an_end(text in "(?s).{0,200}", value in ".{0,20}") {
        let tokens = tokens(&text, std::slice::from_ref(&("a".to_string(), value))).len();
        prop_assert!(tokens > 0);
    }
}

#[test]
fn places_are_counted_in_characters() {
    let places: Vec<_> = tokens("é ü\nx", &[]).iter().map(|t| (t.line, t.column)).collect();
    assert_eq!(places, vec![(1, 1), (1, 3), (2, 1), (2, 2)]);
}
