package control

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/refract-io/refract/internal/platform/fault"
)

// Secret reads the secret in the file, which it first makes, readable by its owner alone, if there is none. All processes of an
// installation on one machine share it.
func Secret(path string) (string, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fault.New(fault.Setup, "creating the folder of", path, err, "choose a data folder that can be written")
	}
	b := make([]byte, 24)
	rand.Read(b)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case err == nil:
		_, err = f.WriteString(hex.EncodeToString(b) + "\n")
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

// RequireToken lets only requests with the bearer token through.
func RequireToken(token string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="refract"`)
			writeJSON(w, http.StatusUnauthorized, Failure{
				Message: fmt.Sprintf("%s needs the admin token", r.URL.Path), Class: fault.Setup.String(),
				Hint: "send the content of the file admin-token of the data folder as a bearer token",
			})
			return
		}
		next.ServeHTTP(w, r)
	})
}
