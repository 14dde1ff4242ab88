// Rust, with its own ways of naming things. `say` is C's.
use std::os::raw::{c_char, c_int};

extern "C" {
    fn say(file: *const c_char, line: c_int, chain: *const c_char);
}

const FILE: *const c_char = b"program.rs\0".as_ptr().cast();

// Nothing that is done before it is done last, which could be a jump.
fn then() {
    unsafe { std::ptr::read_volatile(&1u8) };
}

mod store {
    use super::*;

    pub struct Shelf<T>(pub T);

    impl<T> Shelf<T> {
        #[inline(never)]
        pub fn put(&self) {
            unsafe { say(FILE, line!() as c_int, b"put\0".as_ptr().cast()) }
            then();
        }
    }
}

#[inline(never)]
fn count(words: &[&str]) -> usize {
    unsafe { say(FILE, line!() as c_int, b"count\0".as_ptr().cast()) }
    then();
    words.len()
}

fn main() {
    count(&["a"]);
    store::Shelf(1u8).put();
}
