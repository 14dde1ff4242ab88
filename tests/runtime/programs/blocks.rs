// Known amounts in Rust: 30 boxes of 400 bytes, a vector of 5000 bytes that has grown once, and a
// string that is gone at the end.
use std::collections::BTreeMap;

#[inline(never)]
fn keep_boxes() -> Vec<Box<[u8; 400]>> {
    let mut boxes = Vec::new();
    for number in 0..30 {
        boxes.push(Box::new([number as u8; 400]));
    }
    boxes
}

#[inline(never)]
fn grow_vector() -> Vec<u8> {
    let mut vector = Vec::with_capacity(100);
    vector.resize(100, 1);
    vector.reserve_exact(4900);
    vector
}

#[inline(never)]
fn drop_string() -> usize {
    let letters: String = (0..7777u32).map(|n| (b'a' + (n % 26) as u8) as char).collect();
    letters.bytes().map(|letter| letter as usize).sum()
}

fn main() {
    let boxes = keep_boxes();
    let vector = grow_vector();
    let mut words = BTreeMap::new();
    for word in ["b", "a", "c", "a"] {
        *words.entry(word.to_string()).or_insert(0) += 1;
    }
    let sum: usize = boxes.iter().map(|one| one[0] as usize).sum();
    println!("{} {} {} {:?}", sum, vector.capacity(), drop_string(), words);
    std::mem::forget((boxes, vector));
}
