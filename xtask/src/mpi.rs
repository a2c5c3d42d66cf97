//! An MPI library and libclang, which the trainer's feature `mpi` is built with: those that are here, or Debian's. Neither is a must.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::{
    apt,
    command::{command, on_path, output, say},
};

/// Commands of every MPI: the compiler that knows where the library is, and what starts ranks.
const COMMANDS: [&str; 2] = ["mpicc", "mpirun"];
/// Debian's packages.
const MPI: [&str; 2] = ["libopenmpi-dev", "openmpi-bin"];
const CLANG: [&str; 1] = ["libclang-dev"];

/// What is missing to build and run it, as a sentence.
pub fn missing() -> Option<String> {
    let commands = COMMANDS.into_iter().filter(|command| on_path(command).is_none());
    let missing: Vec<_> = commands.chain((!has_libclang()).then_some("libclang")).collect();
    (!missing.is_empty()).then(|| format!("{} is not here ({})", missing.join(", "), apt::by_hand(&packages())))
}

/// The same, after what is missing was installed where that asks nobody.
pub fn missing_after_install() -> Option<String> {
    if missing().is_some()
        && apt::here()
        && let Err(error) = apt::install(&packages(), "testing the trainer with MPI")
    {
        say(format!("{error:#}"));
    }
    missing()
}

fn packages() -> Vec<&'static str> {
    let mpi = COMMANDS.iter().any(|command| on_path(command).is_none());
    let packages = MPI.into_iter().filter(|_| mpi).chain(CLANG.into_iter().filter(|_| !has_libclang()));
    packages.collect()
}

/// Where crate `clang-sys` looks for it, on Linux; elsewhere it has more places than can be told here.
fn has_libclang() -> bool {
    if env::var_os("LIBCLANG_PATH").is_some() || !cfg!(target_os = "linux") {
        return true;
    }
    let triple = format!("/usr/lib/{}-linux-gnu", env::consts::ARCH);
    let folders = ["/usr/lib", "/usr/lib64", "/usr/local/lib", &triple].map(PathBuf::from);
    let of_llvm =
        entries(Path::new("/usr/lib")).filter(|path| name(path).starts_with("llvm")).map(|path| path.join("lib"));
    // LLVM may be here without clang.
    let prefix = on_path("llvm-config").and_then(|llvm| output(command(llvm).arg("--prefix")).ok()).map(PathBuf::from);
    let of_prefix = prefix.into_iter().flat_map(|prefix| ["lib", "lib64"].map(|lib| prefix.join(lib)));
    folders.into_iter().chain(of_llvm).chain(of_prefix).any(|folder| holds_libclang(&folder))
}

fn holds_libclang(folder: &Path) -> bool {
    entries(folder)
        .any(|path| name(&path).starts_with("libclang") && name(&path).contains(".so") && !name(&path).contains("cpp"))
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs::{File, create_dir_all, remove_dir_all};

    use super::*;

    #[test]
    fn libclang_is_the_c_library_and_not_the_one_for_c_plus_plus() {
        let folder = env::temp_dir().join(format!("libclang-{}", std::process::id()));
        create_dir_all(&folder).unwrap();
        for (file, is_it) in [("libLLVM-14.so", false), ("libclang-cpp.so.14", false), ("libclang-14.so.1", true)] {
            File::create(folder.join(file)).unwrap();
            assert_eq!(holds_libclang(&folder), is_it, "{file}");
        }
        remove_dir_all(&folder).unwrap();
    }
}
