//! Where the master key comes from: the setting (`HOOKSWITCH_MASTER_KEY`), else `master.key` in the data
//! folder, which a new folder gets. A folder that lost its key is refused, never given another.

use std::io;
use std::path::{Path, PathBuf};

use hookswitch_core::clock::Handles;
use hookswitch_core::vault::{KEY_BYTES, Vault, VaultError};

use crate::config::Settings;
use crate::private_file;

#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    #[error("{path} cannot be used")]
    File { path: PathBuf, source: io::Error },
    #[error("the master key in {origin} is unusable")]
    Unusable { origin: String, source: VaultError },
    #[error("{0} has data but no master.key: put the key back, or give it as HOOKSWITCH_MASTER_KEY")]
    Lost(PathBuf),
}

/// The vault of the data folder, which must exist.
pub fn open(settings: &Settings, handles: &Handles) -> Result<Vault, MasterKeyError> {
    if let Some(text) = &settings.master_key {
        // Several keys fit one line of the environment.
        let lines = text.0.replace([',', ' '], "\n");
        return vault("the settings", &lines);
    }
    let path = file_in(&settings.data);
    let in_file = |source| MasterKeyError::File { path: path.clone(), source };
    if let Some(text) = private_file::read(&path).map_err(in_file)? {
        return vault(&path.display().to_string(), &text);
    }
    if holds_data(&settings.data) {
        return Err(MasterKeyError::Lost(settings.data.clone()));
    }
    let mut key = [0; KEY_BYTES];
    handles.entropy.fill(&mut key);
    let text = Vault::key_text(key);
    private_file::write(&path, &text).map_err(in_file)?;
    vault(&path.display().to_string(), &text)
}

/// Where the key of a data folder is, unless the settings bring one.
pub fn file_in(data: &Path) -> PathBuf {
    data.join("master.key")
}

fn vault(origin: &str, text: &str) -> Result<Vault, MasterKeyError> {
    Vault::from_text(text).map_err(|source| MasterKeyError::Unusable { origin: origin.to_owned(), source })
}

fn holds_data(folder: &Path) -> bool {
    folder.join("control.db").exists()
}

#[cfg(test)]
mod tests {
    use hookswitch_testkit::folder::TempFolder;

    use super::*;
    use crate::clock::system_handles;
    use crate::config::Layers;

    fn settings(folder: &TempFolder, environment: Option<&str>) -> Settings {
        let variable = environment.map(|key| ("HOOKSWITCH_MASTER_KEY".to_owned(), key.to_owned()));
        let layers =
            Layers::default().with_flag("data", folder.path().to_string_lossy()).with_environment(variable);
        Settings::load(layers).unwrap()
    }

    #[test]
    fn a_new_folder_gets_a_key_and_keeps_it() {
        let folder = TempFolder::new();
        let settings = settings(&folder, None);
        let sealed = open(&settings, &system_handles()).unwrap().seal([1; 12], "x", b"secret");
        std::fs::write(folder.join("control.db"), "").unwrap();
        assert_eq!(open(&settings, &system_handles()).unwrap().open("x", &sealed).unwrap(), b"secret");
    }

    #[test]
    fn a_folder_that_lost_its_key_is_refused() {
        let folder = TempFolder::new();
        std::fs::write(folder.join("control.db"), "").unwrap();
        let refused = open(&settings(&folder, None), &system_handles());
        assert!(matches!(refused, Err(MasterKeyError::Lost(_))));
    }

    #[test]
    fn the_environment_may_bring_the_keys_and_no_message_shows_them() {
        let folder = TempFolder::new();
        let key = |byte: u8| Vault::key_text([byte; KEY_BYTES]).trim().to_owned();
        let old = Vault::from_text(&key(1)).unwrap().seal([1; 12], "x", b"secret");
        let rotated = settings(&folder, Some(&format!("{},{}", key(2), key(1))));
        assert_eq!(open(&rotated, &system_handles()).unwrap().open("x", &old).unwrap(), b"secret");
        assert!(!folder.join("master.key").exists());
        assert!(!format!("{rotated:?}").contains(&key(2)));
        let bad = settings(&folder, Some("too-short"));
        assert!(matches!(open(&bad, &system_handles()), Err(MasterKeyError::Unusable { .. })));
    }
}
