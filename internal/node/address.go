package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/refract-io/refract/internal/control"
	"github.com/refract-io/refract/internal/platform/fault"
)

// Files of the data folder that the command line reads.
const (
	addressFile     = "addresses.json"
	adminTokenFile  = "admin-token"
	sqlPasswordFile = "sql-password"
)

// Addresses are where a process listens. Roles that it does not run have none.
type Addresses struct {
	// HTTP is a URL, "http://127.0.0.1:8080".
	HTTP string `json:"http,omitempty"`
	// SQL is host:port.
	SQL string `json:"sql,omitempty"`
	// AWS is a URL.
	AWS string `json:"aws,omitempty"`
	PID int    `json:"pid"`
}

// write publishes the addresses to the command line. The file is replaced whole.
func (a Addresses) write(dataDir string) error {
	text, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encoding addresses: %w", err)
	}
	path := filepath.Join(dataDir, addressFile)
	if err := errors.Join(os.WriteFile(path+".new", append(text, '\n'), 0o644), os.Rename(path+".new", path)); err != nil {
		return fault.New(fault.Setup, "writing", path, err, "choose a data folder that can be written")
	}
	return nil
}

// Client talks to the process of a data folder.
type Client struct {
	control.Client
	Addresses Addresses
	dataDir   string
}

// Connect finds the process that serves the data folder. server and token, where not empty, take precedence over what the folder says.
func Connect(dataDir, server, token string) (*Client, error) {
	c := &Client{dataDir: dataDir}
	text, err := os.ReadFile(filepath.Join(dataDir, addressFile))
	switch {
	case err == nil:
		if err := json.Unmarshal(text, &c.Addresses); err != nil {
			return nil, fault.New(fault.Setup, "reading", filepath.Join(dataDir, addressFile), err, "restart the service")
		}
	case server == "" && errors.Is(err, fs.ErrNotExist):
		return nil, fault.New(fault.Setup, "looking for the service of data folder", dataDir, errors.New("it has none"),
			"start it with `refract up`, or name the folder with --data-dir or the address with --server")
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fault.New(fault.Setup, "reading", filepath.Join(dataDir, addressFile), err, "")
	}
	c.URL = c.Addresses.HTTP
	if server != "" {
		c.URL = server
	}
	c.Token = token
	if token == "" {
		if c.Token, err = readSecret(dataDir, adminTokenFile); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// SQLPassword returns the password of the SQL user "refract".
func (c *Client) SQLPassword() (string, error) { return readSecret(c.dataDir, sqlPasswordFile) }

func readSecret(dataDir, name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dataDir, name))
	if err != nil {
		return "", fault.New(fault.Setup, "reading", filepath.Join(dataDir, name), err, "run the command as the user who runs the service, or pass the secret by environment")
	}
	return strings.TrimSpace(string(text)), nil
}
