//! Preparing a data folder for a real server: the store, the master key, the first admin token and the key
//! that signs users' credentials.
//!
//! A folder that has an admin token already is left as it is. One that a crash left half prepared, or that
//! a server without any token has used, gets what it lacks.

use std::path::PathBuf;
use std::sync::Arc;

use hookswitch_core::clock::Handles;
use hookswitch_store::StoreError;
use hookswitch_store::directory::{Directory as _, Foundation, NewServiceToken};
use hookswitch_store::provisioning::{Actor, Provisioning as _};
use hookswitch_store::sqlite::control::ControlDb;
use hookswitch_store::sqlite::directory::SqliteDirectory;
use hookswitch_store::sqlite::folder::Folder;

use crate::authenticate::hash_token;
use crate::config::Settings;
use crate::master_key;
use crate::oauth::jwt_bearer::{self, SigningError};

#[derive(Debug, thiserror::Error)]
pub enum InitError {
    #[error("{0} is prepared already: its admin tokens stay as they are, nothing was changed")]
    Prepared(PathBuf),
    #[error("the data folder {folder} cannot be used")]
    Store { folder: PathBuf, source: StoreError },
    #[error(transparent)]
    MasterKey(#[from] master_key::MasterKeyError),
    #[error(transparent)]
    Signing(#[from] SigningError),
}

/// A folder that a server can use.
pub struct Prepared {
    /// The first admin token; it is kept nowhere in this form.
    pub admin_token: String,
    /// Where the master key is; `None`: it came with the settings.
    pub master_key: Option<PathBuf>,
}

pub async fn prepare(settings: &Settings, handles: &Handles) -> Result<Prepared, InitError> {
    let in_folder = |source| InitError::Store { folder: settings.data.clone(), source };
    // Nobody else waits for this thread.
    let folder = Folder::open(&settings.data).map_err(in_folder)?;
    let vault = Arc::new(master_key::open(settings, handles)?);
    let control = ControlDb::open(folder.path()).map_err(in_folder)?;
    let directory = SqliteDirectory::open(control, vault, Arc::clone(&handles.entropy)).await;
    let directory = directory.map_err(in_folder)?;
    if directory.has_admin_token().await.map_err(in_folder)? {
        return Err(InitError::Prepared(settings.data.clone()));
    }
    let admin_token = format!("hsa_{}", handles.token(30));
    if directory.newest_signing_key().await.map_err(in_folder)?.is_none() {
        let signing_keys = vec![jwt_bearer::new_key(handles)?];
        directory.establish(Foundation { signing_keys, ..Foundation::default() }).await.map_err(in_folder)?;
    }
    let at = handles.now();
    let token = NewServiceToken {
        token: hash_token(&admin_token),
        publish: None,
        name: "first admin".into(),
        created_at: at,
    };
    // Last, because with it the folder counts as prepared.
    let by = Actor { token: None, name: "hookswitch init".into(), at };
    directory.create_service_token(token, by).await.map_err(in_folder)?;
    let master_key = settings.master_key.is_none().then(|| master_key::file_in(&settings.data));
    Ok(Prepared { admin_token, master_key })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use hookswitch_testkit::folder::TempFolder;

    use super::*;
    use crate::clock::system_handles;

    fn settings(folder: &TempFolder) -> Settings {
        Settings { data: folder.join("data"), ..Settings::default() }
    }

    #[tokio::test]
    async fn a_folder_is_prepared_once_and_its_files_are_its_owners() {
        let folder = TempFolder::new();
        let (settings, handles) = (settings(&folder), system_handles());
        let prepared = prepare(&settings, &handles).await.unwrap();
        assert!(prepared.admin_token.starts_with("hsa_"));
        let key = prepared.master_key.unwrap();
        assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        let before = std::fs::read(&key).unwrap();
        let again = prepare(&settings, &handles).await;
        assert!(matches!(again, Err(InitError::Prepared(_))));
        assert_eq!(std::fs::read(&key).unwrap(), before);
    }

    #[tokio::test]
    async fn what_a_crash_left_half_prepared_is_finished() {
        let folder = TempFolder::new();
        let (settings, handles) = (settings(&folder), system_handles());
        std::fs::create_dir(&settings.data).unwrap();
        master_key::open(&settings, &handles).unwrap();
        ControlDb::open(&settings.data).unwrap();
        prepare(&settings, &handles).await.unwrap();
    }
}
