package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
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

// awsKey returns the access key of the file, which it first makes if there is none.
func awsKey(path string) (sts.AccessKey, error) {
	text, err := secretFile(path, fmt.Sprintf("[default]\naws_access_key_id = AKIA%s\naws_secret_access_key = %s",
		strings.ToUpper(newSecret(8)), newSecret(20)))
	if err != nil {
		return sts.AccessKey{}, err
	}
	var key sts.AccessKey
	for line := range strings.Lines(text) {
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
