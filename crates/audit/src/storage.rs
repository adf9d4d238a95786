//! Where segments are kept: a folder, or a simulated disk in tests.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A flat set of append-only files. What is appended is durable only after [`Storage::sync`], the name of a new file
/// only after [`Storage::sync_folder`].
pub trait Storage: Send {
    /// Names of all files, in any order.
    ///
    /// # Errors
    /// If the disk fails.
    fn list(&self) -> io::Result<Vec<String>>;
    /// The whole content of a file.
    ///
    /// # Errors
    /// If the disk fails.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
    /// Makes a file that does not exist yet.
    ///
    /// # Errors
    /// If it exists or the disk fails.
    fn create(&mut self, name: &str) -> io::Result<()>;
    /// Appends to a file.
    ///
    /// # Errors
    /// If the disk fails; then any part of the bytes may have been written.
    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Makes the content of a file durable.
    ///
    /// # Errors
    /// If the disk fails; then it is unknown what is durable.
    fn sync(&mut self, name: &str) -> io::Result<()>;
    /// Makes names durable.
    ///
    /// # Errors
    /// If the disk fails.
    fn sync_folder(&mut self) -> io::Result<()>;
    /// Cuts a file to a length.
    ///
    /// # Errors
    /// If the disk fails.
    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()>;
}

/// Segments in a folder, readable by the platform's user only.
#[derive(Debug)]
pub struct FolderStorage {
    folder: PathBuf,
    open: Option<(String, File)>,
}

impl FolderStorage {
    /// Uses a folder that exists.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), open: None }
    }

    /// Uses a folder, and makes it (mode 0700, durably) if it does not exist.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn create(folder: &Path) -> io::Result<Self> {
        if !folder.is_dir() {
            fs::DirBuilder::new().mode(0o700).create(folder)?;
            if let Some(parent) = folder.parent().filter(|p| !p.as_os_str().is_empty()) {
                File::open(parent)?.sync_all()?;
            }
        }
        Ok(Self::new(folder))
    }

    fn file(&mut self, name: &str) -> io::Result<&mut File> {
        let file = match self.open.take() {
            Some((open, file)) if open == name => file,
            _ => OpenOptions::new().append(true).open(self.folder.join(name))?,
        };
        Ok(&mut self.open.insert((name.to_owned(), file)).1)
    }
}

impl Storage for FolderStorage {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        Ok(names)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.folder.join(name))
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        let path = self.folder.join(name);
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
        self.open = Some((name.to_owned(), file));
        Ok(())
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.file(name)?.write_all(bytes)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.file(name)?.sync_data()
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()> {
        self.file(name)?.set_len(length)
    }
}
