package node

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/refract-io/refract/internal/platform/fault"
)

// secretFile returns the text of the file, which it first makes from fresh, readable by its owner alone, if there is none. All processes
// of an installation on one machine share it.
func secretFile(path, fresh string) (string, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case err == nil:
		_, err = f.WriteString(fresh + "\n")
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			return "", fault.New(fault.Setup, "writing", path, err, "")
		}
	case !errors.Is(err, fs.ErrExist):
		return "", fault.New(fault.Setup, "writing", path, err, "choose a data folder that can be written")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fault.New(fault.Setup, "reading", path, err, "it must be readable by the user who runs Refract")
	}
	if secret := strings.TrimSpace(string(text)); secret != "" {
		return secret, nil
	}
	return "", fault.New(fault.Setup, "reading", path, errors.New("it is empty"), "delete it, and a new one is made")
}

// newSecret returns a random text of twice as many hexadecimal digits.
func newSecret(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b)
	return hex.EncodeToString(b)
}
