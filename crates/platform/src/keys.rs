//! The platform's long-lived keys, wrapped in the catalogue under stable names.

use std::collections::BTreeMap;
use std::sync::Mutex;

use catalog::{Catalog, Credential};
use disclosure::PlanKey;
use model::contract::LinkScheme;
use model::{DatasetContract, DatasetId, Digest, Label};
use vault::{Context, DataKey, KeyRing, OsEntropy, Vault, VaultError};

use crate::error::PlatformError;
use crate::settings::Settings;

const SETTING: &str = "key-ring";
const CREDENTIALS: &str = "credentials";
const LEDGER: &str = "ledger";
const PLANS: &str = "plans";
const RECORDS: &str = "record-keys";
const CONTENT: &str = "content-digests";

/// The linkage domain of NHS numbers, one for all partners.
const NHS_DOMAIN: &str = "nhs";

pub(crate) struct Keys {
    vault: Vault,
    ring: Mutex<KeyRing>,
}

impl Keys {
    /// Reads the ring, sees that it belongs to this master key, and makes the keys that every platform has.
    ///
    /// The wrapped keys are themselves the check of the master key: every one is opened before any is used or made, so
    /// that nothing is ever written under a second master key. They are made only if the folder is `unused`: nothing is in
    /// its audit log.
    pub(crate) fn load(
        vault: Vault,
        catalog: &dyn Catalog,
        settings: &Settings,
        unused: bool,
    ) -> Result<Self, PlatformError> {
        let stored = catalog.setting(&label(SETTING)?).map_err(PlatformError::failed("read the keys"))?;
        let ring: KeyRing = match stored {
            Some(text) => serde_json::from_str(&text).map_err(PlatformError::failed("read the keys"))?,
            None if unused && is_empty(catalog)? => KeyRing::default(),
            None => {
                return Err(PlatformError::Folder(format!(
                    "the data folder `{}` holds encrypted data, but not the keys that it was encrypted with: restore the whole folder from one backup",
                    settings.data.display()
                )));
            }
        };
        ring.check(&vault).map_err(|error| match error {
            VaultError::UnknownProvider { needed } => PlatformError::WrongKey {
                key_file: settings.key_file.clone(),
                data: settings.data.clone(),
                found: vault.provider_id().to_owned(),
                needed,
            },
            other => PlatformError::failed("open the keys that the catalogue holds")(other),
        })?;
        let keys = Self { vault, ring: Mutex::new(ring) };
        for name in [CREDENTIALS, LEDGER, PLANS, RECORDS, CONTENT] {
            keys.ensure(name, catalog)?;
        }
        Ok(keys)
    }

    /// Makes a key if there is none, and stores the ring before anything uses it.
    fn ensure(&self, name: &str, catalog: &dyn Catalog) -> Result<(), PlatformError> {
        let mut ring = self.ring.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let before = if ring.names().next().is_none() { None } else { Some(text_of(&ring)?) };
        let mut next = ring.clone();
        if next.ensure(&self.vault, name, &mut OsEntropy).map_err(PlatformError::failed("make a key"))? {
            catalog
                .replace_setting(&label(SETTING)?, before.as_deref(), &text_of(&next)?)
                .map_err(PlatformError::failed("store a key"))?;
            *ring = next;
        }
        Ok(())
    }

    /// Keys that are the same in every run, in a folder that is not in use yet: what a plan withholds follows from them.
    #[cfg(test)]
    pub(crate) fn fix(settings: &Settings, datasets: &[&str]) {
        struct Fixed;
        impl vault::Entropy for Fixed {
            fn fill(&mut self, buffer: &mut [u8]) -> Result<(), VaultError> {
                buffer.fill(20);
                Ok(())
            }
        }
        let vault = Vault::new(std::sync::Arc::new(vault::FileKey::open(&settings.key_file, &settings.data).unwrap()));
        let catalog = catalog::SqliteCatalog::open(&settings.data.join(catalog::CATALOG)).unwrap();
        let stored = catalog.setting(&label(SETTING).unwrap()).unwrap().unwrap();
        let mut ring: KeyRing = serde_json::from_str(&stored).unwrap();
        let pseudonyms = datasets.iter().map(|dataset| format!("pseudonym/{dataset}"));
        for name in [PLANS, RECORDS].map(str::to_owned).into_iter().chain(pseudonyms) {
            ring.destroy(&name);
            ring.ensure(&vault, &name, &mut Fixed).unwrap();
        }
        catalog.replace_setting(&label(SETTING).unwrap(), Some(&stored), &text_of(&ring).unwrap()).unwrap();
    }

    pub(crate) const fn vault(&self) -> &Vault {
        &self.vault
    }

    fn key(&self, name: &str) -> Result<DataKey, PlatformError> {
        let ring = self.ring.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        ring.key(&self.vault, name).map_err(PlatformError::failed("open a key"))
    }

    pub(crate) fn credentials(&self) -> Result<DataKey, PlatformError> {
        self.key(CREDENTIALS)
    }

    /// What shows that a credential was issued by this platform, to this organisation, with this role and these purposes.
    pub(crate) fn credential_mac(&self, credential: &Credential) -> Result<Digest, PlatformError> {
        let Credential { id, hash, organisation, role, purposes, issued_at, mac: _, revoked_at: _ } = credential;
        let mut context = Context::new("credential record")
            .with(id.as_str())
            .with(hash.0)
            .with(organisation.as_str())
            .with(role.as_str())
            .with(issued_at.to_string());
        for purpose in purposes {
            context = context.with(purpose.as_str());
        }
        Ok(Digest(*vault::derive_secret(&self.credentials()?, &context)))
    }

    pub(crate) fn ledger(&self) -> Result<DataKey, PlatformError> {
        self.key(LEDGER)
    }

    /// The secret that orders the choices of a group's plans; the same for all its revisions.
    pub(crate) fn plan_key(&self, dataset: &DatasetId) -> Result<PlanKey, PlatformError> {
        let secret = vault::derive_secret(&self.key(PLANS)?, &Context::new("plan key").with(dataset.as_str()));
        Ok(PlanKey::new(*secret))
    }

    /// A digest that nobody without the key can test guesses against: a small file can be guessed.
    pub(crate) fn keyed_digest(&self, bytes: &[u8]) -> Result<Digest, PlatformError> {
        Ok(Digest(*vault::derive_secret(&self.key(CONTENT)?, &Context::new("content").with(bytes))))
    }

    /// The pseudonyms and record keys of one dataset.
    pub(crate) fn pseudonyms(
        &self,
        contract: &DatasetContract,
        catalog: &dyn Catalog,
    ) -> Result<Pseudonyms, PlatformError> {
        let mut domains = vec![contract.id.to_string()];
        if contract.link().is_some_and(|column| column.scheme == Some(LinkScheme::NhsNumber)) {
            domains.push(NHS_DOMAIN.to_owned());
        }
        let mut makers = BTreeMap::new();
        for domain in domains {
            let name = format!("pseudonym/{domain}");
            self.ensure(&name, catalog)?;
            makers.insert(domain.clone(), vault::Pseudonymiser::new(self.key(&name)?, &domain));
        }
        Ok(Pseudonyms { makers, records: self.key(RECORDS)? })
    }
}

/// Whether nothing is stored that a key was needed for.
fn is_empty(catalog: &dyn Catalog) -> Result<bool, PlatformError> {
    let failed = PlatformError::failed::<catalog::CatalogError>;
    Ok(catalog.versions(None, None).map_err(failed("read versions"))?.is_empty()
        && catalog.ledger_groups().map_err(failed("read the ledger"))?.is_empty()
        && catalog.credentials().map_err(failed("read credentials"))?.is_empty())
}

fn label(text: &str) -> Result<Label, PlatformError> {
    Ok(text.parse()?)
}

fn text_of(ring: &KeyRing) -> Result<String, PlatformError> {
    serde_json::to_string(ring).map_err(PlatformError::failed("write the keys"))
}

/// Pseudonyms of the linkage domains of one dataset.
pub(crate) struct Pseudonyms {
    makers: BTreeMap<String, vault::Pseudonymiser>,
    records: DataKey,
}

impl ingest::Pseudonymiser for Pseudonyms {
    fn pseudonym(&self, domain: &str, text: &str) -> [u8; 16] {
        // A domain without a key would be a mistake in this file: nobody is then linked to anybody.
        self.makers.get(domain).map_or([0; 16], |maker| maker.pseudonym(text))
    }

    fn record_key(&self, dataset: &DatasetId, text: &str) -> u64 {
        vault::record_key(&self.records, dataset, text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use catalog::MemoryCatalog;
    use vault::FileKey;

    use super::*;
    use crate::{Clock, Limits};

    /// A master key in a file of its own, and settings that name it.
    fn master(name: &str, folder: &std::path::Path) -> (Vault, Settings) {
        let (key_file, data) = (folder.join(name), folder.join("data"));
        let key = FileKey::create(&key_file, &data, &mut OsEntropy).unwrap();
        let settings = Settings {
            data,
            key_file,
            agreements: PathBuf::new(),
            contracts: PathBuf::new(),
            indicators: PathBuf::new(),
            workbook_program: PathBuf::new(),
            limits: Limits::default(),
            clock: Clock::system(),
        };
        (Vault::new(Arc::new(key)), settings)
    }

    #[test]
    fn another_master_key_is_refused_before_anything_is_written_under_it() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = MemoryCatalog::default();
        let (right, settings) = master("right.key", folder.path());
        Keys::load(right.clone(), &catalog, &settings, true).unwrap();
        let ring = || catalog.setting(&label(SETTING).unwrap()).unwrap();
        let before = ring();
        let (wrong, others) = master("wrong.key", folder.path());
        match Keys::load(wrong.clone(), &catalog, &others, true) {
            Err(PlatformError::WrongKey { found, needed, .. }) => {
                assert_eq!((found.as_str(), needed.as_str()), (wrong.provider_id(), right.provider_id()));
            }
            other => panic!("{:?}", other.err()),
        }
        assert_eq!(ring(), before);
        assert!(Keys::load(right, &catalog, &settings, true).is_ok());
    }

    /// New keys would make everything that is there unreadable for good.
    #[test]
    fn data_without_their_keys_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (vault, settings) = master("a.key", folder.path());
        let catalog = MemoryCatalog::default();
        let ciphertext = b"a plan".to_vec();
        let digest = catalog::port::digest_of(&ciphertext);
        let entry = catalog::LedgerEntry { group: label("a.group").unwrap(), sequence: 1, digest, ciphertext };
        catalog.append_ledger(&entry).unwrap();
        let error = Keys::load(vault, &catalog, &settings, true).err().unwrap();
        assert!(matches!(&error, PlatformError::Folder(text) if text.contains("not the keys")), "{error}");
        assert_eq!(catalog.setting(&label(SETTING).unwrap()).unwrap(), None, "none are made");
        // An empty catalogue beside an audit log that is not is another folder's.
        let (vault, settings) = master("b.key", folder.path());
        let empty = MemoryCatalog::default();
        assert!(matches!(Keys::load(vault.clone(), &empty, &settings, false), Err(PlatformError::Folder(_))));
        assert_eq!(empty.setting(&label(SETTING).unwrap()).unwrap(), None, "none are made");
        assert!(Keys::load(vault, &empty, &settings, true).is_ok());
    }
}
