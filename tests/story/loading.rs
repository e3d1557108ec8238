//! Stories 1, 5, 6, 7 and 15: how the library is loaded, stays loaded, and is called before and after its time.

use std::fs;
use std::path::Path;

use super::{POLICIES, figures, program, story};
use crate::support::{Run, Scratch, compile, library};

/// Copies a compiled program, its directory made.
fn install(program: &Path, place: &Path) {
    let folder = place.parent().expect("a file lies in a folder");
    fs::create_dir_all(folder).expect("the folder can be made");
    fs::copy(program, place).expect("a program can be copied");
}

/// The program of story 1 with its plug-ins where only the run path of each caller finds them.
fn deepbind(folder: &Scratch) -> std::path::PathBuf {
    let run_path = "-Wl,--enable-new-dtags,-rpath,$ORIGIN";
    let main = compile("story_deepbind", &["-fno-builtin", &format!("{run_path}/plugins")]);
    let plugin =
        compile("story_deepbind_plugin", &["-fno-builtin", "-shared", "-fPIC", &format!("{run_path}/inner")]);
    let place = folder.path().join("program");
    install(&main, &place);
    install(&plugin, &folder.path().join("plugins/libouter.so"));
    install(&plugin, &folder.path().join("plugins/inner/libinner.so"));
    place
}

#[test]
fn story_01_plugins_opened_with_deep_binding_share_our_malloc() {
    let folder = Scratch::new();
    let program = deepbind(&folder);

    for policy in POLICIES {
        Run::new(&program).preload(policy).run().succeeded().report();
    }
}

#[test]
fn story_05_a_library_that_was_closed_stays_and_keeps_its_blocks() {
    let path = library().to_str().expect("a plain path");

    Run::new(program("unload")).args([path]).run().succeeded();
}

#[test]
fn story_06_the_library_opens_with_64_bytes_of_static_tls_left() {
    const COPIES: usize = 64;
    let folder = Scratch::new();
    let hog = compile("story_tls_hog", &["-shared", "-fPIC"]);
    for number in 0..COPIES {
        install(&hog, &folder.path().join(format!("hog{number}.so")));
    }
    let place = folder.path().to_str().expect("a plain path");
    let open = |count: usize, library: Option<&str>| {
        let count = count.to_string();
        let arguments = [place, &count].into_iter().chain(library);
        figures(&Run::new(program("static_tls")).args(arguments).run().succeeded())[0]
    };

    let room = usize::try_from(open(COPIES, None)).expect("a count");
    let opened = open(room - 1, library().to_str());

    assert!(room < COPIES, "the spare static TLS never ran out");
    assert_eq!(usize::try_from(opened), Ok(room - 1));
}

#[test]
fn story_07_allocation_works_before_every_constructor_and_after_exit_began() {
    for policy in POLICIES {
        let outcome = story("early_late", &[], policy).run().succeeded();

        assert_eq!(outcome.text(), "over\n");
    }
}

#[test]
fn story_07_thread_local_objects_allocate_until_their_thread_is_gone() {
    for policy in POLICIES {
        story("thread_local", &[], policy).run().succeeded().report();
    }
}

#[test]
fn story_15_the_loader_grows_the_tables_that_it_made_before_us() {
    const COPIES: usize = 40;
    let folder = Scratch::new();
    let table = compile("story_tls_table", &["-fno-builtin", "-shared", "-fPIC"]);
    for number in 0..COPIES {
        install(&table, &folder.path().join(format!("table{number}.so")));
    }
    let place = folder.path().to_str().expect("a plain path");

    for policy in POLICIES {
        let arguments = [place, &COPIES.to_string()];
        story("loader_tables", &arguments, policy).run().succeeded().report();
    }
}
