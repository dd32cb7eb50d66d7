//! Whom the server runs as: ourselves, or an unprivileged user where we are root, which Postgres refuses to be.

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

use super::{PrivateError, error::At};

/// The users that root lets the server run as, in this order.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// A user to run the server as.
#[derive(Debug, Clone)]
pub(super) struct Account {
    uid: u32,
    gid: u32,
    name: String,
    /// Whether we are root and become this user.
    switch: bool,
}

impl Account {
    /// The owner of the data if there are data, else ourselves, else an unprivileged user.
    pub(super) fn choose(data: Option<&Path>) -> Result<Account, PrivateError> {
        let me = geteuid();
        let owner = match data {
            Some(data) => {
                let about = fs::symlink_metadata(data).at("look into", data)?;
                if about.uid() == 0 || !(me.is_root() || about.uid() == me.as_raw()) {
                    return Err(foreign(data));
                }
                Some((about.uid(), about.gid()))
            }
            None => None,
        };
        match owner {
            Some((uid, gid)) => Ok(Account { uid, gid, name: name_of(uid), switch: me.is_root() }),
            None if me.is_root() => {
                let user = UNPRIVILEGED.iter().find_map(|name| User::from_name(name).ok().flatten());
                let user = user.filter(|user| !user.uid.is_root());
                // Systems without a user database have no names either; 65534 is "nobody" to every kernel.
                let (uid, gid) = user.map_or((65534, 65534), |user| (user.uid.as_raw(), user.gid.as_raw()));
                Ok(Account { uid, gid, name: name_of(uid), switch: true })
            }
            None => {
                let uid = me.as_raw();
                Ok(Account { uid, gid: nix::unistd::getegid().as_raw(), name: name_of(uid), switch: false })
            }
        }
    }

    /// A command that runs as this user, in a folder that everybody can enter. Of our environment it gets nothing
    /// but where programs and libraries are: `PG…` variables would lead it astray, and secrets are none of its business.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir("/").stdin(Stdio::null());
        for name in ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"] {
            if let Some(value) = env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("LC_ALL", "C");
        if self.switch {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Gives a file or folder that we made to this user; a link that somebody put in its place is not followed.
    pub(super) fn own(&self, path: &Path) -> Result<(), PrivateError> {
        if self.switch { lchown(path, Some(self.uid), Some(self.gid)).at("change the owner of", path) } else { Ok(()) }
    }

    /// Lets this user enter our own folder: its group may, nobody else.
    ///
    /// Only for a folder that holds nothing or that we made (`ours`), since what is in it comes within reach.
    pub(super) fn admit(&self, folder: &Path, ours: bool, program: &Path) -> Result<(), PrivateError> {
        if !self.switch {
            return Ok(());
        }
        let about = fs::metadata(folder).at("look into", folder)?;
        if about.mode() & 0o002 != 0 {
            return Err(PrivateError::OpenToAll(folder.to_owned()));
        }
        if ours && about.uid() == 0 && !self.enters(folder, program) {
            chown(folder, None, Some(self.gid)).at("change the group of", folder)?;
            let mode = (about.mode() & 0o7707) | 0o010;
            fs::set_permissions(folder, Permissions::from_mode(mode)).at("change the mode of", folder)?;
        }
        Ok(())
    }

    /// Whether this user gets to the data and to the program; otherwise which folder is in the way.
    pub(super) fn reaches(&self, folder: &Path, program: &Path) -> Result<(), PrivateError> {
        if !self.switch || self.enters(folder, program) {
            return Ok(());
        }
        let mut way: Vec<&Path> = folder.ancestors().collect();
        way.reverse();
        let barred = if self.enters(Path::new("/"), program) {
            way.into_iter().find(|folder| !self.enters(folder, program)).unwrap_or(folder)
        } else {
            program
        };
        Err(PrivateError::Unreachable { folder: barred.to_owned(), user: self.name.clone() })
    }

    /// The system's own answer, access lists and all: the program is started in the folder.
    fn enters(&self, folder: &Path, program: &Path) -> bool {
        let mut command = self.command(program);
        command.arg("--version").current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// Opens an existing or new file that only we use; where we are root in the folder of another user, a new one is
    /// theirs.
    pub(super) fn lock_file(path: &Path) -> Result<File, PrivateError> {
        let mut options = File::options();
        options.read(true).write(true).mode(0o600);
        // Whether it is new is for the system to say: whoever owns the folder could put another file there meanwhile.
        let file = match options.clone().create_new(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return open(&mut options, path),
            Err(error) => return Err(error).at("open", path),
        };
        if let (true, Some(folder)) = (geteuid().is_root(), path.parent()) {
            let folder = fs::metadata(folder).at("look into", folder)?;
            fchown(&file, Some(folder.uid()), Some(folder.gid())).at("change the owner of", path)?;
        }
        Ok(file)
    }
}

/// Opens a file of the data folder, but not through a link: where we are root, the folder may be another user's, who
/// could aim it at any file of the system.
pub(super) fn open(options: &mut OpenOptions, path: &Path) -> Result<File, PrivateError> {
    // The answer to a link differs between systems (ELOOP, EMLINK, EFTYPE), so the link is looked for.
    options.custom_flags(O_NOFOLLOW).open(path).or_else(|error| {
        refuse_link(path)?;
        Err(error).at("open", path)
    })
}

/// Refuses a symbolic link, wherever it leads.
pub(super) fn refuse_link(path: &Path) -> Result<(), PrivateError> {
    let link = fs::symlink_metadata(path).is_ok_and(|about| about.is_symlink());
    if link { Err(PrivateError::Link(path.to_owned())) } else { Ok(()) }
}

/// The refusal of data that belong to somebody else.
pub(super) fn foreign(path: &Path) -> PrivateError {
    let owner = fs::metadata(path).map_or_else(|_| "(unknown)".to_owned(), |about| name_of(about.uid()));
    PrivateError::Owner { path: path.to_owned(), owner }
}

/// A user's name, or the number where it has none.
fn name_of(uid: u32) -> String {
    User::from_uid(Uid::from_raw(uid)).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name)
}
