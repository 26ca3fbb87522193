//! Runs one input of a target: see `tcpstate_fuzz::run`.

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(target), Some(path)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: reproduce TARGET INPUT");
        std::process::exit(2);
    };
    let input = std::fs::read(path).expect("the input can be read");
    tcpstate_fuzz::run(&target, &input, &mut tcpstate_fuzz::record::Nobody).expect("there is such a target");
}
