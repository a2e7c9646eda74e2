//! Files made to hurt the reader: each is answered quickly, with a place, and without a panic or a stack overflow.

use amifactory::source::{Diagnostics, MAX_BYTES, SourceFile, parse};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn filled(unit: &str) -> String {
    unit.repeat(MAX_BYTES / unit.len())
}

fn hostile() -> Vec<(&'static str, String)> {
    let line = |prefix: &str, unit: &str| format!("{prefix}{}", filled(unit)[..MAX_BYTES - prefix.len()].to_owned());
    let anchors: String = (0..40_000).map(|n| format!("- &a{n} x\n")).collect();
    let aliases: String = (0..40_000).map(|_| "- *a\n").collect();
    let keys: String = (0..40_000).map(|n| format!("key{n}: {n}\n")).collect();
    let same_keys = "same: 1\n".repeat(40_000);
    let bomb: String = std::iter::once("a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned())
        .chain((1..12).map(|n| {
            let list = vec![format!("*a{}", n - 1); 9].join(",");
            format!("a{n}: &a{n} [{list}]\n")
        }))
        .collect();
    let fat = format!("a: &a {}\nb: [{}]\n", "x".repeat(900_000), "*a,".repeat(90));
    let staircase: String = (0..1400).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    vec![
        ("open lists", filled("[")),
        ("open maps", filled("{")),
        ("open both", filled("[{")),
        ("dashes", filled("- ")),
        ("dashes on lines", filled("-\n")),
        ("question marks", filled("? ")),
        ("colons", filled(": ")),
        ("colons without space", filled(":")),
        ("nested keys on a line", filled("a: ")),
        ("closed lists", filled("]")),
        ("pairs of brackets", filled("[]")),
        ("commas", line("[", ",")),
        ("a long flow list", line("[", "x,")),
        ("a long flow map", line("{", "x: 1,")),
        ("flow over lines", line("[", "x,\n")),
        ("an unclosed double quote", line("a: \"", "x ")),
        ("an unclosed single quote", line("a: '", "x\n ")),
        ("escapes", line("a: \"", "\\u0041")),
        ("a long plain word", filled("x")),
        ("a long plain text", filled("x ")),
        ("a long plain text of lines", line("a: ", "x\n ")),
        ("a long key", line("", "k")),
        ("spaces", filled(" ")),
        ("line feeds", filled("\n")),
        ("indented line feeds", line("a: |\n", " \n")),
        ("a block of spaces", line("a: |\n", "         ")),
        ("tabs", filled("\t")),
        ("comments", filled("#\n")),
        ("a long comment", filled("#")),
        ("anchors", filled("&a ")),
        ("many anchors", anchors),
        ("many aliases", format!("- &a x\n{aliases}")),
        ("stars", filled("*a ")),
        ("tags", filled("!a ")),
        ("exclamation marks", filled("!")),
        ("percent signs", filled("%a\n")),
        ("documents", filled("---\n")),
        ("ends of documents", filled("...\n")),
        ("many keys", keys),
        ("the same key", same_keys),
        ("an alias bomb", bomb),
        ("a fat alias", fat),
        ("a staircase", staircase),
        ("block markers", filled("|")),
        ("folded markers", filled("> ")),
        ("at signs", filled("@")),
        ("backquotes", filled("`")),
    ]
}

#[test]
fn hostile_files_are_answered_quickly() {
    // A small stack: what recursed with the input would overflow it.
    let worker = std::thread::Builder::new().stack_size(512 * 1024).spawn(|| {
        for (name, text) in hostile() {
            let file = Arc::new(SourceFile { path: "hostile.yaml".into(), text });
            let mut diagnostics = Diagnostics::new();
            let start = Instant::now();
            let node = parse(&file, &mut diagnostics);
            let found = diagnostics.sorted();
            let printed: usize = found.iter().map(|d| d.to_string().len()).sum();
            let took = start.elapsed();
            eprintln!("{name}: {took:?}, {} mistakes, {printed} bytes", found.len());
            assert!(took < Duration::from_secs(5), "{name} took {took:?}");
            assert!(node.is_some() || !found.is_empty(), "{name}: neither a tree nor a mistake");
            for diagnostic in &found {
                let lines = file.text.lines().count().max(1);
                assert!((1..=lines).contains(&diagnostic.span.line), "{name}: {diagnostic:?}");
                assert!(diagnostic.to_string().len() < 2000, "{name}");
            }
        }
    });
    worker.unwrap().join().unwrap();
}
