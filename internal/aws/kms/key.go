package kms

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/refract-io/refract/internal/platform/fault"
)

// key is a key with its material.
type key struct {
	Key
	id      uuid.UUID
	arn     string
	created time.Time
	aead    cipher.AEAD
}

// material is what the file keeps of a key, by its id.
type material struct {
	Created time.Time `json:"created"`
	Secret  []byte    `json:"secret"`
}

const (
	materialSize      = 32
	ciphertextVersion = 1
	headerSize        = 1 + 16
)

// loadMaterial gives keys their material, and makes that of keys that have none. Material of keys that are no longer declared stays.
func loadMaterial(path string, keys []*key) error {
	kept := map[string]material{}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Setup, "reading the keys of KMS", path, err, "give the process the right to read the file")
	}
	if err == nil {
		if err := json.Unmarshal(text, &kept); err != nil {
			return fault.New(fault.Setup, "reading the keys of KMS", path, err, "restore the file from a backup; without it what it encrypted can't be read")
		}
	}
	made := false
	for _, k := range keys {
		m, ok := kept[k.id.String()]
		if !ok {
			m = material{Created: time.Now().UTC().Truncate(time.Millisecond), Secret: make([]byte, materialSize)}
			_, _ = rand.Read(m.Secret) // never fails
			kept[k.id.String()] = m
			made = true
		}
		block, err := aes.NewCipher(m.Secret)
		if err != nil {
			return fault.New(fault.Setup, "reading the key "+k.arn+" of", path, err, "restore the file from a backup")
		}
		if k.aead, err = cipher.NewGCM(block); err != nil {
			return fmt.Errorf("preparing the key %s: %w", k.arn, err)
		}
		k.created = m.Created
	}
	if !made {
		return nil
	}
	if text, err = json.MarshalIndent(kept, "", "  "); err != nil {
		return fmt.Errorf("encoding the keys of KMS: %w", err)
	}
	if err := writeDurably(path, text); err != nil {
		return fault.New(fault.Setup, "writing the keys of KMS", path, err, "choose a data folder that can be written")
	}
	return nil
}

// writeDurably replaces the file whole, and does not return before a loss of power would leave the new one.
func writeDurably(path string, text []byte) error {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// seal encrypts under an encryption context.
func (k *key) seal(plaintext []byte, encryption map[string]string) []byte {
	out := append([]byte{ciphertextVersion}, k.id[:]...)
	nonce := make([]byte, k.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	out = append(out, nonce...)
	return k.aead.Seal(out, nonce, plaintext, associated(out[:headerSize], encryption))
}

// keyOf returns the id of the key that sealed a ciphertext; ok is false for what no key of this format sealed.
func keyOf(ciphertext []byte) (id uuid.UUID, ok bool) {
	if len(ciphertext) < headerSize || ciphertext[0] != ciphertextVersion {
		return id, false
	}
	return uuid.UUID(ciphertext[1:headerSize]), true
}

// open decrypts what the key sealed under the same encryption context.
func (k *key) open(ciphertext []byte, encryption map[string]string) ([]byte, bool) {
	rest := ciphertext[headerSize:]
	if len(rest) < k.aead.NonceSize() {
		return nil, false
	}
	nonce, sealed := rest[:k.aead.NonceSize()], rest[k.aead.NonceSize():]
	plaintext, err := k.aead.Open(nil, nonce, sealed, associated(ciphertext[:headerSize], encryption))
	return plaintext, err == nil
}

// associated writes a header and an encryption context so that different ones give different bytes: the names in order, each text behind
// its length.
func associated(header []byte, encryption map[string]string) []byte {
	b := bytes.NewBuffer(bytes.Clone(header))
	for _, name := range slices.Sorted(maps.Keys(encryption)) {
		for _, text := range []string{name, encryption[name]} {
			_ = binary.Write(b, binary.BigEndian, uint32(len(text))) // a Buffer takes everything
			b.WriteString(text)
		}
	}
	return b.Bytes()
}
