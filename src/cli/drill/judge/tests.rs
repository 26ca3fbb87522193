use super::{remember_panic, unless_it_panics};
use std::panic;

#[test]
fn a_panic_is_caught_with_its_words_and_its_place() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(remember_panic));
    let said = unless_it_panics::<u8>(|| panic!("no {}", "more"));
    let next = unless_it_panics(|| 7);
    panic::set_hook(before);
    let Err(said) = said else { panic!("it did panic") };
    assert!(said.starts_with("no more (") && said.contains("judge/tests.rs:"), "{said}");
    assert_eq!(next, Ok(7));
}
