package node

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/refract-io/refract/internal/aws/endpoint"
	"github.com/refract-io/refract/internal/aws/sts"
	"github.com/refract-io/refract/internal/catalog/glueapi"
	"github.com/refract-io/refract/internal/intake/collect"
	"github.com/refract-io/refract/internal/platform/fault"
)

// awsCredentialsFile is in the form that AWS's tools read (AWS_SHARED_CREDENTIALS_FILE).
const awsCredentialsFile = "aws-credentials"

// adminPolicy lets the installation's own user do everything, as an account's administrator may.
const adminPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// runAWS serves the AWS-compatible endpoint.
func (n *Node) runAWS(ctx context.Context, g *errgroup.Group, l net.Listener) error {
	key, err := awsKey(n.path(awsCredentialsFile))
	if err != nil {
		return err
	}
	authority, err := sts.New([]sts.Account{{
		ID:    n.cfg.AWS.Account,
		Users: []sts.User{{Name: sqlAdmin, AccessKeys: []sts.AccessKey{key}, Policies: []string{adminPolicy}}},
	}}, nil)
	if err != nil {
		return fmt.Errorf("preparing the AWS-compatible endpoint: %w", err)
	}
	handler := endpoint.New(endpoint.Config{Authority: authority, Region: n.cfg.AWS.Region, Services: map[string]http.Handler{
		"glue": glueapi.New(n.catalog, authority, glueapi.Config{Partition: "aws", Account: n.cfg.AWS.Account, Region: n.cfg.AWS.Region, Log: n.log}),
	}})
	g.Go(func() error { return collect.Serve(ctx, l, handler, collect.ServerConfig{Logger: n.log}) })
	return nil
}

// awsKey reads the access key in the file, which it first makes, readable by its owner alone, if there is none.
func awsKey(path string) (sts.AccessKey, error) {
	b := make([]byte, 28)
	rand.Read(b)
	made := fmt.Sprintf("[default]\naws_access_key_id = AKIA%s\naws_secret_access_key = %s\n",
		strings.ToUpper(hex.EncodeToString(b[:8])), hex.EncodeToString(b[8:]))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case err == nil:
		_, err = f.WriteString(made)
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			return sts.AccessKey{}, fault.New(fault.Setup, "writing", path, err, "")
		}
	case !errors.Is(err, fs.ErrExist):
		return sts.AccessKey{}, fault.New(fault.Setup, "writing", path, err, "choose a data folder that can be written")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return sts.AccessKey{}, fault.New(fault.Setup, "reading", path, err, "it must be readable by the user who runs Refract")
	}
	var key sts.AccessKey
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, "=")
		switch strings.TrimSpace(name) {
		case "aws_access_key_id":
			key.ID = strings.TrimSpace(value)
		case "aws_secret_access_key":
			key.Secret = strings.TrimSpace(value)
		}
	}
	if key.ID == "" || key.Secret == "" {
		return key, fault.New(fault.Setup, "reading", path, errors.New("it holds no access key"), "delete it, and a new one is made")
	}
	return key, nil
}
