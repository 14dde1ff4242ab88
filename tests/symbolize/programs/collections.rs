// Memory that Rust's standard library asks for on behalf of a line; see containers.cpp. "?" is a size
// that is the library's own business.
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

struct Shelf<T> {
    items: Vec<T>,
}

impl<T> Shelf<T> {
    #[inline(never)]
    fn put(&mut self, item: T) {
        self.items.push(item); // LIVE 2000/1
    }
}

// What no optimiser sees through; std::hint::black_box() is younger than the oldest rustc that is tested.
#[inline(never)]
fn opaque<T>(value: T) -> T {
    let kept = std::mem::ManuallyDrop::new(value);
    std::mem::ManuallyDrop::into_inner(unsafe { std::ptr::read_volatile(&kept) })
}

#[inline(never)]
fn boxed() -> Box<[u8; 700]> {
    let block = Box::new([7u8; 700]); // LIVE 700/1
    opaque(block)
}

#[inline(never)]
fn fill() {
    let numbers: Vec<u32> = vec![1; 100]; // LIVE 400/1
    let reserved: Vec<u64> = Vec::with_capacity(50); // LIVE 400/1
    let text = String::from("x").repeat(300); // LIVE 300/1
    let copied = text.clone(); // LIVE 300/1
    let formatted = format!("{:>0width$}", 1, width = 250); // LIVE ?/1
    let collected: Vec<u16> = (0..40u16).collect(); // LIVE 80/1
    let shared = Rc::new([1u8; 84]); // LIVE 104/1
    let counted = Arc::new([1u8; 184]); // LIVE 200/1
    let mut queue = VecDeque::new();
    for number in 0..20u64 {
        queue.push_back(number); // LIVE 256/1
    }
    let mut tree = BTreeMap::new();
    tree.insert(1u32, 2u32); // LIVE ?/1
    let mut table = HashMap::new();
    table.insert(1u32, 2u32); // LIVE ?/1
    let dynamic: Box<dyn Fn() -> u8> = {
        let large = [3u8; 90];
        Box::new(move || large[4]) // LIVE 90/1
    };
    let mut shelf = Shelf { items: Vec::new() };
    shelf.put([0u8; 500]);
    let some = opaque((numbers, reserved, text, copied, formatted, collected));
    let others = opaque((shared, counted, queue, tree, table, dynamic, shelf));
    std::mem::forget((some, others));
}

fn main() {
    fill();
    std::mem::forget(boxed());
}
