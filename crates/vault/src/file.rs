//! Encrypted files: STREAM (Hoang, Reyhanitabar, Rogaway, Vizar, "Online Authenticated-Encryption and its Nonce-Reuse
//! Misuse-Resistance", 2015) over AES-256-GCM in chunks of 64 KiB, the last one flagged, so that truncation and
//! reordering are detected.
//!
//! ```text
//! magic "CGSTREAM"  version 1  salt 32 bytes | chunk: 65,536 bytes + tag 16 | ... | last chunk: 0 to 65,536 + tag 16
//! ```
//! Each file has its own key and nonce prefix, derived with HKDF-SHA-256 from the data key, the random salt, the
//! heading and the [`Context`], so one data key may encrypt any number of files. The context is also the associated
//! data of every chunk.

use std::io::{self, Read, Write};

use aead_stream::{DecryptorBE32, EncryptorBE32};
use aes_gcm::Aes256Gcm;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::derive::hkdf_sha256;
use crate::entropy::Entropy;
use crate::error::VaultError;
use crate::key::DataKey;

const MAGIC: &[u8; 9] = b"CGSTREAM\x01";
const SALT: usize = 32;
const KEY: usize = 32;
const NONCE_PREFIX: usize = 7;
const TAG: usize = 16;
/// Plain bytes of every chunk but the last.
pub const CHUNK: usize = 64 * 1024;

/// The key and nonce prefix of one file.
fn file_key(key: &DataKey, salt: &[u8; SALT], context: &Context) -> (Zeroizing<[u8; KEY]>, [u8; NONCE_PREFIX]) {
    let info = Context::new("commonground encrypted file").with(MAGIC).with(context);
    let mut derived = Zeroizing::new([0_u8; KEY + NONCE_PREFIX]);
    hkdf_sha256(key.bytes(), salt, info.as_bytes(), derived.as_mut_slice());
    let (mut file_key, mut nonce) = (Zeroizing::new([0_u8; KEY]), [0_u8; NONCE_PREFIX]);
    let targets = file_key.iter_mut().chain(nonce.iter_mut());
    targets.zip(derived.iter()).for_each(|(to, from)| *to = *from);
    (file_key, nonce)
}

/// Encrypts what is written to it. Only [`SealWriter::finish`] makes the file whole: one that is dropped earlier is
/// refused on reading.
pub struct SealWriter<W: Write> {
    inner: W,
    cipher: EncryptorBE32<Aes256Gcm>,
    context: Context,
    // Plain bytes not yet encrypted. A full chunk waits for the next byte, since only then it is not the last.
    buffer: Zeroizing<Vec<u8>>,
    // After an error the file has a gap, and must never be finished.
    failed: bool,
}

impl<W: Write> SealWriter<W> {
    /// Writes the heading.
    ///
    /// # Errors
    /// If there is no randomness or writing fails.
    pub fn new(mut inner: W, key: &DataKey, context: &Context, entropy: &mut dyn Entropy) -> Result<Self, VaultError> {
        let mut salt = [0_u8; SALT];
        entropy.fill(&mut salt)?;
        inner.write_all(MAGIC).and_then(|()| inner.write_all(&salt)).map_err(VaultError::from_io)?;
        let (key, nonce) = file_key(key, &salt, context);
        let cipher = EncryptorBE32::new((&*key).into(), &nonce.into());
        let buffer = Zeroizing::new(Vec::with_capacity(CHUNK + TAG));
        Ok(Self { inner, cipher, context: context.clone(), buffer, failed: false })
    }

    /// Writes the last chunk and returns the writer beneath, which is not flushed.
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(mut self) -> Result<W, VaultError> {
        if self.failed {
            return Err(VaultError::Stream(io::Error::other("an earlier write failed")));
        }
        self.cipher
            .encrypt_last_in_place(self.context.as_bytes(), &mut *self.buffer)
            .map_err(|_| VaultError::TooLong)?;
        self.inner.write_all(&self.buffer).map_err(VaultError::from_io)?;
        Ok(self.inner)
    }
}

impl<W: Write> SealWriter<W> {
    fn write_chunk(&mut self) -> io::Result<()> {
        self.cipher
            .encrypt_next_in_place(self.context.as_bytes(), &mut *self.buffer)
            .map_err(|_| VaultError::TooLong)?;
        self.inner.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

impl<W: Write> Write for SealWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed {
            return Err(io::Error::other("an earlier write failed"));
        }
        if self.buffer.len() == CHUNK && !bytes.is_empty() {
            self.failed = true;
            self.write_chunk()?;
            self.failed = false;
        }
        let taken = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        Ok(taken)
    }

    /// Flushes the writer beneath; the chunk in progress stays in memory.
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W: Write> std::fmt::Debug for SealWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealWriter(redacted)")
    }
}

/// Decrypts while reading. Every byte it yields is authentic and in its place, but only a clean end (`Ok(0)`) says that
/// the file is whole: discard what was read when an error follows.
pub struct OpenReader<R: Read> {
    inner: R,
    // None once the last chunk is open, or after an error: `whole` tells which.
    cipher: Option<DecryptorBE32<Aes256Gcm>>,
    whole: bool,
    context: Context,
    plain: Zeroizing<Vec<u8>>,
    position: usize,
    // The next chunk, still encrypted: a chunk is the last if nothing follows it.
    next: Vec<u8>,
}

impl<R: Read> OpenReader<R> {
    /// Reads the heading and the first chunk.
    ///
    /// # Errors
    /// If reading fails or the file is not of this format.
    pub fn new(mut inner: R, key: &DataKey, context: &Context) -> Result<Self, VaultError> {
        let mut heading = [0_u8; MAGIC.len() + SALT];
        let length = read_up_to(&mut inner, &mut heading).map_err(VaultError::from_io)?;
        let salt = heading.strip_prefix(MAGIC.as_slice()).and_then(|rest| rest.first_chunk::<SALT>());
        let Some(salt) = salt.filter(|_| length == heading.len()) else {
            return Err(VaultError::Format { what: "an encrypted file" });
        };
        let (key, nonce) = file_key(key, salt, context);
        let cipher = Some(DecryptorBE32::new((&*key).into(), &nonce.into()));
        let mut reader = Self {
            inner,
            cipher,
            whole: false,
            context: context.clone(),
            plain: Zeroizing::default(),
            position: 0,
            next: Vec::new(),
        };
        reader.next = reader.read_chunk().map_err(VaultError::from_io)?;
        Ok(reader)
    }

    fn read_chunk(&mut self) -> io::Result<Vec<u8>> {
        let mut chunk = vec![0; CHUNK + TAG];
        let length = read_up_to(&mut self.inner, &mut chunk)?;
        chunk.truncate(length);
        Ok(chunk)
    }

    /// Opens the chunk that waits.
    fn advance(&mut self) -> io::Result<()> {
        let refuse = |_| VaultError::NotAuthentic { what: "an encrypted file" };
        // Taken, so that nothing can be read after an error.
        let mut cipher = self.cipher.take().ok_or(aes_gcm::Error).map_err(refuse)?;
        self.plain.clear();
        self.position = 0;
        let following = self.read_chunk()?;
        let mut chunk = Zeroizing::new(std::mem::replace(&mut self.next, following));
        if self.next.is_empty() {
            cipher.decrypt_last_in_place(self.context.as_bytes(), &mut *chunk).map_err(refuse)?;
            self.whole = true;
        } else {
            cipher.decrypt_next_in_place(self.context.as_bytes(), &mut *chunk).map_err(refuse)?;
            self.cipher = Some(cipher);
        }
        self.plain = chunk;
        Ok(())
    }
}

impl<R: Read> Read for OpenReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position == self.plain.len() && !self.whole && !buffer.is_empty() {
            self.advance()?;
        }
        let waiting = self.plain.get(self.position..).unwrap_or_default();
        let taken = waiting.len().min(buffer.len());
        buffer.iter_mut().zip(waiting).for_each(|(to, from)| *to = *from);
        self.position += taken;
        Ok(taken)
    }
}

impl<R: Read> std::fmt::Debug for OpenReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpenReader(redacted)")
    }
}

fn read_up_to(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Encrypts everything that `reader` yields; returns the number of plain bytes.
///
/// # Errors
/// If reading or writing fails, or there is no randomness.
pub fn seal(
    reader: &mut dyn Read,
    writer: impl Write,
    key: &DataKey,
    context: &Context,
    entropy: &mut dyn Entropy,
) -> Result<u64, VaultError> {
    let mut sealed = SealWriter::new(writer, key, context, entropy)?;
    let mut buffer = Zeroizing::new(vec![0; CHUNK]);
    let mut total = 0;
    loop {
        let count = read_up_to(reader, &mut buffer).map_err(VaultError::from_io)?;
        if count == 0 {
            break;
        }
        sealed.write_all(buffer.get(..count).unwrap_or_default()).map_err(VaultError::from_io)?;
        total += count as u64;
    }
    sealed.finish()?.flush().map_err(VaultError::from_io)?;
    Ok(total)
}

/// Decrypts a whole file; returns the number of plain bytes. After an error, discard what was written: it is authentic
/// but may be cut short.
///
/// # Errors
/// If reading or writing fails; [`VaultError::NotAuthentic`] if anything was changed or belongs elsewhere.
pub fn open(reader: impl Read, writer: &mut dyn Write, key: &DataKey, context: &Context) -> Result<u64, VaultError> {
    let mut opened = OpenReader::new(reader, key, context)?;
    let mut buffer = Zeroizing::new(vec![0; CHUNK]);
    let mut total = 0;
    loop {
        let count = opened.read(&mut buffer).map_err(VaultError::from_io)?;
        if count == 0 {
            return Ok(total);
        }
        writer.write_all(buffer.get(..count).unwrap_or_default()).map_err(VaultError::from_io)?;
        total += count as u64;
    }
}

/// Encrypts bytes, in the same format as [`seal`].
///
/// # Errors
/// If there is no randomness.
pub fn seal_bytes(
    plain: &[u8],
    key: &DataKey,
    context: &Context,
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, VaultError> {
    let mut sealed = Vec::with_capacity(plain.len() + MAGIC.len() + SALT + (plain.len() / CHUNK + 1) * TAG);
    seal(&mut &*plain, &mut sealed, key, context, entropy)?;
    Ok(sealed)
}

/// Decrypts bytes made by [`seal_bytes`] or [`seal`]. The result is cleared when dropped.
///
/// # Errors
/// [`VaultError::NotAuthentic`] if anything was changed or belongs elsewhere.
pub fn open_bytes(sealed: &[u8], key: &DataKey, context: &Context) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    // Sized once: a vector that grows leaves plain copies behind.
    let mut plain = Zeroizing::new(Vec::with_capacity(sealed.len()));
    open(sealed, &mut *plain, key, context)?;
    Ok(plain)
}

#[cfg(test)]
mod tests;
