//! Sets `LECTERN_BUILD` to a digest of the sources: a build does not serve stored responses of another one.

use std::{
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    let mut files = ["Cargo.lock", "Cargo.toml", "build.rs"].map(PathBuf::from).to_vec();
    for folder in ["migrations", "src"] {
        gather(Path::new(folder), &mut files)?;
        // For added and removed files.
        println!("cargo::rerun-if-changed={folder}");
    }
    // Compiled into the OpenAPI document.
    println!("cargo::rerun-if-changed=openapi/examples");
    files.sort();
    let mut digest = DefaultHasher::new();
    for file in files {
        println!("cargo::rerun-if-changed={}", file.display());
        (file.to_string_lossy(), fs::read(&file)?).hash(&mut digest);
    }
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    println!("cargo::rustc-env=LECTERN_BUILD={version}-{:016x}", digest.finish());
    Ok(())
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            gather(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
