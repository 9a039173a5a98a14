//! The folder of a local server, and its owner.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, chown},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use nix::{
    sys::statvfs::statvfs,
    unistd::{self, Uid},
};

/// The file system in memory that Linux has: <https://man7.org/linux/man-pages/man7/shm_overview.7.html>.
const MEMORY: &str = "/dev/shm";
/// Minimum number of bytes that must be available there and in the memory of the machine.
const MIN_MEMORY: u64 = 4 << 30;

/// A user other than the current one.
#[derive(Clone, Copy, Debug)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
}

/// Returns the user that runs PostgreSQL, which refuses to run as root. `None` is the current user.
pub fn server_user() -> anyhow::Result<Option<User>> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Some(user) = unistd::User::from_name(name)? {
            return Ok(Some(User {
                uid: user.uid.as_raw(),
                gid: user.gid.as_raw(),
            }));
        }
    }
    bail!("PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody`");
}

/// Creates the folder `name`, owned by `user`. It is under cargo's target folder or, if the user cannot reach that, in
/// the folder for temporary files.
pub fn make(name: &str, user: Option<User>) -> anyhow::Result<PathBuf> {
    let target = crate::target();
    fs::create_dir_all(&target)?;
    let folder = match user {
        Some(user) if !can_reach(&target, user)? => {
            std::env::temp_dir().join(format!("codecave-postgres-{:016x}", hash(&target)))
        }
        _ => target.join("postgres"),
    };
    let home = folder.join(name);
    fs::create_dir_all(&home)?;
    if let Some(user) = user {
        // Every user can write to the folder for temporary files, so an existing folder may belong to another user.
        for path in [&folder, &home] {
            let metadata = fs::symlink_metadata(path)?;
            if !metadata.is_dir() || ![0, user.uid].contains(&metadata.uid()) {
                bail!("{} belongs to another user", path.display());
            }
        }
        chown(&home, Some(user.uid), Some(user.gid))
            .with_context(|| format!("{} cannot be given to the server's user", home.display()))?;
    }
    Ok(home)
}

/// Returns the folder in memory for the data of the server with this home. It need not exist. `None` if another user owns it.
///
/// Tests create and drop a database of 500 files each second. ext4 passes over the inodes of files that were deleted in the last
/// minutes, one by one, when it creates a file (`recently_deleted` in
/// <https://github.com/torvalds/linux/blob/v6.12/fs/ext4/ialloc.c>), which took half of the processor's time.
pub fn in_memory(home: &Path, user: Option<User>) -> anyhow::Result<Option<PathBuf>> {
    // Containers may share this memory and have the same paths.
    let metadata = fs::metadata(home)?;
    let name = format!(
        "codecave-postgres-{:016x}-{:x}-{:x}",
        hash(home),
        metadata.dev(),
        metadata.ino()
    );
    let data = Path::new(MEMORY).join(name);
    let owner = user.map_or(Uid::effective().as_raw(), |user| user.uid);
    let is_free = fs::symlink_metadata(&data).map_or(true, |metadata| {
        metadata.is_dir() && metadata.uid() == owner
    });
    Ok(is_free.then_some(data))
}

/// Returns whether a folder is in memory.
pub fn is_in_memory(folder: &Path) -> bool {
    folder.starts_with(MEMORY)
}

/// Returns whether there is enough memory for the tests.
pub fn has_memory() -> bool {
    let is_large = statvfs(MEMORY).is_ok_and(|system| {
        u128::from(system.blocks_available()) * u128::from(system.fragment_size())
            >= u128::from(MIN_MEMORY)
    });
    let available = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("MemAvailable:"))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    });
    is_large && available.is_some_and(|kilobytes| kilobytes * 1024 >= MIN_MEMORY)
}

/// Returns whether `user` may enter a folder and all of its ancestors.
fn can_reach(folder: &Path, user: User) -> anyhow::Result<bool> {
    for ancestor in folder.canonicalize()?.ancestors() {
        let metadata = fs::metadata(ancestor)?;
        let pass = if metadata.uid() == user.uid {
            0o100
        } else if metadata.gid() == user.gid {
            0o010
        } else {
            0o001
        };
        if metadata.mode() & pass == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// FNV-1a. The standard library's hashes may change between builds.
fn hash(path: &Path) -> u64 {
    path.as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_behind_a_private_one_cannot_be_reached() {
        let private = std::env::temp_dir().join(format!("testkit-home-{}", std::process::id()));
        let inner = private.join("inner");
        fs::create_dir_all(&inner).unwrap();
        let stranger = User {
            uid: 4_000_000,
            gid: 4_000_000,
        };
        let pass = |mode| {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
            fs::set_permissions(&private, mode).unwrap();
            can_reach(&inner, stranger).unwrap()
        };

        assert!(!pass(0o700));
        assert!(pass(0o711));

        fs::remove_dir_all(private).unwrap();
    }
}
