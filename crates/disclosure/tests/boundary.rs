//! What the compiler must refuse outside this crate: opening, cloning, comparing or serialising what is unreleased, and making
//! a release or a receipt by hand.

#[test]
fn unreleased_data_cannot_be_opened_outside() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/boundary/pass_*.rs");
    cases.compile_fail("tests/boundary/fail_*.rs");
}
