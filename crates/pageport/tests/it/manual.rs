//! `pageport completions` and `pageport man`.

use crate::program::Place;

#[test]
fn every_shell_gets_its_completions() {
    let place = Place::new();
    for (shell, text) in
        [("bash", "complete -F"), ("zsh", "#compdef pageport"), ("fish", "complete -c pageport")]
    {
        let run = place.run(&["completions", shell]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{shell}");
        assert!(run.stdout.contains(text) && run.stdout.contains("expose"), "{shell}");
    }
    assert_eq!(place.run(&["completions", "cmd"]).code, Some(2));
}

#[test]
fn there_is_a_page_for_the_program_and_for_each_command() {
    let place = Place::new();
    let page = place.run(&["man"]).stdout;
    assert!(page.contains(".TH pageport 1") && page.contains("pageport\\-expose(1)"), "{page}");
    let page = place.run(&["man", "expose"]).stdout;
    assert!(page.contains("pageport expose") && page.contains("host\\-header"), "{page}");
    let run = place.run(&["man", "frob"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("there is no command \"frob\""), "{run:?}");
}
