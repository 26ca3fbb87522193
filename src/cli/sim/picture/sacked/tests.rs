use super::*;
use tcpstate::sim::Prng;

fn new_of(sacked: &mut Sacked, low: u64, high: u64) -> Vec<(u64, u64)> {
    let mut parts = Vec::new();
    sacked.add(low, high, |low, high| parts.push((low, high)));
    parts.sort_unstable();
    parts
}

#[test]
fn only_what_was_not_there_is_new() {
    let mut sacked = Sacked::default();
    assert_eq!(new_of(&mut sacked, 10, 20), [(10, 20)]);
    assert_eq!(new_of(&mut sacked, 10, 20), []);
    assert_eq!(new_of(&mut sacked, 10, 25), [(20, 25)]);
    assert_eq!(new_of(&mut sacked, 30, 40), [(30, 40)]);
    assert_eq!(new_of(&mut sacked, 5, 50), [(5, 10), (25, 30), (40, 50)]);
    assert_eq!(new_of(&mut sacked, 50, 50), []);
    assert_eq!(sacked.ranges, [(5, 50)].into());
    sacked.forget_below(20);
    assert_eq!(sacked.ranges, [(20, 50)].into());
    sacked.forget_below(60);
    assert_eq!(sacked.ranges, [].into());
}

#[test]
fn it_agrees_with_a_list_of_octets() {
    let mut luck = Prng::new(5);
    for _ in 0..200 {
        let (mut sacked, mut octets) = (Sacked::default(), [false; 64]);
        let mut una = 0;
        for _ in 0..40 {
            let low = luck.between(una, 62);
            let high = luck.between(low, 63);
            let new: u64 = new_of(&mut sacked, low, high).iter().map(|(low, high)| high - low).sum();
            let missing = octets[low as usize..high as usize].iter().filter(|there| !**there).count();
            assert_eq!(new, missing as u64);
            octets[low as usize..high as usize].fill(true);
            if luck.between(0, 3) == 0 {
                una = luck.between(una, 62);
                sacked.forget_below(una);
                octets[..una as usize].fill(false);
            }
            let there: u64 = sacked.ranges.iter().map(|(low, high)| high - low).sum();
            assert_eq!(there, octets.iter().filter(|there| **there).count() as u64);
        }
    }
}
