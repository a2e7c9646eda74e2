use super::fixture;
#[test]
fn dump() {
    let small = fixture::refused_record();
    std::fs::write(
        "/tmp/small.html",
        amifactory::report::html::html(&fixture::image(), &small, fixture::today()).unwrap(),
    )
    .unwrap();
    let mut big = fixture::record();
    let base = big.controls.clone();
    big.controls.clear();
    for n in 0..240usize {
        let mut c = base[[0usize, 3, 9, 0, 3, 9, 0, 3, 9, 1, 2, 4, 5, 6, 7, 8, 0, 3, 9, 3][n % 20]].clone();
        c.slug = format!("{}-{n}", c.slug).parse().unwrap();
        c.section = (n / 40 + 1) as u8;
        big.controls.push(c);
    }
    for n in 0..1500 {
        big.packages.push(fixture::package(&format!("libpackage{n}"), &format!("{n}.2.3-1+deb12u1"), "amd64"));
    }
    big.tally = amifactory::hardening::Tally::of(big.controls.iter().map(|c| &c.status));
    big.score = big.tally.score();
    let t = std::time::Instant::now();
    let page = amifactory::report::html::html(&fixture::image(), &big, fixture::today()).unwrap();
    eprintln!("big {} bytes in {:?}", page.len(), t.elapsed());
    std::fs::write("/tmp/big.html", page).unwrap();
}
