//! What counts as naming a row, and what is wrong with it.

use super::*;

/// What a source says, and what is wrong with it.
fn source(text: &str) -> (Vec<(String, String)>, usize) {
    let mut citations = Citations::default();
    citations.read_source(&Ids(vec!["MUST", "5681"]), text, "a file", "machine", &[String::from("machine")]);
    let named = citations.tests.into_iter();
    (named.map(|(id, tests)| (id, tests[0].path.clone())).collect(), citations.wrong.len())
}

fn named(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(id, path)| (id.to_owned(), path.to_owned())).collect()
}

#[test]
fn a_comment_above_a_test_or_first_in_it_names_rows() {
    let above = "/// Why.\n// RFC 9293 MUST-7, 5681-3\n#[test]\nfn it() {\n";
    let both = named(&[("5681-3", "machine::it"), ("MUST-7", "machine::it")]);
    assert_eq!(source(above), (both.clone(), 0));
    let below = "#[test]\n// RFC 5681-3\nfn it() {\n    // RFC 9293 MUST-7: why.\n    let x = 1;\n";
    assert_eq!(source(below), (both, 0));
    let inside = "mod inner {\n    // RFC 9293 MUST-7\n    #[test]\n    fn it() {}\n}\n";
    assert_eq!(source(inside), (named(&[("MUST-7", "machine::inner::it")]), 0));
}

#[test]
fn other_comments_name_none() {
    for text in [
        "// As MUST-7 has it.\n#[test]\nfn it() {}\n",
        "// RFC 5681 §3.1\n#[test]\nfn it() {}\n",
        "#[test]\nfn it() {\n    let x = 1;\n    // See MUST-7.\n    let y = 2;\n}\n",
    ] {
        assert_eq!(source(text), (Vec::new(), 0), "{text}");
    }
}

#[test]
fn what_is_no_test_that_is_run_holds_nothing() {
    for text in [
        "// RFC 9293 MUST-7\nfn helper() {}\n",
        "// RFC 9293 MUST-7\nstruct It;\n",
        "// RFC 9293 MUST-7\n#[test]\n#[ignore = \"slow\"]\nfn it() {}\n",
        "#[test]\nfn it() {\n    let x = 1;\n    // RFC 9293 MUST-7\n    let y = 2;\n}\n",
    ] {
        assert_eq!(source(text).1, 1, "{text}");
    }
}

#[test]
fn four_rows_are_too_many() {
    let three = "// RFC 9293 MUST-1, MUST-2\n// RFC 5681-1\n#[test]\nfn it() {}\n";
    assert_eq!(source(three).1, 0);
    let four = "// RFC 9293 MUST-1, MUST-2\n// RFC 5681-1, 5681-2\n#[test]\nfn it() {}\n";
    assert_eq!(source(four).1, 1);
    let mut citations = Citations::default();
    let script =
        "// RFC 9293 MUST-1, MUST-2\n+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n// RFC 5681-1, 5681-2\n";
    citations.read_script(&Ids(vec!["MUST", "5681"]), script, "a/b.pkt");
    assert_eq!((citations.wrong.len(), citations.tests["5681-2"][0].path.as_str()), (1, "a/b.pkt"));
}

#[test]
fn an_rfc_without_rows_is_named_all_the_same() {
    let (found, _) = source("// RFC 9999-1, MUST-99\n#[test]\nfn it() {}\n");
    assert_eq!(found.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["9999-1", "MUST-99"]);
}

#[test]
fn code_is_named_by_the_function_below_a_comment_or_around_it() {
    let lines = [
        "impl Tcb {",
        "    /// Why.",
        "    // RFC 5681-3",
        "    #[inline]",
        "    pub(super) fn it(&mut self) {",
        "        let x = 1;",
        "        // RFC 5681-4",
        "        let y = 2;",
        "    }",
        "}",
        "/// RFC 5681-5",
        "const N: u8 = 1;",
    ];
    assert_eq!((around(&lines, 2), around(&lines, 6), around(&lines, 10)), (Some("it"), Some("it"), None));
}
