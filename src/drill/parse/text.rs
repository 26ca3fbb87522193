//! An event's text as reports show it.

use alloc::string::String;

/// White space made single and comments left out, but for what stands in strings; in shell commands and code there
/// are no comments of this language.
pub(super) fn squeeze(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(256));
    let mut rest = text;
    // What ends the string, shell command or code that we are in.
    let mut inside: Option<&str> = None;
    let mut blank = false;
    loop {
        let commented = inside.is_none().then(|| behind_comment(rest)).flatten();
        if let Some(behind) = commented {
            (rest, blank) = (behind, true);
            continue;
        }
        let Some(character) = rest.chars().next() else { return out };
        let mut piece = character.len_utf8();
        if character.is_whitespace() && inside != Some("\"") {
            blank = true;
        } else {
            if blank && !out.is_empty() {
                out.push(' ');
            }
            blank = false;
            match inside {
                Some(end) if rest.starts_with(end) => {
                    piece = end.len();
                    inside = None;
                }
                Some("\"" | "`") if character == '\\' => {
                    piece += rest.chars().nth(1).map_or(0, char::len_utf8);
                }
                Some(_) => {}
                None if character == '"' => inside = Some("\""),
                None if character == '`' => inside = Some("`"),
                None if rest.starts_with("%{") => {
                    piece = 2;
                    inside = Some("}%");
                }
                None => {}
            }
            out.push_str(rest.get(..piece).unwrap_or_default());
        }
        rest = rest.get(piece..).unwrap_or_default();
    }
}

/// What stands behind the comment that the text begins with.
fn behind_comment(text: &str) -> Option<&str> {
    if let Some(comment) = text.strip_prefix("/*") {
        return comment.split_once("*/").map(|(_, behind)| behind);
    }
    text.starts_with("//").then(|| text.find('\n').and_then(|end| text.get(end..)).unwrap_or_default())
}
