use disclosure::Released;

fn main() {
    let _ = Released(5_u64);
    let _ = Released::new(5_u64);
}
