//! Paths as the user writes them: relative to the file they are written in, or with `~`.

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A path as it is written in an experiment file or on the command line, and where it leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UserPath {
    written: PathBuf,
    /// The folder that a relative path is seen from; empty for the working directory.
    base: PathBuf,
    resolved: PathBuf,
}

/// Why a `~` at the beginning of a path cannot be replaced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoHome {
    /// `~name`, which is another user's home folder in a shell.
    #[error("`{}` begins with another user's home folder, which is not looked up", .0.display())]
    OtherUser(PathBuf),
    /// The user has no home folder.
    #[error("`{}` begins with the home folder, and this user has none", .0.display())]
    Unknown(PathBuf),
}

impl NoHome {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::OtherUser(_) => {
                "write the folder out, or put `./` before a name that begins with `~`"
            }
            Self::Unknown(_) => "write the folder out",
        }
    }
}

/// Replaces `~` at the beginning of a path by the user's home folder.
///
/// # Errors
/// [`NoHome`] for `~name`, and where the home folder is not known.
pub fn expand_home(path: &Path) -> Result<PathBuf, NoHome> {
    let mut components = path.components();
    match components.next() {
        Some(Component::Normal(first)) if first == "~" => {
            let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
            let home = home.ok_or_else(|| NoHome::Unknown(path.to_owned()))?;
            Ok(home.join(components.as_path()))
        }
        Some(Component::Normal(first)) if first.as_encoded_bytes().starts_with(b"~") => {
            Err(NoHome::OtherUser(path.to_owned()))
        }
        Some(_) | None => Ok(path.to_owned()),
    }
}

impl UserPath {
    /// A path that stands on the command line.
    ///
    /// # Errors
    /// As [`expand_home`].
    pub fn from_argument(argument: OsString) -> Result<Self, NoHome> {
        expand_home(Path::new(&argument))?;
        Ok(Self::from(PathBuf::from(argument)))
    }

    /// Says which folder a relative path is seen from: that of the file it is written in.
    pub fn resolve(&mut self, base: &Path) {
        base.clone_into(&mut self.base);
        let path = expand_home(&self.written).unwrap_or_else(|_| self.written.clone());
        let goes_up = path.components().any(|part| part == Component::ParentDir);
        let short = goes_up.then(|| from_working_directory(base, &path)).flatten();
        self.resolved = short.unwrap_or_else(|| base.join(path));
    }

    /// Where the path leads, seen from the working directory.
    pub fn as_path(&self) -> &Path {
        &self.resolved
    }

    /// What is wrong with a `~` at its beginning.
    pub fn problem(&self) -> Option<NoHome> {
        expand_home(&self.written).err()
    }

    /// The path for a file that is to be written into `folder`: as it is written if it is absolute
    /// or begins with `~`, otherwise relative to that folder. It is absolute if the two have
    /// nothing in common but the root of the file system.
    ///
    /// # Errors
    /// When the working directory cannot be read.
    pub fn seen_from(&self, folder: &Path) -> std::io::Result<PathBuf> {
        let begins_at_home = matches!(expand_home(&self.written), Ok(path) if path != self.written);
        if self.written.is_absolute() || begins_at_home {
            return Ok(self.written.clone());
        }
        let target = without_parents(&without_links(&self.base)?.join(&self.written));
        match relative(&without_links(folder)?, &target) {
            Some(path) => Ok(path),
            None => std::path::absolute(&self.resolved),
        }
    }
}

/// A path seen from the working directory.
impl From<PathBuf> for UserPath {
    fn from(written: PathBuf) -> Self {
        let mut path = Self { written, base: PathBuf::new(), resolved: PathBuf::new() };
        path.resolve(Path::new(""));
        path
    }
}

impl From<&Path> for UserPath {
    fn from(written: &Path) -> Self {
        Self::from(written.to_owned())
    }
}

impl Serialize for UserPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for UserPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        PathBuf::deserialize(deserializer).map(Self::from)
    }
}

impl JsonSchema for UserPath {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        PathBuf::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        PathBuf::json_schema(generator)
    }
}

/// The absolute path of a folder, symbolic links resolved as far as it exists.
fn without_links(folder: &Path) -> std::io::Result<PathBuf> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let absolute = std::path::absolute(folder)?;
    for ancestor in absolute.ancestors() {
        if let (Ok(real), Ok(rest)) = (ancestor.canonicalize(), absolute.strip_prefix(ancestor)) {
            return Ok(rest.components().fold(real, |path, part| path.join(part)));
        }
    }
    Ok(absolute)
}

/// Takes `..` out of an absolute path. What a symbolic link leads to decides what is above it, so
/// that links before a `..` are resolved; others stay, as they may be moved together with the rest.
fn without_parents(path: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                whole = whole.canonicalize().unwrap_or(whole);
                whole.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => {
                whole.push(component);
            }
        }
    }
    whole
}

/// A path below `base` without `..`, relative to the working directory if it is inside it.
fn from_working_directory(base: &Path, path: &Path) -> Option<PathBuf> {
    let whole = without_parents(&without_links(base).ok()?.join(path));
    let here = without_links(Path::new("")).ok()?;
    let inside = whole.strip_prefix(&here).ok().filter(|path| !path.as_os_str().is_empty());
    Some(inside.map_or_else(|| whole.clone(), Path::to_owned))
}

/// The way from one absolute folder to a path; `None` if they share no folder below the root.
fn relative(from: &Path, to: &Path) -> Option<PathBuf> {
    let shared = from.components().zip(to.components()).take_while(|(from, to)| from == to);
    let is_folder = |part: Component<'_>| matches!(part, Component::Normal(_));
    let (mut count, mut folders) = (0, 0);
    for (part, _) in shared {
        count += 1;
        folders += usize::from(is_folder(part));
    }
    let up = from.components().skip(count).map(|_| Component::ParentDir);
    let path: PathBuf = up.chain(to.components().skip(count)).collect();
    let path = if path.as_os_str().is_empty() { PathBuf::from(".") } else { path };
    (folders > 0).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tilde_stands_for_the_home_folder_and_for_no_other_users() {
        let home = std::env::home_dir().unwrap();
        let expand = |path: &str| expand_home(Path::new(path));
        assert_eq!(expand("~"), Ok(home.clone()));
        assert_eq!(expand("~/data/mnist"), Ok(home.join("data/mnist")));
        for plain in ["data/~", "./~x", "/~", "x~", ""] {
            assert_eq!(expand(plain), Ok(PathBuf::from(plain)));
        }
        let error = expand("~ann/data").unwrap_err();
        assert_eq!(error, NoHome::OtherUser("~ann/data".into()));
        assert!(
            error.to_string().starts_with("`~ann/data` begins with another user's home folder")
        );
        assert!(UserPath::from_argument("~ann".into()).is_err());
    }

    #[test]
    fn a_relative_path_is_seen_from_the_folder_of_its_file() {
        let mut path = UserPath::from(Path::new("data"));
        assert_eq!(path.as_path(), Path::new("data"));
        path.resolve(Path::new("project/deep"));
        assert_eq!(path.as_path(), Path::new("project/deep/data"));
        let mut absolute = UserPath::from(Path::new("/data"));
        absolute.resolve(Path::new("project"));
        assert_eq!(absolute.as_path(), Path::new("/data"));
    }

    #[test]
    fn a_written_path_is_relative_where_it_was_relative() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let seen = |written: &str, base: &str, from: &str| {
            let mut path = UserPath::from(Path::new(written));
            path.resolve(&root.join(base));
            path.seen_from(&root.join(from)).unwrap()
        };
        std::fs::create_dir_all(root.join("project/experiments")).unwrap();
        let trial = "project/results/e/v/seed-1";
        assert_eq!(seen("data", "project", trial), Path::new("../../../../data"));
        assert_eq!(seen("../data", "project/experiments", trial), Path::new("../../../../data"));
        assert_eq!(seen("weights", trial, trial), Path::new("weights"));
        assert_eq!(seen("..", "project/experiments", "project"), Path::new("."));
        assert_eq!(seen("/data/mnist", "project", trial), Path::new("/data/mnist"));
        assert_eq!(seen("~/mnist", "project", trial), Path::new("~/mnist"));
        let mut other = UserPath::from(Path::new("data"));
        other.resolve(&root);
        let elsewhere = Path::new("/no-such-folder/results");
        assert_eq!(other.seen_from(elsewhere).unwrap(), root.join("data"));
    }

    #[cfg(unix)]
    #[test]
    fn links_on_the_way_up_are_resolved_and_others_stay() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for made in ["disk/results", "store/mnist", "project"] {
            std::fs::create_dir_all(root.join(made)).unwrap();
        }
        symlink(root.join("disk/results"), root.join("project/results")).unwrap();
        symlink(root.join("store/mnist"), root.join("project/data")).unwrap();
        let mut path = UserPath::from(Path::new("data"));
        path.resolve(&root.join("project"));
        let trial = root.join("project/results/e/v/seed-1");
        let seen = path.seen_from(&trial).unwrap();
        assert_eq!(seen, Path::new("../../../../../project/data"));
        std::fs::create_dir_all(&trial).unwrap();
        assert!(trial.join(seen).is_dir());
    }
}
