//! The user that the server runs as: this user, or an unprivileged one for root, which Postgres refuses.

use std::{
    env, fs,
    fs::{File, OpenOptions, Permissions},
    io,
    os::unix::{
        fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown, fchown, lchown},
        process::CommandExt,
    },
    path::Path,
    process::{Command, Stdio},
};

use nix::{
    libc::O_NOFOLLOW,
    unistd::{Uid, User, geteuid},
};

use super::{EmbeddedError, error::At};

/// The unprivileged users for root, in order of preference.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// A user to run the server as.
#[derive(Debug, Clone)]
pub(super) struct Account {
    uid: u32,
    gid: u32,
    name: String,
    /// This process is root and its commands change to this user.
    switches: bool,
}

impl Account {
    /// Returns the owner of the data; without data this user, or an unprivileged one for root.
    pub(super) fn choose(data: Option<&Path>) -> Result<Account, EmbeddedError> {
        let me = geteuid();
        let owner = match data {
            Some(data) => {
                let about = fs::symlink_metadata(data).at("read the metadata of", data)?;
                if about.uid() == 0 || !(me.is_root() || about.uid() == me.as_raw()) {
                    return Err(foreign_owner(data));
                }
                Some((about.uid(), about.gid()))
            }
            None => None,
        };
        match owner {
            Some((uid, gid)) => Ok(Account { uid, gid, name: name_of(uid), switches: me.is_root() }),
            None if me.is_root() => {
                let user = UNPRIVILEGED.iter().find_map(|name| User::from_name(name).ok().flatten());
                let user = user.filter(|user| !user.uid.is_root());
                // Without a user database: 65534 is "nobody" to every kernel.
                let (uid, gid) = user.map_or((65534, 65534), |user| (user.uid.as_raw(), user.gid.as_raw()));
                Ok(Account { uid, gid, name: name_of(uid), switches: true })
            }
            None => {
                let uid = me.as_raw();
                Ok(Account { uid, gid: nix::unistd::getegid().as_raw(), name: name_of(uid), switches: false })
            }
        }
    }

    /// Returns a command that runs as this user in `/`. Its environment has only the paths of programs and libraries: `PG…`
    /// variables would change its behaviour, and it needs no secrets.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir("/").stdin(Stdio::null());
        for name in ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"] {
            if let Some(value) = env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("LC_ALL", "C");
        if self.switches {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Makes this user the owner of a file or folder; a link is not followed.
    pub(super) fn take_ownership(&self, path: &Path) -> Result<(), EmbeddedError> {
        if self.switches {
            lchown(path, Some(self.uid), Some(self.gid)).at("change the owner of", path)
        } else {
            Ok(())
        }
    }

    /// Gives this user access to the data folder through its group.
    ///
    /// Changes only a folder that is empty or that the service created (`is_ours`), because its content becomes reachable.
    pub(super) fn let_in(&self, folder: &Path, is_ours: bool, program: &Path) -> Result<(), EmbeddedError> {
        if !self.switches {
            return Ok(());
        }
        let about = fs::metadata(folder).at("read the metadata of", folder)?;
        if about.mode() & 0o002 != 0 {
            return Err(EmbeddedError::OpenToAll(folder.to_owned()));
        }
        if is_ours && about.uid() == 0 && !self.enters(folder, program) {
            chown(folder, None, Some(self.gid)).at("change the group of", folder)?;
            let mode = (about.mode() & 0o7707) | 0o010;
            fs::set_permissions(folder, Permissions::from_mode(mode)).at("change the mode of", folder)?;
        }
        Ok(())
    }

    /// Checks that this user can reach the data and the program; the error names the folder that it cannot enter.
    pub(super) fn check_access(&self, folder: &Path, program: &Path) -> Result<(), EmbeddedError> {
        if !self.switches || self.enters(folder, program) {
            return Ok(());
        }
        let mut path: Vec<&Path> = folder.ancestors().collect();
        path.reverse();
        let barred = if self.enters(Path::new("/"), program) {
            path.into_iter().find(|folder| !self.enters(folder, program)).unwrap_or(folder)
        } else {
            program
        };
        Err(EmbeddedError::Unreachable { folder: barred.to_owned(), user: self.name.clone() })
    }

    /// Checks by running the program in the folder, so that access control lists count too.
    fn enters(&self, folder: &Path, program: &Path) -> bool {
        let mut command = self.command(program);
        command.arg("--version").current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// Opens or creates a lock file. Root gives a new one to the owner of the folder.
    pub(super) fn lock_file(path: &Path) -> Result<File, EmbeddedError> {
        let mut options = File::options();
        options.read(true).write(true).mode(0o600);
        // The system decides if it is new, because the folder's owner could create it meanwhile.
        let file = match options.clone().create_new(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return open(&mut options, path),
            Err(error) => return Err(error).at("open", path),
        };
        if let (true, Some(folder)) = (geteuid().is_root(), path.parent()) {
            let folder = fs::metadata(folder).at("read the metadata of", folder)?;
            fchown(&file, Some(folder.uid()), Some(folder.gid())).at("change the owner of", path)?;
        }
        Ok(file)
    }
}

/// Opens a file of the data folder, but not through a link: if this user is root, the owner of the folder could link to any
/// file of the system.
pub(super) fn open(options: &mut OpenOptions, path: &Path) -> Result<File, EmbeddedError> {
    // The error for a link differs between systems (ELOOP, EMLINK, EFTYPE), so the link is checked for.
    options.custom_flags(O_NOFOLLOW).open(path).or_else(|error| {
        refuse_link(path)?;
        Err(error).at("open", path)
    })
}

/// Refuses a symbolic link, whatever its target.
pub(super) fn refuse_link(path: &Path) -> Result<(), EmbeddedError> {
    let link = fs::symlink_metadata(path).is_ok_and(|about| about.is_symlink());
    if link { Err(EmbeddedError::Link(path.to_owned())) } else { Ok(()) }
}

/// Returns the error for data of another user.
pub(super) fn foreign_owner(path: &Path) -> EmbeddedError {
    let owner = fs::metadata(path).map_or_else(|_| "(unknown)".to_owned(), |about| name_of(about.uid()));
    EmbeddedError::Owner { path: path.to_owned(), owner }
}

/// Returns a user's name, or the number of a user without one.
fn name_of(uid: u32) -> String {
    User::from_uid(Uid::from_raw(uid)).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name)
}
