use super::*;

#[test]
fn lengths_are_short_and_exact_to_a_hundredth() {
    let text = |number| Number(number).to_string();
    assert_eq!([0.0, 1.0, 1.5, 1.25, 1.006, -0.5].map(text), ["0", "1", "1.5", "1.25", "1.01", "-0.5"]);
    assert_eq!([1_280.0, 99.999, -0.001, 7.03].map(text), ["1280", "100", "0", "7.03"]);
}

#[test]
fn text_cannot_leave_its_element() {
    let text = Escaped("a < b & \"c\" > d\u{0}\u{1b}").to_string();
    assert_eq!(text, "a &lt; b &amp; &quot;c&quot; &gt; d??");
    let mut svg = Svg::new(1.0, 1.0, "<&>", "", "");
    svg.text("x", 0.0, 0.0, "</svg>");
    assert_eq!(svg.finish().matches("</svg>").count(), 1);
}
